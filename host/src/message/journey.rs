//! What a message causes on its way besides other messages: steps to show, records to charge, values to keep.

/// What one plug-in did with the message, for people: `demo`, `queue show`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub plugin: String,
    /// `arrival`, or `departure to operator-b`.
    pub occasion: String,
    /// One line an edit; `pass` when there was nothing to do.
    pub did: Vec<String>,
    pub micros: u64,
    /// Octets of bodies that it read: 0 for a plug-in that left them alone.
    pub body_octets_read: u64,
}

/// What a message says it is, for people: its type, and of a report or a response what that says. As received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// `MM4_delivery_report.REQ`; for what is of no such type, words.
    pub kind: String,
    /// `Retrieved`, `Read`, `Ok`.
    pub status: Option<String>,
    /// `X-Mms-Status-Text`, decoded.
    pub text: Option<String>,
}

/// A charging record as a plug-in asked for it, with what the host knows.
#[derive(Clone, Debug, PartialEq)]
pub struct ChargingEntry {
    pub plugin: String,
    pub version: String,
    /// The plug-in's record, as a JSON object with the field names of `wit/host.wit`.
    pub record: serde_json::Value,
}

/// A change to a plug-in's durable values, committed with the message that caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvWrite {
    Set {
        plugin: String,
        key: String,
        value: Vec<u8>,
    },
    Delete {
        plugin: String,
        key: String,
    },
    /// Adds to a decimal number kept as text; absent counts as 0.
    Increment {
        plugin: String,
        key: String,
        by: i64,
    },
}
