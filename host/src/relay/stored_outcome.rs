//! The stored form of an outcome that plug-ins must still be told. Its names last, like those in `spool/stored`. The
//! spool itself does not parse it.

use mm4relay_engine::{Delivery, Outcome, Response};
use serde::{Deserialize, Serialize};

use crate::message::{MmsAddress, Recipient, RecipientId};

/// A fate that some plug-ins still have to be told.
#[derive(Debug)]
pub(super) struct Untold {
    pub(super) outcome: Outcome,
    pub(super) recipients: Vec<Recipient>,
    /// The plug-ins that have not taken it yet.
    pub(super) plugins: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredUntold {
    #[serde(rename = "outcome")]
    outcome: StoredOutcome,
    #[serde(rename = "recipients")]
    recipients: Vec<StoredRecipient>,
    #[serde(rename = "plugins")]
    plugins: Vec<String>,
}

#[derive(Serialize, Deserialize)]
enum StoredOutcome {
    #[serde(rename = "delivered")]
    Delivered(StoredDelivery),
    #[serde(rename = "failed")]
    Failed(StoredDelivery),
    #[serde(rename = "expired")]
    Expired(StoredDelivery),
    #[serde(rename = "response")]
    Response(StoredResponse),
}

#[derive(Serialize, Deserialize)]
struct StoredDelivery {
    #[serde(rename = "peer")]
    peer: String,
    #[serde(rename = "host")]
    host: String,
    #[serde(rename = "code")]
    code: u16,
    #[serde(rename = "text")]
    text: String,
    #[serde(rename = "attempts")]
    attempts: u32,
}

#[derive(Serialize, Deserialize)]
struct StoredResponse {
    #[serde(rename = "peer")]
    peer: String,
    #[serde(rename = "status")]
    status: String,
    #[serde(rename = "text", default)]
    text: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredRecipient {
    #[serde(rename = "id")]
    id: u32,
    #[serde(rename = "address")]
    address: String,
}

/// The value has strings and numbers only, so encoding it cannot fail.
pub(super) fn write(untold: &[Untold]) -> String {
    let stored: Vec<StoredUntold> = untold.iter().map(StoredUntold::from).collect();
    serde_json::to_string(&stored).unwrap_or_default()
}

/// # Errors
/// The text is not what [`write()`] writes, or wrote in an earlier version.
pub(super) fn read(text: &str) -> Result<Vec<Untold>, String> {
    let stored: Vec<StoredUntold> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    stored.into_iter().map(Untold::try_from).collect()
}

impl From<&Untold> for StoredUntold {
    fn from(plain: &Untold) -> Self {
        let Untold {
            outcome,
            recipients,
            plugins,
        } = plain;
        let recipient = |Recipient { id, address }: &Recipient| StoredRecipient {
            id: id.0,
            address: address.to_string(),
        };
        Self {
            outcome: outcome.clone().into(),
            recipients: recipients.iter().map(recipient).collect(),
            plugins: plugins.clone(),
        }
    }
}

impl TryFrom<StoredUntold> for Untold {
    type Error = String;

    fn try_from(stored: StoredUntold) -> Result<Self, String> {
        let recipient = |StoredRecipient { id, address }: StoredRecipient| {
            let address = MmsAddress::from_store(address).map_err(|e| e.to_string())?;
            Ok(Recipient {
                id: RecipientId(id),
                address,
            })
        };
        let recipients = stored.recipients.into_iter().map(recipient);
        Ok(Self {
            outcome: stored.outcome.into(),
            recipients: recipients.collect::<Result<_, String>>()?,
            plugins: stored.plugins,
        })
    }
}

impl From<Outcome> for StoredOutcome {
    fn from(plain: Outcome) -> Self {
        match plain {
            Outcome::Delivered(delivery) => Self::Delivered(delivery.into()),
            Outcome::Failed(delivery) => Self::Failed(delivery.into()),
            Outcome::Expired(delivery) => Self::Expired(delivery.into()),
            Outcome::Response(Response { peer, status, text }) => Self::Response(StoredResponse { peer, status, text }),
        }
    }
}

impl From<StoredOutcome> for Outcome {
    fn from(stored: StoredOutcome) -> Self {
        match stored {
            StoredOutcome::Delivered(delivery) => Self::Delivered(delivery.into()),
            StoredOutcome::Failed(delivery) => Self::Failed(delivery.into()),
            StoredOutcome::Expired(delivery) => Self::Expired(delivery.into()),
            StoredOutcome::Response(StoredResponse { peer, status, text }) => {
                Self::Response(Response { peer, status, text })
            }
        }
    }
}

impl From<Delivery> for StoredDelivery {
    fn from(plain: Delivery) -> Self {
        let Delivery {
            peer,
            host,
            code,
            text,
            attempts,
        } = plain;
        Self {
            peer,
            host,
            code,
            text,
            attempts,
        }
    }
}

impl From<StoredDelivery> for Delivery {
    fn from(stored: StoredDelivery) -> Self {
        Self {
            peer: stored.peer,
            host: stored.host,
            code: stored.code,
            text: stored.text,
            attempts: stored.attempts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row a line, as format 3 wrote them.
    const STORED_3: &str = include_str!("../../../tests/fixtures/spool-3/untold.jsonl");

    #[test]
    fn untold_outcomes_of_format_3_are_read_and_written_as_they_were() {
        for row in STORED_3.lines() {
            let untold = read(row).unwrap_or_else(|error| panic!("{error}: {row}"));
            assert_eq!(write(&untold), row);
        }
        let all: Vec<Untold> = STORED_3.lines().flat_map(|row| read(row).unwrap()).collect();
        let kinds: Vec<&str> = all
            .iter()
            .map(|untold| match &untold.outcome {
                Outcome::Delivered(_) => "delivered",
                Outcome::Failed(_) => "failed",
                Outcome::Expired(_) => "expired",
                Outcome::Response(_) => "response",
            })
            .collect();
        assert_eq!(kinds, ["delivered", "failed", "expired", "response", "response"]);
        assert_eq!(all[0].plugins, ["hostile"]);
        assert_eq!(all[0].recipients[0].id, RecipientId(1));
    }
}
