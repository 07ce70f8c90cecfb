//! Everything that the store holds.

use std::collections::BTreeMap;

use super::super::ledger::Movement;
use super::super::{HistoryEntry, Noting, QueueState, Recorded, Revised};
use super::table::Table;
use crate::message::{
    Envelope, Holder, MessageId, Ordinal, Origin, Outgoing, OutgoingId, PeerName, Step, StreamName, Timestamp,
    Transaction,
};

/// A store that holds everything has it all in here; one that holds its rows elsewhere loads those that a piece of work
/// reaches.
#[derive(Clone, Default)]
pub(in crate::spool) struct State {
    pub(in crate::spool) messages: Table<MessageId, Message>,
    pub(in crate::spool) outgoing: Table<OutgoingId, Row>,
    pub(in crate::spool) events: Table<u64, Event>,
    pub(in crate::spool) last_event: u64,
    pub(in crate::spool) requests: Table<MessageId, Transaction>,
    pub(in crate::spool) history: Table<MessageId, History>,
    pub(in crate::spool) values: Table<(String, String), Vec<u8>>,
    /// What relays tell each other of each plug-in's versions.
    pub(in crate::spool) courses: Table<String, Revised>,
    pub(in crate::spool) records: BTreeMap<StreamName, Vec<Recorded>>,
    /// Lines for the ledger. Of the records that a line names, the numbers are those in `records`, and the checksums are of
    /// records without a number: that may be given later.
    pub(in crate::spool) movements: Vec<(MessageId, Movement)>,
    /// The last number that each stream has given.
    pub(in crate::spool) numbers: BTreeMap<StreamName, u64>,
    /// How often an operator has asked for each peer.
    pub(in crate::spool) retries: BTreeMap<PeerName, u64>,
    /// To be told when everything is durable.
    pub(in crate::spool) noted: Vec<Noting>,
    /// It commits whatever it is told, however the request has changed: for a test of a test.
    pub(in crate::spool) gullible: bool,
}

/// What happened to a request.
#[derive(Clone, Debug, Default)]
pub(in crate::spool) struct History {
    /// How many entries there are that were not loaded, before these.
    pub(in crate::spool) earlier: usize,
    pub(in crate::spool) entries: Vec<HistoryEntry>,
}

/// A received message.
#[derive(Clone)]
pub(in crate::spool) struct Message {
    pub(in crate::spool) origin: Origin,
    pub(in crate::spool) envelope: Envelope,
    /// In octets, as received.
    pub(in crate::spool) size: u64,
    /// What its age counts from.
    pub(in crate::spool) since: Timestamp,
    pub(in crate::spool) hold: Option<Wait>,
    pub(in crate::spool) arrived: bool,
    pub(in crate::spool) ordinals: Option<Ordinal>,
    pub(in crate::spool) journey: Vec<Step>,
    /// Whose history it belongs to.
    pub(in crate::spool) about: Option<MessageId>,
    pub(in crate::spool) past: Vec<String>,
    pub(in crate::spool) released: u32,
}

/// Why a message stays as it was received.
#[derive(Clone)]
pub(in crate::spool) struct Wait {
    pub(in crate::spool) reason: String,
    pub(in crate::spool) holders: Vec<Holder>,
    /// When its chain is run; `None`: it is parked, or refused.
    pub(in crate::spool) due: Option<Timestamp>,
    pub(in crate::spool) failed: bool,
    pub(in crate::spool) attempts: u32,
}

/// A destination of it.
#[derive(Clone)]
pub(in crate::spool) struct Row {
    pub(in crate::spool) outgoing: Outgoing,
    pub(in crate::spool) state: QueueState,
    pub(in crate::spool) due: Timestamp,
    pub(in crate::spool) reason: Option<String>,
}

/// An outcome that plug-ins must still be told.
#[derive(Clone)]
pub(in crate::spool) struct Event {
    pub(in crate::spool) outgoing: Outgoing,
    pub(in crate::spool) outcome: String,
    pub(in crate::spool) due: Timestamp,
    pub(in crate::spool) attempts: u32,
}

impl Row {
    /// One that an operator keeps back stays so, with the operator's reason.
    pub(in crate::spool) fn defer(&mut self, due: Timestamp, attempts: u32, reason: &str) {
        (self.due, self.outgoing.attempts) = (due, attempts);
        if self.state != QueueState::Held {
            self.reason = Some(reason.to_owned());
        }
    }
}

impl State {
    /// What changes from here on counts: a store that holds everything has written what changed.
    #[cfg(test)]
    pub(in crate::spool) fn written(&mut self) {
        self.messages.settle();
        self.outgoing.settle();
        self.events.settle();
        self.requests.settle();
        self.history.settle();
        self.values.settle();
        self.courses.settle();
    }

    /// Whether something needs the received bytes of a message; else it goes.
    pub(in crate::spool) fn release(&mut self, id: MessageId) {
        let outgoing = self.outgoing.keys().any(|outgoing| outgoing.message == id);
        let event = self.events.values().any(|event| event.outgoing.id.message == id);
        let held = self.messages.get(&id).is_some_and(|message| message.hold.is_some());
        if !outgoing && !event && !held {
            self.messages.remove(&id);
        }
    }
}
