//! What became of messages that came in, counted since the relay started.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::message::{Blame, Refusal};

/// Counts the answers to the end of data.
#[derive(Debug, Default)]
pub struct Counts {
    accepted: AtomicU64,
    refused: [AtomicU64; BLAMES.len()],
    deferred: [AtomicU64; BLAMES.len()],
}

/// Who was at fault, in the order of the counters.
pub const BLAMES: [(Blame, &str); 3] = [
    (Blame::Peer, "peer"),
    (Blame::Plugin, "plugin"),
    (Blame::Relay, "relay"),
];

/// All counters at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    /// The sender heard 250.
    pub accepted: u64,
    /// It heard 5xx, in the order of [`BLAMES`].
    pub refused: [u64; BLAMES.len()],
    /// It heard 4xx, and keeps the message.
    pub deferred: [u64; BLAMES.len()],
}

impl Counts {
    /// Counts the end of a journey while its sender waits.
    pub fn note<T>(&self, came_to: &Result<T, Refusal>) {
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
        counts.note(&Ok(()));
        counts.note::<()>(&Err(Refusal::NotMm4));
        counts.note::<()>(&Err(Refusal::Stopping));
        counts.note::<()>(&Err(by_plugin("a")));
        counts.note::<()>(&Err(by_plugin("b")));
        let came = Came {
            accepted: 1,
            refused: [1, 0, 0],
            deferred: [0, 2, 1],
        };
        assert_eq!(counts.read(), came);
    }
}
