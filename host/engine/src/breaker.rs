//! The breaker: a plug-in that keeps failing is left alone for a while, and then tried with one message at a time.
//!
//! ```text
//!            so many failures in a row            the pause is over
//!   closed ------------------------------> open -------------------> probing
//!     ^                                      ^                          |
//!     |                                      +----- the probe fails ----+
//!     +------------------------------ the probe succeeds ---------------+
//! ```
//!
//! While it is open or probing, everybody else is told at once that the plug-in is not to be called: what a failure
//! costs (a time budget, say) is then paid by the probes only. The state belongs to one loaded version of a plug-in;
//! another version begins closed.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// When a breaker opens, and how long it stays open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerOptions {
    /// Failed calls in a row after which it opens; 0 counts as 1. Default 20: one bad message that its sender repeats
    /// does not get there before something else succeeds, and a plug-in that is really broken does so within seconds.
    pub failures: u32,
    /// From opening to the first probe. Default 1 s: a hiccup of something outside is over by then.
    pub first: Duration,
    /// Each failed probe doubles the pause, up to this. Default 60 s: what is repaired is found out within a minute.
    pub longest: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        BreakerOptions {
            failures: 20,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
        }
    }
}

/// The breaker of one loaded version of a plug-in. Asking it costs one relaxed load for as long as nothing fails.
#[derive(Debug)]
pub struct Breaker {
    plugin: String,
    /// Closed, and the last call succeeded: nothing to look up and nothing to change. May be stale for as long as two
    /// calls race; whoever finds it false takes the lock and sees the truth.
    calm: AtomicBool,
    machine: Mutex<Machine>,
}

/// The right to call the plug-in once. Say how it went; a call that is given up says nothing about the plug-in, and a
/// probe among such is made again after the same pause.
#[derive(Debug)]
#[must_use = "the breaker wants to hear how the call went"]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// The plug-in is called.
    Closed,
    /// It is left alone, until the pause is over and somebody asks.
    Open,
    /// One message is being tried with it.
    Probing,
}

/// The plug-in is not to be called now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOpen {
    /// Until the next probe; `None` while one is under way.
    pub probe_in: Option<Duration>,
}

impl fmt::Display for BreakerOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its breaker is open after repeated failures, so it was not called; ")?;
        match self.probe_in {
            Some(pause) => write!(f, "it is tried again in {} ms", pause.as_millis()),
            None => f.write_str("it is being tried with another message"),
        }
    }
}

impl Breaker {
    pub(crate) fn new(plugin: String, options: BreakerOptions) -> Self {
        Breaker {
            plugin,
            calm: AtomicBool::new(true),
            machine: Mutex::new(Machine::new(options)),
        }
    }

    /// Asks for one call.
    ///
    /// # Errors
    /// [`BreakerOpen`] when the plug-in is to be left alone.
    pub fn admit(&self) -> Result<Permit<'_>, BreakerOpen> {
        let permit = |probe| Permit { breaker: self, probe };
        if self.calm.load(Relaxed) {
            return Ok(permit(false));
        }
        match self.lock().admit(Instant::now()) {
            Admission::Call => Ok(permit(false)),
            Admission::Probe => {
                tracing::warn!(
                    plugin = self.plugin,
                    "breaker probing: the next message is tried with it"
                );
                Ok(permit(true))
            }
            Admission::Not(open) => Err(open),
        }
    }

    /// Where it stands; for those who look on.
    pub fn state(&self) -> BreakerState {
        match self.lock().state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::Probing { .. } => BreakerState::Probing,
        }
    }

    /// Tells the machine of an event, then the log what it changed.
    fn change(&self, event: impl FnOnce(&mut Machine) -> Option<Change>) {
        let mut machine = self.lock();
        let change = event(&mut machine);
        self.calm.store(machine.is_calm(), Relaxed);
        drop(machine);
        let plugin = self.plugin.as_str();
        match change {
            None => {}
            Some(Change::Closed) => tracing::warn!(plugin, "breaker closed: the plug-in works again"),
            Some(Change::Opened { failures, pause }) => tracing::warn!(
                plugin,
                failures,
                "breaker opened: the plug-in is not called for {pause:?}, and its on-failure applies at once"
            ),
            Some(Change::Reopened { pause }) => {
                tracing::warn!(
                    plugin,
                    "breaker stays open: the probe failed, the next one comes in {pause:?}"
                );
            }
        }
    }

    /// A thread that panicked left the machine in one of its states: it changes by single assignments.
    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The call succeeded.
    pub fn succeeded(mut self) {
        let probe = std::mem::take(&mut self.probe);
        if probe || !self.breaker.calm.load(Relaxed) {
            self.breaker.change(|machine| machine.succeeded(probe));
        }
    }

    /// The call failed, for whatever reason.
    pub fn failed(mut self) {
        let probe = std::mem::take(&mut self.probe);
        self.breaker.change(|machine| machine.failed(probe, Instant::now()));
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        // Neither of the above: the caller was stopped. Else the breaker would wait for this probe for ever.
        if self.probe {
            self.breaker.change(|machine| machine.gave_up(Instant::now()));
        }
    }
}

/// The state machine, without clock, lock or log.
#[derive(Debug)]
struct Machine {
    options: BreakerOptions,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, pause: Duration },
    Probing { pause: Duration },
}

#[derive(Debug, PartialEq, Eq)]
enum Admission {
    Call,
    Probe,
    Not(BreakerOpen),
}

#[derive(Debug, PartialEq, Eq)]
enum Change {
    Opened { failures: u32, pause: Duration },
    Reopened { pause: Duration },
    Closed,
}

impl Machine {
    fn new(options: BreakerOptions) -> Self {
        Machine {
            options,
            state: State::Closed { failures: 0 },
        }
    }

    fn is_calm(&self) -> bool {
        self.state == State::Closed { failures: 0 }
    }

    fn admit(&mut self, now: Instant) -> Admission {
        match self.state {
            State::Closed { .. } => Admission::Call,
            State::Open { until, pause } if until <= now => {
                self.state = State::Probing { pause };
                Admission::Probe
            }
            State::Open { until, .. } => Admission::Not(BreakerOpen {
                probe_in: Some(until - now),
            }),
            State::Probing { .. } => Admission::Not(BreakerOpen { probe_in: None }),
        }
    }

    /// Calls that began before the breaker opened end while it is open: they decide nothing then.
    fn succeeded(&mut self, probe: bool) -> Option<Change> {
        match self.state {
            State::Closed { .. } => {
                self.state = State::Closed { failures: 0 };
                None
            }
            State::Probing { .. } if probe => {
                self.state = State::Closed { failures: 0 };
                Some(Change::Closed)
            }
            _ => None,
        }
    }

    fn failed(&mut self, probe: bool, now: Instant) -> Option<Change> {
        match self.state {
            State::Closed { failures } => {
                let failures = failures.saturating_add(1);
                if failures < self.options.failures {
                    self.state = State::Closed { failures };
                    return None;
                }
                let pause = self.options.first;
                self.open(now, pause);
                Some(Change::Opened { failures, pause })
            }
            State::Probing { pause } if probe => {
                let pause = pause
                    .saturating_mul(2)
                    .min(self.options.longest)
                    .max(self.options.first);
                self.open(now, pause);
                Some(Change::Reopened { pause })
            }
            _ => None,
        }
    }

    fn gave_up(&mut self, now: Instant) -> Option<Change> {
        if let State::Probing { pause } = self.state {
            self.open(now, pause);
        }
        None
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

    fn options(failures: u32) -> BreakerOptions {
        BreakerOptions {
            failures,
            ..BreakerOptions::default()
        }
    }

    /// A machine that has just opened, after three failures.
    fn opened(now: Instant) -> Machine {
        let mut machine = Machine::new(options(3));
        let changes = [1, 2, 3].map(|_| machine.failed(false, now));
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
        let mut machine = Machine::new(options(3));
        for _ in 0..10 {
            assert_eq!(machine.failed(false, now), None);
            assert_eq!(machine.failed(false, now), None);
            assert_eq!(machine.succeeded(false), None);
            assert!(machine.is_calm());
        }
        assert_eq!(machine.admit(now), Admission::Call);
        opened(now);
    }

    #[test]
    fn nobody_is_let_through_before_the_pause_is_over() {
        let now = Instant::now();
        let mut machine = opened(now);
        let almost = SECOND - Duration::from_millis(1);
        let told = BreakerOpen {
            probe_in: Some(Duration::from_millis(1)),
        };
        assert_eq!(machine.admit(now + almost), Admission::Not(told));
        assert_eq!(machine.admit(now + SECOND), Admission::Probe);
    }

    #[test]
    fn one_probe_is_let_through_at_a_time() {
        let now = Instant::now();
        let mut machine = opened(now);
        assert_eq!(machine.admit(now + SECOND), Admission::Probe);
        let not = || Admission::Not(BreakerOpen { probe_in: None });
        assert_eq!(machine.admit(now + SECOND), not());
        assert_eq!(machine.admit(now + 100 * SECOND), not());
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut now = Instant::now();
        let mut machine = opened(now);
        let mut pauses = Vec::new();
        let mut pause = SECOND;
        for _ in 0..8 {
            now += pause;
            assert_eq!(machine.admit(now), Admission::Probe);
            let Some(Change::Reopened { pause: next }) = machine.failed(true, now) else {
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
        assert_eq!(machine.admit(now + SECOND), Admission::Probe);
        assert_eq!(machine.succeeded(true), Some(Change::Closed));
        assert_eq!(machine.failed(false, now), None);
        assert_eq!(machine.admit(now), Admission::Call);
    }

    #[test]
    fn calls_from_before_it_opened_decide_nothing() {
        let now = Instant::now();
        let mut machine = opened(now);
        let state = machine.state;
        assert_eq!(machine.succeeded(false), None);
        assert_eq!(machine.failed(false, now + SECOND), None);
        assert_eq!(machine.state, state);
        assert_eq!(machine.admit(now + SECOND), Admission::Probe);
        assert_eq!(machine.succeeded(false), None);
        assert_eq!(machine.failed(false, now + SECOND), None);
        assert_eq!(machine.state, State::Probing { pause: SECOND });
    }

    #[test]
    fn a_probe_that_is_given_up_is_made_again_after_the_same_pause() {
        let breaker = Breaker::new(
            "p".into(),
            BreakerOptions {
                failures: 1,
                first: Duration::ZERO,
                longest: Duration::ZERO,
            },
        );
        breaker.admit().unwrap().failed();
        let probe = breaker.admit().unwrap();
        assert!(probe.probe);
        assert_eq!(breaker.admit().unwrap_err(), BreakerOpen { probe_in: None });
        drop(probe);
        let again = breaker.admit().unwrap();
        assert!(again.probe);
        again.succeeded();
        assert!(!breaker.admit().unwrap().probe);
        assert!(breaker.calm.load(Relaxed));
    }

    #[test]
    fn asking_it_costs_nanoseconds_for_as_long_as_nothing_fails() {
        let breaker = Breaker::new("p".into(), options(20));
        let pass = || {
            let started = std::time::Instant::now();
            for _ in 0..10_000 {
                std::hint::black_box(&breaker).admit().unwrap().succeeded();
            }
            started.elapsed() / 10_000
        };
        // The best of many: other work on the machine only adds.
        let best = (0..50).map(|_| pass()).min().unwrap();
        assert!(best < Duration::from_nanos(200), "{best:?}");
        println!("{best:?}");
    }

    #[test]
    fn a_call_that_is_given_up_says_nothing_about_the_plug_in() {
        let breaker = Breaker::new("p".into(), options(1));
        drop(breaker.admit().unwrap());
        assert!(breaker.admit().is_ok());
        breaker.admit().unwrap().failed();
        assert!(breaker.admit().is_err());
    }
}
