//! Leases of the one relay on this spool. The lock on the folder makes it the only one, and its leases end with it: so
//! they are kept in memory, at no cost.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::spool::{Leased, SpoolError};

#[derive(Default)]
pub(super) struct Held(Mutex<State>);

#[derive(Default)]
struct State {
    /// Until when.
    held: HashMap<Leased, Option<Instant>>,
    /// Looks at the database that are under way.
    looks: usize,
    /// Work that was given back since the first of them began: its row may be gone, but still visible in the snapshot
    /// of a look.
    given_back: HashSet<Leased>,
}

/// A look at the database for work to lease. Dropped before it is [`done`](Look::done), it leases nothing.
pub(super) struct Look<'h> {
    held: &'h Held,
    taken: Vec<Leased>,
}

/// Leases for what a commit is about to store, owned by the committing relay. They are given back unless the commit
/// succeeds and its caller is still there.
pub(super) struct Born {
    held: Arc<Held>,
    ids: Vec<Leased>,
}

impl Held {
    /// Must be called before the snapshot is taken.
    pub(super) fn look(&self) -> Look<'_> {
        self.state().looks += 1;
        Look {
            held: self,
            taken: Vec::new(),
        }
    }

    pub(super) fn bear(self: &Arc<Self>, ids: Vec<Leased>) -> Born {
        let mut state = self.state();
        state.held.extend(ids.iter().map(|id| (*id, None)));
        Born {
            held: Arc::clone(self),
            ids,
        }
    }

    pub(super) fn give_back(&self, leased: Leased) {
        let mut state = self.state();
        if state.held.remove(&leased).is_some() && state.looks > 0 {
            state.given_back.insert(leased);
        }
    }

    pub(super) fn must_hold(&self, leased: Leased) -> Result<(), SpoolError> {
        let held = self.state().holds(leased);
        held.then_some(()).ok_or(SpoolError::NotOurs(leased))
    }

    /// For tests: removes all leases, or restores them.
    #[cfg(test)]
    pub(super) fn swap(&self, leases: HashMap<Leased, Option<Instant>>) -> HashMap<Leased, Option<Instant>> {
        std::mem::replace(&mut self.state().held, leases)
    }

    /// No holder can panic.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn holds(&self, leased: Leased) -> bool {
        let until = self.held.get(&leased);
        until.is_some_and(|until| until.is_none_or(|until| until > Instant::now()))
    }
}

impl Look<'_> {
    /// Leases the work, unless it is leased. A look leases it once.
    pub(super) fn take(&mut self, leased: Leased) -> bool {
        let mut state = self.held.state();
        if state.holds(leased) || state.given_back.contains(&leased) {
            return false;
        }
        let until = leased.term().map(|term| Instant::now() + term);
        state.held.insert(leased, until);
        drop(state);
        self.taken.push(leased);
        true
    }

    /// What was taken is in its caller's hands.
    pub(super) fn done(mut self) {
        self.taken.clear();
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        let mut state = self.held.state();
        for taken in &self.taken {
            state.held.remove(taken);
        }
        state.looks -= 1;
        if state.looks == 0 {
            state.given_back.clear();
        }
    }
}

impl Born {
    pub(super) fn lives(mut self) {
        self.ids.clear();
    }
}

impl Drop for Born {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            self.held.give_back(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Leased = Leased::Event(1);

    #[test]
    fn what_is_given_back_while_somebody_looks_is_not_leased_in_that_look() {
        let held = Arc::new(Held::default());
        held.bear(vec![ONE]).lives();
        let mut look = held.look();
        assert!(!look.take(ONE));
        held.give_back(ONE);
        assert!(!look.take(ONE), "its row may be gone by now");
        look.done();
        let mut next = held.look();
        assert!(next.take(ONE) && !next.take(ONE));
        next.done();
        assert!(held.must_hold(ONE).is_ok());
    }

    #[test]
    fn a_look_and_a_commit_that_are_given_up_hold_nothing() {
        let held = Arc::new(Held::default());
        assert!(held.look().take(ONE));
        assert!(held.must_hold(ONE).is_err());
        drop(held.bear(vec![ONE]));
        assert!(held.must_hold(ONE).is_err());
    }
}
