//! Sample cases: messages, and what the author of a plug-in expects it to make of them.
//!
//! `mm4relay plugin test` shows them to the author; the relay asks the same before a version goes live. Both go through
//! [`Bench`], so that a snapshot blessed by the one is what the other compares with. A case brings its own settings,
//! tables and time: what it shows depends on the component and its grants only, not on the relay that runs it.

mod case;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use mm4relay_engine::{
    BoxFuture, Engine, Grant, Level, Limits, May, Network, Occasion, Plugin, PluginSpec, Services, Table, Used,
};
use similar::{ChangeTag, TextDiff};

use crate::message::{Header, Message, OnFailure, PeerName, QueueId, Refusal};

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
    loaded: Option<(String, Result<Plugin, String>)>,
    fuel: u64,
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
        match self.load(case).await? {
            Ok(plugin) => {
                let when = When {
                    inside: Arc::new(case.inside()),
                    ..When::default()
                };
                let rules = plugin.rules().to_vec();
                let link = Link::new(plugin, OnFailure::Defer).when(Arc::new(when));
                let rehearsed = Rehearsal::of(case)?.run(&Chain::of(link.clone())).await;
                self.fuel = link.tap.fuel();
                Ok(rehearsed.made(rules))
            }
            Err(problem) => {
                self.fuel = 0;
                Ok(Made {
                    text: format!("does not load:\n  {problem}\n"),
                    failed: None,
                    rules: Vec::new(),
                    used: Vec::new(),
                    uses: Used::default(),
                })
            }
        }
    }

    async fn load(&mut self, case: &Case) -> anyhow::Result<Result<Plugin, String>> {
        let (settings, tables, now) = (case.settings_json()?, &case.settings.tables, case.now()?);
        let (numbering, seed) = (&case.settings.numbering, case.random_seed());
        let values = &case.settings.values;
        let circumstances = serde_json::json!([settings, tables, numbering, values, seed, now.0]).to_string();
        if let Some((key, loaded)) = &self.loaded
            && *key == circumstances
        {
            return Ok(loaded.clone());
        }
        let services = Arc::new(Circumstances {
            tables: tables
                .iter()
                .map(|(name, rows)| (name.clone(), Arc::new(Inline(rows.clone())) as Arc<dyn Table>))
                .collect(),
            networks: numbering.clone(),
            values: values.clone(),
            seed,
            now: now.0,
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
        let loading = self
            .engine
            .load_bytes(spec, self.wasm.clone(), services, Arc::new(|_, _| {}));
        let loaded = loading.await;
        let loaded = loaded.map_err(|error| error.kind.to_string());
        self.loaded = Some((circumstances, loaded.clone()));
        Ok(loaded)
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
    next_hop: PeerName,
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
        let next_hop = PeerName::new(&case.next_hop())?;
        let concerned = Concerned {
            id: QueueId::of(message.id, 1),
            source: message.origin.peer.clone(),
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
    fn made(&self, rules: Vec<String>) -> Made {
        let (text, effects) = match self {
            Self::Passed(passage, effects) => (snapshot::passage(passage, effects), effects),
            Self::Told(told) => (snapshot::told(told), &told.effects),
        };
        Made {
            text,
            failed: self.failure().map(str::to_owned),
            rules,
            used: effects.rules.clone(),
            uses: effects.used.clone(),
        }
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

/// The world of a case: its tables, values, networks, time and seed, and a log that nobody takes for that of live
/// traffic.
struct Circumstances {
    tables: BTreeMap<String, Arc<dyn Table>>,
    networks: BTreeMap<String, Network>,
    values: BTreeMap<String, String>,
    seed: [u8; 32],
    now: u64,
}

impl Services for Circumstances {
    fn now_ms(&self) -> u64 {
        self.now
    }

    fn table(&self, name: &str) -> Option<Arc<dyn Table>> {
        self.tables.get(name).cloned()
    }

    fn kv_get<'a>(&'a self, _plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        let value = self.values.get(key).map(|value| value.clone().into_bytes());
        Box::pin(async move { Ok(value) })
    }

    fn random_seed(&self) -> [u8; 32] {
        self.seed
    }

    fn network<'a>(&'a self, number: &'a str) -> BoxFuture<'a, Result<Option<Network>, String>> {
        Box::pin(async move { Ok(self.networks.get(number).cloned()) })
    }

    fn log(&self, plugin: &str, _message: &str, level: Level, text: &str) {
        tracing::debug!(plugin, ?level, "{text}");
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
