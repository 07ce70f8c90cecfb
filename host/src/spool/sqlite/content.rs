//! Received bytes, read by range as they are asked for.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rusqlite::{Connection, OptionalExtension};

use super::readers::Readers;
use super::schema::{self, CHUNK, chunk_key};
use super::sums;
use crate::message::{Content, MessageId, ReadAt};
use crate::spool::SpoolError;

/// Received bytes in the spool. Reading fails with `NotFound` once the message has been removed.
struct StoredContent {
    readers: Arc<Readers>,
    message: i64,
    size: u64,
}

pub(super) fn received(readers: &Arc<Readers>, id: MessageId) -> Result<Option<Content>, SpoolError> {
    let size = readers.with(|db| {
        let mut query = db.prepare_cached("SELECT size FROM message WHERE id = ?1")?;
        Ok(query
            .query_row([schema::key(id)?], |row| row.get::<_, i64>(0))
            .optional()?)
    })?;
    size.map(|size| stored_content(readers, id, size as u64)).transpose()
}

/// The received bytes of a message, to be read by range.
pub(super) fn stored_content(readers: &Arc<Readers>, message: MessageId, size: u64) -> Result<Content, SpoolError> {
    Ok(Content::Stored(Arc::new(StoredContent {
        readers: readers.clone(),
        message: schema::key(message)?,
        size,
    })))
}

impl ReadAt for StoredContent {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, range: Range<u64>) -> io::Result<Bytes> {
        if range.start > range.end || range.end > self.size {
            let text = format!("octets {range:?} are not in a message of {}", self.size);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        let mut out = BytesMut::with_capacity((range.end - range.start) as usize);
        let read = self.readers.with(|db| read_chunks(db, self.message, &range, &mut out));
        read.map_err(io::Error::other)?;
        if out.len() as u64 != range.end - range.start {
            let text = format!("message {} is no longer in the spool", MessageId(self.message as u64));
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        Ok(out.freeze())
    }
}

/// Appends the octets of `range` that are there.
pub(super) fn read_chunks(
    db: &Connection,
    message: i64,
    range: &Range<u64>,
    out: &mut BytesMut,
) -> Result<(), SpoolError> {
    if range.is_empty() {
        return Ok(());
    }
    let mut query =
        db.prepare_cached("SELECT octets, chunk, sum FROM content WHERE chunk BETWEEN ?1 AND ?2 ORDER BY chunk")?;
    let (first, last) = (range.start / CHUNK, (range.end - 1) / CHUNK);
    let mut rows = query.query((chunk_key(message, first), chunk_key(message, last)))?;
    let mut place = first;
    while let Some(row) = rows.next()? {
        let octets = row.get_ref(0)?.as_blob().unwrap_or_default();
        let chunk = row.get(1)?;
        if chunk != chunk_key(message, place) || !sums::chunk(chunk, octets).holds(row, 2)? {
            return Err(sums::damaged("the content of message", MessageId(message as u64)));
        }
        let at = place * CHUNK;
        let start = (range.start.saturating_sub(at) as usize).min(octets.len());
        let end = ((range.end - at).min(CHUNK) as usize).min(octets.len());
        out.extend_from_slice(&octets[start..end]);
        place += 1;
    }
    Ok(())
}
