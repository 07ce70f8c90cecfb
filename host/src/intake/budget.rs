//! How much memory messages may take, in the whole relay.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of octets that messages in memory share. Clones are the same budget.
#[derive(Clone)]
pub struct MemoryBudget(Arc<Pool>);

struct Pool {
    total: usize,
    used: AtomicUsize,
}

/// Octets taken from a [`MemoryBudget`]; given back when it is dropped.
pub struct Lease {
    budget: MemoryBudget,
    octets: usize,
}

impl MemoryBudget {
    pub fn new(octets: usize) -> Self {
        let used = AtomicUsize::new(0);
        Self(Arc::new(Pool { total: octets, used }))
    }

    /// `None` when fewer than `octets` are left.
    pub fn reserve(&self, octets: usize) -> Option<Lease> {
        let mut lease = self.empty_lease();
        lease.grow(octets).then_some(lease)
    }

    /// A lease of nothing, to be grown.
    pub fn empty_lease(&self) -> Lease {
        let budget = self.clone();
        Lease { budget, octets: 0 }
    }

    /// Octets that leases hold now.
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }
}

impl Lease {
    /// Takes `octets` more. Returns false, and takes nothing, when fewer are left.
    #[must_use]
    pub fn grow(&mut self, octets: usize) -> bool {
        let pool = &self.budget.0;
        let more = |used: usize| used.checked_add(octets).filter(|sum| *sum <= pool.total);
        // The counter orders nothing but itself.
        let taken = pool
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok();
        if taken {
            self.octets += octets;
        }
        taken
    }

    pub fn octets(&self) -> usize {
        self.octets
    }

    /// A lease of nothing, from the same budget.
    pub fn empty(&self) -> Self {
        self.budget.empty_lease()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.0.used.fetch_sub(self.octets, Ordering::Relaxed);
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
}
