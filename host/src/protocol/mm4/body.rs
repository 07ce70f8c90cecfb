//! Transfer encodings of part bodies, both ways (RFC 2045, 6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use mail_parser::decoders::{base64::base64_decode, quoted_printable::quoted_printable_decode};

use crate::message::{Content, Illegal, Message, Piece, TransferEncoding};

/// RFC 2045, 6.8: encoded lines are at most 76 characters, which hold 57 octets.
const OCTETS_A_LINE: usize = 57;
/// RFC 5321, 4.5.3.1.6 without the CRLF.
const MAX_LINE_OCTETS: usize = 998;

/// The body of a part, decoded. Base64 may have blanks and line ends anywhere, and may lack its padding.
///
/// Blocks on the disk when the message is not in memory. Refused: an unknown id, an encoding that nobody knows, octets
/// that do not belong to the encoding, and a disk that does not answer. Never larger than the encoded body, as intake takes
/// no bare LF: in quoted-printable one may come back as CRLF.
pub fn decode_part(message: &Message, id: u32) -> Result<Bytes, Illegal> {
    let part = message
        .part(id)
        .ok_or_else(|| Illegal(format!("the message has no part {id}")))?;
    let encoded = piece_octets(&message.content, &part.body)?;
    let decoded = match part.encoding {
        TransferEncoding::Identity => return Ok(encoded),
        TransferEncoding::Base64 => base64_decode(&encoded),
        TransferEncoding::QuotedPrintable => quoted_printable_decode(&encoded),
        TransferEncoding::Unknown => {
            return Err(Illegal(format!("part {id} has a transfer encoding that nobody knows")));
        }
    };
    decoded
        .map(Bytes::from)
        .ok_or_else(|| Illegal(format!("part {id} is not the {:?} that it says it is", part.encoding)))
}

/// The octets of a piece of `content`.
pub(super) fn piece_octets(content: &Content, piece: &Piece) -> Result<Bytes, Illegal> {
    match piece {
        Piece::New(bytes) => Ok(bytes.clone()),
        Piece::Received(range) => content
            .read(range.clone())
            .map_err(|error| Illegal(format!("the received message cannot be read back: {error}"))),
    }
}

/// Encodes a new body: as it is when it can stand as text between delimiters, else in base64. Returns what
/// Content-Transfer-Encoding must say.
pub(super) fn encode(bytes: &Bytes) -> (&'static str, Bytes) {
    if stands_as_text(bytes) {
        ("7bit", bytes.clone())
    } else {
        ("base64", base64_lines(bytes))
    }
}

/// Base64 in lines of 76 characters, with CRLF between them and none behind the last.
pub(super) fn base64_lines(bytes: &[u8]) -> Bytes {
    let lines = bytes.len().div_ceil(OCTETS_A_LINE);
    let mut encoded = String::with_capacity(bytes.len().div_ceil(3) * 4 + lines * 2);
    for (i, line) in bytes.chunks(OCTETS_A_LINE).enumerate() {
        if i > 0 {
            encoded.push_str("\r\n");
        }
        STANDARD.encode_string(line, &mut encoded);
    }
    encoded.into()
}

/// 7bit data (RFC 2045, 2.7): ASCII without NUL, in CRLF lines of legal length. And no line that could be taken for a
/// delimiter.
fn stands_as_text(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        let (line, behind) = match memchr::memmem::find(rest, b"\r\n") {
            Some(end) => (&rest[..end], Some(&rest[end + 2..])),
            None => (rest, None),
        };
        let fits = line.len() <= MAX_LINE_OCTETS
            && line.is_ascii()
            && !line.starts_with(b"--")
            && memchr::memchr3(b'\r', b'\n', b'\0', line).is_none();
        match behind {
            _ if !fits => return false,
            Some(behind) => rest = behind,
            None => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{MULTIPART, read_text};
    use super::*;

    fn label(bytes: &[u8]) -> &'static str {
        encode(&Bytes::copy_from_slice(bytes)).0
    }

    #[test]
    fn only_plain_short_crlf_lines_go_as_they_are() {
        for text in ["", "hello", "a\r\nb\r\n", &"x".repeat(998)] {
            assert_eq!(label(text.as_bytes()), "7bit", "{text:?}");
        }
        for text in [
            "a\nb",
            "a\rb",
            "a\r\r\nb",
            "--x",
            "a\r\n--x",
            "a\0b",
            "gr\u{fc}n",
            &"x".repeat(999),
        ] {
            assert_eq!(label(text.as_bytes()), "base64", "{text:?}");
        }
    }

    #[test]
    fn base64_lines_are_76_characters_at_most_and_decode_to_the_same() {
        for size in [0, 1, 56, 57, 58, 114, 5_000] {
            let octets: Vec<u8> = (0..size).map(|i| (i * 7) as u8).collect();
            let encoded = base64_lines(&octets);
            assert!(encoded.split(|b| *b == b'\n').all(|line| line.len() <= 77));
            assert!(!encoded.ends_with(b"\n"));
            assert_eq!(base64_decode(&encoded).unwrap(), octets, "{size}");
        }
    }

    #[test]
    fn every_encoding_is_undone_and_an_unknown_one_refused() {
        let message = read_text(MULTIPART).unwrap();
        assert_eq!(decode_part(&message, 1).unwrap(), "<smil></smil>");
        assert_eq!(decode_part(&message, 2).unwrap(), "gr\u{fc}n");
        assert_eq!(decode_part(&message, 3).unwrap(), &b"\xff\xd8\xff\xe0"[..]);
        assert!(decode_part(&message, 4).unwrap_err().0.contains("nobody knows"));
        assert!(decode_part(&message, 5).unwrap_err().0.contains("no part 5"));
    }

    #[test]
    fn base64_that_is_not_is_refused() {
        let text = MULTIPART.replace("/9j/4A==", "/9j/\u{20ac}");
        let refused = decode_part(&read_text(&text).unwrap(), 3).unwrap_err();
        assert!(refused.0.contains("part 3"), "{refused}");
    }

    #[test]
    fn base64_without_padding_and_with_stray_blanks_is_read() {
        let text = MULTIPART.replace("/9j/4A==", " /9 j/\r\n4A");
        assert_eq!(
            decode_part(&read_text(&text).unwrap(), 3).unwrap(),
            &b"\xff\xd8\xff\xe0"[..]
        );
    }
}
