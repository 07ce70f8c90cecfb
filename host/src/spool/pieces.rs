//! The stored form of the pieces of an outgoing message: a version octet, then for each piece a tag and its numbers as
//! LEB128; new octets follow their length. Received octets are not stored again, only their range.

use bytes::Bytes;

use crate::message::Piece;

const VERSION: u8 = 1;
const RECEIVED: u8 = 0;
const NEW: u8 = 1;

pub(in crate::spool) fn encode(pieces: &[Piece]) -> Vec<u8> {
    let new: usize = pieces
        .iter()
        .map(|p| if let Piece::New(b) = p { b.len() } else { 0 })
        .sum();
    let mut out = Vec::with_capacity(1 + pieces.len() * 12 + new);
    out.push(VERSION);
    for piece in pieces {
        match piece {
            Piece::Received(range) => {
                out.push(RECEIVED);
                put_number(&mut out, range.start);
                put_number(&mut out, range.end);
            }
            Piece::New(bytes) => {
                out.push(NEW);
                put_number(&mut out, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
        }
    }
    out
}

/// Reads the pieces. `None` when [`encode`] cannot have written them: the row is damaged, or has another version. New
/// octets share the buffer.
pub(in crate::spool) fn decode(stored: &Bytes) -> Option<Vec<Piece>> {
    let mut rest = stored.clone();
    if take_octet(&mut rest)? != VERSION {
        return None;
    }
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        pieces.push(match take_octet(&mut rest)? {
            RECEIVED => {
                let (start, end) = (take_number(&mut rest)?, take_number(&mut rest)?);
                (start <= end).then_some(Piece::Received(start..end))?
            }
            NEW => {
                let length = usize::try_from(take_number(&mut rest)?).ok()?;
                Piece::New((length <= rest.len()).then(|| rest.split_to(length))?)
            }
            _ => return None,
        });
    }
    Some(pieces)
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_number(rest: &mut Bytes) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let octet = take_octet(rest)?;
        let bits = u64::from(octet & 0x7f);
        number |= bits.checked_shl(shift).filter(|moved| moved >> shift == bits)?;
        if octet < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take_octet(rest: &mut Bytes) -> Option<u8> {
    (!rest.is_empty()).then(|| rest.split_to(1)[0])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_piece() -> impl Strategy<Value = Piece> {
        prop_oneof![
            (any::<u64>(), any::<u64>()).prop_map(|(a, b)| Piece::Received(a.min(b)..a.max(b))),
            prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| Piece::New(bytes.into())),
        ]
    }

    proptest! {
        #[test]
        fn pieces_survive_being_stored(pieces in prop::collection::vec(any_piece(), 0..20)) {
            prop_assert_eq!(decode(&encode(&pieces).into()), Some(pieces));
        }

        #[test]
        fn damaged_pieces_never_panic_nor_read_behind_the_end(stored in prop::collection::vec(any::<u8>(), 0..64)) {
            let most = stored.len();
            for piece in decode(&stored.into()).unwrap_or_default() {
                if let Piece::New(bytes) = piece {
                    prop_assert!(bytes.len() < most);
                }
            }
        }
    }

    #[test]
    fn cut_or_foreign_pieces_are_refused() {
        let whole = Bytes::from(encode(&[
            Piece::Received(0..300),
            Piece::New(Bytes::from_static(b"abc")),
        ]));
        for cut in [0, 2, 3, 4, 6, 7, whole.len() - 1] {
            assert_eq!(decode(&whole.slice(..cut)), None, "cut at {cut}");
        }
        assert_eq!(decode(&Bytes::from_static(&[2])), None);
        assert_eq!(decode(&Bytes::from_static(&[VERSION, 9])), None);
    }
}
