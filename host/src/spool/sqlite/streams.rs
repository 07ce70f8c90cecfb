//! Records in their order, on SQLite.

use rusqlite::{Connection, OptionalExtension};

use super::access::Access;
use super::operator::outgoing_id;
use super::readers::sql_time;
use super::stored;
use crate::message::Timestamp;
use crate::spool::{ChargingRow, OutputMark, SpoolError, Streams};

/// Records that are removed in one transaction.
const BATCH: usize = 1000;

impl<A: Access> Streams for A {
    fn charging_after(&self, sequence: u64, limit: usize) -> Result<Vec<ChargingRow>, SpoolError> {
        self.read(|db| after(db, sequence, limit))
    }

    fn output_mark(&self, name: &str) -> Result<OutputMark, SpoolError> {
        self.read(|db| {
            let counter = |key: String| {
                let mut query = db.prepare_cached("SELECT value FROM counter WHERE name = ?1")?;
                let value = query.query_row([key], |row| row.get::<_, i64>(0));
                value.optional().map(Option::unwrap_or_default)
            };
            Ok(OutputMark {
                sequence: counter(format!("output:{name}"))? as u64,
                file: u32::try_from(counter(format!("output-file:{name}"))?).unwrap_or(u32::MAX),
            })
        })
    }

    fn set_output_mark(&self, name: &str, mark: OutputMark) -> Result<(), SpoolError> {
        const SET: &str = "INSERT INTO counter VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value";
        let names = (format!("output:{name}"), format!("output-file:{name}"));
        self.write(move |db| {
            let mut set = db.prepare_cached(SET)?;
            set.execute((&names.0, mark.sequence as i64))?;
            set.execute((&names.1, i64::from(mark.file)))?;
            Ok(())
        })
    }

    fn forget_output(&self, name: &str) -> Result<bool, SpoolError> {
        let names = (format!("output:{name}"), format!("output-file:{name}"));
        let forget = move |db: &Connection| {
            let mut forget = db.prepare_cached("DELETE FROM counter WHERE name IN (?1, ?2)")?;
            Ok(forget.execute((&names.0, &names.1))? > 0)
        };
        self.write(forget)
    }

    fn exported(&self) -> Result<u64, SpoolError> {
        let sql = "SELECT value FROM counter WHERE name = 'exported'";
        self.read(|db| Ok(db.query_row(sql, (), |row| row.get::<_, i64>(0))? as u64))
    }

    fn mark_exported(&self, sequence: u64) -> Result<(), SpoolError> {
        const MARK: &str = "
            UPDATE counter SET value = max(value, min(?1, (SELECT coalesce(max(sequence), 0) FROM charging)))
            WHERE name = 'exported'";
        self.write(move |db| {
            db.prepare_cached(MARK)?.execute([sequence as i64])?;
            Ok(())
        })
    }

    fn forget_exported(&self, time: Timestamp) -> Result<usize, SpoolError> {
        const FORGET: &str = "
            DELETE FROM charging WHERE sequence IN (
                SELECT sequence FROM charging
                WHERE recorded_at < ?1 AND sequence <= coalesce((
                    SELECT min(value) FROM counter
                    WHERE name = 'exported' AND value > 0 OR name GLOB 'output:*'), 0)
                ORDER BY sequence LIMIT ?2)";
        let forget = move |db: &Connection| Ok(db.prepare_cached(FORGET)?.execute((sql_time(time), BATCH as i64))?);
        let mut total = 0;
        loop {
            let gone = self.write(forget)?;
            total += gone;
            if gone < BATCH {
                return Ok(total);
            }
        }
    }
}

/// See [`Streams::charging_after`].
pub(super) fn after(db: &Connection, sequence: u64, limit: usize) -> Result<Vec<ChargingRow>, SpoolError> {
    const QUERY: &str = "
        SELECT message, ordinal, sequence, recorded_at, plugin, version, record
        FROM charging WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
    let mut query = db.prepare_cached(QUERY)?;
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
