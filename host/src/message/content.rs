//! The bytes of a message, in memory or in a file, and ropes over them.
//!
//! Received bytes are never copied and never changed. What leaves the relay is a [`Rope`]: ranges of the received
//! bytes, with new bytes only where somebody edited.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
/// Bytes that are read by range: a temporary file, or a row of the spool. Reading may block on a disk.
pub trait ReadAt: Send + Sync {
    /// Size in octets.
    fn size(&self) -> u64;
    /// Reads exactly the octets of `range`. A range that reaches beyond the end is an error.
    fn read_at(&self, range: Range<u64>) -> io::Result<Bytes>;
}

/// The received bytes of one message: shared, immutable.
#[derive(Clone)]
pub enum Content {
    /// A small message. Dropping the last clone of `lease` gives its octets back to the relay's memory budget.
    Memory {
        bytes: Bytes,
        lease: Option<Arc<dyn Send + Sync>>,
    },
    /// A larger message, read by range.
    Stored(Arc<dyn ReadAt>),
}

/// A run of octets of an outgoing message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Octets of the received message, as they came.
    Received(Range<u64>),
    /// Octets that the relay or a plug-in made.
    New(Bytes),
}

/// An outgoing message: its pieces in order, over the received content.
#[derive(Clone, Debug)]
pub struct Rope {
    pub content: Content,
    pub pieces: Vec<Piece>,
}

impl Content {
    /// Content that counts against no memory budget.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Self::Memory {
            bytes: bytes.into(),
            lease: None,
        }
    }

    /// Size in octets.
    pub fn size(&self) -> u64 {
        match self {
            Self::Memory { bytes, .. } => bytes.len() as u64,
            Self::Stored(stored) => stored.size(),
        }
    }

    /// Reads the octets of `range`. Octets in memory are shared, not copied.
    pub fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        match self {
            Self::Memory { bytes, .. } => {
                let (start, end) = (range.start as usize, range.end as usize);
                if start > end || end > bytes.len() {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        format!("octets {range:?} are not in a message of {}", bytes.len()),
                    ));
                }
                Ok(bytes.slice(start..end))
            }
            Self::Stored(stored) => stored.read_at(range),
        }
    }

    /// Whether reading may wait for a disk.
    pub fn is_in_memory(&self) -> bool {
        matches!(self, Self::Memory { .. })
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.is_in_memory() { "memory" } else { "stored" };
        write!(f, "Content({} octets, {place})", self.size())
    }
}

impl Piece {
    /// Size in octets.
    pub fn size(&self) -> u64 {
        match self {
            Self::Received(range) => range.end - range.start,
            Self::New(bytes) => bytes.len() as u64,
        }
    }
}

impl Rope {
    /// Size in octets.
    pub fn size(&self) -> u64 {
        self.pieces.iter().map(Piece::size).sum()
    }

    /// Copies the whole message into one buffer. Meant for small messages, tests and tools; delivery reads chunk by
    /// chunk.
    pub fn to_bytes(&self) -> io::Result<Bytes> {
        let mut all = Vec::with_capacity(self.size() as usize);
        for chunk in self.chunks(1 << 20) {
            all.extend_from_slice(&chunk?);
        }
        Ok(all.into())
    }

    /// The octets in order, in chunks of at most `max`.
    pub fn chunks(&self, max: u64) -> impl Iterator<Item = io::Result<Bytes>> + '_ {
        self.pieces.iter().flat_map(move |piece| {
            let size = piece.size();
            (0..size).step_by(max.max(1) as usize).map(move |at| {
                let end = (at + max).min(size);
                match piece {
                    Piece::Received(range) => self.content.read(range.start + at..range.start + end),
                    Piece::New(bytes) => Ok(bytes.slice(at as usize..end as usize)),
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rope_reads_the_same_in_chunks_of_any_size() {
        let content = Content::from_bytes(&b"0123456789"[..]);
        let pieces = vec![
            Piece::New(Bytes::from_static(b"ab")),
            Piece::Received(2..7),
            Piece::Received(0..0),
            Piece::Received(9..10),
        ];
        let rope = Rope { content, pieces };
        for max in 1..12 {
            let chunks: Vec<Bytes> = rope.chunks(max).collect::<io::Result<_>>().unwrap();
            assert_eq!(chunks.concat(), b"ab234569", "chunks of {max}");
            assert!(chunks.iter().all(|c| c.len() as u64 <= max));
        }
        assert_eq!(rope.size(), 8);
    }

    #[test]
    fn reading_behind_the_end_is_an_error() {
        assert!(Content::from_bytes(&b"abc"[..]).read(2..4).is_err());
    }
}
