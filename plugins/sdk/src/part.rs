//! Reading the bodies of parts.

use std::io;

use crate::{Fault, Part, message};

/// How many octets the helpers ask for at a time: large enough that calls cost nothing, small against any memory limit.
pub const READ_PIECE: u32 = 64 * 1024;

/// What can be done with a [`Part`]. All sizes are of the decoded body.
pub trait PartExt {
    /// At most `max` octets from `offset` on, in one call. Fewer mean that the part ends there.
    ///
    /// # Errors
    /// [`Fault::Invalid`] when the body cannot be decoded.
    fn read(&self, offset: u64, max: u32) -> Result<Vec<u8>, Fault>;

    /// The body, piece by piece.
    fn reader(&self) -> PartReader;

    /// The whole body, if it is at most `limit` octets; `None` if it is larger, and then no more than `limit` octets and
    /// one piece were read.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_all(&self, limit: u64) -> Result<Option<Vec<u8>>, Fault>;

    /// Whether the body is at most `limit` octets. At most one octet crosses the boundary, none if the encoded size tells.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn fits(&self, limit: u64) -> Result<bool, Fault>;
}

impl PartExt for Part {
    fn read(&self, offset: u64, max: u32) -> Result<Vec<u8>, Fault> {
        message::read_part(self.id, offset, max)
    }

    fn reader(&self) -> PartReader {
        PartReader { id: self.id, offset: 0 }
    }

    fn read_all(&self, limit: u64) -> Result<Option<Vec<u8>>, Fault> {
        collect(limit, self.encoded_size, |offset, max| self.read(offset, max))
    }

    fn fits(&self, limit: u64) -> Result<bool, Fault> {
        Ok(self.encoded_size <= limit || self.read(limit, 1)?.is_empty())
    }
}

/// Pieces of a part's body, in order, each at most [`READ_PIECE`] octets. Also an [`io::Read`].
pub struct PartReader {
    id: u32,
    offset: u64,
}

impl Iterator for PartReader {
    type Item = Result<Vec<u8>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        match message::read_part(self.id, self.offset, READ_PIECE) {
            Ok(piece) if piece.is_empty() => None,
            Ok(piece) => {
                self.offset += piece.len() as u64;
                Some(Ok(piece))
            }
            Err(fault) => Some(Err(fault)),
        }
    }
}

impl io::Read for PartReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let max = u32::try_from(buffer.len()).unwrap_or(READ_PIECE).min(READ_PIECE);
        let piece =
            message::read_part(self.id, self.offset, max).map_err(|fault| io::Error::other(fault.to_string()))?;
        buffer[..piece.len()].copy_from_slice(&piece);
        self.offset += piece.len() as u64;
        Ok(piece.len())
    }
}

/// `encoded` is an upper bound of what is to come, and so a good size for the buffer, up to `limit`.
fn collect<E>(
    limit: u64,
    encoded: u64,
    mut read: impl FnMut(u64, u32) -> Result<Vec<u8>, E>,
) -> Result<Option<Vec<u8>>, E> {
    let mut bytes = Vec::with_capacity(usize::try_from(encoded.min(limit)).unwrap_or(0));
    loop {
        let piece = read(bytes.len() as u64, READ_PIECE)?;
        let last = piece.len() < READ_PIECE as usize;
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > limit {
            return Ok(None);
        }
        if last {
            return Ok(Some(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(length: usize) -> impl FnMut(u64, u32) -> Result<Vec<u8>, Fault> {
        move |offset, max| {
            let left = length.saturating_sub(offset as usize);
            Ok(vec![1; left.min(max as usize)])
        }
    }

    #[test]
    fn a_body_of_exactly_the_limit_is_read() {
        let length = READ_PIECE as usize * 2;
        let body = collect(length as u64, length as u64, source(length)).unwrap();
        assert_eq!(body.map(|bytes| bytes.len()), Some(length));
    }

    #[test]
    fn a_body_one_octet_over_the_limit_is_not_read() {
        assert_eq!(collect(999, 1400, source(1000)).unwrap(), None);
    }

    #[test]
    fn an_endless_body_stops_one_piece_after_the_limit() {
        let mut calls = 0;
        let endless = |_, max: u32| {
            calls += 1;
            Ok::<_, Fault>(vec![0; max as usize])
        };
        assert_eq!(collect(u64::from(READ_PIECE) + 1, u64::MAX, endless).unwrap(), None);
        assert_eq!(calls, 2);
    }

    #[test]
    fn a_fault_of_the_host_comes_through() {
        let result = collect(10, 10, |_, _| Err(Fault::Invalid("no such part".into())));
        assert!(matches!(result, Err(Fault::Invalid(_))));
    }
}
