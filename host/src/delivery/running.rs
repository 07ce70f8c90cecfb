//! Attempts under way, as operators see them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::lock;

/// One attempt at one message.
#[derive(Debug)]
pub(super) struct Running {
    begun: Instant,
    place: Mutex<Place>,
    /// The log line for a slow attempt was written.
    said: AtomicBool,
}

/// The progress of an attempt.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The host of the session.
    pub host: Option<String>,
    /// What the attempt waits for, in words: `answer to MAIL`.
    pub waits_for: &'static str,
    pub since: Instant,
}

impl Running {
    pub fn begin() -> Self {
        let now = Instant::now();
        Self {
            begun: now,
            place: Mutex::new(Place {
                host: None,
                waits_for: "the name of a host",
                since: now,
            }),
            said: AtomicBool::new(false),
        }
    }

    pub fn goes_to(&self, host: &str) {
        let mut place = lock(&self.place);
        place.host = Some(host.to_owned());
        place.waits_for = "connection";
        place.since = Instant::now();
    }

    pub fn waits_for(&self, what: &'static str) {
        let mut place = lock(&self.place);
        place.waits_for = what;
        place.since = Instant::now();
    }

    pub fn place(&self) -> Place {
        lock(&self.place).clone()
    }

    /// How long it has taken so far.
    pub fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Returns true once, when the attempt has taken this long.
    pub fn is_slow(&self, limit: Duration) -> bool {
        self.age() >= limit && !self.said.swap(true, Ordering::Relaxed)
    }
}
