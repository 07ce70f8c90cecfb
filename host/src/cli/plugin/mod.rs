//! `mm4relay plugin`: for those who write plug-ins.

mod bench;
mod build;
mod case;
mod inspect;
mod snapshot;
mod test;

use std::path::Path;

use anyhow::Context;
use clap::Subcommand;
use mm4relay_engine::{Engine, EngineOptions, Grant};
use serde::Deserialize;

pub use build::build;

#[derive(Debug, Subcommand)]
pub enum Args {
    /// Compile plug-ins written in Rust to WebAssembly components
    Build(build::Args),
    /// Say what a component is and what it asks for, without running it
    Inspect(inspect::Args),
    /// Measure what a chain of plug-ins costs each message
    Bench(bench::Args),
    /// Run a plug-in's sample messages and compare with what is expected
    Test(test::Args),
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::Build(args) => build::run(&args),
        Args::Inspect(args) => inspect::run(&args),
        Args::Bench(args) => bench::run(&args).await,
        Args::Test(args) => test::run(&args).await,
    }
}

/// `plugin.toml` beside a plug-in's sources: what it needs to run at all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Manifest {
    #[serde(default)]
    grants: Vec<String>,
}

impl Manifest {
    /// The manifest in `folder`; without the file, nothing is granted.
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("plugin.toml");
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not what it should be", path.display()))
    }

    fn grants(&self) -> anyhow::Result<std::collections::BTreeSet<Grant>> {
        self.grants
            .iter()
            .map(|text| text.parse::<Grant>().context("plugin.toml, grants"))
            .collect()
    }
}

/// An engine for one command: few instances, nothing kept.
fn small_engine() -> anyhow::Result<Engine> {
    let options = EngineOptions {
        max_instances: 4,
        ..EngineOptions::default()
    };
    Ok(Engine::new(options)?)
}
