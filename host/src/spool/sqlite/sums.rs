//! Checksums of stored data: of every chunk of a message's bytes, and of each row that a decision depends on.
//!
//! The column `sum` has a CRC-32 of the row. It detects every change of up to four adjacent octets, and all but one in
//! four thousand million of other changes. It is no signature: whoever can write the file can write the sum. Null means
//! that the row was written before format 6.
//!
//! | rows | the sum covers | if it does not match |
//! |---|---|---|
//! | `content` | key, octets | reading fails, and so does the delivery: the message waits, and is reported |
//! | `message` | id, source, address, protocol, time of arrival, size, envelope | its chain is not run |
//! | `outgoing` | id, next hop, type, expiry, envelope, pieces; source and size of its message | it is not sent |
//! | `event` | id of its message, next hop, outcome, envelope, pieces | no plug-in is told |
//! | `request` | id, state | it counts as unknown |
//! | `history`, `ledger` | the line | it is left out, or reported |
//! | `record` | all of it | readers of the stream do not see it |
//! | `mark` | all of it | its reader does not go on |
//! | `kv` | all of it | reading it fails |
//!
//! The due time and the number of attempts have no checksum: they change often and are in an index too, so `spool
//! check` compares the two. The keys of requests have none either: `spool check` computes them from the requests.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crc32fast::Hasher;
use rusqlite::Row;
use rusqlite::types::Value;

use super::schema;
use crate::spool::SpoolError;

/// A checksum under construction. Each part is preceded by its length, so that no octet can move from one part to the
/// next.
pub(super) struct Sum(Hasher);

impl Sum {
    /// Begins the sum of a row of this table, so that rows of two tables cannot replace each other.
    pub fn of(table: &str) -> Self {
        Self(Hasher::new()).text(table)
    }

    pub fn number(mut self, number: i64) -> Self {
        self.0.update(&number.to_le_bytes());
        self
    }

    pub fn maybe(self, number: Option<i64>) -> Self {
        match number {
            Some(number) => self.number(1).number(number),
            None => self.number(0),
        }
    }

    pub fn text(self, text: &str) -> Self {
        self.octets(text.as_bytes())
    }

    pub fn octets(mut self, octets: &[u8]) -> Self {
        self.0.update(&(octets.len() as u64).to_le_bytes());
        self.0.update(octets);
        self
    }

    /// As it is stored.
    pub fn value(self) -> i64 {
        self.0.finalize().into()
    }

    /// Whether the stored sum in this column is equal, or missing.
    pub fn holds(self, row: &Row, column: usize) -> rusqlite::Result<bool> {
        let stored: Value = row.get(column)?;
        Ok(matches!(stored, Value::Null) || stored == Value::Integer(self.value()))
    }
}

pub(super) fn chunk(key: i64, octets: &[u8]) -> Sum {
    Sum::of("content").number(key).octets(octets)
}

/// The columns of a received message that do not change while it is there, and its envelope.
pub(super) struct MessageRow<'a> {
    pub id: i64,
    pub source: &'a str,
    pub remote: &'a str,
    pub helo: &'a str,
    pub protocol: i64,
    pub received_at: i64,
    pub size: i64,
    pub envelope: &'a str,
}

pub(super) fn message(row: &MessageRow<'_>) -> Sum {
    Sum::of("message")
        .number(row.id)
        .text(row.source)
        .text(row.remote)
        .text(row.helo)
        .number(row.protocol)
        .number(row.received_at)
        .number(row.size)
        .text(row.envelope)
}

/// An outgoing message. `source` and `received` are those of its received message, whose row is not read as a whole for
/// sending.
pub(super) struct OutgoingRow<'a> {
    pub message: i64,
    pub ordinal: u32,
    pub peer: &'a str,
    pub kind: Option<&'a str>,
    pub expires: Option<i64>,
    pub envelope: &'a str,
    pub pieces: &'a [u8],
    pub source: &'a str,
    pub received: i64,
}

pub(super) fn outgoing(row: &OutgoingRow<'_>) -> Sum {
    Sum::of("outgoing")
        .number(row.message)
        .number(row.ordinal.into())
        .text(row.peer)
        .text(row.kind.unwrap_or_default())
        .maybe(row.expires)
        .text(row.envelope)
        .octets(row.pieces)
        .text(row.source)
        .number(row.received)
}

/// An outcome that plug-ins must still be told.
pub(super) struct EventRow<'a> {
    pub message: i64,
    pub ordinal: u32,
    pub peer: &'a str,
    pub outcome: &'a str,
    pub envelope: &'a str,
    pub pieces: &'a [u8],
}

pub(super) fn event(row: &EventRow<'_>) -> Sum {
    Sum::of("event")
        .number(row.message)
        .number(row.ordinal.into())
        .text(row.peer)
        .text(row.outcome)
        .text(row.envelope)
        .octets(row.pieces)
}

pub(super) fn request(id: i64, state: &str) -> Sum {
    Sum::of("request").number(id).text(state)
}

/// Without its place, which is given in the database.
pub(super) fn history(request: i64, at: i64, event: &str) -> Sum {
    Sum::of("history").number(request).number(at).text(event)
}

pub(super) struct RecordRow<'a> {
    pub stream: &'a str,
    pub sequence: i64,
    pub message: i64,
    pub ordinal: u32,
    pub recorded_at: i64,
    pub plugin: &'a str,
    pub version: &'a str,
    pub record: &'a str,
}

pub(super) fn record(row: &RecordRow<'_>) -> Sum {
    Sum::of("record")
        .text(row.stream)
        .number(row.sequence)
        .number(row.message)
        .number(row.ordinal.into())
        .number(row.recorded_at)
        .text(row.plugin)
        .text(row.version)
        .text(row.record)
}

/// A line of the ledger, without its place, which is given in the database.
pub(super) struct LedgerRow<'a> {
    pub message: i64,
    pub at: i64,
    pub what: i64,
    pub ordinal: u32,
    pub recipients: &'a str,
    pub peer: Option<&'a str>,
    pub record: Option<i64>,
    pub sums: Option<&'a [u8]>,
    pub about: Option<&'a str>,
}

pub(super) fn ledger(row: &LedgerRow<'_>) -> Sum {
    Sum::of("ledger")
        .number(row.message)
        .number(row.at)
        .number(row.what)
        .number(row.ordinal.into())
        .text(row.recipients)
        .text(row.peer.unwrap_or_default())
        .maybe(row.record)
        .octets(row.sums.unwrap_or_default())
        .text(row.about.unwrap_or_default())
}

pub(super) fn mark(stream: &str, reader: &str, sequence: i64, file: u32) -> Sum {
    Sum::of("mark")
        .text(stream)
        .text(reader)
        .number(sequence)
        .number(file.into())
}

pub(super) fn value(plugin: &str, key: &str, value: &[u8]) -> Sum {
    Sum::of("kv").text(plugin).text(key).octets(value)
}

/// Damaged rows found since the process began, in all spools.
static FOUND: AtomicU64 = AtomicU64::new(0);

/// The number of damaged rows that were found.
pub(super) fn found() -> u64 {
    FOUND.load(Relaxed)
}

/// Logs that a row is damaged and left alone.
pub(super) fn quarantine(what: &str, id: impl std::fmt::Display) {
    FOUND.fetch_add(1, Relaxed);
    tracing::error!(
        event = "spool-damaged",
        "{what} {id} is damaged in the spool, and left alone: drop it, or restore a backup"
    );
}

/// Logs the same, and returns an error for the caller.
pub(super) fn damaged(what: &str, id: impl std::fmt::Display) -> SpoolError {
    FOUND.fetch_add(1, Relaxed);
    tracing::error!(
        event = "spool-damaged",
        "{what} {id} is damaged in the spool, and left alone"
    );
    SpoolError::Damaged(format!("{what} {id} is not as it was written"))
}

/// The message that a chunk belongs to, and the chunk's place in it.
pub(super) fn of_chunk(key: i64) -> (u64, i64) {
    let bits = schema::PLACE_BITS;
    ((key >> bits) as u64, key & ((1 << bits) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_octet_can_move_from_one_part_to_the_next() {
        let sum = |a: &str, b: &str| Sum::of("kv").text(a).text(b).value();
        assert_ne!(sum("ab", "c"), sum("a", "bc"));
        assert_ne!(Sum::of("a").maybe(None).value(), Sum::of("a").maybe(Some(0)).value());
    }

    #[test]
    fn every_octet_that_differs_is_found() {
        let octets: Vec<u8> = (0..70_000u32).map(|n| (n % 251) as u8).collect();
        let sum = chunk(7, &octets).value();
        for at in (0..octets.len()).step_by(997) {
            for flip in [1, 0x80, 0xff] {
                let mut changed = octets.clone();
                changed[at] ^= flip;
                assert_ne!(chunk(7, &changed).value(), sum, "octet {at}");
            }
        }
        assert_ne!(chunk(8, &octets).value(), sum);
    }
}
