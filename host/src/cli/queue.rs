//! `mm4relay queue`: the operator's hand on the spool, beside a running relay or without one.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::message::{OutgoingId, PeerName, Timestamp, Visible};
use crate::spool::inspect::{Filter, Inspector, QueueEntry, QueueState, Selection};

#[derive(Debug, Subcommand)]
pub enum Args {
    /// What waits, what failed, what is held, whose plug-ins are not done
    List {
        #[command(flatten)]
        spool: SpoolArgs,
        /// Only messages for this peer
        #[arg(long)]
        peer: Option<String>,
        /// Only messages in this state
        #[arg(long, value_parser = ["waiting", "failed", "held", "unfinished", "awaiting"])]
        state: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
    /// Everything that is known about a message
    Show {
        #[command(flatten)]
        spool: SpoolArgs,
        /// As `queue list` prints it
        id: OutgoingId,
    },
    /// Try again now; failed messages wait again
    Retry {
        #[command(flatten)]
        spool: SpoolArgs,
        ids: Vec<OutgoingId>,
        /// Everything that waits for this peer
        #[arg(long, conflicts_with = "ids")]
        peer: Option<String>,
        /// What was given up for the peer instead; its senders were told so, and do not hear of the new attempt
        #[arg(long, requires = "peer")]
        failed: bool,
    },
    /// Carry held messages on: through the plug-ins as they are now, from the beginning, as received
    Release {
        #[command(flatten)]
        spool: SpoolArgs,
        /// As `queue list` prints them; also those that the plug-ins refused after they were accepted
        #[arg(required_unless_present_any = ["all", "peer"])]
        ids: Vec<OutgoingId>,
        /// Every held message; with --past, those that these plug-ins hold
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// As --all, of those that came from this peer or are held on their way to it
        #[arg(long, value_name = "PEER", conflicts_with_all = ["ids", "all"])]
        peer: Option<String>,
        /// Do not call this plug-in for them, on arrival and departure; may be given more than once
        #[arg(long, value_name = "PLUGIN")]
        past: Vec<String>,
    },
    /// Forget messages for good
    Drop {
        #[command(flatten)]
        spool: SpoolArgs,
        #[arg(required = true)]
        ids: Vec<OutgoingId>,
    },
}

/// Where the spool is.
#[derive(Debug, clap::Args)]
pub struct SpoolArgs {
    /// The relay's configuration
    #[arg(long, value_name = "FILE", required_unless_present = "spool")]
    config: Option<PathBuf>,
    /// The spool's folder, instead of a configuration
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    spool: Option<PathBuf>,
}

impl SpoolArgs {
    pub fn open(&self) -> anyhow::Result<Inspector> {
        open(&self.folder()?)
    }

    /// Who is configured, when a configuration was named.
    fn known(&self) -> anyhow::Result<Option<Known>> {
        let config = self.config.as_deref().map(Config::load).transpose()?;
        Ok(config.map(|config| Known {
            peers: config.peers.into_iter().map(|peer| peer.name.to_string()).collect(),
            plugins: config.plugins.into_iter().map(|plugin| plugin.name).collect(),
        }))
    }

    /// The spool's folder.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        match (&self.spool, &self.config) {
            (Some(folder), _) => Ok(folder.clone()),
            (None, Some(config)) => Ok(Config::load(config)?.relay.spool),
            (None, None) => bail!("--config or --spool is needed"),
        }
    }
}

/// The names of a configuration. A slip would select nothing, or let messages wait for a peer that never comes.
struct Known {
    peers: Vec<String>,
    plugins: Vec<String>,
}

impl Known {
    fn refuse_other_peer(&self, name: &str) -> anyhow::Result<()> {
        one_of("peer", name, &self.peers)
    }

    fn refuse_other_plugin(&self, name: &str) -> anyhow::Result<()> {
        one_of("plug-in", name, &self.plugins)
    }
}

fn one_of(what: &str, name: &str, known: &[String]) -> anyhow::Result<()> {
    match known {
        [] => bail!("there is no {what} {name}; none is configured"),
        known if !known.iter().any(|known| known == name) => {
            bail!("there is no {what} {name}; there are: {}", known.join(", "))
        }
        _ => Ok(()),
    }
}

fn open(folder: &Path) -> anyhow::Result<Inspector> {
    Inspector::open(folder).with_context(|| format!("spool {}", folder.display()))
}

pub fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::List {
            spool,
            peer,
            state,
            limit,
        } => list(&spool.open()?, peer.as_deref(), state.as_deref(), limit),
        Args::Show { spool, id } => show(&spool.open()?, id),
        Args::Retry {
            spool,
            ids,
            peer,
            failed,
        } => retry(
            &mut spool.open()?,
            spool.known()?.as_ref(),
            &ids,
            peer.as_deref(),
            failed,
        ),
        Args::Release {
            spool, ids, peer, past, ..
        } => {
            if let Some(known) = spool.known()? {
                peer.iter().try_for_each(|peer| known.refuse_other_peer(peer))?;
                past.iter().try_for_each(|plugin| known.refuse_other_plugin(plugin))?;
            }
            release(&mut spool.open()?, ids, peer.as_deref(), &past)
        }
        Args::Drop { spool, ids } => forget(&mut spool.open()?, &ids),
    }
}

fn list(spool: &Inspector, peer: Option<&str>, state: Option<&str>, limit: usize) -> anyhow::Result<()> {
    let peer = peer.map(PeerName::new).transpose()?;
    let state = state.and_then(QueueState::from_word);
    let entries = spool.list(&Filter {
        peer,
        state,
        limit,
        ..Filter::default()
    })?;
    if entries.is_empty() {
        println!("nothing in the queue");
    }
    for entry in &entries {
        println!("{}", line(entry));
    }
    Ok(())
}

pub fn line(entry: &QueueEntry) -> String {
    let peer = entry.peer.as_ref().map_or("-", |peer| peer.as_str());
    let from = entry.envelope.sender.as_ref().map_or("<>", |sender| sender.as_str());
    let to: Vec<&str> = entry.envelope.recipients.iter().map(|r| r.address.as_str()).collect();
    let state = match (entry.state, entry.due) {
        (QueueState::Waiting, Some(due)) => format!("waiting, due {}", time(due)),
        (QueueState::Waiting, None) => "waiting".into(),
        (QueueState::Failed, _) => "failed".into(),
        (QueueState::Held, _) => "held".into(),
        (QueueState::Awaiting, _) => "awaiting".into(),
        (QueueState::Unfinished, due) => format!("unfinished, due {}", due.map_or_else(String::new, time)),
    };
    let reason = entry
        .reason
        .as_deref()
        .map(|reason| format!("\n    {}", Visible(reason)))
        .unwrap_or_default();
    let holders = entry.holders.iter().map(|holder| format!("\n    held by {holder}"));
    let again = match (entry.state, entry.released) {
        (QueueState::Held, 1) => "\n    held again after its release",
        (QueueState::Held, 2..) => "\n    held again after each of its releases",
        _ => "",
    };
    let holders = match entry.state {
        QueueState::Held => holders.collect::<String>(),
        _ => String::new(),
    };
    format!(
        "{}  {peer}  {state}  {} attempts  {} octets  received {}\n    {from} -> {}{reason}{holders}{again}",
        entry.id,
        entry.attempts,
        entry.size,
        time(entry.received_at),
        to.join(", "),
    )
}

fn show(spool: &Inspector, id: OutgoingId) -> anyhow::Result<()> {
    let details = spool.show(id)?.with_context(|| format!("{id} is not in the queue"))?;
    println!("{}", line(&details.entry));
    println!(
        "source      {} at {} (said {})",
        details.entry.source, details.remote, details.helo
    );
    let from = details.envelope.sender.as_ref().map_or("<>", |sender| sender.as_str());
    println!("received    MAIL FROM:{from}");
    for recipient in &details.envelope.recipients {
        println!("            RCPT TO:{}", recipient.address);
    }
    for step in &details.journey {
        println!(
            "plug-in     {} on {}, {} us, {} octets of bodies read",
            step.plugin, step.occasion, step.micros, step.body_octets_read
        );
        for did in &step.did {
            println!("            {}", Visible(did));
        }
    }
    println!("header");
    for header in String::from_utf8_lossy(&details.header).lines() {
        println!("    {header}");
    }
    Ok(())
}

fn retry(
    spool: &mut Inspector,
    known: Option<&Known>,
    ids: &[OutgoingId],
    peer: Option<&str>,
    failed: bool,
) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let peer = peer.map(PeerName::new).transpose()?;
    let count = match &peer {
        Some(peer) => {
            refuse_nowhere(peer, peer, known)?;
            let selection = match failed {
                true => Selection::FailedAt(peer),
                false => Selection::WaitingFor(peer),
            };
            spool.retry(selection, now)?
        }
        None if ids.is_empty() => bail!("which ones? Name ids, or --peer NAME"),
        None => {
            for id in ids {
                if let Some(peer) = spool.show(*id)?.and_then(|details| details.entry.peer) {
                    refuse_nowhere(id, &peer, known)?;
                }
            }
            spool.retry(Selection::Ids(ids), now)?
        }
    };
    println!("{count} will be tried now");
    missing(count, ids)
}

/// What has no next hop, or one that nobody knows, would wait for ever.
fn refuse_nowhere(what: &dyn std::fmt::Display, peer: &PeerName, known: Option<&Known>) -> anyhow::Result<()> {
    if peer.is_reserved() {
        bail!("{what} has no next hop to try; its sender has to send it again once there is a route, or drop it");
    }
    known.map_or(Ok(()), |known| known.refuse_other_peer(peer.as_str()))
}

/// Without ids, what is held: of this peer when one is named.
fn release(spool: &mut Inspector, mut ids: Vec<OutgoingId>, peer: Option<&str>, past: &[String]) -> anyhow::Result<()> {
    if ids.is_empty() {
        let peer = peer.map(PeerName::new).transpose()?;
        ids = spool.held(peer.as_ref(), past)?;
    }
    let count = spool.release(&ids, past, SystemClock.now())?;
    let past = match past {
        [] => String::new(),
        past => format!(" past {}", past.join(", ")),
    };
    println!("{count} released{past}; a running relay takes them up within a second");
    if count < ids.len() {
        bail!("{} of {} ids are not held", ids.len() - count, ids.len());
    }
    Ok(())
}

fn forget(spool: &mut Inspector, ids: &[OutgoingId]) -> anyhow::Result<()> {
    let count = spool.drop(ids)?;
    println!("{count} dropped");
    missing(count, ids)
}

fn missing(count: usize, ids: &[OutgoingId]) -> anyhow::Result<()> {
    if count < ids.len() {
        bail!("{} of {} ids are not in the queue", ids.len() - count, ids.len());
    }
    Ok(())
}

pub fn time(at: Timestamp) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| "?".into(), |time| format!("{time:.0}"))
}
