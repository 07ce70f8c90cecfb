//! `mm4relay plugin bench`: what a chain of plug-ins costs each message.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use mm4relay_engine::{Limits, PluginSpec};

use crate::clock::SystemClock;
use crate::message::{OnFailure, PeerName};
use crate::pipeline::samples::{Case, cases};
use crate::pipeline::{
    Catalogue, Chain, Effects, LinkSpec, NoNumbers, NoValues, Passage, PluginServices, Seeds, TableSet,
};

use super::Manifest;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of plug-ins, in the order of the chain; settings and tables are those of each one's first sample case
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// How often the message goes through the chain
    #[arg(long, default_value_t = 10_000)]
    runs: usize,
    /// The sample case whose message is used, by name; default: the first case of the first plug-in
    #[arg(long)]
    case: Option<String>,
}

pub async fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(args.runs > 0, "--runs 0 measures nothing");
    let mut specs = Vec::new();
    let mut all_cases = Vec::new();
    let mut tables = TableSet::new();
    for folder in &args.folders {
        let mut found = cases(&folder.join("samples"))?;
        let first = found
            .first()
            .with_context(|| format!("no sample case in {}/samples", folder.display()))?;
        tables.extend(first.tables());
        let built = super::build(folder, None)?;
        let plugin = PluginSpec {
            name: built.name,
            wasm: built.wasm,
            settings: first.settings_json()?,
            grants: Manifest::read(folder)?.grants()?,
            limits: Limits::default(),
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
    let wanted = |case: &Case| args.case.as_ref().is_none_or(|name| case.name == *name);
    let case = all_cases
        .into_iter()
        .find(wanted)
        .context("there is no such sample case")?;
    measure(&catalogue.chain(), &case, args.runs).await
}

async fn measure(chain: &Chain, case: &Case, runs: usize) -> anyhow::Result<()> {
    let message = Arc::new(case.read_message()?);
    let next_hops = [PeerName::new(&case.next_hop())?];
    let mut times = Vec::with_capacity(runs);
    // The first runs touch code and pages for the first time; they are not what a message costs.
    for run in 0..runs + runs / 10 + 10 {
        let mut effects = Effects::default();
        let started = Instant::now();
        let passage = chain.arrive(Arc::clone(&message), &next_hops, &mut effects).await;
        let nanos = u64::try_from(started.elapsed().as_nanos())?;
        if let Passage::Refuse(refusal) = passage {
            bail!("the chain refused the message: {refusal}");
        }
        if run >= runs / 10 + 10 {
            times.push(nanos);
        }
    }
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
    let names: Vec<&str> = chain.links.iter().map(|link| link.plugin.name()).collect();
    println!(
        "{} on arrival, message {}, {} octets, {runs} runs",
        names.join(" -> "),
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
    Ok(())
}
