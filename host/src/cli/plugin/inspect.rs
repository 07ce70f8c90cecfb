//! `mm4relay plugin inspect`: what a component is and what it asks for, without running it.

use std::path::PathBuf;

use anyhow::Context;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A component (.wasm)
    file: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let bytes = super::read_component(&args.file)?;
    let engine = super::small_engine(false)?;
    let inspection = engine
        .inspect(&bytes)
        .with_context(|| args.file.display().to_string())?;
    let memory = inspection.memories.iter().map(|memory| memory.initial).sum::<u64>();
    println!(
        "file       {}, {} KiB",
        args.file.display(),
        inspection.size.div_ceil(1024)
    );
    println!("sha256     {}", inspection.digest);
    println!("contract   mm4:filter@{}", inspection.api_version);
    println!("memory     {} KiB at the start", memory.div_ceil(1024));
    println!("imports    {}", inspection.imports.join("\n           "));
    println!("exports    {}", inspection.exports.join("\n           "));
    let label = if inspection.asks_for_grants { "can use" } else { "needs" };
    let grants: Vec<String> = inspection.grants.iter().map(|grant| format!("\"{grant}\"")).collect();
    println!("{label:<10} grants = [{}]", grants.join(", "));
    Ok(())
}
