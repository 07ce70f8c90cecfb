//! The entries of the queue, and what operators do to one of them.

use super::super::history::Event as Happened;
use super::super::{By, QueueEntry, QueueState, Selection};
use super::state::{Message, Row, State};
use crate::message::{MessageId, PeerName, QueueId};

impl State {
    /// In the order of the ids.
    pub(super) fn entries(&self) -> Vec<QueueEntry> {
        let destinations = self.outgoing.iter();
        let mut entries: Vec<_> = destinations
            .filter_map(|(id, row)| Some(destination((*id).into(), row, self.messages.get(&id.message)?)))
            .collect();
        entries.extend(
            self.messages
                .iter()
                .filter_map(|(id, message)| as_received(*id, message)),
        );
        entries.sort_by_key(|entry| place(entry.id));
        entries
    }

    pub(super) fn selected(&self, selection: Selection<'_>) -> Vec<QueueId> {
        let of = |peer: &PeerName, wanted| -> Vec<QueueId> {
            let rows = self.outgoing.iter();
            let those = rows.filter(|(_, row)| row.outgoing.next_hop.peer() == Some(peer) && row.state == wanted);
            those.map(|(id, _)| QueueId::from(*id)).collect()
        };
        match selection {
            Selection::Ids(ids) => ids.to_vec(),
            Selection::WaitingFor(peer) => of(peer, QueueState::Waiting),
            Selection::FailedAt(peer) => of(peer, QueueState::Failed),
        }
    }

    /// Whether there was something to try again.
    pub(super) fn retry(&mut self, id: QueueId, by: &By) -> bool {
        let Some(id) = id.destination() else {
            let message = self.messages.get_mut(&id.message());
            let wait = message.and_then(|message| message.hold.as_mut());
            let Some(wait) = wait.filter(|wait| wait.due.is_some() || wait.failed) else {
                return false;
            };
            if wait.failed {
                wait.attempts = 0;
            }
            (wait.due, wait.failed) = (Some(by.at), false);
            return true;
        };
        let Some(row) = self.outgoing.get_mut(&id) else {
            return false;
        };
        let Some(peer) = row.outgoing.next_hop.peer().filter(|_| row.state != QueueState::Held) else {
            return false;
        };
        *self.retries.entry(peer.clone()).or_default() += 1;
        let waited = row.state == QueueState::Waiting;
        if row.state == QueueState::Failed {
            row.outgoing.attempts = 0;
        }
        (row.state, row.due) = (QueueState::Waiting, by.at);
        if let Some(message) = self.messages.get_mut(&id.message).filter(|_| !waited) {
            message.since = by.at;
        }
        true
    }

    pub(super) fn note_operator(&mut self, id: QueueId, did: &str, by: &By) {
        let about = self.messages.get(&id.message()).and_then(|message| message.about);
        let event = Happened::Operator {
            who: by.who.clone(),
            did: did.into(),
            id: Some(id),
        };
        self.note(about, event, by.at);
    }
}

/// By what the queue is ordered: a message as received comes before its destinations.
pub(super) fn place(id: QueueId) -> (MessageId, u32) {
    (id.message(), id.number())
}

fn destination(id: QueueId, row: &Row, message: &Message) -> QueueEntry {
    QueueEntry {
        id,
        state: row.state,
        damaged: false,
        next_hop: Some(row.outgoing.next_hop.clone()),
        source: message.origin.source.clone(),
        envelope: row.outgoing.envelope.clone(),
        size: row.outgoing.rope.size(),
        attempts: row.outgoing.attempts,
        due: (row.state == QueueState::Waiting).then_some(row.due),
        received_at: message.origin.received_at,
        reason: row.reason.clone(),
        holders: Vec::new(),
        released: 0,
    }
}

fn as_received(id: MessageId, message: &Message) -> Option<QueueEntry> {
    let wait = message.hold.as_ref()?;
    Some(QueueEntry {
        id: QueueId::AsReceived(id),
        state: wait.state(),
        damaged: false,
        next_hop: None,
        source: message.origin.source.clone(),
        envelope: message.envelope.clone(),
        size: message.bytes.len() as u64,
        attempts: wait.attempts,
        due: wait.due,
        received_at: message.origin.received_at,
        reason: Some(wait.reason.clone()),
        holders: wait.holders.clone(),
        released: message.released,
    })
}
