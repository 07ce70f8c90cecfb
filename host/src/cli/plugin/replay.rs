//! `mm4relay plugin replay`: recorded messages through another version of a plug-in.

mod summary;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::rehearsal::occasion_text;
use crate::rehearsal::recording::form::CallFile;
use crate::rehearsal::replay::{Other, Replay, files};

use crate::config::Manifest;

use summary::Summary;

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("version").required(true))]
pub struct Args {
    /// The folder of a recording, or one call in it
    recording: PathBuf,
    /// Build the plug-in in this folder, and replay it
    #[arg(long, value_name = "FOLDER", group = "version")]
    plugin: Option<PathBuf>,
    /// Replay this component
    #[arg(long, value_name = "FILE", group = "version")]
    wasm: Option<PathBuf>,
    /// Settings instead of the recorded ones, as TOML
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Show every call, before the summary
    #[arg(long)]
    details: bool,
    /// The plug-in's name in the configuration; needed if calls of several plug-ins were recorded
    #[arg(long)]
    name: Option<String>,
}

pub async fn run(args: &Args) -> anyhow::Result<()> {
    let calls = calls(args)?;
    let folder = match args.recording.is_file() {
        true => args.recording.parent().unwrap_or(Path::new("")).to_owned(),
        false => args.recording.clone(),
    };
    let mut replay = Replay::new(super::small_engine(true)?, folder, other(args)?);
    let mut summary = Summary::default();
    for (file, call) in &calls {
        let came_to = replay.run(call).await.with_context(|| file.display().to_string())?;
        summary.add(&came_to);
        if args.details {
            println!(
                "{} {}  {}",
                summary::word(&came_to),
                call.message,
                occasion_text(&call.occasion)
            );
            print!("{}", summary::details(&came_to));
        }
    }
    print!("{summary}");
    if !summary.all_same() {
        let details = if args.details {
            ""
        } else {
            "; --details shows each call"
        };
        bail!("the other version does not do the same: - is what was recorded, + what it does{details}");
    }
    Ok(())
}

/// The chosen calls, oldest first.
fn calls(args: &Args) -> anyhow::Result<Vec<(PathBuf, CallFile)>> {
    let mut calls = Vec::new();
    for file in files(&args.recording)? {
        let call = CallFile::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        if args.name.as_ref().is_none_or(|name| call.plugin == *name) {
            calls.push((file, call));
        }
    }
    let names: BTreeSet<&str> = calls.iter().map(|(_, call)| call.plugin.as_str()).collect();
    match names.len() {
        0 => bail!("no such call is in {}", args.recording.display()),
        1 => Ok(calls),
        _ => bail!(
            "the recording has calls of {}: say which with --name",
            names.into_iter().collect::<Vec<_>>().join(", ")
        ),
    }
}

fn other(args: &Args) -> anyhow::Result<Other> {
    let (path, grants) = match (&args.plugin, &args.wasm) {
        (Some(folder), _) => (super::build(folder, None)?.wasm, Manifest::read(folder)?.grants),
        (None, Some(wasm)) => (wasm.clone(), BTreeSet::new()),
        (None, None) => bail!("either --plugin FOLDER or --wasm FILE"),
    };
    let wasm = super::read_component(&path)?;
    let settings = args
        .settings
        .as_ref()
        .map(|path| super::read_settings(path))
        .transpose()?;
    Ok(Other {
        wasm: wasm.into(),
        settings,
        grants,
    })
}
