//! The envelope of a message, in the columns `envelope`; recipients also in requests.

use serde::{Deserialize, Serialize};

use crate::message::{Envelope, MmsAddress, NextHop, PeerName, Recipient, RecipientId, Source};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredEnvelope {
    /// Absent or null: the null sender.
    #[serde(rename = "sender")]
    sender: Option<String>,
    #[serde(rename = "recipients")]
    recipients: Vec<StoredRecipient>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredRecipient {
    #[serde(rename = "id")]
    id: u32,
    #[serde(rename = "address")]
    address: String,
}

impl From<&Envelope> for StoredEnvelope {
    fn from(envelope: &Envelope) -> Self {
        let Envelope { sender, recipients } = envelope;
        Self {
            sender: sender.as_ref().map(ToString::to_string),
            recipients: recipients.iter().map(StoredRecipient::from).collect(),
        }
    }
}

impl TryFrom<StoredEnvelope> for Envelope {
    type Error = String;

    fn try_from(stored: StoredEnvelope) -> Result<Self, String> {
        Ok(Self {
            sender: stored.sender.map(address).transpose()?,
            recipients: all(stored.recipients)?,
        })
    }
}

impl From<&Recipient> for StoredRecipient {
    fn from(recipient: &Recipient) -> Self {
        let Recipient { id, address } = recipient;
        Self {
            id: id.0,
            address: address.to_string(),
        }
    }
}

impl TryFrom<StoredRecipient> for Recipient {
    type Error = String;

    fn try_from(stored: StoredRecipient) -> Result<Self, String> {
        Ok(Self {
            id: RecipientId(stored.id),
            address: address(stored.address)?,
        })
    }
}

pub(super) fn address(text: String) -> Result<MmsAddress, String> {
    MmsAddress::from_store(text).map_err(|e| format!("a stored address is damaged: {e}"))
}

pub(super) fn peer(text: &str) -> Result<PeerName, String> {
    PeerName::new(text).map_err(|e| format!("a stored peer's name is damaged: {e}"))
}

pub(super) fn source(text: &str) -> Result<Source, String> {
    Source::new(text).map_err(|e| format!("a stored source is damaged: {e}"))
}

pub(super) fn next_hop(text: &str) -> Result<NextHop, String> {
    NextHop::new(text).map_err(|e| format!("a stored next hop is damaged: {e}"))
}

/// Each of them converted, or the first that cannot be.
pub(super) fn all<S, P: TryFrom<S, Error = String>>(stored: Vec<S>) -> Result<Vec<P>, String> {
    stored.into_iter().map(P::try_from).collect()
}
