//! `mm4relay plugin test`: sample messages in, snapshots out.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use mm4relay_engine::Limits;

use crate::rehearsal::samples::{Bench, Case, Made, difference, each_case};

use super::Manifest;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plug-in's folder, with plugin.toml and samples/
    folder: PathBuf,
    /// Accept what the plug-in does now as what is expected
    #[arg(long)]
    bless: bool,
    /// Only the cases whose name holds this
    #[arg(long)]
    case: Option<String>,
    /// Test this component instead of building the one in the folder
    #[arg(long)]
    wasm: Option<PathBuf>,
    /// Bound each call by fuel instead of the clock, and print what it used: the same in every run
    #[arg(long)]
    deterministic: bool,
}

pub async fn run(args: &Args) -> anyhow::Result<()> {
    let manifest = Manifest::read(&args.folder)?;
    let cases = chosen(args)?;
    let path = match &args.wasm {
        Some(wasm) => wasm.clone(),
        None => super::build(&args.folder, None)?.wasm,
    };
    let wasm = super::read_component(&path)?;
    let mut bench = Bench::new(
        super::small_engine(args.deterministic)?,
        wasm.into(),
        manifest.grants()?,
        Limits::default(),
    );
    let (mut differ, mut broken) = (0, 0);
    let mut rules = Rules::default();
    for (name, case) in &cases {
        match run_one(&mut bench, case, args, &mut rules).await {
            Ok(same) => differ += usize::from(!same),
            // The others may be right: one slip does not hide them.
            Err(error) => {
                broken += 1;
                println!("broken   {name}  {error:#}");
            }
        }
    }
    let all = cases.len();
    let unusable = if broken > 0 {
        format!(", {broken} cannot be run")
    } else {
        String::new()
    };
    print!("{}", rules.report());
    println!("{all} cases, {differ} differ{unusable}");
    ensure!(broken == 0, "{broken} of {all} cases cannot be run");
    ensure!(
        differ == 0,
        "{differ} of {all} cases differ from what is expected; --bless accepts what the plug-in does now"
    );
    Ok(())
}

type NamedCase = (String, anyhow::Result<Case>);

/// The cases that are asked for.
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

/// Whether the plug-in does what is expected.
async fn run_one(
    bench: &mut Bench,
    case: &anyhow::Result<Case>,
    args: &Args,
    rules: &mut Rules,
) -> anyhow::Result<bool> {
    let case = match case {
        Ok(case) => case,
        Err(error) => bail!("{error:#}"),
    };
    let now = bench.made_of(case).await?;
    rules.note(&case.name, &now);
    let same = compare(case, &now, args.bless)?;
    if args.deterministic {
        println!("         fuel {}", bench.fuel());
    }
    Ok(same)
}

/// The rules of the settings of all cases, as the plug-in names them, and the cases that each had a part in.
#[derive(Default)]
struct Rules(Vec<(String, Vec<String>)>);

impl Rules {
    fn note(&mut self, case: &str, made: &Made) {
        for rule in &made.rules {
            self.of(rule);
        }
        for rule in &made.used {
            self.of(rule).push(case.to_owned());
        }
    }

    fn of(&mut self, rule: &str) -> &mut Vec<String> {
        let at = self.0.iter().position(|(name, _)| name == rule);
        let at = at.unwrap_or_else(|| {
            self.0.push((rule.to_owned(), Vec::new()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    /// A line for each rule; nothing for a plug-in that has none.
    fn report(&self) -> String {
        let line = |(rule, cases): &(String, Vec<String>)| match cases.is_empty() {
            true => format!("rule {rule}: touched by no case\n"),
            false => format!("rule {rule}: {}\n", cases.join(", ")),
        };
        self.0.iter().map(line).collect()
    }
}

/// Whether the snapshot is the expected one. A difference is shown.
fn compare(case: &Case, made: &Made, bless: bool) -> anyhow::Result<bool> {
    let (expected, now) = (case.expected()?, made.text.as_str());
    if expected == now {
        println!("ok       {}", case.name);
        return Ok(true);
    }
    // A fault is an answer that its author may have meant; a trap, or a limit that was passed, is nobody's intention.
    let bug = made.failed.as_ref().filter(|reason| !reason.starts_with("fault: "));
    if let (true, Some(reason)) = (bless, bug) {
        println!("failed   {}  not blessed: {reason}", case.name);
        return Ok(false);
    }
    if bless {
        let path = case.folder.join("expected.txt");
        std::fs::write(&path, now).with_context(|| format!("{} cannot be written", path.display()))?;
        println!("blessed  {}", case.name);
        return Ok(true);
    }
    println!("differs  {}  (- expected, + what it does now)", case.name);
    print!("{}", difference(&expected, now, true));
    Ok(false)
}
