//! `mm4relay peers`: the state of each next hop, pauses, drains and limits.

use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Subcommand;

use crate::config::{parse_duration, show_duration};
use crate::control::When;
use crate::control::limits::{LimitPeer, UnlimitPeer};
use crate::control::peers::{DrainPeer, PausePeer, Peer, Peers, ResumePeer};

use super::counted;
use super::door::{Door, SpoolArgs};
use super::queue::standing;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    spool: SpoolArgs,
    /// Only this one
    #[arg(long)]
    peer: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Stop sending to a peer for a while: messages for it wait, and are not given up for their age meanwhile
    Pause {
        #[command(flatten)]
        spool: SpoolArgs,
        peer: String,
        /// `30 min`, `1h`, `2 days`; without it, until `resume`
        #[arg(long = "for", value_name = "TIME", value_parser = duration)]
        time: Option<Duration>,
        /// The reason, for other operators
        #[arg(long)]
        reason: String,
    },
    /// Bring a peer to rest, as before work on its hosts: as a pause, and connections are closed; returns when nothing is
    /// under way any more
    Drain {
        #[command(flatten)]
        spool: SpoolArgs,
        peer: String,
        /// `30 min`, `1h`, `2 days`; without it, until `resume`
        #[arg(long = "for", value_name = "TIME", value_parser = duration)]
        time: Option<Duration>,
        /// The reason, for other operators
        #[arg(long)]
        reason: String,
        /// Wait for what is being sent for so long; the drain goes on afterwards too
        #[arg(long, value_name = "TIME", default_value = "10 min", value_parser = duration)]
        wait: Duration,
    },
    /// Limit the rate to a peer for a while, in place of the configured rate
    Limit {
        #[command(flatten)]
        spool: SpoolArgs,
        peer: String,
        /// 20/s, 600/min
        rate: String,
        /// `30 min`, `1h`, `2 days`; without it, until `unlimit`
        #[arg(long = "for", value_name = "TIME", value_parser = duration)]
        time: Option<Duration>,
        /// The reason, for other operators
        #[arg(long)]
        reason: String,
    },
    /// Use the configured rate to a peer again
    Unlimit {
        #[command(flatten)]
        spool: SpoolArgs,
        peer: String,
    },
    /// Send to a peer again
    Resume {
        #[command(flatten)]
        spool: SpoolArgs,
        peer: String,
    },
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a whole number and ms, s, min, h or days".to_owned())
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Some(command) => change(command).await,
        None => list(args.list).await,
    }
}

async fn list(list: ListArgs) -> anyhow::Result<()> {
    let asked = Peers {
        peer: list.peer,
        uncounted: false,
    };
    let peers = list.spool.door().await?.ask(asked).await?.peers;
    if peers.is_empty() {
        println!("no peers");
    }
    peers.iter().for_each(print);
    Ok(())
}

async fn change(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Pause {
            spool,
            peer,
            time,
            reason,
        } => {
            let asked = PausePeer {
                peer: peer.clone(),
                seconds: seconds(time),
                reason,
            };
            let after = spool.door().await?.ask(asked).await?.after;
            let until = until(after.and_then(|pause| pause.until), "somebody resumes it");
            println!("{peer} is paused until {until}; transfers under way are completed");
        }
        Command::Drain {
            spool,
            peer,
            time,
            reason,
            wait,
        } => {
            let asked = DrainPeer {
                peer: peer.clone(),
                seconds: seconds(time),
                reason,
            };
            let door = spool.door().await?;
            door.ask(asked).await?;
            drained(&door, &peer, wait).await?;
        }
        Command::Limit {
            spool,
            peer,
            rate,
            time,
            reason,
        } => {
            let asked = LimitPeer {
                peer: peer.clone(),
                rate: rate.clone(),
                seconds: seconds(time),
                reason,
            };
            let after = spool.door().await?.ask(asked).await?.after;
            let until = until(after.and_then(|limit| limit.until), "somebody lifts it");
            println!("{peer} is sent no more than {rate} until {until}");
        }
        Command::Unlimit { spool, peer } => {
            spool.door().await?.ask(UnlimitPeer { peer: peer.clone() }).await?;
            println!("{peer} is sent to as fast as the configuration says");
        }
        Command::Resume { spool, peer } => {
            spool.door().await?.ask(ResumePeer { peer: peer.clone() }).await?;
            println!("{peer} is sent to again");
        }
    }
    Ok(())
}

fn seconds(time: Option<Duration>) -> Option<u64> {
    time.map(|time| time.as_secs().max(1))
}

/// When it ends by itself, or what ends it.
fn until(at: Option<When>, otherwise: &str) -> String {
    at.map_or_else(|| otherwise.to_owned(), |at| at.to_string())
}

/// Waits until nothing is under way to the peer.
async fn drained(door: &Door, peer: &str, wait: Duration) -> anyhow::Result<()> {
    /// Between two questions.
    const LOOK: Duration = Duration::from_millis(100);
    let end = Instant::now() + wait;
    loop {
        let asked = Peers {
            peer: Some(peer.to_owned()),
            uncounted: true,
        };
        let peers = door.ask(asked).await?.peers;
        match peers.iter().map(|peer| peer.under_way).sum::<u64>() {
            0 => {
                println!("{peer} is drained: nothing is under way to it; what is for it waits");
                return Ok(());
            }
            left if Instant::now() >= end => bail!(
                "{peer} is being drained, and {left} still under way after {}: `mm4relay peers --peer {peer}` says what",
                show_duration(wait)
            ),
            _ => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Prints one line, and one for each thing that an operator should know.
pub(super) fn print(peer: &Peer) {
    let state = match (peer.configured, peer.state()) {
        (false, _) => "is not configured: what waits for it stays in the queue",
        (true, state) => state,
    };
    println!(
        "{}  {state}  {} waiting  {} failed  since the start: {} delivered, {}, {} given up",
        peer.name,
        peer.waiting,
        peer.failed,
        peer.delivered,
        counted(peer.deferred, "deferral"),
        peer.given_up,
    );
    for line in standing::lines(peer) {
        println!("    {}", line.replace('\n', "\n    "));
    }
}
