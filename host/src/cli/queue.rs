//! `mm4relay queue`: the operator's hand on the spool, beside a running relay or without one.

mod spool_args;
mod standing;

pub use spool_args::SpoolArgs;
pub use standing::PeersNow;

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::clock::rfc3339_seconds as time;
use crate::message::{MessageId, NextHop, Ordinal, OutgoingId, PeerName, QueueId, Visible};
use crate::spool::{Filter, Operator, QueueEntry, QueueState, Selection};

use super::{counted, who};
use spool_args::Known;

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
        /// At most so many; when there are more, the end says how to see them
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// Only what stands behind this id: the last one of the page before
        #[arg(long, value_name = "ID")]
        after: Option<Named>,
    },
    /// Everything that is known about a message
    Show {
        #[command(flatten)]
        spool: SpoolArgs,
        /// As `queue list` prints it; or a message's, as it stands in the 250: then all of it
        id: Named,
    },
    /// Try again now; failed messages wait again
    Retry {
        #[command(flatten)]
        spool: SpoolArgs,
        /// As `queue list` prints them; or messages', as they stand in the 250: then all of them
        ids: Vec<Named>,
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
        /// As `queue list` prints them, or as they stand in the 250; also those that the plug-ins refused after they were
        /// accepted
        #[arg(required_unless_present_any = ["all", "peer"])]
        ids: Vec<Named>,
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
        /// As `queue list` prints them; or messages', as they stand in the 250: then all of them
        #[arg(required = true)]
        ids: Vec<Named>,
    },
}

pub fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::List {
            spool,
            peer,
            state,
            limit,
            after,
        } => {
            let hand = spool.open()?;
            let filter = Filter {
                next_hop: peer
                    .as_deref()
                    .map(|peer| spool.next_hop_in(&*hand, peer))
                    .transpose()?,
                state: state.as_deref().and_then(QueueState::from_word),
                after: after.map(Named::last),
                limit: limit as usize,
            };
            let standing = PeersNow::read(&spool.folder()?);
            list(&*hand, &filter, &standing)?;
            standing.print(peer.as_deref());
            Ok(())
        }
        Args::Show { spool, id } => show(&*spool.open()?, id, &PeersNow::read(&spool.folder()?)),
        Args::Retry {
            spool,
            ids,
            peer,
            failed,
        } => retry(&*spool.open()?, spool.known()?.as_ref(), &ids, peer.as_deref(), failed),
        Args::Release {
            spool, ids, peer, past, ..
        } => {
            if let Some(known) = spool.known()? {
                peer.iter().try_for_each(|peer| known.refuse_other_peer(peer))?;
                past.iter().try_for_each(|plugin| known.refuse_other_plugin(plugin))?;
            }
            let ids = ids.into_iter().map(Named::as_received).collect();
            release(&*spool.open()?, ids, peer.as_deref(), &past)
        }
        Args::Drop { spool, ids } => forget(&*spool.open()?, &ids),
    }
}

fn list(spool: &dyn Operator, filter: &Filter, standing: &PeersNow) -> anyhow::Result<()> {
    // One more tells whether there is a next page.
    let mut entries = spool.list(&Filter {
        limit: filter.limit + 1,
        ..filter.clone()
    })?;
    let more = entries.len() > filter.limit;
    entries.truncate(filter.limit);
    if entries.is_empty() {
        println!("{}", nothing(filter));
    }
    for entry in &entries {
        println!("{}", line(entry, standing));
    }
    if let (true, Some(last)) = (more, entries.last()) {
        let shown = counted(entries.len() as u64, "entry");
        println!("{shown} shown, there are more: go on with --after {}", last.id);
    }
    Ok(())
}

fn nothing(filter: &Filter) -> &'static str {
    match (
        filter.after.is_some(),
        filter.next_hop.is_some() || filter.state.is_some(),
    ) {
        (true, _) => "nothing behind that",
        (false, true) => "nothing of that in the queue",
        (false, false) => "nothing in the queue",
    }
}

/// An entry, with why it waits as far as a running relay has said so.
pub fn line(entry: &QueueEntry, standing: &PeersNow) -> String {
    let peer = entry.next_hop.as_ref().map_or("-", NextHop::as_str);
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
    let waits = (entry.state == QueueState::Waiting)
        .then(|| standing.why_it_waits(peer))
        .flatten()
        .map(|why| format!("\n    {}", Visible(&why)))
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
        "{}  {peer}  {state}  {}  {}  received {}\n    {from} -> {}{reason}{waits}{holders}{again}",
        entry.id,
        counted(entry.attempts.into(), "attempt"),
        counted(entry.size, "octet"),
        time(entry.received_at),
        to.join(", "),
    )
}

fn show(spool: &dyn Operator, id: Named, standing: &PeersNow) -> anyhow::Result<()> {
    let ids = in_queue(spool, &[id])?;
    for (place, id) in ids.iter().enumerate() {
        if place > 0 {
            println!();
        }
        show_one(spool, *id, standing)?;
    }
    Ok(())
}

fn show_one(spool: &dyn Operator, id: QueueId, standing: &PeersNow) -> anyhow::Result<()> {
    let details = spool.show(id)?.with_context(|| format!("{id} is not in the queue"))?;
    println!("{}", line(&details.entry, standing));
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
            "plug-in     {} on {}, {} us, {} of bodies read",
            step.plugin,
            step.occasion,
            step.micros,
            counted(step.body_octets_read, "octet")
        );
        for did in &step.did {
            println!("            {}", Visible(did));
        }
    }
    println!("header");
    for header in String::from_utf8_lossy(&details.header).lines() {
        match header.strip_prefix('\t') {
            // A folded line, not something hidden.
            Some(folded) => println!("            {folded}"),
            None => println!("    {header}"),
        }
    }
    Ok(())
}

fn retry(
    spool: &dyn Operator,
    known: Option<&Known>,
    ids: &[Named],
    peer: Option<&str>,
    failed: bool,
) -> anyhow::Result<()> {
    let by = who::me();
    let next_hop = peer.map(NextHop::new).transpose()?;
    let count = match &next_hop {
        Some(next_hop) => {
            let peer = reachable(next_hop, next_hop, known)?;
            let selection = match failed {
                true => Selection::FailedAt(peer),
                false => Selection::WaitingFor(peer),
            };
            spool.retry(selection, &by)?
        }
        None if ids.is_empty() => bail!("which ones? Name ids, or --peer NAME"),
        None => {
            let ids = in_queue(spool, ids)?;
            for id in &ids {
                let Some(details) = spool.show(*id)? else { continue };
                if let Some(next_hop) = &details.entry.next_hop {
                    reachable(id, next_hop, known)?;
                }
                if details.entry.state == QueueState::Held {
                    bail!("{id} is held, and has no next hop yet: `mm4relay queue release` carries it on");
                }
            }
            spool.retry(Selection::Ids(&ids), &by)?
        }
    };
    println!("{count} will be tried now");
    Ok(())
}

/// What has no next hop, or one that nobody knows, would wait for ever.
fn reachable<'a>(
    what: &dyn std::fmt::Display,
    next_hop: &'a NextHop,
    known: Option<&Known>,
) -> anyhow::Result<&'a PeerName> {
    let Some(peer) = next_hop.peer() else {
        bail!("{what} has no next hop to try; its sender has to send it again once there is a route, or drop it");
    };
    if let Some(known) = known {
        known.refuse_other_peer(peer.as_str())?;
    }
    Ok(peer)
}

/// Without ids, what is held: of this peer when one is named.
fn release(spool: &dyn Operator, mut ids: Vec<QueueId>, peer: Option<&str>, past: &[String]) -> anyhow::Result<()> {
    if ids.is_empty() {
        let peer = peer.map(PeerName::new).transpose()?;
        ids = spool.held(peer.as_ref(), past)?;
    }
    let count = spool.release(&ids, past, &who::me())?;
    let past = match past {
        [] => String::new(),
        past => format!(" past {}", past.join(", ")),
    };
    println!("{count} released{past}; a running relay takes them up within a second");
    if count < ids.len() {
        bail!("not held: {} of {}", ids.len() - count, counted(ids.len() as u64, "id"));
    }
    Ok(())
}

fn forget(spool: &dyn Operator, ids: &[Named]) -> anyhow::Result<()> {
    let ids = in_queue(spool, ids)?;
    let count = spool.remove(&ids, &who::me())?;
    println!("{count} dropped");
    Ok(())
}

/// What an operator names: an entry of the queue, or a message with everything of it that is there.
#[derive(Clone, Copy, Debug)]
pub enum Named {
    Entry(QueueId),
    Message(MessageId),
}

impl Named {
    /// The entry that can be held.
    fn as_received(self) -> QueueId {
        match self {
            Self::Entry(id) => id,
            Self::Message(message) => QueueId::AsReceived(message),
        }
    }

    /// Where a list goes on that has come to here.
    fn last(self) -> QueueId {
        match self {
            Self::Entry(id) => id,
            Self::Message(message) => QueueId::Destination(OutgoingId {
                message,
                ordinal: Ordinal::LAST,
            }),
        }
    }
}

impl std::str::FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = match text.contains('-') {
            true => text.parse().map(Self::Entry),
            false => text.parse().map(Self::Message),
        };
        read.map_err(|error| error.to_string())
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Entry(id) => id.fmt(f),
            Self::Message(id) => id.fmt(f),
        }
    }
}

/// The entries that are named. Nothing is done to any when one of the names means nothing.
fn in_queue(spool: &dyn Operator, named: &[Named]) -> anyhow::Result<Vec<QueueId>> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for id in named {
        let entries = match id {
            Named::Entry(id) => spool.show(*id)?.map(|_| *id).into_iter().collect(),
            Named::Message(message) => spool.entries_of(*message)?,
        };
        match entries.is_empty() {
            true => missing.push(id.to_string()),
            false => found.extend(entries),
        }
    }
    match missing.as_slice() {
        [] => Ok(found),
        [one] => bail!("{one} is not in the queue"),
        many => bail!("{} are not in the queue", many.join(", ")),
    }
}
