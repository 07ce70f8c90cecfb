//! Counts of clients whose sessions led to no message, since the relay started.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use crate::intake::Notice;
use crate::message::PeerName;
use crate::sync::lock;

#[derive(Debug, Default)]
pub(crate) struct Callers {
    turned_away: AtomicU64,
    logins_refused: AtomicU64,
    overloaded: AtomicI64,
    too_fast: Mutex<BTreeMap<(PeerName, &'static str), u64>>,
}

impl Callers {
    pub(super) fn note(&self, notice: Notice) {
        match notice {
            Notice::TurnedAway => _ = self.turned_away.fetch_add(1, Relaxed),
            Notice::LoginRefused => _ = self.logins_refused.fetch_add(1, Relaxed),
            Notice::Overload(true) => _ = self.overloaded.fetch_add(1, Relaxed),
            Notice::Overload(false) => _ = self.overloaded.fetch_sub(1, Relaxed),
        }
    }

    /// Counts and logs that a peer exceeded its agreed rate of `what`.
    pub(super) fn note_too_fast(&self, peer: &PeerName, what: &'static str) {
        *lock(&self.too_fast).entry((peer.clone(), what)).or_default() += 1;
    }

    /// Connections that were refused because no place was free.
    pub(crate) fn turned_away(&self) -> u64 {
        self.turned_away.load(Relaxed)
    }

    pub(crate) fn logins_refused(&self) -> u64 {
        self.logins_refused.load(Relaxed)
    }

    /// Listeners of which nearly all places are taken.
    pub(crate) fn overloaded(&self) -> i64 {
        self.overloaded.load(Relaxed)
    }

    /// How often each peer exceeded each of its rates.
    pub(crate) fn too_fast(&self) -> Vec<((PeerName, &'static str), u64)> {
        let all = lock(&self.too_fast);
        all.iter().map(|(key, count)| (key.clone(), *count)).collect()
    }
}
