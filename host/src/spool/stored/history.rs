//! What happened to a request, in the column `history.event`; and the steps of plug-ins, also in `message.journey`.
//! Kept by the million, so the names are short.

use serde::{Deserialize, Serialize};

use super::envelope::{all, next_hop, source};
use super::holder::StoredHolder;
use crate::message::{MessageId, NextHop, Ordinal, OutgoingId, QueueId, Said, Step, Timestamp};
use crate::spool::{Arrival, Event};

#[derive(Serialize, Deserialize)]
pub(super) enum StoredEvent {
    #[serde(rename = "a")]
    Accepted(Box<StoredArrival>),
    #[serde(rename = "f")]
    Finished(Box<StoredArrival>),
    #[serde(rename = "l")]
    Later {
        #[serde(rename = "r")]
        reason: String,
        #[serde(rename = "d")]
        due: u64,
    },
    #[serde(rename = "x")]
    Refused {
        #[serde(rename = "r")]
        reason: String,
        #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<String>,
        #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
        charged: Option<(u64, u64)>,
    },
    #[serde(rename = "o")]
    Outcome {
        #[serde(rename = "i")]
        id: StoredId,
        #[serde(rename = "w")]
        became: String,
        #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
        said: Option<String>,
        #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
        due: Option<u64>,
        #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<String>,
        #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
        charged: Option<(u64, u64)>,
    },
    #[serde(rename = "s")]
    Settled {
        #[serde(rename = "i")]
        id: StoredId,
        #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
        charged: Option<(u64, u64)>,
    },
    #[serde(rename = "c")]
    Changed {
        #[serde(rename = "c")]
        changes: Vec<String>,
        #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
        charged: Option<(u64, u64)>,
    },
    #[serde(rename = "p")]
    Operator {
        #[serde(rename = "u")]
        who: String,
        #[serde(rename = "w")]
        did: String,
        #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
        id: Option<StoredId>,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredArrival {
    #[serde(rename = "i")]
    id: StoredId,
    #[serde(rename = "s")]
    source: String,
    #[serde(rename = "r")]
    remote: String,
    #[serde(rename = "h")]
    helo: String,
    #[serde(rename = "z")]
    size: u64,
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    to: Vec<String>,
    #[serde(rename = "j", default, skip_serializing_if = "Vec::is_empty")]
    journey: Vec<StoredStep>,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    says: Option<StoredSaid>,
    /// Ordinal, next hop, and the reason when that was given up at once.
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    destinations: Vec<(u32, String, Option<String>)>,
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    hold: Option<String>,
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    holders: Vec<StoredHolder>,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<String>,
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    charged: Option<(u64, u64)>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredSaid {
    #[serde(rename = "k")]
    kind: String,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredStep {
    #[serde(rename = "plugin")]
    plugin: String,
    #[serde(rename = "occasion")]
    occasion: String,
    #[serde(rename = "did")]
    did: Vec<String>,
    #[serde(rename = "micros")]
    micros: u64,
    #[serde(rename = "body_octets_read", default)]
    body_octets_read: u64,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct StoredId {
    #[serde(rename = "message")]
    message: u64,
    #[serde(rename = "ordinal")]
    ordinal: u32,
}

impl From<&Event> for StoredEvent {
    fn from(plain: &Event) -> Self {
        match plain.clone() {
            Event::Accepted(arrival) => Self::Accepted(Box::new((*arrival).into())),
            Event::Finished(arrival) => Self::Finished(Box::new((*arrival).into())),
            Event::Later { reason, due } => Self::Later { reason, due: due.0 },
            Event::Refused {
                reason,
                changes,
                charged,
            } => Self::Refused {
                reason,
                changes,
                charged,
            },
            Event::Outcome {
                id,
                became,
                said,
                due,
                changes,
                charged,
            } => Self::Outcome {
                id: id.into(),
                became,
                said,
                due: due.map(|due| due.0),
                changes,
                charged,
            },
            Event::Settled { id, charged } => Self::Settled { id: id.into(), charged },
            Event::Changed { changes, charged } => Self::Changed { changes, charged },
            Event::Operator { who, did, id } => Self::Operator {
                who,
                did,
                id: id.map(StoredId::from),
            },
        }
    }
}

impl TryFrom<StoredEvent> for Event {
    type Error = String;

    fn try_from(stored: StoredEvent) -> Result<Self, String> {
        Ok(match stored {
            StoredEvent::Accepted(arrival) => Self::Accepted(Box::new((*arrival).try_into()?)),
            StoredEvent::Finished(arrival) => Self::Finished(Box::new((*arrival).try_into()?)),
            StoredEvent::Later { reason, due } => Self::Later {
                reason,
                due: Timestamp(due),
            },
            StoredEvent::Refused {
                reason,
                changes,
                charged,
            } => Self::Refused {
                reason,
                changes,
                charged,
            },
            StoredEvent::Outcome {
                id,
                became,
                said,
                due,
                changes,
                charged,
            } => Self::Outcome {
                id: id.try_into()?,
                became,
                said,
                due: due.map(Timestamp),
                changes,
                charged,
            },
            StoredEvent::Settled { id, charged } => Self::Settled {
                id: id.try_into()?,
                charged,
            },
            StoredEvent::Changed { changes, charged } => Self::Changed { changes, charged },
            StoredEvent::Operator { who, did, id } => Self::Operator {
                who,
                did,
                id: id.map(QueueId::from),
            },
        })
    }
}

impl From<Arrival> for StoredArrival {
    fn from(plain: Arrival) -> Self {
        let Arrival {
            id,
            source,
            remote,
            helo,
            size,
            from,
            to,
            journey,
            says,
            destinations,
            hold,
            holders,
            changes,
            charged,
        } = plain;
        let destination =
            |(ordinal, peer, why): (Ordinal, NextHop, Option<String>)| (ordinal.get(), peer.to_string(), why);
        Self {
            id: QueueId::AsReceived(id).into(),
            source: source.to_string(),
            remote,
            helo,
            size,
            from,
            to,
            journey: journey.iter().map(StoredStep::from).collect(),
            says: says.map(StoredSaid::from),
            destinations: destinations.into_iter().map(destination).collect(),
            hold,
            holders: holders.iter().map(StoredHolder::from).collect(),
            changes,
            charged,
        }
    }
}

impl TryFrom<StoredArrival> for Arrival {
    type Error = String;

    fn try_from(stored: StoredArrival) -> Result<Self, String> {
        let destination =
            |(number, name, why): (u32, String, Option<String>)| Ok((ordinal(number)?, next_hop(&name)?, why));
        Ok(Self {
            id: QueueId::from(stored.id).message(),
            source: source(&stored.source)?,
            remote: stored.remote,
            helo: stored.helo,
            size: stored.size,
            from: stored.from,
            to: stored.to,
            journey: stored.journey.into_iter().map(Step::from).collect(),
            says: stored.says.map(Said::from),
            destinations: stored
                .destinations
                .into_iter()
                .map(destination)
                .collect::<Result<_, String>>()?,
            hold: stored.hold,
            holders: all(stored.holders)?,
            changes: stored.changes,
            charged: stored.charged,
        })
    }
}

impl From<Said> for StoredSaid {
    fn from(plain: Said) -> Self {
        let Said { kind, status, text } = plain;
        Self { kind, status, text }
    }
}

impl From<StoredSaid> for Said {
    fn from(stored: StoredSaid) -> Self {
        let StoredSaid { kind, status, text } = stored;
        Self { kind, status, text }
    }
}

impl From<&Step> for StoredStep {
    fn from(plain: &Step) -> Self {
        let Step {
            plugin,
            occasion,
            did,
            micros,
            body_octets_read,
        } = plain;
        Self {
            plugin: plugin.clone(),
            occasion: occasion.clone(),
            did: did.clone(),
            micros: *micros,
            body_octets_read: *body_octets_read,
        }
    }
}

impl From<StoredStep> for Step {
    fn from(stored: StoredStep) -> Self {
        Self {
            plugin: stored.plugin,
            occasion: stored.occasion,
            did: stored.did,
            micros: stored.micros,
            body_octets_read: stored.body_octets_read,
        }
    }
}

/// 0 stands for a message as received.
impl From<QueueId> for StoredId {
    fn from(plain: QueueId) -> Self {
        Self {
            message: plain.message().0,
            ordinal: plain.number(),
        }
    }
}

impl From<OutgoingId> for StoredId {
    fn from(plain: OutgoingId) -> Self {
        QueueId::from(plain).into()
    }
}

impl From<StoredId> for QueueId {
    fn from(stored: StoredId) -> Self {
        Self::of(MessageId(stored.message), stored.ordinal)
    }
}

impl TryFrom<StoredId> for OutgoingId {
    type Error = String;

    fn try_from(stored: StoredId) -> Result<Self, String> {
        Ok(Self {
            message: MessageId(stored.message),
            ordinal: ordinal(stored.ordinal)?,
        })
    }
}

fn ordinal(number: u32) -> Result<Ordinal, String> {
    Ordinal::new(number).ok_or_else(|| "a stored destination has the ordinal 0".to_owned())
}
