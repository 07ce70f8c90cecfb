//! The kinds of leased work, and how long each lease may last.

use std::time::Duration;

use crate::message::{MessageId, OutgoingId};

/// A piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leased {
    /// A message to be delivered.
    Outgoing(OutgoingId),
    /// A message whose chain must run.
    Unfinished(MessageId),
    /// A request whose task is due.
    Request(MessageId),
    /// An outcome that plug-ins must be told.
    Event(u64),
}

impl Leased {
    /// After this time the work is free again, whatever its owner does. `None`: an attempt at delivery may take as long
    /// as the next hop needs, and a message may wait in memory longer still.
    pub fn term(self) -> Option<Duration> {
        const MINUTE: Duration = Duration::from_secs(60);
        match self {
            Self::Outgoing(_) => None,
            // Longer than any run of the chain.
            Self::Unfinished(_) => Some(MINUTE * 15),
            // Longer than any message of the relay's own takes.
            Self::Request(_) => Some(MINUTE * 5),
            // Longer than all calls of plug-ins for a batch of them.
            Self::Event(_) => Some(MINUTE * 15),
        }
    }
}
