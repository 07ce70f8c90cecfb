//! Words of MM4 headers as the numbers of TS 32.298, and the treatment of words without a number.

use crate::protocol::mm4::{MmStatus, ReadStatus, RequestStatus};

/// Values that a peer sends, or leaves out, for which TS 32.298 has no number, with the content of the record in that
/// case. Whenever a status has no number of its own, its word precedes the status text, so nothing is lost.
/// docs/charging.md has the same table.
#[cfg(test)]
pub const UNMAPPED: [(&str, &str); 13] = [
    ("a request status without a number", "4, error unspecified"),
    ("a request that was not answered in time", "34, network problem"),
    ("MM status `Indeterminate`, or one without a number", "5, unrecognised"),
    ("MM status `Unreachable`", "3, rejected"),
    ("no status where one is mandatory: a request", "0, ok"),
    ("no status where one is mandatory: a delivery report", "5, unrecognised"),
    ("a status extension", "no field"),
    ("a content class, known or not", "no field"),
    ("a message class or priority without a number", "the field is left out"),
    ("no header that asks for a report or a response", "`false`"),
    ("no `X-Mms-Sender-Visibility`", "`true`, shown"),
    (
        "no date, or one that nobody can read, where it is mandatory",
        "the time of the record",
    ),
    ("no subject, where the parts are listed", "a subject of 0 octets"),
];

/// "Normal release": the number for `Ok`.
pub const OK: u64 = 0;
const ABNORMAL: u64 = 4;
const REJECTED: u64 = 3;
const UNRECOGNISED: u64 = 5;

/// A status number, and whether it means exactly what the word meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    pub value: u64,
    pub exact: bool,
}

fn exact(value: u8) -> Number {
    Number {
        value: value.into(),
        exact: true,
    }
}

fn nearest(value: u64) -> Number {
    Number { value, exact: false }
}

/// The number for `requestStatusCode`. In records of sent messages the word is the next hop's SMTP code: 2xx is "ok".
pub fn request_status(word: &str) -> Number {
    match RequestStatus::read(word) {
        Some(status) => exact(status.charging_code()),
        None if word.len() == 3 && word.starts_with('2') => nearest(OK),
        None => nearest(ABNORMAL),
    }
}

/// `mmStatusCode` and `readStatus`, which share their numbers.
pub fn mm_status(word: &str) -> Number {
    if let Some(status) = ReadStatus::read(word) {
        return exact(status.charging_code());
    }
    match MmStatus::read(word) {
        Some(MmStatus::Unreachable) => nearest(REJECTED),
        Some(status) => status.charging_code().map_or(nearest(UNRECOGNISED), exact),
        None => nearest(UNRECOGNISED),
    }
}

/// A number of `requestStatusCode`, for people.
pub fn request_status_name(number: u64) -> &'static str {
    match number {
        0 => "ok",
        4 => "error unspecified",
        30 => "service denied",
        31 => "message format corrupt",
        32 => "sending address unresolved",
        33 => "message not found",
        34 => "network problem",
        35 => "content not accepted",
        36 => "unsupported message",
        _ => "not a status of MMS",
    }
}

/// A number of `mmStatusCode` or `readStatus`, for people.
pub fn mm_status_name(number: u64) -> &'static str {
    match number {
        0 => "retrieved",
        1 => "forwarded",
        2 => "expired",
        3 => "rejected",
        4 => "deferred",
        5 => "unrecognised",
        6 => "read",
        7 => "deleted without being read",
        _ => "not a status of MMS",
    }
}

pub fn message_class_name(number: u64) -> &'static str {
    match number {
        0 => "personal",
        1 => "advertisement",
        2 => "information service",
        3 => "auto",
        _ => "not a message class",
    }
}

pub fn priority_name(number: u64) -> &'static str {
    match number {
        0 => "low",
        1 => "normal",
        2 => "high",
        _ => "not a priority",
    }
}
