//! The gate before a scanner or service: how many calls at a time, how long each may take, and whether any is made.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use mm4relay_engine::Fault;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::breaker::{Breaker, BreakerTerms, GateState};
use crate::sync::lock;

/// The kind of what is behind the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Scanner,
    /// A service of one plug-in.
    Service,
}

/// The bounds on calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateTerms {
    /// The time limit of one call.
    pub time: Duration,
    /// Calls at the same time. As many more may wait.
    pub concurrent: u32,
    /// Calls a second.
    pub rate: Option<u32>,
    pub breaker: BreakerTerms,
}

/// How calls end, in the order of the counters.
pub const ENDS: [&str; 5] = ["answered", "too-large", "failed", "stopped", "not-asked"];
const ANSWERED: usize = 0;
const TOO_LARGE: usize = 1;
const FAILED: usize = 2;
const STOPPED: usize = 3;
const NOT_ASKED: usize = 4;

/// A call that its plug-in stopped after so long counts against the service.
const STALLED: Duration = Duration::from_millis(100);

/// Ends of the buckets of durations, in milliseconds; the last bucket has no end.
const BUCKETS: [u64; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/// The gate before one scanner or service.
pub struct Gate {
    pub kind: Kind,
    pub name: String,
    terms: GateTerms,
    places: Semaphore,
    waiting: AtomicU32,
    pace: Mutex<Pace>,
    breaker: Mutex<Breaker>,
    ends: [AtomicU64; ENDS.len()],
    buckets: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
}

/// The counters at one time.
#[derive(Clone, Debug)]
pub struct GateReading {
    /// In the order of [`ENDS`].
    pub ends: [u64; ENDS.len()],
    /// Upper end in seconds and count of each bucket.
    pub buckets: Vec<(f64, u64)>,
    pub seconds: f64,
    pub standing: GateState,
    /// Calls under way.
    pub running: u64,
}

/// Why a call gave no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The service failed; too many of these open the breaker.
    Failed(String),
    /// The part or body is larger than the service takes.
    TooLarge(String),
    /// The call cannot be made at all.
    Unfit(Fault),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Scanner => "scanner",
            Kind::Service => "service",
        })
    }
}

impl Gate {
    fn new(kind: Kind, name: &str, terms: GateTerms) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            places: Semaphore::new(terms.concurrent as usize),
            waiting: AtomicU32::new(0),
            pace: Mutex::default(),
            breaker: Mutex::new(Breaker::new(&terms.breaker)),
            ends: Default::default(),
            buckets: Default::default(),
            micros: AtomicU64::new(0),
            terms,
        }
    }

    /// How many calls may run at the same time.
    pub(super) fn concurrent(&self) -> usize {
        self.terms.concurrent as usize
    }

    /// Makes a call, if that is allowed now.
    pub(super) async fn ask<T>(&self, question: impl Future<Output = Result<T, Trouble>>) -> Result<T, Fault> {
        self.ask_within(self.terms.time, question, |_| true).await
    }

    /// Like [`ask`](Self::ask), with less time, and with a check of answers that show a fault of the service.
    pub(super) async fn ask_within<T>(
        &self,
        left: Duration,
        question: impl Future<Output = Result<T, Trouble>>,
        is_good: impl Fn(&T) -> bool,
    ) -> Result<T, Fault> {
        let time = self.terms.time.min(left);
        let mut call = Underway::begin(self)?;
        let _place = self.place().await.map_err(|why| call.not_asked(&why))?;
        call.since = Some(Instant::now());
        let answer = tokio::time::timeout(time, question).await;
        call.ended(
            answer.unwrap_or_else(|_| Err(Trouble::Failed(format!("no answer within {time:?}")))),
            is_good,
        )
    }

    /// Takes one of the places, as soon as one is free.
    async fn place(&self) -> Result<tokio::sync::SemaphorePermit<'_>, String> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let busy = || format!("it has {} calls at once and as many that wait", self.terms.concurrent);
        let _waiting = Waiting::of(&self.waiting, self.terms.concurrent).ok_or_else(busy)?;
        let place = tokio::time::timeout(self.terms.time, self.places.acquire()).await;
        let place = place.ok().and_then(Result::ok).ok_or_else(busy)?;
        match lock(&self.breaker).standing() {
            GateState::Open => Err("it has failed meanwhile".to_owned()),
            GateState::Closed | GateState::Probing => Ok(place),
        }
    }

    pub fn read(&self) -> GateReading {
        let ends = BUCKETS.iter().map(|millis| *millis as f64 / 1e3).chain([f64::MAX]);
        GateReading {
            ends: std::array::from_fn(|place| self.ends[place].load(Relaxed)),
            buckets: ends.zip(self.buckets.iter().map(|count| count.load(Relaxed))).collect(),
            seconds: self.micros.load(Relaxed) as f64 / 1e6,
            standing: lock(&self.breaker).standing(),
            running: u64::from(self.terms.concurrent).saturating_sub(self.places.available_permits() as u64),
        }
    }

    fn count(&self, end: usize, took: Option<Duration>) {
        self.ends[end].fetch_add(1, Relaxed);
        let Some(took) = took else { return };
        let bucket = BUCKETS.partition_point(|millis| u128::from(*millis) < took.as_millis());
        self.buckets[bucket].fetch_add(1, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Relaxed);
    }

    fn failed(&self, why: &str) {
        let opened = lock(&self.breaker).failed(&self.terms.breaker, Instant::now());
        let (kind, name) = (self.kind, &self.name);
        match opened {
            Some(pause) => tracing::warn!(
                %kind,
                name,
                event = "outside-left-alone",
                "{kind} {name} keeps failing, and is left alone for {pause:?}: {why}"
            ),
            None => tracing::debug!(%kind, name, "{kind} {name} failed: {why}"),
        }
    }

    fn succeeded(&self) {
        if lock(&self.breaker).succeeded(&self.terms.breaker) {
            let (kind, name) = (self.kind, &self.name);
            tracing::info!(%kind, name, event = "outside-is-back", "{kind} {name} answers again");
        }
    }
}

/// How many calls may be made now: those of one second at most, however long none was made.
#[derive(Default)]
struct Pace {
    left: f64,
    at: Option<Instant>,
}

impl Pace {
    fn allows(&mut self, rate: u32, now: Instant) -> bool {
        let most = f64::from(rate);
        let since = self
            .at
            .map_or(1.0, |at| now.saturating_duration_since(at).as_secs_f64());
        self.left = (self.left + since * most).min(most);
        self.at = Some(now);
        let may = self.left >= 1.0;
        if may {
            self.left -= 1.0;
        }
        may
    }
}

/// A caller that waits for a place.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn of(waiting: &'a AtomicU32, most: u32) -> Option<Self> {
        let there = waiting.fetch_add(1, Relaxed);
        let it = Self(waiting);
        (there < most).then_some(it)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// A call after its admission. Dropped before its end, it counts as stopped by the plug-in.
struct Underway<'a> {
    gate: &'a Gate,
    /// When the call was sent.
    since: Option<Instant>,
    is_over: bool,
}

impl<'a> Underway<'a> {
    fn begin(gate: &'a Gate) -> Result<Self, Fault> {
        if let Some(rate) = gate
            .terms
            .rate
            .filter(|rate| !lock(&gate.pace).allows(*rate, Instant::now()))
        {
            gate.count(NOT_ASKED, None);
            let (kind, name) = (gate.kind, &gate.name);
            return Err(Fault::Unavailable(format!(
                "{kind} {name:?} was not asked: it is asked {rate} times a second at most"
            )));
        }
        let admitted = lock(&gate.breaker).admit(Instant::now());
        admitted.map_err(|pause| {
            gate.count(NOT_ASKED, None);
            let (kind, name, pause) = (gate.kind, &gate.name, pause.as_millis());
            Fault::Unavailable(format!(
                "{kind} {name:?} is left alone after failures, and tried again in {pause} ms"
            ))
        })?;
        Ok(Self {
            gate,
            since: None,
            is_over: false,
        })
    }

    fn not_asked(&mut self, why: &str) -> Fault {
        self.is_over = true;
        self.gate.count(NOT_ASKED, None);
        lock(&self.gate.breaker).gave_up();
        Fault::Unavailable(format!("{} {:?} was not asked: {why}", self.gate.kind, self.gate.name))
    }

    fn ended<T>(mut self, answer: Result<T, Trouble>, is_good: impl Fn(&T) -> bool) -> Result<T, Fault> {
        self.is_over = true;
        let (gate, took) = (self.gate, self.since.map(|since| since.elapsed()));
        match answer {
            Ok(answer) => {
                match is_good(&answer) {
                    true => gate.succeeded(),
                    false => gate.failed("it answers that something is wrong with it"),
                }
                gate.count(ANSWERED, took);
                Ok(answer)
            }
            Err(Trouble::Failed(why)) => {
                gate.failed(&why);
                gate.count(FAILED, took);
                Err(Fault::Unavailable(format!("{} {:?}: {why}", gate.kind, gate.name)))
            }
            Err(Trouble::TooLarge(why)) => {
                lock(&gate.breaker).gave_up();
                gate.count(TOO_LARGE, None);
                Err(Fault::Limit(format!("{} {:?}: {why}", gate.kind, gate.name)))
            }
            Err(Trouble::Unfit(fault)) => {
                lock(&gate.breaker).gave_up();
                gate.count(NOT_ASKED, None);
                Err(fault)
            }
        }
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let took = self.since.map(|since| since.elapsed());
        self.gate.count(STOPPED, took);
        match took {
            Some(took) if took >= STALLED => {
                self.gate
                    .failed("the plug-in's own time was over before there was an answer");
            }
            _ => lock(&self.gate.breaker).gave_up(),
        }
    }
}

/// All gates of a relay. Those with unchanged terms are kept by a reload, with their counts and their breaker.
#[derive(Default)]
pub struct Gates(Mutex<BTreeMap<(Kind, String), Weak<Gate>>>);

impl Gates {
    /// The gate of that name with these terms.
    pub fn gate(&self, kind: Kind, name: &str, terms: GateTerms) -> Arc<Gate> {
        let mut all = lock(&self.0);
        let key = (kind, name.to_owned());
        let there = all.get(&key).and_then(Weak::upgrade);
        if let Some(gate) = there.filter(|gate| gate.terms == terms) {
            return gate;
        }
        let gate = Arc::new(Gate::new(kind, name, terms));
        all.insert(key, Arc::downgrade(&gate));
        gate
    }

    /// The gates in use.
    pub fn all(&self) -> Vec<Arc<Gate>> {
        let mut all = lock(&self.0);
        all.retain(|_, gate| gate.strong_count() > 0);
        all.values().filter_map(Weak::upgrade).collect()
    }
}

#[cfg(test)]
mod tests;
