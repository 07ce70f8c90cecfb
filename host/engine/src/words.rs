//! The types of the contract in plain Rust. `wit/` documents their meaning; the fields are the same.

mod occasion;
mod outside;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use occasion::{Delivery, Destination, Occasion, OccasionKind, Outcome, Response};
pub use outside::{AskedOf, HttpRequest, HttpResponse, OutsideCall};

/// The type of the message, from `X-Mms-Message-Type` (TS 23.140, 8.4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum MessageType {
    ForwardRequest,
    ForwardResponse,
    DeliveryReportRequest,
    DeliveryReportResponse,
    ReadReplyReportRequest,
    ReadReplyReportResponse,
    /// A type that TS 23.140 does not name.
    Other,
}

/// The kind of an address, by its part before the `@` or the whole of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// A telephone number of seven digits or more, with or without `+`.
    Number,
    /// Six digits or fewer.
    ShortCode,
    /// Anything else that has a domain.
    Email,
    /// Everything else.
    Other,
}

/// An address, as text and taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The whole address as received, without angle brackets.
    pub text: String,
    /// What kind of address it is.
    pub kind: AddressKind,
    /// What stands before `/TYPE=` and `@`.
    pub user: String,
    /// The value of `/TYPE=`, as received.
    pub address_type: Option<String>,
    /// What stands behind the last `@`, as received.
    pub domain: Option<String>,
}

/// An envelope recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Names the recipient in edits; stable over the whole chain.
    pub id: u32,
    /// Where it goes.
    pub address: Address,
}

/// A header field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderField {
    /// As received.
    pub name: String,
    /// Unfolded, without the blanks at both ends.
    pub value: String,
}

/// A leaf of the MIME structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Names the part in edits; stable over the whole chain.
    pub id: u32,
    /// In lower case, without parameters.
    pub media_type: String,
    /// The file name.
    pub name: Option<String>,
    /// Without angle brackets.
    pub content_id: Option<String>,
    /// As received.
    pub content_location: Option<String>,
    /// Octets as they stand in the message, still encoded.
    pub encoded_size: u64,
}

/// The fields that most plug-ins ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// What the message is.
    pub message_type: MessageType,
    /// `X-Mms-Message-ID`, empty when there is none.
    pub message_id: String,
    /// `X-Mms-Transaction-ID`, empty when there is none.
    pub transaction_id: String,
    /// The configured name of the peer that sent it.
    pub source: String,
    /// Whether that peer is a relay/server of our own MMSE, or the relay itself.
    pub source_inside: bool,
    /// Whether the source and every next hop are inside our own MMSE.
    #[serde(default)]
    pub intra_mmse: bool,
    /// Milliseconds since 1970-01-01 UTC.
    pub received_at: u64,
    /// Octets as received.
    pub size: u64,
}

/// The request that a response answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// One of the three requests.
    pub message_type: MessageType,
    /// As received, quotes included.
    pub message_id: String,
    /// As received from the peer that asked.
    pub transaction_id: String,
    /// The configured name of the peer that asked.
    pub source: String,
}

/// The relay's own refusal of a message, as the relay's response states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateRefusal {
    /// `X-Mms-Request-Status-Code`.
    pub status: String,
    /// `X-Mms-Status-Text`; at most 512 octets.
    pub text: Option<String>,
}

/// The network that serves a telephone number. At least one of the fields is there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Network {
    /// Its country and network code: `999-002`.
    pub id: Option<String>,
    /// The domain of its MMSE.
    pub domain: Option<String>,
    /// The configured peer that the relay would send to.
    pub peer: Option<String>,
}

/// One measurement by a plug-in.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// As `wit/host.wit` allows it: lower-case letters, digits and `_`.
    pub name: String,
    /// What was measured.
    pub value: MeasureValue,
}

/// The value of a [`Measure`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MeasureValue {
    /// To be added to a counter; all of one call together.
    Count(u64),
    /// To be put into a histogram; always finite.
    Observe(f64),
}

/// Why a host function failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The plug-in broke the contract.
    Invalid(String),
    /// Not possible now; worth another try with the next message.
    Unavailable(String),
    /// One of the plug-in's limits was reached.
    Limit(String),
}

impl Fault {
    /// The text of the fault.
    pub fn text(&self) -> &str {
        match self {
            Fault::Invalid(text) | Fault::Unavailable(text) | Fault::Limit(text) => text,
        }
    }
}

/// How important a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// A plug-in's description of itself, with the messages that it wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// For humans.
    pub name: String,
    /// For humans.
    pub version: String,
    /// The occasions that it is called for.
    pub occasions: std::collections::BTreeSet<OccasionKind>,
    /// Empty: all types.
    pub message_types: Vec<MessageType>,
    /// `image/jpeg`, `image/*`; empty: any.
    pub media_types: Vec<String>,
}

/// The record types of TS 32.270 for MM4, those for what only a relay sees, and the relay's own for an event that no
/// plug-in took, which is not in the contract. This is the only list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum RecordType {
    O4frq,
    O4frs,
    O4d,
    O4r,
    R4f,
    R4drq,
    R4drs,
    R4rrq,
    R4rrs,
    RelayIn,
    RelayOut,
    RelayFailed,
    Fallback,
}

impl RecordType {
    /// Each type with its word in the contract, in records, in the configuration and in the documentation.
    pub const WORDS: &[(&str, Self)] = &[
        ("o4frq", Self::O4frq),
        ("o4frs", Self::O4frs),
        ("o4d", Self::O4d),
        ("o4r", Self::O4r),
        ("r4f", Self::R4f),
        ("r4drq", Self::R4drq),
        ("r4drs", Self::R4drs),
        ("r4rrq", Self::R4rrq),
        ("r4rrs", Self::R4rrs),
        ("relay-in", Self::RelayIn),
        ("relay-out", Self::RelayOut),
        ("relay-failed", Self::RelayFailed),
        ("fallback", Self::Fallback),
    ];
}

/// One charging record, as a plug-in asked for it. Every string has at most 1,024 octets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct ChargingRecord {
    pub record_type: RecordType,
    pub message_id: String,
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
    /// Fields with names of the plug-in's own, different from [`ChargingRecord::FIELDS`].
    #[serde(flatten, default)]
    pub more: BTreeMap<String, String>,
    /// Whether the record waits for the answer to its request, which becomes its status. This is no field of the
    /// record.
    #[serde(skip)]
    pub when_answered: bool,
}

impl ChargingRecord {
    /// The names of the record's own fields, in the contract and in the export.
    pub const FIELDS: [&'static str; 21] = [
        "record-type",
        "message-id",
        "transaction-id",
        "source-peer",
        "destination-peer",
        "intra-mmse",
        "originator",
        "recipients",
        "content-type",
        "message-size",
        "message-class",
        "priority",
        "submission-time",
        "expiry",
        "delivery-report-requested",
        "read-reply-requested",
        "acknowledgement-requested",
        "sender-hidden",
        "forward-counter",
        "status-code",
        "status-text",
    ];

    /// The fields that the relay adds to every record, or writes in a fallback record.
    pub const OF_THE_EXPORT: [&'static str; 8] = [
        "sequence",
        "recorded-at",
        "relay-id",
        "plugin",
        "plugin-version",
        "outcome",
        "reason",
        "record",
    ];

    /// An empty record of that type.
    pub fn of(record_type: RecordType) -> Self {
        Self {
            record_type,
            message_id: String::new(),
            transaction_id: None,
            source_peer: None,
            destination_peer: None,
            intra_mmse: None,
            originator: None,
            recipients: Vec::new(),
            content_type: None,
            message_size: None,
            message_class: None,
            priority: None,
            submission_time: None,
            expiry: None,
            delivery_report_requested: None,
            read_reply_requested: None,
            acknowledgement_requested: None,
            sender_hidden: None,
            forward_counter: None,
            status_code: None,
            status_text: None,
            more: BTreeMap::new(),
            when_answered: false,
        }
    }

    /// Every string in the record, for checks that apply to all of them.
    pub(crate) fn strings(&self) -> impl Iterator<Item = &str> {
        let optional = [
            &self.transaction_id,
            &self.source_peer,
            &self.destination_peer,
            &self.originator,
            &self.content_type,
            &self.message_class,
            &self.priority,
            &self.submission_time,
            &self.expiry,
            &self.status_code,
            &self.status_text,
        ];
        std::iter::once(self.message_id.as_str())
            .chain(self.recipients.iter().map(String::as_str))
            .chain(optional.into_iter().flatten().map(String::as_str))
            .chain(
                self.more
                    .iter()
                    .flat_map(|(name, value)| [name.as_str(), value.as_str()]),
            )
    }
}
