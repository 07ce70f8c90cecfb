//! From an index back to bytes.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::message::{Block, Field, Message, Piece, Rope};

/// The message as it goes out: `trace`, which is our `Received` field, then the fields, then the body.
///
/// Adjacent ranges of the received message become one piece, and so do adjacent new octets: an unedited message is its
/// trace and one range.
pub fn serialise(message: &Message, trace: Field) -> Rope {
    let mut pieces = Joiner::default();
    pieces.new_octets(trace.raw());
    for field in &message.header.fields {
        match field.place() {
            Some(range) => pieces.received(range),
            None => pieces.new_octets(field.raw()),
        }
    }
    for block in &message.body {
        match block {
            Block::Verbatim(piece) => pieces.piece(piece),
            Block::Part(id) => {
                if let Some(part) = message.part(*id) {
                    pieces.piece(&part.delimiter);
                    pieces.piece(&part.header);
                    pieces.piece(&part.body);
                }
            }
        }
    }
    Rope {
        content: message.content.clone(),
        pieces: pieces.finish(),
    }
}

/// New octets up to this size are copied together; larger ones, which are bodies, are shared.
const COPY_OCTETS: usize = 4_096;

#[derive(Default)]
struct Joiner {
    pieces: Vec<Piece>,
    fresh: BytesMut,
}

impl Joiner {
    fn piece(&mut self, piece: &Piece) {
        match piece {
            Piece::Received(range) => self.received(range.clone()),
            Piece::New(bytes) => self.new_octets(bytes),
        }
    }

    fn received(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.flush();
        match self.pieces.last_mut() {
            Some(Piece::Received(last)) if last.end == range.start => last.end = range.end,
            _ => self.pieces.push(Piece::Received(range)),
        }
    }

    fn new_octets(&mut self, bytes: &Bytes) {
        if bytes.len() > COPY_OCTETS {
            self.flush();
            self.pieces.push(Piece::New(bytes.clone()));
        } else {
            self.fresh.extend_from_slice(bytes);
        }
    }

    fn flush(&mut self) {
        if !self.fresh.is_empty() {
            self.pieces.push(Piece::New(self.fresh.split().freeze()));
        }
    }

    fn finish(mut self) -> Vec<Piece> {
        self.flush();
        self.pieces
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{MULTIPART, read_text, trace};
    use super::*;

    #[test]
    fn an_unedited_message_is_its_trace_and_one_range() {
        let message = read_text(MULTIPART).unwrap();
        let rope = serialise(&message, trace());
        assert_eq!(
            rope.pieces,
            [
                Piece::New(trace().raw().clone()),
                Piece::Received(0..MULTIPART.len() as u64)
            ]
        );
        assert_eq!(rope.to_bytes().unwrap(), [trace().raw(), MULTIPART.as_bytes()].concat());
    }

    #[test]
    fn a_new_field_splits_the_range_and_nothing_else() {
        let mut message = read_text(MULTIPART).unwrap();
        message.header.fields[1] = Field::build("X-New", "1");
        let rope = serialise(&message, trace());
        assert_eq!(rope.pieces.len(), 4, "{:?}", rope.pieces);
    }
}
