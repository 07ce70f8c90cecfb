//! Fields that may stand once and on which a decision depends. A message with two of them that differ cannot be
//! carried.
//!
//! Readers differ in which of two fields they take. If the relay reads transaction `t1` and its next hop reads `t2`,
//! the one answers what the other does not await; and a message that is a report to the relay and a request to the next
//! hop escapes every rule for reports. RFC 5322, 3.6 allows one of each field. Copies with the same value are harmless,
//! and pass.

use super::{headers as h, unverified};
use crate::message::{Field, Header};

/// How two values of a field are compared.
#[derive(Clone, Copy)]
enum Same {
    /// As IDs: without the blanks and quotes around them. An empty value differs from any other, because some readers
    /// take it and some do not.
    Id,
    /// Like [`Same::Id`], without regard to case.
    Type,
    /// As words of a list: without blanks and quotes, and without regard to case. An empty field counts as missing.
    Word,
    /// Octet for octet, without the blanks around the value.
    Octets,
}

const SINGLE: [(&str, Same); 27] = [
    (h::MESSAGE_TYPE, Same::Type),
    (h::TRANSACTION_ID, Same::Id),
    (h::MESSAGE_ID, Same::Id),
    (h::VERSION, Same::Word),
    (h::ACK_REQUEST, Same::Word),
    (h::ORIGINATOR_SYSTEM, Same::Word),
    (h::REQUEST_STATUS_CODE, Same::Word),
    (h::MM_STATUS_CODE, Same::Word),
    (h::MM_STATUS_EXTENSION, Same::Word),
    (h::READ_STATUS, Same::Word),
    (h::MESSAGE_CLASS, Same::Word),
    (h::PRIORITY, Same::Word),
    (h::EXPIRY, Same::Word),
    (h::DELIVERY_REPORT, Same::Word),
    (h::ORIGINATOR_RS_DELIVERY_REPORT, Same::Word),
    (h::FORWARD_TO_ORIGINATOR_UA, Same::Word),
    (h::READ_REPLY, Same::Word),
    (h::SENDER_VISIBILITY, Same::Word),
    (h::FORWARD_COUNTER, Same::Word),
    (h::APPLIC_ID, Same::Word),
    (h::REPLY_APPLIC_ID, Same::Word),
    (unverified::CONTENT_CLASS, Same::Word),
    (unverified::DRM_CONTENT, Same::Word),
    (unverified::ADAPTATION_ALLOWED, Same::Word),
    ("Sender", Same::Word),
    ("Date", Same::Word),
    ("Content-Type", Same::Octets),
];

/// The first field that occurs with two values. Fields under two names for the same thing are not compared: the
/// standard's name takes precedence, see [`headers`](super::headers).
pub fn contradicted(header: &Header) -> Option<&'static str> {
    let differ = |spelled: &str, same: Same| {
        let fields = header.fields.iter().filter(|field| field.is(spelled));
        let mut said = fields.filter_map(|field| same.said(field));
        said.next().is_some_and(|first| said.any(|other| other != first))
    };
    let says_two = |(name, same): &&(&'static str, Same)| h::spellings(name).any(|spelled| differ(spelled, *same));
    SINGLE.iter().find(says_two).map(|(name, _)| *name)
}

impl Same {
    /// The value of a field in the form in which it is compared; `None` when it counts as missing.
    fn said(self, field: &Field) -> Option<Vec<u8>> {
        match self {
            Self::Id => Some(field.id().bare().as_text().as_bytes().to_owned()),
            Self::Type => Some(h::unquoted(&field.value()).to_ascii_lowercase().into()),
            Self::Word => Some(word(&field.value()).into()).filter(|word: &Vec<u8>| !word.is_empty()),
            Self::Octets => Some(field.octets().into_owned()).filter(|value| !value.is_empty()),
        }
    }
}

fn word(value: &str) -> String {
    let noise = |c: &char| c.is_ascii_whitespace() || *c == '"';
    let plain = value.chars().filter(|c| !noise(c));
    plain.map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(fields: &[(&str, &str)]) -> Header {
        let fields = fields.iter().map(|(name, value)| Field::build(name, value));
        Header {
            fields: fields.collect(),
        }
    }

    #[test]
    fn two_that_differ_are_found_for_every_field_and_every_name_of_it() {
        for (name, _) in SINGLE {
            for spelled in h::spellings(name) {
                let lower = spelled.to_lowercase();
                let two = header(&[(spelled, "one"), ("X-Between", "x"), (&lower, "two")]);
                assert_eq!(contradicted(&two), Some(name), "{spelled}");
                let same = header(&[(spelled, "one"), (&lower, "one ")]);
                assert_eq!(contradicted(&same), None, "{spelled}");
            }
        }
    }

    #[test]
    fn spelling_is_no_difference_where_readers_see_none() {
        let cases = [
            (h::MESSAGE_TYPE, "\"MM4_forward.REQ\"", "mm4_FORWARD.req", None),
            (h::TRANSACTION_ID, "\"t1\"", " t1", None),
            (h::TRANSACTION_ID, "t1", "T1", Some(h::TRANSACTION_ID)),
            (h::TRANSACTION_ID, "t1", "", Some(h::TRANSACTION_ID)),
            (h::ACK_REQUEST, "YES", "\"yes\"", None),
            (h::ACK_REQUEST, "", "No", None),
            (
                "Content-Type",
                "multipart/mixed; boundary=a",
                "multipart/mixed; boundary=A",
                Some("Content-Type"),
            ),
            // Two names of one thing: the standard's counts.
            (h::READ_REPLY, "Yes", "Yes", None),
        ];
        for (name, one, other, expected) in cases {
            assert_eq!(
                contradicted(&header(&[(name, one), (name, other)])),
                expected,
                "{name}: {one}, {other}"
            );
        }
        assert_eq!(
            contradicted(&header(&[(h::READ_REPLY, "Yes"), ("X-Mms-Read-Report", "No")])),
            None
        );
        assert_eq!(
            contradicted(&header(&[("X-Mms-Other", "1"), ("X-Mms-Other", "2")])),
            None
        );
    }
}
