//! Counts of what happened to requests since the relay started. The caller counts an event once it is durable.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::message::{Change, LegState, MessageType, PeerName, Source, Transaction, TransactionChange};

/// An event to count, and the peer that it happened with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Noted {
    pub what: What,
    pub peer: PeerName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A request of the peer was stored.
    Opened,
    /// The request has the IDs of an earlier one, and another body.
    Raised,
    /// The peer sent a request again.
    Repeat(Repeat),
    /// The peer sent a response.
    Response(Response),
    /// The peer answered a request that it was not asked.
    Unasked(Answers),
    /// The response of the peer did not come in time.
    TimedOut,
    /// The relay asked the peer again.
    AskedAgain,
    /// The relay sent the peer a message in its own name.
    Told(Told),
    /// A message of the peer was not delivered, and nobody can be notified.
    DeadLetter,
}

/// The kinds of message that answer a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answers {
    Response,
    Report,
    Bounce,
}

/// What became of a repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repeat {
    /// It gets the answer that the request got.
    Answered,
    /// It is forwarded to next hops that owe a response.
    Forwarded,
    /// The relay repeats the request itself.
    TakenOver,
    /// The request itself is not delivered yet.
    Waiting,
    /// The request asked for no response.
    Unasked,
}

/// What became of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Response {
    /// It was passed on to the peer that asked.
    PassedOn,
    /// The relay made its own answer of it, or had answered before.
    Kept,
    /// It came after the relay had given it up.
    Late,
    /// Another response came before it.
    Second,
    /// It belongs to no known request.
    Stray,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    Response,
    DeliveryReport,
    Bounce,
}

#[derive(Debug, Default)]
pub struct Counts {
    counts: Mutex<BTreeMap<Noted, u64>>,
}

impl Counts {
    pub fn note(&self, noted: impl IntoIterator<Item = Noted>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for noted in noted {
            *counts.entry(noted).or_default() += 1;
        }
    }

    /// All counts above zero.
    pub fn read(&self) -> Vec<(Noted, u64)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(noted, count)| (noted.clone(), *count)).collect()
    }
}

impl Answers {
    pub fn of(kind: MessageType) -> Self {
        match kind {
            MessageType::Other => Self::Bounce,
            kind if kind.request().is_some() => Self::Response,
            _ => Self::Report,
        }
    }
}

impl What {
    pub fn with(self, peer: &PeerName) -> Noted {
        Noted {
            what: self,
            peer: peer.clone(),
        }
    }

    /// The event with the peer that sent the message. Messages of the relay itself are counted where they are written.
    pub fn from_source(self, source: &Source) -> Option<Noted> {
        source.peer().map(|peer| self.with(peer))
    }

    /// The events of a new transaction.
    pub fn of_opening(opened: &Transaction) -> Vec<Noted> {
        let raised = opened.like.map(|_| Self::Raised);
        let noted = [Self::Opened].into_iter().chain(raised);
        noted.map(|what| what.with(&opened.source)).collect()
    }

    /// The events in changes that time caused, and no message.
    pub(super) fn of_time(of: &Transaction, changes: &[TransactionChange]) -> Vec<Noted> {
        let noted = changes.iter().filter_map(|change| {
            let (what, ordinal) = match &change.change {
                Change::Leg {
                    ordinal,
                    state: LegState::TimedOut { .. },
                } => (Self::TimedOut, ordinal),
                Change::Repeated { ordinal, .. } => (Self::AskedAgain, ordinal),
                _ => return None,
            };
            let leg = of.leg(*ordinal)?;
            Some(what.with(leg.asked()?))
        });
        noted.collect()
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Response => "a response",
            Self::DeliveryReport => "a delivery report",
            Self::Bounce => "a bounce",
        })
    }
}
