//! `mm4relay plugin try`: one message through the whole chain of a configuration, as in a relay. Nothing is committed,
//! and nothing is sent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail, ensure};
use mm4relay_engine::{BoxFuture, read_file};

use crate::assembly::{Stage, stage};
use crate::cli::door::beside;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::message::{
    Content, Envelope, Field, Incoming, KvWrite, Message, MessageId, MmsAddress, NextHop, Origin, PeerName, Protocol,
    Recipient, RecipientId, Source,
};
use crate::pipeline::{Effects, KvSource, NoValues, Passage};
use crate::protocol::mm4;
use crate::rehearsal::samples::difference;
use crate::routing::Route;
use crate::spool::Hand;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The message. Lines that end in a bare LF, as editors write them, count as ending in CRLF
    file: PathBuf,
    /// The relay's configuration
    #[arg(long, value_name = "FILE", default_value_os_t = crate::cli::usual_config())]
    config: PathBuf,
    /// The peer that the message comes from; default: the one with the domain of the sender
    #[arg(long, value_name = "PEER")]
    from: Option<String>,
    /// The envelope sender; default: the address in Sender, else in From; empty for the null sender
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    sender: Option<String>,
    /// An envelope recipient; default: the addresses in To
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    rcpt: Vec<String>,
    /// Write what would be sent to each peer into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub async fn run(args: &Args) -> anyhow::Result<()> {
    let stage = stage(&args.config, values_of).await?;
    let message = Arc::new(message(args, &stage.config)?);
    let source = message.origin.source.clone();
    say(
        "message",
        format_args!("{} octets, from {source}", message.content.size()),
    );
    for recipient in &message.envelope.recipients {
        say("for", &recipient.address);
    }
    if stage.chain.links.is_empty() {
        say("plug-ins", "none are configured");
    }
    let next_hops = next_hops(&stage, &message).await;
    let mut effects = Effects::default();
    let passage = stage.chain.arrive(Arc::clone(&message), &next_hops, &mut effects).await;
    show_run(&effects);
    let Passage::Go {
        message: arrived,
        routes,
    } = passage
    else {
        return ended(&passage);
    };
    show_changes(&message, &arrived);
    let mut destinations: BTreeMap<PeerName, Vec<Recipient>> = BTreeMap::new();
    for recipient in &arrived.envelope.recipients {
        match where_to(&stage, &source, recipient, &routes).await {
            Ok(peer) => {
                say("route", format_args!("{} goes to {peer}", recipient.address));
                destinations.entry(peer).or_default().push(recipient.clone());
            }
            Err(why) => say("route", format_args!("{} goes nowhere: {why}", recipient.address)),
        }
    }
    for (peer, recipients) in destinations {
        depart(&stage, &arrived, &peer, recipients, args.out.as_deref()).await?;
    }
    Ok(())
}

/// Runs the chain for one next hop, and shows what would be sent.
async fn depart(
    stage: &Stage,
    arrived: &Arc<Message>,
    peer: &PeerName,
    recipients: Vec<Recipient>,
    out: Option<&Path>,
) -> anyhow::Result<()> {
    let mut bound = Message::clone(arrived);
    bound.envelope.recipients = recipients;
    let bound = Arc::new(bound);
    let mut effects = Effects::default();
    let passage = stage
        .chain
        .depart(Arc::clone(&bound), stage.directory.destination(peer), &mut effects)
        .await;
    show_run(&effects);
    let Passage::Go { message: leaving, .. } = passage else {
        return ended(&passage);
    };
    show_changes(&bound, &leaving);
    let trace = Field::build("Received", "by this relay, which only tries");
    let rope = mm4::serialise(&leaving, trace.clone());
    let octets = rope.to_bytes()?.slice(trace.raw().len()..);
    say("send", format_args!("{} octets to {peer}", octets.len()));
    for recipient in &leaving.envelope.recipients {
        say("", format_args!("RCPT TO:<{}>", recipient.address));
    }
    if let Some(folder) = out {
        let path = folder.join(format!("{peer}.eml"));
        std::fs::create_dir_all(folder).with_context(|| format!("folder {} cannot be made", folder.display()))?;
        std::fs::write(&path, &octets).with_context(|| format!("{} cannot be written", path.display()))?;
        say("", format_args!("written to {}", path.display()));
    }
    Ok(())
}

/// Shows that the message does not go on.
fn ended(passage: &Passage) -> anyhow::Result<()> {
    match passage {
        Passage::Go { .. } => {}
        Passage::Hold(holder) => say("held", format_args!("by {}: {}", holder.plugin, holder.reason)),
        Passage::Discard { reason } => say("discarded", reason),
        Passage::Refuse(refusal) => {
            say("refused", crate::intake::reply_to(refusal));
            say("", refusal);
        }
    }
    Ok(())
}

/// Shows what each called plug-in did.
fn show_run(effects: &Effects) {
    for step in &effects.journey {
        let left = step.occasion.split(' ').next().unwrap_or_default();
        say(left, format_args!("{}: {}", step.plugin, step.did.join("; ")));
    }
    for entry in &effects.appends {
        say("record", format_args!("{}: {}", entry.plugin, entry.record));
    }
    for write in &effects.kv {
        match write {
            KvWrite::Set { plugin, key, value } => {
                let value = String::from_utf8_lossy(value);
                say("value", format_args!("{plugin}: set {key} = {}", value.escape_debug()));
            }
            KvWrite::Delete { plugin, key } => say("value", format_args!("{plugin}: delete {key}")),
            KvWrite::Increment { plugin, key, by } => {
                say("value", format_args!("{plugin}: increment {key} by {by}"));
            }
        }
    }
}

/// Shows the changed lines of the header and of the list of parts.
fn show_changes(before: &Message, after: &Message) {
    let lines = difference(&outline(before), &outline(after), false);
    for line in lines.lines() {
        say("", line.trim_start());
    }
}

fn outline(message: &Message) -> String {
    let fields = message
        .header
        .fields
        .iter()
        .map(|field| format!("{}: {}\n", field.name(), field.value()));
    let parts = message.parts.iter().map(|part| {
        let name = part.name.as_deref().unwrap_or("unnamed");
        format!(
            "part {} {}, {name}, {} octets encoded\n",
            part.id,
            part.media_type,
            part.body.size()
        )
    });
    fields.chain(parts).collect()
}

/// The peer that a recipient goes to: by a plug-in, else by routing.
async fn where_to(
    stage: &Stage,
    source: &Source,
    recipient: &Recipient,
    routes: &BTreeMap<RecipientId, PeerName>,
) -> Result<PeerName, String> {
    let configured = |peer: &&PeerName| stage.config.peers.iter().any(|it| it.name == **peer);
    match routes.get(&recipient.id) {
        Some(peer) if configured(&peer) => return Ok(peer.clone()),
        Some(peer) => say(
            "route",
            format_args!(
                "a plug-in sends {} to {peer}, which is no peer: routing decides",
                recipient.address
            ),
        ),
        None => {}
    }
    let explained = stage
        .directory
        .explain(source.peer(), &recipient.address, None, |_, _| {})
        .await;
    match explained {
        Ok(Route::Peer(peer)) => Ok(peer),
        Ok(Route::PlugIns) => Err("it is left to plug-ins, and none gave it an address or a peer".to_owned()),
        Ok(Route::System(_)) => Err("it is the relay itself".to_owned()),
        Ok(Route::Postmaster) => Err("it is the postmaster's".to_owned()),
        Err(refusal) => Err(refusal.to_string()),
    }
}

/// The peers that routing would choose before any plug-in.
async fn next_hops(stage: &Stage, message: &Message) -> Vec<NextHop> {
    let mut hops = Vec::new();
    for recipient in &message.envelope.recipients {
        let explained = stage
            .directory
            .explain(message.origin.source.peer(), &recipient.address, None, |_, _| {})
            .await;
        if let Ok(Route::Peer(peer)) = explained
            && let hop = NextHop::Peer(peer)
            && !hops.contains(&hop)
        {
            hops.push(hop);
        }
    }
    hops
}

/// The message as intake would hand it over.
fn message(args: &Args, config: &Config) -> anyhow::Result<Message> {
    const LARGEST: u64 = 256 << 20;
    let file = &args.file;
    let octets = read_file(file, LARGEST).with_context(|| format!("{} cannot be read", file.display()))?;
    let now = SystemClock.now();
    let nobody = Envelope {
        sender: None,
        recipients: Vec::new(),
    };
    let incoming = |source| Incoming {
        id: MessageId(1),
        origin: Origin {
            source,
            remote: ([127, 0, 0, 1], 0).into(),
            helo: "try.example".into(),
            protocol: Protocol::Esmtp,
            received_at: now,
        },
        envelope: nobody,
        content: Content::from_bytes(with_crlf(&octets)),
    };
    let limits = mm4::Limits {
        unknown_types: mm4::Foreign::Pass,
        notifications: mm4::Foreign::Pass,
        untyped: mm4::Foreign::Pass,
        ..mm4::Limits::default()
    };
    let mut message = mm4::read(incoming(Source::Relay), &limits)
        .with_context(|| format!("the relay would refuse {} before any plug-in", file.display()))?;
    message.envelope = envelope(args, &message)?;
    message.origin.source = source(args, config, &message)?.into();
    Ok(message)
}

fn envelope(args: &Args, message: &Message) -> anyhow::Result<Envelope> {
    let value = |name: &str| message.header.value(name).map(|value| value.into_owned());
    let bare = |text: &str| text.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
    let sender = match &args.sender {
        Some(given) => bare(given),
        None => bare(&value("Sender").or_else(|| value("From")).unwrap_or_default()),
    };
    let listed = value("To").unwrap_or_default();
    let to: Vec<String> = match &args.rcpt[..] {
        [] => listed.split(',').map(bare).filter(|text| !text.is_empty()).collect(),
        given => given.iter().map(|text| bare(text)).collect(),
    };
    ensure!(!to.is_empty(), "the message has no To: say who it is for with --rcpt");
    let recipient = |(text, id): (&String, u32)| {
        let address = MmsAddress::new(text).with_context(|| format!("{text:?} is no recipient: say it with --rcpt"))?;
        let id = RecipientId(id);
        Ok(Recipient { id, address })
    };
    Ok(Envelope {
        sender: match sender.as_str() {
            "" => None,
            text => {
                Some(MmsAddress::new(text).with_context(|| format!("{text:?} is no sender: say it with --sender"))?)
            }
        },
        recipients: to.iter().zip(1..).map(recipient).collect::<anyhow::Result<_>>()?,
    })
}

fn source(args: &Args, config: &Config, message: &Message) -> anyhow::Result<PeerName> {
    let names = || {
        config
            .peers
            .iter()
            .map(|peer| peer.name.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(name) = &args.from {
        let found = config.peers.iter().find(|peer| peer.name.as_str() == name);
        return Ok(found
            .with_context(|| format!("{name} is no peer: there are {}", names()))?
            .name
            .clone());
    }
    let sender = message.envelope.sender.as_ref();
    let found = config
        .peers
        .iter()
        .find(|peer| sender.is_some_and(|sender| peer.has_domain_of(sender)));
    match found {
        Some(peer) => Ok(peer.name.clone()),
        None => bail!(
            "no peer has the domain of the sender: say whose message it is with --from; there are {}",
            names()
        ),
    }
}

fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 32);
    for octet in octets {
        if *octet == b'\n' && out.last() != Some(&b'\r') {
            out.push(b'\r');
        }
        out.push(*octet);
    }
    out
}

/// The values in the relay's spool, if one can be read.
fn values_of(config: &Config) -> Arc<dyn KvSource> {
    match beside(config) {
        Ok(hand) => Arc::new(Kept(Mutex::new(hand))),
        Err(_) => Arc::new(NoValues),
    }
}

struct Kept(Mutex<Arc<dyn Hand>>);

impl KvSource for Kept {
    fn get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        let hand = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = hand.values(Some(plugin), key, 1).map_err(|error| error.to_string());
        let value = found.map(|values| {
            values
                .into_iter()
                .find(|value| value.key == key)
                .map(|value| value.value)
        });
        Box::pin(async { value })
    }
}

fn say(left: &str, right: impl std::fmt::Display) {
    println!("{left:<10} {right}");
}
