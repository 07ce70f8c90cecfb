//! One machine of a breaker, without clock, lock or log.

use std::time::Duration;

use tokio::time::Instant;

use super::standing::BreakerOptions;

/// Closed, open or probing; see [`super`].
#[derive(Debug, Default)]
pub(super) struct Machine {
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Closed, with this number of failures in a row.
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        pause: Duration,
    },
    Probing {
        pause: Duration,
    },
}

impl Default for State {
    fn default() -> Self {
        State::Closed { failures: 0 }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    Opened { failures: u32, pause: Duration },
    Reopened { pause: Duration },
    Closed,
}

impl Machine {
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether it is closed, and nothing has failed since the last success.
    pub fn is_calm(&self) -> bool {
        self.state == State::default()
    }

    /// Whether a call now would be a probe. The error is the time to wait; `None` while a probe is under way.
    pub fn is_due(&self, now: Instant) -> Result<bool, Option<Duration>> {
        match self.state {
            State::Closed { .. } => Ok(false),
            State::Open { until, .. } if until <= now => Ok(true),
            State::Open { until, .. } => Err(Some(until - now)),
            State::Probing { .. } => Err(None),
        }
    }

    /// Makes the next call the probe.
    pub fn probe(&mut self) {
        if let State::Open { pause, .. } = self.state {
            self.state = State::Probing { pause };
        }
    }

    /// Calls that began before it opened and end while it is open decide nothing.
    pub fn succeeded(&mut self, probe: bool) -> Option<Change> {
        match self.state {
            State::Closed { .. } => {
                self.state = State::default();
                None
            }
            State::Probing { .. } if probe => {
                self.state = State::default();
                Some(Change::Closed)
            }
            _ => None,
        }
    }

    /// `enough` says whether so many failures in a row open it.
    pub fn failed(
        &mut self,
        probe: bool,
        now: Instant,
        options: &BreakerOptions,
        enough: impl Fn(u32) -> bool,
    ) -> Option<Change> {
        match self.state {
            State::Closed { failures } => {
                let failures = failures.saturating_add(1);
                if !enough(failures) {
                    self.state = State::Closed { failures };
                    return None;
                }
                let pause = options.first;
                self.open(now, pause);
                Some(Change::Opened { failures, pause })
            }
            State::Probing { pause } if probe => {
                let pause = pause.saturating_mul(2).min(options.longest).max(options.first);
                self.open(now, pause);
                Some(Change::Reopened { pause })
            }
            _ => None,
        }
    }

    pub fn gave_up(&mut self, now: Instant) {
        if let State::Probing { pause } = self.state {
            self.open(now, pause);
        }
    }

    fn open(&mut self, now: Instant, pause: Duration) {
        self.state = State::Open {
            until: now + pause,
            pause,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn fail(machine: &mut Machine, probe: bool, now: Instant) -> Option<Change> {
        machine.failed(probe, now, &BreakerOptions::default(), |failures| failures >= 3)
    }

    /// A machine that has just opened, after three failures.
    fn opened(now: Instant) -> Machine {
        let mut machine = Machine::default();
        let changes = [1, 2, 3].map(|_| fail(&mut machine, false, now));
        let opened = Change::Opened {
            failures: 3,
            pause: SECOND,
        };
        assert_eq!(changes, [None, None, Some(opened)]);
        machine
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let now = Instant::now();
        let mut machine = Machine::default();
        for _ in 0..10 {
            assert_eq!(fail(&mut machine, false, now), None);
            assert_eq!(fail(&mut machine, false, now), None);
            assert_eq!(machine.succeeded(false), None);
            assert!(machine.is_calm());
        }
        assert_eq!(machine.is_due(now), Ok(false));
        opened(now);
    }

    #[test]
    fn nobody_is_let_through_before_the_pause_is_over_and_then_one_at_a_time() {
        let now = Instant::now();
        let mut machine = opened(now);
        let almost = SECOND - Duration::from_millis(1);
        assert_eq!(machine.is_due(now + almost), Err(Some(Duration::from_millis(1))));
        assert_eq!(machine.is_due(now + SECOND), Ok(true));
        machine.probe();
        assert_eq!(machine.is_due(now + SECOND), Err(None));
        assert_eq!(machine.is_due(now + 100 * SECOND), Err(None));
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut now = Instant::now();
        let mut machine = opened(now);
        let mut pauses = Vec::new();
        let mut pause = SECOND;
        for _ in 0..8 {
            now += pause;
            assert_eq!(machine.is_due(now), Ok(true));
            machine.probe();
            let Some(Change::Reopened { pause: next }) = fail(&mut machine, true, now) else {
                panic!("a failed probe opens it again")
            };
            pauses.push(next.as_secs());
            pause = next;
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_probe_that_succeeds_closes_it_and_failures_count_anew() {
        let now = Instant::now();
        let mut machine = opened(now);
        machine.probe();
        assert_eq!(machine.succeeded(true), Some(Change::Closed));
        assert_eq!(fail(&mut machine, false, now), None);
        assert_eq!(machine.is_due(now), Ok(false));
    }

    #[test]
    fn calls_from_before_it_opened_decide_nothing() {
        let now = Instant::now();
        let mut machine = opened(now);
        let state = machine.state;
        assert_eq!(machine.succeeded(false), None);
        assert_eq!(fail(&mut machine, false, now + SECOND), None);
        assert_eq!(machine.state, state);
        machine.probe();
        assert_eq!(machine.succeeded(false), None);
        assert_eq!(fail(&mut machine, false, now + SECOND), None);
        assert_eq!(machine.state, State::Probing { pause: SECOND });
    }
}
