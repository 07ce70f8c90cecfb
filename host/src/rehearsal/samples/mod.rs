//! Sample cases: messages, and what the author of a plug-in expects it to make of them.
//!
//! `mm4relay plugin test` shows them to the author; the relay asks the same before a version goes live. Both go through
//! [`Bench`], so that a snapshot blessed by the one is what the other compares with. A case brings its own settings,
//! tables and time: what it shows depends on the component and its grants only, not on the relay that runs it.

mod case;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use mm4relay_engine::{
    BoxFuture, Engine, Grant, Level, Limits, May, Network, Occasion, Plugin, PluginSpec, Services, Table, Used,
};
use similar::{ChangeTag, TextDiff};

use crate::message::{Header, KvWrite, Message, NextHop, OnFailure, QueueId, Refusal};

use crate::pipeline::{Chain, Concerned, Effects, Link, OutcomeTold, Passage, TellOutcome, When};

pub use case::{Case, cases, each_case};

/// A component under test.
pub struct Bench {
    engine: Engine,
    wasm: Bytes,
    grants: BTreeSet<Grant>,
    may: May,
    limits: Limits,
    /// Loaded with the circumstances of the last case: cases that agree on them are next to each other as a rule, and
    /// each load costs a compilation.
    loaded: Option<Loaded>,
    fuel: u64,
}

/// A component that was loaded, or why it was not.
struct Loaded {
    key: String,
    circumstances: Arc<Circumstances>,
    plugin: Result<Plugin, String>,
    /// What it logged meanwhile.
    log: Vec<Line>,
}

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

/// What a plug-in makes of a case.
pub struct Made {
    /// For a person to read, and for `expected.txt`.
    pub text: String,
    /// Why the plug-in failed, beginning with the class of the failure, if it did.
    pub failed: Option<String>,
    /// The rules of the case's settings, as the plug-in named them.
    pub rules: Vec<String>,
    /// Those that had a part in it.
    pub used: Vec<String>,
    /// What it used of the message.
    pub uses: Used,
    /// What it logged and printed, `configure` included.
    pub log: Vec<Line>,
    /// The time of its longest call, and the most that such a call may take.
    pub time: Option<(Duration, Duration)>,
}

/// Why samples do not let a version go live.
#[derive(Debug, thiserror::Error)]
pub enum SamplesError {
    #[error("its samples cannot be run: {0}")]
    Unusable(String),
    #[error("there is no sample case in {}: a case is a folder with a message.eml", .0.display())]
    NoCases(PathBuf),
    /// `first` is the name of the first case that differs, `difference` its lines: `-` expected, `+` what it does.
    #[error("{differ} of {all} sample cases differ; {first}:\n{difference}")]
    Differ {
        differ: usize,
        all: usize,
        first: String,
        difference: String,
    },
}

impl Bench {
    pub fn new(engine: Engine, wasm: Bytes, grants: BTreeSet<Grant>, limits: Limits) -> Self {
        Self {
            engine,
            wasm,
            grants,
            may: May::default(),
            limits,
            loaded: None,
            fuel: 0,
        }
    }

    /// With this of a message, and nothing else.
    pub fn may(self, may: May) -> Self {
        Self { may, ..self }
    }

    /// What the plug-in uses of messages in all the cases of a folder.
    pub async fn uses(&mut self, samples: &Path) -> anyhow::Result<Used> {
        let mut used = Used::default();
        for case in cases(samples)? {
            used.add(&self.made_of(&case).await?.uses);
        }
        Ok(used)
    }

    /// What the last case used, in an engine that counts: a deterministic one.
    pub fn fuel(&self) -> u64 {
        self.fuel
    }

    /// Runs every case in the folder `samples`. The number of cases, when all came out as expected.
    pub async fn pass(&mut self, samples: &Path) -> Result<usize, SamplesError> {
        let unusable = |error: anyhow::Error| SamplesError::Unusable(format!("{error:#}"));
        let cases = cases(samples).map_err(unusable)?;
        if cases.is_empty() {
            return Err(SamplesError::NoCases(samples.to_owned()));
        }
        let mut differing = Vec::new();
        for case in &cases {
            let of_case = |error: anyhow::Error| unusable(error.context(format!("case {}", case.name)));
            let now = self.made_of(case).await.map_err(of_case)?.text;
            let expected = case.expected().map_err(of_case)?;
            if expected != now {
                differing.push((case.name.clone(), cut(&difference(&expected, &now, false))));
            }
        }
        let differ = differing.len();
        match differing.into_iter().next() {
            None => Ok(cases.len()),
            Some((first, difference)) => Err(SamplesError::Differ {
                differ,
                all: cases.len(),
                first,
                difference,
            }),
        }
    }

    /// What the plug-in makes of the case. A plug-in that does not load is a result too: samples show bad settings.
    pub async fn made_of(&mut self, case: &Case) -> anyhow::Result<Made> {
        self.fuel = 0;
        let limits = self.limits.clone();
        let loaded = self.load(case).await?;
        let mut made = Made {
            text: String::new(),
            failed: None,
            rules: Vec::new(),
            used: Vec::new(),
            uses: Used::default(),
            log: loaded.log.clone(),
            time: None,
        };
        let plugin = match &loaded.plugin {
            Ok(plugin) => plugin.clone(),
            Err(problem) => {
                made.text = format!("does not load:\n  {problem}\n");
                return Ok(made);
            }
        };
        made.rules = plugin.rules().to_vec();
        let circumstances = Arc::clone(&loaded.circumstances);
        circumstances.begin(&case.settings.values);
        let mut fuel = 0;
        for (at, message) in std::iter::once(case).chain(&case.next).enumerate() {
            if at > 0 {
                made.text += &format!("then {}:\n", message.message_file());
            }
            circumstances.now.store(message.now()?.0, Ordering::Relaxed);
            let link = Link::new(plugin.clone(), OnFailure::Defer).when(Arc::new(When {
                inside: Arc::new(message.inside()),
                ..When::default()
            }));
            let rehearsed = Rehearsal::of(message)?.run(&Chain::of(link.clone())).await;
            circumstances.commit(rehearsed.kept());
            fuel += link.tap.fuel();
            made.add(&rehearsed, limits.budget(message.message.len() as u64));
            let lines = circumstances.take_log();
            if case.settings.expect_log && !lines.is_empty() {
                let shown: String = lines.iter().map(|line| format!("  {line}\n")).collect();
                made.text += &format!("log:\n{shown}");
            }
            made.log.extend(lines);
        }
        self.fuel = fuel;
        Ok(made)
    }

    async fn load(&mut self, case: &Case) -> anyhow::Result<&Loaded> {
        let (settings, tables, now) = (case.settings_json()?, &case.settings.tables, case.now()?);
        let (numbering, seed) = (&case.settings.numbering, case.random_seed());
        let circumstances = serde_json::json!([settings, tables, numbering, seed, now.0]).to_string();
        let fits = self.loaded.as_ref().is_some_and(|loaded| loaded.key == circumstances);
        if !fits {
            self.loaded = Some(self.loaded_for(case, circumstances, settings, now.0).await);
        }
        self.loaded.as_ref().context("it was loaded just now")
    }

    async fn loaded_for(&self, case: &Case, key: String, settings: serde_json::Value, now: u64) -> Loaded {
        let (tables, numbering) = (&case.settings.tables, &case.settings.numbering);
        let services = Arc::new(Circumstances {
            tables: tables
                .iter()
                .map(|(name, rows)| (name.clone(), Arc::new(Inline(rows.clone())) as Arc<dyn Table>))
                .collect(),
            networks: numbering.clone(),
            seed: case.random_seed(),
            now: AtomicU64::new(now),
            values: Mutex::default(),
            log: Mutex::default(),
        });
        let spec = PluginSpec {
            // Where the name shows, snapshots must not depend on what an operator calls the plug-in.
            name: "sample".to_owned(),
            wasm: PathBuf::new(),
            settings,
            grants: self.grants.clone(),
            may: self.may.clone(),
            limits: self.limits.clone(),
        };
        let loading = self.engine.load_bytes(
            spec,
            self.wasm.clone(),
            Arc::clone(&services) as Arc<dyn Services>,
            Arc::new(|_, _| {}),
        );
        let plugin = loading.await.map_err(|error| error.kind.to_string());
        Loaded {
            key,
            plugin,
            log: services.take_log(),
            circumstances: services,
        }
    }
}

/// The lines that differ: `-` expected, `+` what it does now. With `whole`, those that do not differ too.
pub fn difference(expected: &str, now: &str, whole: bool) -> String {
    let mut text = String::new();
    for change in TextDiff::from_lines(expected, now).iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Delete => "-",
            ChangeTag::Insert => "+",
            ChangeTag::Equal if whole => " ",
            ChangeTag::Equal => continue,
        };
        text.push_str(&format!("  {sign} {}\n", change.value().trim_end_matches('\n')));
    }
    text
}

/// The first lines: a difference goes into a log and a history, where it must not push out everything else.
fn cut(difference: &str) -> String {
    const LINES: usize = 20;
    const OCTETS: usize = 4096;
    let mut text = String::new();
    for (at, line) in difference.lines().enumerate() {
        if at == LINES || text.len() + line.len() > OCTETS {
            return text + "  ...";
        }
        text.push_str(line);
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

/// A case that is ready to be put through a chain, as often as one likes.
pub struct Rehearsal {
    message: Arc<Message>,
    next_hop: NextHop,
    occasion: Occasion,
    /// On an outcome.
    concerned: Concerned,
    header: Arc<Header>,
}

/// What a chain made of a case.
pub enum Rehearsed {
    Passed(Passage, Effects),
    Told(OutcomeTold),
}

impl Rehearsal {
    /// Reads the case.
    pub fn of(case: &Case) -> anyhow::Result<Self> {
        let message = Arc::new(case.read_message()?);
        let next_hop = NextHop::new(&case.next_hop())?;
        let concerned = Concerned {
            id: QueueId::of(message.id, 1),
            source: message.origin.source.clone(),
            next_hop: next_hop.clone(),
            sender: message.envelope.sender.clone(),
            kind: Some(message.kind),
            received_at: message.origin.received_at,
            size: message.content.size(),
        };
        Ok(Self {
            header: Arc::new(message.header.clone()),
            occasion: case.occasion()?,
            message,
            next_hop,
            concerned,
        })
    }

    /// The occasion of the case.
    pub fn occasion(&self) -> &Occasion {
        &self.occasion
    }

    /// Once through the chain.
    pub async fn run(&self, chain: &Chain) -> Rehearsed {
        let mut effects = Effects::default();
        let message = Arc::clone(&self.message);
        let passage = match &self.occasion {
            Occasion::Arrival => {
                let next_hops = std::slice::from_ref(&self.next_hop);
                chain.arrive(message, next_hops, &mut effects).await
            }
            Occasion::Departure(destination) => chain.depart(message, destination.clone(), &mut effects).await,
            Occasion::Outcome(outcome) => {
                let tell = TellOutcome {
                    concerned: &self.concerned,
                    recipients: self.message.envelope.recipients.clone(),
                    header: Arc::clone(&self.header),
                    answers: None,
                    outcome: outcome.clone(),
                    only: None,
                };
                return Rehearsed::Told(chain.tell(tell).await);
            }
        };
        Rehearsed::Passed(passage, effects)
    }
}

impl Rehearsed {
    /// For a person to read.
    pub fn text(&self) -> String {
        match self {
            Self::Passed(passage, effects) => snapshot::passage(passage, effects),
            Self::Told(told) => snapshot::told(told),
        }
    }

    fn effects(&self) -> &Effects {
        match self {
            Self::Passed(_, effects) => effects,
            Self::Told(told) => &told.effects,
        }
    }

    /// What the relay would have committed of the plug-in's values.
    fn kept(&self) -> &[KvWrite] {
        match self {
            Self::Passed(Passage::Go { .. } | Passage::Discard { .. }, effects) => &effects.kv,
            Self::Passed(Passage::Hold(_) | Passage::Refuse(_), _) => &[],
            Self::Told(told) => &told.effects.kv,
        }
    }

    /// The time of the longest call that came to something.
    fn longest(&self) -> Option<Duration> {
        self.effects()
            .journey
            .iter()
            .map(|step| Duration::from_micros(step.micros))
            .max()
    }

    /// Why the plug-in failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Passed(Passage::Refuse(Refusal::Deferred { reason, .. }), _) => Some(reason),
            Self::Passed(..) => None,
            Self::Told(told) => told.failed.first().map(|(_, reason)| reason.as_str()),
        }
    }
}

impl Made {
    /// Adds what became of one message more.
    fn add(&mut self, rehearsed: &Rehearsed, budget: Duration) {
        self.text += &rehearsed.text();
        let effects = rehearsed.effects();
        let unnamed = effects.rules.iter().filter(|rule| !self.used.contains(rule));
        self.used.extend(unnamed.cloned().collect::<Vec<_>>());
        self.uses.add(&effects.used);
        if self.failed.is_none() {
            self.failed = rehearsed.failure().map(str::to_owned);
        }
        if let Some(time) = rehearsed.longest()
            && self.time.is_none_or(|(longest, _)| time > longest)
        {
            self.time = Some((time, budget));
        }
    }
}

/// The world of a case: its tables, networks, values, time and seed, and a log that is read afterwards.
struct Circumstances {
    tables: BTreeMap<String, Arc<dyn Table>>,
    networks: BTreeMap<String, Network>,
    seed: [u8; 32],
    now: AtomicU64,
    values: Mutex<BTreeMap<String, Vec<u8>>>,
    log: Mutex<Vec<Line>>,
}

impl Circumstances {
    /// Before the first message of a case.
    fn begin(&self, values: &BTreeMap<String, String>) {
        let values = values
            .iter()
            .map(|(key, value)| (key.clone(), value.clone().into_bytes()));
        *self.values() = values.collect();
        self.take_log();
    }

    /// As the store does it.
    fn commit(&self, writes: &[KvWrite]) {
        let mut values = self.values();
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

    fn take_log(&self) -> Vec<Line> {
        std::mem::take(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn values(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
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
        Box::pin(async move { Ok(self.values().get(key).cloned()) })
    }

    fn random_seed(&self) -> [u8; 32] {
        self.seed
    }

    fn network<'a>(&'a self, number: &'a str) -> BoxFuture<'a, Result<Option<Network>, String>> {
        Box::pin(async move { Ok(self.networks.get(number).cloned()) })
    }

    fn log(&self, _plugin: &str, _message: &str, level: Level, text: &str) {
        let text = text.to_owned();
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Line { level, text });
    }
}

/// A table whose rows stand in `case.toml`.
struct Inline(BTreeMap<String, String>);

impl Table for Inline {
    fn lookup(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn lookup_prefix(&self, text: &str) -> Option<(&str, &str)> {
        let rows = self.0.iter().filter(|(key, _)| text.starts_with(key.as_str()));
        rows.max_by_key(|(key, _)| key.len())
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// A message for the tests of other files.
#[cfg(test)]
pub(crate) fn message_for_tests() -> Message {
    let text = b"From: +15555550100/TYPE=PLMN\r\nTo: +15555550199/TYPE=PLMN\r\nX-Mms-Message-Type: MM4_forward.REQ\r\n\
                 X-Mms-Message-ID: \"m\"\r\nX-Mms-Transaction-ID: \"t\"\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b--\r\n";
    Case::of_message("test", text).read_message().expect("it is a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_difference_is_cut() {
        assert_eq!(cut("  - a\n  + b\n"), "  - a\n  + b");
        let many = "  + line\n".repeat(1000);
        assert_eq!(cut(&many).lines().count(), 21);
        assert_eq!(cut(&"x".repeat(10_000)), "  ...");
    }

    #[test]
    fn a_difference_shows_what_was_expected_and_what_is() {
        let (expected, now) = ("verdict:\n  pass\n", "verdict:\n  discard: dull\n");
        assert_eq!(difference(expected, now, false), "  -   pass\n  +   discard: dull\n");
        assert!(difference(expected, now, true).starts_with("    verdict:\n"));
        assert_eq!(difference(now, now, false), "");
    }
}
