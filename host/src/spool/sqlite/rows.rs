//! The single rows that a request writes: a message and its content, its destinations, records, values.

use rusqlite::OptionalExtension;

use super::columns::sql_time;
use super::schema::{CHUNK, chunk_key, key, max_content};
use super::sums::{self, EventRow, MessageRow, OutgoingRow};
use super::unit::{Unit, acceptance_about, release};
use super::values::{Value, Written};
use crate::message::{Envelope, KvWrite, Outgoing, OutgoingId, Piece, RecipientId, Timestamp};
use crate::spool::pieces;
use crate::spool::states::statement;
use crate::spool::stored;
use crate::spool::{Acceptance, Hold, NewEvent, QueueState, SpoolError};

/// How far ahead ids are reserved, in microseconds: one row is rewritten a minute, and not with every message.
const ID_RESERVE: u64 = 60_000_000;

impl Unit<'_> {
    pub(super) fn reserve_ids(&mut self, acceptance: &Acceptance) -> Result<(), SpoolError> {
        if acceptance.id.0 < self.counters.id_ceiling {
            return Ok(());
        }
        key(acceptance.id)?;
        self.counters.id_ceiling = acceptance.id.0 + ID_RESERVE;
        let ceiling = self.counters.id_ceiling as i64;
        self.run("UPDATE counter SET value = ?1 WHERE name = 'id-ceiling'", [ceiling])?;
        Ok(())
    }

    pub(super) fn insert_message(&self, acceptance: &Acceptance) -> Result<(), SpoolError> {
        const INSERT: &str = "
            INSERT INTO message(id, source, remote, helo, protocol, received_at, since, size, hold, due, failed,
                attempts, arrived, ordinals, envelope, journey, request, holders, sum)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, 0, 0, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
        let (origin, hold) = (&acceptance.origin, acceptance.hold.as_ref());
        let (remote, envelope) = (origin.remote.to_string(), stored::write_envelope(&acceptance.envelope)?);
        let fixed = MessageRow {
            id: key(acceptance.id)?,
            source: origin.source.as_str(),
            remote: &remote,
            helo: &origin.helo,
            protocol: stored::protocol_code(origin.protocol),
            received_at: sql_time(origin.received_at),
            size: acceptance.content.size() as i64,
            envelope: &envelope,
        };
        let row = (
            fixed.id,
            fixed.source,
            fixed.remote,
            fixed.helo,
            fixed.protocol,
            fixed.received_at,
            fixed.size,
            hold.map(|hold| &hold.reason),
            hold.and_then(Hold::due).map(sql_time),
            hold.is_some_and(|hold| hold.arrived),
            ordinals(acceptance),
            fixed.envelope,
            stored::write_journey(&acceptance.journey)?,
            acceptance_about(acceptance)?,
            stored::write_holders(hold.map_or(&[], Hold::holders))?,
            sums::message(&fixed).value(),
        );
        self.run(INSERT, row)?;
        Ok(())
    }

    /// Chunk by chunk: a large message is never in memory as a whole.
    pub(super) fn insert_content(&self, acceptance: &Acceptance) -> Result<(), SpoolError> {
        let (message, size) = (key(acceptance.id)?, acceptance.content.size());
        if size > max_content() {
            return Err(SpoolError::Unfit(format!(
                "{size} octets are more than {}",
                max_content()
            )));
        }
        let mut insert = self
            .db
            .prepare_cached("INSERT INTO content(chunk, octets, sum) VALUES(?1, ?2, ?3)")?;
        for place in 0..size.div_ceil(CHUNK) {
            let at = place * CHUNK;
            let octets = acceptance.content.read(at..size.min(at + CHUNK)).map_err(|e| {
                SpoolError::Unfit(format!("the content of message {} cannot be read: {e}", acceptance.id))
            })?;
            let chunk = chunk_key(message, place);
            insert.execute((chunk, &octets[..], sums::chunk(chunk, &octets).value()))?;
        }
        Ok(())
    }

    pub(super) fn insert_outgoing(
        &self,
        of: &Acceptance,
        outgoing: &Outgoing,
        failed: Option<&String>,
    ) -> Result<(), SpoolError> {
        const INSERT: &str = "
            INSERT INTO outgoing(message, ordinal, peer, state, due, attempts, size, reason, envelope, pieces, expires,
                kind, repeats, sum)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
        let size = of.content.size();
        if outgoing.id.message != of.id {
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
        let envelope = stored::write_envelope(&outgoing.envelope)?;
        let pieces = pieces::encode(&outgoing.rope.pieces);
        let fixed = OutgoingRow {
            message: key(outgoing.id.message)?,
            ordinal: outgoing.id.ordinal.get(),
            peer: outgoing.next_hop.as_str(),
            kind: outgoing.kind.map(stored::write_kind),
            expires: outgoing.expires_at.map(sql_time),
            envelope: &envelope,
            pieces: &pieces,
            source: of.origin.source.as_str(),
            received: size as i64,
        };
        let state = match failed {
            Some(_) => QueueState::Failed,
            None => QueueState::Waiting,
        };
        let row = (
            fixed.message,
            fixed.ordinal,
            fixed.peer,
            state.code(),
            sql_time(outgoing.received_at),
            outgoing.attempts,
            outgoing.rope.size() as i64,
            failed,
            fixed.envelope,
            fixed.pieces,
            fixed.expires,
            fixed.kind,
            outgoing.repeats,
            sums::outgoing(&fixed).value(),
        );
        self.run(INSERT, row)?;
        Ok(())
    }

    pub(super) fn insert_event(&self, id: OutgoingId, event: &NewEvent) -> Result<(), SpoolError> {
        const INSERT: &str = "
            INSERT INTO event(message, ordinal, peer, deliveries, due, attempts, kind, outcome, envelope, pieces)
            SELECT message, ordinal, peer, attempts, ?3, 0, kind, ?4, envelope, pieces
            FROM outgoing WHERE message = ?1 AND ordinal = ?2";
        let row = (key(id.message)?, id.ordinal.get(), sql_time(event.due), &event.outcome);
        if self.run(INSERT, row)? > 0 {
            self.sum_event(self.db.last_insert_rowid())?;
        } else {
            tracing::warn!(%id, event = "dropped-on-its-way", "dropped while it was on its way: its outcome is told to no plug-in");
        }
        Ok(())
    }

    /// Sums up an event, whose columns come from another row.
    fn sum_event(&self, id: i64) -> Result<(), SpoolError> {
        const EVENT: &str = "SELECT message, ordinal, peer, outcome, envelope, pieces FROM event WHERE id = ?1";
        let mut query = self.db.prepare_cached(EVENT)?;
        let sum = query.query_row([id], |row| {
            Ok(sums::event(&EventRow {
                message: row.get(0)?,
                ordinal: row.get(1)?,
                peer: row.get_ref(2)?.as_str()?,
                outcome: row.get_ref(3)?.as_str()?,
                envelope: row.get_ref(4)?.as_str()?,
                pieces: row.get_ref(5)?.as_blob()?,
            }))
        })?;
        self.run("UPDATE event SET sum = ?2 WHERE id = ?1", (id, sum.value()))?;
        Ok(())
    }

    /// Gives an outgoing message another envelope.
    pub(super) fn readdress(&self, message: i64, ordinal: u32, envelope: &Envelope) -> Result<(), SpoolError> {
        const ROW: &str = "
            SELECT o.peer, o.kind, o.expires, o.pieces, m.source, m.size
            FROM outgoing o JOIN message m ON m.id = o.message WHERE o.message = ?1 AND o.ordinal = ?2";
        const UPDATE: &str = "UPDATE outgoing SET envelope = ?3, sum = ?4 WHERE message = ?1 AND ordinal = ?2";
        let envelope = stored::write_envelope(envelope)?;
        let mut query = self.db.prepare_cached(ROW)?;
        let sum = query.query_row((message, ordinal), |row| {
            Ok(sums::outgoing(&OutgoingRow {
                message,
                ordinal,
                peer: row.get_ref(0)?.as_str()?,
                kind: row.get_ref(1)?.as_str_or_null()?,
                expires: row.get(2)?,
                envelope: &envelope,
                pieces: row.get_ref(3)?.as_blob()?,
                source: row.get_ref(4)?.as_str()?,
                received: row.get(5)?,
            }))
        })?;
        self.run(UPDATE, (message, ordinal, &envelope, sum.value()))?;
        Ok(())
    }

    pub(super) fn defer(&self, id: OutgoingId, due: Timestamp, attempts: u32, reason: &str) -> Result<(), SpoolError> {
        const DEFER: &str = statement!(
            "
            UPDATE outgoing SET due = ?3, attempts = ?4, reason = iif(state = {held}, reason, ?5)
            WHERE message = ?1 AND ordinal = ?2"
        );
        self.run(
            DEFER,
            (key(id.message)?, id.ordinal.get(), sql_time(due), attempts, reason),
        )?;
        Ok(())
    }

    pub(super) fn keep_recipients(&self, id: OutgoingId, remaining: &[RecipientId]) -> Result<(), SpoolError> {
        let id = (key(id.message)?, id.ordinal.get());
        let mut query = self
            .db
            .prepare_cached("SELECT envelope FROM outgoing WHERE message = ?1 AND ordinal = ?2")?;
        let Some(text) = query.query_row(id, |row| row.get::<_, String>(0)).optional()? else {
            return Ok(());
        };
        let mut envelope = stored::read_envelope(&text)?;
        envelope
            .recipients
            .retain(|recipient| remaining.contains(&recipient.id));
        self.readdress(id.0, id.1, &envelope)
    }

    pub(super) fn remove(&self, id: OutgoingId) -> Result<(), SpoolError> {
        let message = key(id.message)?;
        self.run(
            "DELETE FROM outgoing WHERE message = ?1 AND ordinal = ?2",
            (message, id.ordinal.get()),
        )?;
        release(self.db, message)
    }

    pub(super) fn keep_values(&mut self, writes: &[KvWrite]) -> Result<(), SpoolError> {
        for write in writes {
            match write {
                KvWrite::Set { plugin, key, value } => self.keep_value(plugin, key, Some(value.clone()))?,
                KvWrite::Delete { plugin, key } => self.keep_value(plugin, key, None)?,
                KvWrite::Increment { plugin, key, by } => self.increment(plugin, key, *by)?,
            }
        }
        Ok(())
    }

    fn increment(&mut self, plugin: &str, key: &str, by: i64) -> Result<(), SpoolError> {
        let mut query = self
            .db
            .prepare_cached("SELECT value FROM kv WHERE plugin = ?1 AND key = ?2")?;
        let old: Value = query.query_row((plugin, key), |row| row.get(0)).optional()?;
        drop(query);
        let number = old.map_or(Some(0), |old| std::str::from_utf8(&old).ok()?.parse::<i64>().ok());
        match number {
            Some(number) => {
                let total = number.saturating_add(by).to_string();
                self.keep_value(plugin, key, Some(total.into_bytes()))
            }
            // The plug-in's slip, found out too late to tell it: the message matters more.
            None => {
                tracing::warn!(
                    plugin,
                    key,
                    event = "value-no-number",
                    "not incremented: the value is not a number"
                );
                Ok(())
            }
        }
    }

    fn keep_value(&mut self, plugin: &str, key: &str, value: Value) -> Result<(), SpoolError> {
        const SET: &str = "INSERT OR REPLACE INTO kv(plugin, key, value, sum) VALUES(?1, ?2, ?3, ?4)";
        match &value {
            Some(octets) => self.run(SET, (plugin, key, octets, sums::value(plugin, key, octets).value()))?,
            None => self.run("DELETE FROM kv WHERE plugin = ?1 AND key = ?2", (plugin, key))?,
        };
        self.values.push(Written {
            plugin: plugin.to_owned(),
            key: key.to_owned(),
            value,
        });
        Ok(())
    }
}

/// The last ordinal that a message's destinations have.
pub(super) fn ordinals(acceptance: &Acceptance) -> u32 {
    let failed = acceptance.failed.iter().map(|(outgoing, _)| outgoing);
    let all = acceptance.outgoing.iter().chain(failed);
    all.map(|outgoing| outgoing.id.ordinal.get()).max().unwrap_or(0)
}
