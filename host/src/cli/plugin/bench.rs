//! `mm4relay plugin bench`: the cost of a chain of plug-ins for each message.
//!
//! Times are measured by the clock, in the engine that a relay uses. Fuel and memory are counted separately, in one run
//! of an engine that counts, and are the same each time. Two versions run in turns, so that other load on the machine
//! affects both.

mod contender;
mod measure;
mod profile;
mod report;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::rehearsal::occasion_text;
use crate::rehearsal::samples::{Case, cases};

use contender::Contender;
use measure::Budget;
use report::Row;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of plug-ins, in the order of the chain
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// The most runs of a message through the chain
    #[arg(long, default_value_t = 10_000)]
    runs: usize,
    /// The longest time that one message is measured, in seconds; ten runs are made in any case
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Only this sample case, by name; default: every case of the first plug-in. Settings and tables of each plug-in
    /// are those of its own case of that name, else of its first one
    #[arg(long)]
    case: Option<String>,
    /// Measure this component instead of building the folder's; once for each folder, in their order
    #[arg(long, value_name = "FILE")]
    wasm: Vec<PathBuf>,
    /// Measure this component of the last plug-in too, in turns with the other, and compare them
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Sample the plug-ins' stacks while they run, and write them here, one a line with its number of samples, in the
    /// format of tools that draw flame graphs
    #[arg(long, value_name = "FILE")]
    stacks: Option<PathBuf>,
    /// Print a JSON object for each row instead of a table
    #[arg(long)]
    json: bool,
}

pub async fn run(args: &Args) -> anyhow::Result<()> {
    check(args)?;
    let budget = Budget {
        runs: args.runs,
        time: Duration::from_secs_f64(args.seconds),
    };
    let cases = chosen(args)?;
    let ours = Contender::of(&args.folders, &args.wasm)?;
    let theirs = args.against.as_ref().map(|file| ours.with_last(file)).transpose()?;
    if !args.json {
        println!("{}, at most {} runs of each message", ours.name(), args.runs);
        println!("{}", Row::HEADING);
    }
    for case in &cases {
        for row in rows(&ours, theirs.as_ref(), case, &budget).await? {
            match args.json {
                true => println!("{}", row.json()),
                false => print!("{row}"),
            }
        }
    }
    if let Some(file) = &args.stacks {
        profile::write(&ours, &cases, &budget, file).await?;
    }
    Ok(())
}

fn check(args: &Args) -> anyhow::Result<()> {
    ensure!(args.runs > 0, "--runs 0 measures nothing");
    ensure!(
        args.seconds > 0.0 && args.seconds <= 3600.0,
        "--seconds {} is not above 0 and at most 3600",
        args.seconds
    );
    ensure!(
        args.wasm.is_empty() || args.wasm.len() == args.folders.len(),
        "--wasm is given {} times for {} folders: once for each, or not at all",
        args.wasm.len(),
        args.folders.len()
    );
    Ok(())
}

/// The chosen cases: those of the first plug-in, or the named one of any plug-in.
fn chosen(args: &Args) -> anyhow::Result<Vec<Case>> {
    let mut all = Vec::new();
    for (at, folder) in args.folders.iter().enumerate() {
        let found = cases(&folder.join("samples"))?;
        ensure!(!found.is_empty(), "no sample case in {}/samples", folder.display());
        if at == 0 || args.case.is_some() {
            all.extend(found);
        }
    }
    let Some(wanted) = &args.case else { return Ok(all) };
    let names: Vec<String> = all.iter().map(|case| case.name.clone()).collect();
    let case = all.into_iter().find(|case| case.name == *wanted);
    let case = case.with_context(|| format!("there is no sample case {wanted:?}; there are {}", names.join(", ")))?;
    Ok(vec![case])
}

/// A row for each contender, and the use of resources by each plug-in of a chain.
async fn rows(ours: &Contender, theirs: Option<&Contender>, case: &Case, budget: &Budget) -> anyhow::Result<Vec<Row>> {
    let contenders: Vec<&Contender> = std::iter::once(ours).chain(theirs).collect();
    let mut ready = Vec::new();
    for contender in &contenders {
        ready.push(contender.loaded(case, super::small_engine(false)?).await?);
    }
    let times = measure::in_turns(&ready, case, budget).await?;
    let mut rows = Vec::new();
    for (at, (contender, times)) in contenders.iter().zip(times).enumerate() {
        let counted = contender.loaded(case, super::small_engine(true)?).await?;
        rows.push(Row {
            case: case.name.clone(),
            occasion: occasion_text(&case.occasion()?),
            octets: case.message.len(),
            against: at > 0,
            times,
            used: measure::once(&counted, case).await?,
            beside: None,
        });
    }
    if let [ours, theirs] = &mut rows[..] {
        theirs.beside = Some(ours.times.at(0.5) / theirs.times.at(0.5).max(f64::MIN_POSITIVE));
    }
    Ok(rows)
}
