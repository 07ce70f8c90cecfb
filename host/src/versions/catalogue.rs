//! The catalogue: the running chain, and its replacement under traffic.
//!
//! A change goes live as a whole or not at all: every plug-in of the new chain is loaded, configured and compiled
//! beside the running one ([the room's page](super) has the steps), and then one pointer changes. Messages under way
//! keep the chain that they began with.
//!
//! Changes are prepared one after the other, which may take long. The swap itself is short and has a lock of its own,
//! so that a version that fails in traffic is rolled back at once, even while another change is being prepared.

mod for_all;
#[cfg(test)]
mod scripted;
mod watched;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, Weak};

use arc_swap::ArcSwap;
use mm4relay_engine::{Engine, Services};
use tokio::sync::{Mutex, Notify};

use super::history::{Cause, History, Verdict};
use super::places::{link, put_in, short};
use super::{AskedFor, Candidate, CatalogueError, LinkSpec, Loader, Ready, RefusedVersion, files};
use crate::pipeline::{Chain, Link};

pub use for_all::{ReadyForAll, ShownForAll};
pub use watched::WatchState;

/// Holds the running chain.
pub struct Catalogue {
    loader: Loader,
    chain: ArcSwap<Chain>,
    /// Plug-ins of the chain that an operator has switched off: they stay loaded, and are called for no message.
    off: ArcSwap<BTreeSet<String>>,
    /// The specifications of the running chain. The lock makes replacements happen one after the other.
    configured: Mutex<Configured>,
    /// Held while the pointer changes, and never across an await.
    swapping: std::sync::Mutex<()>,
    /// Counts changes of what plug-ins are given: settings, grants, limits, tables.
    generation: AtomicU64,
    /// Wakes the watcher of folders when the specifications change, because there may be other folders.
    pub(super) replaced: Notify,
    /// For the tasks that watch new versions, which must not keep the catalogue alive.
    me: Weak<Self>,
}

#[derive(Default)]
struct Configured {
    specs: Vec<LinkSpec>,
    /// Files that were refused, by plug-in. They are not tried again before they are replaced.
    refused: HashMap<String, String>,
}

impl Catalogue {
    /// Loads a first chain without keeping a history. Returns all errors at once.
    pub async fn load(
        engine: Engine,
        services: Arc<dyn Services>,
        specs: Vec<LinkSpec>,
    ) -> Result<Arc<Self>, CatalogueError> {
        Self::open(engine, services, specs, (History::default(), BTreeMap::new())).await
    }

    /// Loads the first chain, and continues a history. Of plug-ins in `pins`, the version with this digest is loaded, whatever
    /// their files hold. Returns all errors at once.
    pub async fn open(
        engine: Engine,
        services: Arc<dyn Services>,
        specs: Vec<LinkSpec>,
        (history, pins): (History, BTreeMap<String, String>),
    ) -> Result<Arc<Self>, CatalogueError> {
        let catalogue = Arc::new_cyclic(|me| Self {
            loader: Loader::new(engine, services, history, pins),
            chain: ArcSwap::from_pointee(Chain::default()),
            off: ArcSwap::default(),
            configured: Mutex::default(),
            swapping: std::sync::Mutex::default(),
            generation: AtomicU64::new(0),
            replaced: Notify::new(),
            me: Weak::clone(me),
        });
        catalogue
            .put(&mut *catalogue.configured.lock().await, specs, Cause::Start)
            .await?;
        Ok(catalogue)
    }

    /// The loaded chain.
    pub fn chain(&self) -> Arc<Chain> {
        self.chain.load_full()
    }

    /// The chain for the next message: without the plug-ins that are switched off.
    pub fn on_duty(&self) -> Arc<Chain> {
        let off = self.off.load();
        if off.is_empty() {
            return self.chain();
        }
        let off: Vec<String> = off.iter().cloned().collect();
        Arc::new(self.chain().without(&off))
    }

    /// Switches these plug-ins off, and all others on.
    pub fn switch_off(&self, plugins: BTreeSet<String>) {
        self.off.store(Arc::new(plugins));
    }

    /// The history of a plug-in's versions.
    pub fn record(&self, plugin: &str) -> super::history::Record {
        self.loader.history.record(plugin)
    }

    /// Announces a version whose file is about to be replaced because an operator asked for it.
    pub fn announce(&self, plugin: &str, digest: &str, asked: AskedFor) {
        self.loader.announced.announce(plugin, digest, asked);
    }

    /// Makes a chain from `specs` and swaps it in for the running one. Every plug-in is loaded anew, with these
    /// services; the running versions keep their old ones until they are gone.
    pub async fn replace(&self, specs: Vec<LinkSpec>, services: Arc<dyn Services>) -> Result<(), CatalogueError> {
        let mut configured = self.configured.lock().await;
        let before = self.loader.give(services);
        let put = self.put(&mut configured, specs, Cause::Reload).await;
        if put.is_err() {
            self.loader.give(before);
        }
        put
    }

    async fn put(&self, configured: &mut Configured, specs: Vec<LinkSpec>, cause: Cause) -> Result<(), CatalogueError> {
        let mut ready = Vec::new();
        let mut errors = Vec::new();
        for spec in &specs {
            match self.prepare(spec, cause).await {
                Ok(version) => ready.push(version),
                Err(error) => errors.push(error),
            }
        }
        errors.extend(self.barred_meanwhile(&ready));
        self.all_or_none(&ready, errors).await?;
        *configured = Configured {
            specs,
            refused: HashMap::new(),
        };
        self.generation.fetch_add(1, Ordering::Relaxed);
        self.go_live(&configured.specs, &ready, |running, links| {
            let specs = configured.specs.iter().zip(&ready);
            *links = specs.map(|(spec, ready)| link(spec, ready, running)).collect();
        })
        .await;
        self.replaced.notify_one();
        Ok(())
    }

    /// Checks the files, and replaces the plug-ins whose files changed. Returns the name, version and digest of each.
    pub async fn refresh(&self) -> Result<Vec<String>, CatalogueError> {
        let mut configured = self.configured.lock().await;
        let chain = self.chain();
        let mut ready = Vec::new();
        let mut errors = Vec::new();
        let mut refused = Vec::new();
        for (link, spec) in chain.links.iter().zip(&configured.specs) {
            let stamp = files::stamp(&spec.plugin.wasm);
            if configured.refused.get(spec.name()) == Some(&stamp) || self.is_barred(spec.name(), &stamp) {
                continue;
            }
            match self.prepare_changed(spec, link).await {
                Ok(None) => self.unbar(spec.name()).await,
                Ok(Some(version)) => ready.push(version),
                Err(error) => {
                    refused.push((spec.name().to_owned(), stamp));
                    errors.push(error);
                }
            }
        }
        configured.refused.extend(refused);
        self.all_or_none(&ready, errors).await?;
        if !ready.is_empty() {
            self.go_live(&configured.specs, &ready, |running, links| {
                put_in(links, running, &configured.specs, &ready);
            })
            .await;
        }
        let named = ready.iter().map(|version| {
            let plugin = &version.plugin;
            format!("{} {} {}", plugin.name(), plugin.description().version, plugin.digest())
        });
        Ok(named.collect())
    }

    /// Prepares the version in the file, or the one that stands in for it.
    async fn prepare(&self, spec: &LinkSpec, cause: Cause) -> Result<Ready, RefusedVersion> {
        let candidate = match self.loader.stand_in(spec).await? {
            Some(candidate) => candidate,
            None => self.read(spec, cause).await?,
        };
        let running = self.running(spec.name());
        self.loader.prepare(spec, candidate, cause, running.as_ref()).await
    }

    /// Reads the version in the file. An unreadable file is recorded as an attempt.
    async fn read(&self, spec: &LinkSpec, cause: Cause) -> Result<Candidate, RefusedVersion> {
        let read = Candidate::read(spec).await;
        if let Err(refusal) = &read {
            self.loader.unread(spec, cause, refusal).await;
        }
        read
    }

    /// Prepares the version in the file, if it is not the one that runs.
    async fn prepare_changed(&self, spec: &LinkSpec, link: &Link) -> Result<Option<Ready>, RefusedVersion> {
        let candidate = self.read(spec, Cause::File).await?;
        if candidate.digest == link.plugin.digest() {
            return Ok(None);
        }
        if self.loader.pinned(spec.name()).is_some() {
            return Err(RefusedVersion::ForAll {
                plugin: spec.name().to_owned(),
            });
        }
        self.loader
            .prepare(spec, candidate, Cause::File, Some(link))
            .await
            .map(Some)
    }

    /// Refusals of versions that were rolled back while they were being prepared with other settings.
    fn barred_meanwhile(&self, ready: &[Ready]) -> Vec<RefusedVersion> {
        let barred = ready.iter().filter(|version| {
            let barred = self.loader.history.record(version.plugin.name()).barred;
            barred.is_some_and(|it| it.digest == version.plugin.digest() && it.stamp == version.candidate.stamp)
        });
        barred
            .map(|version| RefusedVersion::Barred {
                plugin: version.plugin.name().to_owned(),
            })
            .collect()
    }

    fn is_barred(&self, plugin: &str, stamp: &str) -> bool {
        let barred = self.loader.history.record(plugin).barred;
        barred.is_some_and(|barred| barred.stamp == stamp)
    }

    /// Lifts the bar: the file that was rolled back is gone, and the running version is in its place again.
    async fn unbar(&self, plugin: &str) {
        if self.loader.history.record(plugin).barred.is_some() {
            self.loader.history.change(plugin, |record| record.barred = None).await;
        }
    }

    /// Returns an error when there is any; then the versions that are ready do not go live either.
    async fn all_or_none(&self, ready: &[Ready], errors: Vec<RefusedVersion>) -> Result<(), CatalogueError> {
        if errors.is_empty() {
            return Ok(());
        }
        let error = CatalogueError(errors);
        for version in ready {
            let why = format!("another plug-in of the same change was refused: {error}");
            self.loader.end(&version.attempt, Verdict::Refused, &why).await;
        }
        Err(error)
    }

    fn running(&self, plugin: &str) -> Option<Link> {
        self.chain()
            .links
            .iter()
            .find(|link| link.plugin.name() == plugin)
            .cloned()
    }

    /// Puts versions in their places: changes the pointer, and then updates the specifications. `change` gets the
    /// running links and makes the new ones.
    async fn go_live(&self, specs: &[LinkSpec], ready: &[Ready], change: impl FnOnce(&Chain, &mut Vec<Link>)) {
        let (before, links) = {
            let _turn = self.swapping.lock().unwrap_or_else(PoisonError::into_inner);
            let before = self.chain();
            let mut links = before.links.clone();
            change(&before, &mut links);
            self.chain.store(Arc::new(Chain::new(links.clone())));
            (before, links)
        };
        for link in &links {
            let (plugin, described) = (&link.plugin, link.plugin.description());
            let known = before.links.iter().any(|old| old.plugin.digest() == plugin.digest());
            let (name, version, digest) = (plugin.name(), &described.version, short(plugin));
            tracing::info!(plugin = name, %version, digest, known, event = "plugin-live", "plug-in is live");
        }
        for version in ready {
            self.loader.swapped(version);
            self.loader.follow_breaker(&version.plugin);
        }
        for version in ready {
            let named = |link: &&Link| link.plugin.name() == version.plugin.name();
            if let Some(new) = links.iter().find(named)
                && let Some(old) = before.links.iter().find(named)
                && let Some(spec) = specs.iter().find(|spec| spec.name() == version.plugin.name())
                && old.plugin.digest() != new.plugin.digest()
                && !spec.watch.is_zero()
            {
                self.watch_over(new.clone(), old.clone(), version, spec.watch);
            }
        }
        self.loader.live(ready).await;
    }

    /// The folders of the running chain's files.
    pub(super) async fn folders(&self) -> BTreeSet<PathBuf> {
        let configured = self.configured.lock().await;
        let folders = configured.specs.iter().filter_map(|spec| spec.plugin.wasm.parent());
        folders.map(PathBuf::from).collect()
    }
}
