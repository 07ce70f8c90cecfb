//! Sending the body: read in batches, framed, written. At most one batch is in memory.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::client::{Client, ClientError};
use super::options::Convert;
use super::written::{Extent, MayEnd};
use crate::message::{Content, Piece, Rope, Timeouts};
use crate::protocol::smtp::outbound::{DotStuffer, StrayLineEnd};

/// Octets of stored content that are read and written at a time. Each of a thousand sessions holds this much.
const BATCH: u64 = 128 << 10;

/// The same for content in memory, which takes no further memory: larger batches save system calls.
const MEMORY_BATCH: u64 = 1 << 20;

/// Why a message was not written completely. The end of data was not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the message cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error(transparent)]
    Stray(#[from] StrayLineEnd),
}

/// Writes the message and the end of data.
pub(super) async fn write(
    client: &mut Client,
    rope: &Rope,
    timeouts: &Timeouts,
    may_end: MayEnd<'_>,
) -> Result<(), BodyError> {
    let (mut cursor, mut stuffer, mut framed) = (Cursor::new(rope), DotStuffer::default(), Vec::new());
    let mut pieces = VecDeque::new();
    loop {
        let (after, batch) = cursor.next_batch().await?;
        cursor = after;
        for chunk in batch {
            stuffer.encode(chunk, &mut framed)?;
        }
        pieces.extend(framed.drain(..));
        if cursor.is_done() {
            stuffer.finish(&mut framed)?;
            pieces.extend(framed);
            let written = Extent::ToItsEnd(may_end);
            return Ok(client.write_message(&mut pieces, written, timeouts.block).await?);
        }
        client
            .write_message(&mut pieces, Extent::InPart, timeouts.block)
            .await?;
    }
}

/// Whether any octet of the message is above 127.
pub(super) async fn has_eight_bit(rope: &Rope) -> io::Result<bool> {
    let mut cursor = Cursor::new(rope);
    while !cursor.is_done() {
        let (after, batch) = cursor.next_batch().await?;
        cursor = after;
        if batch.iter().any(|chunk| !chunk.is_ascii()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The message converted to 7bit.
pub(super) async fn convert(rope: &Rope, convert: Convert) -> Result<Rope, String> {
    let rope = rope.clone();
    let converting = spawn_blocking(move || {
        let whole = rope.to_bytes().map_err(|error| error.to_string())?;
        let converted = convert(&whole)?;
        if !converted.is_ascii() {
            return Err("octets above 127 are left after conversion".to_owned());
        }
        Ok(Rope {
            content: Content::from_bytes(Bytes::new()),
            pieces: vec![Piece::New(converted)],
        })
    });
    converting.await.map_err(|panic| panic.to_string())?
}

/// A position in a rope. It owns the rope, so that it can move to a thread that may block.
struct Cursor {
    rope: Rope,
    piece: usize,
    offset: u64,
}

impl Cursor {
    fn new(rope: &Rope) -> Self {
        Self {
            rope: rope.clone(),
            piece: 0,
            offset: 0,
        }
    }

    fn is_done(&self) -> bool {
        self.piece == self.rope.pieces.len()
    }

    /// The next chunks, at most a batch together; read in another thread when reading may wait for a disk.
    async fn next_batch(mut self) -> io::Result<(Self, Vec<Bytes>)> {
        if self.rope.content.is_in_memory() {
            let batch = self.read()?;
            return Ok((self, batch));
        }
        let reading = spawn_blocking(move || self.read().map(|batch| (self, batch)));
        reading.await.map_err(io::Error::other)?
    }

    fn read(&mut self) -> io::Result<Vec<Bytes>> {
        let in_memory = self.rope.content.is_in_memory();
        let (mut batch, mut room) = (Vec::new(), if in_memory { MEMORY_BATCH } else { BATCH });
        while let Some(piece) = self.rope.pieces.get(self.piece).filter(|_| room > 0) {
            let take = (piece.size() - self.offset).min(room);
            let (from, to) = (self.offset, self.offset + take);
            batch.push(match piece {
                Piece::Received(range) => self.rope.content.read(range.start + from..range.start + to)?,
                Piece::New(bytes) => bytes.slice(from as usize..to as usize),
            });
            room -= take;
            self.offset = to;
            if to == piece.size() {
                self.piece += 1;
                self.offset = 0;
            }
        }
        Ok(batch)
    }
}
