//! The memory that messages may take, in the whole relay.
//!
//! Half of it is divided into equal shares, one for each peer, and no other peer takes any of a share; the other half
//! is given out in the order of requests. So a peer that sends without end makes its own messages go through files, and
//! never those of another peer that fit into a share.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use crate::message::PeerName;
use crate::sync::lock;

/// A number of octets that all messages in memory share. Clones are the same budget.
#[derive(Clone)]
pub struct MemoryBudget(Arc<Pool>);

struct Pool {
    total: usize,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    total: usize,
    /// Octets held by each peer that holds any.
    by_peer: HashMap<PeerName, usize>,
}

/// Octets taken from a [`MemoryBudget`]. Dropping the lease gives them back.
pub struct Lease {
    budget: MemoryBudget,
    holder: Option<Holder>,
    octets: usize,
}

/// The peer that holds a lease.
#[derive(Clone)]
struct Holder {
    peer: PeerName,
    /// The number of peers that have a share.
    peers: usize,
}

impl MemoryBudget {
    pub fn new(octets: usize) -> Self {
        let used = Mutex::default();
        Self(Arc::new(Pool { total: octets, used }))
    }

    /// Takes `octets` for no particular peer; `None` when fewer are left.
    pub fn reserve(&self, octets: usize) -> Option<Lease> {
        let mut lease = self.empty_lease();
        lease.grow(octets).then_some(lease)
    }

    /// A lease of nothing, which can grow. It belongs to no peer, and respects no shares.
    pub fn empty_lease(&self) -> Lease {
        Lease {
            budget: self.clone(),
            holder: None,
            octets: 0,
        }
    }

    /// A lease of nothing for `peer`, which can grow; `peers` is the number of peers that have a share.
    pub fn lease_of(&self, peer: &PeerName, peers: usize) -> Lease {
        let peer = peer.clone();
        Lease {
            budget: self.clone(),
            holder: Some(Holder { peer, peers }),
            octets: 0,
        }
    }

    /// The octets that all leases hold now.
    pub fn used(&self) -> usize {
        lock(&self.0.used).total
    }
}

impl Pool {
    /// The octets that this holder must leave free: what the other peers have not taken of their shares.
    fn kept_for_others(&self, used: &Used, holder: &Holder) -> usize {
        let share = self.total / 2 / holder.peers.max(1);
        let others = used.by_peer.iter().filter(|(peer, _)| **peer != holder.peer);
        let taken: usize = others.map(|(_, octets)| (*octets).min(share)).sum();
        (share * holder.peers.saturating_sub(1)).saturating_sub(taken)
    }
}

impl Lease {
    /// Takes `octets` more. When fewer are left, takes nothing and returns false.
    #[must_use]
    pub fn grow(&mut self, octets: usize) -> bool {
        let pool = &self.budget.0;
        let mut used = lock(&pool.used);
        let kept = self
            .holder
            .as_ref()
            .map_or(0, |holder| pool.kept_for_others(&used, holder));
        let sum = used.total.checked_add(octets);
        let Some(sum) = sum.filter(|sum| *sum <= pool.total.saturating_sub(kept)) else {
            return false;
        };
        used.total = sum;
        if let Some(holder) = &self.holder {
            *used.by_peer.entry(holder.peer.clone()).or_default() += octets;
        }
        self.octets += octets;
        true
    }

    pub fn octets(&self) -> usize {
        self.octets
    }

    /// A lease of nothing from the same budget, for the same peer.
    pub fn empty(&self) -> Self {
        Self {
            budget: self.budget.clone(),
            holder: self.holder.clone(),
            octets: 0,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut used = lock(&self.budget.0.used);
        used.total -= self.octets;
        if let Some(Holder { peer, .. }) = &self.holder
            && let Some(octets) = used.by_peer.get_mut(peer)
        {
            *octets -= self.octets;
            if *octets == 0 {
                used.by_peer.remove(peer);
            }
        }
    }
}

impl fmt::Debug for MemoryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryBudget({} of {} octets used)", self.used(), self.0.total)
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({} octets)", self.octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_lends_its_last_octet_and_not_one_more() {
        let budget = MemoryBudget::new(10);
        let mut lease = budget.reserve(9).unwrap();
        assert!(lease.grow(1));
        assert!(!lease.grow(1));
        assert!(budget.reserve(1).is_none());
        assert!(!lease.grow(usize::MAX));
        assert_eq!((lease.octets(), budget.used()), (10, 10));
    }

    #[test]
    fn a_dropped_lease_gives_everything_back() {
        let budget = MemoryBudget::new(10);
        let mut lease = budget.reserve(4).unwrap();
        assert!(lease.grow(6));
        drop(lease);
        assert_eq!(budget.used(), 0);
        assert!(budget.reserve(10).is_some());
    }

    #[test]
    fn no_peer_takes_the_share_of_another() {
        let budget = MemoryBudget::new(1_000);
        let of = |name: &str| budget.lease_of(&PeerName::new(name).unwrap(), 5);
        let most = |lease: &mut Lease| {
            while lease.grow(1) {}
            lease.octets()
        };
        // Of 1,000 octets, 100 are kept for each of the four others.
        let (mut greedy, mut second) = (of("a"), of("b"));
        assert_eq!(most(&mut greedy), 600);
        assert!(!of("a").grow(1), "in however many messages");
        assert_eq!(most(&mut second), 100);
        assert!(!of("b").grow(1), "beyond its share it comes too late");
        assert_eq!(most(&mut of("c")), 100);
        drop(greedy);
        assert_eq!(most(&mut second), 600, "what nobody's share holds, and its own");
    }
}
