//! `mm4relay spool`: the store as a whole.

use anyhow::bail;
use clap::Subcommand;

use crate::spool::upgrade::{self, Survey};

use super::door::SpoolArgs;

#[derive(Debug, Subcommand)]
pub enum Args {
    /// Upgrade a spool that an earlier version wrote; a start of the relay does the same
    ///
    /// Nothing in it is lost: messages, requests and their histories, charging records, plug-ins' values. A newer format
    /// is refused.
    #[command(group = clap::ArgGroup::new("what").required(true))]
    Upgrade {
        #[command(flatten)]
        spool: SpoolArgs,
        /// Change nothing: say which format it has, what is in it, and whether every row can be read
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

pub fn run(args: Args) -> anyhow::Result<()> {
    let Args::Upgrade {
        spool,
        check: only_check,
        no_backup,
        ..
    } = args;
    let folder = spool.folder()?;
    if only_check {
        return check(&upgrade::check(&folder)?);
    }
    match upgrade::run(&folder, !no_backup)? {
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
        bail!(
            "what is damaged stays in the spool, and is left alone: {} rows or more",
            survey.damaged.len()
        );
    }
    Ok(())
}
