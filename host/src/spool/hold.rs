//! Messages that stay in the spool as they were received, until their chain has run.

use super::Acceptance;
use crate::message::{Append, Holder, Incoming, KvWrite, Ordinal, Timestamp, TransactionChange};

/// A message that stays as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// For people.
    pub reason: String,
    pub goes_on: GoesOn,
    /// What its arrival plug-ins asked for is durable already, with other recipients of the same message: whatever they
    /// ask for when the chain runs anew must be dropped.
    pub arrived: bool,
}

/// When the chain of a held message runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GoesOn {
    /// When an operator releases the message. It is parked because of these plug-ins, if any.
    WhenReleased { holders: Vec<Holder> },
    /// At this time, by the relay itself.
    At(Timestamp),
}

/// A message whose chain is to be run from the spool.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// As received; with the recipients that are left.
    pub incoming: Incoming,
    /// Runs that came to nothing so far.
    pub attempts: u32,
    /// As in [`Hold`].
    pub arrived: bool,
    /// The last that a destination of it had before.
    pub ordinals: Option<Ordinal>,
    /// Plug-ins that are not to be called for it on arrival and departure: an operator released it past them.
    pub past: Vec<String>,
    /// How often an operator has released it.
    pub released: u32,
}

/// What a run of the chain from the spool came to.
#[derive(Clone, Debug)]
pub enum Finish {
    /// All this, instead of the wait; held again if it says so.
    Done(Box<Acceptance>),
    /// It has come to nothing yet. Run it again at `due`.
    Again { due: Timestamp, reason: String },
    /// Refused for good. Stays visible, bytes included, until an operator drops or releases it.
    Failed {
        reason: String,
        changes: Vec<TransactionChange>,
        appends: Vec<Append>,
        kv: Vec<KvWrite>,
    },
}

impl Hold {
    /// Parked because of these plug-ins, for each of their reasons once.
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

    /// Parked for an operator.
    pub fn parked(reason: impl Into<String>) -> Self {
        Self {
            goes_on: GoesOn::WhenReleased { holders: Vec::new() },
            reason: reason.into(),
            arrived: false,
        }
    }

    /// For the relay itself, which runs the chain at this time.
    pub fn until(due: Timestamp, reason: impl Into<String>) -> Self {
        Self {
            goes_on: GoesOn::At(due),
            ..Self::parked(reason)
        }
    }

    /// When the relay itself runs the chain; `None` when that is up to an operator.
    pub fn due(&self) -> Option<Timestamp> {
        match self.goes_on {
            GoesOn::At(due) => Some(due),
            GoesOn::WhenReleased { .. } => None,
        }
    }

    /// The plug-ins because of which it is parked.
    pub fn holders(&self) -> &[Holder] {
        match &self.goes_on {
            GoesOn::WhenReleased { holders } => holders,
            GoesOn::At(_) => &[],
        }
    }
}
