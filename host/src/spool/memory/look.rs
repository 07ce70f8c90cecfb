//! Finding work, by looking at everything.

use std::collections::BTreeMap;

use super::super::model::{Message, Row, State};
use super::super::{Mark, QueueState};
use super::Everything;
use crate::message::{MessageId, OutgoingId, PeerName, Piece, StreamName, Timestamp, Transaction, TransactionKey};

impl State {
    /// Waiting messages for a peer that are due, oldest due time first.
    pub(in crate::spool) fn due(&self, peer: &PeerName, now: Timestamp) -> Vec<OutgoingId> {
        let waiting = self.waiting(peer).filter(|(_, row)| row.due <= now);
        let mut found: Vec<_> = waiting.map(|(id, row)| (row.due, *id)).collect();
        found.sort();
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// The first of them whose bytes from plug-ins sum up to 16 MiB, including the one that exceeds it.
    pub(in crate::spool) fn within_bounds(&self, due: Vec<OutgoingId>) -> Vec<OutgoingId> {
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

    pub(in crate::spool) fn overdue(&self, peer: &PeerName, now: Timestamp, aged: Timestamp) -> Vec<OutgoingId> {
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

    pub(in crate::spool) fn next_due(&self) -> Vec<(PeerName, Timestamp)> {
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

    pub(in crate::spool) fn unfinished(&self, now: Timestamp) -> Vec<MessageId> {
        let due = |message: &Message| message.hold.as_ref()?.due.filter(|due| *due <= now);
        let mut found: Vec<_> = self
            .messages
            .iter()
            .filter_map(|(id, message)| Some((due(message)?, *id)))
            .collect();
        found.sort();
        found.into_iter().map(|(_, id)| id).collect()
    }

    pub(in crate::spool) fn events_due(&self, now: Timestamp) -> Vec<u64> {
        let mut found: Vec<_> = self.events.iter().map(|(id, event)| (event.due, *id)).collect();
        found.retain(|(due, _)| *due <= now);
        found.sort();
        found.into_iter().map(|(_, id)| id).collect()
    }

    pub(in crate::spool) fn transactions_due(&self, now: Timestamp) -> Vec<MessageId> {
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
    pub(in crate::spool) fn find(&self, key: &TransactionKey, now: Timestamp) -> Vec<Transaction> {
        let known = self.requests.values().rev().filter(|of| of.forget_at > now);
        known.filter(|of| of.keys().contains(key)).take(100).cloned().collect()
    }
}

impl Everything {
    pub(in crate::spool) fn set_mark(&mut self, stream: &StreamName, reader: &str, mark: Mark) {
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

    pub(in crate::spool) fn purge(&mut self, stream: &StreamName, before: Timestamp) -> usize {
        let marks = self.marks.iter().filter(|((of, _), _)| of == stream);
        let passed = marks.map(|(_, mark)| mark.sequence).min().unwrap_or_default();
        let Some(records) = self.records.get_mut(stream) else {
            return 0;
        };
        let had = records.len();
        records.retain(|record| record.recorded_at >= before || record.sequence > passed);
        had - records.len()
    }
}
