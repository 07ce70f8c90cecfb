//! `mm4relay queue`: an operator's access to messages, with or without a running relay.

mod elsewhere;
pub(super) mod standing;

use std::path::PathBuf;

use anyhow::bail;
use clap::Subcommand;

use crate::control::When;
use crate::control::peers::Peers;
use crate::control::queue::{Drop, KeepBack, List, Named, Release, Reroute, Retry, Show, Shown};
use crate::message::Visible;

use super::counted;
use super::door::{Door, SpoolArgs};

#[derive(Debug, Subcommand)]
pub enum Args {
    /// List messages that wait, have failed or are held, or whose chain has not ended
    List {
        #[command(flatten)]
        spool: SpoolArgs,
        #[command(flatten)]
        which: Which,
        /// At most so many; if there are more, the end says how to see them
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// Only entries after this id, which is the last one of the page before
        #[arg(long, value_name = "ID")]
        after: Option<Named>,
    },
    /// Show everything known about a message
    Show {
        #[command(flatten)]
        spool: SpoolArgs,
        /// An id from `queue list`; or that of a message, as in its 250: then all its entries
        id: Named,
    },
    /// Try again now; failed messages wait again
    Retry {
        #[command(flatten)]
        spool: SpoolArgs,
        /// Ids from `queue list`; or of messages, as in their 250: then all their entries
        ids: Vec<Named>,
        /// Everything that waits for this peer
        #[arg(long, conflicts_with = "ids")]
        peer: Option<String>,
        /// Instead, everything that was given up for the peer; its senders were told so, and are not told of the new
        /// attempt
        #[arg(long, requires = "peer")]
        failed: bool,
    },
    /// Release held messages: through the present plug-ins, from the beginning, as received
    Release {
        #[command(flatten)]
        spool: SpoolArgs,
        /// Ids from `queue list`, or as in the 250; also of messages that plug-ins refused after they were accepted
        #[arg(required_unless_present_any = ["all", "peer", "plugin"])]
        ids: Vec<Named>,
        /// Every held message; with --past, those that these plug-ins hold
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// Like --all, only messages that came from this peer or are held on their way to it
        #[arg(long, value_name = "PEER", conflicts_with_all = ["ids", "all"])]
        peer: Option<String>,
        /// Like --all, only messages that this plug-in holds
        #[arg(long, value_name = "PLUGIN", conflicts_with_all = ["ids", "all", "peer"])]
        plugin: Option<String>,
        /// Do not call this plug-in for them, on arrival and departure; may be given more than once
        #[arg(long, value_name = "PLUGIN")]
        past: Vec<String>,
    },
    /// Keep waiting messages back until they are released or dropped: meanwhile none is given up, and none expires
    Hold {
        #[command(flatten)]
        spool: SpoolArgs,
        /// Ids from `queue list`; or of messages, as in their 250: then all their entries
        #[arg(required = true)]
        ids: Vec<Named>,
        /// The reason, for other operators
        #[arg(long)]
        reason: String,
    },
    /// Send messages to another peer than routing chose, as they are; requests are answered by that peer
    Reroute {
        #[command(flatten)]
        spool: SpoolArgs,
        /// Ids from `queue list`; or of messages, as in their 250: then all their entries
        #[arg(required_unless_present = "peer")]
        ids: Vec<Named>,
        /// Everything that waits for this peer
        #[arg(long, conflicts_with = "ids")]
        peer: Option<String>,
        /// Instead, everything that was given up for the peer; its senders were told so
        #[arg(long, requires = "peer")]
        failed: bool,
        /// The peer to send to
        #[arg(long, value_name = "PEER")]
        to: String,
    },
    /// Print a message, octet for octet, to standard output: as it will be sent, or as it was received
    Message {
        #[command(flatten)]
        spool: SpoolArgs,
        /// An id from `queue list`; or that of a message, as in its 250
        id: Named,
        /// As it was received, before any plug-in
        #[arg(long)]
        received: bool,
        /// Write to this file
        #[arg(long, value_name = "FILE.eml")]
        out: Option<PathBuf>,
    },
    /// Remove messages for good
    Drop {
        #[command(flatten)]
        spool: SpoolArgs,
        /// Ids from `queue list`; or of messages, as in their 250: then all their entries
        #[arg(required = true)]
        ids: Vec<Named>,
    },
}

/// Which entries to list: all given conditions must hold.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// Only messages for this peer
    #[arg(long)]
    peer: Option<String>,
    /// Only messages in this state
    #[arg(long, value_parser = ["waiting", "failed", "held", "unfinished", "awaiting"])]
    state: Option<String>,
    /// Only messages that came from this peer
    #[arg(long, value_name = "PEER")]
    from: Option<String>,
    /// Only messages from or to a number with these digits
    #[arg(long, value_name = "DIGITS", allow_hyphen_values = true)]
    number: Option<String>,
    /// Only messages to a number with these digits
    #[arg(long, value_name = "DIGITS", allow_hyphen_values = true)]
    to: Option<String>,
    /// Only messages that this plug-in holds
    #[arg(long, value_name = "PLUGIN")]
    plugin: Option<String>,
    /// Only messages with these words in their reason
    #[arg(long, value_name = "WORDS")]
    reason: Option<String>,
    /// Only messages received at this time or later: 2026-11-21T23:00:38Z
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only messages received before this time
    #[arg(long, value_name = "TIME")]
    before: Option<When>,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::List {
            spool,
            which,
            limit,
            after,
        } => list_all(&spool, which, (limit as usize, after)).await,
        Args::Show { spool, id } => show(&spool.door().await?, id).await,
        Args::Retry {
            spool,
            ids,
            peer,
            failed,
        } => {
            let retried = spool.door().await?.ask(Retry { ids, peer, failed }).await?.retried;
            println!("{retried} will be tried now");
            Ok(())
        }
        Args::Release {
            spool,
            ids,
            all,
            peer,
            plugin,
            past,
        } => {
            let asked = Release {
                ids,
                all,
                peer,
                plugin,
                past,
            };
            release(&spool.door().await?, asked).await
        }
        Args::Hold { spool, ids, reason } => elsewhere::hold(&spool.door().await?, KeepBack { ids, reason }).await,
        Args::Reroute {
            spool,
            ids,
            peer,
            failed,
            to,
        } => {
            let asked = Reroute { ids, peer, failed, to };
            elsewhere::reroute(&spool.door().await?, asked).await
        }
        Args::Message {
            spool,
            id,
            received,
            out,
        } => elsewhere::message(&spool.door().await?, (id, received), out.as_deref()).await,
        Args::Drop { spool, ids } => {
            let dropped = spool.door().await?.ask(Drop { ids }).await?.dropped;
            println!("{dropped} dropped");
            Ok(())
        }
    }
}

/// Prints the list, followed by what the running relay knows about the peers.
async fn list_all(spool: &SpoolArgs, which: Which, (limit, after): (usize, Option<Named>)) -> anyhow::Result<()> {
    let door = spool.door().await?;
    let peer = which.peer.clone();
    let more = list(&door, which.asked(after), limit).await?;
    if door.is_running() {
        let asked = Peers {
            peer: None,
            uncounted: true,
        };
        standing::print(&door.ask(asked).await?.peers, peer.as_deref());
    }
    if let Some(more) = more {
        println!("{more}");
    }
    Ok(())
}

impl Which {
    fn asked(self, after: Option<Named>) -> List {
        List {
            peer: self.peer,
            state: self.state,
            source: self.from,
            number: self.number,
            to: self.to,
            plugin: self.plugin,
            reason: self.reason,
            alike: None,
            since: self.since,
            before: self.before,
            after,
            limit: None,
        }
    }
}

/// Prints a page. Returns the text for the end when there are more.
async fn list(door: &Door, asked: List, limit: usize) -> anyhow::Result<Option<String>> {
    let (mut asked, mut shown) = (asked, 0);
    let nothing = nothing(&asked);
    let next = loop {
        asked.limit = Some((limit - shown).min(List::MOST));
        let page = door.ask(asked.clone()).await?;
        for entry in &page.entries {
            println!("{entry}");
        }
        shown += page.entries.len();
        match page.next {
            Some(next) if shown < limit => {
                let next = next.parse();
                asked.after = Some(next.map_err(|error: String| anyhow::anyhow!("the next page: {error}"))?);
            }
            next => break next,
        }
    };
    if shown == 0 {
        println!("{nothing}");
    }
    let shown = counted(shown as u64, "entry");
    Ok(next.map(|next| format!("{shown} shown, there are more: go on with --after {next}")))
}

fn nothing(asked: &List) -> &'static str {
    let all = List {
        after: asked.after,
        ..List::default()
    };
    match (asked.after.is_some(), *asked == all) {
        (true, _) => "nothing behind that",
        (false, false) => "no such message in the queue",
        (false, true) => "nothing in the queue",
    }
}

async fn show(door: &Door, id: Named) -> anyhow::Result<()> {
    for (place, shown) in door.ask(Show { id }).await?.entries.iter().enumerate() {
        if place > 0 {
            println!();
        }
        show_one(shown);
    }
    Ok(())
}

fn show_one(shown: &Shown) {
    println!("{}", shown.entry);
    println!(
        "source      {} at {} (said {})",
        shown.entry.source, shown.remote, shown.helo
    );
    println!(
        "received    MAIL FROM:{}",
        shown.received_from.as_deref().unwrap_or("<>")
    );
    for recipient in &shown.received_to {
        println!("            RCPT TO:{recipient}");
    }
    for step in &shown.journey {
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
    for header in shown.header.lines() {
        match header.strip_prefix('\t') {
            // A folded line, and nothing hidden.
            Some(folded) => println!("            {folded}"),
            None => println!("    {header}"),
        }
    }
}

async fn release(door: &Door, asked: Release) -> anyhow::Result<()> {
    let (past, named) = (asked.past.join(", "), asked.ids.len() as u64);
    let done = door.ask(asked).await?;
    let past = if past.is_empty() { past } else { format!(" past {past}") };
    println!(
        "{} released{past}; a running relay takes them up within a second",
        done.released
    );
    if !done.not_held.is_empty() {
        let which: Vec<String> = done.not_held.iter().map(ToString::to_string).collect();
        let (number, which) = (which.len(), which.join(", "));
        bail!("not held: {number} of {}: {which}", counted(named, "id"));
    }
    Ok(())
}
