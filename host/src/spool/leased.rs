//! What is leased, and for how long at the most.

use std::time::Duration;

use crate::message::{MessageId, OutgoingId};

/// One thing to work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leased {
    /// To be delivered.
    Outgoing(OutgoingId),
    /// Its chain is to be run.
    Unfinished(MessageId),
    /// Its task is due.
    Request(MessageId),
    /// An outcome that plug-ins are to be told.
    Event(u64),
}

impl Leased {
    /// After this long it is free again, whatever its owner does. `None`: an attempt at delivery may take as long as the
    /// next hop likes, and what waits in memory longer still.
    pub fn term(self) -> Option<Duration> {
        const MINUTE: Duration = Duration::from_secs(60);
        match self {
            Self::Outgoing(_) => None,
            // Longer than a run of the chain may take.
            Self::Unfinished(_) => Some(MINUTE * 15),
            // Longer than a message of the relay's own may take.
            Self::Request(_) => Some(MINUTE * 5),
            // Longer than all the plug-ins' calls for a batch of them.
            Self::Event(_) => Some(MINUTE * 15),
        }
    }
}
