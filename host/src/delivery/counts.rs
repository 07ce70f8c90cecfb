//! What delivery to one peer has come to since the relay started.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::spool::DeliveryResult;

/// Counts results as they are recorded.
#[derive(Debug, Default)]
pub(super) struct Counts {
    delivered: AtomicU64,
    deferred: AtomicU64,
    failed: AtomicU64,
}

/// Outgoing messages, each counted every time that something was recorded of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// The next hop took it, for all recipients or the last of them.
    pub delivered: u64,
    /// It waits for another attempt, with all recipients or some.
    pub deferred: u64,
    /// It was given up, or dropped because nobody has to hear of it.
    pub failed: u64,
}

impl Counts {
    pub fn note(&self, result: &DeliveryResult) {
        let counter = match result {
            DeliveryResult::Delivered => &self.delivered,
            DeliveryResult::Deferred { .. } | DeliveryResult::Partly { .. } => &self.deferred,
            DeliveryResult::Failed { .. } | DeliveryResult::Dropped { .. } => &self.failed,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub fn read(&self) -> Delivered {
        Delivered {
            delivered: self.delivered.load(Relaxed),
            deferred: self.deferred.load(Relaxed),
            failed: self.failed.load(Relaxed),
        }
    }
}
