//! An outgoing message, from its row and that of the message that it comes from.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, Row};

use super::columns::{kind, time};
use super::content::stored_content;
use super::readers::Readers;
use super::schema;
use super::sums::{self, OutgoingRow};
use crate::message::{NextHop, Outgoing, OutgoingId, Rope, Source, Timestamp};
use crate::spool::SpoolError;
use crate::spool::pieces;
use crate::spool::stored;

/// The outgoing message with this id and the octets that its own pieces hold; `None` when it is gone or damaged.
pub(super) fn read_outgoing(
    db: &Connection,
    readers: &Arc<Readers>,
    id: OutgoingId,
) -> Result<Option<(Outgoing, usize)>, SpoolError> {
    const QUERY: &str = "
        SELECT o.peer, m.source, m.since, m.size, o.attempts, o.envelope, o.pieces, o.expires, o.kind, o.repeats, o.reason, o.sum
        FROM outgoing o JOIN message m ON m.id = o.message WHERE o.message = ?1 AND o.ordinal = ?2";
    let mut query = db.prepare_cached(QUERY)?;
    let mut rows = query.query((schema::key(id.message)?, id.ordinal.get()))?;
    match rows.next()? {
        Some(row) => {
            let expires: Option<i64> = row.get(7)?;
            if !is_whole(row, id, expires)? {
                return Ok(None);
            }
            let (kind, repeats) = (kind(row, 8)?, row.get(9)?);
            let said = row.get(10)?;
            let found = outgoing_of(row, readers, id)?;
            Ok(found.map(|(outgoing, octets)| {
                let outgoing = Outgoing {
                    expires_at: expires.map(|at| Timestamp(at as u64)),
                    kind,
                    repeats,
                    said,
                    ..outgoing
                };
                (outgoing, octets)
            }))
        }
        None => Ok(None),
    }
}

/// Whether the columns of the query above are as they were written.
fn is_whole(row: &Row, id: OutgoingId, expires: Option<i64>) -> Result<bool, SpoolError> {
    let text = |column: usize| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str().unwrap_or_default());
    let sum = sums::outgoing(&OutgoingRow {
        message: schema::key(id.message)?,
        ordinal: id.ordinal.get(),
        peer: text(0)?,
        kind: row.get_ref(8)?.as_str_or_null().unwrap_or_default(),
        expires,
        envelope: text(5)?,
        pieces: row.get_ref(6)?.as_blob().unwrap_or_default(),
        source: text(1)?,
        received: row.get(3)?,
    });
    Ok(sum.holds(row, 11)?)
}

/// An outgoing message from its columns, in the order of the queries above: without what only one of them asks for.
pub(super) fn outgoing_of(
    row: &Row,
    readers: &Arc<Readers>,
    id: OutgoingId,
) -> Result<Option<(Outgoing, usize)>, SpoolError> {
    let stored = Bytes::from(row.get::<_, Vec<u8>>(6)?);
    let octets = stored.len();
    let envelope = stored::read_envelope(row.get_ref(5)?.as_str().unwrap_or_default()).ok();
    let ends = (
        NextHop::new(&row.get::<_, String>(0)?),
        Source::new(&row.get::<_, String>(1)?),
    );
    let ((Ok(next_hop), Ok(source)), Some(envelope), Some(pieces)) = (ends, envelope, pieces::decode(&stored)) else {
        return Ok(None);
    };
    let content = stored_content(readers, id.message, row.get::<_, i64>(3)? as u64)?;
    let outgoing = Outgoing {
        id,
        next_hop,
        source,
        received_at: time(row, 2)?,
        envelope,
        rope: Rope { content, pieces },
        kind: None,
        repeats: 0,
        header: None,
        parts: None,
        attempts: row.get(4)?,
        said: None,
        expires_at: None,
    };
    Ok(Some((outgoing, octets)))
}
