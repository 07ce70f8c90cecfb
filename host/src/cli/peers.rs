//! `mm4relay peers`: the state of each next hop, pauses and limits.

use std::time::Duration;

use clap::Subcommand;

use crate::config::parse_duration;
use crate::control::limits::{LimitPeer, UnlimitPeer};
use crate::control::peers::{PausePeer, Peer, Peers, ResumePeer};

use super::counted;
use super::door::SpoolArgs;
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
    let list = args.list;
    match args.command {
        Some(Command::Pause {
            spool,
            peer,
            time,
            reason,
        }) => {
            let asked = PausePeer {
                peer: peer.clone(),
                seconds: time.map(|time| time.as_secs().max(1)),
                reason,
            };
            let after = spool.door().await?.ask(asked).await?.after;
            let until = after.and_then(|pause| pause.until);
            let until = until.map_or_else(|| "somebody resumes it".to_owned(), |until| until.to_string());
            println!("{peer} is paused until {until}; transfers under way are completed");
        }
        Some(Command::Limit {
            spool,
            peer,
            rate,
            time,
            reason,
        }) => {
            let asked = LimitPeer {
                peer: peer.clone(),
                rate: rate.clone(),
                seconds: time.map(|time| time.as_secs().max(1)),
                reason,
            };
            let after = spool.door().await?.ask(asked).await?.after;
            let until = after.and_then(|limit| limit.until);
            let until = until.map_or_else(|| "somebody lifts it".to_owned(), |until| until.to_string());
            println!("{peer} is sent no more than {rate} until {until}");
        }
        Some(Command::Unlimit { spool, peer }) => {
            spool.door().await?.ask(UnlimitPeer { peer: peer.clone() }).await?;
            println!("{peer} is sent to as fast as the configuration says");
        }
        Some(Command::Resume { spool, peer }) => {
            spool.door().await?.ask(ResumePeer { peer: peer.clone() }).await?;
            println!("{peer} is sent to again");
        }
        None => {
            let asked = Peers {
                peer: list.peer,
                uncounted: false,
            };
            let peers = list.spool.door().await?.ask(asked).await?.peers;
            if peers.is_empty() {
                println!("no peers");
            }
            peers.iter().for_each(print);
        }
    }
    Ok(())
}

/// Prints one line, and one for each thing that an operator should know.
pub(super) fn print(peer: &Peer) {
    let state = match peer {
        Peer { configured: false, .. } => "is not configured: what waits for it stays in the queue",
        Peer { paused: Some(_), .. } => "paused",
        Peer { down: Some(_), .. } => "down",
        _ => "up",
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
