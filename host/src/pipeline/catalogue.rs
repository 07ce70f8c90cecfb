//! The running chain, and replacing it while traffic flows.
//!
//! A change goes live as a whole or not at all: every plug-in of the new chain is loaded, configured and compiled
//! beside the running one, and then one pointer changes. Messages under way keep the chain that they began with.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use mm4relay_engine::{Engine, LoadError, Plugin, PluginSpec, Services};
use tokio::sync::{Mutex, Notify};

use crate::message::OnFailure;

use super::chain::{Chain, Link};

/// A link of the chain as configured.
#[derive(Clone)]
pub struct LinkSpec {
    pub plugin: PluginSpec,
    pub on_failure: OnFailure,
}

/// Why a chain does not go live. The running one is untouched.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct CatalogueError(pub Vec<LoadError>);

/// Holds the running chain.
pub struct Catalogue {
    engine: Engine,
    services: Arc<dyn Services>,
    chain: ArcSwap<Chain>,
    /// What the running chain was made from. The lock makes replacements go one after the other.
    specs: Mutex<Vec<LinkSpec>>,
    /// Told when `specs` changes: there may be other folders to watch.
    pub(super) replaced: Notify,
}

impl Catalogue {
    /// Loads the first chain. All errors at once.
    pub async fn load(
        engine: Engine,
        services: Arc<dyn Services>,
        specs: Vec<LinkSpec>,
    ) -> Result<Arc<Self>, CatalogueError> {
        let catalogue = Self {
            engine,
            services,
            chain: ArcSwap::from_pointee(Chain::default()),
            specs: Mutex::default(),
            replaced: Notify::new(),
        };
        catalogue.replace(specs).await?;
        Ok(Arc::new(catalogue))
    }

    /// The chain for the next message.
    pub fn chain(&self) -> Arc<Chain> {
        self.chain.load_full()
    }

    /// Makes a chain from `specs` and puts it in the place of the running one. Every plug-in is loaded anew.
    pub async fn replace(&self, specs: Vec<LinkSpec>) -> Result<(), CatalogueError> {
        let mut running = self.specs.lock().await;
        let mut links = Vec::new();
        let mut errors = Vec::new();
        for spec in &specs {
            match self.engine.load(spec.plugin.clone(), Arc::clone(&self.services)).await {
                Ok(plugin) => links.push(Link {
                    plugin,
                    on_failure: spec.on_failure,
                }),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(CatalogueError(errors));
        }
        *running = specs;
        self.go_live(links);
        self.replaced.notify_one();
        Ok(())
    }

    /// Looks at the files again, and replaces what changed.
    pub async fn refresh(&self) -> Result<(), CatalogueError> {
        let specs = self.specs.lock().await;
        let running = self.chain();
        let mut links = running.links.clone();
        let mut changed = false;
        let mut errors = Vec::new();
        for (link, spec) in links.iter_mut().zip(specs.iter()) {
            if file_digest(&spec.plugin.wasm)
                .await
                .is_some_and(|digest| digest == link.plugin.digest())
            {
                continue;
            }
            match self.engine.load(spec.plugin.clone(), Arc::clone(&self.services)).await {
                Ok(plugin) => {
                    link.plugin = plugin;
                    changed = true;
                }
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(CatalogueError(errors));
        }
        if changed {
            self.go_live(links);
        }
        Ok(())
    }

    fn go_live(&self, links: Vec<Link>) {
        let before = self.chain();
        for link in &links {
            let (plugin, described) = (&link.plugin, link.plugin.description());
            let known = before.links.iter().any(|old| old.plugin.digest() == plugin.digest());
            let (name, version, digest) = (plugin.name(), &described.version, short(plugin));
            tracing::info!(plugin = name, %version, digest, known, "plug-in is live");
        }
        self.chain.store(Arc::new(Chain { links }));
    }

    /// Where the running chain's files are.
    pub(super) async fn folders(&self) -> BTreeSet<PathBuf> {
        let specs = self.specs.lock().await;
        let folders = specs.iter().filter_map(|spec| spec.plugin.wasm.parent());
        folders.map(PathBuf::from).collect()
    }
}

async fn file_digest(path: &std::path::Path) -> Option<String> {
    use sha2::Digest;
    let bytes = tokio::fs::read(path).await.ok()?;
    Some(
        sha2::Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    )
}

fn short(plugin: &Plugin) -> &str {
    &plugin.digest()[..12]
}
