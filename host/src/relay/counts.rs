//! Counts of received messages by their answer, since the relay started.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::message::{Blame, Refusal, Source};
use crate::sync::lock;

/// Counts the answers to the end of data.
#[derive(Debug, Default)]
pub struct Counts {
    accepted: AtomicU64,
    refused: [AtomicU64; BLAMES.len()],
    deferred: [AtomicU64; BLAMES.len()],
    by_source: Mutex<BTreeMap<Source, CameFrom>>,
}

/// The counts of one sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CameFrom {
    pub accepted: u64,
    pub refused: u64,
    /// Messages that were deferred, and that the sender keeps.
    pub deferred: u64,
}

/// The parties that may be at fault, in the order of the counters.
pub const BLAMES: [(Blame, &str); 3] = [
    (Blame::Peer, "peer"),
    (Blame::Plugin, "plugin"),
    (Blame::Relay, "relay"),
];

/// The counters at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    /// Messages that were answered with 250.
    pub accepted: u64,
    /// Messages that were answered with 5xx, in the order of [`BLAMES`].
    pub refused: [u64; BLAMES.len()],
    /// Messages that were answered with 4xx and stay with their sender, in the order of [`BLAMES`].
    pub deferred: [u64; BLAMES.len()],
}

impl Counts {
    /// Counts the end of a journey while its sender waits.
    pub fn note<T>(&self, source: &Source, came_to: &Result<T, Refusal>) {
        self.note_source(source, came_to.as_ref().err());
        let refusal = match came_to {
            Ok(_) => {
                self.accepted.fetch_add(1, Relaxed);
                return;
            }
            Err(refusal) => refusal,
        };
        let counters = match refusal.is_temporary() {
            true => &self.deferred,
            false => &self.refused,
        };
        let blame = refusal.blame();
        let place = BLAMES.iter().position(|(known, _)| *known == blame);
        counters[place.unwrap_or_default()].fetch_add(1, Relaxed);
    }

    fn note_source(&self, source: &Source, refusal: Option<&Refusal>) {
        let mut sources = lock(&self.by_source);
        if !sources.contains_key(source) {
            sources.insert(source.clone(), CameFrom::default());
        }
        let Some(came) = sources.get_mut(source) else { return };
        match refusal.map(Refusal::is_temporary) {
            None => came.accepted += 1,
            Some(true) => came.deferred += 1,
            Some(false) => came.refused += 1,
        }
    }

    /// The counts of every source that has sent something.
    pub fn by_source(&self) -> Vec<(Source, CameFrom)> {
        lock(&self.by_source)
            .iter()
            .map(|(source, came)| (source.clone(), *came))
            .collect()
    }

    pub fn read(&self) -> Came {
        let all = |counters: &[AtomicU64; BLAMES.len()]| std::array::from_fn(|place| counters[place].load(Relaxed));
        Came {
            accepted: self.accepted.load(Relaxed),
            refused: all(&self.refused),
            deferred: all(&self.deferred),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_who_is_at_fault_and_for_how_long() {
        let counts = Counts::default();
        let by_plugin = |reason: &str| Refusal::Deferred {
            plugin: "p".into(),
            reason: reason.into(),
        };
        counts.note(&Source::Relay, &Ok(()));
        counts.note::<()>(&Source::Relay, &Err(Refusal::NotMm4));
        counts.note::<()>(&Source::Relay, &Err(Refusal::Stopping));
        counts.note::<()>(&Source::Relay, &Err(by_plugin("a")));
        counts.note::<()>(&Source::Relay, &Err(by_plugin("b")));
        let came = Came {
            accepted: 1,
            refused: [1, 0, 0],
            deferred: [0, 2, 1],
        };
        assert_eq!(counts.read(), came);
        let from = CameFrom {
            accepted: 1,
            refused: 1,
            deferred: 3,
        };
        assert_eq!(counts.by_source(), [(Source::Relay, from)]);
    }
}
