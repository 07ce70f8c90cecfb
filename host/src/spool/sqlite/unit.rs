//! What each request to the writer changes, inside the transaction that it shares with others.

use rusqlite::{Connection, OptionalExtension};

use super::columns::{outgoing_id, sql_time};
use super::history;
use super::known::KnownHashes;
use super::ledger;
use super::rows::ordinals;
use super::schema::{chunk_key, key};
use super::streams::Numbers;
use super::sums::{self, MessageRow};
use super::transactions::Changed;
use super::values::Written;
use super::work::Work;
use crate::message::{
    Append, End, KvWrite, MessageId, OutgoingId, QueueId, RecipientEnd, RecipientId, Step, Timestamp, TransactionChange,
};
use crate::spool::history::{Charged, together};
use crate::spool::ledger::{Moved, Movement, Records};
use crate::spool::states::statement;
use crate::spool::stored;
use crate::spool::{
    Acceptance, Arrival, DeliveryResult, Event, Finish, Hold, Outcome, Settlement, SpoolError, waiting,
};

/// Counters of the one writer, in memory. It works on a copy, and keeps the copy once the transaction is durable, so
/// that no sequence number is ever skipped.
#[derive(Clone, Debug)]
pub(super) struct Counters {
    pub numbers: Numbers,
    /// Every id in the store is below this. It outlives the messages, so that no id is given twice even if the clock
    /// was set back while the relay was down.
    pub id_ceiling: u64,
    /// Hashes up to this one were moved out of `lookup_new` in this round.
    pub moved: i64,
}

/// One transaction.
pub(super) struct Unit<'db> {
    pub db: &'db Connection,
    pub counters: Counters,
    /// Of the hashes in `lookup`.
    pub salt: i64,
    /// What may be in `lookup`; `None` for an operator, who asks the database.
    pub known: Option<&'db KnownHashes>,
    pub now: Timestamp,
    /// Plug-ins' values that were changed.
    pub values: Vec<Written>,
    /// Transactions that this one has forgotten.
    pub forgotten: u64,
    /// Transactions whose time was over while something of them was still open.
    pub put_off: u64,
}

impl Counters {
    pub(super) fn read(db: &Connection) -> Result<Self, SpoolError> {
        let one = |sql: &str| db.query_row(sql, (), |row| row.get::<_, Option<i64>>(0));
        let ceiling = one("SELECT value FROM counter WHERE name = 'id-ceiling'")?;
        Ok(Self {
            numbers: Numbers::new(),
            id_ceiling: ceiling.unwrap_or(0) as u64,
            moved: i64::MIN,
        })
    }
}

impl Unit<'_> {
    /// Writes a page without changing anything.
    fn probe(&self) -> Result<(), SpoolError> {
        let mut write = self
            .db
            .prepare_cached("UPDATE counter SET value = value WHERE name = 'salt'")?;
        write.execute(())?;
        Ok(())
    }

    /// `Repeat`, `Moved` and `Gone` are returned before anything is written; after any other error the transaction must
    /// be rolled back.
    pub(super) fn work(&mut self, work: &Work) -> Result<(), SpoolError> {
        match work {
            Work::Accept(acceptance) => self.accept(acceptance),
            Work::Probe { .. } => self.probe(),
            Work::Record(outcome) => self.record(outcome),
            Work::Settle(event, settlement) => self.settle(*event, settlement),
            Work::Finish(id, finish) => self.finish(*id, finish),
            Work::Change(changes, expects) => {
                self.check(expects)?;
                let changed = self.change(changes)?;
                self.note_others(None, changed).map(|_| ())
            }
            Work::Operate(operation) => (operation.0)(self.db),
            Work::Forget => self.forget_some(),
            Work::ForgetMovements(begins) => self.forget_movements(*begins),
            Work::Close => Ok(()),
        }
    }

    fn accept(&mut self, acceptance: &Acceptance) -> Result<(), SpoolError> {
        self.check(&acceptance.expects)?;
        if let Some(opens) = &acceptance.opens {
            self.refuse_copy(opens)?;
        }
        self.reserve_ids(acceptance)?;
        let needed = !acceptance.outgoing.is_empty() || !acceptance.failed.is_empty() || acceptance.hold.is_some();
        if needed {
            self.insert_message(acceptance)?;
            self.insert_content(acceptance)?;
        }
        let first = Movement {
            about: Some(ledger::about(acceptance)),
            ..self.movement(Moved::Opened, 0, Vec::new())
        };
        self.cause(acceptance, acceptance_about(acceptance)?, first, Event::Accepted)
    }

    /// Writes everything that a message causes besides its own row.
    fn cause(
        &mut self,
        acceptance: &Acceptance,
        about: Option<i64>,
        first: Movement,
        event: fn(Box<Arrival>) -> Event,
    ) -> Result<(), SpoolError> {
        for outgoing in &acceptance.outgoing {
            self.insert_outgoing(acceptance, outgoing, None)?;
        }
        for (outgoing, reason) in &acceptance.failed {
            self.insert_outgoing(acceptance, outgoing, Some(reason))?;
        }
        let records = self.append(
            QueueId::AsReceived(acceptance.id),
            acceptance.appends.iter().filter(|append| !append.when_answered),
        )?;
        let charged = records.as_ref().map(Records::range);
        self.book(acceptance, Movement { records, ..first })?;
        self.keep_values(&acceptance.kv)?;
        let settled = match &acceptance.opens {
            Some(opens) => self.open(opens, acceptance.waiting())?,
            None => self.wait_with(acceptance.copy_of(), acceptance.waiting())?,
        };
        let changed = self.change(&acceptance.changes)?;
        self.book_bounces(acceptance, &told_something(&changed))?;
        let (changes, own) = self.note_others(about, changed)?;
        let charged = together(together(charged, settled), own);
        if about.is_some() {
            self.note(about, &event(Box::new(Arrival::of(acceptance, changes, charged))))?;
        }
        Ok(())
    }

    /// Finishes a message only while it waits for its chain. This condition alone keeps a message from being carried on
    /// twice, or after it was dropped.
    fn finish(&mut self, id: MessageId, finish: &Finish) -> Result<(), SpoolError> {
        const AGAIN: &str = "
            UPDATE message SET hold = ?2, due = ?3, attempts = attempts + 1 WHERE id = ?1 AND due IS NOT NULL";
        const FAILED: &str = "
            UPDATE message SET hold = ?2, due = NULL, failed = 1 WHERE id = ?1 AND due IS NOT NULL";
        let message = key(id)?;
        if let Finish::Done(acceptance) = finish {
            self.check(&acceptance.expects)?;
            if let Some(opens) = &acceptance.opens {
                self.refuse_copy(opens)?;
            }
        }
        let kept = self.kept(message)?;
        let done = match finish {
            Finish::Again { due, reason } => self.run(AGAIN, (message, reason, sql_time(*due)))?,
            Finish::Failed { reason, .. } => self.run(FAILED, (message, reason))?,
            Finish::Done(acceptance) if acceptance.id != id => {
                let text = format!("what {} causes is not what {id} comes to", acceptance.id);
                return Err(SpoolError::Unfit(text));
            }
            Finish::Done(acceptance) => self.come_to(message, acceptance)?,
        };
        if done == 0 {
            return Err(SpoolError::Gone(id));
        }
        let about = history::about(self.db, id)?;
        match finish {
            Finish::Done(acceptance) => {
                let first = self.movement(Moved::CarriedOn, 0, kept);
                self.cause(acceptance, about, first, Event::Finished)?;
                release(self.db, message)
            }
            Finish::Again { due, reason } => {
                let (reason, due) = (reason.clone(), *due);
                self.note(about, &Event::Later { reason, due })
            }
            Finish::Failed {
                reason,
                changes,
                appends,
                kv,
            } => {
                let (changes, charged) = self.refuse(id, about, kept, (changes, appends, kv))?;
                let reason = reason.clone();
                let event = Event::Refused {
                    reason,
                    changes,
                    charged,
                };
                self.note(about, &event)
            }
        }
    }

    /// Writes what the refusal of a waiting message causes besides its own row. Returns the lines for its history, and
    /// the records.
    fn refuse(
        &mut self,
        id: MessageId,
        about: Option<i64>,
        kept: Vec<u32>,
        (changes, appends, kv): (&[TransactionChange], &[Append], &[KvWrite]),
    ) -> Result<(Vec<String>, Charged), SpoolError> {
        let whole = QueueId::AsReceived(id);
        let records = self.append(whole, appends.iter().filter(|append| !append.when_answered))?;
        let refused = |recipient: u32| RecipientEnd {
            recipient: RecipientId(recipient),
            end: End::Refused,
        };
        let ended: Vec<RecipientEnd> = kept.into_iter().map(refused).collect();
        let charged = records.as_ref().map(Records::range);
        self.book_ends(whole, &ended, records)?;
        self.keep_values(kv)?;
        let changed = self.change(changes)?;
        let (changes, settled) = self.note_others(about, changed)?;
        // The refusal is known to the request by now.
        let waiting = self.wait_with(Some(id), waiting(id, appends))?;
        Ok((changes, together(together(charged, waiting), settled)))
    }

    /// Ends the wait of a message in its own row. Returns 0 rows when it did not wait.
    fn come_to(&self, message: i64, acceptance: &Acceptance) -> Result<usize, SpoolError> {
        const DONE: &str = "
            UPDATE message SET hold = ?2, due = ?3, arrived = arrived OR ?4, ordinals = max(ordinals, ?5), since = ?6,
                envelope = ?7, journey = ?8, request = coalesce(request, ?9), holders = ?10, failed = 0, attempts = 0, sum = ?11
            WHERE id = ?1 AND due IS NOT NULL";
        const BEFORE: &str = "
            SELECT journey, source, remote, helo, protocol, received_at, size FROM message WHERE id = ?1";
        let envelope = stored::write_envelope(&acceptance.envelope)?;
        let mut query = self.db.prepare_cached(BEFORE)?;
        let before = query.query_row([message], |row| {
            let fixed = MessageRow {
                id: message,
                source: row.get_ref(1)?.as_str()?,
                remote: row.get_ref(2)?.as_str()?,
                helo: row.get_ref(3)?.as_str()?,
                protocol: row.get(4)?,
                received_at: row.get(5)?,
                size: row.get(6)?,
                envelope: &envelope,
            };
            Ok((row.get::<_, String>(0)?, sums::message(&fixed).value()))
        });
        let (before, sum) = before.optional()?.unzip();
        // Steps are only shown to operators: damaged ones are no reason to lose a message.
        let mut journey: Vec<Step> = before
            .and_then(|text| stored::read_journey(&text).ok())
            .unwrap_or_default();
        journey.extend_from_slice(&acceptance.journey);
        let hold = acceptance.hold.as_ref();
        let row = (
            message,
            hold.map(|hold| &hold.reason),
            hold.and_then(Hold::due).map(sql_time),
            hold.is_some_and(|hold| hold.arrived),
            ordinals(acceptance),
            sql_time(self.now),
            envelope,
            stored::write_journey(&journey)?,
            acceptance_about(acceptance)?,
            stored::write_holders(hold.map_or(&[], Hold::holders))?,
            sum,
        );
        Ok(self.run(DONE, row)?)
    }

    fn record(&mut self, outcome: &Outcome) -> Result<(), SpoolError> {
        // Asked before the message may be removed.
        let about = match history::about(self.db, outcome.id.message)? {
            None => outcome.changes.first().map(|change| key(change.id)).transpose()?,
            about => about,
        };
        let changed = self.change(&outcome.changes)?;
        if let Some(event) = &outcome.event {
            self.insert_event(outcome.id, event)?;
        }
        match &outcome.result {
            DeliveryResult::Delivered if keeps(&changed, outcome.id) => {
                const AWAIT: &str = statement!(
                    "
                    UPDATE outgoing SET state = {awaiting}, reason = NULL WHERE message = ?1 AND ordinal = ?2"
                );
                self.run(AWAIT, (key(outcome.id.message)?, outcome.id.ordinal.get()))?;
            }
            DeliveryResult::Delivered | DeliveryResult::Dropped { .. } => self.remove(outcome.id)?,
            DeliveryResult::Failed { reason } => {
                const FAIL: &str = statement!("
                    UPDATE outgoing SET state = {failed}, reason = ?3, attempts = ?4 WHERE message = ?1 AND ordinal = ?2");
                let id = (key(outcome.id.message)?, outcome.id.ordinal.get());
                self.run(FAIL, (id.0, id.1, reason, outcome.attempts))?;
            }
            DeliveryResult::Deferred { due, attempts, reason } => self.defer(outcome.id, *due, *attempts, reason)?,
            DeliveryResult::Partly {
                remaining,
                due,
                attempts,
                reason,
            } => {
                self.keep_recipients(outcome.id, remaining)?;
                self.defer(outcome.id, *due, *attempts, reason)?;
            }
        }
        let records = self.append(outcome.id.into(), &outcome.appends)?;
        let charged = records.as_ref().map(Records::range);
        self.book_ends(outcome.id.into(), &outcome.ended, records)?;
        self.keep_values(&outcome.kv)?;
        let (changes, settled) = self.note_others(about, changed)?;
        let charged = together(settled, charged);
        if about.is_some() {
            self.note(about, &Event::outcome(outcome, changes, charged))?;
        }
        Ok(())
    }

    fn settle(&mut self, event: u64, settlement: &Settlement) -> Result<(), SpoolError> {
        let event = event as i64;
        match settlement {
            Settlement::Again { due } => {
                const AGAIN: &str = "UPDATE event SET due = ?2, attempts = attempts + 1 WHERE id = ?1";
                self.run(AGAIN, (event, sql_time(*due)))?;
                Ok(())
            }
            Settlement::Done { appends, kv } => {
                let mut gone = self
                    .db
                    .prepare_cached("DELETE FROM event WHERE id = ?1 RETURNING message, ordinal")?;
                let found = gone.query_row([event], |row| outgoing_id(row, 0));
                let Some(id) = found.optional()? else {
                    return Ok(());
                };
                let about = history::about(self.db, id.message)?;
                release(self.db, key(id.message)?)?;
                let records = self.append(id.into(), appends)?;
                let charged = records.as_ref().map(Records::range);
                self.book_ends(id.into(), &[], records)?;
                self.keep_values(kv)?;
                self.note(about, &Event::Settled { id, charged })
            }
        }
    }

    pub(super) fn run(&self, sql: &str, parameters: impl rusqlite::Params) -> rusqlite::Result<usize> {
        self.db.prepare_cached(sql)?.execute(parameters)
    }
}

/// Whose history an acceptance belongs to.
pub(super) fn acceptance_about(acceptance: &Acceptance) -> Result<Option<i64>, SpoolError> {
    let opens = acceptance.opens.as_ref().map(|opens| opens.id);
    let changes = || acceptance.changes.first().map(|change| change.id);
    opens.or_else(changes).map(key).transpose()
}

/// The transactions to which something happened.
fn told_something(changed: &[Changed]) -> Vec<MessageId> {
    let told = changed.iter().filter(|changed| !changed.texts.is_empty());
    told.map(|changed| changed.transaction.id).collect()
}

/// Whether a delivered message must stay, by the new state of its transaction.
fn keeps(changed: &[Changed], id: OutgoingId) -> bool {
    let mut own = changed.iter().map(|changed| &changed.transaction);
    own.any(|transaction| transaction.id == id.message && transaction.keeps(id.ordinal))
}

/// Removes a received message when no destination, hold or pending event needs it any more.
pub(super) fn release(db: &Connection, message: i64) -> Result<(), SpoolError> {
    const NEEDLESS: &str = "
        DELETE FROM message WHERE id = ?1 AND hold IS NULL
            AND NOT EXISTS (SELECT 1 FROM outgoing WHERE message = ?1)
            AND NOT EXISTS (SELECT 1 FROM event WHERE message = ?1)";
    if db.prepare_cached(NEEDLESS)?.execute([message])? > 0 {
        let mut chunks = db.prepare_cached("DELETE FROM content WHERE chunk >= ?1 AND chunk < ?2")?;
        chunks.execute((chunk_key(message, 0), chunk_key(message + 1, 0)))?;
    }
    Ok(())
}
