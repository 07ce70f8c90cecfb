//! The unit of comparison: one request, for one recipient, between us and the partner. Either side may have written the
//! record, in any of the forms.

use std::fmt;

use mm4relay_engine::RecordType;

use crate::charging::{Fields, Record, ber};
use crate::message::Timestamp;

/// Which of the three requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flow {
    Forward,
    DeliveryReport,
    ReadReply,
}

impl Flow {
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::DeliveryReport => "delivery-report",
            Self::ReadReply => "read-reply",
        }
    }
}

/// The key by which both sides know the same leg.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegKey {
    pub flow: Flow,
    /// Whether the writer of the record sent the request. Otherwise the writer received it.
    pub sent: bool,
    /// Without quotes.
    pub message_id: String,
    /// A number, or a mailbox in lower case.
    pub recipient: String,
}

impl LegKey {
    /// The key as the other side has it.
    pub fn mirrored(&self) -> Self {
        Self {
            sent: !self.sent,
            ..self.clone()
        }
    }
}

/// What a record says about a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegFacts {
    /// In seconds since 1970.
    pub at: i64,
    pub size: Option<u64>,
    /// The message class; `personal` where none is stated (TS 23.140).
    pub class: String,
    /// Letters and digits in lower case; `None` where the record has no status.
    pub status: Option<String>,
    pub record: RecordName,
}

/// The name of a record for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordName {
    /// By its number.
    Number(u64),
    /// By its line in the file, because it has no number.
    Line(usize),
    /// By its place among the records of the file, from 1, because it has no number.
    Place(u64),
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "record {number}"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Place(place) => write!(f, "record {place} of its file"),
        }
    }
}

/// The request that a record is about, and whether its writer sent it; `None` for records of responses and failures.
fn flow(fields: &Fields) -> Option<(Flow, bool)> {
    let kind = fields.message_type.as_deref().map(word).unwrap_or_default();
    let asked = match kind.as_str() {
        "forwardrequest" | "mm4forwardreq" => Some(Flow::Forward),
        "deliveryreportrequest" | "mm4deliveryreportreq" => Some(Flow::DeliveryReport),
        "readreplyreportrequest" | "readreplyrequest" | "mm4readreplyreportreq" => Some(Flow::ReadReply),
        _ => None,
    };
    match fields.record_type? {
        RecordType::RelayIn => Some((asked?, false)),
        RecordType::RelayOut => Some((asked?, true)),
        of => of_type(of),
    }
}

/// The peer at the other end of the leg: the source of a received request, even if its record also names where the
/// request went, and the destination of a sent one.
pub fn partner(fields: &Fields) -> Option<&str> {
    match flow(fields)? {
        (_, true) => fields.destination_peer.as_deref(),
        (_, false) => fields.source_peer.as_deref(),
    }
}

fn of_type(of: RecordType) -> Option<(Flow, bool)> {
    match of {
        RecordType::O4frq => Some((Flow::Forward, true)),
        RecordType::R4f => Some((Flow::Forward, false)),
        RecordType::R4drq => Some((Flow::DeliveryReport, true)),
        RecordType::O4d => Some((Flow::DeliveryReport, false)),
        RecordType::R4rrq => Some((Flow::ReadReply, true)),
        RecordType::O4r => Some((Flow::ReadReply, false)),
        _ => None,
    }
}

/// The legs of one of our records, or of a file with our names of fields; none when the record is about no request.
pub fn legs_of(record: &Record, name: RecordName) -> Vec<(LegKey, LegFacts)> {
    let fields = &record.fields;
    let Some((flow, sent)) = flow(fields) else {
        return Vec::new();
    };
    let said = LegFacts {
        at: (record.recorded_at.0 / 1000) as i64,
        size: fields.message_size,
        class: class(fields.message_class.as_deref()),
        status: said_status(fields, flow, sent).map(status),
        record: name,
    };
    legs(
        flow,
        sent,
        &fields.message_id,
        fields.recipients.iter().map(String::as_str),
        &said,
    )
}

/// What a report says, also where its record has the next hop's reply beside that: the other side never hears the reply.
fn said_status(fields: &Fields, flow: Flow, sent: bool) -> Option<&str> {
    match (flow, sent) {
        (Flow::Forward, _) | (_, false) => fields.status_code.as_deref(),
        (Flow::DeliveryReport | Flow::ReadReply, true) => fields.reported(),
    }
}

/// The Relay/Server at the other end of the leg of a record in BER: a domain, or the name of a peer.
pub fn partner_of_ber(record: &ber::Decoded) -> Option<&str> {
    let originating = "originatorMmsRSAddress";
    let receiving = "recipientMmsRSAddress";
    // Reports travel in the other direction.
    let system = match of_type(record.record_type)? {
        (Flow::Forward, true) | (Flow::DeliveryReport | Flow::ReadReply, false) => receiving,
        (Flow::Forward, false) | (Flow::DeliveryReport | Flow::ReadReply, true) => originating,
    };
    let found = record.fields.iter().find(|(name, _)| name == system);
    found.map(|(_, value)| value.as_str())
}

/// The legs of a record in BER.
pub fn legs_of_ber(record: &ber::Decoded, place: u64) -> Vec<(LegKey, LegFacts)> {
    let Some((flow, sent)) = of_type(record.record_type) else {
        return Vec::new();
    };
    let field = |wanted: &str| {
        let mut fields = record.fields.iter();
        fields.find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    };
    let named = |value: &str| {
        value
            .split_once('(')
            .map_or(value, |(_, name)| name.trim_end_matches(')'))
            .to_owned()
    };
    let status_code = ["requestStatusCode", "mmStatusCode", "readStatus"]
        .into_iter()
        .find_map(field);
    let said = LegFacts {
        at: field("recordTimeStamp").and_then(seconds).unwrap_or_default(),
        size: field("messageSize").and_then(|size| size.parse().ok()),
        class: class(field("messageClass").map(named).as_deref()),
        status: status_code.map(named).as_deref().map(status),
        record: field("localSequenceNumber")
            .and_then(|number| number.parse().ok())
            .map_or(RecordName::Place(place), RecordName::Number),
    };
    let recipients = field("recipientAddresses").or_else(|| field("recipientAddress"));
    let recipients = recipients.unwrap_or_default().split(", ");
    let message_id = field("messageID").unwrap_or_default();
    legs(flow, sent, message_id, recipients, &said)
}

fn legs<'a>(
    flow: Flow,
    sent: bool,
    message_id: &str,
    recipients: impl Iterator<Item = &'a str>,
    said: &LegFacts,
) -> Vec<(LegKey, LegFacts)> {
    let key = |recipient: &str| LegKey {
        flow,
        sent,
        message_id: message_id
            .trim_matches(|c: char| c.is_ascii_whitespace() || c == '"')
            .to_owned(),
        recipient: mailbox(recipient),
    };
    recipients.map(|recipient| (key(recipient), said.clone())).collect()
}

/// A number without its type and domain; any other mailbox in lower case.
fn mailbox(address: &str) -> String {
    let local = address.split(['/', '@']).next().unwrap_or_default();
    let digits = local.strip_prefix('+').unwrap_or(local);
    match !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit()) {
        true => local.to_owned(),
        false => address.to_ascii_lowercase(),
    }
}

fn class(class: Option<&str>) -> String {
    class
        .map(word)
        .filter(|class| !class.is_empty())
        .unwrap_or_else(|| "personal".into())
}

/// The status. An SMTP code of 2xx counts as `Ok`.
fn status(code: &str) -> String {
    let smtp = code.len() == 3 && code.starts_with('2') && code.bytes().all(|octet| octet.is_ascii_digit());
    let word = word(code);
    match word.strip_prefix("error") {
        _ if smtp => "ok".into(),
        Some("unspecified") | None => word,
        Some(rest) => rest.to_owned(),
    }
}

fn word(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// The seconds of `2026-11-21 23:00:40 +0530`.
fn seconds(text: &str) -> Option<i64> {
    let (time, offset) = text.rsplit_once(' ')?;
    let time: jiff::civil::DateTime = time.replace(' ', "T").parse().ok()?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let digits = offset.get(1..5)?;
    let minutes = digits[..2].parse::<i64>().ok()? * 60 + digits[2..].parse::<i64>().ok()?;
    let utc = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    Some(utc - sign * minutes * 60)
}

/// The time in a CSV or JSON file.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_millisecond()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leg_has_one_key_in_whatever_form_it_was_recorded() {
        let record = Record {
            sequence: 7,
            recorded_at: Timestamp(1_795_298_400_000),
            relay_id: String::new(),
            plugin: String::new(),
            plugin_version: String::new(),
            fields: Fields {
                record_type: Some(RecordType::O4frq),
                message_id: "\"k1@mms.a.example\"".into(),
                recipients: vec![
                    "+15555550199/TYPE=PLMN@mms.b.example".into(),
                    "News@Shop.example".into(),
                ],
                message_size: Some(300),
                ..Fields::default()
            },
        };
        let decoded = ber::decode(&mut &ber::encode(&record).unwrap()[..]).unwrap();
        let (ours, theirs) = (legs_of(&record, RecordName::Number(7)), legs_of_ber(&decoded, 1));
        let keys = |legs: &[(LegKey, LegFacts)]| {
            let mut keys: Vec<LegKey> = legs.iter().map(|(key, _)| key.clone()).collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&ours), keys(&theirs), "{decoded:?}");
        assert_eq!(ours[0].1.at, theirs[0].1.at, "{decoded:?}");
        assert_eq!((ours[0].1.size, theirs[0].1.size), (Some(300), Some(300)));
        assert_eq!(ours[0].0.recipient, "+15555550199");
        assert_eq!(theirs[0].1.record, RecordName::Number(7));
        assert_eq!(partner_of_ber(&decoded), Some("mms.b.example"));
    }

    #[test]
    fn a_report_that_was_sent_has_its_own_status_in_whatever_form_it_was_recorded() {
        for (of, its, word) in [
            (RecordType::R4drq, "Retrieved", "retrieved"),
            (RecordType::R4drq, "Expired", "expired"),
            (RecordType::R4rrq, "Read", "read"),
        ] {
            let record = Record {
                sequence: 1,
                recorded_at: Timestamp(1_795_298_400_000),
                relay_id: String::new(),
                plugin: String::new(),
                plugin_version: String::new(),
                fields: Fields {
                    record_type: Some(of),
                    message_id: "k1@mms.a.example".into(),
                    recipients: vec!["+15555550199".into()],
                    status_code: Some("250".into()),
                    status_text: Some("taken".into()),
                    report_status: Some(its.into()),
                    ..Fields::default()
                },
            };
            let decoded = ber::decode(&mut &ber::encode(&record).unwrap()[..]).unwrap();
            let status = |legs: Vec<(LegKey, LegFacts)>| legs[0].1.status.clone();
            assert_eq!(
                status(legs_of(&record, RecordName::Number(1))).as_deref(),
                Some(word),
                "{of:?}"
            );
            assert_eq!(status(legs_of_ber(&decoded, 1)).as_deref(), Some(word), "{of:?}");
        }
    }

    #[test]
    fn statuses_are_compared_as_words() {
        assert_eq!(status("250"), "ok");
        assert_eq!(status("Ok"), "ok");
        assert_eq!(status("Error-service-denied"), status("service denied"));
        assert_ne!(status("Ok"), status("Error-network-problem"));
    }
}
