//! `mm4relay plugin`: for those who write plug-ins, and those who run them.

mod bench;
mod build;
mod changes;
mod cost;
mod dev;
mod inspect;
mod list;
mod load;
mod new;
mod operate;
mod registry;
mod replay;
mod rollout;
mod sign;
mod test;
mod try_out;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use mm4relay_engine::{Engine, EngineError, EngineOptions, Limits, read_file};

use crate::assembly::plugin_limits;
use crate::config::{Manifest, PluginBreaker};
use crate::pipeline::engine_options;

pub use build::build;

#[derive(Debug, Subcommand)]
pub enum Args {
    /// Make the folder of a new plug-in, which builds, has tests, and passes them
    New(new::Args),
    /// Build WebAssembly components from plug-ins in Rust, JavaScript, TypeScript, Python, or by a command of their own
    Build(build::Args),
    /// Build, test and load again whenever a file of a plug-in changes
    Dev(dev::Args),
    /// Show a component's contract and grants, and whether a relay would load it
    Inspect(inspect::Args),
    /// Measure the cost of a chain of plug-ins for each message
    Bench(bench::Args),
    /// Run a plug-in's sample messages and compare with the expected results
    Test(test::Args),
    /// Put one message through all plug-ins of a configuration, and show the result; nothing is sent
    Try(try_out::Args),
    /// Run recorded messages through another version and show what would differ
    Replay(replay::Args),
    /// Make a key pair for signing plug-ins
    Keygen(sign::KeygenArgs),
    /// Sign a component: writes FILE.sig
    Sign(sign::SignArgs),
    /// Put a component, and its signature, into an OCI registry
    Push(registry::PushArgs),
    /// Fetch a component, and its signature, from an OCI registry
    Pull(registry::PullArgs),
    /// Show which versions a relay runs and keeps, and the results of the last attempts to load one
    List(list::Args),
    /// Give a running relay a new version of a plug-in, and wait for the result; where relays share a store, all of them
    Load(load::LoadArgs),
    /// Return a running relay to the previous version; where relays share a store, all of them, and bar the running one
    Rollback(load::RollbackArgs),
    /// Show what all relays on a store run, what is barred, and how roll-outs go
    Rollout(rollout::ShowArgs),
    /// Let a version be rolled out again that failed in traffic, or was called back
    Unbar(rollout::UnbarArgs),
    /// Stop calling a plug-in until it is switched on again
    Off(operate::OffArgs),
    /// Call a plug-in again
    On(operate::NameArgs),
    /// Close the breaker of a plug-in, so that it is called again at once
    Reset(operate::NameArgs),
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::New(args) => new::run(&args),
        Args::Build(args) => build::run(&args),
        Args::Dev(args) => dev::run(&args).await,
        Args::Inspect(args) => inspect::run(&args).await,
        Args::Bench(args) => bench::run(&args).await,
        Args::Test(args) => test::run(&args).await,
        Args::Try(args) => try_out::run(&args).await,
        Args::Replay(args) => replay::run(&args).await,
        Args::Keygen(args) => sign::keygen(&args),
        Args::Sign(args) => sign::sign(&args),
        Args::Push(args) => registry::push(&args).await,
        Args::Pull(args) => registry::pull(&args).await,
        Args::List(args) => list::run(&args).await,
        Args::Off(args) => operate::off(args).await,
        Args::On(args) => operate::on(args).await,
        Args::Reset(args) => operate::reset(args).await,
        Args::Load(args) => load::load(&args).await,
        Args::Rollback(args) => load::rollback(&args).await,
        Args::Rollout(args) => rollout::show(args).await,
        Args::Unbar(args) => rollout::unbar(args).await,
    }
}

/// The limits in a plug-in's own manifest.
fn limits(manifest: &Manifest) -> Limits {
    plugin_limits(&manifest.limits, &PluginBreaker::default())
}

/// Reads a component, up to the size that any relay would load.
fn read_component(path: &Path) -> anyhow::Result<Vec<u8>> {
    const LARGEST: u64 = 256 << 20;
    read_file(path, LARGEST).with_context(|| format!("{} cannot be read", path.display()))
}

/// Reads settings from a file of their own.
fn read_settings(path: &Path) -> anyhow::Result<serde_json::Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let table: toml::Table = text
        .parse()
        .with_context(|| format!("{} is not TOML", path.display()))?;
    Ok(serde_json::to_value(table)?)
}

/// An engine for one command: few instances. Compiled code is kept for later commands, if there is a cache folder.
fn small_engine(deterministic: bool) -> anyhow::Result<Engine> {
    let options = |cache_dir| EngineOptions {
        max_instances: 4,
        deterministic,
        lines: true,
        remember_functions: true,
        cache_dir,
        ..engine_options()
    };
    match Engine::new(options(cache_folder())) {
        // The home folder is not writable, or others can write to it.
        Err(EngineError::CacheDir { .. }) => Ok(Engine::new(options(None))?),
        made => Ok(made?),
    }
}

/// The user's cache folder (XDG Base Directory), if it is known.
fn cache_folder() -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("mm4relay/compiled"))
}
