//! A row of the queue as it is shown to people. One that is damaged is shown as that, and does not hide the others.

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::super::columns::{next_hop, queue_id, time};
use super::super::sums::{self, MessageRow, OutgoingRow};
use crate::message::{Envelope, QueueId, Source, Timestamp};
use crate::spool::stored;
use crate::spool::{QueueEntry, QueueState, SpoolError};

/// What stands in the place of the reason of a damaged row, which may be anything.
const DAMAGED: &str = "it is not as it was written, and left alone: drop it, or restore a backup";

pub(super) fn read(row: &Row) -> Result<QueueEntry, SpoolError> {
    match whole(row) {
        Ok(Some(entry)) => Ok(entry),
        // A column of another type than it was written with is a damaged row too.
        Ok(None) | Err(_) => Ok(damaged(row, queue_id(row, 0)?)),
    }
}

/// `None`: its checksum is that of another row, or it cannot be read.
fn whole(row: &Row) -> Result<Option<QueueEntry>, SpoolError> {
    let id = queue_id(row, 0)?;
    let Some(state) = QueueState::from_code(row.get(2)?).filter(|_| is_as_written(row, id).unwrap_or(false)) else {
        return Ok(None);
    };
    Ok(Some(QueueEntry {
        id,
        state,
        damaged: false,
        next_hop: match row.get_ref(3)? {
            ValueRef::Null => None,
            _ => Some(next_hop(row, 3)?),
        },
        source: Source::new(text(row, 4)?).map_err(|e| SpoolError::Broken(e.0))?,
        envelope: stored::read_envelope(text(row, 5)?)?,
        size: row.get::<_, i64>(6)? as u64,
        attempts: row.get(7)?,
        due: match state {
            QueueState::Waiting | QueueState::Unfinished => Some(time(row, 8)?),
            QueueState::Failed | QueueState::Awaiting | QueueState::Held => None,
        },
        received_at: time(row, 9)?,
        reason: row.get(10)?,
        holders: stored::read_holders(row.get::<_, Option<String>>(11)?.as_deref())?,
        released: row.get(12)?,
        accepted_by: None,
        held_by: None,
    }))
}

/// Whether the row has the checksum that it was written with.
fn is_as_written(row: &Row, id: QueueId) -> rusqlite::Result<bool> {
    let (message, source, envelope) = (row.get(0)?, text(row, 4)?, text(row, 5)?);
    let sum = match id {
        QueueId::AsReceived(_) => sums::message(&MessageRow {
            id: message,
            source,
            remote: text(row, 15)?,
            helo: text(row, 16)?,
            protocol: row.get(17)?,
            received_at: row.get(9)?,
            size: row.get(6)?,
            envelope,
        }),
        QueueId::Destination(of) => {
            let pieces = match row.get_ref(17)? {
                ValueRef::Blob(pieces) => pieces,
                _ => return Ok(true),
            };
            sums::outgoing(&OutgoingRow {
                message,
                ordinal: of.ordinal.get(),
                peer: text(row, 3)?,
                kind: row.get_ref(15)?.as_str_or_null()?,
                expires: row.get(16)?,
                envelope,
                pieces,
                source,
                received: row.get(14)?,
            })
        }
    };
    sum.holds(row, 13)
}

/// What can be said of a damaged row: where it is, and what of the rest can be read at all.
fn damaged(row: &Row, id: QueueId) -> QueueEntry {
    let source = text(row, 4).ok().and_then(|name| Source::new(name).ok());
    QueueEntry {
        id,
        state: row
            .get(2)
            .ok()
            .and_then(QueueState::from_code)
            .unwrap_or(QueueState::Failed),
        damaged: true,
        next_hop: next_hop(row, 3).ok(),
        source: source.unwrap_or(Source::Relay),
        envelope: text(row, 5)
            .ok()
            .and_then(|stored| stored::read_envelope(stored).ok())
            .unwrap_or_else(|| Envelope {
                sender: None,
                recipients: Vec::new(),
            }),
        size: row.get::<_, i64>(6).map_or(0, |size| size as u64),
        attempts: row.get(7).unwrap_or(0),
        due: None,
        received_at: time(row, 9).unwrap_or(Timestamp(0)),
        reason: Some(DAMAGED.to_owned()),
        holders: Vec::new(),
        released: 0,
        accepted_by: None,
        held_by: None,
    }
}

fn text<'a>(row: &'a Row, column: usize) -> rusqlite::Result<&'a str> {
    Ok(row.get_ref(column)?.as_str()?)
}
