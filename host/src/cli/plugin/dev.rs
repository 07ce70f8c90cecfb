//! `mm4relay plugin dev`: builds, tests, and loads into a running relay, whenever a file changes.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::ensure;

use crate::config::Manifest;

use super::build::{self, Built, Tools, language, tests_of};
use super::changes::Changes;
use super::load::LoadArgs;
use super::{load, test};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plug-in's folder
    folder: PathBuf,
    /// Load each version that passes its tests into the relay that runs with this configuration
    #[arg(long, value_name = "FILE")]
    relay: Option<PathBuf>,
    /// The plug-in's name in that configuration; default: the folder's
    #[arg(long, requires = "relay")]
    name: Option<String>,
    /// Leave out the tests of the language itself: cargo test, npm test, pytest
    #[arg(long)]
    samples_only: bool,
    /// Run once, instead of until interrupted; the exit code says whether everything passed
    #[arg(long)]
    once: bool,
}

pub async fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(args.folder.is_dir(), "{} is no folder", args.folder.display());
    if args.once {
        return round(args).await;
    }
    let mut changes = Changes::of(&args.folder);
    loop {
        let began = Instant::now();
        match round(args).await {
            Ok(()) => println!("all is right, after {:.1?}", began.elapsed()),
            Err(problem) => eprintln!("mm4relay: {problem:#}"),
        }
        println!("waiting for a file of {} to change", args.folder.display());
        changes.next().await;
    }
}

/// The fastest check comes first: the samples, in the sandbox that a relay uses.
async fn round(args: &Args) -> anyhow::Result<()> {
    let built = build::build(&args.folder, None)?;
    test::once(&test::Args::of(&args.folder, built.wasm.clone())).await?;
    if !args.samples_only {
        let of = tests_of(language(&args.folder, &Manifest::read(&args.folder)?)?);
        Tools::of(&args.folder).run(of.program, of.arguments)?;
    }
    match &args.relay {
        Some(config) => {
            let Built { name, wasm } = built;
            let name = args.name.clone().unwrap_or(name);
            load::load(&LoadArgs::of(name, wasm, config.clone())).await
        }
        None => Ok(()),
    }
}
