//! What operators see of the store and do to it: the types, and the facet [`Operator`].

use std::path::Path;

use bytes::Bytes;
use serde_json::Value;

use super::{HistoryEntry, Noting, QueueState, Refused, Soundness, SpoolError};
use crate::message::{
    Envelope, Holder, Leg, LegState, MessageId, NextHop, PeerName, QueueId, Source, Step, Timestamp, Transaction,
};

use super::history::Event;
use super::streams::Recorded;

/// The verbs of operators, whether the relay runs or not. Every verb blocks. A change is durable when its verb returns,
/// and the relay notices it when it next asks for due work.
pub trait Operator: Send + Sync + 'static {
    /// The entries that `filter` names, in the order of their ids.
    fn list(&self, filter: &Filter) -> Result<Vec<QueueEntry>, SpoolError>;

    /// `None` when nothing of that id is in the queue.
    fn show(&self, id: QueueId) -> Result<Option<Details>, SpoolError>;

    /// Everything of a message that is in the queue, in the order of the ids.
    fn entries_of(&self, message: MessageId) -> Result<Vec<QueueId>, SpoolError>;

    /// The next hops of everything in the queue.
    fn next_hops(&self) -> Result<Vec<NextHop>, SpoolError>;

    /// The messages that are held at the time of the call. With `peer`, those that came from it or are held on their
    /// way to it; with `by`, those that one of these plug-ins holds, or whose holder is unknown. Messages that their
    /// chain refused are not included: name them by id.
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

    /// Makes waiting entries due now, for their chain or their delivery; lets failed entries wait again, and, by id,
    /// entries that await a response, with attempts and age counted anew; and asks for their peers to be tried at once.
    /// Held messages and recipients without a next hop are left alone. Returns the number of entries.
    fn retry(&self, selection: Selection<'_>, by: &By) -> Result<usize, SpoolError>;

    /// Keeps back entries that wait for their delivery or their chain, until they are released or dropped: meanwhile
    /// none is given up, and none expires. A message that is being sent may still arrive. Returns the number of
    /// entries.
    fn hold(&self, ids: &[QueueId], reason: &str, by: &By) -> Result<usize, SpoolError>;

    /// Sends entries that wait, have failed or are kept back to another peer, as they are: their departure plug-ins ran
    /// for the first peer, and do not run again. Requests among them are answered by the other peer from then on. A
    /// message that is being sent may still arrive at the first peer. Entries without a next hop, or for that peer
    /// already, are left alone. Returns the number of entries.
    fn reroute(&self, selection: Selection<'_>, to: &PeerName, by: &By) -> Result<usize, SpoolError>;

    /// At most `most` octets of a message after the first `from`, and its size; `None` when it does not exist.
    fn content(&self, of: ContentOf, from: u64, most: u64) -> Result<Option<(Bytes, u64)>, SpoolError>;

    /// Stored requests, newest first: at most `limit` that came before this one.
    fn requests(&self, before: Option<MessageId>, limit: usize) -> Result<Vec<Transaction>, SpoolError>;

    /// Lets the relay run the chain of messages that are held, or that their chain refused, from the beginning; those
    /// that wait for that anyhow become due. Messages that an operator kept back after their chain wait for their
    /// delivery again. Returns the number of entries.
    ///
    /// The plug-ins in `past` are not called for them on arrival and departure, nor are those of earlier such releases.
    /// When `past` is empty, all plug-ins are called, whatever earlier releases said.
    fn release(&self, ids: &[QueueId], past: &[String], by: &By) -> Result<usize, SpoolError>;

    /// Removes entries for good, whatever their state. A message that is being sent may still arrive. Returns the
    /// number of entries.
    fn remove(&self, ids: &[QueueId], by: &By) -> Result<usize, SpoolError>;

    /// Everything known under `id`: an `X-Mms-Message-ID` or a transaction ID, with or without quotes, or an id of the
    /// relay, with or without a destination. Forgotten messages are unknown. The history of each result records who
    /// looked.
    fn trace(&self, id: &str, by: &By) -> Result<Traces, SpoolError>;

    /// Plug-ins' values, in the order of plug-in and key: of one plug-in or of all, whose keys begin with `prefix`.
    fn values(&self, plugin: Option<&str>, prefix: &str, limit: u32) -> Result<Vec<StoredValue>, SpoolError>;

    /// Gives a plug-in's key another value, or none. Returns the value before.
    fn set_value(&self, plugin: &str, key: &str, value: Option<&[u8]>, by: &By) -> Result<Option<Vec<u8>>, SpoolError>;

    /// The changes of operators to plug-ins' values from before these were part of the audit, oldest first.
    fn value_changes(&self) -> Result<Vec<ValueChange>, SpoolError>;

    /// Checks everything that is stored, while others read and write it.
    fn check(&self) -> Result<Soundness, SpoolError>;

    /// Copies everything, as it is at this moment, into a new file, and checks the copy. Returns its size and the
    /// result.
    fn back_up(&self, to: &Path) -> Result<(u64, Soundness), SpoolError>;

    /// The next hops for which a message waits that was received before this one.
    fn waiting_since(&self, before: MessageId) -> Result<Vec<NextHop>, SpoolError>;

    /// Appends an entry to the audit, for a change outside the store, or one that was refused.
    fn note(&self, at: Timestamp, entry: Value) -> Result<(), SpoolError>;

    /// At most `limit` entries of the audit after this number, each with its own; 0 is before the first.
    fn noted(&self, after: u64, limit: usize) -> Result<Vec<(u64, Value)>, SpoolError>;

    /// Removes entries of the audit that were noted before this time. Returns how many; their numbers are not given again.
    fn forget_noted(&self, before: Timestamp) -> Result<usize, SpoolError>;

    /// The numbers of messages and requests. Counted in indexes, without reading the messages.
    fn depths(&self) -> Result<Depths, SpoolError>;
}

/// Who changes the store, or looks at subscribers' numbers, and when. The caller states it: the store asks neither a
/// clock nor the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// The name of a person, as histories show it.
    pub who: String,
    pub at: Timestamp,
    /// The audit entry to commit with the change.
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
    /// `None`: there was no value.
    pub was: Option<Vec<u8>>,
    /// `None`: the value was removed.
    pub is: Option<Vec<u8>>,
}

/// One line of the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueEntry {
    pub id: QueueId,
    pub state: QueueState,
    /// The entry is damaged and left alone: only its id is reliable.
    pub damaged: bool,
    /// `None` for a message as it was received.
    pub next_hop: Option<NextHop>,
    pub source: Source,
    /// The sender and the remaining recipients.
    pub envelope: Envelope,
    /// The size in octets: of the outgoing message, or of a held message as received.
    pub size: u64,
    /// Failed attempts: deliveries, or runs of the chain.
    pub attempts: u32,
    /// When it is due; `None` unless it waits, or is unfinished.
    pub due: Option<Timestamp>,
    pub received_at: Timestamp,
    /// Why it failed last, or why it is held or unfinished.
    pub reason: Option<String>,
    /// The plug-ins that hold it, or held it before its release. Also empty where an earlier version did not record
    /// them.
    pub holders: Vec<Holder>,
    /// How often an operator has released it.
    pub released: u32,
    /// Of the relays that share a store, the one that accepted it.
    pub accepted_by: Option<String>,
    /// And the one that works on it; `None`: it is free.
    pub held_by: Option<String>,
}

impl QueueEntry {
    /// The state in one word. A damaged entry counts neither as waiting nor as held, whatever its row says.
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
        // No plug-in holds a message that an operator kept back on its way out.
        let unknown = self.holders.is_empty() && self.next_hop.is_none();
        of_peer && (by.is_empty() || unknown || self.holders.iter().any(named))
    }
}

/// Which entries to list. The default is the first 1,000 entries.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Only entries for this next hop. Messages as received have none, and are left out then.
    pub next_hop: Option<NextHop>,
    pub state: Option<QueueState>,
    /// Only entries after this one, which is the last one of the page before.
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
    /// The header of the outgoing message with the empty line behind it; for a held message, as received. Cut at 256
    /// KiB.
    pub header: Bytes,
}

/// The octets of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentOf {
    /// As it will be sent; for a message as received, as it is.
    Entry(QueueId),
    /// As it was received, while anything of it is in the queue.
    Received(MessageId),
}

/// The entries to act on.
#[derive(Clone, Copy, Debug)]
pub enum Selection<'a> {
    Ids(&'a [QueueId]),
    /// Everything that waits for this next hop.
    WaitingFor(&'a PeerName),
    /// Everything that has failed for this next hop. Its senders were told so, and are not told of the new attempt.
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

/// The result of looking up an id.
#[derive(Debug, Default)]
pub struct Traces {
    /// Requests, in the order in which they came: one, and the reports on its message.
    pub requests: Vec<Trace>,
    /// Entries in the queue under an id of the relay, without a known request.
    pub queue: Vec<QueueEntry>,
    /// A message that was refused at the end of its data, under the id in its reply.
    pub refused: Option<Refused>,
}

/// One request, with everything known about it.
#[derive(Debug)]
pub struct Trace {
    pub transaction: Transaction,
    /// In the order of events.
    pub history: Vec<HistoryEntry>,
    /// What is still in the queue: the request, responses to it, messages of the relay about it.
    pub queue: Vec<QueueEntry>,
    /// The charging records that the history names, as far as they have not been purged.
    pub charging: Vec<Recorded>,
}

impl Trace {
    /// The present state of a destination, in words. It includes a drop, of which the request itself does not know
    /// because nobody is told of it.
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

/// Numbers at one time. Waiting and failed messages are counted by next hop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    /// Messages that will be sent when they are due.
    pub waiting: Vec<(NextHop, i64)>,
    /// Messages that were given up, for an operator to retry or drop.
    pub failed: Vec<(NextHop, i64)>,
    /// Messages held as received, for an operator to release or drop.
    pub held: i64,
    /// Messages as received, whose chain must run.
    pub unfinished: i64,
    /// Outcomes of which plug-ins must still be told.
    pub untold: i64,
    /// Stored requests, as last counted: there can be tens of millions.
    pub transactions: i64,
}
