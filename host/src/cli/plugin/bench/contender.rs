//! A chain to measure: its components, loaded with the settings of a case.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use mm4relay_engine::{Engine, Limits, PluginSpec};

use crate::cli::plugin;
use crate::clock::SystemClock;
use crate::config::Manifest;
use crate::message::OnFailure;
use crate::pipeline::{Chain, Link, NoNumbers, NoValues, PluginServices, Seeds, TableSet};
use crate::rehearsal::samples::{Case, cases};
use crate::versions::{Catalogue, LinkSpec};

/// The plug-ins of a chain, in their order.
pub struct Contender(Vec<Entry>);

#[derive(Clone)]
struct Entry {
    name: String,
    wasm: PathBuf,
    folder: PathBuf,
}

/// A contender that is ready to run one case.
pub struct Loaded {
    pub chain: Arc<Chain>,
    pub limits: Vec<Limits>,
    /// Keeps the versions alive.
    _catalogue: Arc<Catalogue>,
}

impl Contender {
    /// The plug-ins of these folders; `given` are components to use instead of building.
    pub fn of(folders: &[PathBuf], given: &[PathBuf]) -> anyhow::Result<Self> {
        let entry = |(at, folder): (usize, &PathBuf)| Entry::of(folder, given.get(at));
        folders
            .iter()
            .enumerate()
            .map(entry)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The same chain with another component of its last plug-in.
    pub fn with_last(&self, wasm: &Path) -> anyhow::Result<Self> {
        let mut entries = self.0.clone();
        let last = entries.last_mut().context("a chain has a plug-in")?;
        last.wasm = wasm.to_owned();
        Ok(Self(entries))
    }

    pub fn name(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|entry| entry.name.as_str()).collect();
        names.join(" -> ")
    }

    /// Loads each plug-in with the settings and tables of its case of the same name, else of its first one.
    pub async fn loaded(&self, case: &Case, engine: Engine) -> anyhow::Result<Loaded> {
        let mut specs = Vec::new();
        let mut tables = TableSet::new();
        for entry in &self.0 {
            let (spec, own) = entry.spec(case)?;
            tables.extend(own.tables());
            specs.push(LinkSpec::new(spec, OnFailure::Defer));
        }
        let limits = specs.iter().map(|link| link.plugin.limits.clone()).collect();
        let services = Arc::new(PluginServices {
            tables,
            kv: Arc::new(NoValues),
            clock: Arc::new(SystemClock),
            numbering: Arc::new(NoNumbers),
            outside: case.outside(),
            seeds: Seeds::new()?,
        });
        let catalogue = Catalogue::load(engine, services, specs).await?;
        let chain = catalogue.chain();
        let links = chain.links.iter().cloned().map(Link::counting).collect();
        Ok(Loaded {
            chain: Arc::new(Chain::new(links)),
            limits,
            _catalogue: catalogue,
        })
    }
}

impl Entry {
    fn of(folder: &Path, given: Option<&PathBuf>) -> anyhow::Result<Self> {
        let (name, wasm) = match given {
            Some(wasm) => {
                let name = wasm.file_stem().context("--wasm is the path of a component")?;
                (name.to_string_lossy().into_owned(), wasm.clone())
            }
            None => {
                let built = plugin::build(folder, None)?;
                (built.name, built.wasm)
            }
        };
        Ok(Self {
            name,
            wasm,
            folder: folder.to_owned(),
        })
    }

    fn spec(&self, case: &Case) -> anyhow::Result<(PluginSpec, Case)> {
        let mut found = cases(&self.folder.join("samples"))?;
        let own = found.iter().position(|own| own.name == case.name).unwrap_or(0);
        let own = found.swap_remove(own);
        let manifest = Manifest::read(&self.folder)?;
        let spec = PluginSpec {
            name: self.name.clone(),
            wasm: self.wasm.clone(),
            settings: own.settings_json()?,
            may: Default::default(),
            limits: plugin::limits(&manifest),
            grants: manifest.grants,
        };
        Ok((spec, own))
    }
}
