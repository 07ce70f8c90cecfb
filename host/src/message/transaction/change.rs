//! The changes to a transaction, and the work that they make due.

use super::{Answer, Cause, Leg, LegState};
use crate::message::{MessageId, Ordinal, PeerName, Recipient, RecipientId, Timestamp};

/// Work that the relay has to do without anybody asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    pub due: Timestamp,
    pub what: Todo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Todo {
    /// Tell the asking peer its [`News`]: by a response, a report, a bounce, or not at all.
    Tell,
    /// Check whether responses are overdue.
    Await,
}

impl Todo {
    /// The word in exported JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tell => "tell",
            Self::Await => "await",
        }
    }
}

/// What the asking peer does not know yet and must be told now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The request's one response.
    Answer(Answer),
    /// Recipients who will not get the message. The request was answered otherwise before, or asked for no answer.
    Failure {
        /// The place of their leg in `legs`.
        leg: usize,
        recipients: Vec<Recipient>,
        answer: Answer,
        cause: Cause,
    },
}

/// A change to a stored transaction. It is committed with the event that caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionChange {
    /// The transaction that changes.
    pub id: MessageId,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The state of one leg changed.
    Leg { ordinal: Ordinal, state: LegState },
    /// Some recipients of one leg will not get the message; the others still may.
    Refused {
        ordinal: Ordinal,
        recipients: Vec<RecipientId>,
        answer: Answer,
        cause: Cause,
    },
    /// A held or unfinished message went on, and has these further legs.
    Legs { legs: Vec<Leg> },
    /// The asking peer was sent this response.
    Told { answer: Answer },
    /// The failure of these recipients was reported, or there is nobody to report it to. `leg` is the place of their
    /// leg.
    Reported {
        leg: usize,
        recipients: Vec<RecipientId>,
        to_nobody: bool,
    },
    /// The request came again.
    CameAgain { at: Timestamp },
    /// The relay asked a leg again.
    Repeated { ordinal: Ordinal, at: Timestamp },
    /// An operator rerouted a leg to another peer.
    Rerouted { ordinal: Ordinal, peer: PeerName },
    /// A response may be overdue at this time.
    Await { due: Timestamp },
    /// The relay has nothing to do now; this is the next task, if any.
    Next { task: Option<Task> },
}
