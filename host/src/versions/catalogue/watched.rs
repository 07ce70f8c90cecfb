//! The watch over a new version, and the way back from it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use super::super::history::{self, Cause};
use super::super::places::{put_in, short};
use super::super::{Attempt, Ready};
use super::Catalogue;
use crate::pipeline::{Chain, Link, Tally};

/// How far the watch over a version is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WatchState {
    #[default]
    UnderWay,
    Stood,
    /// It failed clearly more often than the version before, which runs again.
    RolledBack(String),
}

impl Catalogue {
    /// Watches the failures of a new version for a while. The version before stays loaded meanwhile, and is put back
    /// when the new one fails clearly more often.
    pub(super) fn watch_over(&self, new: Link, old: Link, version: &Ready, window: Duration) {
        let me = Weak::clone(&self.me);
        let (attempt, stamp) = (version.attempt.clone(), version.candidate.stamp.clone());
        let told = Arc::clone(&version.watch);
        self.loader.watched(&attempt, format!("for {window:?}"));
        let generation = self.generation.load(Ordering::Relaxed);
        tokio::spawn(async move {
            let worse = new.health.worse_than(&old.health);
            let ended = tokio::time::timeout(window, worse).await;
            let Some(catalogue) = me.upgrade() else { return };
            match ended {
                Ok(tally) => {
                    let why = format!("{} of its first {} calls failed", tally.failures, tally.calls);
                    catalogue.roll_back(&new, &old, (stamp, generation), &why).await;
                    told.send_replace(WatchState::RolledBack(why));
                }
                Err(_) => {
                    catalogue.stood_the_watch(&attempt, &new);
                    told.send_replace(WatchState::Stood);
                }
            }
        });
    }

    fn stood_the_watch(&self, attempt: &Attempt, new: &Link) {
        let Tally { calls, failures } = new.health.tally();
        self.loader
            .watched(attempt, format!("over: {failures} of {calls} calls failed"));
    }

    /// Puts the version before back at once, as it was loaded, if `new` still runs. If settings or tables have changed
    /// since `generation`, it is loaded again with the present ones afterwards. `stamp` is that of the file of `new`.
    pub(super) async fn roll_back(&self, new: &Link, old: &Link, (stamp, generation): (String, u64), why: &str) {
        {
            let _turn = self.swapping.lock().unwrap_or_else(PoisonError::into_inner);
            let mut chain = Chain::clone(&self.chain());
            let runs =
                |link: &&mut Link| link.plugin.name() == new.plugin.name() && Arc::ptr_eq(&link.health, &new.health);
            let Some(link) = chain.links.iter_mut().find(runs) else {
                return;
            };
            link.plugin = old.plugin.clone();
            link.health = Arc::clone(&old.health);
            link.tap = Arc::clone(&old.tap);
            self.chain.store(Arc::new(chain));
        }
        self.loader
            .repin(new.plugin.name(), new.plugin.digest(), old.plugin.digest());
        let (plugin, bad, digest) = (new.plugin.name(), short(&new.plugin), short(&old.plugin));
        tracing::error!(
            plugin,
            bad,
            digest,
            event = "plugin-rolled-back",
            "the new plug-in is rolled back, the version before is live: {why}"
        );
        let note = |record: &mut history::Record| {
            record.rolled_back(new.plugin.digest(), old.plugin.digest(), why, stamp);
        };
        self.loader.history.change(plugin, note).await;
        if self.generation.load(Ordering::Relaxed) != generation {
            self.renew(plugin).await;
        }
    }

    /// Loads the running version again, with the present settings and tables.
    async fn renew(&self, plugin: &str) {
        let configured = self.configured.lock().await;
        let Some(spec) = configured.specs.iter().find(|spec| spec.name() == plugin) else {
            return;
        };
        let loaded = match self.loader.stand_in(spec).await {
            Ok(None) => return,
            Ok(Some(candidate)) => self.loader.prepare(spec, candidate, Cause::Rollback, None).await,
            Err(refusal) => Err(refusal),
        };
        match loaded {
            Ok(version) => {
                let ready = [version];
                self.go_live(&configured.specs, &ready, |running, links| {
                    put_in(links, running, &configured.specs, &ready);
                })
                .await;
            }
            Err(error) => {
                tracing::error!(
                    event = "plugin-kept-old-settings",
                    "a version that was put back keeps the settings and tables that it had: {error}"
                );
            }
        }
    }
}
