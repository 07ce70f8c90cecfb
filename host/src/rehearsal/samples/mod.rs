//! Sample cases: messages, and what the author of a plug-in expects it to do with them.
//!
//! `mm4relay plugin test` shows them to the author; the relay checks the same before a version goes live. Both use
//! [`Bench`], so that a relay compares with exactly the snapshot that the author blessed. A case brings its own
//! settings, tables and time: its result depends on the component and its grants only, and not on the relay that runs
//! it.

mod answers;
mod case;
mod circumstances;
mod difference;
mod put_through;
mod snapshot;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use mm4relay_engine::{Engine, Grant, Limits, May, Plugin, PluginSpec, Services, Used};

#[cfg(test)]
use crate::message::Message;
use crate::message::{OnFailure, Timestamp};
use crate::pipeline::tap::Cost;
use crate::pipeline::{Chain, Link, When};

use circumstances::Circumstances;
use difference::cut;

pub use case::{Case, cases, each_case};
pub use circumstances::Line;
pub use difference::difference;
pub use put_through::{Rehearsal, Rehearsed};

/// A component under test.
pub struct Bench {
    engine: Engine,
    wasm: Bytes,
    grants: BTreeSet<Grant>,
    may: May,
    limits: Limits,
    /// The component, loaded with the circumstances of the last case. Each load costs a compilation, and consecutive
    /// cases mostly have the same circumstances.
    loaded: Option<Loaded>,
}

/// The loaded component, or why it does not load.
struct Loaded {
    key: String,
    circumstances: Arc<Circumstances>,
    plugin: Result<Plugin, String>,
    /// Its log lines so far.
    log: Vec<Line>,
}

/// What a plug-in did with a case.
pub struct Made {
    /// The text for people, and for `expected.txt`.
    pub text: String,
    /// Why the plug-in failed, if it did, beginning with the class of the failure.
    pub failed: Option<String>,
    /// The rules of the case's settings, as the plug-in named them.
    pub rules: Vec<String>,
    /// The rules that took part in the result.
    pub used: Vec<String>,
    /// What the plug-in used of the message.
    pub uses: Used,
    /// What it logged and printed, including `configure`.
    pub log: Vec<Line>,
    /// The cost of its calls.
    pub cost: Cost,
    /// The time that a call may take with the largest of the messages.
    pub budget: Duration,
}

/// Why samples keep a version from going live.
#[derive(Debug, thiserror::Error)]
pub enum SamplesError {
    #[error("its samples cannot be run: {0}")]
    Unusable(String),
    #[error("there is no sample case in {}: a case is a folder with a message.eml", .0.display())]
    NoCases(PathBuf),
    /// `first` is the name of the first case that differs, `difference` its lines: `-` expected, `+` actual.
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
        }
    }

    /// Restricts the plug-in to these grants on the message.
    pub fn may(self, may: May) -> Self {
        Self { may, ..self }
    }

    /// What the plug-in uses of messages in all cases of a folder.
    pub async fn uses(&mut self, samples: &Path) -> anyhow::Result<Used> {
        let mut used = Used::default();
        for case in cases(samples)? {
            used.add(&self.made_of(&case).await?.uses);
        }
        Ok(used)
    }

    /// The limits of each call.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Runs every case in the folder `samples`. Returns their number when all gave the expected results.
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

    /// Runs the case. A plug-in that does not load is a result too, because samples can show bad settings.
    pub async fn made_of(&mut self, case: &Case) -> anyhow::Result<Made> {
        let limits = self.limits.clone();
        let loaded = self.load(case).await?;
        let mut made = Made {
            text: String::new(),
            failed: None,
            rules: Vec::new(),
            used: Vec::new(),
            uses: Used::default(),
            log: loaded.log.clone(),
            cost: Cost::default(),
            budget: limits.budget(0),
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
        for (at, message) in std::iter::once(case).chain(&case.next).enumerate() {
            if at > 0 {
                made.text += &format!("then {}:\n", message.message_file());
            }
            circumstances.set_time(message.now()?);
            let link = Link::new(plugin.clone(), OnFailure::Defer)
                .counting()
                .when(Arc::new(When {
                    inside: Arc::new(message.inside()),
                    ..When::default()
                }));
            let rehearsed = Rehearsal::of(message)?.run(&Chain::of(link.clone())).await;
            circumstances.commit(rehearsed.kept());
            made.add(&rehearsed);
            made.cost.add(&link.tap.cost());
            made.budget = made.budget.max(limits.budget(message.message.len() as u64));
            let lines = circumstances.take_log();
            if case.settings.expect_log && !lines.is_empty() {
                let shown: String = lines.iter().map(|line| format!("  {line}\n")).collect();
                made.text += &format!("log:\n{shown}");
            }
            made.log.extend(lines);
        }
        Ok(made)
    }

    async fn load(&mut self, case: &Case) -> anyhow::Result<&Loaded> {
        let (settings, tables, now) = (case.settings_json()?, &case.settings.tables, case.now()?);
        let (numbering, seed) = (&case.settings.numbering, case.random_seed());
        let outside = (&case.settings.scanners, &case.settings.http);
        let circumstances = serde_json::json!([settings, tables, numbering, outside, seed, now.0]).to_string();
        let fits = self.loaded.as_ref().is_some_and(|loaded| loaded.key == circumstances);
        if !fits {
            self.loaded = Some(self.loaded_for(case, circumstances, settings, now).await);
        }
        self.loaded.as_ref().context("it was loaded just now")
    }

    async fn loaded_for(&self, case: &Case, key: String, settings: serde_json::Value, now: Timestamp) -> Loaded {
        let services = Arc::new(Circumstances::of(case, now));
        let spec = PluginSpec {
            // Snapshots must not depend on the name that an operator gives the plug-in.
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

impl Made {
    /// Adds the result of one more message.
    fn add(&mut self, rehearsed: &Rehearsed) {
        self.text += &rehearsed.text();
        let effects = rehearsed.effects();
        let unnamed = effects.rules.iter().filter(|rule| !self.used.contains(rule));
        self.used.extend(unnamed.cloned().collect::<Vec<_>>());
        self.uses.add(&effects.used);
        if self.failed.is_none() {
            self.failed = rehearsed.failure().map(str::to_owned);
        }
    }
}

/// A message for the tests of other files.
#[cfg(test)]
pub(crate) fn message_for_tests() -> Message {
    let text = b"From: +15555550100/TYPE=PLMN\r\nTo: +15555550199/TYPE=PLMN\r\nX-Mms-Message-Type: MM4_forward.REQ\r\n\
                 X-Mms-Message-ID: \"m\"\r\nX-Mms-Transaction-ID: \"t\"\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b--\r\n";
    Case::of_message("test", text).read_message().expect("it is a message")
}
