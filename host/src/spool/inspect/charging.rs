//! Charging records, as an operator exports and purges them.

use rusqlite::{OptionalExtension, TransactionBehavior};

use super::super::SpoolError;
use super::super::sqlite::readers::sql_time;
use super::super::sqlite::stored;
use super::{BATCH, Inspector, outgoing_id};
use crate::message::{OutgoingId, Timestamp};

/// A charging record in its place in the sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct ChargingRow {
    /// From 1, in the order of the commits, without gaps.
    pub sequence: u64,
    /// The delivery that caused it; ordinal 0 for what the acceptance caused.
    pub id: OutgoingId,
    /// When it was committed.
    pub recorded_at: Timestamp,
    pub plugin: String,
    pub version: String,
    pub record: serde_json::Value,
}

/// How far an output of charging records has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputMark {
    /// Every record up to this one is in a closed file, or was not wanted there.
    pub sequence: u64,
    /// The number of the last closed file; 0 before the first.
    pub file: u32,
}

impl Inspector {
    /// Where the output of that name has come to.
    pub fn output_mark(&self, name: &str) -> Result<OutputMark, SpoolError> {
        let counter = |key: String| {
            let value = self
                .db
                .query_row("SELECT value FROM counter WHERE name = ?1", [key], |row| {
                    row.get::<_, i64>(0)
                });
            value.optional().map(Option::unwrap_or_default)
        };
        Ok(OutputMark {
            sequence: counter(format!("output:{name}"))? as u64,
            file: u32::try_from(counter(format!("output-file:{name}"))?).unwrap_or(u32::MAX),
        })
    }

    /// Notes both halves of the mark at once. What it has passed may be purged.
    pub fn set_output_mark(&mut self, name: &str, mark: OutputMark) -> Result<(), SpoolError> {
        const SET: &str = "INSERT INTO counter VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value";
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(SET, (format!("output:{name}"), mark.sequence as i64))?;
        transaction.execute(SET, (format!("output-file:{name}"), i64::from(mark.file)))?;
        transaction.commit()?;
        Ok(())
    }

    /// At most `limit` charging records behind `sequence`, in order; 0 is before the first.
    pub fn charging_after(&self, sequence: u64, limit: usize) -> Result<Vec<ChargingRow>, SpoolError> {
        const QUERY: &str = "
            SELECT message, ordinal, sequence, recorded_at, plugin, version, record
            FROM charging WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
        let mut query = self.db.prepare_cached(QUERY)?;
        let rows = query.query_and_then((sequence as i64, limit as i64), |row| {
            Ok(ChargingRow {
                sequence: row.get::<_, i64>(2)? as u64,
                id: outgoing_id(row, 0)?,
                recorded_at: Timestamp(row.get::<_, i64>(3)? as u64),
                plugin: row.get(4)?,
                version: row.get(5)?,
                record: stored::read(row.get_ref(6)?.as_str().unwrap_or_default())?,
            })
        })?;
        rows.collect()
    }

    /// The sequence number up to which records have been exported; 0 when none were.
    pub fn exported(&self) -> Result<u64, SpoolError> {
        let sql = "SELECT value FROM counter WHERE name = 'exported'";
        Ok(self.db.query_row(sql, (), |row| row.get::<_, i64>(0))? as u64)
    }

    /// Notes that the records up to `sequence` are safe in a file. Never goes back, nor beyond the last record.
    pub fn mark_exported(&mut self, sequence: u64) -> Result<(), SpoolError> {
        const MARK: &str = "
            UPDATE counter SET value = max(value, min(?1, (SELECT coalesce(max(sequence), 0) FROM charging)))
            WHERE name = 'exported'";
        self.db.execute(MARK, [sequence as i64])?;
        Ok(())
    }

    /// Forgets an output's mark: nothing waits for it any more, and an output of that name begins anew. Says whether there
    /// was one.
    pub fn forget_output(&mut self, name: &str) -> Result<bool, SpoolError> {
        let names = (format!("output:{name}"), format!("output-file:{name}"));
        Ok(self.db.execute("DELETE FROM counter WHERE name IN (?1, ?2)", names)? > 0)
    }

    /// Removes records that were committed before `time` and that everybody has who takes them: the export with a mark, if
    /// there was one, and every output that ever wrote. Returns how many.
    pub fn forget_exported(&mut self, time: Timestamp) -> Result<usize, SpoolError> {
        const FORGET: &str = "
            DELETE FROM charging WHERE sequence IN (
                SELECT sequence FROM charging
                WHERE recorded_at < ?1 AND sequence <= coalesce((
                    SELECT min(value) FROM counter
                    WHERE name = 'exported' AND value > 0 OR name GLOB 'output:*'), 0)
                ORDER BY sequence LIMIT ?2)";
        let mut total = 0;
        loop {
            let gone = self.db.execute(FORGET, (sql_time(time), BATCH as i64))?;
            total += gone;
            if gone < BATCH {
                return Ok(total);
            }
        }
    }
}
