//! A charging record as the encoders see it: typed, whichever plug-in made it.

use jiff::Zoned;
use jiff::tz::{Offset, TimeZone};
use mm4relay_engine::RecordType;
use serde::Deserialize;

use crate::message::{Choice, MessageType, Timestamp};
use crate::protocol::mm4::{Date, Zone};
use crate::spool::Recorded;

/// The type is the plug-in engine's, which has the words of the contract.
impl Choice for RecordType {
    const WORDS: &'static [(&'static str, Self)] = Self::WORDS;
}

/// One record: the plug-in's part, and what the relay added. Texts are as received.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub sequence: u64,
    pub recorded_at: Timestamp,
    pub relay_id: String,
    pub plugin: String,
    pub plugin_version: String,
    pub fields: Fields,
}

/// The plug-in's part. A missing field is one that the message did not have.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Fields {
    /// `None` for a record that the contract does not have.
    pub record_type: Option<RecordType>,
    /// Which MM4 message the record is about, in the standard's spelling: `MM4_forward.REQ`.
    pub message_type: Option<String>,
    pub message_id: String,
    /// `X-Mms-3GPP-MMS-Version`.
    pub mms_version: Option<String>,
    pub transaction_id: Option<String>,
    pub source_peer: Option<String>,
    pub destination_peer: Option<String>,
    pub intra_mmse: Option<bool>,
    pub originator: Option<String>,
    pub recipients: Vec<String>,
    pub content_type: Option<String>,
    pub message_size: Option<u64>,
    pub message_class: Option<String>,
    pub priority: Option<String>,
    pub submission_time: Option<String>,
    pub expiry: Option<String>,
    pub delivery_report_requested: Option<bool>,
    pub read_reply_requested: Option<bool>,
    pub acknowledgement_requested: Option<bool>,
    pub sender_hidden: Option<bool>,
    pub forward_counter: Option<u32>,
    /// The addresses of `X-Mms-Previously-Sent-By` in the order of their numbers, with blanks between them.
    pub previously_sent_by: Option<String>,
    /// The length of `Subject` in octets, in decimal.
    pub subject_size: Option<String>,
    /// The parts: `image/jpeg:30123 text/plain:55`, each with its size in the message.
    pub components: Option<String>,
    /// `X-Mms-Content-Class`.
    pub content_class: Option<String>,
    pub status_code: Option<String>,
    pub status_text: Option<String>,
    /// `X-Mms-MM-Status-Extension`.
    pub status_extension: Option<String>,
    /// For a report or a response that was sent on: its own status and text. `status_code` and `status_text` are the
    /// next hop's.
    pub report_status: Option<String>,
    pub report_status_text: Option<String>,
    /// For a fallback record: what happened, and why no plug-in took it.
    pub outcome: Option<String>,
    pub reason: Option<String>,
}

impl Fields {
    /// The status of a report. For a report that was sent on, its own status, and not the SMTP code of the next hop.
    pub fn reported(&self) -> Option<&str> {
        self.report_status
            .as_deref()
            .or_else(|| spoken(self.status_code.as_deref()))
    }
}

/// The status, if it is a word of MM4 and no SMTP code.
pub(super) fn spoken(code: Option<&str>) -> Option<&str> {
    code.filter(|code| *code == "0" || !code.bytes().all(|octet| octet.is_ascii_digit()))
}

impl Record {
    /// # Errors
    /// The stored record is not of the shape that the contract gives it.
    pub fn of(row: &Recorded) -> Result<Self, serde_json::Error> {
        Ok(Self {
            sequence: row.sequence,
            recorded_at: row.recorded_at,
            relay_id: row.id.to_string(),
            plugin: row.plugin.clone(),
            plugin_version: row.version.clone(),
            fields: Fields::deserialize(&row.record)?,
        })
    }

    /// The type of TS 32.270 as which this record is written, if there is one. TS 32.270 knows originators and
    /// recipients only: a transit network's record of one leg is written as that of the Relay/Server at the other end
    /// of that leg. A response has the same record when it arrives and when it is sent on.
    pub fn standard(&self) -> Option<RecordType> {
        use MessageType::*;
        let about = || MessageType::of_name(self.fields.message_type.as_deref()?);
        let came = match self.fields.record_type? {
            RecordType::RelayIn => true,
            RecordType::RelayOut => false,
            RecordType::RelayFailed | RecordType::Fallback => return None,
            of_the_standard => return Some(of_the_standard),
        };
        match (about()?, came) {
            (ForwardRequest, true) => Some(RecordType::R4f),
            (ForwardRequest, false) => Some(RecordType::O4frq),
            (ForwardResponse, _) => Some(RecordType::O4frs),
            (DeliveryReportRequest, true) => Some(RecordType::O4d),
            (DeliveryReportRequest, false) => Some(RecordType::R4drq),
            (DeliveryReportResponse, _) => Some(RecordType::R4drs),
            (ReadReplyReportRequest, true) => Some(RecordType::O4r),
            (ReadReplyReportRequest, false) => Some(RecordType::R4rrq),
            (ReadReplyReportResponse, _) => Some(RecordType::R4rrs),
            (Other, _) => None,
        }
    }

    /// The length of the subject in octets; 0 without a subject.
    pub fn subject_size(&self) -> u64 {
        let size = self.fields.subject_size.as_deref();
        size.and_then(|size| size.parse().ok()).unwrap_or(0)
    }

    /// The parts of the message, with their sizes.
    pub fn components(&self) -> impl Iterator<Item = (&str, u64)> {
        let all = self.fields.components.as_deref().unwrap_or_default();
        all.split_ascii_whitespace().filter_map(|part| {
            let (media_type, size) = part.rsplit_once(':')?;
            Some((media_type, size.parse().ok()?))
        })
    }
}

/// A point in time in the form for the encoders: in UTC.
pub(super) fn zoned(at: Timestamp) -> Zoned {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned(TimeZone::UTC)
}

/// A peer's date, at the offset that the peer wrote.
pub(super) fn dated(date: Date) -> Zoned {
    let offset = match date.zone {
        Zone::Offset(seconds) => Offset::from_seconds(seconds).ok(),
        Zone::Universal | Zone::Unknown => None,
    };
    let at = zoned(date.at);
    offset.map_or_else(|| at.clone(), |offset| at.with_time_zone(TimeZone::fixed(offset)))
}
