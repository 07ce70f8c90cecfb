//! Time, handed in: rooms ask the clock that they were given, so that tests can hold it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::message::Timestamp;

/// Where wall-clock time comes from.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// A clock that stands still, for tests and for samples that state their time.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(pub Timestamp);

pub type SharedClock = Arc<dyn Clock>;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}
