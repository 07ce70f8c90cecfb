//! What the store has given out to be worked on, and what somebody believed of a request when he wrote about it.
//!
//! Whatever the store gives out is *leased* to the relay that asked: nobody else gets it until it is given back, or until
//! the lease ends. So two relays on one store never send one message twice at once, and two tasks of one relay do not
//! either. A lease has an owner, the relay, and an end: the relay says again and again that it lives, and when it has been
//! silent for too long, all that it held is free. What is handled within a time that is known ([`Leased::term`]) is free
//! after that time too, so that a task that was lost takes nothing along.

use std::time::Duration;

use super::{BoxFuture, Leased, SpoolError};
use crate::message::{MessageId, Transaction};

/// How long a relay holds what it has leased after it last said that it lives.
pub const LEASE: Duration = Duration::from_secs(60);

/// What everything that gives out work has in common.
pub trait Leases: Send + Sync + 'static {
    /// Ends a lease: nobody works on that any more, and whoever asks may have it. Never waits; nothing happens when this
    /// relay does not hold it.
    fn give_back(&self, leased: Leased);

    /// Says that this relay lives. [`SpoolError::Lapsed`]: it was silent for too long, and what it had leased may be
    /// others' by now; it holds nothing, and begins anew.
    fn renew(&self) -> BoxFuture<'_, Result<(), SpoolError>>;
}

/// What must still be true of a request when a commit is made that was decided by a look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    pub request: MessageId,
    /// [`Transaction::revision`], as it was seen.
    pub revision: u64,
}

impl Expect {
    /// That nothing has happened since this look which decides what the asking peer is told.
    pub fn unchanged(seen: &Transaction) -> Self {
        Self {
            request: seen.id,
            revision: seen.revision,
        }
    }
}
