//! One column, or two, to a value and back: what every query of this store has in common.

use rusqlite::Row;

use crate::message::{MessageId, MessageType, NextHop, OutgoingId, QueueId, Timestamp};
use crate::spool::SpoolError;
use crate::spool::stored;

pub(super) fn sql_time(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

pub(super) fn time(row: &Row, column: usize) -> rusqlite::Result<Timestamp> {
    Ok(Timestamp(row.get::<_, i64>(column)? as u64))
}

pub(super) fn next_hop(row: &Row, column: usize) -> Result<NextHop, SpoolError> {
    NextHop::new(&row.get::<_, String>(column)?).map_err(|e| SpoolError::Broken(e.0))
}

/// A message's id in this column and an ordinal in the next.
pub(super) fn queue_id(row: &Row, column: usize) -> rusqlite::Result<QueueId> {
    let message = MessageId(row.get::<_, i64>(column)? as u64);
    Ok(QueueId::of(message, row.get(column + 1)?))
}

/// As [`queue_id`], where only destinations are.
pub(super) fn outgoing_id(row: &Row, column: usize) -> rusqlite::Result<OutgoingId> {
    let id = queue_id(row, column)?;
    id.destination()
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(column + 1, 0))
}

/// The type of an outgoing message: unknown in a row of format 3, and of a later version's making.
pub(super) fn kind(row: &Row, column: usize) -> rusqlite::Result<Option<MessageType>> {
    let word: Option<String> = row.get(column)?;
    Ok(word.and_then(|word| stored::read_kind(&word)))
}
