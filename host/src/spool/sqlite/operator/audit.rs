//! The stream of the audit.

use rusqlite::Connection;
use serde_json::Value;

use super::super::access::Access;
use super::super::columns::sql_time;
use super::super::streams::{last, records};
use super::super::sums::{self, RecordRow};
use crate::message::{StreamName, Timestamp};
use crate::spool::{By, ChangeMade, SpoolError};

/// With whatever else the transaction does. Its number is asked for each time: commands beside the relay append too.
fn append(db: &Connection, at: Timestamp, entry: &Value) -> Result<(), SpoolError> {
    const INSERT: &str = "
        INSERT INTO record(stream, sequence, message, ordinal, recorded_at, plugin, version, record, sum)
        VALUES(?1, ?2, 0, 0, ?3, '', '', ?4, ?5)";
    let (number, text) = (last(db, &StreamName::AUDIT)? + 1, entry.to_string());
    let fixed = RecordRow {
        stream: StreamName::AUDIT.as_str(),
        sequence: number,
        message: 0,
        ordinal: 0,
        recorded_at: sql_time(at),
        plugin: "",
        version: "",
        record: &text,
    };
    let sum = sums::record(&fixed).value();
    let row = (fixed.stream, number, fixed.recorded_at, &text, sum);
    db.prepare_cached(INSERT)?.execute(row)?;
    Ok(())
}

/// What somebody's change came to, if they are to be noted.
pub(super) fn note_change(db: &Connection, by: &By, made: ChangeMade<'_>) -> Result<(), SpoolError> {
    match &by.noting {
        Some(noting) => append(db, by.at, &noting.entry(made)),
        None => Ok(()),
    }
}

/// See [`Operator::note`](crate::spool::Operator::note).
pub(super) fn note(access: &impl Access, at: Timestamp, entry: Value) -> Result<(), SpoolError> {
    access.write(move |db| append(db, at, &entry))
}

/// See [`Operator::noted`](crate::spool::Operator::noted).
pub(super) fn noted(db: &Connection, after: u64, limit: usize) -> Result<Vec<(u64, Value)>, SpoolError> {
    let found = records(db, &StreamName::AUDIT, after, limit)?;
    Ok(found.into_iter().map(|entry| (entry.sequence, entry.record)).collect())
}
