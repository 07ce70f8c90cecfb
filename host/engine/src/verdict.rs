//! The result of a successful call.

use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer};

use crate::cache::digest;
use crate::failure::Spent;
use crate::may::Used;
use crate::words::{ChargingRecord, HeaderField, Measure, OutsideCall};

/// The decision of a plug-in and its further requests. The caller commits all of them, or drops all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// What becomes of the message.
    pub verdict: Verdict,
    /// Charging records, in the order in which they were asked for.
    pub records: Vec<ChargingRecord>,
    /// At most one write for each key, in the order of the keys.
    pub kv: Vec<KvWrite>,
    /// What it counted: one entry for each counter, and each value of its histograms.
    pub measures: Vec<Measure>,
    /// The names of the rules in its settings that took part, each once.
    pub rules: Vec<String>,
    /// The granted data of the message that it read.
    pub used: Used,
    /// Its requests to services outside the relay: the first 100.
    pub outside: Vec<OutsideCall>,
    /// The cost of the call.
    pub spent: Spent,
}

/// What becomes of the message. The strings are the plug-in's: check them before they are put on the wire.
///
/// Two verdicts are compared by their serialised form, so that later additions are compared too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing changes.
    Pass,
    /// All of these, in this order, or none.
    Edit(Vec<Edit>),
    /// Refused for good.
    Refuse {
        /// The SMTP reply code that the plug-in wants the sender to see.
        code: u16,
        /// For the sending peer.
        text: String,
    },
    /// Accepted and held; the text is for the operator.
    Hold(String),
    /// Accepted, and dropped; the text is for the log.
    Discard(String),
}

/// One change; see `edit` in `wit/types.wit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[allow(missing_docs)]
pub enum Edit {
    SetHeader(HeaderField),
    RemoveHeader(String),
    SetOriginator(String),
    SetRecipient {
        id: u32,
        address: String,
    },
    AddRecipient(String),
    DropRecipient(u32),
    Route {
        recipient: u32,
        peer: String,
    },
    ReplacePart {
        id: u32,
        body: Body,
        name: Option<String>,
    },
    RemovePart(u32),
    AddPart {
        body: Body,
        name: Option<String>,
        content_id: Option<String>,
    },
}

/// A new part's body: the octets in a body writer that was returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Body {
    /// A whole Content-Type value, parameters included; at most 1,024 octets.
    pub media_type: String,
    /// The decoded body. Serialised as its size and SHA-256.
    #[serde(serialize_with = "size_and_digest")]
    pub bytes: Bytes,
}

/// A write to the plug-in's durable values, made when the message is committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "write")]
#[allow(missing_docs)]
pub enum KvWrite {
    Set {
        key: String,
        value: Vec<u8>,
    },
    Delete {
        key: String,
    },
    /// Adds to the committed value (a decimal number as text, absent counts as 0) in the commit itself, so that no
    /// concurrent increment is lost.
    Increment {
        key: String,
        by: i64,
    },
}

fn size_and_digest<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{} octets, sha256 {}", bytes.len(), digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_serialised_with_everything_that_is_in_it() {
        let body = Body {
            media_type: "text/plain".into(),
            bytes: Bytes::from_static(b"x"),
        };
        let edit = Edit::AddPart {
            body,
            name: Some("a.txt".into()),
            content_id: None,
        };
        let text = serde_json::to_string(&Verdict::Edit(vec![edit])).unwrap();
        for said in ["add-part", "text/plain", "1 octets, sha256 2d71", "a.txt", "content-id"] {
            assert!(text.contains(said), "{said} is not in {text}");
        }
        let refuse = |code| {
            serde_json::to_string(&Verdict::Refuse {
                code,
                text: "no".into(),
            })
        };
        assert_ne!(refuse(550).unwrap(), refuse(553).unwrap());
    }

    #[test]
    fn writes_keep_their_documented_names_in_json() {
        let write = KvWrite::Increment {
            key: "n".into(),
            by: -2,
        };
        let json = serde_json::to_value(&write).unwrap();
        assert_eq!(json, serde_json::json!({"write": "increment", "key": "n", "by": -2}));
        assert_eq!(serde_json::from_value::<KvWrite>(json).unwrap(), write);
    }
}
