//! A charging record as the encoders see it: typed, whatever plug-in it came from.

use jiff::Zoned;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::message::Timestamp;
use crate::spool::Recorded;

/// The record types of TS 32.270 that belong to MM4. The number is the `RecordType` of TS 32.298, 5.1.4, and the tag
/// of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    O4frq = 31,
    O4frs = 32,
    O4d = 33,
    O4r = 35,
    R4f = 38,
    R4drq = 43,
    R4drs = 44,
    R4rrq = 46,
    R4rrs = 47,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::O4frq,
        Self::O4frs,
        Self::O4d,
        Self::O4r,
        Self::R4f,
        Self::R4drq,
        Self::R4drs,
        Self::R4rrq,
        Self::R4rrs,
    ];

    /// As in the plug-ins' contract, the exports and the documentation.
    pub fn name(self) -> &'static str {
        match self {
            Self::O4frq => "o4frq",
            Self::O4frs => "o4frs",
            Self::O4d => "o4d",
            Self::O4r => "o4r",
            Self::R4f => "r4f",
            Self::R4drq => "r4drq",
            Self::R4drs => "r4drs",
            Self::R4rrq => "r4rrq",
            Self::R4rrs => "r4rrs",
        }
    }

    pub fn number(self) -> u32 {
        self as u32
    }

    pub fn of_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One record: what the plug-in said, and what the relay added. Texts are as received.
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
    /// `o4frq` and so on, `relay-in`, `relay-out`, `relay-failed`, or `fallback`.
    pub record_type: String,
    pub message_type: Option<String>,
    pub message_id: String,
    /// `X-Mms-3GPP-MMS-Version`.
    pub version: Option<String>,
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
    pub status_code: Option<String>,
    pub status_text: Option<String>,
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

    /// The type of TS 32.270 that this record is written as, if it has one. TS 32.270 knows originators and recipients
    /// only: of what a transit network records, a request that came in is an R4F, and one that was sent on is an O4FRq.
    pub fn kind(&self) -> Option<Kind> {
        let request = self.fields.message_type.as_deref() == Some("forward-request");
        match self.fields.record_type.as_str() {
            "relay-in" if request => Some(Kind::R4f),
            "relay-out" if request => Some(Kind::O4frq),
            name => Kind::of_name(name),
        }
    }
}

/// A point in time as the encoders write it: in UTC.
pub(super) fn zoned(at: Timestamp) -> Zoned {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned(TimeZone::UTC)
}
