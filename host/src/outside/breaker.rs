//! A breaker: a scanner or service that keeps failing is left alone for a while, and then probed with one call at a
//! time.

use std::time::Duration;

use tokio::time::Instant;

/// When the breaker opens, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerTerms {
    /// Failures in a row.
    pub failures: u32,
    /// The first pause.
    pub first: Duration,
    /// The limit of the pause, which doubles each time.
    pub longest: Duration,
}

/// The state of the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateState {
    Closed,
    Open,
    /// One call is under way as a probe.
    Probing,
}

#[derive(Debug)]
pub(super) struct Breaker {
    failed: u32,
    pause: Duration,
    /// `None` while it is closed.
    until: Option<Instant>,
    probing: bool,
}

impl Breaker {
    pub fn new(terms: &BreakerTerms) -> Self {
        Self {
            failed: 0,
            pause: terms.first,
            until: None,
            probing: false,
        }
    }

    /// Whether a call may be made; otherwise, for how long none may.
    pub fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        match self.until {
            None => Ok(()),
            Some(until) if now >= until && !self.probing => {
                self.probing = true;
                Ok(())
            }
            Some(until) => Err(until.saturating_duration_since(now)),
        }
    }

    /// Records an answer. Returns whether that closed the breaker.
    pub fn succeeded(&mut self, terms: &BreakerTerms) -> bool {
        let closes = self.until.is_some();
        *self = Self::new(terms);
        closes
    }

    /// Records a failure. Returns the length of the pause if one begins.
    pub fn failed(&mut self, terms: &BreakerTerms, now: Instant) -> Option<Duration> {
        self.failed = self.failed.saturating_add(1);
        let reopens = std::mem::take(&mut self.probing);
        match self.until {
            Some(_) if !reopens => return None,
            Some(_) => self.pause = self.pause.saturating_mul(2).min(terms.longest),
            None if self.failed < terms.failures => return None,
            None => {}
        }
        self.until = Some(now + self.pause);
        Some(self.pause)
    }

    /// Records a call that ended without showing anything.
    pub fn gave_up(&mut self) {
        self.probing = false;
    }

    pub fn standing(&self) -> GateState {
        match (self.until, self.probing) {
            (None, _) => GateState::Closed,
            (Some(_), false) => GateState::Open,
            (Some(_), true) => GateState::Probing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_opens_after_failures_in_a_row_and_doubles_its_pause_with_each_failed_probe() {
        let terms = BreakerTerms {
            failures: 2,
            first: SECOND,
            longest: 3 * SECOND,
        };
        let (mut breaker, mut now) = (Breaker::new(&terms), Instant::now());
        assert_eq!(breaker.failed(&terms, now), None);
        assert!(!breaker.succeeded(&terms), "it was never open");
        assert_eq!(breaker.failed(&terms, now), None);
        assert_eq!(breaker.failed(&terms, now), Some(SECOND));
        assert_eq!(breaker.admit(now), Err(SECOND));
        for pause in [2 * SECOND, 3 * SECOND, 3 * SECOND] {
            now += 3 * SECOND;
            assert_eq!(breaker.admit(now), Ok(()));
            assert!(breaker.admit(now).is_err(), "one probe at a time");
            assert_eq!(breaker.failed(&terms, now), Some(pause));
        }
        now += 3 * SECOND;
        assert_eq!(breaker.admit(now), Ok(()));
        breaker.gave_up();
        assert_eq!(breaker.admit(now), Ok(()), "the next one is the probe");
        assert!(breaker.succeeded(&terms));
        assert_eq!(breaker.standing(), GateState::Closed);
    }
}
