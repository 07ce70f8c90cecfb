//! Leases in the memory store.

use std::collections::HashMap;

use super::super::{Leased, SpoolError};
use crate::message::Timestamp;

/// A lease belongs to a relay, and ends with the time for which the relay was last renewed.
#[derive(Clone, Default)]
pub(super) struct Leases {
    held: HashMap<Leased, u64>,
    /// Relays, with their names, and until when each counts as alive.
    relays: HashMap<u64, (Timestamp, String)>,
}

impl Leases {
    pub(super) fn admit(&mut self, owner: u64, until: Timestamp, name: String) {
        self.relays.insert(owner, (until, name));
    }

    /// Those that count as alive.
    pub(super) fn living(&self, now: Timestamp) -> impl Iterator<Item = (u64, &str)> {
        let living = self.relays.iter().filter(move |(_, (until, _))| *until > now);
        living.map(|(owner, (_, name))| (*owner, name.as_str()))
    }

    pub(super) fn must_live(&self, owner: u64, now: Timestamp) -> Result<(), SpoolError> {
        match self.living(now).any(|(living, _)| living == owner) {
            true => Ok(()),
            false => Err(SpoolError::Lapsed),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.held
            .values()
            .filter(|owner| self.relays.contains_key(owner))
            .count()
    }

    pub(super) fn take(&mut self, owner: u64, what: Leased) {
        self.held.insert(what, owner);
    }

    /// Whether no living relay holds the lease.
    pub(super) fn is_free(&self, what: Leased, now: Timestamp) -> bool {
        let alive = |owner| self.relays.get(owner).is_some_and(|(until, _)| *until > now);
        !self.held.get(&what).is_some_and(alive)
    }

    pub(super) fn must_hold(&self, owner: u64, now: Timestamp, what: Leased) -> Result<(), SpoolError> {
        let lives = self.must_live(owner, now).is_ok();
        match lives && self.held.get(&what) == Some(&owner) {
            true => Ok(()),
            false => Err(SpoolError::NotOurs(what)),
        }
    }

    pub(super) fn give_back(&mut self, owner: u64, what: Leased) {
        if self.held.get(&what) == Some(&owner) {
            self.held.remove(&what);
        }
    }

    /// Renews a relay. One that was silent for too long has lost its leases.
    pub(super) fn renew(&mut self, owner: u64, now: Timestamp, until: Timestamp) -> Result<(), SpoolError> {
        let lived = self.must_live(owner, now).is_ok();
        if !lived {
            self.held.retain(|_, holder| *holder != owner);
        }
        if let Some(relay) = self.relays.get_mut(&owner) {
            relay.0 = until;
        }
        match lived {
            true => Ok(()),
            false => Err(SpoolError::Lapsed),
        }
    }

    pub(super) fn end(&mut self, owner: u64) {
        self.held.retain(|_, holder| *holder != owner);
        self.relays.remove(&owner);
    }
}
