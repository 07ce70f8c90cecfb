//! Streams of records, on SQLite.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};

use super::access::Access;
use super::columns::{queue_id, sql_time};
use super::schema::key;
use super::sums::{self, RecordRow};
use super::unit::Unit;
use crate::message::{Append, QueueId, StreamName, Timestamp};
use crate::spool::ledger::{Records, record_sum, record_text};
use crate::spool::stored;
use crate::spool::{BoxFuture, Mark, Recorded, SpoolError, Streams};

/// Records that are removed in one transaction.
const BATCH: usize = 1000;

/// The number of the next record of each stream that was appended to since the start. The writer works on a copy, and
/// keeps the copy once the transaction is durable, so that no number is ever skipped.
pub(super) type Numbers = BTreeMap<StreamName, i64>;

impl Unit<'_> {
    /// Appends records that `id` caused. Returns those of the stream of charging records, if there are any.
    pub(super) fn append<'a>(
        &mut self,
        id: QueueId,
        appends: impl IntoIterator<Item = &'a Append>,
    ) -> Result<Option<Records>, SpoolError> {
        const INSERT: &str = "
            INSERT INTO record(stream, sequence, message, ordinal, recorded_at, plugin, version, record, sum)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let (message, now) = (key(id.message())?, sql_time(self.now));
        let mut charged: Option<Records> = None;
        for append in appends {
            let sequence = self.next_number(&append.stream)?;
            let text = record_text(&append.record);
            if append.stream == StreamName::CHARGING {
                let sum = record_sum(sequence as u64, self.now, &append.plugin, &append.version, &text);
                let first = sequence as u64;
                let charged = charged.get_or_insert(Records {
                    first,
                    sums: Vec::new(),
                });
                charged.sums.push(sum);
            }
            let fixed = RecordRow {
                stream: append.stream.as_str(),
                sequence,
                message,
                ordinal: id.number(),
                recorded_at: now,
                plugin: &append.plugin,
                version: &append.version,
                record: &text,
            };
            let row = (
                fixed.stream,
                fixed.sequence,
                fixed.message,
                fixed.ordinal,
                fixed.recorded_at,
                fixed.plugin,
                fixed.version,
                fixed.record,
                sums::record(&fixed).value(),
            );
            self.run(INSERT, row)?;
        }
        Ok(charged)
    }

    fn next_number(&mut self, stream: &StreamName) -> Result<i64, SpoolError> {
        if let Some(next) = self.counters.numbers.get_mut(stream) {
            *next += 1;
            return Ok(*next - 1);
        }
        let next = last(self.db, stream)? + 1;
        self.counters.numbers.insert(stream.clone(), next + 1);
        Ok(next)
    }
}

/// The last number that the stream has given: that of its last record, or of the last that was purged.
pub(super) fn last(db: &Connection, stream: &StreamName) -> Result<i64, SpoolError> {
    const LAST: &str = "
        SELECT max(coalesce((SELECT max(sequence) FROM record WHERE stream = ?1), 0),
                   coalesce((SELECT sequence FROM purged WHERE stream = ?1), 0))";
    let mut query = db.prepare_cached(LAST)?;
    Ok(query.query_row([stream.as_str()], |row| row.get(0))?)
}

impl<A: Access> Streams for A {
    fn records(&self, stream: &StreamName, after: u64, limit: usize) -> Result<Vec<Recorded>, SpoolError> {
        self.read(|db| records(db, stream, after, limit))
    }

    fn mark(&self, stream: &StreamName, reader: &str) -> Result<Option<Mark>, SpoolError> {
        self.read(|db| mark(db, stream, reader))
    }

    fn set_mark(&self, stream: &StreamName, reader: &str, to: Mark) -> Result<(), SpoolError> {
        const SET: &str = "INSERT OR REPLACE INTO mark(stream, reader, sequence, file, sum) VALUES(?1, ?2, ?3, ?4, ?5)";
        let (stream, reader) = (stream.clone(), reader.to_owned());
        self.write(move |db| {
            let before = mark(db, &stream, &reader)?;
            let sequence = (to.sequence as i64).min(last(db, &stream)?);
            if before.is_none_or(|before| before.sequence as i64 <= sequence) {
                let mut set = db.prepare_cached(SET)?;
                let sum = sums::mark(stream.as_str(), &reader, sequence, to.file).value();
                set.execute((stream.as_str(), &reader, sequence, to.file, sum))?;
            }
            Ok(())
        })
    }

    fn forget_mark(&self, stream: &StreamName, reader: &str) -> Result<bool, SpoolError> {
        const FORGET: &str = "DELETE FROM mark WHERE stream = ?1 AND reader = ?2";
        let (stream, reader) = (stream.clone(), reader.to_owned());
        self.write(move |db| Ok(db.prepare_cached(FORGET)?.execute((stream.as_str(), &reader))? > 0))
    }

    fn purge(&self, stream: &StreamName, before: Timestamp) -> Result<usize, SpoolError> {
        let mut total = 0;
        loop {
            let stream = stream.clone();
            let gone = self.write(move |db| purge_some(db, &stream, before))?;
            total += gone;
            if gone < BATCH {
                return Ok(total);
            }
        }
    }

    fn appended(&self) -> BoxFuture<'static, ()> {
        match self.growth() {
            Some(mut growth) => Box::pin(async move {
                // An error means that the spool is closed, and nothing is appended any more.
                if growth.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }),
            None => Box::pin(tokio::time::sleep(std::time::Duration::from_secs(1))),
        }
    }
}

/// See [`Streams::records`].
pub(super) fn records(
    db: &Connection,
    stream: &StreamName,
    after: u64,
    limit: usize,
) -> Result<Vec<Recorded>, SpoolError> {
    const QUERY: &str = "
        SELECT message, ordinal, sequence, recorded_at, plugin, version, record, sum
        FROM record WHERE stream = ?1 AND sequence > ?2 ORDER BY sequence";
    let mut query = db.prepare_cached(QUERY)?;
    let mut rows = query.query((stream.as_str(), after as i64))?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        match recorded(stream, row)? {
            Some(recorded) => found.push(recorded),
            // A reader skips the record; the ledger shows that it is missing.
            None => sums::quarantine("record", row.get::<_, i64>(2)?),
        }
    }
    Ok(found)
}

/// `None` when the row is damaged.
fn recorded(stream: &StreamName, row: &Row) -> Result<Option<Recorded>, SpoolError> {
    let text = |column: usize| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str().unwrap_or_default());
    let fixed = RecordRow {
        stream: stream.as_str(),
        sequence: row.get(2)?,
        message: row.get(0)?,
        ordinal: row.get(1)?,
        recorded_at: row.get(3)?,
        plugin: text(4)?,
        version: text(5)?,
        record: text(6)?,
    };
    let (true, Ok(record)) = (sums::record(&fixed).holds(row, 7)?, stored::read(fixed.record)) else {
        return Ok(None);
    };
    Ok(Some(Recorded {
        sequence: fixed.sequence as u64,
        id: queue_id(row, 0)?,
        recorded_at: Timestamp(fixed.recorded_at as u64),
        plugin: fixed.plugin.to_owned(),
        version: fixed.version.to_owned(),
        record,
    }))
}

fn mark(db: &Connection, stream: &StreamName, reader: &str) -> Result<Option<Mark>, SpoolError> {
    let mut query = db.prepare_cached("SELECT sequence, file, sum FROM mark WHERE stream = ?1 AND reader = ?2")?;
    let mark = query.query_row((stream.as_str(), reader), |row| {
        let (sequence, file) = (row.get::<_, i64>(0)?, row.get(1)?);
        let mark = Mark {
            sequence: sequence as u64,
            file,
        };
        Ok((mark, sums::mark(stream.as_str(), reader, sequence, file).holds(row, 2)?))
    });
    match mark.optional()? {
        Some((_, false)) => Err(sums::damaged("the mark of", reader)),
        found => Ok(found.map(|(mark, _)| mark)),
    }
}

/// One transaction's worth of [`Streams::purge`].
fn purge_some(db: &Connection, stream: &StreamName, before: Timestamp) -> Result<usize, SpoolError> {
    const UP_TO: &str = "
        SELECT max(sequence) FROM (
            SELECT sequence FROM record
            WHERE stream = ?1 AND recorded_at < ?2
                AND sequence <= coalesce((SELECT min(sequence) FROM mark WHERE stream = ?1), 0)
            ORDER BY sequence LIMIT ?3)";
    const NOTE: &str = "
        INSERT INTO purged(stream, sequence) VALUES(?1, ?2)
        ON CONFLICT(stream) DO UPDATE SET sequence = max(sequence, excluded.sequence)";
    const PURGE: &str = "DELETE FROM record WHERE stream = ?1 AND sequence <= ?2 AND recorded_at < ?3";
    let mut query = db.prepare_cached(UP_TO)?;
    let row = (stream.as_str(), sql_time(before), BATCH as i64);
    let Some(up_to) = query.query_row(row, |row| row.get::<_, Option<i64>>(0))? else {
        return Ok(0);
    };
    db.prepare_cached(NOTE)?.execute((stream.as_str(), up_to))?;
    Ok(db
        .prepare_cached(PURGE)?
        .execute((stream.as_str(), up_to, sql_time(before)))?)
}
