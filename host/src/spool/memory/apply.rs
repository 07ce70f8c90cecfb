//! What each verb that writes does.

use bytes::Bytes;

use super::super::history::{Arrival, Charged, Event as Happened, together};
use super::super::{
    Acceptance, DeliveryResult, Expect, Finish, HistoryEntry, Hold, Outcome, QueueState, Recorded, Settlement,
    SpoolError, waiting,
};
use super::state::{Event, Message, Row, State, Wait};
use crate::message::{
    Append, Change, KvWrite, MessageId, Ordinal, Outgoing, OutgoingId, Piece, QueueId, StreamName, Timestamp,
    Transaction, TransactionChange, WaitingRecord,
};

/// A request after changes to it, with those that did something, in words.
struct Changed {
    transaction: Transaction,
    texts: Vec<String>,
    /// The records that had waited for it.
    charged: Charged,
}

/// Events in a history, at the most.
const MOST_EVENTS: usize = 1000;

impl State {
    pub(super) fn check(&self, expects: &[Expect]) -> Result<(), SpoolError> {
        for expect in expects {
            let now = self.requests.get(&expect.request).map(|of| of.revision);
            if now != Some(expect.revision) && !self.gullible {
                return Err(SpoolError::Moved(expect.request));
            }
        }
        Ok(())
    }

    pub(super) fn accept(&mut self, acceptance: &Acceptance, bytes: Bytes, now: Timestamp) -> Result<(), SpoolError> {
        self.check(&acceptance.expects)?;
        self.refuse_copy(acceptance, now)?;
        if self.messages.contains_key(&acceptance.id) {
            return Err(SpoolError::Unfit("it is there already".into()));
        }
        self.last_id = self.last_id.max(acceptance.id.0);
        let about = about(acceptance);
        if !acceptance.outgoing.is_empty() || !acceptance.failed.is_empty() || acceptance.hold.is_some() {
            let hold = acceptance.hold.as_ref();
            let message = Message {
                origin: acceptance.origin.clone(),
                envelope: acceptance.envelope.clone(),
                bytes,
                since: acceptance.origin.received_at,
                hold: hold.map(waits),
                arrived: hold.is_some_and(|hold| hold.arrived),
                ordinals: ordinals(acceptance),
                journey: acceptance.journey.clone(),
                about,
                past: Vec::new(),
                released: 0,
            };
            self.messages.insert(acceptance.id, message);
        }
        self.cause(acceptance, about, now, Happened::Accepted)
    }

    fn refuse_copy(&self, acceptance: &Acceptance, now: Timestamp) -> Result<(), SpoolError> {
        let Some(opens) = &acceptance.opens else {
            return Ok(());
        };
        let mut others = self
            .requests
            .values()
            .filter(|of| of.forget_at > now && of.id != opens.id);
        let other = others.find(|other| other.is_copy_of(opens) && !other.came_to_nothing());
        other.map_or(Ok(()), |other| Err(SpoolError::Repeat(other.id)))
    }

    fn cause(
        &mut self,
        acceptance: &Acceptance,
        about: Option<MessageId>,
        now: Timestamp,
        happened: fn(Box<Arrival>) -> Happened,
    ) -> Result<(), SpoolError> {
        for outgoing in &acceptance.outgoing {
            self.insert(acceptance, outgoing, None)?;
        }
        for (outgoing, reason) in &acceptance.failed {
            self.insert(acceptance, outgoing, Some(reason))?;
        }
        let id = QueueId::AsReceived(acceptance.id);
        let at_once = acceptance.appends.iter().filter(|entry| !entry.when_answered);
        let charged = self.append(id, at_once, now);
        self.keep_values(&acceptance.kv);
        let settled = match &acceptance.opens {
            Some(opens) => self.open(opens, acceptance.waiting(), now),
            None => self.wait_with(acceptance.copy_of(), acceptance.waiting(), now),
        };
        let changed = self.change_all(&acceptance.changes, now);
        let (changes, own) = self.note_others(about, changed, now);
        let charged = together(together(charged, settled), own);
        let arrival = Arrival::of(acceptance, changes, charged);
        self.note(about, happened(Box::new(arrival)), now);
        Ok(())
    }

    fn insert(&mut self, of: &Acceptance, outgoing: &Outgoing, failed: Option<&String>) -> Result<(), SpoolError> {
        let size = of.content.size();
        let outside = |piece: &Piece| matches!(piece, Piece::Received(r) if r.start > r.end || r.end > size);
        let foreign = outgoing.id.message != of.id;
        if foreign || outgoing.rope.pieces.iter().any(outside) || self.outgoing.contains_key(&outgoing.id) {
            return Err(SpoolError::Unfit(format!(
                "{} is no destination of {}",
                outgoing.id, of.id
            )));
        }
        let row = Row {
            outgoing: outgoing.clone(),
            state: failed.map_or(QueueState::Waiting, |_| QueueState::Failed),
            due: outgoing.received_at,
            reason: failed.cloned(),
        };
        self.outgoing.insert(outgoing.id, row);
        Ok(())
    }

    pub(super) fn finish(&mut self, id: MessageId, finish: &Finish, now: Timestamp) -> Result<(), SpoolError> {
        if let Finish::Done(acceptance) = finish {
            self.check(&acceptance.expects)?;
            self.refuse_copy(acceptance, now)?;
            if acceptance.id != id {
                return Err(SpoolError::Unfit(format!(
                    "{} is not what {id} comes to",
                    acceptance.id
                )));
            }
        }
        let message = self.messages.get_mut(&id).ok_or(SpoolError::Gone(id))?;
        let wait = message.hold.as_mut().filter(|wait| wait.due.is_some());
        let wait = wait.ok_or(SpoolError::Gone(id))?;
        let about = message.about;
        match finish {
            Finish::Again { due, reason } => {
                (wait.due, wait.reason, wait.attempts) = (Some(*due), reason.clone(), wait.attempts + 1);
                let (reason, due) = (reason.clone(), *due);
                self.note(about, Happened::Later { reason, due }, now);
            }
            Finish::Failed {
                reason,
                changes,
                appends,
                kv,
                ..
            } => {
                (wait.due, wait.reason, wait.failed) = (None, reason.clone(), true);
                let whole = QueueId::AsReceived(id);
                let at_once = appends.iter().filter(|append| !append.when_answered);
                let charged = self.append(whole, at_once, now);
                self.keep_values(kv);
                let changed = self.change_all(changes, now);
                let (changes, settled) = self.note_others(about, changed, now);
                let charged = together(charged, self.wait_with(Some(id), waiting(id, appends), now));
                self.note(
                    about,
                    Happened::Refused {
                        reason: reason.clone(),
                        changes,
                        charged: together(charged, settled),
                    },
                    now,
                );
            }
            Finish::Done(acceptance) => {
                let hold = acceptance.hold.as_ref();
                message.hold = hold.map(waits);
                message.arrived |= hold.is_some_and(|hold| hold.arrived);
                message.ordinals = message.ordinals.max(ordinals(acceptance));
                message.since = now;
                message.envelope = acceptance.envelope.clone();
                message.journey.extend_from_slice(&acceptance.journey);
                message.about = message.about.or(self::about(acceptance));
                let about = message.about;
                self.cause(acceptance, about, now, Happened::Finished)?;
                self.release(id);
            }
        }
        Ok(())
    }

    pub(super) fn record(&mut self, outcome: &Outcome, now: Timestamp) -> Result<(), SpoolError> {
        let id = outcome.id;
        let known = self.messages.get(&id.message).and_then(|message| message.about);
        let about = known.or_else(|| outcome.changes.first().map(|change| change.id));
        let changed = self.change_all(&outcome.changes, now);
        if let (Some(new), Some(row)) = (&outcome.event, self.outgoing.get(&id)) {
            self.last_event += 1;
            let event = Event {
                outgoing: row.outgoing.clone(),
                outcome: new.outcome.clone(),
                due: new.due,
                attempts: 0,
            };
            self.events.insert(self.last_event, event);
        }
        let kept = changed.iter().map(|changed| &changed.transaction);
        let mut kept = kept.filter(|of| of.id == id.message && of.keeps(id.ordinal));
        let keeps = kept.next().is_some();
        if let Some(row) = self.outgoing.get_mut(&id) {
            match &outcome.result {
                DeliveryResult::Delivered if keeps => (row.state, row.reason) = (QueueState::Awaiting, None),
                DeliveryResult::Delivered | DeliveryResult::Dropped { .. } => {
                    self.outgoing.remove(&id);
                    self.release(id.message);
                }
                DeliveryResult::Failed { reason } => {
                    (row.state, row.reason) = (QueueState::Failed, Some(reason.clone()));
                    row.outgoing.attempts = outcome.attempts;
                }
                DeliveryResult::Deferred { due, attempts, reason } => {
                    row.defer(*due, *attempts, reason);
                }
                DeliveryResult::Partly {
                    remaining,
                    due,
                    attempts,
                    reason,
                } => {
                    let recipients = &mut row.outgoing.envelope.recipients;
                    recipients.retain(|recipient| remaining.contains(&recipient.id));
                    row.defer(*due, *attempts, reason);
                }
            }
        }
        let charged = self.append(id.into(), &outcome.appends, now);
        self.keep_values(&outcome.kv);
        let (changes, settled) = self.note_others(about, changed, now);
        let charged = together(settled, charged);
        self.note(about, Happened::outcome(outcome, changes, charged), now);
        Ok(())
    }

    pub(super) fn settle(&mut self, id: u64, settlement: &Settlement, now: Timestamp) {
        match settlement {
            Settlement::Again { due } => {
                if let Some(event) = self.events.get_mut(&id) {
                    (event.due, event.attempts) = (*due, event.attempts + 1);
                }
            }
            Settlement::Done { appends, kv } => {
                let Some(event) = self.events.remove(&id) else {
                    return;
                };
                let id = event.outgoing.id;
                let about = self.messages.get(&id.message).and_then(|message| message.about);
                self.release(id.message);
                let charged = self.append(id.into(), appends, now);
                self.keep_values(kv);
                self.note(about, Happened::Settled { id, charged }, now);
            }
        }
    }

    fn open(&mut self, opens: &Transaction, records: Vec<WaitingRecord>, now: Timestamp) -> Charged {
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
    fn wait_with(&mut self, request: Option<MessageId>, records: Vec<WaitingRecord>, now: Timestamp) -> Charged {
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
            together(charged, self.append(QueueId::AsReceived(*of), [entry], now))
        })
    }

    pub(super) fn change(&mut self, changes: &[TransactionChange], now: Timestamp) {
        let changed = self.change_all(changes, now);
        self.note_others(None, changed, now);
    }

    fn change_all(&mut self, changes: &[TransactionChange], now: Timestamp) -> Vec<Changed> {
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
                    self.send_again(&transaction, *ordinal, *at);
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

    fn send_again(&mut self, of: &Transaction, ordinal: Ordinal, at: Timestamp) {
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
        }
    }

    pub(super) fn rewrite(&mut self, before: &Transaction, mut after: Transaction) {
        if *before == after {
            return;
        }
        after = after.revised(before);
        for ordinal in before.legs.iter().filter_map(crate::message::Leg::ordinal) {
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

    /// The first and the last number that the stream of charging records gave.
    fn append<'a>(&mut self, id: QueueId, appends: impl IntoIterator<Item = &'a Append>, now: Timestamp) -> Charged {
        let mut charged = None;
        for append in appends {
            let last = self.numbers.entry(append.stream.clone()).or_default();
            *last += 1;
            let sequence = *last;
            let record = Recorded {
                sequence,
                id,
                recorded_at: now,
                plugin: append.plugin.clone(),
                version: append.version.clone(),
                record: append.record.clone(),
            };
            self.records.entry(append.stream.clone()).or_default().push(record);
            if append.stream == StreamName::CHARGING {
                let (first, _) = charged.unwrap_or((sequence, sequence));
                charged = Some((first, sequence));
            }
        }
        charged
    }

    fn keep_values(&mut self, writes: &[KvWrite]) {
        for write in writes {
            let name = |plugin: &String, key: &String| (plugin.clone(), key.clone());
            match write {
                KvWrite::Set { plugin, key, value } => {
                    self.values.insert(name(plugin, key), value.clone());
                }
                KvWrite::Delete { plugin, key } => {
                    self.values.remove(&name(plugin, key));
                }
                KvWrite::Increment { plugin, key, by } => {
                    let old = self.values.get(&name(plugin, key));
                    let number = old.map_or(Some(0), |old| std::str::from_utf8(old).ok()?.parse::<i64>().ok());
                    if let Some(number) = number {
                        let sum = number.saturating_add(*by).to_string();
                        self.values.insert(name(plugin, key), sum.into_bytes());
                    }
                }
            }
        }
    }

    /// Notes changes to other requests in their histories; returns those to `about`, and the records that had waited for it.
    fn note_others(
        &mut self,
        about: Option<MessageId>,
        changed: Vec<Changed>,
        now: Timestamp,
    ) -> (Vec<String>, Charged) {
        let (mut own, mut own_charged) = (Vec::new(), None);
        for Changed {
            transaction,
            texts: changes,
            charged,
        } in changed
        {
            if about == Some(transaction.id) {
                own.extend(changes);
                own_charged = together(own_charged, charged);
            } else if !changes.is_empty() || charged.is_some() {
                self.note(Some(transaction.id), Happened::Changed { changes, charged }, now);
            }
        }
        (own, own_charged)
    }

    pub(super) fn note(&mut self, about: Option<MessageId>, event: Happened, at: Timestamp) {
        let Some(about) = about.filter(|about| self.requests.contains_key(about)) else {
            return;
        };
        let history = self.history.entry(about).or_default();
        if history.len() < MOST_EVENTS {
            history.push(HistoryEntry { at, event });
        }
    }
}

fn waits(hold: &Hold) -> Wait {
    Wait {
        reason: hold.reason.clone(),
        holders: hold.holders().to_vec(),
        due: hold.due(),
        failed: false,
        attempts: 0,
    }
}

/// Whose history an acceptance belongs to.
fn about(acceptance: &Acceptance) -> Option<MessageId> {
    let opens = acceptance.opens.as_ref().map(|opens| opens.id);
    opens.or_else(|| acceptance.changes.first().map(|change| change.id))
}

fn ordinals(acceptance: &Acceptance) -> Option<Ordinal> {
    let failed = acceptance.failed.iter().map(|(outgoing, _)| outgoing);
    let all = acceptance.outgoing.iter().chain(failed);
    all.map(|outgoing| outgoing.id.ordinal).max()
}
