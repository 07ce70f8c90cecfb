//! Counters of the calls of one version of a plug-in, for as long as it runs.
//!
//! Counting is a handful of relaxed additions a call. The counters change while somebody reads them: each value is
//! right by itself, and two of them may be one call apart.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mm4relay_engine::{Body, Edit, FailureClass, Judgement, Measure, MeasureValue, Spent, Verdict};

/// The verdicts, by the words of the contract, in the order of the counters.
pub const VERDICTS: [&str; 5] = ["pass", "edit", "refuse", "hold", "discard"];
/// The classes of failures, in the order of the counters.
pub const FAILURES: [FailureClass; 7] = [
    FailureClass::Trap,
    FailureClass::Time,
    FailureClass::Memory,
    FailureClass::Fault,
    FailureClass::Contract,
    FailureClass::Limit,
    FailureClass::Instantiate,
];

/// Upper ends of the buckets for durations: 1, 2 and 5 times each power of ten, from 10 us to 50 s.
const DURATIONS: [f64; 21] = [
    1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0,
    50.0,
];
/// Upper ends of the buckets for a plug-in's own histograms, as `wit/host.wit` states them.
const VALUES: [f64; 30] = [
    1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 1e1, 2e1, 5e1, 1e2, 2e2, 5e2, 1e3, 2e3, 5e3, 1e4,
    2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6,
];

/// The counters of one version.
#[derive(Debug, Default)]
pub struct Meter {
    verdicts: [AtomicU64; VERDICTS.len()],
    failures: [AtomicU64; FAILURES.len()],
    /// Messages for which the plug-in was not called, because its breaker was open.
    not_called: AtomicU64,
    time: Durations,
    queue_wait: Durations,
    fuel: AtomicU64,
    octets_in: AtomicU64,
    octets_out: AtomicU64,
    running: AtomicI64,
    own: Mutex<BTreeMap<String, Own>>,
}

/// One of the plug-in's own counters or histograms.
#[derive(Clone, Debug, PartialEq)]
pub enum Own {
    Counter(u64),
    Histogram(Histogram),
}

/// A histogram at one time: how many values fell into each bucket, not cumulative.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Upper end and count of each bucket; the last has no end.
    pub buckets: Vec<(f64, u64)>,
    pub sum: f64,
}

/// The counters at one time.
#[derive(Clone, Debug)]
pub struct Reading {
    /// In the order of [`VERDICTS`].
    pub verdicts: [u64; VERDICTS.len()],
    /// In the order of [`FAILURES`].
    pub failures: [u64; FAILURES.len()],
    pub not_called: u64,
    pub time: Histogram,
    pub queue_wait: Histogram,
    /// Fuel consumed; 0 where the engine does not count it.
    pub fuel: u64,
    /// Octets of bodies that the plug-in read; `octets_out` are those that it wrote.
    pub octets_in: u64,
    pub octets_out: u64,
    /// Calls under way.
    pub running: i64,
    pub own: BTreeMap<String, Own>,
}

/// What is counted of a verdict, taken before the verdict is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Its place in [`VERDICTS`].
    place: usize,
    octets_out: u64,
}

/// A call under way. Dropping this ends it.
pub struct Underway<'a>(&'a Meter);

impl Meter {
    /// Counts the beginning of a call.
    pub fn begin(&self) -> Underway<'_> {
        self.running.fetch_add(1, Relaxed);
        Underway(self)
    }

    /// Counts a call whose verdict was carried out.
    pub fn judged(&self, counted: Counted, judgement: &Judgement) {
        self.verdicts[counted.place].fetch_add(1, Relaxed);
        self.octets_out.fetch_add(counted.octets_out, Relaxed);
        self.spent(&judgement.spent);
        if !judgement.measures.is_empty() {
            self.count(&judgement.measures);
        }
    }

    /// Counts a failed call. What it counted for the plug-in's own metrics is dropped.
    pub fn failed(&self, class: FailureClass, spent: &Spent) {
        let place = FAILURES.iter().position(|known| *known == class).unwrap_or_default();
        self.failures[place].fetch_add(1, Relaxed);
        self.spent(spent);
    }

    /// Counts a message for which the plug-in was not called, because its breaker was open.
    pub fn not_called(&self) {
        self.not_called.fetch_add(1, Relaxed);
    }

    fn spent(&self, spent: &Spent) {
        self.time.add(spent.time);
        self.queue_wait.add(spent.queue_wait);
        self.octets_in.fetch_add(spent.body_bytes_read, Relaxed);
        if let Some(fuel) = spent.fuel {
            self.fuel.fetch_add(fuel, Relaxed);
        }
    }

    /// The engine bounds the number of a version's own names.
    fn count(&self, measures: &[Measure]) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        for Measure { name, value } in measures {
            let new = || match value {
                MeasureValue::Count(_) => Own::Counter(0),
                MeasureValue::Observe(_) => Own::Histogram(Histogram::over(&VALUES)),
            };
            if !own.contains_key(name) {
                own.insert(name.clone(), new());
            }
            match (own.get_mut(name), value) {
                (Some(Own::Counter(count)), MeasureValue::Count(by)) => *count = count.saturating_add(*by),
                (Some(Own::Histogram(histogram)), MeasureValue::Observe(value)) => histogram.add(*value),
                // The engine allows one kind for each name.
                _ => {}
            }
        }
    }

    pub fn read(&self) -> Reading {
        Reading {
            verdicts: std::array::from_fn(|place| self.verdicts[place].load(Relaxed)),
            failures: std::array::from_fn(|place| self.failures[place].load(Relaxed)),
            not_called: self.not_called.load(Relaxed),
            time: self.time.read(),
            queue_wait: self.queue_wait.read(),
            fuel: self.fuel.load(Relaxed),
            octets_in: self.octets_in.load(Relaxed),
            octets_out: self.octets_out.load(Relaxed),
            running: self.running.load(Relaxed),
            own: self.own.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl Counted {
    pub fn of(judgement: &Judgement) -> Self {
        let (place, octets) = match &judgement.verdict {
            Verdict::Pass => (0, 0),
            Verdict::Edit(edits) => (1, edits.iter().filter_map(new_body).map(|body| body.bytes.len()).sum()),
            Verdict::Refuse { .. } => (2, 0),
            Verdict::Hold(_) => (3, 0),
            Verdict::Discard(_) => (4, 0),
        };
        Self {
            place,
            octets_out: octets as u64,
        }
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Relaxed);
    }
}

impl Histogram {
    fn over(ends: &[f64]) -> Self {
        let buckets = ends.iter().chain(&[f64::MAX]).map(|end| (*end, 0));
        Self {
            buckets: buckets.collect(),
            sum: 0.0,
        }
    }

    fn add(&mut self, value: f64) {
        self.buckets[bucket(&VALUES, value)].1 += 1;
        self.sum += value;
    }

    /// The number of values.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }
}

/// A histogram of durations to which many threads add.
#[derive(Debug, Default)]
struct Durations {
    buckets: [AtomicU64; DURATIONS.len() + 1],
    nanos: AtomicU64,
}

impl Durations {
    fn add(&self, duration: Duration) {
        self.buckets[bucket(&DURATIONS, duration.as_secs_f64())].fetch_add(1, Relaxed);
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Relaxed);
    }

    fn read(&self) -> Histogram {
        let mut histogram = Histogram::over(&DURATIONS);
        for (bucket, counted) in histogram.buckets.iter_mut().zip(&self.buckets) {
            bucket.1 = counted.load(Relaxed);
        }
        histogram.sum = self.nanos.load(Relaxed) as f64 / 1e9;
        histogram
    }
}

/// The first bucket whose end is not below the value; the one after the last when there is none.
fn bucket(ends: &[f64], value: f64) -> usize {
    ends.partition_point(|end| *end < value)
}

fn new_body(edit: &Edit) -> Option<&Body> {
    match edit {
        Edit::ReplacePart { body, .. } | Edit::AddPart { body, .. } => Some(body),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judgement(measures: Vec<Measure>) -> Judgement {
        Judgement {
            verdict: Verdict::Pass,
            records: Vec::new(),
            kv: Vec::new(),
            measures,
            rules: Vec::new(),
            outside: Vec::new(),
            used: Default::default(),
            spent: Spent {
                time: Duration::from_micros(10),
                queue_wait: Duration::from_micros(11),
                body_bytes_read: 7,
                body_bytes_written: 0,
                memory_bytes: 0,
                fuel: Some(3),
                ..Spent::default()
            },
        }
    }

    #[test]
    fn each_call_is_counted_once_by_what_it_came_to() {
        let meter = Meter::default();
        let body = Body {
            media_type: "text/plain".into(),
            bytes: vec![0; 5].into(),
        };
        let add = Edit::AddPart {
            body,
            name: None,
            content_id: None,
        };
        for verdict in [Verdict::Edit(vec![add]), Verdict::Hold("why".into())] {
            let judgement = Judgement {
                verdict,
                ..judgement(Vec::new())
            };
            meter.judged(Counted::of(&judgement), &judgement);
        }
        meter.failed(FailureClass::Limit, &judgement(Vec::new()).spent);
        meter.not_called();
        let read = meter.read();
        assert_eq!(read.verdicts, [0, 1, 0, 1, 0]);
        assert_eq!(read.failures, [0, 0, 0, 0, 0, 1, 0]);
        assert_eq!(
            (read.not_called, read.octets_in, read.octets_out, read.fuel),
            (1, 21, 5, 9)
        );
        assert_eq!((read.time.count(), read.queue_wait.count()), (3, 3));
        // A value that equals the end of a bucket belongs to it.
        assert_eq!((read.time.buckets[0].1, read.queue_wait.buckets[1].1), (3, 3));
    }

    #[test]
    fn what_is_under_way_is_counted_until_it_ends() {
        let meter = Meter::default();
        let (one, two) = (meter.begin(), meter.begin());
        assert_eq!(meter.read().running, 2);
        drop((one, two));
        assert_eq!(meter.read().running, 0);
    }

    #[test]
    fn counts_of_its_own_add_up_over_calls() {
        let measure = |name: &str, value| Measure {
            name: name.into(),
            value,
        };
        let meter = Meter::default();
        for _ in 0..2 {
            let measures = vec![
                measure("seen", MeasureValue::Count(2)),
                measure("width", MeasureValue::Observe(640.0)),
                measure("width", MeasureValue::Observe(1e9)),
            ];
            let judgement = judgement(measures);
            meter.judged(Counted::of(&judgement), &judgement);
        }
        let own = meter.read().own;
        assert_eq!(own["seen"], Own::Counter(4));
        let Own::Histogram(width) = &own["width"] else {
            panic!("a histogram");
        };
        assert_eq!(width.sum, 2.0 * (640.0 + 1e9));
        assert_eq!(width.count(), 4);
        assert!(width.buckets.contains(&(1e3, 2)) && width.buckets.contains(&(f64::MAX, 2)));
    }

    #[test]
    fn the_ends_of_buckets_rise() {
        assert!(DURATIONS.is_sorted() && VALUES.is_sorted());
    }
}
