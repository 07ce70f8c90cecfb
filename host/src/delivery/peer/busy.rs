//! What is under way: for one peer, and for all of them together.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// Workers, each with at most one connection, and records of outcomes.
pub(in crate::delivery) struct Busy {
    /// Shared by all peers: a drain of the relay waits for it.
    all: watch::Sender<usize>,
    here: AtomicUsize,
}

impl Busy {
    pub fn among(all: watch::Sender<usize>) -> Self {
        Self {
            all,
            here: AtomicUsize::new(0),
        }
    }

    pub fn begin(&self) {
        self.here.fetch_add(1, Ordering::Relaxed);
        self.all.send_modify(|busy| *busy += 1);
    }

    pub fn end(&self) {
        self.here.fetch_sub(1, Ordering::Relaxed);
        self.all.send_modify(|busy| *busy -= 1);
    }

    /// For this peer.
    pub fn here(&self) -> usize {
        self.here.load(Ordering::Relaxed)
    }
}
