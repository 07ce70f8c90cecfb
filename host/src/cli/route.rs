//! `mm4relay route`: where a recipient would go, and why, step by step.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;

use crate::assembly;
use crate::config::Config;
use crate::control::routes::Route;

use super::door::{Door, folder_of, running};

/// Shows where a recipient would go, and what each step of `[routing] order` found: as the running relay sees it, or,
/// when none runs, by the files. DNS is queried; no message is sent.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The recipient: a number, or an address with a domain
    #[arg(value_name = "+NUMBER", allow_hyphen_values = true)]
    recipient: String,
    /// The peer or relay-server that would send to it; without it, rights are not checked
    #[arg(long, value_name = "PEER")]
    from: Option<String>,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value_os_t = super::usual_config())]
    config: PathBuf,
    /// Use the files as they are now, even if a relay runs
    #[arg(long)]
    files: bool,
}

/// Prints the decision, and succeeds when the recipient goes somewhere.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let client = match args.files {
        true => None,
        false => running(&folder_of(&args.config)?).await.ok(),
    };
    let (lines, refused) = match client {
        Some(client) => {
            let asked = Route {
                recipient: args.recipient,
                from: args.from,
            };
            let routed = Door::Relay(client).ask(asked).await?;
            let lines = routed.steps.into_iter().map(|step| (step.step, step.found)).collect();
            (lines, !routed.goes)
        }
        None => {
            let config = Config::load(&args.config)?;
            let directory = assembly::directory(config.clone(), &args.config).await?;
            let explained = assembly::explain_route(&config, &directory, None, &args.recipient, args.from.as_deref());
            let explained = explained.await.map_err(|why| anyhow!(why))?;
            (explained.lines, explained.refused)
        }
    };
    for (step, found) in lines {
        println!("{step:<12} {found}");
    }
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
