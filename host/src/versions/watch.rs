//! Watching folders, so that a replaced file goes live by itself: a plug-in's, or a table's.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::Catalogue;
use crate::vitals::{Standing, Vitals};

/// A replaced file is read once its folder has been quiet for this long: copying a component takes several writes.
const QUIET: Duration = Duration::from_millis(150);

/// Some folders are never quiet, for example because a log is written there. After this long, files are read all the
/// same.
const LONGEST: Duration = Duration::from_secs(2);

/// The replaced plug-ins, by name, version and digest; or the reasons why none was.
pub type Refreshed = Result<Vec<String>, Vec<String>>;

impl Catalogue {
    /// Refreshes the chain whenever a plug-in's file is replaced, until the returned task is dropped. `told` is called
    /// with the replaced plug-ins, or with the reasons for refusing them.
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

    /// `watched` is given the first time only.
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
                // This also runs after the first chain is loaded, and finds what changed between its loading and the
                // watching.
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

/// Folders, and a signal when something in them has changed.
pub struct Watched {
    watcher: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
    changes: mpsc::Receiver<()>,
}

impl Watched {
    /// Watches no folder yet.
    pub fn new() -> notify::Result<Self> {
        let (changed, changes) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is an event too, but only changes count. A full channel means that a signal is pending
            // already.
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

    /// Waits for a change. Cancelling it loses nothing.
    pub async fn told(&mut self) {
        // The sender cannot be gone: the watcher owns it.
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

    /// Watches these folders, and no longer any others.
    pub fn follow(&mut self, folders: BTreeSet<PathBuf>) -> notify::Result<()> {
        for gone in self.folders.difference(&folders) {
            // The folder may have been removed, and its watch with it.
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
