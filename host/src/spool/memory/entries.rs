//! The entries of the queue.

use super::super::model::{Message, Row, State, Wait};
use super::super::{QueueEntry, QueueState, Selection};
use crate::message::{MessageId, PeerName, QueueId};

impl Wait {
    pub(in crate::spool) fn state(&self) -> QueueState {
        match (self.due, self.failed) {
            (Some(_), _) => QueueState::Unfinished,
            (None, true) => QueueState::Failed,
            (None, false) => QueueState::Held,
        }
    }
}

impl State {
    /// In the order of the ids.
    pub(in crate::spool) fn entries(&self) -> Vec<QueueEntry> {
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

    pub(in crate::spool) fn selected(&self, selection: Selection<'_>) -> Vec<QueueId> {
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
}

/// By what the queue is ordered: a message as received comes before its destinations.
pub(in crate::spool) fn place(id: QueueId) -> (MessageId, u32) {
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
        accepted_by: None,
        held_by: None,
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
        size: message.size,
        attempts: wait.attempts,
        due: wait.due,
        received_at: message.origin.received_at,
        reason: Some(wait.reason.clone()),
        holders: wait.holders.clone(),
        released: message.released,
        accepted_by: None,
        held_by: None,
    })
}
