//! The circumstances of a sample case, which are the same whichever relay or command runs it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use mm4relay_engine::{BoxFuture, Level, Network, Outside, Services, Table};

use super::Case;
use crate::message::{KvWrite, Timestamp};
use crate::pipeline::TableSet;
use crate::sync::lock;

/// A line that a plug-in logged or printed.
#[derive(Clone, Debug)]
pub struct Line {
    pub level: Level,
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        write!(f, "{level}: {}", self.text)
    }
}

/// The circumstances of a case: its tables, networks, values, time and seed, and a log that is read afterwards.
pub(super) struct Circumstances {
    tables: TableSet,
    networks: BTreeMap<String, Network>,
    outside: Arc<dyn Outside>,
    seed: [u8; 32],
    now: AtomicU64,
    values: Mutex<BTreeMap<String, Vec<u8>>>,
    log: Mutex<Vec<Line>>,
}

impl Circumstances {
    pub(super) fn of(case: &Case, now: Timestamp) -> Self {
        Self {
            tables: case.tables(),
            networks: case.settings.numbering.clone(),
            outside: case.outside(),
            seed: case.random_seed(),
            now: AtomicU64::new(now.0),
            values: Mutex::default(),
            log: Mutex::default(),
        }
    }

    /// Sets the time that the plug-in is told from now on.
    pub(super) fn set_time(&self, now: Timestamp) {
        self.now.store(now.0, Ordering::Relaxed);
    }

    /// Resets the values, before the first message of a case.
    pub(super) fn begin(&self, values: &BTreeMap<String, String>) {
        let values = values
            .iter()
            .map(|(key, value)| (key.clone(), value.clone().into_bytes()));
        *lock(&self.values) = values.collect();
        self.take_log();
    }

    /// Applies writes as the store does.
    pub(super) fn commit(&self, writes: &[KvWrite]) {
        let mut values = lock(&self.values);
        for write in writes {
            match write {
                KvWrite::Set { key, value, .. } => {
                    values.insert(key.clone(), value.clone());
                }
                KvWrite::Delete { key, .. } => {
                    values.remove(key);
                }
                KvWrite::Increment { key, by, .. } => {
                    let old = values
                        .get(key)
                        .map_or(Some(0), |value| std::str::from_utf8(value).ok()?.parse().ok());
                    if let Some(old) = old {
                        let sum: i64 = i64::saturating_add(old, *by);
                        values.insert(key.clone(), sum.to_string().into_bytes());
                    }
                }
            }
        }
    }

    pub(super) fn take_log(&self) -> Vec<Line> {
        std::mem::take(&mut lock(&self.log))
    }
}

impl Services for Circumstances {
    fn now_ms(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    fn table(&self, name: &str) -> Option<Arc<dyn Table>> {
        self.tables.get(name).cloned()
    }

    fn kv_get<'a>(&'a self, _plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        Box::pin(async move { Ok(lock(&self.values).get(key).cloned()) })
    }

    fn random_seed(&self) -> [u8; 32] {
        self.seed
    }

    fn network<'a>(&'a self, number: &'a str) -> BoxFuture<'a, Result<Option<Network>, String>> {
        Box::pin(async move { Ok(self.networks.get(number).cloned()) })
    }

    fn outside(&self) -> &dyn Outside {
        &*self.outside
    }

    fn log(&self, _plugin: &str, _message: &str, level: Level, text: &str) {
        let text = text.to_owned();
        lock(&self.log).push(Line { level, text });
    }
}
