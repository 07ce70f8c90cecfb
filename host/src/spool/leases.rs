//! Leases of work, and expectations about requests.
//!
//! Whatever the store gives out is *leased* to the relay that asked: nobody else gets it until it is given back, or
//! until the lease ends. So two relays on one store never send one message twice at once, and neither do two tasks of
//! one relay. A lease has an owner, which is a relay, and an end: a relay renews its leases again and again, and once
//! it has been silent for too long, everything that it held is free. Work that takes a bounded time ([`Leased::term`])
//! is also free after that time, so that a lost task takes nothing with it.

use std::time::Duration;

use super::{BoxFuture, Leased, SpoolError};
use crate::message::{MessageId, Transaction};

/// How long a relay holds its leases after it last renewed them, by the store's clock.
pub const LEASE: Duration = Duration::from_secs(60);

/// How long a relay is certain of its leases after it last renewed them, by its own clocks. The rest of [`LEASE`] allows
/// for clocks that do not run alike.
pub const CERTAIN: Duration = Duration::from_secs(30);

/// The verbs that all facets with leases share.
pub trait Leases: Send + Sync + 'static {
    /// Ends a lease: others may get the work. Never waits; has no effect when this relay does not hold the lease.
    fn give_back(&self, leased: Leased);

    /// Whether it is certain, at this instant, that this relay holds it and that nobody else can have got it. To be asked
    /// immediately before what cannot be taken back. Cheap. A store that is one relay's alone takes nothing from it.
    fn is_ours(&self, _leased: Leased) -> bool {
        true
    }

    /// How many relays work on the store, this one among them, as far as is known. Cheap.
    fn relays(&self) -> u32 {
        1
    }

    /// Renews all leases of this relay. [`SpoolError::Lapsed`]: the relay was silent for too long, and others may have
    /// its work by now; it holds nothing, and starts afresh.
    fn renew(&self) -> BoxFuture<'_, Result<(), SpoolError>>;
}

/// A precondition of a commit: the state of a request that was seen when the commit was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    pub request: MessageId,
    /// The [`Transaction::revision`] that was seen.
    pub revision: u64,
}

impl Expect {
    /// Expects that nothing has changed since this look that affects what the asking peer is told.
    pub fn unchanged(seen: &Transaction) -> Self {
        Self {
            request: seen.id,
            revision: seen.revision,
        }
    }
}
