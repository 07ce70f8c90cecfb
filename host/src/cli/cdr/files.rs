//! `mm4relay cdr close`, `files` and `fetched`: the files of the outputs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use jiff::Timestamp;

use crate::assembly::charging_files::{ChargingFiles, options};
use crate::charging::folder;
use crate::charging::output::OutputOptions;
use crate::cli::counted;
use crate::clock::{SharedClock, SystemClock};
use crate::config::Config;
use crate::spool;

/// For a relay to do what it was asked: it looks once a second, and writes what is left first.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);

/// Closes the files that are open: the relay does when it runs, and this command when none does.
pub(super) fn close(config: &Config, names: &[String]) -> anyhow::Result<()> {
    let outputs = outputs(config, names)?;
    match spool::is_in_use(&config.relay.spool) {
        true => ask(&outputs)?,
        false => close_here(config, &outputs)?,
    }
    for output in &outputs {
        let last = output.closed_files()?.pop();
        let shown = last.map_or("no file".to_owned(), |file| file.path.display().to_string());
        println!("{}: closed; the last file is {shown}", output.name);
    }
    Ok(())
}

fn ask(outputs: &[OutputOptions]) -> anyhow::Result<()> {
    for output in outputs {
        let folder = output.folder.display();
        output
            .ask_to_close()
            .with_context(|| format!("{folder} cannot be written"))?;
    }
    let begun = Instant::now();
    while let Some(open) = outputs.iter().find(|output| output.is_asked_to_close()) {
        if begun.elapsed() > PATIENCE {
            bail!(
                "output {} is not closed yet: the relay's log and /health say why",
                open.name
            );
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

fn close_here(config: &Config, outputs: &[OutputOptions]) -> anyhow::Result<()> {
    let clock: SharedClock = Arc::new(SystemClock);
    let options = spool::Options {
        clock: Arc::clone(&clock),
        node: spool::Node::default(),
        reserve: 0,
        ledger: config.ledger.keep,
    };
    if !spool::is_there(&config.relay.spool) {
        bail!("{}: no relay has run here", config.relay.spool.display());
    }
    let spool = spool::open(&config.relay.spool, options)?;
    let names: Vec<String> = outputs.iter().map(|output| output.name.clone()).collect();
    let files = ChargingFiles::of(config, &spool, &clock).context("the configuration has no charging-output")?;
    // It blocks, and commands run where nothing may.
    let closing = std::thread::spawn(move || files.close_now(&names));
    closing
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    for output in outputs {
        output.has_closed()?;
    }
    Ok(())
}

/// Shows which files there are.
pub(super) fn list(config: &Config) -> anyhow::Result<()> {
    for output in outputs(config, &[])? {
        let files = output.closed_files()?;
        println!(
            "{}: {} in {}",
            output.name,
            counted(files.len() as u64, "closed file"),
            output.folder.display()
        );
        for file in files {
            let fetched = file
                .fetched
                .map_or("not fetched".to_owned(), |at| format!("fetched {}", moment(at)));
            let name = file.path.file_name().unwrap_or_default().to_string_lossy();
            println!(
                "    {name}  {} octets, closed {}, {fetched}",
                file.octets,
                moment(file.closed)
            );
        }
    }
    Ok(())
}

/// Marks files as fetched.
pub(super) fn fetched(files: &[PathBuf]) -> anyhow::Result<()> {
    for file in files {
        let new = folder::mark_fetched(file).with_context(|| format!("{} is not marked", file.display()))?;
        let already = if new { "" } else { " already" };
        println!("{} is marked as fetched{already}", file.display());
    }
    Ok(())
}

/// The outputs of these names; all, without any.
fn outputs(config: &Config, names: &[String]) -> anyhow::Result<Vec<OutputOptions>> {
    let known = &config.charging_outputs;
    if known.is_empty() {
        bail!("the configuration has no charging-output, so no files of records are written");
    }
    if let Some(name) = names
        .iter()
        .find(|name| !known.iter().any(|output| output.name == **name))
    {
        let all: Vec<&str> = known.iter().map(|output| output.name.as_str()).collect();
        bail!("no charging-output is called {name}; there are: {}", all.join(", "));
    }
    let wanted = known
        .iter()
        .filter(|output| names.is_empty() || names.contains(&output.name));
    Ok(wanted.map(options).collect())
}

fn moment(at: SystemTime) -> String {
    Timestamp::try_from(at).map_or_else(|_| "at an unknown time".to_owned(), |at| format!("{at:.0}"))
}
