//! `mm4relay config`: the configuration of a running relay: a candidate for it, putting one in place, going back.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::control::configuration::{
    Applied, Apply, CheckCandidate, Compare, Compared, Generations, GoBack, ShowConfiguration,
};
use crate::control::{Kind, Problem};

use super::counted;
use super::door::{Door, SpoolArgs};
use super::print;

#[derive(Debug, Subcommand)]
pub enum Args {
    /// What a reload would change, and what is wrong with the configuration's file
    Compare {
        #[command(flatten)]
        spool: SpoolArgs,
        /// The lines that differ as well
        #[arg(long)]
        lines: bool,
    },
    /// What is wrong with a candidate, and what it would change in the place of the configuration's file; nothing is changed
    Check {
        #[command(flatten)]
        spool: SpoolArgs,
        /// The candidate; relative paths in it begin where the configuration's own do
        candidate: PathBuf,
        /// The lines that differ as well
        #[arg(long)]
        lines: bool,
    },
    /// Put a candidate in the place of the configuration's file and apply it: all of it, or nothing
    Apply {
        #[command(flatten)]
        spool: SpoolArgs,
        candidate: PathBuf,
        /// Only if this generation runs
        #[arg(long, value_name = "GENERATION")]
        expects: Option<u64>,
    },
    /// Configurations that have run, newest first
    Generations {
        #[command(flatten)]
        spool: SpoolArgs,
    },
    /// The files of a configuration that has run
    Show {
        #[command(flatten)]
        spool: SpoolArgs,
        /// What runs, without it
        generation: Option<u64>,
    },
    /// Put a configuration that has run in its place again, and apply it
    Back {
        #[command(flatten)]
        spool: SpoolArgs,
        generation: u64,
    },
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::Compare { spool, lines } => compare(&spool.door().await?, lines).await,
        Args::Check {
            spool,
            candidate,
            lines,
        } => {
            let text = text(&candidate)?;
            let compared = spool.door().await?.ask(CheckCandidate { text }).await?;
            tell(&compared, lines, "it would not be applied")
        }
        Args::Apply {
            spool,
            candidate,
            expects,
        } => {
            let text = text(&candidate)?;
            applied(spool.door().await?.ask(Apply { text, expects }).await)
        }
        Args::Generations { spool } => {
            for of in spool.door().await?.ask(Generations {}).await?.generations {
                let (added, removed) = (of.added, of.removed);
                let files = of.files.join(", ");
                println!(
                    "{}  since {}  +{added} -{removed} lines  {files}",
                    of.generation, of.since
                );
            }
            Ok(())
        }
        Args::Show { spool, generation } => {
            let files = spool.door().await?.ask(ShowConfiguration { generation }).await?.files;
            for file in &files {
                if files.len() > 1 {
                    println!("# {}", file.file);
                }
                print::octets(file.text.as_bytes());
            }
            Ok(())
        }
        Args::Back { spool, generation } => applied(spool.door().await?.ask(GoBack { generation }).await),
    }
}

/// As `reload --dry-run` has it.
pub(super) async fn compare(door: &Door, lines: bool) -> anyhow::Result<()> {
    tell(&door.ask(Compare {}).await?, lines, "a reload would change nothing")
}

fn tell(compared: &Compared, lines: bool, otherwise: &str) -> anyhow::Result<()> {
    compared.changes.iter().for_each(|change| println!("{change}"));
    if lines {
        print!("{}", compared.difference);
    }
    compared.problems.iter().for_each(|problem| eprintln!("{problem}"));
    match (compared.problems.len() as u64, compared.changes.is_empty()) {
        (0, true) => println!("{} is what runs", compared.file),
        (0, false) => {}
        (number, _) => bail!("{otherwise}: {}", counted(number, "problem")),
    }
    Ok(())
}

fn applied(applied: Result<Applied, Problem>) -> anyhow::Result<()> {
    match applied {
        Ok(Applied { before, after }) if before == after => println!("generation {after} runs, as before"),
        Ok(Applied { before, after }) => println!("generation {after} runs; to undo it: mm4relay config back {before}"),
        Err(problem) => return Err(refused(problem)),
    }
    Ok(())
}

/// What is wrong with a configuration goes to standard error, a line each.
pub(super) fn refused(problem: Problem) -> anyhow::Error {
    if problem.kind != Kind::Configuration {
        return problem.into();
    }
    problem.errors.iter().for_each(|error| eprintln!("{error}"));
    let number = problem.errors.len() as u64;
    anyhow::anyhow!("{problem}: {}", counted(number, "problem"))
}

fn text(candidate: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(candidate).with_context(|| format!("{} cannot be read", candidate.display()))
}
