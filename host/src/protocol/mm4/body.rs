//! Transfer encodings of part bodies, in both directions (RFC 2045, 6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use mail_parser::decoders::{base64::base64_decode, quoted_printable::quoted_printable_decode};

use super::lines::fields_of;
use crate::message::{Content, Illegal, Message, PartId, Piece, TransferEncoding};

/// RFC 2045, 6.8: encoded lines are at most 76 characters, which hold 57 octets.
const OCTETS_A_LINE: usize = 57;
/// Longest line of quoted-printable (RFC 2045, 6.7).
const QUOTED_LINE: usize = 76;
/// The longest line, without its CRLF (RFC 5321, 4.5.3.1.6).
const MAX_LINE_OCTETS: usize = 998;

/// Decodes the body of a part.
///
/// Blocks on the disk when the message is not in memory. Refused: an unknown id, an unknown encoding, and a failing
/// disk. The result is never larger than the encoded body: quoted-printable could turn a bare LF into CRLF, but intake
/// accepts no bare LF.
pub fn decode_part(message: &Message, id: PartId) -> Result<Bytes, Illegal> {
    let part = message
        .part(id)
        .ok_or_else(|| Illegal(format!("the message has no part {id}")))?;
    let encoded = piece_octets(&message.content, &part.body)?;
    decoded(part.encoding, encoded)
        .ok_or_else(|| Illegal(format!("part {id} has a transfer encoding that nobody knows")))
}

/// The first field of that name in a part's own header, unfolded; for a message that is not multipart, in the message's
/// header.
///
/// Blocks on the disk when the message is not in memory. Refused: an unknown id, and a failing disk.
pub fn part_header(message: &Message, id: PartId, name: &str) -> Result<Option<String>, Illegal> {
    let part = message
        .part(id)
        .ok_or_else(|| Illegal(format!("the message has no part {id}")))?;
    if part.header.size() == 0 && part.delimiter.size() == 0 {
        return Ok(message.header.value(name).map(Into::into));
    }
    let fields = fields_of(&piece_octets(&message.content, &part.header)?);
    let field = fields.iter().find(|field| field.is(name));
    Ok(field.map(|field| field.value().into_owned()))
}

/// Decodes a body; `None` when the encoding is unknown.
///
/// Characters that do not belong to the encoding are passed over, as RFC 2045 tells receivers: in base64 all other
/// characters are ignored (6.8), in quoted-printable an equals sign that begins no escape stands for itself (6.7).
/// Otherwise a stray character would hide a body from plug-ins, but not from the next hop.
pub(super) fn decoded(encoding: TransferEncoding, body: Bytes) -> Option<Bytes> {
    match encoding {
        TransferEncoding::Identity => Some(body),
        TransferEncoding::Base64 => Some(from_base64(&body)),
        TransferEncoding::QuotedPrintable => Some(from_quoted_printable(&body)),
        TransferEncoding::Unknown => None,
    }
}

/// Nearly every body is base64 to the letter, and then the strict decoder has it in half the time.
fn from_base64(body: &[u8]) -> Bytes {
    strictly_from_base64(body)
        .unwrap_or_else(|| leniently_from_base64(body))
        .into()
}

/// Decodes lines of base64 without anything else in them; `None` for all other bodies.
fn strictly_from_base64(body: &[u8]) -> Option<Vec<u8>> {
    let mut letters = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let line = &rest[..end];
        letters.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        rest = &rest[end + 1..];
    }
    letters.extend_from_slice(rest);
    STANDARD.decode(letters).ok()
}

/// mail-parser takes the octet 0xFF for the end of the data, and skips no other stray octet.
fn leniently_from_base64(body: &[u8]) -> Vec<u8> {
    let clean = memchr::memchr(0xFF, body)
        .is_none()
        .then(|| base64_decode(body))
        .flatten();
    let decoded = clean.or_else(|| {
        let belongs = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/' | b'=');
        base64_decode(&body.iter().copied().filter(belongs).collect::<Vec<u8>>())
    });
    decoded.unwrap_or_default()
}

fn from_quoted_printable(body: &[u8]) -> Bytes {
    quoted_printable_decode(&with_legal_escapes(body))
        .unwrap_or_default()
        .into()
}

/// The body with an escape for every equals sign that begins neither an escape nor a soft line break: mail-parser drops
/// some of these, and stops at others.
fn with_legal_escapes(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 64);
    let mut rest = body;
    while let Some(at) = memchr::memchr(b'=', rest) {
        let (before, behind) = (&rest[..at], &rest[at + 1..]);
        out.extend_from_slice(before);
        let blanks = behind.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
        let is_break = behind[blanks..].is_empty() || behind[blanks..].starts_with(b"\r\n");
        let is_escape = behind.len() >= 2 && behind[..2].iter().all(u8::is_ascii_hexdigit);
        out.extend_from_slice(if is_break || is_escape { b"=" } else { b"=3D" });
        rest = behind;
    }
    out.extend_from_slice(rest);
    out
}

/// Encodes a text as quoted-printable (RFC 2045, 6.7). Line ends stay line ends. Lines have at most 76 octets, and none
/// begins with a hyphen, so that none can be taken for a delimiter.
pub(super) fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        let words = line.strip_suffix(b"\r\n").unwrap_or(line);
        let mut column = 0;
        for (at, octet) in words.iter().enumerate() {
            let is_last = at + 1 == words.len();
            // The line must have room for an escape and for the equals sign of a soft break.
            if column + 3 >= QUOTED_LINE {
                out.extend_from_slice(b"=\r\n");
                column = 0;
            }
            let plain = match octet {
                b' ' | b'\t' => !is_last,
                b'-' => column > 0,
                b'=' => false,
                other => other.is_ascii_graphic(),
            };
            if plain {
                out.push(*octet);
                column += 1;
            } else {
                out.extend_from_slice(format!("={octet:02X}").as_bytes());
                column += 3;
            }
        }
        out.extend_from_slice(&line[words.len()..]);
    }
    out
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

/// Encodes a new body: unchanged when it can stand as text between delimiters, else in base64. Also returns the value
/// for Content-Transfer-Encoding.
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

/// Whether a body is 7bit data (RFC 2045, 2.7): ASCII without NUL, in CRLF lines of legal length. In addition no line
/// may look like a delimiter.
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
    use proptest::prelude::*;

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
        assert_eq!(decode_part(&message, PartId(1)).unwrap(), "<smil></smil>");
        assert_eq!(decode_part(&message, PartId(2)).unwrap(), "gr\u{fc}n");
        assert_eq!(decode_part(&message, PartId(3)).unwrap(), &b"\xff\xd8\xff\xe0"[..]);
        assert!(decode_part(&message, PartId(4)).unwrap_err().0.contains("nobody knows"));
        assert!(decode_part(&message, PartId(5)).unwrap_err().0.contains("no part 5"));
    }

    #[test]
    fn characters_that_are_not_of_base64_are_passed_over() {
        for stray in [
            "/9j/\u{20ac}4A==",
            "!/9*j/4-A==",
            "/9j/4A=\u{ff}=",
            "/9\u{1}j/.4A==",
            "(/9j/4A==)",
            "\u{ff}/9j/4A==",
        ] {
            let text = MULTIPART.replace("/9j/4A==", stray);
            let decoded = decode_part(&read_text(&text).unwrap(), PartId(3)).unwrap();
            assert_eq!(decoded, &b"\xff\xd8\xff\xe0"[..], "{stray}");
        }
        // The octet at which mail-parser stops.
        assert_eq!(from_base64(b"/9j\xff/4A=="), &b"\xff\xd8\xff\xe0"[..]);
    }

    proptest! {
        /// Also of bodies that are nearly base64: a letter too few, a wrong one, padding in the middle.
        #[test]
        fn what_the_strict_decoder_takes_it_reads_as_the_lenient_one(
            octets in prop::collection::vec(any::<u8>(), 0..300),
            width in 1_usize..80,
            slips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        ) {
            let mut body = STANDARD.encode(octets).into_bytes();
            for (at, octet) in slips {
                if !body.is_empty() {
                    let at = at.index(body.len());
                    body[at] = octet;
                }
            }
            let body = body.chunks(width).collect::<Vec<_>>().join(&b"\r\n"[..]);
            if let Some(strictly) = strictly_from_base64(&body) {
                prop_assert_eq!(strictly, leniently_from_base64(&body));
            }
        }
    }

    #[test]
    fn equals_signs_that_escape_nothing_stand_for_themselves() {
        for (quoted, plain) in [
            ("a=b=C3=BC", "a=b\u{fc}"),
            ("1=2", "1=2"),
            ("==41", "=A"),
            ("x=4", "x=4"),
            ("x= \r\ny=ZZ", "xy=ZZ"),
            ("100%=", "100%"),
        ] {
            assert_eq!(from_quoted_printable(quoted.as_bytes()), plain, "{quoted}");
        }
    }

    #[test]
    fn quoted_printable_reads_back_in_short_lines_that_are_no_delimiters() {
        let texts: [&[u8]; 7] = [
            b"gr\xc3\xbcn\r\n",
            b"--b\r\n-\r\n",
            b"a \r\n\tb\t\r\n\r\n",
            b"\xff\x00=\x7f",
            &[b'x'; 75],
            &[0xFC; 200],
            &[b'-'; 200],
        ];
        for text in texts {
            let quoted = quoted_printable(text);
            let lines = quoted.split(|octet| *octet == b'\n');
            assert!(
                lines.clone().all(|line| line.trim_ascii_end().len() <= QUOTED_LINE),
                "{text:?}"
            );
            assert!(lines.clone().all(|line| !line.starts_with(b"-")) && quoted.is_ascii());
            assert_eq!(from_quoted_printable(&quoted), text, "{text:?}");
        }
    }

    #[test]
    fn base64_without_padding_and_with_stray_blanks_is_read() {
        let text = MULTIPART.replace("/9j/4A==", " /9 j/\r\n4A");
        assert_eq!(
            decode_part(&read_text(&text).unwrap(), PartId(3)).unwrap(),
            &b"\xff\xd8\xff\xe0"[..]
        );
    }
}
