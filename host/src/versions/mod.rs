//! The steps that a version goes through before it sees a message, and the history of them.
//!
//! A version that fails a step never goes live, and the running one is untouched. The steps in their order:
//!
//! 1. `digest`: the file is read, once. All later steps use these bytes, whatever becomes of the file.
//! 2. `signature`: somebody who may sign has signed it ([`signing`]), where that is required.
//! 3. `parse`: it is a valid component, and not too large.
//! 4. `imports`: this relay has its contract, and it imports nothing that is not granted.
//! 5. `compile`: off the messages' threads, and with lower priority; or its code is in the cache.
//! 6. `configure`: it configures itself in a sandbox of its own, of which a snapshot is taken.
//! 7. `samples`: its sample cases give the expected results
//!    ([`rehearsal::samples`](crate::rehearsal::samples)), where the configuration names any. A version that has
//!    passed and runs, or ran, is not tested again.
//! 8. `shadow`: the next messages go through it too, beside the running version, without any effect ([`shadow`]), where
//!    the configuration asks for that.
//! 9. `swap`: it takes its place in the chain ([`catalogue`]), and its bytes are kept for a rollback ([`files`]).
//! 10. `watch`: for a while its failures are compared with those of the version before
//!     ([`Health`](crate::pipeline::Health)). If there are clearly more, that version is put back.
//!
//! Every attempt is recorded step by step ([`history`]).

mod announced;
mod attempts;
mod catalogue;
pub mod files;
pub mod history;
mod places;
pub mod placing;
mod refused;
mod shadow;
pub mod signing;
mod steps;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use mm4relay_engine::{Engine, LoadError, LoadErrorKind, Plugin, PluginSpec, Services};

use crate::clock::rfc3339;
use crate::message::{OnFailure, Timestamp};
use crate::sync::lock;

use crate::pipeline::When;
use crate::rehearsal::recording::{Recorder, Recording};

use announced::Announced;
use history::{Cause, History, Verdict};
use signing::Signing;

pub use announced::AskedFor;
pub use catalogue::{Catalogue, ReadyForAll, ShownForAll, WatchState};
pub use refused::{CatalogueError, RefusedVersion};
pub use shadow::ShadowTerms;
pub use steps::Attempt;
pub use watch::Watched;

/// A link of the chain as configured.
#[derive(Clone)]
pub struct LinkSpec {
    pub plugin: PluginSpec,
    pub on_failure: OnFailure,
    /// The messages that the plug-in may be called for.
    pub when: Arc<When>,
    /// The folder of the sample cases that every version must pass.
    pub samples: Option<PathBuf>,
    /// How long a new version is watched; zero means not at all.
    pub watch: Duration,
    /// The keys that may sign it.
    pub signing: Arc<Signing>,
    /// How a new version is tried on real messages first.
    pub shadow: ShadowTerms,
    /// The recorder of its calls.
    pub recorder: Option<Arc<Recorder>>,
}

impl LinkSpec {
    /// A link without samples, watch window and signature.
    pub fn new(plugin: PluginSpec, on_failure: OnFailure) -> Self {
        Self {
            plugin,
            on_failure,
            when: Arc::default(),
            samples: None,
            watch: Duration::ZERO,
            signing: Arc::default(),
            shadow: ShadowTerms::NONE,
            recorder: None,
        }
    }

    pub fn name(&self) -> &str {
        &self.plugin.name
    }
}

/// The bytes of a version, read once.
#[derive(Clone)]
pub struct Candidate {
    pub wasm: Bytes,
    pub signature: Option<String>,
    pub digest: String,
    /// Identifies the file that they come from: see [`files::stamp`].
    pub stamp: String,
}

/// A version that has passed all steps, and waits for the others of its chain.
pub struct Ready {
    pub plugin: Plugin,
    /// The recording of its calls.
    pub recording: Option<Recording>,
    pub candidate: Candidate,
    pub attempt: Attempt,
    /// How far the watch over it is, once it runs.
    pub watch: Arc<tokio::sync::watch::Sender<WatchState>>,
}

/// Takes versions through the steps.
pub struct Loader {
    engine: Engine,
    /// The services for the next version. Running versions keep theirs.
    services: RwLock<Arc<dyn Services>>,
    pub history: Arc<History>,
    announced: Announced,
    /// Digests of the versions that run whatever the plug-ins' files hold.
    pins: Mutex<BTreeMap<String, String>>,
}

impl Candidate {
    /// Reads the file of `spec` and its signature; off the async threads.
    pub async fn read(spec: &LinkSpec) -> Result<Self, RefusedVersion> {
        let plugin = spec.plugin.clone();
        let reading = tokio::task::spawn_blocking(move || {
            // The stamp is taken before the bytes are read. If the file is replaced in between, it is checked once too
            // often, and never once too few.
            let stamp = files::stamp(&plugin.wasm);
            let wasm = plugin.read()?;
            let signature = files::read_signature(&plugin.wasm).map_err(|error| LoadError {
                plugin: plugin.name.clone(),
                kind: LoadErrorKind::Read {
                    path: files::signature_path(&plugin.wasm),
                    error,
                },
            })?;
            Ok(Self::new(wasm, signature, stamp))
        });
        reading.await.unwrap_or_else(|error| Err(internal(spec, &error)))
    }

    /// A version that comes out of no file of this relay.
    pub fn for_all(wasm: Bytes, signature: Option<String>) -> Self {
        Self::new(wasm, signature, String::new())
    }

    fn new(wasm: Bytes, signature: Option<String>, stamp: String) -> Self {
        let digest = mm4relay_engine::digest(&wasm);
        Self {
            wasm,
            signature,
            digest,
            stamp,
        }
    }
}

impl Loader {
    pub fn new(engine: Engine, services: Arc<dyn Services>, history: History, pins: BTreeMap<String, String>) -> Self {
        Self {
            engine,
            services: RwLock::new(services),
            history: Arc::new(history),
            announced: Announced::default(),
            pins: Mutex::new(pins),
        }
    }

    /// From now on this version runs, whatever the plug-in's file holds.
    pub fn pin(&self, plugin: &str, digest: &str) {
        lock(&self.pins).insert(plugin.to_owned(), digest.to_owned());
    }

    pub fn pinned(&self, plugin: &str) -> Option<String> {
        lock(&self.pins).get(plugin).cloned()
    }

    /// The other version, where this one is pinned.
    fn repin(&self, plugin: &str, from: &str, to: &str) {
        if self.pinned(plugin).as_deref() == Some(from) {
            self.pin(plugin, to);
        }
    }

    fn services(&self) -> Arc<dyn Services> {
        Arc::clone(&self.services.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets the services for later versions. Returns the ones before.
    pub fn give(&self, services: Arc<dyn Services>) -> Arc<dyn Services> {
        let mut given = self.services.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut given, services)
    }

    /// The present time as the history writes it: RFC 3339, in UTC.
    pub fn now(&self) -> String {
        rfc3339(Timestamp(self.services().now_ms()))
    }

    /// Records how an attempt ended.
    pub async fn end(&self, attempt: &Attempt, verdict: Verdict, why: &str) {
        let note = |record: &mut history::Record| {
            if let Some(attempt) = record.attempt(attempt.number) {
                attempt.verdict = verdict;
                attempt.why = why.to_owned();
            }
        };
        self.history.change(&attempt.plugin, note).await;
    }

    /// Records that versions are live, and keeps their bytes.
    pub async fn live(&self, ready: &[Ready]) {
        for version in ready {
            self.keep(version).await;
            self.note_live(version);
        }
        self.history.written().await;
        self.history.sweep().await;
    }

    fn note_live(&self, ready: &Ready) {
        let (name, digest) = (ready.plugin.name(), ready.candidate.digest.as_str());
        let (version, now, number) = (
            ready.plugin.description().version.clone(),
            self.now(),
            ready.attempt.number,
        );
        self.history.note(name, |record| {
            let ran_before = record.running.as_deref() == Some(digest);
            record.went_live(digest, &version, &now);
            record.breaker.clear();
            // Otherwise a few reloads would push more important attempts out of the history.
            record
                .attempts
                .retain(|attempt| !(ran_before && attempt.number == number && attempt.cause == Cause::Reload));
            if record.barred.as_ref().is_some_and(|barred| barred.digest == digest) {
                record.barred = None;
            }
            if let Some(attempt) = record.attempt(number) {
                attempt.verdict = Verdict::Live;
            }
        });
    }

    /// Makes the history follow the breaker of a version, for as long as that version runs.
    pub fn follow_breaker(&self, plugin: &Plugin) {
        let (history, services) = (Arc::clone(&self.history), self.services());
        let (name, digest) = (plugin.name().to_owned(), plugin.digest().to_owned());
        plugin.breaker().on_change(move |standing| {
            let peers: Vec<_> = standing.into_iter().map(|(peer, _)| peer).collect();
            let now = rfc3339(Timestamp(services.now_ms()));
            history.note(&name, |record| {
                if record.running.as_deref() == Some(digest.as_str()) {
                    record.breaker_is_open_for(peers, &now);
                }
            });
        });
    }

    /// Keeps the bytes. A failure does not keep the version from going live; only a rollback to it becomes impossible.
    async fn keep(&self, ready: &Ready) {
        let Some(spool) = self.history.folder().map(std::path::Path::to_owned) else {
            return;
        };
        let candidate = ready.candidate.clone();
        let keeping = tokio::task::spawn_blocking(move || {
            files::keep(
                &spool,
                &candidate.digest,
                &candidate.wasm,
                candidate.signature.as_deref(),
            )
        });
        if let Err(error) = keeping.await.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            let plugin = ready.plugin.name();
            tracing::error!(
                plugin,
                event = "plugin-not-kept",
                "its component cannot be kept for going back: {error}"
            );
        }
    }

    /// The kept version that runs whatever the file holds: the one that is pinned, or the one that stands in for a barred
    /// file. `None`: that in the file.
    ///
    /// # Errors
    /// The pinned one is not kept.
    pub async fn stand_in(&self, spec: &LinkSpec) -> Result<Option<Candidate>, RefusedVersion> {
        match self.pinned(spec.name()) {
            Some(digest) => self.kept(spec, digest).await.map(Some),
            None => Ok(self.in_place_of_barred(spec).await),
        }
    }

    async fn kept(&self, spec: &LinkSpec, digest: String) -> Result<Candidate, RefusedVersion> {
        let folder = self.history.folder().map(std::path::Path::to_owned);
        let (named, wanted) = (spec.name().to_owned(), digest.clone());
        let kept = tokio::task::spawn_blocking(move || match folder {
            Some(folder) => files::kept(&folder, &wanted),
            None => Err(std::io::ErrorKind::NotFound.into()),
        });
        let kept = kept.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let (wasm, signature) = kept.map_err(|error| RefusedVersion::NotKept {
            plugin: named,
            digest,
            error,
        })?;
        Ok(Candidate::for_all(wasm, signature))
    }

    async fn in_place_of_barred(&self, spec: &LinkSpec) -> Option<Candidate> {
        let record = self.history.record(spec.name());
        let barred = record.barred?;
        let (spool, running) = (self.history.folder()?.to_owned(), record.running?);
        let file = spec.plugin.wasm.clone();
        let stamp = barred.stamp.clone();
        let reading =
            tokio::task::spawn_blocking(move || (files::stamp(&file) == stamp).then(|| files::kept(&spool, &running)));
        match reading.await.ok()?? {
            Ok((wasm, signature)) => {
                let plugin = spec.name();
                tracing::warn!(
                    plugin,
                    event = "plugin-rolled-back",
                    "its file was rolled back, the version before runs: {}",
                    barred.why
                );
                Some(Candidate::new(wasm, signature, barred.stamp))
            }
            Err(error) => {
                let plugin = spec.name();
                tracing::error!(
                    plugin,
                    event = "plugin-not-kept",
                    "the version to stand in for a file that was rolled back is lost: {error}"
                );
                None
            }
        }
    }
}

fn internal(spec: &LinkSpec, error: &tokio::task::JoinError) -> RefusedVersion {
    RefusedVersion::Load(LoadError {
        plugin: spec.name().to_owned(),
        kind: LoadErrorKind::Internal {
            problem: error.to_string(),
        },
    })
}
