//! Checking a whole spool: every page, every checksum, and whether related rows exist.
//!
//! Beside a running relay it reads in short transactions, except for the pages, which SQLite checks in one.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::found_by;
use super::schema;
use super::sums::{self, EventRow, LedgerRow, MessageRow, OutgoingRow, RecordRow, Sum};
use crate::message::{MessageId, QueueId};
use crate::spool::pieces;
use crate::spool::states::statement;
use crate::spool::stored;
use crate::spool::{Soundness, SpoolError};

/// How many faults of each kind are named one by one.
const MOST_NAMED: usize = 100;

/// How many rows are read in one transaction. A long one would keep the log from beginning anew.
const BATCH: usize = 500;

/// Looks through everything.
pub(super) fn check(db: &Connection) -> Result<Soundness, SpoolError> {
    let mut checked = Soundness {
        format: schema::format(db)?,
        ..Soundness::default()
    };
    checked.pages = pages(db, "integrity_check")?;
    for table in TABLES {
        table.check(db, &mut checked)?;
    }
    belongings(db, &mut checked)?;
    found_by::check(db, &mut checked)?;
    Ok(checked)
}

/// The faults that SQLite finds in the pages, for people; empty without faults.
pub(super) fn pages(db: &Connection, how: &str) -> Result<Vec<String>, SpoolError> {
    let mut query = db.prepare(&format!("PRAGMA {how}({MOST_NAMED})"))?;
    let mut faults = Vec::new();
    let mut rows = query.query(())?;
    loop {
        match rows.next() {
            Ok(Some(row)) => faults.push(row.get::<_, String>(0)?),
            Ok(None) => break,
            // SQLite cannot read past this page.
            Err(error) => {
                faults.push(error.to_string());
                break;
            }
        }
    }
    faults.retain(|fault| fault != "ok");
    Ok(faults)
}

/// A table with checksums.
struct Table {
    name: &'static str,
    /// The name of such a row for operators.
    what: &'static str,
    /// The key, by which rows are read in order.
    key: &'static str,
    /// Behind the key and the sum.
    columns: &'static str,
    /// Computes the sum that a row should have. The columns begin after the key's and the sum.
    sum: fn(&Row, usize) -> Result<Sum, SpoolError>,
    id: fn(&Row) -> rusqlite::Result<String>,
}

const TABLES: &[Table] = &[
    Table {
        name: "message",
        what: "message",
        key: "id",
        columns: "source, remote, helo, protocol, received_at, size, envelope",
        sum: |row, at| {
            let envelope = text(row, at + 6)?;
            stored::read_envelope(envelope)?;
            Ok(sums::message(&MessageRow {
                id: row.get(0)?,
                source: text(row, at)?,
                remote: text(row, at + 1)?,
                helo: text(row, at + 2)?,
                protocol: row.get(at + 3)?,
                received_at: row.get(at + 4)?,
                size: row.get(at + 5)?,
                envelope,
            }))
        },
        id: message_id,
    },
    Table {
        name: "content",
        what: "content of message",
        key: "chunk",
        columns: "octets",
        sum: |row, at| Ok(sums::chunk(row.get(0)?, row.get_ref(at)?.as_blob()?)),
        id: |row| {
            let (message, place) = sums::of_chunk(row.get(0)?);
            Ok(format!("{}, part {place}", MessageId(message)))
        },
    },
    Table {
        name: "outgoing",
        what: "destination",
        key: "message, ordinal",
        columns: "peer, kind, expires, envelope, pieces, (SELECT source FROM message WHERE id = t.message),
            (SELECT size FROM message WHERE id = t.message)",
        sum: |row, at| {
            let (envelope, octets) = (text(row, at + 3)?, row.get_ref(at + 4)?.as_blob()?);
            stored::read_envelope(envelope)?;
            if pieces::decode(&bytes::Bytes::copy_from_slice(octets)).is_none() {
                return Err(SpoolError::Damaged("its pieces".into()));
            }
            Ok(sums::outgoing(&OutgoingRow {
                message: row.get(0)?,
                ordinal: row.get(1)?,
                peer: text(row, at)?,
                kind: row.get_ref(at + 1)?.as_str_or_null()?,
                expires: row.get(at + 2)?,
                envelope,
                pieces: octets,
                source: text(row, at + 5)?,
                received: row.get(at + 6)?,
            }))
        },
        id: queue_id,
    },
    Table {
        name: "event",
        what: "outcome",
        key: "id",
        columns: "message, ordinal, peer, outcome, envelope, pieces",
        sum: |row, at| {
            Ok(sums::event(&EventRow {
                message: row.get(at)?,
                ordinal: row.get(at + 1)?,
                peer: text(row, at + 2)?,
                outcome: text(row, at + 3)?,
                envelope: text(row, at + 4)?,
                pieces: row.get_ref(at + 5)?.as_blob()?,
            }))
        },
        id: |row| Ok(row.get::<_, i64>(0)?.to_string()),
    },
    Table {
        name: "request",
        what: "request",
        key: "id",
        columns: "state",
        sum: |row, at| {
            let state = text(row, at)?;
            stored::read_request(state)?;
            Ok(sums::request(row.get(0)?, state))
        },
        id: message_id,
    },
    Table {
        name: "history",
        what: "line of the history of",
        key: "request, place",
        columns: "at, event",
        sum: |row, at| Ok(sums::history(row.get(0)?, row.get(at)?, text(row, at + 1)?)),
        id: |row| Ok(format!("{}, {}", message_id(row)?, row.get::<_, i64>(1)?)),
    },
    Table {
        name: "record",
        what: "record of stream",
        key: "stream, sequence",
        columns: "message, ordinal, recorded_at, plugin, version, record",
        sum: |row, at| {
            Ok(sums::record(&RecordRow {
                stream: text(row, 0)?,
                sequence: row.get(1)?,
                message: row.get(at)?,
                ordinal: row.get(at + 1)?,
                recorded_at: row.get(at + 2)?,
                plugin: text(row, at + 3)?,
                version: text(row, at + 4)?,
                record: text(row, at + 5)?,
            }))
        },
        id: |row| Ok(format!("{}, {}", row.get::<_, String>(0)?, row.get::<_, i64>(1)?)),
    },
    Table {
        name: "mark",
        what: "mark in stream",
        key: "stream, reader",
        columns: "sequence, file",
        sum: |row, at| Ok(sums::mark(text(row, 0)?, text(row, 1)?, row.get(at)?, row.get(at + 1)?)),
        id: |row| Ok(format!("{}, of {}", row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
    },
    Table {
        name: "ledger",
        what: "line of the ledger",
        key: "message, place",
        columns: "at, what, ordinal, recipients, peer, record, sums, about",
        sum: |row, at| {
            Ok(sums::ledger(&LedgerRow {
                message: row.get(0)?,
                at: row.get(at)?,
                what: row.get(at + 1)?,
                ordinal: row.get(at + 2)?,
                recipients: text(row, at + 3)?,
                peer: row.get_ref(at + 4)?.as_str_or_null()?,
                record: row.get(at + 5)?,
                sums: row.get_ref(at + 6)?.as_blob_or_null()?,
                about: row.get_ref(at + 7)?.as_str_or_null()?,
            }))
        },
        id: |row| Ok(format!("{}, {}", message_id(row)?, row.get::<_, i64>(1)?)),
    },
    Table {
        name: "kv",
        what: "value of plug-in",
        key: "plugin, key",
        columns: "value",
        sum: |row, at| Ok(sums::value(text(row, 0)?, text(row, 1)?, row.get_ref(at)?.as_blob()?)),
        id: |row| Ok(format!("{}, {}", row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
    },
];

fn text<'a>(row: &'a Row, column: usize) -> rusqlite::Result<&'a str> {
    Ok(row.get_ref(column)?.as_str()?)
}

fn message_id(row: &Row) -> rusqlite::Result<String> {
    Ok(MessageId(row.get::<_, i64>(0)? as u64).to_string())
}

fn queue_id(row: &Row) -> rusqlite::Result<String> {
    Ok(QueueId::of(MessageId(row.get::<_, i64>(0)? as u64), row.get(1)?).to_string())
}

impl Table {
    fn keys(&self) -> usize {
        self.key.split(", ").count()
    }

    /// Every row's sum, in the order of the keys, some rows in each transaction.
    fn check(&self, db: &Connection, checked: &mut Soundness) -> Result<(), SpoolError> {
        let (keys, key) = (self.keys(), self.key);
        let marks: Vec<String> = (1..=keys).map(|n| format!("?{n}")).collect();
        let sql = |where_: &str| {
            format!(
                "SELECT {key}, sum, {} FROM {} AS t {where_} ORDER BY {key} LIMIT {BATCH}",
                self.columns, self.name
            )
        };
        let (first, next) = (sql(""), sql(&format!("WHERE ({key}) > ({})", marks.join(", "))));
        let (mut after, mut total) = (None::<Vec<rusqlite::types::Value>>, 0u64);
        loop {
            let mut query = db.prepare_cached(if after.is_none() { &first } else { &next })?;
            let mut rows = query.query(rusqlite::params_from_iter(after.take().unwrap_or_default()))?;
            let mut here = 0;
            loop {
                match rows.next() {
                    Ok(Some(row)) => {
                        here += 1;
                        self.look_at(row, keys, checked);
                        if here == BATCH {
                            after = Some((0..keys).map(|n| row.get(n)).collect::<rusqlite::Result<_>>()?);
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        checked.name(format!(
                            "{}: rows behind the {total}th cannot be read: {error}",
                            self.name
                        ));
                        break;
                    }
                }
            }
            total += here as u64;
            if after.is_none() {
                checked.rows.push((self.what, total));
                return Ok(());
            }
        }
    }

    fn look_at(&self, row: &Row, keys: usize, checked: &mut Soundness) {
        let why = match (self.sum)(row, keys + 1) {
            Ok(_) if matches!(row.get_ref(keys), Ok(ValueRef::Null)) => {
                checked.without_sum += 1;
                return;
            }
            Ok(sum) => match sum.holds(row, keys) {
                Ok(true) => return,
                Ok(false) => "is not as it was written".to_owned(),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        let id = (self.id)(row).unwrap_or_else(|_| "without a name".to_owned());
        checked.name(format!("{} {id}: {why}", self.what));
    }
}

/// Whether related rows exist and times are plausible: bytes of messages, messages of destinations.
fn belongings(db: &Connection, checked: &mut Soundness) -> Result<(), SpoolError> {
    const SIZES: &str = "
        SELECT id, size, (SELECT coalesce(sum(length(octets)), 0) FROM content
            WHERE chunk >= id << ?1 AND chunk < (id + 1) << ?1) AS stored FROM message WHERE size <> stored";
    const NOBODYS: &str = "
        SELECT message, ordinal FROM outgoing WHERE message NOT IN (SELECT id FROM message)";
    const STATES: &str = statement!(
        "SELECT message, ordinal FROM outgoing WHERE state NOT IN ({waiting}, {failed}, {awaiting}, {held})"
    );
    let mut named: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut sizes = db.prepare(SIZES)?;
    let mut rows = sizes.query([schema::PLACE_BITS])?;
    while let Ok(Some(row)) = rows.next() {
        let id = message_id(row)?;
        let octets: (i64, i64) = (row.get(1).unwrap_or(-1), row.get(2).unwrap_or(-1));
        let line = format!("message {id}: {} octets of {} are there", octets.1, octets.0);
        named.entry("sizes").or_default().push(line);
    }
    for (sql, what) in [
        (NOBODYS, "its message is not there"),
        (STATES, "it is in no state that there is"),
    ] {
        let mut query = db.prepare(sql)?;
        let mut rows = query.query(())?;
        while let Ok(Some(row)) = rows.next() {
            let line = format!("destination {}: {what}", queue_id(row)?);
            named.entry(what).or_default().push(line);
        }
    }
    named.into_values().flatten().for_each(|line| checked.name(line));
    Ok(())
}
