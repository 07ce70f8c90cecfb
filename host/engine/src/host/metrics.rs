//! `metrics`: counters and histograms of the plug-in's own.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::bindings::mm4::filter::{metrics, types};
use crate::limits::Grant;
use crate::words::{Fault, Measure, MeasureValue};

use super::{Call, limit};

/// The longest name, in octets.
const NAME_MAX: usize = 64;
/// A run of five digits could be a subscriber's number, which must never become the name of a series.
const DIGITS_MAX: usize = 4;
/// The most values for histograms in one call.
const OBSERVATIONS_MAX: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Histogram,
}

/// The names that one version has used, in all its calls.
#[derive(Default)]
pub(crate) struct Names(Mutex<BTreeMap<String, Kind>>);

impl Names {
    /// Accepts a name that is known with this kind, or a new one while there is room.
    fn admit(&self, name: &str, kind: Kind, allowed: usize) -> Result<(), Fault> {
        // The map changes by single insertions, so it is consistent even after a panic.
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match names.get(name) {
            Some(known) if *known == kind => Ok(()),
            Some(_) => Err(Fault::Invalid(format!(
                "{name} is the name of a counter and of a histogram; it can be one of them"
            ))),
            None if names.len() >= allowed => Err(limit("metrics", allowed)),
            None => {
                names.insert(name.to_owned(), kind);
                Ok(())
            }
        }
    }
}

/// The measures of one call. Counts for one counter are summed, so a loop that counts costs the host nothing.
#[derive(Default)]
pub(crate) struct Book {
    counts: BTreeMap<String, u64>,
    observed: Vec<(String, f64)>,
}

impl Book {
    pub fn into_measures(self) -> Vec<Measure> {
        let counts = self.counts.into_iter().map(|(name, by)| Measure {
            name,
            value: MeasureValue::Count(by),
        });
        let observed = self.observed.into_iter().map(|(name, value)| Measure {
            name,
            value: MeasureValue::Observe(value),
        });
        counts.chain(observed).collect()
    }
}

impl Call {
    fn add(&mut self, name: String, by: u64) -> Result<(), Fault> {
        self.admit(&name, Kind::Counter)?;
        let count = self.metrics.counts.entry(name).or_default();
        *count = count.saturating_add(by);
        Ok(())
    }

    fn put(&mut self, name: String, value: f64) -> Result<(), Fault> {
        if !value.is_finite() {
            return Err(Fault::Invalid(format!("{value} cannot be put into a histogram")));
        }
        self.admit(&name, Kind::Histogram)?;
        if self.metrics.observed.len() >= OBSERVATIONS_MAX {
            return Err(Fault::Limit(format!(
                "one call may bring {OBSERVATIONS_MAX} values for histograms"
            )));
        }
        self.metrics.observed.push((name, value));
        Ok(())
    }

    fn admit(&self, name: &str, kind: Kind) -> Result<(), Fault> {
        check_name(name)?;
        self.owner.metrics.admit(name, kind, self.owner.limits.metrics)
    }
}

impl metrics::Host for Call {
    fn count(&mut self, name: String, by: u64) -> wasmtime::Result<Result<(), types::Fault>> {
        self.ask(Grant::Metrics)?;
        self.subject("metrics")?;
        Ok(self.add(name, by).map_err(Into::into))
    }

    fn observe(&mut self, name: String, value: f64) -> wasmtime::Result<Result<(), types::Fault>> {
        self.ask(Grant::Metrics)?;
        self.subject("metrics")?;
        Ok(self.put(name, value).map_err(Into::into))
    }
}

fn check_name(name: &str) -> Result<(), Fault> {
    let octets = name.as_bytes();
    let legal = |octet: &u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || *octet == b'_';
    let digits = |run: &[u8]| run.iter().all(u8::is_ascii_digit);
    let fits = (1..=NAME_MAX).contains(&octets.len())
        && octets[0].is_ascii_lowercase()
        && octets.iter().all(legal)
        && !octets.windows(DIGITS_MAX + 1).any(digits);
    if fits {
        return Ok(());
    }
    Err(Fault::Invalid(format!(
        "a metric has a name of 1 to {NAME_MAX} octets of a-z, 0-9 and _, which begins with a letter and has at most \
         {DIGITS_MAX} digits in a row"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_and_no_telephone_number() {
        for legal in ["a", "seen_total", "images_640x480", "year_2026", &"n".repeat(NAME_MAX)] {
            assert!(check_name(legal).is_ok(), "{legal}");
        }
        for wrong in [
            "",
            "_a",
            "1a",
            "Seen",
            "a-b",
            "a b",
            "a\n",
            "from_15555",
            "\u{e4}",
            &"n".repeat(NAME_MAX + 1),
        ] {
            assert!(check_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_stays_what_it_was_first() {
        let names = Names::default();
        names.admit("a", Kind::Counter, 1).unwrap();
        names.admit("a", Kind::Counter, 1).unwrap();
        assert!(matches!(names.admit("a", Kind::Histogram, 1), Err(Fault::Invalid(_))));
    }

    #[test]
    fn names_are_limited_and_known_ones_go_on() {
        let names = Names::default();
        names.admit("a", Kind::Counter, 2).unwrap();
        names.admit("b", Kind::Histogram, 2).unwrap();
        assert_eq!(
            names.admit("c", Kind::Counter, 2),
            Err(Fault::Limit("its limit metrics is 2, and it asked for more".into()))
        );
        names.admit("a", Kind::Counter, 2).unwrap();
    }
}
