//! An entry of the queue, as it is told.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::control::peers::Peer;
use crate::control::{When, counted};
use crate::message::{Envelope, Holder, Step, Visible};
use crate::spool::{Details, QueueEntry, QueueState};

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    pub id: String,
    /// `waiting`, `failed`, `held`, `unfinished` or `awaiting`; `damaged` when it is not as it was written, and left alone.
    pub state: String,
    /// The next hop; `None` for a message as it was received.
    pub peer: Option<String>,
    /// The peer that it came from.
    pub source: String,
    /// The envelope: the sender, `None` for none, and the recipients that are left.
    pub from: Option<String>,
    pub to: Vec<String>,
    pub octets: u64,
    /// Deliveries, or runs of the chain, that have failed.
    pub attempts: u32,
    pub due: Option<When>,
    pub received_at: When,
    /// Why it failed last, or why it is held or unfinished.
    pub reason: Option<String>,
    /// Why it waits although its time has come, as far as the running relay knows: its peer is down, or paused.
    pub waits_because: Option<String>,
    pub held_by: Vec<HeldBy>,
    /// How often an operator has released it.
    pub released: u32,
    /// Of the relays that share a store, the one that accepted it.
    #[serde(default)]
    pub accepted_by: Option<String>,
    /// And the one that works on it; `None` when none does.
    #[serde(default)]
    pub worked_on_by: Option<String>,
}

/// A plug-in that holds a message, or held it before its release.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct HeldBy {
    pub plugin: String,
    /// `verdict`, `on-failure` or `hold-after-deferrals`.
    pub rule: String,
    /// The next hop on whose departure it was; `None` on arrival.
    pub to: Option<String>,
    pub reason: String,
    /// All of it in words.
    pub text: String,
}

/// An entry with everything that is known about its message.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Shown {
    pub entry: Entry,
    /// Address and port that it came from.
    pub remote: String,
    pub helo: String,
    /// The envelope as it was received.
    pub received_from: Option<String>,
    pub received_to: Vec<String>,
    pub journey: Vec<Journey>,
    /// The header that will be sent; as received for a held message. Cut at 256 KiB.
    pub header: String,
}

/// What one plug-in did.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Journey {
    pub plugin: String,
    /// `arrival`, or `departure to operator-b`.
    pub occasion: String,
    pub did: Vec<String>,
    pub micros: u64,
    pub body_octets_read: u64,
}

impl Entry {
    /// As it is in the store, with what the running relay knows of its peer.
    pub fn of(entry: &QueueEntry, peers: &[Peer]) -> Self {
        let mut of = Self::from(entry);
        if entry.state == QueueState::Waiting && !entry.damaged {
            let peer = peers.iter().find(|peer| Some(&peer.name) == of.peer.as_ref());
            of.waits_because = peer.and_then(Peer::why_messages_wait);
        }
        of
    }
}

/// The lines of `queue list`.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = self.peer.as_deref().unwrap_or("-");
        write!(f, "{}  {peer}  {}", self.id, self.state)?;
        if let Some(due) = self.due {
            write!(f, ", due {due}")?;
        }
        let (attempts, octets) = (counted(self.attempts.into(), "attempt"), counted(self.octets, "octet"));
        write!(f, "  {attempts}  {octets}  received {}", self.received_at)?;
        write!(
            f,
            "\n    {} -> {}",
            self.from.as_deref().unwrap_or("<>"),
            self.to.join(", ")
        )?;
        if let Some(reason) = &self.reason {
            write!(f, "\n    {}", Visible(reason))?;
        }
        if let Some(why) = &self.waits_because {
            write!(f, "\n    {}", Visible(why))?;
        }
        match (&self.accepted_by, &self.worked_on_by) {
            (None, None) => {}
            (Some(by), None) => write!(f, "\n    accepted by {by}, worked on by none")?,
            (None, Some(by)) => write!(f, "\n    worked on by {by}")?,
            (Some(by), Some(on)) => write!(f, "\n    accepted by {by}, worked on by {on}")?,
        }
        if self.state != "held" {
            return Ok(());
        }
        self.held_by
            .iter()
            .try_for_each(|holder| write!(f, "\n    held by {}", holder.text))?;
        match self.released {
            0 => Ok(()),
            1 => f.write_str("\n    held again after its release"),
            _ => f.write_str("\n    held again after each of its releases"),
        }
    }
}

impl From<&QueueEntry> for Entry {
    fn from(of: &QueueEntry) -> Self {
        let (from, to) = ends(&of.envelope);
        Self {
            id: of.id.to_string(),
            state: of.standing().to_owned(),
            peer: of.next_hop.as_ref().map(ToString::to_string),
            waits_because: None,
            source: of.source.to_string(),
            from,
            to,
            octets: of.size,
            attempts: of.attempts,
            due: of.due.map(When),
            received_at: When(of.received_at),
            reason: of.reason.clone(),
            held_by: of.holders.iter().map(HeldBy::from).collect(),
            released: of.released,
            accepted_by: of.accepted_by.clone(),
            worked_on_by: of.held_by.clone(),
        }
    }
}

impl From<&Holder> for HeldBy {
    fn from(of: &Holder) -> Self {
        Self {
            plugin: of.plugin.clone(),
            rule: of.rule.as_str().to_owned(),
            to: of.to.as_ref().map(ToString::to_string),
            reason: of.reason.clone(),
            text: of.to_string(),
        }
    }
}

impl Shown {
    pub fn of(of: &Details, peers: &[Peer]) -> Self {
        let (received_from, received_to) = ends(&of.envelope);
        Self {
            entry: Entry::of(&of.entry, peers),
            remote: of.remote.clone(),
            helo: of.helo.clone(),
            received_from,
            received_to,
            journey: of.journey.iter().map(Journey::from).collect(),
            header: String::from_utf8_lossy(&of.header).into_owned(),
        }
    }
}

impl From<&Step> for Journey {
    fn from(of: &Step) -> Self {
        Self {
            plugin: of.plugin.clone(),
            occasion: of.occasion.clone(),
            did: of.did.clone(),
            micros: of.micros,
            body_octets_read: of.body_octets_read,
        }
    }
}

fn ends(envelope: &Envelope) -> (Option<String>, Vec<String>) {
    let from = envelope.sender.as_ref().map(|sender| sender.as_str().to_owned());
    let to = envelope.recipients.iter().map(|to| to.address.as_str().to_owned());
    (from, to.collect())
}
