//! The running chain, and replacing it while traffic flows.
//!
//! A change goes live as a whole or not at all: every plug-in of the new chain is loaded, configured and compiled
//! beside the running one ([`super::loading`] has the steps), and then one pointer changes. Messages under way keep the
//! chain that they began with.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use mm4relay_engine::{Engine, Plugin, Services};
use tokio::sync::{Mutex, Notify};

use super::chain::{Chain, Link};
use super::loading::history::{Cause, History, Verdict};
use super::loading::{Candidate, LinkSpec, Loader, Ready, RefusedVersion, Tally, files};

/// Why a chain does not go live. The running one is untouched.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct CatalogueError(pub Vec<RefusedVersion>);

/// Holds the running chain.
pub struct Catalogue {
    loader: Loader,
    chain: ArcSwap<Chain>,
    /// What the running chain was made from. The lock makes replacements go one after the other.
    configured: Mutex<Configured>,
    /// Told when the specs change: there may be other folders to watch.
    pub(super) replaced: Notify,
    /// For the tasks that watch over new versions: they must not keep the catalogue.
    me: Weak<Self>,
}

#[derive(Default)]
struct Configured {
    specs: Vec<LinkSpec>,
    /// The files that were refused, by plug-in: they are not tried again before they are replaced.
    refused: HashMap<String, String>,
}

impl Catalogue {
    /// Loads a first chain that leaves nothing behind. All errors at once.
    pub async fn load(
        engine: Engine,
        services: Arc<dyn Services>,
        specs: Vec<LinkSpec>,
    ) -> Result<Arc<Self>, CatalogueError> {
        Self::open(engine, services, specs, History::default()).await
    }

    /// Loads the first chain, and goes on with a history. All errors at once.
    pub async fn open(
        engine: Engine,
        services: Arc<dyn Services>,
        specs: Vec<LinkSpec>,
        history: History,
    ) -> Result<Arc<Self>, CatalogueError> {
        let catalogue = Arc::new_cyclic(|me| Self {
            loader: Loader::new(engine, services, history),
            chain: ArcSwap::from_pointee(Chain::default()),
            configured: Mutex::default(),
            replaced: Notify::new(),
            me: Weak::clone(me),
        });
        catalogue
            .put(&mut *catalogue.configured.lock().await, specs, Cause::Start)
            .await?;
        Ok(catalogue)
    }

    /// The chain for the next message.
    pub fn chain(&self) -> Arc<Chain> {
        self.chain.load_full()
    }

    /// Makes a chain from `specs` and puts it in the place of the running one. Every plug-in is loaded anew, with these
    /// services; the running ones keep theirs until they are gone.
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
        self.all_or_none(&ready, errors).await?;
        let links = specs.iter().zip(&ready).map(|(spec, ready)| {
            let link = Link::new(ready.plugin.clone(), spec.on_failure);
            match self.running(spec.name()) {
                // The same version goes on, and so do its counts and whoever watches them.
                Some(old) if old.plugin.digest() == link.plugin.digest() => Link {
                    health: old.health,
                    ..link
                },
                _ => link,
            }
        });
        let links = links.collect();
        *configured = Configured {
            specs,
            refused: HashMap::new(),
        };
        self.go_live(links, &configured.specs, &ready).await;
        self.replaced.notify_one();
        Ok(())
    }

    /// Looks at the files again, and replaces what changed.
    pub async fn refresh(&self) -> Result<(), CatalogueError> {
        let mut configured = self.configured.lock().await;
        let mut links = self.chain().links.clone();
        let mut ready = Vec::new();
        let mut errors = Vec::new();
        let mut refused = Vec::new();
        for (link, spec) in links.iter_mut().zip(&configured.specs) {
            let stamp = files::stamp(&spec.plugin.wasm);
            if configured.refused.get(spec.name()) == Some(&stamp) || self.is_barred(spec.name(), &stamp) {
                continue;
            }
            match self.prepare_changed(spec, link).await {
                Ok(None) => self.unbar(spec.name()).await,
                Ok(Some(version)) => {
                    *link = Link {
                        plugin: version.plugin.clone(),
                        health: Arc::default(),
                        ..link.clone()
                    };
                    ready.push(version);
                }
                Err(error) => {
                    refused.push((spec.name().to_owned(), stamp));
                    errors.push(error);
                }
            }
        }
        configured.refused.extend(refused);
        self.all_or_none(&ready, errors).await?;
        if !ready.is_empty() {
            self.go_live(links, &configured.specs, &ready).await;
        }
        Ok(())
    }

    /// The version in the file, or the one that stands in for it.
    async fn prepare(&self, spec: &LinkSpec, cause: Cause) -> Result<Ready, RefusedVersion> {
        let candidate = match self.loader.stand_in(spec).await {
            Some(candidate) => candidate,
            None => Candidate::read(spec).await?,
        };
        self.loader.prepare(spec, candidate, cause).await
    }

    /// The version in the file, if it is not the one that runs.
    async fn prepare_changed(&self, spec: &LinkSpec, link: &Link) -> Result<Option<Ready>, RefusedVersion> {
        let candidate = Candidate::read(spec).await?;
        if candidate.digest == link.plugin.digest() {
            return Ok(None);
        }
        self.loader.prepare(spec, candidate, Cause::File).await.map(Some)
    }

    fn is_barred(&self, plugin: &str, stamp: &str) -> bool {
        let barred = self.loader.history.record(plugin).barred;
        barred.is_some_and(|barred| barred.stamp == stamp)
    }

    /// The file that was rolled back is gone: the version that runs is there again.
    async fn unbar(&self, plugin: &str) {
        if self.loader.history.record(plugin).barred.is_some() {
            self.loader.history.change(plugin, |record| record.barred = None).await;
        }
    }

    /// An error when there are any; then those that are ready do not go live either.
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

    /// The one place where chains change: a pointer, and then what is to be remembered of it.
    async fn go_live(&self, links: Vec<Link>, specs: &[LinkSpec], ready: &[Ready]) {
        let before = self.chain();
        for link in &links {
            let (plugin, described) = (&link.plugin, link.plugin.description());
            let known = before.links.iter().any(|old| old.plugin.digest() == plugin.digest());
            let (name, version, digest) = (plugin.name(), &described.version, short(plugin));
            tracing::info!(plugin = name, %version, digest, known, "plug-in is live");
        }
        self.chain.store(Arc::new(Chain { links: links.clone() }));
        for version in ready {
            self.loader.live(version).await;
        }
        for version in ready {
            let named = |link: &&Link| link.plugin.name() == version.plugin.name();
            if let Some(new) = links.iter().find(named)
                && let Some(old) = before.links.iter().find(named)
                && let Some(spec) = specs.iter().find(|spec| spec.name() == version.plugin.name())
                && old.plugin.digest() != new.plugin.digest()
            {
                self.watch_over(new.clone(), old.clone(), version.candidate.stamp.clone(), spec.watch);
            }
        }
    }

    /// Counts the failures of a new version for a while. The version before stays loaded for as long, and takes its
    /// place again when they are clearly more than its own were.
    fn watch_over(&self, new: Link, old: Link, stamp: String, window: Duration) {
        let me = Weak::clone(&self.me);
        tokio::spawn(async move {
            let worse = new.health.worse_than(&old.health);
            if let Ok(tally) = tokio::time::timeout(window, worse).await
                && let Some(catalogue) = me.upgrade()
            {
                catalogue.roll_back(&new, &old, stamp, tally).await;
            }
        });
    }

    /// Puts the version before back, if `new` still runs. `stamp` is that of the file of `new`.
    async fn roll_back(&self, new: &Link, old: &Link, stamp: String, tally: Tally) {
        let _turn = self.configured.lock().await;
        let mut chain = Chain::clone(&self.chain());
        let runs = |link: &&mut Link| link.plugin.name() == new.plugin.name() && Arc::ptr_eq(&link.health, &new.health);
        let Some(link) = chain.links.iter_mut().find(runs) else {
            return;
        };
        link.plugin = old.plugin.clone();
        link.health = Arc::clone(&old.health);
        self.chain.store(Arc::new(chain));

        let (plugin, bad, digest) = (new.plugin.name(), short(&new.plugin), short(&old.plugin));
        let why = format!("{} of its first {} calls failed", tally.failures, tally.calls);
        tracing::error!(
            plugin,
            bad,
            digest,
            "the new plug-in is rolled back, the version before is live: {why}"
        );
        let note = |record: &mut super::loading::history::Record| {
            record.rolled_back(new.plugin.digest(), old.plugin.digest(), &why, stamp);
        };
        self.loader.history.change(plugin, note).await;
    }

    /// Where the running chain's files are.
    pub(super) async fn folders(&self) -> BTreeSet<PathBuf> {
        let configured = self.configured.lock().await;
        let folders = configured.specs.iter().filter_map(|spec| spec.plugin.wasm.parent());
        folders.map(PathBuf::from).collect()
    }
}

fn short(plugin: &Plugin) -> &str {
    &plugin.digest()[..12]
}
