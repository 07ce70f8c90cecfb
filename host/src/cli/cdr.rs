//! `mm4relay cdr`: charging records.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;

use crate::charging;
use crate::clock::{Clock, SystemClock};
use crate::message::Timestamp;
use crate::spool::inspect::Inspector;

use super::queue::SpoolArgs;

#[derive(Debug, Subcommand)]
pub enum Args {
    /// Write charging records as JSON lines, in the order in which they were committed
    Export {
        #[command(flatten)]
        spool: SpoolArgs,
        /// Only records behind this sequence number; default: behind the last export with --mark
        #[arg(long)]
        after: Option<u64>,
        /// Into this file, which must not exist yet; default: standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Remember how far this export got: the next one goes on from there
        #[arg(long)]
        mark: bool,
    },
    /// Remove records that an export with --mark has passed
    Purge {
        #[command(flatten)]
        spool: SpoolArgs,
        /// Only records that are older than so many days
        #[arg(long, default_value_t = 30)]
        days: u32,
    },
}

pub fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::Export {
            spool,
            after,
            out,
            mark,
        } => export(spool.open()?, after, out, mark),
        Args::Purge { spool, days } => purge(spool.open()?, days),
    }
}

fn purge(mut spool: Inspector, days: u32) -> anyhow::Result<()> {
    const DAY: u64 = 86_400_000;
    let before = Timestamp(SystemClock.now().0.saturating_sub(u64::from(days) * DAY));
    let gone = spool.forget_exported(before)?;
    println!("{gone} records removed");
    Ok(())
}

fn export(mut spool: Inspector, after: Option<u64>, out: Option<PathBuf>, mark: bool) -> anyhow::Result<()> {
    let after = match after {
        Some(sequence) => sequence,
        None => spool.exported()?,
    };
    let last = match out {
        Some(path) => {
            let file = File::create_new(&path).with_context(|| format!("{} cannot be made", path.display()))?;
            let mut writer = BufWriter::new(file);
            let last = charging::export(&spool, after, &mut writer)?;
            // The mark says that they are safe elsewhere: only when they are.
            writer.into_inner().map_err(|error| error.into_error())?.sync_all()?;
            eprintln!("{} records in {}", last - after, path.display());
            last
        }
        None => {
            let mut out = BufWriter::new(std::io::stdout().lock());
            let last = charging::export(&spool, after, &mut out)?;
            out.flush()?;
            last
        }
    };
    if mark {
        spool.mark_exported(last)?;
    }
    Ok(())
}
