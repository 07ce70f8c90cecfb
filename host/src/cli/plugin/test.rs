//! `mm4relay plugin test`: sample messages in, snapshots out.

mod advice;
mod report;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use crate::config::Manifest;
use crate::rehearsal::samples::{Bench, Case, Made, difference, each_case};

use super::changes::Changes;
use super::cost::Shares;
use report::{Report, Result as CaseResult, Verdict};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plug-in's folder, with plugin.toml and samples/
    folder: PathBuf,
    /// Accept the present results as the expected ones
    #[arg(long)]
    bless: bool,
    /// Only the cases whose name contains this
    #[arg(long, alias = "filter")]
    case: Option<String>,
    /// Test this component instead of building the one in the folder
    #[arg(long)]
    wasm: Option<PathBuf>,
    /// Limit each call by fuel instead of the clock, and print what it used: the same in every run
    #[arg(long)]
    deterministic: bool,
    /// Show the cost of each case's calls, as shares of the plug-in's limits
    #[arg(long)]
    cost: bool,
    /// Test again whenever a file of the folder changes, until interrupted
    #[arg(long)]
    watch: bool,
    /// Write the results to this file, in the format of JUnit
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print a JSON object for each case instead of lines for people
    #[arg(long)]
    json: bool,
}

impl Args {
    /// The options of `plugin dev`: everything in a folder.
    pub fn of(folder: &Path, wasm: PathBuf) -> Self {
        Self {
            folder: folder.to_owned(),
            bless: false,
            case: None,
            wasm: Some(wasm),
            deterministic: false,
            cost: false,
            watch: false,
            junit: None,
            json: false,
        }
    }
}

pub async fn run(args: &Args) -> anyhow::Result<()> {
    if !args.watch {
        return once(args).await;
    }
    let mut changes = Changes::of(&args.folder);
    loop {
        if let Err(problem) = once(args).await {
            eprintln!("mm4relay: {problem:#}");
        }
        println!("waiting for a file of {} to change", args.folder.display());
        changes.next().await;
    }
}

/// Builds, runs every chosen case, and prints the results.
pub async fn once(args: &Args) -> anyhow::Result<()> {
    let manifest = Manifest::read(&args.folder)?;
    let cases = chosen(args)?;
    let path = match &args.wasm {
        Some(wasm) => wasm.clone(),
        None => super::build(&args.folder, None)?.wasm,
    };
    let wasm = super::read_component(&path)?;
    let limits = super::limits(&manifest);
    let engine = super::small_engine(args.deterministic)?;
    let mut bench = Bench::new(engine, wasm.into(), manifest.grants.clone(), limits);
    let mut report = Report::default();
    for (name, case) in &cases {
        let result = run_one(&mut bench, name, case, args).await;
        match args.json {
            true => println!("{}", result.json()),
            false => print!("{}", result.text(args.cost || args.deterministic)),
        }
        report.cases.push(result);
    }
    if let Some(path) = &args.junit {
        let name = args.folder.file_name().unwrap_or_default().to_string_lossy();
        std::fs::write(path, report.junit(&name)).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    conclude(&report, args)
}

fn conclude(report: &Report, args: &Args) -> anyhow::Result<()> {
    let all = report.cases.len();
    let (differ, broken) = (report.count(Verdict::differs), report.count(Verdict::is_broken));
    let unusable = if broken > 0 {
        format!(", {broken} cannot be run")
    } else {
        String::new()
    };
    if !args.json {
        print!("{}", report.rules());
        println!("{all} cases, {differ} differ{unusable}");
    }
    ensure!(broken == 0, "{broken} of {all} cases cannot be run");
    ensure!(
        differ == 0,
        "{differ} of {all} cases differ from what is expected; --bless accepts what the plug-in does now"
    );
    Ok(())
}

type NamedCase = (String, anyhow::Result<Case>);

/// The chosen cases.
fn chosen(args: &Args) -> anyhow::Result<Vec<NamedCase>> {
    let samples = args.folder.join("samples");
    let mut cases = each_case(&samples)?;
    ensure!(
        !cases.is_empty(),
        "no sample case in {}: a case is a folder with a message.eml",
        samples.display()
    );
    if let Some(part) = &args.case {
        let names: Vec<String> = cases.iter().map(|(name, _)| name.clone()).collect();
        cases.retain(|(name, _)| name.contains(part.as_str()));
        ensure!(
            !cases.is_empty(),
            "no sample case has {part:?} in its name; there are {}",
            names.join(", ")
        );
    }
    Ok(cases)
}

/// Runs one case. An error in it does not end the run, because the others may be right.
async fn run_one(bench: &mut Bench, name: &str, case: &anyhow::Result<Case>, args: &Args) -> CaseResult {
    let began = std::time::Instant::now();
    let tried = try_one(bench, case, args).await;
    let (verdict, made) = match tried {
        Ok((verdict, made)) => (verdict, Some(made)),
        Err(error) => (Verdict::Broken(format!("{error:#}")), None),
    };
    let failed = made
        .as_ref()
        .and_then(|made| made.failed.as_deref())
        .unwrap_or_default();
    let mut advice: Vec<String> = advice::stack(failed)
        .into_iter()
        .map(|line| format!("stack {line}"))
        .collect();
    advice.extend(advice::hint(failed).map(|hint| format!("hint {hint}")));
    CaseResult {
        advice,
        name: name.to_owned(),
        verdict,
        took: began.elapsed(),
        rules: made.as_ref().map(|made| made.rules.clone()).unwrap_or_default(),
        used: made.as_ref().map(|made| made.used.clone()).unwrap_or_default(),
        log: made
            .iter()
            .flat_map(|made| &made.log)
            .map(ToString::to_string)
            .collect(),
        cost: made.map(|made| Shares::new(made.cost, made.budget, bench.limits())),
    }
}

async fn try_one(bench: &mut Bench, case: &anyhow::Result<Case>, args: &Args) -> anyhow::Result<(Verdict, Made)> {
    let case = match case {
        Ok(case) => case,
        Err(error) => bail!("{error:#}"),
    };
    let made = bench.made_of(case).await?;
    Ok((compare(case, &made, args.bless)?, made))
}

/// Whether the snapshot is the expected one.
fn compare(case: &Case, made: &Made, bless: bool) -> anyhow::Result<Verdict> {
    let (expected, now) = (case.expected()?, made.text.as_str());
    if expected == now {
        return Ok(Verdict::Same);
    }
    // A fault is an answer that the author may have intended; a trap, or an exceeded limit, never is.
    let bug = made.failed.as_ref().filter(|reason| !reason.starts_with("fault: "));
    match (bless, bug) {
        (true, Some(reason)) => Ok(Verdict::NotBlessed(reason.clone())),
        (true, None) => {
            let path = case.folder.join("expected.txt");
            std::fs::write(&path, now).with_context(|| format!("{} cannot be written", path.display()))?;
            Ok(Verdict::Blessed)
        }
        (false, _) => Ok(Verdict::Differs(difference(&expected, now, true))),
    }
}
