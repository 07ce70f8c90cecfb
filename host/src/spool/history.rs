//! What happened to a request and to everything about it, for `mm4relay trace`. The spool writes it beside what it records,
//! in the same transaction, and removes it with the transaction that it belongs to. Nothing is decided by it.
//!
//! Kept by the million, so its names in JSON are short.

use serde::{Deserialize, Serialize};

use crate::message::{OutgoingId, PeerName, Step, Timestamp};

use super::{Acceptance, DeliveryResult, Outcome};

/// One event, at its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When it was committed.
    pub at: Timestamp,
    pub event: Event,
}

/// Numbers are whole in here. Lists of changes are one line each, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A message was accepted: the request, a response to it, or one that the relay wrote about it.
    #[serde(rename = "a")]
    Accepted(Box<Arrival>),
    /// A message that was held or unfinished went through its chain, and came to this.
    #[serde(rename = "f")]
    Finished(Box<Arrival>),
    /// Such a message came to nothing yet.
    #[serde(rename = "l")]
    Later {
        #[serde(rename = "r")]
        reason: String,
        #[serde(rename = "d")]
        due: Timestamp,
    },
    /// Such a message was refused for good.
    #[serde(rename = "x")]
    Refused {
        #[serde(rename = "r")]
        reason: String,
        #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<String>,
    },
    /// An attempt at delivery was recorded.
    #[serde(rename = "o")]
    Outcome {
        #[serde(rename = "i")]
        id: OutgoingId,
        /// `delivered`, `deferred`, `failed`, or `delivered in part`.
        #[serde(rename = "w")]
        became: String,
        /// What the next hop said, or why there was nobody to say it. At most 512 octets.
        #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
        said: Option<String>,
        /// When it is tried again.
        #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
        #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<String>,
        #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
        charged: Option<(u64, u64)>,
    },
    /// Plug-ins that had failed have taken an outcome.
    #[serde(rename = "s")]
    Settled {
        #[serde(rename = "i")]
        id: OutgoingId,
        #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
        charged: Option<(u64, u64)>,
    },
    /// Changes that no message and no delivery caused.
    #[serde(rename = "c")]
    Changed {
        #[serde(rename = "c")]
        changes: Vec<String>,
    },
    /// An operator did something, or looked.
    #[serde(rename = "p")]
    Operator {
        /// The user's name on this machine.
        #[serde(rename = "u")]
        who: String,
        #[serde(rename = "w")]
        did: String,
        #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
        id: Option<OutgoingId>,
    },
}

/// A message that came in, and what it came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// The ordinal is 0.
    #[serde(rename = "i")]
    pub id: OutgoingId,
    #[serde(rename = "s")]
    pub source: PeerName,
    /// Address and port.
    #[serde(rename = "r")]
    pub remote: String,
    #[serde(rename = "h")]
    pub helo: String,
    /// In octets, as received.
    #[serde(rename = "z")]
    pub size: u64,
    /// The envelope as received; no sender is the null sender.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    #[serde(rename = "j", default, skip_serializing_if = "Vec::is_empty")]
    pub journey: Vec<Step>,
    /// Where it goes: ordinal and next hop, and the reason when that was given up at once.
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<(u32, PeerName, Option<String>)>,
    /// Why it is held, or not through its chain yet.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// The first and the last sequence number of the charging records that it caused.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub charged: Option<(u64, u64)>,
}

/// Octets of a reply that are kept.
const MOST_SAID: usize = 512;

impl Event {
    /// The first and the last sequence number of the charging records that came with it.
    pub fn charged(&self) -> Option<(u64, u64)> {
        match self {
            Self::Accepted(arrival) | Self::Finished(arrival) => arrival.charged,
            Self::Outcome { charged, .. } | Self::Settled { charged, .. } => *charged,
            Self::Later { .. } | Self::Refused { .. } | Self::Changed { .. } | Self::Operator { .. } => None,
        }
    }

    pub(super) fn outcome(outcome: &Outcome, changes: Vec<String>, charged: Option<(u64, u64)>) -> Self {
        let (became, reason, due) = match &outcome.result {
            DeliveryResult::Delivered => ("delivered", None, None),
            DeliveryResult::Deferred { due, reason, .. } => ("deferred", Some(reason), Some(*due)),
            DeliveryResult::Failed { reason } => ("failed", Some(reason), None),
            DeliveryResult::Dropped { reason } => ("dropped", Some(reason), None),
            DeliveryResult::Partly { due, reason, .. } => ("delivered in part", Some(reason), Some(*due)),
        };
        Self::Outcome {
            id: outcome.id,
            became: became.into(),
            said: outcome.reply.as_ref().or(reason).map(|text| cut(text)),
            due,
            changes,
            charged,
        }
    }
}

impl Arrival {
    pub(super) fn of(acceptance: &Acceptance, changes: Vec<String>, charged: Option<(u64, u64)>) -> Self {
        let sent = acceptance.outgoing.iter().map(|outgoing| (outgoing, None));
        let failed = acceptance.failed.iter().map(|(outgoing, why)| (outgoing, Some(why)));
        let destinations = sent.chain(failed);
        let (origin, envelope) = (&acceptance.origin, &acceptance.envelope);
        Self {
            id: OutgoingId {
                message: acceptance.id,
                ordinal: 0,
            },
            source: origin.peer.clone(),
            remote: origin.remote.to_string(),
            helo: origin.helo.clone(),
            size: acceptance.content.size(),
            from: envelope.sender.as_ref().map(ToString::to_string),
            to: envelope.recipients.iter().map(|r| r.address.to_string()).collect(),
            journey: acceptance.journey.clone(),
            destinations: destinations
                .map(|(outgoing, why)| (outgoing.id.ordinal, outgoing.peer.clone(), why.map(|why| cut(why))))
                .collect(),
            hold: acceptance.hold.as_ref().map(|hold| hold.reason.clone()),
            changes,
            charged,
        }
    }
}

fn cut(text: &str) -> String {
    let end = (0..=text.len().min(MOST_SAID))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or(0)].to_owned()
}
