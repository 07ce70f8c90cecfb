//! What becomes of requests.

use super::super::QueueState;
use super::super::history::{Charged, together};
use super::super::ledger::Records;
use super::state::{Row, State};
use crate::message::{
    Change, Leg, MessageId, Ordinal, OutgoingId, QueueId, Timestamp, Transaction, TransactionChange, WaitingRecord,
};

/// A request after changes to it, with those that did something, in words.
pub(super) struct Changed {
    pub(super) transaction: Transaction,
    pub(super) texts: Vec<String>,
    /// The records that had waited for it.
    pub(super) charged: Charged,
}

impl State {
    pub(super) fn open(&mut self, opens: &Transaction, records: Vec<WaitingRecord>, now: Timestamp) -> Charged {
        let before = self.requests.get(&opens.id).cloned();
        let mut after = before.clone().unwrap_or_else(|| opens.clone());
        // Before what makes it wait for responses.
        after.records.extend(records);
        if before.is_some() {
            after.join(opens.clone());
        }
        let settled = after.settled();
        match before {
            Some(before) => self.rewrite(&before, after),
            None => drop(self.requests.insert(opens.id, after)),
        }
        self.charge_settled(&settled, now)
    }

    /// Records of a copy of a request, which wait for the answer to that; those that nothing is known of wait for nothing.
    pub(super) fn wait_with(
        &mut self,
        request: Option<MessageId>,
        records: Vec<WaitingRecord>,
        now: Timestamp,
    ) -> Charged {
        let known = request.and_then(|id| self.requests.get(&id));
        let Some(before) = known.filter(|of| of.forget_at > now).cloned() else {
            return self.charge_settled(&records, now);
        };
        let mut after = before.clone();
        after.records.extend(records);
        let settled = after.settled();
        self.rewrite(&before, after);
        self.charge_settled(&settled, now)
    }

    fn charge_settled(&mut self, records: &[WaitingRecord], now: Timestamp) -> Charged {
        records.iter().fold(None, |charged, WaitingRecord { of, entry }| {
            let id = QueueId::AsReceived(*of);
            let records = self.append(id, [entry], now);
            let own = records.as_ref().map(Records::range);
            self.book_ends(id, &[], records, now);
            together(charged, own)
        })
    }

    pub(in crate::spool) fn change(&mut self, changes: &[TransactionChange], now: Timestamp) {
        let changed = self.change_all(changes, now);
        self.note_others(None, changed, now);
    }

    pub(super) fn change_all(&mut self, changes: &[TransactionChange], now: Timestamp) -> Vec<Changed> {
        let mut changed = Vec::new();
        for group in changes.chunk_by(|one, next| one.id == next.id) {
            // Also one whose time is over: what it waited for may be what changes it.
            let Some(before) = self.requests.get(&group[0].id).cloned() else {
                continue;
            };
            let (mut transaction, mut texts) = (before.clone(), Vec::new());
            for TransactionChange { change, .. } in group {
                let last = transaction.clone();
                transaction.apply(change);
                let tells = match change {
                    Change::CameAgain { .. } => true,
                    Change::Await { .. } | Change::Next { .. } => false,
                    _ => transaction != last,
                };
                if tells {
                    texts.push(change.to_string());
                }
                if let Change::Repeated { ordinal, at } = change {
                    self.send_again(&transaction, *ordinal, *at, now);
                }
            }
            transaction.stay_known_to_be_told(now);
            let settled = transaction.settled();
            self.rewrite(&before, transaction.clone());
            let charged = self.charge_settled(&settled, now);
            changed.push(Changed {
                transaction,
                texts,
                charged,
            });
        }
        changed
    }

    fn send_again(&mut self, of: &Transaction, ordinal: Ordinal, at: Timestamp, now: Timestamp) {
        let id = OutgoingId {
            message: of.id,
            ordinal,
        };
        let row = self
            .outgoing
            .get_mut(&id)
            .filter(|row| row.state == QueueState::Awaiting);
        if let (Some(row), Some(leg)) = (row, of.leg(ordinal)) {
            (row.state, row.due) = (QueueState::Waiting, at);
            row.reason = Some("sent again: no response came".into());
            row.outgoing.attempts = 0;
            row.outgoing.repeats += 1;
            row.outgoing.envelope.recipients.clone_from(&leg.recipients);
            let again = leg.recipients.iter().map(|recipient| recipient.id.0).collect();
            self.reopen(id.into(), again, now);
        }
    }

    pub(in crate::spool) fn rewrite(&mut self, before: &Transaction, mut after: Transaction) {
        if *before == after {
            return;
        }
        after = after.revised(before);
        for ordinal in before.legs.iter().filter_map(Leg::ordinal) {
            let id = OutgoingId {
                message: before.id,
                ordinal,
            };
            let kept = before.keeps(ordinal) && !after.keeps(ordinal);
            let awaits = |row: &Row| row.state == QueueState::Awaiting;
            if kept && self.outgoing.get(&id).is_some_and(awaits) {
                self.outgoing.remove(&id);
                self.release(before.id);
            }
        }
        self.requests.insert(after.id, after);
    }

    /// Forgets a request whose time is over, with everything that is kept for it alone. One of which something is still
    /// open is known for longer: a message of it waits or is held, or whoever asked has not been told. Its end is then
    /// still told and charged, however long a peer was away.
    pub(in crate::spool) fn forget(&mut self, id: MessageId, now: Timestamp) {
        let Some(before) = self.requests.get(&id).filter(|of| of.forget_at <= now).cloned() else {
            return;
        };
        if before.is_telling() || self.is_open(id) {
            let mut after = before.clone();
            after.stay_known(now);
            self.rewrite(&before, after);
            return;
        }
        let settled = before.clone().settled_at_last(now);
        self.charge_settled(&settled, now);
        self.history.remove(&id);
        self.requests.remove(&id);
        let kept = self
            .outgoing
            .iter()
            .filter(|(of, row)| of.message == id && row.state == QueueState::Awaiting);
        let kept: Vec<OutgoingId> = kept.map(|(of, _)| *of).collect();
        for of in &kept {
            self.outgoing.remove(of);
        }
        if !kept.is_empty() {
            self.release(id);
        }
    }

    fn is_open(&self, id: MessageId) -> bool {
        let goes = |row: &Row| matches!(row.state, QueueState::Waiting | QueueState::Held);
        let held = self.messages.get(&id).and_then(|message| message.hold.as_ref());
        self.outgoing.iter().any(|(of, row)| of.message == id && goes(row)) || held.is_some_and(|wait| !wait.failed)
    }
}
