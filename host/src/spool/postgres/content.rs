//! Received bytes in the store, read by range.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::connect::Link;
use super::rows::sql_id;
use super::schema::CHUNK;
use super::shared::Shared;
use super::threads::wait;
use crate::message::{Content, MessageId, ReadAt};
use crate::spool::SpoolError;

pub(super) struct Stored {
    shared: Arc<Shared>,
    message: MessageId,
    size: u64,
}

impl Stored {
    pub(super) fn content(shared: &Arc<Shared>, message: MessageId, size: u64) -> Content {
        Content::Stored(Arc::new(Self {
            shared: Arc::clone(shared),
            message,
            size,
        }))
    }
}

impl ReadAt for Stored {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, range: Range<u64>) -> io::Result<Bytes> {
        if range.start > range.end || range.end > self.size {
            let text = format!("octets {range:?} are not in a message of {}", self.size);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        let (shared, message) = (Arc::clone(&self.shared), self.message);
        let read = wait(&self.shared.handle, async move {
            let link = shared.reader().await?;
            read(&link, message, range).await
        });
        read.map_err(|error| match error {
            SpoolError::Gone(_) => io::Error::new(io::ErrorKind::NotFound, "it has left the store"),
            error => io::Error::other(error),
        })
    }
}

/// Octets of a message; an error when it has left the store.
pub(super) async fn read(link: &Link, message: MessageId, range: Range<u64>) -> Result<Bytes, SpoolError> {
    const OCTETS: &str = "
        SELECT substring(octets FROM (greatest($2::int8 - place::int8 * 1048576, 0) + 1)::int4 FOR
            (least($3::int8 - place::int8 * 1048576, 1048576) - greatest($2::int8 - place::int8 * 1048576, 0))::int4) AS octets
        FROM content WHERE message = $1 AND place BETWEEN $4 AND $5 ORDER BY place";
    let wanted = range.end - range.start;
    if wanted == 0 {
        return Ok(Bytes::new());
    }
    let (first, last) = ((range.start / CHUNK) as i32, ((range.end - 1) / CHUNK) as i32);
    let (from, to) = (range.start as i64, range.end as i64);
    let found = link
        .rows(OCTETS, &[&sql_id(message), &from, &to, &first, &last])
        .await?;
    let mut octets = BytesMut::with_capacity(wanted as usize);
    for row in found {
        octets.extend_from_slice(row.get(0));
    }
    match octets.len() as u64 == wanted {
        true => Ok(octets.freeze()),
        false => Err(SpoolError::Gone(message)),
    }
}
