//! Trying again, keeping back what waits, sending it elsewhere, and noting what operators change.

use serde_json::Value;

use super::super::{By, ChangeMade, QueueState, Recorded};
use super::state::State;
use crate::message::{Change, MessageId, PeerName, QueueId, StreamName, Timestamp};

impl State {
    /// Whether there was something to try again.
    pub(in crate::spool) fn retry(&mut self, id: QueueId, by: &By) -> bool {
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

    /// Whether it waited.
    pub(in crate::spool) fn keep_back(&mut self, id: QueueId, reason: &str) -> bool {
        let Some(destination) = id.destination() else {
            let message = self.messages.get_mut(&id.message());
            let wait = message.and_then(|message| message.hold.as_mut());
            let Some(wait) = wait.filter(|wait| wait.due.is_some()) else {
                return false;
            };
            (wait.due, wait.reason) = (None, reason.to_owned());
            wait.holders.clear();
            return true;
        };
        let row = self.outgoing.get_mut(&destination);
        let Some(row) = row.filter(|row| row.state == QueueState::Waiting) else {
            return false;
        };
        (row.state, row.reason) = (QueueState::Held, Some(reason.to_owned()));
        true
    }

    /// Whether it goes there now, and did not before.
    pub(in crate::spool) fn move_to(&mut self, id: QueueId, to: &PeerName, by: &By) -> bool {
        let Some(destination) = id.destination() else {
            return false;
        };
        let Some(row) = self.outgoing.get_mut(&destination) else {
            return false;
        };
        let elsewhere = row.outgoing.next_hop.peer().is_some_and(|peer| peer != to);
        if !elsewhere || row.state == QueueState::Awaiting {
            return false;
        }
        let failed = row.state == QueueState::Failed;
        (row.state, row.due, row.outgoing.attempts) = (QueueState::Waiting, by.at, 0);
        row.outgoing.next_hop = to.clone().into();
        if let Some(message) = self.messages.get_mut(&id.message()).filter(|_| failed) {
            message.since = by.at;
        }
        if let Some(before) = self.requests.get(&id.message()).cloned() {
            let mut after = before.clone();
            let (ordinal, peer) = (destination.ordinal, to.clone());
            after.apply(&Change::Rerouted { ordinal, peer });
            self.rewrite(&before, after);
        }
        true
    }

    pub(in crate::spool) fn note_found(&mut self, by: &By, found: usize) {
        if found > 0 {
            self.note_change(by, ChangeMade::Entries(found));
        }
    }

    pub(in crate::spool) fn note_change(&mut self, by: &By, made: ChangeMade<'_>) {
        if let Some(noting) = &by.noting {
            self.append_to_audit(by.at, noting.entry(made));
            self.noted.push(noting.clone());
        }
    }

    pub(in crate::spool) fn append_to_audit(&mut self, at: Timestamp, entry: Value) {
        let last = self.numbers.entry(StreamName::AUDIT).or_default();
        *last += 1;
        let record = Recorded {
            sequence: *last,
            id: QueueId::AsReceived(MessageId(0)),
            recorded_at: at,
            plugin: String::new(),
            version: String::new(),
            record: entry,
        };
        self.records.entry(StreamName::AUDIT).or_default().push(record);
    }
}
