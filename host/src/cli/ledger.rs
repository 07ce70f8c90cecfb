//! `mm4relay ledger`: the end of every recipient, and the comparison with a partner's records.

mod compare;
mod ours;
mod period;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use crate::assembly::charging_files::options;
use crate::charging::OutputOptions;
use crate::clock::{Clock, SystemClock};
use crate::ledger::{self, CheckSummary, Files, FilesSummary, Finding, Period};
use crate::message::{End, MessageId, Visible, visible_json};

use super::counted;
use super::door::SpoolArgs;
use period::Moment;

/// The exit code when nothing could be checked.
const COULD_NOT: u8 = 2;

#[derive(Debug, Subcommand)]
pub enum Args {
    /// Check that every accepted recipient has exactly one end, and that its records are in the spool and in the files
    /// of each output. Exit code 0: balanced; 1: there are findings; 2: it could not be checked
    Check {
        #[command(flatten)]
        spool: SpoolArgs,
        /// Messages from this time on, such as 2026-11-01 or 2026-11-01T12:00:00Z (UTC); default: everything in the
        /// ledger
        #[arg(long)]
        from: Option<Moment>,
        /// Messages before this time; default: now
        #[arg(long)]
        to: Option<Moment>,
        /// A folder to which fetched files of charging records were moved: its files are read too
        #[arg(long, value_name = "FOLDER")]
        fetched: Vec<PathBuf>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Compare our records with a partner's: what only one side has, what differs, and the totals for settlement
    Compare(compare::Args),
}

pub fn run(args: Args) -> ExitCode {
    let done = match args {
        Args::Check {
            spool,
            from,
            to,
            fetched,
            json,
        } => check(&spool, (from, to), &fetched, json),
        Args::Compare(args) => compare::run(&args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mm4relay: {error:#}");
            ExitCode::from(COULD_NOT)
        }
    }
}

/// Returns whether the ledger is balanced.
fn check(
    args: &SpoolArgs,
    (from, to): (Option<Moment>, Option<Moment>),
    fetched: &[PathBuf],
    json: bool,
) -> anyhow::Result<bool> {
    let outputs = outputs(args, fetched)?;
    let spool = args.open()?;
    let begins = spool.ledger_bounds()?.begins;
    let from = from.map_or(begins, |from| MessageId::first_at(from.0));
    let to = MessageId::first_at(to.map_or_else(|| SystemClock.now(), |to| to.0));
    if from < begins {
        anyhow::bail!(
            "the ledger begins at {}, and has no earlier messages: check from then on, or keep more of it ([ledger] keep)",
            period::shown(begins)
        );
    }
    if from >= to {
        anyhow::bail!(
            "there is nothing between --from and --to: {} and {}",
            period::shown(from),
            period::shown(to)
        );
    }
    let stream = args.charging()?;
    let files = outputs.as_deref().map(|outputs| Files {
        stream: &stream,
        outputs,
        fetched,
    });
    let checked = ledger::check(&*spool, Period { from, to }, files, &mut |finding| tell(finding, json))?;
    match json {
        true => println!("{}", summary(&checked)),
        false => print(&checked),
    }
    Ok(checked.is_balanced())
}

/// The outputs of the configuration; `None` without a configuration, because their files are unknown then.
fn outputs(args: &SpoolArgs, fetched: &[PathBuf]) -> anyhow::Result<Option<Vec<OutputOptions>>> {
    if let Some(folder) = fetched.iter().find(|folder| !folder.is_dir()) {
        anyhow::bail!("--fetched {}: there is no such folder", folder.display());
    }
    let outputs = args.charging_outputs()?;
    match (&outputs, fetched) {
        (None, []) => eprintln!("the files of charging records are not checked: --config says where they are"),
        (None, _) => anyhow::bail!("--fetched takes --config, which says what is in the files"),
        (Some(_), _) => {}
    }
    Ok(outputs.map(|outputs| outputs.iter().map(options).collect()))
}

fn tell(finding: &Finding, json: bool) {
    let id = finding.id.map(|id| id.to_string());
    if json {
        let line = json!({
            "finding": finding.kind.name(), "class": finding.kind.class(), "id": id, "record": finding.record,
            "file": finding.file, "record-of-file": finding.place, "text": finding.text,
        });
        return println!("{}", visible_json(&line.to_string()));
    }
    let id = id.unwrap_or_else(|| "-".into());
    let place = finding
        .place
        .map_or_else(String::new, |place| format!(", record {place} of it"));
    let file = finding
        .file
        .as_ref()
        .map_or_else(String::new, |file| format!("{}{place}: ", Visible(file)));
    println!(
        "{id}  {}: {}: {file}{}",
        finding.kind.class(),
        finding.kind.name(),
        Visible(&finding.text)
    );
}

fn print(checked: &CheckSummary) {
    println!(
        "{}, {}",
        counted(checked.messages, "message"),
        counted(checked.recipients, "recipient")
    );
    for end in End::ALL {
        if let Some(count) = checked.ends.get(&end) {
            println!("{count:>12} {}", end.name());
        }
    }
    println!("{:>12} still here", checked.here);
    println!(
        "{} in the ledger; {} purged",
        counted(checked.records, "record"),
        checked.purged
    );
    if let Some(files) = &checked.files {
        print_files(files, checked.purged);
    }
    if checked.owed > 0 {
        println!(
            "{} may get records still: plug-ins must be told again",
            counted(checked.owed, "message")
        );
    }
    for (kind, count) in &checked.findings {
        println!("{count:>12} {} ({})", kind.name(), kind.class());
    }
    if checked.is_balanced() {
        println!("balanced");
    }
}

fn print_files(files: &FilesSummary, purged: u64) {
    println!(
        "{} with {}; {} fetched and not there any more",
        counted(files.files, "file"),
        counted(files.records, "record"),
        files.gone
    );
    if purged > 0 {
        println!(
            "of the purged ones {} are in files as they were written; files of an output have {} that are not in a JSON file, \
             so that nothing says what they were",
            files.purged_compared, files.purged_found
        );
    }
}

fn summary(checked: &CheckSummary) -> serde_json::Value {
    let ends: serde_json::Map<_, _> = checked
        .ends
        .iter()
        .map(|(end, count)| (end.name().into(), json!(count)))
        .collect();
    let found = checked.findings.iter();
    let found: serde_json::Map<_, _> = found.map(|(kind, count)| (kind.name().into(), json!(count))).collect();
    let files = checked.files.map(|files| {
        json!({
            "files": files.files, "records": files.records, "gone": files.gone, "purged-compared": files.purged_compared,
            "purged-found": files.purged_found,
        })
    });
    json!({
        "messages": checked.messages, "recipients": checked.recipients, "ends": ends, "here": checked.here,
        "records": checked.records, "purged": checked.purged, "owed": checked.owed, "files": files, "findings": found,
        "balanced": checked.is_balanced(),
    })
}
