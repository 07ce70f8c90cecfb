//! `mm4relay alarms`: present alarms.

use std::process::ExitCode;

use crate::control::alarms::Alarms;

use super::door::SpoolArgs;

/// Shows what is wrong at this moment. The exit code is 0 when nothing is, 1 when something is, and 2 when something is
/// critical.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spool: SpoolArgs,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let alarms = args.spool.door().await?.ask(Alarms {}).await?.alarms;
    for alarm in &alarms {
        match args.json {
            true => println!("{}", serde_json::to_string(alarm)?),
            false => println!("{alarm}"),
        }
    }
    if alarms.is_empty() && !args.json {
        println!("no alarm");
    }
    let critical = alarms.iter().any(|alarm| alarm.severity == "critical");
    Ok(match (alarms.is_empty(), critical) {
        (true, _) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
        (false, true) => ExitCode::from(2),
    })
}
