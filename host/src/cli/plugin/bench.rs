//! `mm4relay plugin bench`: what a chain of plug-ins costs each message.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use mm4relay_engine::PluginSpec;

use crate::clock::SystemClock;
use crate::message::OnFailure;
use crate::pipeline::{Chain, NoNumbers, NoValues, PluginServices, Seeds, TableSet};
use crate::rehearsal::occasion_text;
use crate::rehearsal::samples::{Case, Rehearsal, cases};
use crate::versions::{Catalogue, LinkSpec};

use crate::config::Manifest;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of plug-ins, in the order of the chain
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// How often the message goes through the chain
    #[arg(long, default_value_t = 10_000)]
    runs: usize,
    /// The sample case whose message and occasion are used, by name; default: the first case of the first plug-in.
    /// Settings and tables of each plug-in are those of its own case of that name, else of its first one
    #[arg(long)]
    case: Option<String>,
    /// Measure this component instead of building the folder's; once for each folder, in their order
    #[arg(long, value_name = "FILE")]
    wasm: Vec<PathBuf>,
}

pub async fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(args.runs > 0, "--runs 0 measures nothing");
    ensure!(
        args.wasm.is_empty() || args.wasm.len() == args.folders.len(),
        "--wasm is given {} times for {} folders: once for each, or not at all",
        args.wasm.len(),
        args.folders.len()
    );
    let mut specs = Vec::new();
    let mut all_cases = Vec::new();
    let mut tables = TableSet::new();
    for (at, folder) in args.folders.iter().enumerate() {
        let mut found = cases(&folder.join("samples"))?;
        let own = found.iter().find(|case| args.case.as_ref() == Some(&case.name));
        let own = own.or_else(|| found.first());
        let own = own.with_context(|| format!("no sample case in {}/samples", folder.display()))?;
        tables.extend(own.tables());
        let (name, wasm) = component(folder, args.wasm.get(at))?;
        let manifest = Manifest::read(folder)?;
        let plugin = PluginSpec {
            name,
            wasm,
            settings: own.settings_json()?,
            may: Default::default(),
            limits: super::limits(&manifest),
            grants: manifest.grants,
        };
        specs.push(LinkSpec::new(plugin, OnFailure::Defer));
        all_cases.append(&mut found);
    }
    let services = Arc::new(PluginServices {
        tables,
        kv: Arc::new(NoValues),
        clock: Arc::new(SystemClock),
        numbering: Arc::new(NoNumbers),
        seeds: Seeds::new()?,
    });
    let catalogue = Catalogue::load(super::small_engine(false)?, services, specs).await?;
    let names: Vec<String> = all_cases.iter().map(|case| case.name.clone()).collect();
    let wanted = |case: &Case| args.case.as_ref().is_none_or(|name| case.name == *name);
    let case = all_cases.into_iter().find(wanted);
    let case = case.with_context(|| format!("there is no such sample case; there are {}", names.join(", ")))?;
    measure(&catalogue.chain(), &case, args.runs).await
}

/// The name of a plug-in, and its component: the one that is given, or the folder's own.
fn component(folder: &Path, given: Option<&PathBuf>) -> anyhow::Result<(String, PathBuf)> {
    let Some(wasm) = given else {
        let built = super::build(folder, None)?;
        return Ok((built.name, built.wasm));
    };
    let name = wasm.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok((name.context("--wasm is the path of a component")?, wasm.clone()))
}

async fn measure(chain: &Chain, case: &Case, runs: usize) -> anyhow::Result<()> {
    let rehearsal = Rehearsal::of(case)?;
    let mut times = Vec::with_capacity(runs);
    // The first runs touch code and pages for the first time; they are not what a message costs.
    let warm = runs / 10 + 10;
    for run in 0..runs + warm {
        let started = Instant::now();
        let rehearsed = rehearsal.run(chain).await;
        let nanos = u64::try_from(started.elapsed().as_nanos())?;
        if let Some(failure) = rehearsed.failure() {
            bail!("a plug-in fails, and what that costs is no measure of anything: {failure}");
        }
        if run >= warm {
            times.push(nanos);
        }
    }
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
    let names: Vec<&str> = chain.links.iter().map(|link| link.plugin.name()).collect();
    println!(
        "{} on {}, message {}, {} octets, {runs} runs",
        names.join(" -> "),
        occasion_text(rehearsal.occasion()),
        case.name,
        case.message.len()
    );
    println!(
        "p50 {:.1} us   p90 {:.1} us   p99 {:.1} us   max {:.1} us",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
    for link in &chain.links {
        if link.health.tally().calls == 0 {
            println!(
                "{} was never called: it asks for no such message on this occasion, or one before it ended the run",
                link.plugin.name()
            );
        }
    }
    Ok(())
}
