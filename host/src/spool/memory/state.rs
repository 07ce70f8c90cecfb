//! Everything that the store holds.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::super::{HistoryEntry, Leased, Mark, QueueState, Recorded};
use super::leases::Leases;
use crate::message::{
    Envelope, Holder, MessageId, Ordinal, Origin, Outgoing, OutgoingId, PeerName, Piece, Step, StreamName, Timestamp,
    Transaction, TransactionKey,
};

#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) messages: BTreeMap<MessageId, Message>,
    pub(super) outgoing: BTreeMap<OutgoingId, Row>,
    pub(super) events: BTreeMap<u64, Event>,
    pub(super) last_event: u64,
    pub(super) requests: BTreeMap<MessageId, Transaction>,
    pub(super) history: BTreeMap<MessageId, Vec<HistoryEntry>>,
    pub(super) values: BTreeMap<(String, String), Vec<u8>>,
    pub(super) records: BTreeMap<StreamName, Vec<Recorded>>,
    /// The last number that each stream has given.
    pub(super) numbers: BTreeMap<StreamName, u64>,
    pub(super) marks: BTreeMap<(StreamName, String), Mark>,
    pub(super) retries: BTreeMap<PeerName, u64>,
    pub(super) last_id: u64,
    pub(super) leases: Leases,
    /// It commits whatever it is told, however the request has changed: see [`Memory::liar`](super::Memory::liar).
    pub(super) gullible: bool,
}

/// A received message.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) origin: Origin,
    pub(super) envelope: Envelope,
    pub(super) bytes: Bytes,
    /// What its age counts from.
    pub(super) since: Timestamp,
    pub(super) hold: Option<Wait>,
    pub(super) arrived: bool,
    pub(super) ordinals: Option<Ordinal>,
    pub(super) journey: Vec<Step>,
    /// Whose history it belongs to.
    pub(super) about: Option<MessageId>,
    pub(super) past: Vec<String>,
    pub(super) released: u32,
}

/// Why a message stays as it was received.
#[derive(Clone)]
pub(super) struct Wait {
    pub(super) reason: String,
    pub(super) holders: Vec<Holder>,
    /// When its chain is run; `None`: it is parked, or refused.
    pub(super) due: Option<Timestamp>,
    pub(super) failed: bool,
    pub(super) attempts: u32,
}

/// A destination of it.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) outgoing: Outgoing,
    pub(super) state: QueueState,
    pub(super) due: Timestamp,
    pub(super) reason: Option<String>,
}

/// An outcome that plug-ins must still be told.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) outgoing: Outgoing,
    pub(super) outcome: String,
    pub(super) due: Timestamp,
    pub(super) attempts: u32,
}

impl Wait {
    pub(super) fn state(&self) -> QueueState {
        match (self.due, self.failed) {
            (Some(_), _) => QueueState::Unfinished,
            (None, true) => QueueState::Failed,
            (None, false) => QueueState::Held,
        }
    }
}

impl Row {
    /// One that an operator keeps back stays so, with the operator's reason.
    pub(super) fn defer(&mut self, due: Timestamp, attempts: u32, reason: &str) {
        (self.due, self.outgoing.attempts) = (due, attempts);
        if self.state != QueueState::Held {
            self.reason = Some(reason.to_owned());
        }
    }
}

impl State {
    /// Leases those that nobody holds, and returns them.
    pub(super) fn lease<T: Copy>(
        &mut self,
        owner: u64,
        now: Timestamp,
        due: Vec<T>,
        limit: usize,
        leased: fn(T) -> Leased,
    ) -> Vec<T> {
        let free = due.into_iter().filter(|id| self.leases.is_free(leased(*id), now));
        let taken: Vec<T> = free.take(limit).collect();
        for id in &taken {
            self.leases.take(owner, leased(*id));
        }
        taken
    }

    /// Waiting messages for a peer that are due, oldest due time first.
    pub(super) fn due(&self, peer: &PeerName, now: Timestamp) -> Vec<OutgoingId> {
        let waiting = self.waiting(peer).filter(|(_, row)| row.due <= now);
        let mut found: Vec<_> = waiting.map(|(id, row)| (row.due, *id)).collect();
        found.sort();
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// As many of them as have 16 MiB of bytes that plug-ins made, and the one that goes beyond.
    pub(super) fn within_bounds(&self, due: Vec<OutgoingId>) -> Vec<OutgoingId> {
        const MOST_NEW_OCTETS: u64 = 16 << 20;
        let new = |id: &OutgoingId| -> u64 {
            let pieces = self
                .outgoing
                .get(id)
                .into_iter()
                .flat_map(|row| &row.outgoing.rope.pieces);
            let made = pieces.filter(|piece| matches!(piece, Piece::New(_)));
            made.map(Piece::size).sum()
        };
        let mut octets = 0;
        let fits = |id: &OutgoingId| {
            let before = octets;
            octets += new(id);
            before < MOST_NEW_OCTETS
        };
        due.into_iter().take_while(fits).collect()
    }

    pub(super) fn overdue(&self, peer: &PeerName, now: Timestamp, aged: Timestamp) -> Vec<OutgoingId> {
        let is_aged = |id: &OutgoingId| {
            self.messages
                .get(&id.message)
                .is_some_and(|message| message.since <= aged)
        };
        let over = self
            .waiting(peer)
            .filter(|(id, row)| row.outgoing.has_expired(now) || is_aged(id));
        over.map(|(id, _)| *id).collect()
    }

    fn waiting<'a>(&'a self, peer: &'a PeerName) -> impl Iterator<Item = (&'a OutgoingId, &'a Row)> {
        let waits = |row: &Row| row.state == QueueState::Waiting && row.outgoing.next_hop.peer() == Some(peer);
        self.outgoing.iter().filter(move |(_, row)| waits(row))
    }

    pub(super) fn next_due(&self) -> Vec<(PeerName, Timestamp)> {
        let mut next: BTreeMap<PeerName, Timestamp> = BTreeMap::new();
        for row in self.outgoing.values().filter(|row| row.state == QueueState::Waiting) {
            let Some(peer) = row.outgoing.next_hop.peer() else {
                continue;
            };
            let due = next.entry(peer.clone()).or_insert(row.due);
            *due = row.due.min(*due);
        }
        next.into_iter().collect()
    }

    pub(super) fn unfinished(&self, now: Timestamp) -> Vec<MessageId> {
        let due = |message: &Message| message.hold.as_ref()?.due.filter(|due| *due <= now);
        let mut found: Vec<_> = self
            .messages
            .iter()
            .filter_map(|(id, message)| Some((due(message)?, *id)))
            .collect();
        found.sort();
        found.into_iter().map(|(_, id)| id).collect()
    }

    pub(super) fn events_due(&self, now: Timestamp) -> Vec<u64> {
        let mut found: Vec<_> = self.events.iter().map(|(id, event)| (event.due, *id)).collect();
        found.retain(|(due, _)| *due <= now);
        found.sort();
        found.into_iter().map(|(_, id)| id).collect()
    }

    pub(super) fn transactions_due(&self, now: Timestamp) -> Vec<MessageId> {
        let due = |of: &Transaction| of.next.map(|task| task.due).filter(|due| *due <= now);
        let mut found: Vec<_> = self
            .requests
            .iter()
            .filter(|(_, of)| of.forget_at > now)
            .filter_map(|(id, of)| Some((due(of)?, *id)))
            .collect();
        found.sort();
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// Newest first, at most a hundred.
    pub(super) fn find(&self, key: &TransactionKey, now: Timestamp) -> Vec<Transaction> {
        let known = self.requests.values().rev().filter(|of| of.forget_at > now);
        known.filter(|of| of.keys().contains(key)).take(100).cloned().collect()
    }

    /// Whether something needs the received bytes of a message; else it goes.
    pub(super) fn release(&mut self, id: MessageId) {
        let outgoing = self.outgoing.keys().any(|outgoing| outgoing.message == id);
        let event = self.events.values().any(|event| event.outgoing.id.message == id);
        let held = self.messages.get(&id).is_some_and(|message| message.hold.is_some());
        if !outgoing && !event && !held {
            self.messages.remove(&id);
        }
    }

    pub(super) fn set_mark(&mut self, stream: &StreamName, reader: &str, mark: Mark) {
        let last = self.numbers.get(stream).copied().unwrap_or_default();
        let mark = Mark {
            sequence: mark.sequence.min(last),
            ..mark
        };
        let name = (stream.clone(), reader.to_owned());
        if self
            .marks
            .get(&name)
            .is_none_or(|before| before.sequence <= mark.sequence)
        {
            self.marks.insert(name, mark);
        }
    }

    pub(super) fn purge(&mut self, stream: &StreamName, before: Timestamp) -> usize {
        let marks = self.marks.iter().filter(|((of, _), _)| of == stream);
        let passed = marks.map(|(_, mark)| mark.sequence).min().unwrap_or_default();
        let Some(records) = self.records.get_mut(stream) else {
            return 0;
        };
        let had = records.len();
        records.retain(|record| record.recorded_at >= before || record.sequence > passed);
        had - records.len()
    }

    /// The bytes of an outgoing message as they will be sent.
    pub(super) fn bytes_of(&self, id: MessageId, pieces: &[Piece]) -> Vec<u8> {
        let received = self
            .messages
            .get(&id)
            .map(|message| message.bytes.clone())
            .unwrap_or_default();
        let octets = pieces.iter().map(|piece| match piece {
            Piece::New(new) => new.clone(),
            Piece::Received(range) => received.slice(range.start as usize..range.end as usize),
        });
        octets.flat_map(|octets| octets.to_vec()).collect()
    }
}
