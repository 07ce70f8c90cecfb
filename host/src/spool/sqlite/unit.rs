//! What each request writes, inside the transaction that it shares with others.

use rusqlite::{Connection, OptionalExtension};

use super::readers::sql_time;
use super::schema::{CHUNK, chunk_key, key, max_content};
use super::transactions::Changed;
use super::writer::Work;
use super::{history, pieces};
use crate::message::{ChargingEntry, Envelope, KvWrite, MessageId, Outgoing, OutgoingId, Piece, Step, Timestamp};
use crate::spool::{Acceptance, Arrival, DeliveryResult, Event, Finish, NewEvent, Outcome, Settlement, SpoolError};

/// How far ahead ids are reserved, in microseconds: one row is rewritten a minute, and not with every message.
const ID_RESERVE: u64 = 60_000_000;

/// Counters that the one writer carries in memory. It works on a copy, and keeps the copy when the transaction is
/// durable: that is why no sequence number is ever skipped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counters {
    pub next_sequence: i64,
    /// Every id in the store is below. It outlives the messages, so that ids are not given twice although the clock
    /// was set back while the relay was down.
    pub id_ceiling: u64,
}

/// One transaction.
pub(super) struct Unit<'db> {
    pub db: &'db Connection,
    pub counters: Counters,
    /// Of the hashes in `lookup`.
    pub salt: i64,
    pub now: Timestamp,
    /// Transactions that this one has forgotten.
    pub forgotten: u64,
}

impl Counters {
    pub(super) fn read(db: &Connection) -> Result<Self, SpoolError> {
        let one = |sql: &str| db.query_row(sql, (), |row| row.get::<_, Option<i64>>(0));
        let exported = one("SELECT value FROM counter WHERE name = 'exported'")?;
        let written = one("SELECT max(sequence) FROM charging")?;
        let ceiling = one("SELECT value FROM counter WHERE name = 'id-ceiling'")?;
        Ok(Self {
            next_sequence: exported.max(written).unwrap_or(0) + 1,
            id_ceiling: ceiling.unwrap_or(0) as u64,
        })
    }
}

impl Unit<'_> {
    /// `Repeat` and `Gone` come before anything is written; after any other error the transaction must be given up.
    pub(super) fn work(&mut self, work: &Work) -> Result<(), SpoolError> {
        match work {
            Work::Accept(acceptance) => self.accept(acceptance),
            Work::Record(outcome) => self.record(outcome),
            Work::Settle(event, settlement) => self.settle(*event, settlement),
            Work::Finish(id, finish) => self.finish(*id, finish),
            Work::Change(changes) => {
                let changed = self.change(changes)?;
                self.note_others(None, changed).map(|_| ())
            }
            Work::Forget => self.forget_some(),
            Work::Close => Ok(()),
        }
    }

    fn accept(&mut self, acceptance: &Acceptance) -> Result<(), SpoolError> {
        if let Some(opens) = &acceptance.opens {
            self.refuse_copy(opens)?;
        }
        self.reserve_ids(acceptance)?;
        let needed = !acceptance.outgoing.is_empty() || !acceptance.failed.is_empty() || acceptance.hold.is_some();
        if needed {
            self.insert_message(acceptance)?;
            self.insert_content(acceptance)?;
        }
        self.cause(acceptance, acceptance_about(acceptance)?, Event::Accepted)
    }

    /// Everything that a message causes besides its own row.
    fn cause(
        &mut self,
        acceptance: &Acceptance,
        about: Option<i64>,
        event: fn(Box<Arrival>) -> Event,
    ) -> Result<(), SpoolError> {
        for outgoing in &acceptance.outgoing {
            self.insert_outgoing(acceptance, outgoing, None)?;
        }
        for (outgoing, reason) in &acceptance.failed {
            self.insert_outgoing(acceptance, outgoing, Some(reason))?;
        }
        let id = OutgoingId {
            message: acceptance.id,
            ordinal: 0,
        };
        let charged = self.charge(id, &acceptance.charging)?;
        self.keep_values(&acceptance.kv)?;
        if let Some(opens) = &acceptance.opens {
            self.open(opens)?;
        }
        let changed = self.change(&acceptance.changes)?;
        let changes = self.note_others(about, changed)?;
        if about.is_some() {
            self.note(about, &event(Box::new(Arrival::of(acceptance, changes, charged))))?;
        }
        Ok(())
    }

    /// Only what still waits for its chain can be finished: the one condition that keeps a message from being carried
    /// on twice, or after it was dropped.
    fn finish(&mut self, id: MessageId, finish: &Finish) -> Result<(), SpoolError> {
        const AGAIN: &str = "
            UPDATE message SET hold = ?2, due = ?3, attempts = attempts + 1 WHERE id = ?1 AND due IS NOT NULL";
        const FAILED: &str = "
            UPDATE message SET hold = ?2, due = NULL, failed = 1 WHERE id = ?1 AND due IS NOT NULL";
        let message = key(id)?;
        if let Finish::Done(acceptance) = finish
            && let Some(opens) = &acceptance.opens
        {
            self.refuse_copy(opens)?;
        }
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
                self.cause(acceptance, about, Event::Finished)?;
                release(self.db, message)
            }
            Finish::Again { due, reason } => {
                let (reason, due) = (reason.clone(), *due);
                self.note(about, &Event::Later { reason, due })
            }
            Finish::Failed { reason, changes } => {
                let changed = self.change(changes)?;
                let (reason, changes) = (reason.clone(), self.note_others(about, changed)?);
                self.note(about, &Event::Refused { reason, changes })
            }
        }
    }

    /// Ends the wait of a message in its own row; the number of rows is 0 when it did not wait.
    fn come_to(&self, message: i64, acceptance: &Acceptance) -> Result<usize, SpoolError> {
        const DONE: &str = "
            UPDATE message SET hold = ?2, due = ?3, arrived = arrived OR ?4, ordinals = max(ordinals, ?5), since = ?6,
                envelope = ?7, journey = ?8, request = coalesce(request, ?9), failed = 0, attempts = 0
            WHERE id = ?1 AND due IS NOT NULL";
        let mut query = self.db.prepare_cached("SELECT journey FROM message WHERE id = ?1")?;
        let before = query.query_row([message], |row| row.get::<_, String>(0)).optional()?;
        // Steps are shown to people and decide nothing: damaged ones are not worth a message.
        let mut journey: Vec<Step> = before
            .and_then(|json| serde_json::from_str(&json).ok())
            .unwrap_or_default();
        journey.extend_from_slice(&acceptance.journey);
        let hold = acceptance.hold.as_ref();
        let row = (
            message,
            hold.map(|hold| &hold.reason),
            hold.and_then(|hold| hold.due).map(sql_time),
            hold.is_some_and(|hold| hold.arrived),
            ordinals(acceptance),
            sql_time(self.now),
            json(&acceptance.envelope)?,
            json(&journey)?,
            acceptance_about(acceptance)?,
        );
        Ok(self.run(DONE, row)?)
    }

    fn record(&mut self, outcome: &Outcome) -> Result<(), SpoolError> {
        // Asked before the message may go.
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
                const AWAIT: &str = "
                    UPDATE outgoing SET state = 2, reason = NULL WHERE message = ?1 AND ordinal = ?2";
                self.run(AWAIT, (key(outcome.id.message)?, outcome.id.ordinal))?;
            }
            DeliveryResult::Delivered => self.remove(outcome.id)?,
            DeliveryResult::Failed { reason } => {
                const FAIL: &str = "UPDATE outgoing SET state = 1, reason = ?3 WHERE message = ?1 AND ordinal = ?2";
                let id = (key(outcome.id.message)?, outcome.id.ordinal);
                self.run(FAIL, (id.0, id.1, reason))?;
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
        let charged = self.charge(outcome.id, &outcome.charging)?;
        self.keep_values(&outcome.kv)?;
        let changes = self.note_others(about, changed)?;
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
            Settlement::Done { charging, kv } => {
                let mut gone = self
                    .db
                    .prepare_cached("DELETE FROM event WHERE id = ?1 RETURNING message, ordinal")?;
                let found = gone.query_row([event], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)));
                let Some((message, ordinal)) = found.optional()? else {
                    return Ok(());
                };
                let id = OutgoingId {
                    message: MessageId(message as u64),
                    ordinal,
                };
                let about = history::about(self.db, id.message)?;
                release(self.db, message)?;
                let charged = self.charge(id, charging)?;
                self.keep_values(kv)?;
                self.note(about, &Event::Settled { id, charged })
            }
        }
    }

    fn reserve_ids(&mut self, acceptance: &Acceptance) -> Result<(), SpoolError> {
        if acceptance.id.0 < self.counters.id_ceiling {
            return Ok(());
        }
        key(acceptance.id)?;
        self.counters.id_ceiling = acceptance.id.0 + ID_RESERVE;
        let ceiling = self.counters.id_ceiling as i64;
        self.run("UPDATE counter SET value = ?1 WHERE name = 'id-ceiling'", [ceiling])?;
        Ok(())
    }

    fn insert_message(&self, acceptance: &Acceptance) -> Result<(), SpoolError> {
        const INSERT: &str = "
            INSERT INTO message(id, source, remote, helo, extended, received_at, since, size, hold, due, failed,
                attempts, arrived, ordinals, envelope, journey, request)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, 0, 0, ?10, ?11, ?12, ?13, ?14)";
        let (origin, hold) = (&acceptance.origin, acceptance.hold.as_ref());
        let row = (
            key(acceptance.id)?,
            origin.peer.as_str(),
            origin.remote.to_string(),
            &origin.helo,
            origin.extended,
            sql_time(origin.received_at),
            acceptance.content.size() as i64,
            hold.map(|hold| &hold.reason),
            hold.and_then(|hold| hold.due).map(sql_time),
            hold.is_some_and(|hold| hold.arrived),
            ordinals(acceptance),
            json(&acceptance.envelope)?,
            json(&acceptance.journey)?,
            acceptance_about(acceptance)?,
        );
        self.run(INSERT, row)?;
        Ok(())
    }

    /// Chunk by chunk: a large message is never in memory as a whole.
    fn insert_content(&self, acceptance: &Acceptance) -> Result<(), SpoolError> {
        let (message, size) = (key(acceptance.id)?, acceptance.content.size());
        if size > max_content() {
            return Err(SpoolError::Unfit(format!(
                "{size} octets are more than {}",
                max_content()
            )));
        }
        let mut insert = self
            .db
            .prepare_cached("INSERT INTO content(chunk, octets) VALUES(?1, ?2)")?;
        for place in 0..size.div_ceil(CHUNK) {
            let at = place * CHUNK;
            let octets = acceptance.content.read(at..size.min(at + CHUNK)).map_err(|e| {
                SpoolError::Unfit(format!("the content of message {} cannot be read: {e}", acceptance.id))
            })?;
            insert.execute((chunk_key(message, place), &octets[..]))?;
        }
        Ok(())
    }

    fn insert_outgoing(&self, of: &Acceptance, outgoing: &Outgoing, failed: Option<&String>) -> Result<(), SpoolError> {
        const INSERT: &str = "
            INSERT INTO outgoing(message, ordinal, peer, state, due, attempts, size, reason, envelope, pieces)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let size = of.content.size();
        // Ordinal 0 stands for the message as it was received.
        if outgoing.id.message != of.id || outgoing.id.ordinal == 0 {
            return Err(SpoolError::Unfit(format!(
                "{} is no destination of message {}",
                outgoing.id, of.id
            )));
        }
        let outside = |piece: &Piece| matches!(piece, Piece::Received(r) if r.start > r.end || r.end > size);
        if outgoing.rope.pieces.iter().any(outside) {
            return Err(SpoolError::Unfit(format!(
                "{} reaches behind the {size} octets received",
                outgoing.id
            )));
        }
        let row = (
            key(outgoing.id.message)?,
            outgoing.id.ordinal,
            outgoing.peer.as_str(),
            failed.is_some(),
            sql_time(outgoing.received_at),
            outgoing.attempts,
            outgoing.rope.size() as i64,
            failed,
            json(&outgoing.envelope)?,
            pieces::encode(&outgoing.rope.pieces),
        );
        self.run(INSERT, row)?;
        Ok(())
    }

    fn insert_event(&self, id: OutgoingId, event: &NewEvent) -> Result<(), SpoolError> {
        const INSERT: &str = "
            INSERT INTO event(message, ordinal, peer, deliveries, due, attempts, outcome, envelope, pieces)
            SELECT message, ordinal, peer, attempts, ?3, 0, ?4, envelope, pieces
            FROM outgoing WHERE message = ?1 AND ordinal = ?2";
        let row = (key(id.message)?, id.ordinal, sql_time(event.due), &event.outcome);
        if self.run(INSERT, row)? == 0 {
            tracing::warn!(%id, "dropped while it was on its way: its outcome is told to no plug-in");
        }
        Ok(())
    }

    fn defer(&self, id: OutgoingId, due: Timestamp, attempts: u32, reason: &str) -> Result<(), SpoolError> {
        const DEFER: &str = "
            UPDATE outgoing SET due = ?3, attempts = ?4, reason = ?5 WHERE message = ?1 AND ordinal = ?2";
        self.run(DEFER, (key(id.message)?, id.ordinal, sql_time(due), attempts, reason))?;
        Ok(())
    }

    fn keep_recipients(&self, id: OutgoingId, remaining: &[u32]) -> Result<(), SpoolError> {
        let id = (key(id.message)?, id.ordinal);
        let mut query = self
            .db
            .prepare_cached("SELECT envelope FROM outgoing WHERE message = ?1 AND ordinal = ?2")?;
        let Some(text) = query.query_row(id, |row| row.get::<_, String>(0)).optional()? else {
            return Ok(());
        };
        let mut envelope: Envelope = serde_json::from_str(&text).map_err(|e| SpoolError::Broken(e.to_string()))?;
        envelope
            .recipients
            .retain(|recipient| remaining.contains(&recipient.id));
        const UPDATE: &str = "UPDATE outgoing SET envelope = ?3 WHERE message = ?1 AND ordinal = ?2";
        self.run(UPDATE, (id.0, id.1, json(&envelope)?))?;
        Ok(())
    }

    fn remove(&self, id: OutgoingId) -> Result<(), SpoolError> {
        let message = key(id.message)?;
        self.run(
            "DELETE FROM outgoing WHERE message = ?1 AND ordinal = ?2",
            (message, id.ordinal),
        )?;
        release(self.db, message)
    }

    /// The first and the last sequence number given, if any was.
    fn charge(&mut self, id: OutgoingId, entries: &[ChargingEntry]) -> Result<Option<(u64, u64)>, SpoolError> {
        const INSERT: &str = "
            INSERT INTO charging(sequence, message, ordinal, recorded_at, plugin, version, record)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (message, first) = (key(id.message)?, self.counters.next_sequence);
        for entry in entries {
            let (sequence, now) = (self.counters.next_sequence, sql_time(self.now));
            let row = (
                sequence,
                message,
                id.ordinal,
                now,
                &entry.plugin,
                &entry.version,
                json(&entry.record)?,
            );
            self.run(INSERT, row)?;
            self.counters.next_sequence += 1;
        }
        let last = self.counters.next_sequence - 1;
        Ok((last >= first).then_some((first as u64, last as u64)))
    }

    fn keep_values(&self, writes: &[KvWrite]) -> Result<(), SpoolError> {
        const SET: &str = "INSERT OR REPLACE INTO kv(plugin, key, value) VALUES(?1, ?2, ?3)";
        for write in writes {
            match write {
                KvWrite::Set { plugin, key, value } => self.run(SET, (plugin, key, value))?,
                KvWrite::Delete { plugin, key } => {
                    self.run("DELETE FROM kv WHERE plugin = ?1 AND key = ?2", (plugin, key))?
                }
                KvWrite::Increment { plugin, key, by } => {
                    let mut query = self
                        .db
                        .prepare_cached("SELECT value FROM kv WHERE plugin = ?1 AND key = ?2")?;
                    let old: Option<Vec<u8>> = query.query_row((plugin, key), |row| row.get(0)).optional()?;
                    let number = old.map_or(Some(0), |old| std::str::from_utf8(&old).ok()?.parse::<i64>().ok());
                    match number {
                        Some(number) => {
                            let sum = number.saturating_add(*by).to_string();
                            self.run(SET, (plugin, key, sum.as_bytes()))?
                        }
                        // The plug-in's slip, found out too late to tell it: the message matters more.
                        None => {
                            tracing::warn!(plugin, key, "not incremented: the value is not a number");
                            0
                        }
                    }
                }
            };
        }
        Ok(())
    }

    pub(super) fn run(&self, sql: &str, parameters: impl rusqlite::Params) -> rusqlite::Result<usize> {
        self.db.prepare_cached(sql)?.execute(parameters)
    }
}

/// Whose history an acceptance belongs to.
fn acceptance_about(acceptance: &Acceptance) -> Result<Option<i64>, SpoolError> {
    let opens = acceptance.opens.as_ref().map(|opens| opens.id);
    let changes = || acceptance.changes.first().map(|change| change.id);
    opens.or_else(changes).map(key).transpose()
}

/// Whether a delivered message has to stay, by what its transaction has become.
fn keeps(changed: &[Changed], id: OutgoingId) -> bool {
    let mut own = changed.iter().map(|changed| &changed.transaction);
    own.any(|transaction| transaction.id == id.message && transaction.keeps(id.ordinal))
}

/// The last ordinal that a message's destinations have.
fn ordinals(acceptance: &Acceptance) -> u32 {
    let failed = acceptance.failed.iter().map(|(outgoing, _)| outgoing);
    let all = acceptance.outgoing.iter().chain(failed);
    all.map(|outgoing| outgoing.id.ordinal).max().unwrap_or(0)
}

/// Removes a received message when no destination, hold or pending event needs it any more.
pub(in crate::spool) fn release(db: &Connection, message: i64) -> Result<(), SpoolError> {
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

pub(super) fn json(value: &impl serde::Serialize) -> Result<String, SpoolError> {
    serde_json::to_string(value).map_err(|e| SpoolError::Unfit(e.to_string()))
}
