//! `mm4relay plugin test`: sample messages in, snapshots out.

use std::path::PathBuf;

use anyhow::{Context, bail};
use mm4relay_engine::Limits;

use crate::pipeline::samples::{Bench, Case, cases, difference};

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
    let mut cases = cases(&args.folder.join("samples"))?;
    if let Some(part) = &args.case {
        cases.retain(|case| case.name.contains(part.as_str()));
    }
    if cases.is_empty() {
        bail!(
            "no sample case in {}/samples: a case is a folder with a message.eml",
            args.folder.display()
        );
    }
    let path = match &args.wasm {
        Some(wasm) => wasm.clone(),
        None => super::build(&args.folder, None)?.wasm,
    };
    let wasm = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut bench = Bench::new(
        super::small_engine(args.deterministic)?,
        wasm.into(),
        manifest.grants()?,
        Limits::default(),
    );
    let mut failed = 0;
    for case in &cases {
        let now = bench
            .made_of(case)
            .await
            .with_context(|| format!("case {}", case.name))?;
        failed += usize::from(!compare(case, &now, args.bless)?);
        if args.deterministic {
            println!("         fuel {}", bench.fuel());
        }
    }
    println!("{} cases, {failed} differ", cases.len());
    if failed > 0 {
        bail!(
            "{failed} of {} cases differ from what is expected; --bless accepts what the plug-in does now",
            cases.len()
        );
    }
    Ok(())
}

/// Whether the snapshot is the expected one. A difference is shown.
fn compare(case: &Case, now: &str, bless: bool) -> anyhow::Result<bool> {
    let expected = case.expected()?;
    if expected == now {
        println!("ok       {}", case.name);
        return Ok(true);
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
