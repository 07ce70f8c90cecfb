//! `mm4relay status`, `reload`, `stop` and `audit`: commands about the relay as a whole.

use std::time::Duration;

use anyhow::bail;
use clap::Subcommand;

use crate::clock::{Clock, SystemClock};
use crate::config::{parse_duration, show_duration};
use crate::control::When;
use crate::control::audit::{Audit, Entry, PurgeAudit};
use crate::control::relay::{RelayOnStore, Reload, Status, Stop};
use crate::spool;

use super::door::SpoolArgs;
use super::{configuration, counted, peers};

#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    #[command(flatten)]
    spool: SpoolArgs,
    /// As JSON, as the door answers
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub struct ReloadArgs {
    #[command(flatten)]
    spool: SpoolArgs,
    /// Only show what would change, and what is wrong
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub struct StopArgs {
    #[command(flatten)]
    spool: SpoolArgs,
    /// Do not wait until the relay has ended
    #[arg(long)]
    no_wait: bool,
    /// The longest time to wait
    #[arg(long, value_name = "TIME", default_value = "11 min", value_parser = time, conflicts_with = "no_wait")]
    wait: Duration,
}

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    #[command(flatten)]
    list: AuditList,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Remove entries that are older; that this was done is noted
    Purge {
        #[command(flatten)]
        spool: SpoolArgs,
        /// `400 days`, `1h`
        #[arg(long, value_name = "TIME", value_parser = time)]
        older_than: Duration,
    },
}

#[derive(Debug, clap::Args)]
struct AuditList {
    #[command(flatten)]
    spool: SpoolArgs,
    /// Only the changes of this person
    #[arg(long)]
    who: Option<String>,
    /// Only this verb: queue-drop, peer-pause, reload
    #[arg(long, value_name = "VERB")]
    did: Option<String>,
    /// Only what happened at this time or later: 2026-11-21T23:00:38Z
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only what happened before this time
    #[arg(long, value_name = "TIME")]
    before: Option<When>,
    /// Only the last so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

fn time(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a whole number and ms, s, min, h or days".to_owned())
}

pub async fn status(args: StatusArgs) -> anyhow::Result<()> {
    let state = args.spool.door().await?.ask(Status {}).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&state)?);
        return Ok(());
    }
    match &state.running {
        None => println!("stopped"),
        Some(running) => {
            let word = match (running.draining, running.unwell.is_empty()) {
                (true, _) => "draining",
                (false, true) => "well",
                (false, false) => "unwell",
            };
            println!(
                "{word}: version {}, process {}, since {}",
                running.version, running.process, running.since
            );
            running.unwell.iter().for_each(|why| println!("    {why}"));
            for listening in &running.listening {
                println!("listens on {} ({})", listening.address, listening.side);
            }
            for plugin in &running.plugins {
                let digest = plugin.digest.get(..12).unwrap_or(&plugin.digest);
                println!("plug-in {} {}  {digest}", plugin.name, plugin.version);
            }
        }
    }
    let relays = state.running.iter().flat_map(|running| &running.relays);
    relays.for_each(print_relay);
    let queue = &state.queue;
    println!(
        "queue: {} waiting, {} failed, {} held, {} unfinished, {}",
        queue.waiting,
        queue.failed,
        queue.held,
        queue.unfinished,
        counted(queue.requests, "open request")
    );
    state.peers.iter().for_each(peers::print);
    Ok(())
}

fn print_relay(relay: &RelayOnStore) {
    let lives = if relay.lives { "lives" } else { "does not run" };
    let says = relay.says.as_ref().filter(|_| relay.lives);
    let says = says.map_or_else(String::new, |says| {
        format!(
            ", version {}, since {}: {} accepted, {} delivered",
            says.version, says.since, says.accepted, says.delivered
        )
    });
    println!("relay {} on the store {lives}{says}", relay.name);
    relay.differs.iter().for_each(|what| println!("    differs: {what}"));
}

pub async fn reload(args: ReloadArgs) -> anyhow::Result<()> {
    if args.dry_run {
        return configuration::compare(&args.spool.door().await?, false).await;
    }
    let reloaded = args.spool.door().await?.ask(Reload {}).await;
    reloaded.map_err(configuration::refused)?;
    println!("reloaded");
    Ok(())
}

pub async fn stop(args: StopArgs) -> anyhow::Result<()> {
    /// Polling is the only way: the lock is released when the process ends.
    const LOOK: Duration = Duration::from_millis(50);
    let folder = args.spool.folder()?;
    args.spool.door().await?.ask(Stop {}).await?;
    if args.no_wait {
        println!("it ends when the work under way is finished");
        return Ok(());
    }
    let ended = async {
        while spool::is_in_use(&folder) {
            tokio::time::sleep(LOOK).await;
        }
    };
    match tokio::time::timeout(args.wait, ended).await {
        Ok(()) => println!("stopped"),
        Err(_) => bail!("work is still under way after {}", show_duration(args.wait)),
    }
    Ok(())
}

pub async fn audit(args: AuditArgs) -> anyhow::Result<()> {
    match args.command {
        Some(AuditCommand::Purge { spool, older_than }) => {
            let before = When(SystemClock.now().minus(older_than));
            let removed = spool.door().await?.ask(PurgeAudit { before }).await?.removed;
            println!("{} removed", counted(removed, "entry"));
            Ok(())
        }
        None => list(args.list).await,
    }
}

async fn list(args: AuditList) -> anyhow::Result<()> {
    let asked = Audit {
        who: args.who,
        did: args.did,
        since: args.since,
        before: args.before,
        limit: Some(args.limit),
    };
    let answer = args.spool.door().await?.ask(asked).await?;
    for entry in &answer.entries {
        match args.json {
            true => println!("{}", serde_json::to_string(entry)?),
            false => print(entry),
        }
    }
    match (answer.entries.is_empty(), answer.more) {
        (true, _) => eprintln!("no such entry in the audit"),
        (false, true) => eprintln!("there are earlier ones: see --limit and --before"),
        (false, false) => {}
    }
    Ok(())
}

fn print(entry: &Entry) {
    let Entry {
        at,
        who,
        from,
        did,
        asked,
        ..
    } = entry;
    let relay = entry
        .relay
        .as_ref()
        .map_or_else(String::new, |relay| format!(", at relay {relay}"));
    println!("{at}  {did}  by {who}, {}, {from}{relay}", entry.role.as_str());
    println!("    asked {asked}");
    if let Some(changed) = &entry.changed {
        println!("    done {changed}");
    }
    if let Some(problem) = &entry.refused {
        println!("    refused: {problem}");
        problem.errors.iter().for_each(|error| println!("        {error}"));
    }
}
