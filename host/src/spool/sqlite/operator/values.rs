//! Plug-ins' values, as operators see and change them.
//!
//! What operators changed is noted in the audit, in the same transaction. Before there was one, it was noted in the table of
//! the values, in the name of nobody's plug-in: none is called "".

use rusqlite::{Connection, OptionalExtension};

use super::super::access::Access;
use super::super::sums;
use super::audit::note_change;
use crate::spool::{By, ChangeMade, SpoolError, StoredValue, ValueChange};

/// Whose rows the old notes are.
const NOTES: &str = "";

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
    let (by, noting) = (by.clone(), by.noting.clone());
    let changed = access.write_values(move |db| {
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
        let (before, after) = (old.as_deref(), value.as_deref());
        note_change(db, &by, ChangeMade::Value { before, after })?;
        Ok(old)
    });
    if let Some(noting) = noting.filter(|_| changed.is_ok()) {
        noting.written();
    }
    changed
}

/// What operators changed before there was an audit, oldest first.
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
