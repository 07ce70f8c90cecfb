//! `mm4relay spool`: the store as a whole.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::control::spool::{SpoolBackUp, SpoolCheck, SpoolFound};
use crate::spool;
use crate::spool::upgrade::{self, Survey};

use super::door::SpoolArgs;

#[derive(Debug, Subcommand)]
pub enum Args {
    /// Check the spool: every page, every checksum, and whether related rows exist
    ///
    /// Works beside a running relay, or in its folder. Damaged rows are named, and left where they are.
    Check {
        #[command(flatten)]
        spool: SpoolArgs,
    },
    /// Copy the spool as it is at this moment into a new file, and check the copy
    ///
    /// Works beside a running relay, or in its folder.
    Backup {
        #[command(flatten)]
        spool: SpoolArgs,
        /// The new file
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Check a copy of the spool
    Verify {
        /// The file that `spool backup` wrote
        file: PathBuf,
    },
    /// Put a copy in the place of the spool, while no relay runs on it
    ///
    /// The old spool is kept beside it. Messages accepted since the copy was made are not in it, and messages delivered
    /// since then are sent again.
    Restore {
        #[command(flatten)]
        spool: SpoolArgs,
        /// The file that `spool backup` wrote
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// Even if something in the copy is damaged
        #[arg(long)]
        damaged: bool,
    },
    /// Upgrade a spool that an earlier version wrote; starting the relay does the same
    ///
    /// Nothing is lost: messages, requests and their histories, charging records, plug-ins' values. A newer format is
    /// refused.
    #[command(group = clap::ArgGroup::new("what").required(true))]
    Upgrade {
        #[command(flatten)]
        spool: SpoolArgs,
        /// Change nothing: show the format, the content, and whether every row can be read
        #[arg(long, group = "what")]
        check: bool,
        /// Upgrade it, while no relay runs on it
        #[arg(long, group = "what")]
        run: bool,
        /// Do not copy the database first
        #[arg(long, requires = "run")]
        no_backup: bool,
    },
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::Check { spool } => said(&spool.door().await?.ask(SpoolCheck {}).await?),
        Args::Backup { spool, to } => back_up(&spool, &to).await,
        Args::Verify { file } => said(&spool::verify(&file)?.into()),
        Args::Restore { spool, from, damaged } => restore(&spool.folder()?, &from, damaged),
        Args::Upgrade { spool, check: true, .. } => check(&upgrade::check(&spool.folder()?)?),
        Args::Upgrade { spool, no_backup, .. } => upgrade(&spool.folder()?, !no_backup),
    }
}

async fn back_up(spool: &SpoolArgs, to: &Path) -> anyhow::Result<()> {
    let to = std::path::absolute(to).with_context(|| format!("{}", to.display()))?;
    let done = spool.door().await?.ask(SpoolBackUp { to: to.clone() }).await?;
    println!("{} octets in {}", done.octets, to.display());
    said(&done.found)
}

fn restore(folder: &Path, from: &Path, damaged: bool) -> anyhow::Result<()> {
    let found = SpoolFound::from(spool::verify(from)?);
    if !found.well && !damaged {
        said(&found)?;
    }
    match spool::restore(from, folder)? {
        Some(kept) => println!("restored; what was there before: {}", kept.display()),
        None => println!("restored"),
    }
    Ok(())
}

/// Prints the result of a check. Fails when something is wrong, so that scripts notice.
fn said(found: &SpoolFound) -> anyhow::Result<()> {
    println!("format {}", found.format);
    for rows in &found.rows {
        println!("{:>12} {}", rows.number, plural(&rows.what));
    }
    if found.without_sum > 0 {
        println!(
            "{:>12} rows without a checksum, written by an earlier version",
            found.without_sum
        );
    }
    for line in found.pages.iter().chain(&found.damaged) {
        println!("damaged: {line}");
    }
    match found.well {
        true => {
            println!("nothing is damaged");
            Ok(())
        }
        false => bail!(
            "{} faults: damaged messages stay where they are",
            found.faults + found.pages.len() as u64
        ),
    }
}

/// The plural of the first word: `message` becomes `messages`, `chunk of content` becomes `chunks of content`.
fn plural(what: &str) -> String {
    match what.split_once(' ') {
        Some((first, rest)) => format!("{first}s {rest}"),
        None => format!("{what}s"),
    }
}

fn upgrade(folder: &Path, backup: bool) -> anyhow::Result<()> {
    match upgrade::run(folder, backup)? {
        None => println!("up to date"),
        Some(done) => {
            println!("upgraded from format {} to {}", done.from, done.to);
            match done.backup {
                Some(path) => println!("as it was: {}; remove it once it is not needed", path.display()),
                None => println!("no backup was made"),
            }
        }
    }
    Ok(())
}

fn check(survey: &Survey) -> anyhow::Result<()> {
    match survey.format == survey.known {
        true => println!("format {}: up to date", survey.format),
        false => println!("format {}: can be upgraded to format {}", survey.format, survey.known),
    }
    for (what, rows) in &survey.rows {
        println!("{rows:>12} {what}");
    }
    for damaged in &survey.damaged {
        println!("damaged: {damaged}");
    }
    if !survey.damaged.is_empty() {
        bail!("damaged rows stay in the spool: {} or more", survey.damaged.len());
    }
    Ok(())
}
