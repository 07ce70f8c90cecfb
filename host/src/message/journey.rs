//! What a message causes on its way besides other messages: steps to show, records to append, values to keep.

use std::borrow::Cow;

use super::Illegal;

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

/// A record that a commit appends to a stream, besides mail: as a plug-in asked for it, with what the host knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    pub stream: StreamName,
    pub plugin: String,
    pub version: String,
    /// A JSON object. Of a charging record, with the field names of `wit/host.wit`.
    pub record: serde_json::Value,
    /// Whether it waits until the request that came with it is answered, and gets that status.
    pub when_answered: bool,
}

/// The name of a stream of records: 1 to 32 lower-case letters and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Cow<'static, str>);

impl StreamName {
    /// Records that plug-ins write for charging.
    pub const CHARGING: Self = Self(Cow::Borrowed("charging"));
    /// Who changed what.
    pub const AUDIT: Self = Self(Cow::Borrowed("audit"));

    /// # Errors
    /// It is empty, longer than 32 letters, or has anything but lower-case letters and hyphens.
    pub fn new(name: &str) -> Result<Self, Illegal> {
        let legal = |c: char| c.is_ascii_lowercase() || c == '-';
        match !name.is_empty() && name.len() <= 32 && name.chars().all(legal) {
            true => Ok(Self(Cow::Owned(name.to_owned()))),
            false => Err(Illegal(format!(
                "\"{name}\" is no name of a stream: 1 to 32 lower-case letters and hyphens are expected"
            ))),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
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
