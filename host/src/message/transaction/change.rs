//! What changes a transaction, and what the relay has to do because of it.

use super::{Answer, Cause, Leg, LegState};
use crate::message::{MessageId, Ordinal, PeerName, Recipient, RecipientId, Timestamp};

/// What the relay has to do of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    pub due: Timestamp,
    pub what: Todo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Todo {
    /// Tell the asking peer its [`News`]: by a response, a report, a bounce, or not at all.
    Tell,
    /// Look whether responses have come.
    Await,
}

impl Todo {
    /// The word for it in exported JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tell => "tell",
            Self::Await => "await",
        }
    }
}

/// What the asking peer does not know yet, and is to be told now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The request's one response.
    Answer(Answer),
    /// Recipients who will not get it, after the request was answered otherwise, or asked for no answer.
    Failure {
        /// Its place in `legs`.
        leg: usize,
        recipients: Vec<Recipient>,
        answer: Answer,
        cause: Cause,
    },
}

/// A change to a stored transaction, committed with what caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionChange {
    /// The transaction that changes.
    pub id: MessageId,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// What became of one leg.
    Leg { ordinal: Ordinal, state: LegState },
    /// Recipients of one leg who will not get it, while others may.
    Refused {
        ordinal: Ordinal,
        recipients: Vec<RecipientId>,
        answer: Answer,
        cause: Cause,
    },
    /// A message that was held or unfinished goes on: further legs.
    Legs { legs: Vec<Leg> },
    /// The asking peer is sent this response.
    Told { answer: Answer },
    /// The failure of these recipients is told, or there is nobody to tell; `leg` is its place.
    Reported {
        leg: usize,
        recipients: Vec<RecipientId>,
        to_nobody: bool,
    },
    /// The request came again.
    CameAgain { at: Timestamp },
    /// The relay asked a leg again.
    Repeated { ordinal: Ordinal, at: Timestamp },
    /// An operator has another peer asked in place of the one that was to be.
    Rerouted { ordinal: Ordinal, peer: PeerName },
    /// A response may be overdue then.
    Await { due: Timestamp },
    /// The relay has nothing to do now, or at another time.
    Next { task: Option<Task> },
}
