//! Charging records, as an operator exports and purges them.

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

impl Inspector {
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

    /// Removes exported records that were committed before `time`. Returns how many.
    pub fn forget_exported(&mut self, time: Timestamp) -> Result<usize, SpoolError> {
        const FORGET: &str = "
            DELETE FROM charging WHERE sequence IN (
                SELECT sequence FROM charging
                WHERE sequence <= (SELECT value FROM counter WHERE name = 'exported') AND recorded_at < ?1
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
