//! Pieces of work, what each reaches, and how it is applied.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::history::Event as Happened;
use super::super::{
    Acceptance, By, ChangeMade, Expect, Finish, Outcome, QueueState, Revised, Settlement, SpoolError, Steering,
};
use super::state::State;
use crate::message::{KvWrite, MessageId, PeerName, QueueId, RepeatKey, Timestamp, TransactionChange};

/// One thing to do, all of it or nothing.
pub(in crate::spool) enum Work {
    Accept(Box<Acceptance>),
    Finish(MessageId, Finish),
    Record(Box<Outcome>),
    Change(Vec<TransactionChange>, Vec<Expect>),
    Settle(u64, Settlement),
    Operate(Operate, Vec<QueueId>, By),
    SetValue {
        plugin: String,
        key: String,
        value: Option<Vec<u8>>,
        by: By,
    },
    /// An entry in the audit.
    Note(Timestamp, Value),
    /// Somebody looked at these requests.
    Looked(Vec<MessageId>, By),
    Forget(Vec<MessageId>),
    Steer(Steering),
}

/// What an operator does to entries of the queue.
pub(in crate::spool) enum Operate {
    Retry,
    /// Past these plug-ins.
    Release(Vec<String>),
    Hold(String),
    Reroute(PeerName),
    Remove,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::spool) enum Made {
    Done,
    /// So many entries were changed.
    Found(usize),
    /// The value before.
    Was(Option<Vec<u8>>),
    /// Whether it was still as it had been seen.
    Steered(bool),
}

/// What a store has to load before work is applied: these rows, and what belongs to them. To a message belong its
/// destinations and events and the request that its history is kept with; to a request, its message.
#[derive(Debug, Default)]
pub(in crate::spool) struct Reach {
    pub(in crate::spool) messages: BTreeSet<MessageId>,
    pub(in crate::spool) requests: BTreeSet<MessageId>,
    pub(in crate::spool) events: BTreeSet<u64>,
    /// Every request that is a copy by one of these.
    pub(in crate::spool) copies: Vec<RepeatKey>,
    pub(in crate::spool) values: BTreeSet<(String, String)>,
    /// The plug-ins whose courses these are.
    pub(in crate::spool) courses: BTreeSet<String>,
}

impl Work {
    pub(in crate::spool) fn reach(&self, reach: &mut Reach) {
        match self {
            Self::Accept(acceptance) => reach.accept(acceptance),
            Self::Finish(id, finish) => {
                reach.messages.insert(*id);
                match finish {
                    Finish::Done(acceptance) => reach.accept(acceptance),
                    Finish::Again { .. } => {}
                    Finish::Failed { changes, kv, .. } => {
                        // Its records may wait with the request that the message is.
                        reach.requests.insert(*id);
                        reach.changes(changes);
                        reach.values(kv);
                    }
                }
            }
            Self::Record(outcome) => {
                reach.messages.insert(outcome.id.message);
                reach.changes(&outcome.changes);
                reach.values(&outcome.kv);
            }
            Self::Change(changes, expects) => {
                reach.changes(changes);
                reach.expects(expects);
            }
            Self::Settle(event, settlement) => {
                reach.events.insert(*event);
                if let Settlement::Done { kv, .. } = settlement {
                    reach.values(kv);
                }
            }
            Self::Operate(_, ids, _) => reach.messages.extend(ids.iter().map(|id| id.message())),
            Self::SetValue { plugin, key, .. } => {
                reach.values.insert((plugin.clone(), key.clone()));
            }
            Self::Note(..) => {}
            Self::Steer(steering) => {
                reach.courses.insert(steering.plugin.clone());
            }
            Self::Looked(ids, _) | Self::Forget(ids) => reach.requests.extend(ids),
        }
    }
}

impl Reach {
    fn accept(&mut self, acceptance: &Acceptance) {
        self.messages.insert(acceptance.id);
        if let Some(opens) = &acceptance.opens {
            self.requests.insert(opens.id);
            self.copies.push(opens.repeat);
        }
        self.requests.extend(acceptance.copy_of());
        self.changes(&acceptance.changes);
        self.expects(&acceptance.expects);
        self.values(&acceptance.kv);
    }

    fn changes(&mut self, changes: &[TransactionChange]) {
        self.requests.extend(changes.iter().map(|change| change.id));
    }

    fn expects(&mut self, expects: &[Expect]) {
        self.requests.extend(expects.iter().map(|expect| expect.request));
    }

    fn values(&mut self, writes: &[KvWrite]) {
        let name = |write: &KvWrite| match write {
            KvWrite::Set { plugin, key, .. }
            | KvWrite::Delete { plugin, key }
            | KvWrite::Increment { plugin, key, .. } => (plugin.clone(), key.clone()),
        };
        self.values.extend(writes.iter().map(name));
    }
}

impl State {
    /// All of it, or an error and nothing.
    pub(in crate::spool) fn apply(&mut self, work: &Work, now: Timestamp) -> Result<Made, SpoolError> {
        match work {
            Work::Accept(acceptance) => self.accept(acceptance, now)?,
            Work::Finish(id, finish) => self.finish(*id, finish, now)?,
            Work::Record(outcome) => self.record(outcome, now),
            Work::Change(changes, expects) => {
                self.check(expects)?;
                self.change(changes, now);
            }
            Work::Settle(event, settlement) => self.settle(*event, settlement, now),
            Work::Operate(operate, ids, by) => return Ok(Made::Found(self.operate(operate, ids, by))),
            Work::SetValue { plugin, key, value, by } => {
                return Ok(Made::Was(self.set_value((plugin, key), value.as_deref(), by)));
            }
            Work::Note(at, entry) => self.append_to_audit(*at, entry.clone()),
            Work::Steer(steering) => return Ok(Made::Steered(self.steer(steering))),
            Work::Looked(ids, by) => ids.iter().for_each(|id| self.note_look(*id, by)),
            Work::Forget(ids) => ids.iter().for_each(|id| self.forget(*id, now)),
        }
        Ok(Made::Done)
    }

    fn operate(&mut self, operate: &Operate, ids: &[QueueId], by: &By) -> usize {
        let did = match operate {
            Operate::Retry => "retry".to_owned(),
            Operate::Release(past) if past.is_empty() => "release".to_owned(),
            Operate::Release(past) => format!("release past {}", past.join(", ")),
            Operate::Hold(_) => "hold".to_owned(),
            Operate::Reroute(to) => format!("re-route to {to}"),
            Operate::Remove => "drop".to_owned(),
        };
        let mut found = 0;
        for id in ids {
            let about = self.messages.get(&id.message()).and_then(|message| message.about);
            let before = self.here(*id);
            let changed = match operate {
                Operate::Retry => self.retry(*id, by),
                Operate::Release(past) => self.let_go_on(*id, past, by),
                Operate::Hold(reason) => self.keep_back(*id, reason),
                Operate::Reroute(to) => self.move_to(*id, to, by),
                Operate::Remove => self.drop_entry(*id),
            };
            match operate {
                Operate::Remove => self.book_drop(*id, before, by.at),
                _ => self.book_again(*id, before, by.at),
            }
            if changed {
                let (who, did, id) = (by.who.clone(), did.clone(), Some(*id));
                self.note(about, Happened::Operator { who, did, id }, by.at);
                found += 1;
            }
        }
        self.note_found(by, found);
        found
    }

    /// Whether it was held or refused, or kept back.
    fn let_go_on(&mut self, id: QueueId, past: &[String], by: &By) -> bool {
        if let Some(destination) = id.destination() {
            let row = self.outgoing.get_mut(&destination);
            let Some(row) = row.filter(|row| row.state == QueueState::Held) else {
                return false;
            };
            (row.state, row.due, row.reason) = (QueueState::Waiting, by.at, None);
            return true;
        }
        let Some(message) = self.messages.get_mut(&id.message()) else {
            return false;
        };
        let Some(wait) = &mut message.hold else {
            return false;
        };
        message.released += u32::from(wait.due.is_none());
        (wait.due, wait.failed, wait.attempts) = (Some(by.at), false, 0);
        match past {
            [] => message.past.clear(),
            past => {
                for name in past {
                    if !message.past.contains(name) {
                        message.past.push(name.clone());
                    }
                }
            }
        }
        true
    }

    fn drop_entry(&mut self, id: QueueId) -> bool {
        let had = match id.destination() {
            None => {
                let message = self.messages.get_mut(&id.message());
                message.is_some_and(|message| message.hold.take().is_some())
            }
            Some(id) => self.outgoing.remove(&id).is_some(),
        };
        self.release(id.message());
        had
    }

    fn set_value(&mut self, (plugin, key): (&str, &str), value: Option<&[u8]>, by: &By) -> Option<Vec<u8>> {
        let name = (plugin.to_owned(), key.to_owned());
        let was = match value {
            Some(value) => self.values.insert(name, value.to_vec()),
            None => self.values.remove(&name),
        };
        let before = was.as_deref();
        self.note_change(by, ChangeMade::Value { before, after: value });
        was
    }

    /// Whether it was as it had been seen; else nothing is done.
    fn steer(&mut self, steering: &Steering) -> bool {
        let revision = self.courses.get(&steering.plugin).map_or(0, |course| course.revision);
        if revision != steering.seen {
            return false;
        }
        let course = Revised {
            revision: revision + 1,
            course: steering.course.clone(),
        };
        self.courses.insert(steering.plugin.clone(), course);
        for (at, entry) in &steering.notes {
            self.append_to_audit(*at, entry.clone());
        }
        true
    }

    fn note_look(&mut self, id: MessageId, by: &By) {
        let (who, did) = (by.who.clone(), "trace".to_owned());
        self.note(Some(id), Happened::Operator { who, did, id: None }, by.at);
    }
}
