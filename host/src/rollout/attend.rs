//! The duties of this relay, one by one.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::course::{Course, HowFar, Phase, Rollout, Version};
use super::duty::Duty;
use super::participant::Participant;
use super::steps::Statement;
use crate::versions::{Candidate, ReadyForAll, WatchState, files};

/// Between two tries to run the version that all relays run, where it does not load.
const AGAIN: Duration = Duration::from_secs(30);

/// A step of a load that was not passed, and why.
type NotPassed = (String, String);

impl Participant {
    /// What cannot be told to the store now is told at the next look.
    pub(super) async fn attend(&self, plugin: &str, course: &Course, me: &str) {
        if course.under_way().is_none() {
            self.let_go(plugin, course).await;
        }
        match course.duty(me) {
            Duty::Nothing => {}
            Duty::Prepare(rollout) => {
                let said = match self.prepare(plugin, course, rollout).await {
                    Ok(()) => Statement::Ready,
                    Err((step, why)) => Statement::Refused { step, why },
                };
                let _ = self.tell(plugin, (me, rollout.number), said).await;
            }
            Duty::Show(rollout) => self.show(plugin, rollout, me).await,
            Duty::Watch(rollout) => self.watch(plugin, rollout, me).await,
            Duty::Run(version, rollout) => {
                if self.run(plugin, course, version).await
                    && let Some(rollout) = rollout
                {
                    let _ = self.tell(plugin, (me, rollout.number), Statement::GoneBack).await;
                }
            }
        }
    }

    /// What was prepared and is not shown.
    async fn let_go(&self, plugin: &str, course: &Course) {
        if let Some((_, prepared)) = self.own(plugin, |own| own.prepared.take()) {
            let why = course.rollout.as_ref().map(|rollout| rollout.phase.to_string());
            self.catalogue.let_go(prepared, &why.unwrap_or_default()).await;
        }
    }

    async fn prepare(&self, plugin: &str, course: &Course, rollout: &Rollout) -> Result<(), NotPassed> {
        let number = rollout.number;
        if self.own(plugin, |own| {
            own.prepared.as_ref().is_some_and(|(prepared, _)| *prepared == number)
        }) {
            return Ok(());
        }
        // Of a roll-out that ended while this relay prepared it.
        self.let_go(plugin, course).await;
        let at = |step: &str, why: String| (step.to_owned(), why);
        let spec = self.catalogue.spec(plugin).await;
        let spec = spec.ok_or_else(|| at("configuration", "it has no plug-in of that name".to_owned()))?;
        if !rollout.own_settings && spec.plugin.settings != rollout.settings {
            return Err(at("settings", differing(&spec.plugin.settings, rollout)));
        }
        let runs = self.catalogue.runs(plugin).unwrap_or_default();
        if runs != rollout.replaces.digest
            && !(course.live.is_some() && self.run(plugin, course, &rollout.replaces).await)
        {
            let why = format!(
                "it runs {}, and relay {} runs {}: let all relays run one version first",
                super::not_now::short(&runs),
                rollout.from,
                super::not_now::short(&rollout.replaces.digest)
            );
            return Err(at("running", why));
        }
        let candidate = self.candidate(&rollout.version).await.map_err(|why| at("fetch", why))?;
        let prepared = self.catalogue.prepare_for_all(plugin, candidate).await;
        let prepared = prepared.map_err(|(step, refusal)| (step, refusal.line()))?;
        self.own(plugin, |own| own.prepared = Some((number, prepared)));
        Ok(())
    }

    async fn show(&self, plugin: &str, rollout: &Rollout, me: &str) {
        let number = rollout.number;
        let prepared = self.own(plugin, |own| own.prepared.take_if(|(prepared, _)| *prepared == number));
        let prepared = match prepared {
            Some((_, prepared)) => Ok(prepared),
            // This relay was started again since it said that it is ready.
            None => self.prepare_again(plugin, &rollout.version).await,
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err((step, why)) => {
                let _ = self.tell(plugin, (me, number), Statement::Refused { step, why }).await;
                return;
            }
        };
        let watch = self
            .catalogue
            .spec(plugin)
            .await
            .map(|spec| spec.watch)
            .unwrap_or_default();
        let told = self.tell(plugin, (me, number), Statement::Shows { watch }).await;
        // Only now it is certain that no relay has refused meanwhile, and others know that this one shows messages to it.
        if !told.is_ok_and(|course| is_watching(&course, number, me)) {
            self.own(plugin, |own| own.prepared = Some((number, prepared)));
            return;
        }
        match self.catalogue.show(plugin, prepared).await {
            Ok(shown) => self.own(plugin, |own| own.shown = Some((number, shown))),
            Err((step, refusal)) => {
                let why = refusal.line();
                let _ = self.tell(plugin, (me, number), Statement::Refused { step, why }).await;
            }
        }
    }

    async fn prepare_again(&self, plugin: &str, version: &Version) -> Result<ReadyForAll, NotPassed> {
        let candidate = self.candidate(version).await.map_err(|why| ("fetch".to_owned(), why))?;
        let prepared = self.catalogue.prepare_for_all(plugin, candidate).await;
        prepared.map_err(|(step, refusal)| (step, refusal.line()))
    }

    async fn watch(&self, plugin: &str, rollout: &Rollout, me: &str) {
        let number = rollout.number;
        let found = self.own(plugin, |own| {
            let (_, shown) = own.shown.as_ref().filter(|(shown, _)| *shown == number)?;
            Some((shown.watch(), shown.breaks()))
        });
        let said = match found {
            Some(_) if rollout.progress(me) == Some(HowFar::Stood) => return,
            Some((WatchState::UnderWay, _)) => return,
            Some((WatchState::Stood, None)) => Statement::Stood,
            Some((WatchState::Stood, Some(why))) => Statement::Tripped { why },
            Some((WatchState::RolledBack(why), _)) => Statement::Tripped { why },
            None => Statement::Restarted,
        };
        let _ = self.tell(plugin, (me, number), said).await;
    }

    /// Whether it runs now.
    async fn run(&self, plugin: &str, course: &Course, version: &Version) -> bool {
        let why = match course.rollout.as_ref().map(|rollout| &rollout.phase) {
            Some(Phase::Back { relay, why }) => format!("all relays go back, since at relay {relay}: {why}"),
            Some(phase) => phase.to_string(),
            None => String::new(),
        };
        let shown = self.own(plugin, |own| own.shown.take());
        if let Some((_, shown)) = shown
            && shown.replaced() == Some(&version.digest)
        {
            self.catalogue.take_back(&shown, &why).await;
        }
        let runs = self.catalogue.runs(plugin);
        if runs.is_none() || runs.as_ref() == Some(&version.digest) {
            return true;
        }
        if self.own(plugin, |own| own.tried.is_some_and(|tried| tried.elapsed() < AGAIN)) {
            return false;
        }
        let loaded = match self.candidate(version).await {
            Ok(candidate) => self
                .catalogue
                .run_for_all(plugin, candidate)
                .await
                .map_err(|refusal| refusal.line()),
            Err(why) => Err(why),
        };
        if let Err(why) = &loaded {
            let digest = super::not_now::short(&version.digest);
            tracing::error!(
                plugin,
                digest,
                event = "rollout-behind",
                "this relay does not run what all relays run: {why}"
            );
        }
        self.own(plugin, |own| own.tried = loaded.is_err().then(Instant::now));
        loaded.is_ok()
    }

    /// The version, from this relay's own folder, or from the store.
    async fn candidate(&self, version: &Version) -> Result<Candidate, String> {
        let octets = octets(&*self.store, &self.folder, &version.digest).await?;
        Ok(Candidate::for_all(octets, version.signature.clone()))
    }
}

/// The octets with this digest.
pub(super) async fn octets(
    store: &dyn crate::spool::Rollouts,
    folder: &std::path::Path,
    digest: &str,
) -> Result<Bytes, String> {
    let (kept, named) = (folder.to_owned(), digest.to_owned());
    let kept = tokio::task::spawn_blocking(move || files::kept(&kept, &named)).await;
    if let Ok(Ok((octets, _))) = kept {
        return Ok(octets);
    }
    match store.component(digest).await {
        Ok(Some(octets)) if mm4relay_engine::digest(&octets) == digest => Ok(octets),
        Ok(Some(_)) => Err(format!("what the store has as {digest} has another digest")),
        Ok(None) => Err(format!("the store does not have {digest}")),
        Err(error) => Err(error.to_string()),
    }
}

fn is_watching(course: &Course, number: u64, me: &str) -> bool {
    let rollout = course.rollout.as_ref().filter(|rollout| rollout.number == number);
    rollout.is_some_and(|rollout| matches!(rollout.progress(me), Some(HowFar::Watching { .. })))
}

/// Names the settings that differ, and not their values, which may be nobody's business.
fn differing(own: &serde_json::Value, rollout: &Rollout) -> String {
    let keys = |of: &serde_json::Value| -> Vec<String> {
        of.as_object()
            .map(|object| object.keys().cloned().collect())
            .unwrap_or_default()
    };
    let mut names = keys(own);
    names.extend(keys(&rollout.settings));
    names.sort();
    names.dedup();
    names.retain(|name| own.get(name) != rollout.settings.get(name));
    format!(
        "its settings are not those of relay {} ({}): make them alike, or load it with --own-settings",
        rollout.from,
        names.join(", ")
    )
}
