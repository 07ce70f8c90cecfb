//! A charging record that waits for the answer to its request.

use serde::{Deserialize, Serialize};

use crate::message::{Append, MessageId, StreamName, WaitingRecord};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredRecord {
    #[serde(rename = "i")]
    of: u64,
    #[serde(rename = "p")]
    plugin: String,
    #[serde(rename = "v")]
    version: String,
    #[serde(rename = "r")]
    record: serde_json::Value,
}

impl From<&WaitingRecord> for StoredRecord {
    fn from(plain: &WaitingRecord) -> Self {
        let WaitingRecord {
            of,
            entry:
                Append {
                    // Charging records only wait.
                    stream: _,
                    plugin,
                    version,
                    record,
                    // Or it would not be here.
                    when_answered: _,
                },
        } = plain;
        Self {
            of: of.0,
            plugin: plugin.clone(),
            version: version.clone(),
            record: record.clone(),
        }
    }
}

impl From<StoredRecord> for WaitingRecord {
    fn from(stored: StoredRecord) -> Self {
        Self {
            of: MessageId(stored.of),
            entry: Append {
                stream: StreamName::CHARGING,
                plugin: stored.plugin,
                version: stored.version,
                record: stored.record,
                when_answered: true,
            },
        }
    }
}
