//! Reading what is in the queue, for people.

use bytes::{Bytes, BytesMut};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::super::columns::queue_id;
use super::super::content::read_chunks;
use super::super::schema::key;
use super::entry;
use crate::message::{MessageId, Piece, QueueId};
use crate::spool::pieces;
use crate::spool::states::statement;
use crate::spool::stored;
use crate::spool::{ContentOf, Details, Filter, QueueEntry, QueueState, SpoolError};

/// Octets of a message that [`Look::show`] looks through for the end of its header.
const MOST_HEADER: u64 = 256 * 1024;

/// A look at the queue, on some connection.
pub(super) struct Look<'db> {
    pub db: &'db Connection,
}

impl QueueState {
    /// What the row `m` of a received message has in this state; `None` for the states that only destinations have.
    pub(super) fn as_received(self) -> Option<&'static str> {
        match self {
            Self::Waiting | Self::Awaiting => None,
            Self::Failed => Some("m.hold IS NOT NULL AND m.due IS NULL AND m.failed"),
            Self::Held => Some("m.hold IS NOT NULL AND m.due IS NULL AND NOT m.failed"),
            Self::Unfinished => Some("m.due IS NOT NULL"),
        }
    }
}

/// The columns of [`entry::read`]: what both have, then the sum and what else it is of. A destination with more than 64 KiB
/// of its own is not compared with its sum: a list would read the pictures of a thousand messages. Its delivery is.
const DESTINATIONS: &str = "
    SELECT o.message, o.ordinal, o.state, o.peer, m.source, o.envelope, o.size, o.attempts, o.due, m.received_at, o.reason,
        NULL, 0, o.sum, m.size, o.kind, o.expires, iif(length(o.pieces) <= 65536, o.pieces, NULL)
    FROM outgoing o JOIN message m ON m.id = o.message";
const AS_RECEIVED: &str = statement!(
    "
    SELECT m.id, 0, CASE WHEN m.due IS NOT NULL THEN {unfinished} WHEN m.failed THEN {failed} ELSE {held} END, NULL, m.source, m.envelope, m.size,
        m.attempts, m.due, m.received_at, m.hold, m.holders, m.released,
        m.sum, m.size, m.remote, m.helo, m.protocol
    FROM message m WHERE m.hold IS NOT NULL"
);

impl Look<'_> {
    /// The entries that `filter` names, in the order of their ids.
    pub(super) fn list(&self, filter: &Filter) -> Result<Vec<QueueEntry>, SpoolError> {
        let after = match filter.after {
            Some(id) => (key(id.message())?, i64::from(id.number())),
            None => (-1, 0),
        };
        let mut selects = Vec::new();
        let mut values = vec![Value::from(after.0), after.1.into(), (filter.limit as i64).into()];
        if filter.state != Some(QueueState::Unfinished) {
            let mut select = format!("SELECT * FROM ({DESTINATIONS} WHERE (o.message, o.ordinal) > (?1, ?2)");
            if let Some(state) = filter.state {
                // A number in the text, so that SQLite sees which index is for this state alone.
                select.push_str(&format!(" AND o.state = {}", state.code()));
            }
            if let Some(next_hop) = &filter.next_hop {
                values.push(next_hop.as_str().to_owned().into());
                select.push_str(" AND o.peer = ?4");
            }
            selects.push(select + " ORDER BY 1, 2 LIMIT ?3)");
        }
        let of_state = match filter.state {
            None => Some("TRUE"),
            Some(state) => state.as_received(),
        };
        if let (Some(of_state), None) = (of_state, &filter.next_hop) {
            let select = format!("{AS_RECEIVED} AND {of_state} AND (m.id, 0) > (?1, ?2) ORDER BY m.id LIMIT ?3");
            selects.push(format!("SELECT * FROM ({select})"));
        }
        if selects.is_empty() {
            return Ok(Vec::new());
        }
        let sql = selects.join(" UNION ALL ") + " ORDER BY 1, 2 LIMIT ?3";
        let mut query = self.db.prepare(&sql)?;
        query.query_and_then(params_from_iter(values), entry::read)?.collect()
    }

    /// `None` when nothing of that id is in the queue.
    pub(super) fn show(&self, id: QueueId) -> Result<Option<Details>, SpoolError> {
        const ORIGIN: &str = "SELECT remote, helo, envelope, journey FROM message WHERE id = ?1";
        let _snapshot = self.db.unchecked_transaction()?;
        let message = key(id.message())?;
        let Some(entry) = self.entry(id)? else {
            return Ok(None);
        };
        let origin = |row: &Row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, String>(3)?,
            ))
        };
        let (remote, helo, envelope, journey) = self.db.query_row(ORIGIN, [message], origin)?;
        Ok(Some(Details {
            header: self.header(id, &entry)?,
            entry,
            remote,
            helo,
            envelope: stored::read_envelope(&envelope)?,
            journey: stored::read_journey(&journey)?,
        }))
    }

    /// Everything of a message that is in the queue, in the order of the ids.
    pub(super) fn entries_of(&self, message: MessageId) -> Result<Vec<QueueId>, SpoolError> {
        const ENTRIES: &str = "
            SELECT id, 0 FROM message WHERE id = ?1 AND hold IS NOT NULL
            UNION ALL SELECT message, ordinal FROM outgoing WHERE message = ?1 ORDER BY 2";
        let mut query = self.db.prepare_cached(ENTRIES)?;
        let ids = query.query_map([key(message)?], |row| queue_id(row, 0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    pub(super) fn entry(&self, id: QueueId) -> Result<Option<QueueEntry>, SpoolError> {
        let sql = match id {
            QueueId::AsReceived(_) => format!("{AS_RECEIVED} AND m.id = ?1 AND ?2 = 0"),
            QueueId::Destination(_) => format!("{DESTINATIONS} WHERE o.message = ?1 AND o.ordinal = ?2"),
        };
        let mut query = self.db.prepare_cached(&sql)?;
        let mut rows = query.query((key(id.message())?, id.number()))?;
        rows.next()?.map(entry::read).transpose()
    }

    /// See [`Operator::content`](crate::spool::Operator::content).
    pub(super) fn content(&self, of: ContentOf, from: u64, most: u64) -> Result<Option<(Bytes, u64)>, SpoolError> {
        const SIZE: &str = "SELECT size FROM message WHERE id = ?1";
        let _snapshot = self.db.unchecked_transaction()?;
        let message = match of {
            ContentOf::Received(message) => message,
            ContentOf::Entry(id) => id.message(),
        };
        let mut query = self.db.prepare_cached(SIZE)?;
        let received = query.query_row([key(message)?], |row| row.get::<_, i64>(0));
        let Some(received) = received.optional()? else {
            return Ok(None);
        };
        let pieces = match of {
            ContentOf::Entry(id) if self.entry(id)?.is_none() => return Ok(None),
            ContentOf::Entry(id) => self.pieces(id, received as u64)?,
            ContentOf::Received(_) => vec![Piece::Received(0..received as u64)],
        };
        let total = pieces.iter().map(Piece::size).sum();
        let (mut octets, mut skipped) = (BytesMut::new(), 0);
        for piece in pieces {
            let begins = skipped;
            skipped += piece.size();
            let room = most.saturating_sub(octets.len() as u64);
            let first = from.saturating_sub(begins).min(piece.size());
            let last = piece.size().min(first + room);
            match piece {
                Piece::New(new) => octets.extend_from_slice(&new[first as usize..last as usize]),
                Piece::Received(range) => {
                    let wanted = range.start + first..range.start + last;
                    read_chunks(self.db, key(message)?, &wanted, &mut octets)?;
                }
            }
        }
        Ok(Some((octets.freeze(), total)))
    }

    /// What an entry is made of; `received` is the size of its message as received.
    fn pieces(&self, id: QueueId, received: u64) -> Result<Vec<Piece>, SpoolError> {
        const PIECES: &str = "SELECT pieces FROM outgoing WHERE message = ?1 AND ordinal = ?2";
        let stored: Option<Vec<u8>> = self
            .db
            .query_row(PIECES, (key(id.message())?, id.number()), |row| row.get(0))
            .optional()?;
        match stored {
            None => Ok(vec![Piece::Received(0..received)]),
            Some(stored) => pieces::decode(&stored.into())
                .ok_or_else(|| SpoolError::Broken(format!("the pieces of {id} are damaged"))),
        }
    }

    fn header(&self, id: QueueId, entry: &QueueEntry) -> Result<Bytes, SpoolError> {
        let message = key(id.message())?;
        let pieces = self.pieces(id, entry.size)?;
        let mut header = BytesMut::new();
        for piece in pieces {
            let room = MOST_HEADER - header.len() as u64;
            match piece {
                Piece::New(new) => header.extend_from_slice(&new[..new.len().min(room as usize)]),
                Piece::Received(range) => {
                    let end = range.end.min(range.start + room);
                    read_chunks(self.db, message, &(range.start..end), &mut header)?;
                }
            }
            if let Some(end) = header.windows(4).position(|octets| octets == b"\r\n\r\n") {
                header.truncate(end + 4);
                break;
            }
            if header.len() as u64 == MOST_HEADER {
                break;
            }
        }
        Ok(header.freeze())
    }
}
