//! `mm4relay cdr`: charging records.

use std::fs::File;
use std::io::{BufWriter, StdoutLock};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;

use crate::charging::{self, MarkedExport, READER, output};
use crate::clock::{Clock, SystemClock};
use crate::message::Timestamp;
use crate::spool::StreamReader;

use super::counted;
use super::door::SpoolArgs;

mod decode;
mod files;

#[derive(Debug, Subcommand)]
pub enum Args {
    /// Close the files that outputs are writing, so that they can be fetched
    Close {
        #[command(flatten)]
        spool: SpoolArgs,
        /// Names of outputs; default: all
        outputs: Vec<String>,
    },
    /// Show files of TS 32.297 as text, and whether they are complete
    Decode {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Mark closed files as fetched: the relay removes them after `keep-fetched`
    Fetched {
        /// The relay's configuration: with it, the audit records who marked them. Without it, only the mark is made
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Show the closed files of each output, and which of them were fetched
    Files {
        #[command(flatten)]
        spool: SpoolArgs,
    },
    /// Forget the mark of an output that was removed from the configuration: records wait for it no longer
    ForgetOutput {
        #[command(flatten)]
        spool: SpoolArgs,
        /// The output's name
        name: String,
    },
    /// Write charging records as JSON lines, in the order in which they were committed
    Export {
        #[command(flatten)]
        spool: SpoolArgs,
        /// Only records after this sequence number; default: after the last export with --mark
        #[arg(long, conflicts_with = "mark")]
        after: Option<u64>,
        /// Write to this file, which must not exist yet; default: standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Remember how far this export came: the next one continues from there. With --out each record is exported
        /// exactly once, however often this is run, at whatever time, and wherever it is interrupted
        #[arg(long)]
        mark: bool,
    },
    /// Remove records that the export with --mark and every output have passed
    Purge {
        #[command(flatten)]
        spool: SpoolArgs,
        /// Only records older than so many days
        #[arg(long, default_value_t = 30)]
        days: u32,
    },
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::Close { spool, outputs } => files::close(&spool, outputs).await,
        Args::Decode { files } => decode::run(&files),
        Args::Fetched {
            config: Some(config),
            files,
        } => files::fetched(&SpoolArgs::of(config), &files).await,
        Args::Fetched { config: None, files } => files::mark(&files),
        Args::Files { spool } => files::list(&spool).await,
        Args::ForgetOutput { spool, name } => forget_output(&spool, &name),
        Args::Export {
            spool,
            after,
            out,
            mark,
        } => match mark {
            true => export_and_mark(&spool, out.as_deref()),
            false => export(&spool, after, out.as_deref()),
        },
        Args::Purge { spool, days } => purge(&spool.charging()?, days),
    }
}

fn forget_output(args: &SpoolArgs, name: &str) -> anyhow::Result<()> {
    // It would begin anew, and write the records in its files again.
    let configured = args.charging_outputs()?.unwrap_or_default();
    if configured.iter().any(|known| known.name == name) {
        anyhow::bail!(
            "output {name} is in the configuration: a forgotten one begins anew and writes every record a second time; take it out of the configuration and send SIGHUP first"
        );
    }
    let stream = args.charging()?;
    if !stream.forget_mark(&output::reader(name))? {
        anyhow::bail!("no output called {name} has written anything");
    }
    println!("output {name} is forgotten");
    Ok(())
}

fn purge(stream: &StreamReader, days: u32) -> anyhow::Result<()> {
    const DAY: u64 = 86_400_000;
    let before = Timestamp(SystemClock.now().0.saturating_sub(u64::from(days) * DAY));
    let gone = stream.purge(before)?;
    println!("{} removed", counted(gone as u64, "record"));
    Ok(())
}

fn export(args: &SpoolArgs, after: Option<u64>, out: Option<&Path>) -> anyhow::Result<()> {
    let stream = args.charging()?;
    let after = match after {
        Some(sequence) => sequence,
        None => stream.mark(READER)?.sequence,
    };
    let Some(path) = out else {
        return to_standard_output(|out| charging::export(&stream, after, out));
    };
    let file = File::create_new(path).with_context(|| format!("{} cannot be made", path.display()))?;
    let mut writer = BufWriter::new(file);
    let last = charging::export(&stream, after, &mut writer)?;
    writer.into_inner().map_err(|error| error.into_error())?.sync_all()?;
    say(last.saturating_sub(after), path);
    Ok(())
}

fn export_and_mark(args: &SpoolArgs, out: Option<&Path>) -> anyhow::Result<()> {
    let export = MarkedExport::begin(args.charging()?, &args.folder()?, |text| eprintln!("{text}"))?;
    let Some(path) = out else {
        return to_standard_output(|out| export.to_writer(out));
    };
    say(export.to_file(path)?, path);
    Ok(())
}

fn to_standard_output(write: impl FnOnce(&mut BufWriter<StdoutLock<'_>>) -> anyhow::Result<u64>) -> anyhow::Result<()> {
    match write(&mut BufWriter::new(std::io::stdout().lock())) {
        Ok(_) => Ok(()),
        Err(error) if error.is::<std::io::Error>() => Err(error.context("standard output cannot be written")),
        Err(error) => Err(error),
    }
}

fn say(count: u64, file: &Path) {
    eprintln!("{} in {}", counted(count, "record"), file.display());
}
