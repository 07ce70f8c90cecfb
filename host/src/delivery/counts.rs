//! Counts of deliveries to one peer, since the relay started.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::spool::DeliveryResult;

/// Counts results as they are recorded.
#[derive(Debug, Default)]
pub(super) struct Counts {
    delivered: AtomicU64,
    deferred: AtomicU64,
    failed: AtomicU64,
    took: [AtomicU64; TOOK.len() + 1],
}

/// Outgoing messages by result. A message counts each time that a result of it is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// The next hop took the message, for all recipients or for the last of them.
    pub delivered: u64,
    /// The message waits for another attempt, for all recipients or some.
    pub deferred: u64,
    /// The message was given up, or dropped because nobody needs to be told.
    pub failed: u64,
    /// Deliveries by the time since reception: how many took no longer than each time of [`TOOK`], and longer than the
    /// one before it. The last entry counts those that took longer than all of them.
    pub took: [u64; TOOK.len() + 1],
}

/// The limits between these groups, in milliseconds: quick, slow, and tried again.
pub const TOOK: [u64; 14] = [
    25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 7_200_000,
];

impl Counts {
    /// Counts a result. `took` is the time since the message was received.
    pub fn note(&self, result: &DeliveryResult, took: Duration) {
        let counter = match result {
            DeliveryResult::Delivered => &self.delivered,
            DeliveryResult::Deferred { .. } | DeliveryResult::Partly { .. } => &self.deferred,
            DeliveryResult::Failed { .. } | DeliveryResult::Dropped { .. } => &self.failed,
        };
        counter.fetch_add(1, Relaxed);
        if matches!(result, DeliveryResult::Delivered) {
            let place = TOOK.partition_point(|bound| u128::from(*bound) < took.as_millis());
            self.took[place].fetch_add(1, Relaxed);
        }
    }

    pub fn read(&self) -> Delivered {
        Delivered {
            delivered: self.delivered.load(Relaxed),
            deferred: self.deferred.load(Relaxed),
            failed: self.failed.load(Relaxed),
            took: std::array::from_fn(|place| self.took[place].load(Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_counted_by_the_time_that_it_took() {
        let counts = Counts::default();
        for millis in [25, 26, 7_200_001] {
            counts.note(&DeliveryResult::Delivered, Duration::from_millis(millis));
        }
        let read = counts.read();
        assert_eq!((read.delivered, read.took[0], read.took[1]), (3, 1, 1));
        assert_eq!(read.took[TOOK.len()], 1, "longer than every bound");
    }
}
