//! Plug-ins' values, as operators see and change them.
//!
//! What operators changed is noted in the same transaction and in the same table, in the name of nobody's plug-in: none is
//! called "".

use rusqlite::{Connection, OptionalExtension};

use super::super::access::Access;
use super::super::sums;
use crate::spool::{By, SpoolError, StoredValue, ValueChange};

/// Whose rows the notes are.
const NOTES: &str = "";
/// Notes that are kept.
const KEPT: i64 = 10_000;

pub(super) fn list(
    db: &Connection,
    plugin: Option<&str>,
    prefix: &str,
    limit: u32,
) -> Result<Vec<StoredValue>, SpoolError> {
    const QUERY: &str = "
        SELECT plugin, key, value FROM kv
        WHERE plugin <> '' AND (?1 IS NULL OR plugin = ?1) AND substr(key, 1, length(?2)) = ?2
        ORDER BY plugin, key LIMIT ?3";
    let mut query = db.prepare_cached(QUERY)?;
    let rows = query.query_map((plugin, prefix, limit), |row| {
        Ok(StoredValue {
            plugin: row.get(0)?,
            key: row.get(1)?,
            value: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// See [`Operator::set_value`](crate::spool::Operator::set_value).
pub(super) fn set(
    access: &impl Access,
    plugin: &str,
    key: &str,
    value: Option<&[u8]>,
    by: &By,
) -> Result<Option<Vec<u8>>, SpoolError> {
    let (plugin, key, value) = (plugin.to_owned(), key.to_owned(), value.map(<[u8]>::to_vec));
    let by = by.clone();
    access.write(move |db| {
        const OLD: &str = "SELECT value FROM kv WHERE plugin = ?1 AND key = ?2";
        let old: Option<Vec<u8>> = db
            .prepare_cached(OLD)?
            .query_row((&plugin, &key), |row| row.get(0))
            .optional()?;
        match &value {
            Some(value) => {
                const SET: &str = "INSERT OR REPLACE INTO kv(plugin, key, value, sum) VALUES(?1, ?2, ?3, ?4)";
                let sum = sums::value(&plugin, &key, value).value();
                db.prepare_cached(SET)?.execute((&plugin, &key, value, sum))?
            }
            None => db
                .prepare_cached("DELETE FROM kv WHERE plugin = ?1 AND key = ?2")?
                .execute((&plugin, &key))?,
        };
        let change = ValueChange {
            at: by.at,
            who: by.who.clone(),
            plugin: plugin.clone(),
            key: key.clone(),
            was: old.clone(),
            is: value.clone(),
        };
        note(db, &change)?;
        Ok(old)
    })
}

fn note(db: &Connection, change: &ValueChange) -> Result<(), SpoolError> {
    const LAST: &str = "SELECT coalesce(max(CAST(key AS INTEGER)), 0) FROM kv WHERE plugin = ?1";
    const NOTE: &str = "INSERT INTO kv(plugin, key, value, sum) VALUES(?1, ?2, ?3, ?4)";
    const FORGET: &str = "DELETE FROM kv WHERE plugin = ?1 AND CAST(key AS INTEGER) <= ?2";
    let number: i64 = db.prepare_cached(LAST)?.query_row([NOTES], |row| row.get(0))?;
    let text = serde_json::json!({
        "at": change.at.0,
        "who": change.who,
        "plugin": change.plugin,
        "key": change.key,
        "was": change.was,
        "is": change.is,
    });
    let (key, text) = (format!("{:019}", number + 1), text.to_string().into_bytes());
    let sum = sums::value(NOTES, &key, &text).value();
    db.prepare_cached(NOTE)?.execute((NOTES, key, text, sum))?;
    db.prepare_cached(FORGET)?.execute((NOTES, number + 1 - KEPT))?;
    Ok(())
}

/// What operators changed, oldest first.
pub(super) fn changes(db: &Connection) -> Result<Vec<ValueChange>, SpoolError> {
    let mut query = db.prepare_cached("SELECT value FROM kv WHERE plugin = ?1 ORDER BY key")?;
    let rows = query.query_map([NOTES], |row| row.get::<_, Vec<u8>>(0))?;
    let mut changes = Vec::new();
    for row in rows {
        let note: serde_json::Value = serde_json::from_slice(&row?).unwrap_or_default();
        let text = |key: &str| note[key].as_str().unwrap_or_default().to_owned();
        let octets = |key: &str| {
            serde_json::from_value::<Option<Vec<u8>>>(note[key].clone())
                .ok()
                .flatten()
        };
        changes.push(ValueChange {
            at: crate::message::Timestamp(note["at"].as_u64().unwrap_or_default()),
            who: text("who"),
            plugin: text("plugin"),
            key: text("key"),
            was: octets("was"),
            is: octets("is"),
        });
    }
    Ok(changes)
}
