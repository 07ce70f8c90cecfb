//! What each verb that writes does. A verb that is declined has changed nothing.

use std::collections::BTreeSet;

use super::super::history::{Arrival, Charged, Event as Happened, together};
use super::super::ledger::{Moved, Movement, Records};
use super::super::{
    Acceptance, DeliveryResult, Expect, Finish, Hold, Outcome, QueueState, Settlement, SpoolError, waiting,
};
use super::ledger;
use super::state::{Event, Message, Row, State, Wait};
use crate::message::{Append, MessageId, Ordinal, Outgoing, Piece, QueueId, Timestamp};

impl State {
    pub(in crate::spool) fn check(&self, expects: &[Expect]) -> Result<(), SpoolError> {
        for expect in expects {
            let now = self.requests.get(&expect.request).map(|of| of.revision);
            if now != Some(expect.revision) && !self.gullible {
                return Err(SpoolError::Moved(expect.request));
            }
        }
        Ok(())
    }

    pub(in crate::spool) fn accept(&mut self, acceptance: &Acceptance, now: Timestamp) -> Result<(), SpoolError> {
        self.check(&acceptance.expects)?;
        self.refuse_copy(acceptance, now)?;
        if self.messages.contains_key(&acceptance.id) {
            return Err(SpoolError::Unfit(format!("message {} is there already", acceptance.id)));
        }
        self.must_fit(acceptance)?;
        let about = about(acceptance);
        if !acceptance.outgoing.is_empty() || !acceptance.failed.is_empty() || acceptance.hold.is_some() {
            let hold = acceptance.hold.as_ref();
            let message = Message {
                origin: acceptance.origin.clone(),
                envelope: acceptance.envelope.clone(),
                size: acceptance.content.size(),
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
        let first = Movement {
            about: Some(ledger::about(acceptance)),
            ..ledger::movement(now, Moved::Opened, 0, Vec::new())
        };
        self.cause(acceptance, (about, first), now, Happened::Accepted);
        Ok(())
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
        (about, first): (Option<MessageId>, Movement),
        now: Timestamp,
        happened: fn(Box<Arrival>) -> Happened,
    ) {
        for outgoing in &acceptance.outgoing {
            self.insert(outgoing, None);
        }
        for (outgoing, reason) in &acceptance.failed {
            self.insert(outgoing, Some(reason));
        }
        let id = QueueId::AsReceived(acceptance.id);
        let at_once = acceptance.appends.iter().filter(|entry| !entry.when_answered);
        let records = self.append(id, at_once, now);
        let charged = records.as_ref().map(Records::range);
        self.book(acceptance, Movement { records, ..first }, now);
        self.keep_values(&acceptance.kv);
        let settled = match &acceptance.opens {
            Some(opens) => self.open(opens, acceptance.waiting(), now),
            None => self.wait_with(acceptance.copy_of(), acceptance.waiting(), now),
        };
        let changed = self.change_all(&acceptance.changes, now);
        self.book_bounces(acceptance, &changed, now);
        let (changes, own) = self.note_others(about, changed, now);
        let charged = together(together(charged, settled), own);
        let arrival = Arrival::of(acceptance, changes, charged);
        self.note(about, happened(Box::new(arrival)), now);
    }

    /// Whether its destinations are its own, and new.
    fn must_fit(&self, of: &Acceptance) -> Result<(), SpoolError> {
        let size = of.content.size();
        let failed = of.failed.iter().map(|(outgoing, _)| outgoing);
        let mut seen = BTreeSet::new();
        for outgoing in of.outgoing.iter().chain(failed) {
            let (id, message) = (outgoing.id, of.id);
            if id.message != message {
                return Err(SpoolError::Unfit(format!(
                    "{id} is no destination of message {message}"
                )));
            }
            let outside = |piece: &Piece| matches!(piece, Piece::Received(r) if r.start > r.end || r.end > size);
            if outgoing.rope.pieces.iter().any(outside) {
                return Err(SpoolError::Unfit(format!(
                    "{id} reaches behind the {size} octets received"
                )));
            }
            if !seen.insert(id) || self.outgoing.contains_key(&id) {
                return Err(SpoolError::Unfit(format!("there is a destination {id} already")));
            }
        }
        Ok(())
    }

    fn insert(&mut self, outgoing: &Outgoing, failed: Option<&String>) {
        let row = Row {
            outgoing: outgoing.clone(),
            state: failed.map_or(QueueState::Waiting, |_| QueueState::Failed),
            due: outgoing.received_at,
            reason: failed.cloned(),
        };
        self.outgoing.insert(outgoing.id, row);
    }

    pub(in crate::spool) fn finish(
        &mut self,
        id: MessageId,
        finish: &Finish,
        now: Timestamp,
    ) -> Result<(), SpoolError> {
        self.may_finish(id, finish, now)?;
        let kept = self.kept(id);
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
                let charged = self.refuse(id, kept, appends, now);
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
                let first = ledger::movement(now, Moved::CarriedOn, 0, kept);
                self.cause(acceptance, (about, first), now, Happened::Finished);
                self.release(id);
            }
        }
        Ok(())
    }

    /// The records of a refusal, and the ends of all that is left of the message.
    fn refuse(&mut self, id: MessageId, kept: Vec<u32>, appends: &[Append], now: Timestamp) -> Charged {
        let at_once = appends.iter().filter(|append| !append.when_answered);
        let records = self.append(QueueId::AsReceived(id), at_once, now);
        let charged = records.as_ref().map(Records::range);
        self.book_refusal(id, kept, records, now);
        charged
    }

    fn may_finish(&self, id: MessageId, finish: &Finish, now: Timestamp) -> Result<(), SpoolError> {
        if let Finish::Done(acceptance) = finish {
            self.check(&acceptance.expects)?;
            self.refuse_copy(acceptance, now)?;
            if acceptance.id != id {
                let text = format!("{} is not what {id} comes to", acceptance.id);
                return Err(SpoolError::Unfit(text));
            }
        }
        let hold = self.messages.get(&id).and_then(|message| message.hold.as_ref());
        if hold.is_none_or(|wait| wait.due.is_none()) {
            return Err(SpoolError::Gone(id));
        }
        match finish {
            Finish::Done(acceptance) => self.must_fit(acceptance),
            Finish::Again { .. } | Finish::Failed { .. } => Ok(()),
        }
    }

    pub(in crate::spool) fn record(&mut self, outcome: &Outcome, now: Timestamp) {
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
        let records = self.append(id.into(), &outcome.appends, now);
        let charged = records.as_ref().map(Records::range);
        self.book_ends(id.into(), &outcome.ended, records, now);
        self.keep_values(&outcome.kv);
        let (changes, settled) = self.note_others(about, changed, now);
        let charged = together(settled, charged);
        self.note(about, Happened::outcome(outcome, changes, charged), now);
    }

    pub(in crate::spool) fn settle(&mut self, id: u64, settlement: &Settlement, now: Timestamp) {
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
                let records = self.append(id.into(), appends, now);
                let charged = records.as_ref().map(Records::range);
                self.book_ends(id.into(), &[], records, now);
                self.keep_values(kv);
                self.note(about, Happened::Settled { id, charged }, now);
            }
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
