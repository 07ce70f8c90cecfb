//! What people see of the store, and what they do to it: the words, and the facet [`Operator`].

use std::path::Path;

use bytes::Bytes;
use serde_json::Value;

use super::{HistoryEntry, Noting, QueueState, Refused, Soundness, SpoolError};
use crate::message::{
    Envelope, Holder, Leg, LegState, MessageId, NextHop, PeerName, QueueId, Source, Step, Timestamp, Transaction,
};

use super::history::Event;
use super::streams::Recorded;

/// The operator's hand on the store, while the relay runs or while it does not. Every verb blocks. A change is durable
/// when its verb returns, and the relay sees it when it next asks what is due.
pub trait Operator: Send + Sync + 'static {
    /// The entries that `filter` names, in the order of their ids.
    fn list(&self, filter: &Filter) -> Result<Vec<QueueEntry>, SpoolError>;

    /// `None` when nothing of that id is in the queue.
    fn show(&self, id: QueueId) -> Result<Option<Details>, SpoolError>;

    /// Everything of a message that is in the queue, in the order of the ids.
    fn entries_of(&self, message: MessageId) -> Result<Vec<QueueId>, SpoolError>;

    /// The next hops of everything in the queue.
    fn next_hops(&self) -> Result<Vec<NextHop>, SpoolError>;

    /// The messages that are held at the time of the call. With `peer`, those that came from it or are held on their way
    /// to it; with `by`, those that one of these plug-ins holds, and those of which nobody knows who does. What its chain
    /// refused is not among them: that takes its id.
    fn held(&self, peer: Option<&PeerName>, by: &[String]) -> Result<Vec<QueueId>, SpoolError> {
        let held = Filter {
            state: Some(QueueState::Held),
            limit: i64::MAX as usize,
            ..Filter::default()
        };
        let chosen = self
            .list(&held)?
            .into_iter()
            .filter(|entry| entry.is_held_for(peer, by));
        Ok(chosen.map(|entry| entry.id).collect())
    }

    /// Makes what waits due now, its chain or its delivery; lets what has failed wait again, and by its id what awaits a
    /// response, with its attempts and its age counted anew, and asks for its peers to be tried at once. Held messages are
    /// left alone, and so are recipients that have no next hop. Returns how many entries there were.
    fn retry(&self, selection: Selection<'_>, by: &By) -> Result<usize, SpoolError>;

    /// Keeps back what waits for its delivery or its chain, until it is released or dropped: nothing of it is given up
    /// meanwhile, and it does not expire. What the relay is sending at this moment may still arrive. Returns how many
    /// entries there were.
    fn hold(&self, ids: &[QueueId], reason: &str, by: &By) -> Result<usize, SpoolError>;

    /// Sends what waits, has failed or is kept back to another peer, as it is: its departure plug-ins ran for the peer
    /// before, and run no more. Requests among it are answered by the other peer from then on. What the relay is sending at
    /// this moment may still arrive where it was to go. Left alone is what has no next hop or goes there already. Returns
    /// how many entries there were.
    fn reroute(&self, selection: Selection<'_>, to: &PeerName, by: &By) -> Result<usize, SpoolError>;

    /// At most `most` octets of a message behind its first `from`, and how many it has; `None` when it is not there.
    fn content(&self, of: ContentOf, from: u64, most: u64) -> Result<Option<(Bytes, u64)>, SpoolError>;

    /// Requests that are remembered, newest first: at most `limit` that came before this one.
    fn requests(&self, before: Option<MessageId>, limit: usize) -> Result<Vec<Transaction>, SpoolError>;

    /// Lets the relay run the chain of messages that are held, or that their chain refused, from its beginning; those
    /// that wait for that anyhow become due. What an operator kept back behind its chain waits for its delivery again.
    /// Returns how many entries there were.
    ///
    /// The plug-ins in `past` are not called for them on arrival and departure, nor are those of earlier releases past
    /// plug-ins. When `past` is empty, all plug-ins are called, whatever was said before.
    fn release(&self, ids: &[QueueId], past: &[String], by: &By) -> Result<usize, SpoolError>;

    /// Removes entries for good, whatever their state. What the relay is sending at this moment may still arrive.
    /// Returns how many there were.
    fn remove(&self, ids: &[QueueId], by: &By) -> Result<usize, SpoolError>;

    /// What is known under `id`: an `X-Mms-Message-ID` or a transaction ID, with or without quotes, or an id of the relay
    /// with or without a destination. Nothing is known of what has been forgotten. Whoever looks is noted in the history
    /// of what was found.
    fn trace(&self, id: &str, by: &By) -> Result<Traces, SpoolError>;

    /// Plug-ins' values, in the order of plug-in and key: of one plug-in or of all, whose keys begin with `prefix`.
    fn values(&self, plugin: Option<&str>, prefix: &str, limit: u32) -> Result<Vec<StoredValue>, SpoolError>;

    /// Gives a plug-in's key another value, or none. Returns the value before.
    fn set_value(&self, plugin: &str, key: &str, value: Option<&[u8]>, by: &By) -> Result<Option<Vec<u8>>, SpoolError>;

    /// What operators had changed of plug-ins' values before that was part of the audit, oldest first.
    fn value_changes(&self) -> Result<Vec<ValueChange>, SpoolError>;

    /// Looks through everything that is stored, while others read and write it.
    fn check(&self) -> Result<Soundness, SpoolError>;

    /// Copies everything as it is at this moment into a new file, and looks through the copy. Its octets, and what was found.
    fn back_up(&self, to: &Path) -> Result<(u64, Soundness), SpoolError>;

    /// The next hops that something waits for that was received before this one.
    fn waiting_since(&self, before: MessageId) -> Result<Vec<NextHop>, SpoolError>;

    /// Appends an entry to the audit: of what is changed elsewhere than in the store, or was refused.
    fn note(&self, at: Timestamp, entry: Value) -> Result<(), SpoolError>;

    /// At most `limit` entries of the audit behind this number, each with its own; 0 is before the first.
    fn noted(&self, after: u64, limit: usize) -> Result<Vec<(u64, Value)>, SpoolError>;

    /// How much lies in the store. Counts along indexes, not through the messages.
    fn depths(&self) -> Result<Depths, SpoolError>;
}

/// Who does something to the store, or looks at subscribers' numbers, and when. Whoever calls says so: the store asks no
/// clock and no system for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// The name of a person, as it is to stand in histories.
    pub who: String,
    pub at: Timestamp,
    /// What the audit is told, in the commit of what is changed.
    pub noting: Option<Noting>,
}

/// A durable value of a plug-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredValue {
    pub plugin: String,
    pub key: String,
    pub value: Vec<u8>,
}

/// What an operator did to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueChange {
    pub at: Timestamp,
    pub who: String,
    pub plugin: String,
    pub key: String,
    /// `None`: there was none.
    pub was: Option<Vec<u8>>,
    /// `None`: it was removed.
    pub is: Option<Vec<u8>>,
}

/// One line of the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueEntry {
    pub id: QueueId,
    pub state: QueueState,
    /// It is not as it was written, and left alone: nothing of it but its id can be believed.
    pub damaged: bool,
    /// `None` for a message as it was received.
    pub next_hop: Option<NextHop>,
    pub source: Source,
    /// Sender and recipients that are left.
    pub envelope: Envelope,
    /// Of what will be sent, in octets; of what was received for a held message.
    pub size: u64,
    /// Attempts that have failed: deliveries, or runs of the chain.
    pub attempts: u32,
    /// `None` unless it waits, or is unfinished.
    pub due: Option<Timestamp>,
    pub received_at: Timestamp,
    /// Why it failed last, or why it is held or unfinished.
    pub reason: Option<String>,
    /// The plug-ins that hold it, or held it before its release. Empty also where an earlier version did not say.
    pub holders: Vec<Holder>,
    /// How often an operator has released it.
    pub released: u32,
}

impl QueueEntry {
    /// How it stands, in a word: what is damaged neither waits nor is held, whatever stands there.
    pub fn standing(&self) -> &'static str {
        match self.damaged {
            true => "damaged",
            false => self.state.as_str(),
        }
    }

    /// See [`Operator::held`].
    fn is_held_for(&self, peer: Option<&PeerName>, by: &[String]) -> bool {
        let bound = |peer: &PeerName| {
            let next_hop = self.next_hop.as_ref().and_then(NextHop::peer);
            next_hop == Some(peer) || self.holders.iter().any(|holder| holder.to.as_ref() == Some(peer))
        };
        let of_peer = peer.is_none_or(|peer| self.source.peer() == Some(peer) || bound(peer));
        let named = |holder: &Holder| by.contains(&holder.plugin);
        // What an operator kept back on its way out, no plug-in holds.
        let unknown = self.holders.is_empty() && self.next_hop.is_none();
        of_peer && (by.is_empty() || unknown || self.holders.iter().any(named))
    }
}

/// What to list. The default is the first 1,000 entries of everything.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Messages as they were received have none, and are then left out.
    pub next_hop: Option<NextHop>,
    pub state: Option<QueueState>,
    /// Entries behind this one only: the last one of the page before.
    pub after: Option<QueueId>,
    pub limit: usize,
}

/// One entry with what is known about its message.
#[derive(Clone, Debug)]
pub struct Details {
    pub entry: QueueEntry,
    /// Address and port that it came from.
    pub remote: String,
    pub helo: String,
    /// As received, before any plug-in; the entry has what goes to its next hop.
    pub envelope: Envelope,
    pub journey: Vec<Step>,
    /// The header that will be sent, with the empty line behind it; as received for a held message. Cut at 256 KiB.
    pub header: Bytes,
}

/// Which octets of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentOf {
    /// As it will be sent; of a message as received, that.
    Entry(QueueId),
    /// As it was received, while anything of it is in the queue.
    Received(MessageId),
}

/// What to act on.
#[derive(Clone, Copy, Debug)]
pub enum Selection<'a> {
    Ids(&'a [QueueId]),
    /// Everything that waits for this next hop.
    WaitingFor(&'a PeerName),
    /// Everything that has failed there. Who sent it was told so, and does not hear that it is tried again.
    FailedAt(&'a PeerName),
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            next_hop: None,
            state: None,
            after: None,
            limit: 1000,
        }
    }
}

/// What an id leads to.
#[derive(Debug, Default)]
pub struct Traces {
    /// Requests, in the order in which they came: one, and the reports about its message.
    pub requests: Vec<Trace>,
    /// What is in the queue under a relay's id that no request is known of.
    pub queue: Vec<QueueEntry>,
    /// A message that was refused at the end of its data, under the id in its reply.
    pub refused: Option<Refused>,
}

/// One request, and what is known about it.
#[derive(Debug)]
pub struct Trace {
    pub transaction: Transaction,
    /// In the order in which it happened.
    pub history: Vec<HistoryEntry>,
    /// What of it is in the queue still: it, responses to it, messages of the relay about it.
    pub queue: Vec<QueueEntry>,
    /// The charging records that the history names, as far as they have not been purged.
    pub charging: Vec<Recorded>,
}

impl Trace {
    /// What is true of a destination now, in words. The request itself does not know of a drop: nobody is told of it.
    pub fn state_of(&self, leg: &Leg) -> String {
        match leg.state {
            LegState::Waiting if self.is_dropped(leg) => "was dropped from the queue".to_owned(),
            _ => leg.state.to_string(),
        }
    }

    fn is_dropped(&self, leg: &Leg) -> bool {
        let is_its = |id: &QueueId| {
            let its = id.destination().filter(|id| id.message == self.transaction.id);
            its.is_some_and(|id| Some(id.ordinal) == leg.ordinal())
        };
        let dropped = self.history.iter().any(|entry| match &entry.event {
            Event::Operator { did, id: Some(id), .. } => did == "drop" && is_its(id),
            _ => false,
        });
        dropped && !self.queue.iter().any(|entry| is_its(&entry.id))
    }
}

/// Counts at one time. Waiting and failed messages are told by their next hop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    /// Will be sent when they are due.
    pub waiting: Vec<(NextHop, i64)>,
    /// Given up; for an operator to retry or drop.
    pub failed: Vec<(NextHop, i64)>,
    /// Parked as received, for an operator to release or drop.
    pub held: i64,
    /// As received; their chain is to be run.
    pub unfinished: i64,
    /// Outcomes that plug-ins must still be told.
    pub untold: i64,
    /// Requests that are remembered, as they were last counted: there can be tens of millions.
    pub transactions: i64,
}
