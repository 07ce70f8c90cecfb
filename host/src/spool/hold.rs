//! Messages that stay in the spool as they were received, until their chain has run.

use super::Acceptance;
use crate::message::{Append, Holder, Incoming, KvWrite, Ordinal, Timestamp, TransactionChange};

/// A message that stays as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// For people.
    pub reason: String,
    pub goes_on: GoesOn,
    /// What the arrival plug-ins asked for was committed before, with other recipients of the same message: when the
    /// chain runs anew, what they ask for on arrival must be dropped.
    pub arrived: bool,
}

/// When the chain of such a message runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GoesOn {
    /// When an operator releases the message. These plug-ins asked for the hold, if any did.
    WhenReleased { holders: Vec<Holder> },
    /// At this time, by the relay itself.
    At(Timestamp),
}

/// A message whose chain must run from the spool.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// The message as received, with the remaining recipients.
    pub incoming: Incoming,
    /// Runs so far that were deferred.
    pub attempts: u32,
    /// As in [`Hold`].
    pub arrived: bool,
    /// The last ordinal of its earlier destinations.
    pub ordinals: Option<Ordinal>,
    /// Plug-ins that are not called for it on arrival and departure, because an operator released it past them.
    pub past: Vec<String>,
    /// How often an operator has released it.
    pub released: u32,
}

/// The result of a run of the chain from the spool.
#[derive(Clone, Debug)]
pub enum Finish {
    /// This acceptance replaces the wait; it may hold the message again.
    Done(Box<Acceptance>),
    /// The run was deferred; the next one is at `due`.
    Again { due: Timestamp, reason: String },
    /// The message was refused for good. It stays visible, bytes included, until an operator drops or releases it.
    Failed {
        reason: String,
        changes: Vec<TransactionChange>,
        appends: Vec<Append>,
        kv: Vec<KvWrite>,
    },
}

impl Hold {
    /// A hold that these plug-ins asked for, with each of their reasons once.
    pub fn by(holders: Vec<Holder>) -> Self {
        let mut reasons: Vec<&str> = Vec::new();
        for holder in &holders {
            if !reasons.contains(&holder.reason.as_str()) {
                reasons.push(&holder.reason);
            }
        }
        Self {
            reason: reasons.join("; "),
            arrived: false,
            goes_on: GoesOn::WhenReleased { holders },
        }
    }

    /// A hold until an operator releases the message.
    pub fn parked(reason: impl Into<String>) -> Self {
        Self {
            goes_on: GoesOn::WhenReleased { holders: Vec::new() },
            reason: reason.into(),
            arrived: false,
        }
    }

    /// A wait until this time, when the relay runs the chain.
    pub fn until(due: Timestamp, reason: impl Into<String>) -> Self {
        Self {
            goes_on: GoesOn::At(due),
            ..Self::parked(reason)
        }
    }

    /// When the relay runs the chain; `None` when an operator must release the message.
    pub fn due(&self) -> Option<Timestamp> {
        match self.goes_on {
            GoesOn::At(due) => Some(due),
            GoesOn::WhenReleased { .. } => None,
        }
    }

    /// The plug-ins that asked for the hold.
    pub fn holders(&self) -> &[Holder] {
        match &self.goes_on {
            GoesOn::WhenReleased { holders } => holders,
            GoesOn::At(_) => &[],
        }
    }
}
