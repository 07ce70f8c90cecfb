//! The time, handed in. Rooms ask the clock that they were given, so that tests can stop it.
//!
//! A running relay has one clock, the [`SteadyClock`]: the system's time when the relay started, plus the time that has
//! passed since. Everything that the relay times (pauses, expiry, ages, responses) is stored in this time. So a system
//! clock that is set, to the right time or to a wrong one, changes no duration: nothing is given up early because of
//! it, and nothing waits longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::message::Timestamp;

/// Writes a time as RFC 3339 does, in UTC: to the second, with milliseconds where there are any.
pub fn rfc3339(at: Timestamp) -> String {
    shown(at, |time| time.to_string())
}

/// Like [`rfc3339`], always with three digits of milliseconds.
pub fn rfc3339_millis(at: Timestamp) -> String {
    shown(at, |time| format!("{time:.3}"))
}

/// Like [`rfc3339`], without milliseconds.
pub fn rfc3339_seconds(at: Timestamp) -> String {
    shown(at, |time| format!("{time:.0}"))
}

fn shown(at: Timestamp, show: impl Fn(jiff::Timestamp) -> String) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    // `jiff` knows no time after the year 9999.
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| "?".into(), show)
}

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

/// A clock that follows the machine's clock in small steps, and ignores its jumps.
#[derive(Debug)]
pub struct SteadyClock {
    begun: Instant,
    /// The system's time when this clock began, in milliseconds; moved by small steps of the system's clock.
    base: AtomicI64,
    /// The offset that remained after the system's clock last jumped, in milliseconds; 0 while both agree.
    offset: AtomicI64,
}

/// The result of comparing with the system's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Both are as far apart as at the last comparison.
    Same,
    /// The system's clock has jumped by so many milliseconds; a negative number means that it is now behind.
    Jumped(i64),
    /// The system's clock, which had jumped, agrees again.
    Agrees,
}

pub type SharedClock = Arc<dyn Clock>;

/// The largest step of the system's clock that is followed, in milliseconds. A step of a minute delays no message
/// noticeably.
const SMALL_STEP: i64 = 60_000;

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

impl Default for SteadyClock {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            base: AtomicI64::new(millis(SystemClock.now())),
            offset: AtomicI64::new(0),
        }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        self.at(self.begun.elapsed())
    }
}

impl SteadyClock {
    fn at(&self, passed: Duration) -> Timestamp {
        let passed = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        let now = self.base.load(Ordering::Relaxed).saturating_add(passed);
        Timestamp(u64::try_from(now).unwrap_or(0))
    }

    /// Compares with the system's clock. The relay calls this about once a second.
    pub fn look(&self) -> Look {
        self.compare(SystemClock.now(), self.begun.elapsed())
    }

    /// How far ahead the system's clock has been since it jumped, in milliseconds: 0 when it has not jumped.
    pub fn offset(&self) -> i64 {
        self.offset.load(Ordering::Relaxed)
    }

    fn compare(&self, system: Timestamp, passed: Duration) -> Look {
        let away = millis(system).saturating_sub(millis(self.at(passed)));
        let before = self.offset();
        if away.abs() <= SMALL_STEP {
            self.base.fetch_add(away, Ordering::Relaxed);
            self.offset.store(0, Ordering::Relaxed);
            return match before {
                0 => Look::Same,
                _ => Look::Agrees,
            };
        }
        self.offset.store(away, Ordering::Relaxed);
        match (away - before).abs() > SMALL_STEP {
            true => Look::Jumped(away),
            false => Look::Same,
        }
    }
}

fn millis(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;
    const BASE: u64 = 1_790_000_000_000;

    fn clock() -> SteadyClock {
        SteadyClock {
            base: AtomicI64::new(BASE as i64),
            ..SteadyClock::default()
        }
    }

    #[test]
    fn a_jump_either_way_moves_nothing_and_is_said_once() {
        for (jumped, away) in [(BASE + 5 * DAY, 5 * DAY as i64), (BASE - 2 * DAY, -2 * DAY as i64)] {
            let clock = clock();
            let second = Duration::from_secs(1);
            assert_eq!(clock.compare(Timestamp(jumped + 1_000), second), Look::Jumped(away));
            assert_eq!(clock.at(second), Timestamp(BASE + 1_000), "time goes on as it did");
            assert_eq!(clock.compare(Timestamp(jumped + 2_000), 2 * second), Look::Same);
            assert_eq!(clock.offset(), away);
            assert_eq!(clock.compare(Timestamp(BASE + 3_000), 3 * second), Look::Agrees);
            assert_eq!((clock.offset(), clock.at(3 * second)), (0, Timestamp(BASE + 3_000)));
        }
    }

    #[test]
    fn small_steps_are_followed() {
        let clock = clock();
        let second = Duration::from_secs(1);
        assert_eq!(clock.compare(Timestamp(BASE + 31_000), second), Look::Same);
        assert_eq!(clock.at(second), Timestamp(BASE + 31_000));
        assert_eq!(clock.compare(Timestamp(BASE + 2_000), 2 * second), Look::Same);
        assert_eq!(clock.at(2 * second), Timestamp(BASE + 2_000));
    }
}
