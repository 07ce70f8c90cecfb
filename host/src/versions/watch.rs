//! Watching folders, so that a replaced file goes live by itself: a plug-in here, a table in `relay`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::Catalogue;
use crate::vitals::{Standing, Vitals};

/// A replaced file is looked at when its folder has been quiet for this long: copying a component takes several writes.
const QUIET: Duration = Duration::from_millis(150);

/// Some folders are never quiet, because a log is written there. Then files are looked at all the same.
const LONGEST: Duration = Duration::from_secs(2);

/// The plug-ins that were replaced, by name, version and digest; or why none was.
pub type Refreshed = Result<Vec<String>, Vec<String>>;

impl Catalogue {
    /// Refreshes the chain whenever a plug-in's file is replaced, for as long as the returned task stands. `told` hears of
    /// what was replaced, or why it was not.
    ///
    /// # Errors
    /// The system does not watch one of the folders.
    pub async fn watch(
        self: &Arc<Self>,
        vitals: &Arc<Vitals>,
        told: impl Fn(Refreshed) + Send + Sync + 'static,
    ) -> notify::Result<Standing> {
        let mut watched = Watched::new()?;
        watched.follow(self.folders().await)?;
        let (catalogue, first, told) = (Arc::clone(self), Mutex::new(Some(watched)), Arc::new(told));
        Ok(vitals.keep("folders of plug-ins", move || {
            let watched = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            Arc::clone(&catalogue).keep_watching(watched, Arc::clone(&told))
        }))
    }

    /// `watched`: the first time.
    async fn keep_watching(self: Arc<Self>, watched: Option<Watched>, told: Arc<impl Fn(Refreshed) + Send + Sync>) {
        let mut watched = match watched.map_or_else(Watched::new, Ok) {
            Ok(watched) => watched,
            Err(error) => {
                return tracing::error!(
                    event = "plugins-not-watched",
                    "the folders of plug-ins cannot be watched: {error}"
                );
            }
        };
        if let Err(error) = watched.follow(self.folders().await) {
            tracing::error!(
                event = "plugins-not-watched",
                "the folder of a plug-in cannot be watched, SIGHUP takes its new versions: {error}"
            );
        }
        loop {
            tokio::select! {
                () = watched.told() => {}
                // Also said of the first chain: what changed between its loading and the watching is found here.
                () = self.replaced.notified() => if let Err(error) = watched.follow(self.folders().await) {
                    tracing::error!(event = "plugins-not-watched", "the folder of a plug-in cannot be watched, SIGHUP takes its new versions: {error}");
                },
            }
            watched.settled().await;
            match self.refresh().await {
                Ok(replaced) if replaced.is_empty() => {}
                Ok(replaced) => told(Ok(replaced)),
                Err(error) => {
                    for refused in error.lines() {
                        tracing::error!(
                            event = "plugin-not-live",
                            "the new plug-in does not go live, the running chain stays: {refused}"
                        );
                    }
                    told(Err(error.lines().collect()));
                }
            }
        }
    }
}

/// Folders, and whether something has changed in them.
pub struct Watched {
    watcher: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
    changes: mpsc::Receiver<()>,
}

impl Watched {
    /// No folder yet.
    pub fn new() -> notify::Result<Self> {
        let (changed, changes) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is an event too; only changes count. A full channel means that one is already due.
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _ = changed.try_send(());
            }
        })?;
        Ok(Self {
            watcher,
            folders: BTreeSet::new(),
            changes,
        })
    }

    /// Waits for a change. Nothing is lost when the wait is broken off.
    pub async fn told(&mut self) {
        // The sender lives in the watcher, as long as this does.
        let _ = self.changes.recv().await;
    }

    /// Waits until the folders are quiet.
    pub async fn settled(&mut self) {
        let latest = Instant::now() + LONGEST;
        loop {
            let quiet = latest.min(Instant::now() + QUIET);
            match timeout_at(quiet, self.changes.recv()).await {
                Ok(Some(())) if Instant::now() < latest => {}
                _ => return,
            }
        }
    }

    /// Watches these folders, and no others any more.
    pub fn follow(&mut self, folders: BTreeSet<PathBuf>) -> notify::Result<()> {
        for gone in self.folders.difference(&folders) {
            // It may have been removed, and its watch with it.
            let _ = self.watcher.unwatch(gone);
        }
        self.folders.retain(|folder| folders.contains(folder));
        for folder in folders {
            if !self.folders.contains(&folder) {
                self.watcher.watch(&folder, RecursiveMode::NonRecursive)?;
                self.folders.insert(folder);
            }
        }
        Ok(())
    }
}
