//! The history of a request, for `mm4relay trace`. The spool writes it in the transaction of the event, and removes it
//! with the request. No decision depends on it.

use crate::message::{Holder, MessageId, NextHop, Ordinal, OutgoingId, QueueId, Said, Source, Step, Timestamp};

use super::{Acceptance, DeliveryResult, Hold, Outcome};

/// One event, at its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When it was committed.
    pub at: Timestamp,
    /// The relay that committed it, among those that share a store.
    pub node: Option<String>,
    pub event: Event,
}

/// Numbers are complete here. Each list of changes is a list of lines for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message was accepted: the request, a response to it, or one that the relay wrote about it.
    Accepted(Box<Arrival>),
    /// A held or unfinished message went through its chain, with this result.
    Finished(Box<Arrival>),
    /// Such a message was deferred again.
    Later { reason: String, due: Timestamp },
    /// Such a message was refused for good.
    Refused {
        reason: String,
        changes: Vec<String>,
        charged: Option<(u64, u64)>,
    },
    /// An attempt at delivery was recorded.
    Outcome {
        id: OutgoingId,
        /// `delivered`, `deferred`, `failed`, or `delivered in part`.
        became: String,
        /// What the next hop said, or why there was no reply. At most 512 octets.
        said: Option<String>,
        /// When it is tried again.
        due: Option<Timestamp>,
        changes: Vec<String>,
        charged: Option<(u64, u64)>,
    },
    /// Plug-ins that had failed have now taken an outcome.
    Settled {
        id: OutgoingId,
        charged: Option<(u64, u64)>,
    },
    /// Changes that no message and no delivery caused.
    Changed {
        changes: Vec<String>,
        charged: Option<(u64, u64)>,
    },
    /// An operator did something, or looked at it.
    Operator {
        /// The user's name on this machine.
        who: String,
        did: String,
        id: Option<QueueId>,
    },
}

/// A received message, and what it led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub id: MessageId,
    pub source: Source,
    /// Address and port.
    pub remote: String,
    pub helo: String,
    /// In octets, as received.
    pub size: u64,
    /// The envelope as received; no sender is the null sender.
    pub from: Option<String>,
    pub to: Vec<String>,
    pub journey: Vec<Step>,
    /// A summary of the message itself.
    pub says: Option<Said>,
    /// Its destinations: ordinal and next hop, and the reason if the destination was given up at once.
    pub destinations: Vec<(Ordinal, NextHop, Option<String>)>,
    /// Why it is held, or has not been through its chain.
    pub hold: Option<String>,
    /// The plug-ins that hold it.
    pub holders: Vec<Holder>,
    pub changes: Vec<String>,
    /// The first and the last sequence number of its charging records.
    pub charged: Option<(u64, u64)>,
}

/// How many octets of a reply are kept.
const MOST_SAID: usize = 512;

/// The first and the last sequence number of charging records, if there are any.
pub(super) type Charged = Option<(u64, u64)>;

/// The range of two groups of records that were written one after the other.
pub(super) fn together(one: Charged, other: Charged) -> Charged {
    match (one, other) {
        (Some((first, last)), Some((next, end))) => Some((first.min(next), last.max(end))),
        (one, other) => one.or(other),
    }
}

impl Event {
    /// The first and the last sequence number of the event's charging records.
    pub fn charged(&self) -> Option<(u64, u64)> {
        match self {
            Self::Accepted(arrival) | Self::Finished(arrival) => arrival.charged,
            Self::Outcome { charged, .. }
            | Self::Settled { charged, .. }
            | Self::Refused { charged, .. }
            | Self::Changed { charged, .. } => *charged,
            Self::Later { .. } | Self::Operator { .. } => None,
        }
    }

    /// Renumbers the event's charging records; `None`: their numbers are no longer known.
    pub(super) fn renumber(&mut self, number: impl Fn(u64) -> Option<u64>) {
        let charged = match self {
            Self::Accepted(arrival) | Self::Finished(arrival) => &mut arrival.charged,
            Self::Outcome { charged, .. }
            | Self::Settled { charged, .. }
            | Self::Refused { charged, .. }
            | Self::Changed { charged, .. } => charged,
            Self::Later { .. } | Self::Operator { .. } => return,
        };
        *charged = charged.and_then(|(first, last)| number(first).zip(number(last)));
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
            id: acceptance.id,
            source: origin.source.clone(),
            remote: origin.remote.to_string(),
            helo: origin.helo.clone(),
            size: acceptance.content.size(),
            from: envelope.sender.as_ref().map(ToString::to_string),
            to: envelope.recipients.iter().map(|r| r.address.to_string()).collect(),
            journey: acceptance.journey.clone(),
            says: acceptance.says.clone(),
            destinations: destinations
                .map(|(outgoing, why)| (outgoing.id.ordinal, outgoing.next_hop.clone(), why.map(|why| cut(why))))
                .collect(),
            hold: acceptance.hold.as_ref().map(|hold| hold.reason.clone()),
            holders: acceptance.hold.as_ref().map_or(&[][..], Hold::holders).to_vec(),
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
