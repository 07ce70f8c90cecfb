//! A version that all relays are to run: prepared here, shown to messages, and taken back.
//!
//! Who asks knows what all relays do (the room `rollout`). It comes out of no file, so nobody puts a file in its place: from
//! the moment when it is shown it is *pinned*, and reloads load it again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mm4relay_engine::BreakerState;

use super::super::history::{Cause, Verdict};
use super::super::places::put_in;
use super::super::{Candidate, LinkSpec, Ready, RefusedVersion, ShadowTerms};
use super::{Catalogue, Configured, WatchState};
use crate::pipeline::Link;

/// A version that could be shown to messages at once.
pub struct ReadyForAll {
    ready: Ready,
    generation: u64,
}

/// A version that messages are shown to.
pub struct ShownForAll {
    new: Link,
    /// The version that ran before, as it was loaded.
    old: Option<Link>,
    watch: tokio::sync::watch::Receiver<WatchState>,
    generation: u64,
}

impl ShownForAll {
    pub fn watch(&self) -> WatchState {
        self.watch.borrow().clone()
    }

    /// The digest of the version that it came in the place of.
    pub fn replaced(&self) -> Option<&str> {
        self.old.as_ref().map(|old| old.plugin.digest())
    }

    /// Why its breaker is open, where that of the version before was not.
    pub fn breaks(&self) -> Option<String> {
        let open = |link: &Link, peer: &str| link.plugin.breaker().open_for().iter().any(|(open, _)| open == peer);
        let was_open = |peer: &str| self.old.as_ref().is_some_and(|old| open(old, peer));
        let breaker = self.new.plugin.breaker();
        if breaker.state() != BreakerState::Closed {
            let before = self.old.as_ref().map(|old| old.plugin.breaker().state());
            return (before.is_none_or(|before| before == BreakerState::Closed))
                .then(|| "its breaker is open".to_owned());
        }
        let peers = breaker.open_for().into_iter().map(|(peer, _)| peer);
        let new = peers.filter(|peer| !was_open(peer)).collect::<Vec<_>>();
        (!new.is_empty()).then(|| format!("its breaker is open for {}", new.join(", ")))
    }
}

impl Catalogue {
    /// The configuration of a plug-in.
    pub async fn spec(&self, plugin: &str) -> Option<LinkSpec> {
        self.configured.lock().await.spec(plugin)
    }

    /// The digest of what runs.
    pub fn runs(&self, plugin: &str) -> Option<String> {
        self.running(plugin).map(|link| link.plugin.digest().to_owned())
    }

    /// From now on what runs stays, whatever the plug-in's file holds.
    pub fn pin(&self, plugin: &str) {
        if let (None, Some(runs)) = (self.loader.pinned(plugin), self.runs(plugin)) {
            self.loader.pin(plugin, &runs);
        }
    }

    /// Takes a version through every step short of going live.
    ///
    /// # Errors
    /// The step that it did not pass, and why.
    pub async fn prepare_for_all(
        &self,
        plugin: &str,
        candidate: Candidate,
    ) -> Result<ReadyForAll, (String, RefusedVersion)> {
        let configured = self.configured.lock().await;
        let spec = configured.spec(plugin).ok_or_else(|| not_configured(plugin))?;
        let running = self.running(plugin);
        let ready = self
            .loader
            .prepare(&spec, candidate, Cause::RollOut, running.as_ref())
            .await;
        match ready {
            Ok(ready) => Ok(ReadyForAll {
                ready,
                generation: self.generation.load(Ordering::Relaxed),
            }),
            Err(refusal) => Err((self.step_of(plugin, &refusal), refusal)),
        }
    }

    /// Shows messages to it from now on, and watches it.
    ///
    /// # Errors
    /// Settings or tables have changed since it was prepared, and it does not load with the present ones.
    pub async fn show(&self, plugin: &str, prepared: ReadyForAll) -> Result<ShownForAll, (String, RefusedVersion)> {
        let configured = self.configured.lock().await;
        let spec = configured.spec(plugin).ok_or_else(|| not_configured(plugin))?;
        let generation = self.generation.load(Ordering::Relaxed);
        let ready = match prepared.generation == generation {
            true => prepared.ready,
            false => {
                let spec = tried(&spec);
                let candidate = prepared.ready.candidate.clone();
                let again = self.loader.prepare(&spec, candidate, Cause::RollOut, None).await;
                again.map_err(|refusal| (self.step_of(plugin, &refusal), refusal))?
            }
        };
        let old = self.running(plugin);
        Ok(self.take(&configured.specs, ready, old, (spec.watch, generation)).await)
    }

    async fn take(
        &self,
        specs: &[LinkSpec],
        ready: Ready,
        old: Option<Link>,
        (watch, generation): (Duration, u64),
    ) -> ShownForAll {
        let name = ready.plugin.name().to_owned();
        let told = Arc::clone(&ready.watch);
        let digest = ready.plugin.digest().to_owned();
        let old = old.filter(|old| old.plugin.digest() != digest);
        self.loader.pin(&name, &digest);
        let ready = [ready];
        self.go_live(specs, &ready, |running, links| put_in(links, running, specs, &ready))
            .await;
        if watch.is_zero() || old.is_none() {
            told.send_replace(WatchState::Stood);
        }
        let [ready] = ready;
        let new = self
            .running(&name)
            .unwrap_or_else(|| Link::new(ready.plugin, crate::message::OnFailure::default()));
        ShownForAll {
            new,
            old,
            watch: told.subscribe(),
            generation,
        }
    }

    /// Puts the version back that ran before it, at once and as it was loaded.
    pub async fn take_back(&self, shown: &ShownForAll, why: &str) {
        if let Some(old) = &shown.old {
            self.roll_back(&shown.new, old, (String::new(), shown.generation), why)
                .await;
        }
    }

    /// Runs this version, which all relays run: without a trial and without a watch.
    ///
    /// # Errors
    /// Why it does not load. What runs stays.
    pub async fn run_for_all(&self, plugin: &str, candidate: Candidate) -> Result<(), RefusedVersion> {
        let configured = self.configured.lock().await;
        let Some(spec) = configured.spec(plugin) else {
            return Ok(());
        };
        let spec = tried(&spec);
        let ready = self.loader.prepare(&spec, candidate, Cause::RollOut, None).await?;
        self.take(&[spec], ready, None, (Duration::ZERO, 0)).await;
        Ok(())
    }

    /// The version is not shown after all.
    pub async fn let_go(&self, prepared: ReadyForAll, why: &str) {
        self.loader.end(&prepared.ready.attempt, Verdict::Refused, why).await;
    }

    /// The step that was not passed: the one behind the last that was.
    fn step_of(&self, plugin: &str, refusal: &RefusedVersion) -> String {
        const LOADING: [&str; 4] = ["parse", "imports", "compile", "configure"];
        let step = match refusal {
            RefusedVersion::Signature { .. } => "signature",
            RefusedVersion::Samples { .. } => "samples",
            RefusedVersion::Shadow { .. } => "shadow",
            RefusedVersion::NotConfigured { .. } => "configuration",
            RefusedVersion::Barred { .. } | RefusedVersion::NotKept { .. } | RefusedVersion::ForAll { .. } => "digest",
            RefusedVersion::Load(_) => {
                let record = self.loader.history.record(plugin);
                let steps = record
                    .attempts
                    .last()
                    .map(|attempt| attempt.steps.clone())
                    .unwrap_or_default();
                let passed = |step: &&str| steps.iter().any(|done| done.step == **step);
                LOADING.into_iter().find(|step| !passed(step)).unwrap_or("configure")
            }
        };
        step.to_owned()
    }
}

impl Configured {
    fn spec(&self, plugin: &str) -> Option<LinkSpec> {
        self.specs.iter().find(|spec| spec.name() == plugin).cloned()
    }
}

/// Without a trial and without a watch: it was prepared before, or all run it.
fn tried(spec: &LinkSpec) -> LinkSpec {
    LinkSpec {
        shadow: ShadowTerms::NONE,
        watch: Duration::ZERO,
        ..spec.clone()
    }
}

fn not_configured(plugin: &str) -> (String, RefusedVersion) {
    let plugin = plugin.to_owned();
    ("configuration".to_owned(), RefusedVersion::NotConfigured { plugin })
}
