//! A message for a next hop without 8BITMIME (RFC 6152, 3): every octet above 127 goes, nothing else changes.

use bytes::{Bytes, BytesMut};

use super::body::base64_lines;
use super::part_edits::{entity_of, fields_of};
use super::{Limits, fold, index, scan};
use crate::message::{Block, Field, Part, Piece, TransferEncoding};

/// The message in 7bit: leaves with octets above 127 in base64, header values in encoded words (RFC 2047). A message
/// in ASCII comes back as it is, so doing it twice does no harm.
///
/// Refused, with the reason: octets above 127 where no encoding is allowed or possible (inside `message/rfc822`, in a
/// body that claims to be encoded already, between the parts), and what cannot be read as a message.
pub fn seven_bit(bytes: &Bytes) -> Result<Bytes, String> {
    if bytes.is_ascii() {
        return Ok(bytes.clone());
    }
    let limits = Limits::of_taken();
    let (header, end) = scan::header(bytes, &limits).map_err(|refusal| refusal.to_string())?;
    let top = entity_of(&header.fields).map_err(|illegal| illegal.0)?;
    let is_multipart = top.boundary.is_some();
    let index = index::index(bytes, end, top, &limits).map_err(|refusal| refusal.to_string())?;
    let alone = index.parts.first().filter(|_| !is_multipart);
    let encode_whole = match alone {
        Some(part) => must_encode(part, octets(bytes, &part.body))?,
        None => false,
    };
    let label = match (encode_whole, is_multipart) {
        (true, _) => Some("base64"),
        (false, true) => Some("7bit"),
        (false, false) => None,
    };
    let mut out = BytesMut::with_capacity(bytes.len() + bytes.len() / 2);
    for field in labelled(header.fields, label) {
        out.extend_from_slice(in_ascii(&field)?.raw());
    }
    for block in &index.body {
        match block {
            Block::Verbatim(piece) => out.extend_from_slice(verbatim(octets(bytes, piece))?),
            Block::Part(id) => {
                let part = index.parts.iter().find(|part| part.id == *id);
                part.map_or(Ok(()), |part| write_part(bytes, part, &mut out))?;
            }
        }
    }
    // The line end of a body that ended the message is inside its base64 now.
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    Ok(out.freeze())
}

fn write_part(bytes: &Bytes, part: &Part, out: &mut BytesMut) -> Result<(), String> {
    let (header, body) = (octets(bytes, &part.header), octets(bytes, &part.body));
    out.extend_from_slice(octets(bytes, &part.delimiter));
    let encode = must_encode(part, body)?;
    if header.is_empty() && part.delimiter.size() > 0 && encode {
        return Err(format!("part {} has octets above 127 and no header", part.id));
    }
    if header.is_ascii() && !encode {
        out.extend_from_slice(header);
    } else if !header.is_empty() {
        let fields = fields_of(&Bytes::copy_from_slice(header));
        for field in labelled(fields, encode.then_some("base64")) {
            out.extend_from_slice(in_ascii(&field)?.raw());
        }
        out.extend_from_slice(b"\r\n");
    }
    if encode {
        out.extend_from_slice(&base64_lines(body));
    } else {
        out.extend_from_slice(body);
    }
    Ok(())
}

/// Whether the body needs base64; an error when it needs what is not allowed.
fn must_encode(part: &Part, body: &[u8]) -> Result<bool, String> {
    if body.is_ascii() {
        return Ok(false);
    }
    let composite = part.media_type.starts_with("message/") || part.media_type.starts_with("multipart/");
    match part.encoding {
        // RFC 2045, 6.4: only 7bit, 8bit and binary are allowed for these.
        TransferEncoding::Identity if composite => Err(format!(
            "part {} is {} with octets above 127, which must not be encoded",
            part.id, part.media_type
        )),
        TransferEncoding::Identity => Ok(true),
        encoding => Err(format!(
            "part {} claims to be {encoding:?} and has octets above 127",
            part.id
        )),
    }
}

/// The fields with Content-Transfer-Encoding set to `label`. A multipart that is 7bit need not say so.
fn labelled(fields: Vec<Field>, label: Option<&str>) -> Vec<Field> {
    let Some(label) = label else { return fields };
    let mut out: Vec<Field> = Vec::with_capacity(fields.len() + 1);
    let mut done = label == "7bit";
    for field in fields {
        if field.is("Content-Transfer-Encoding") {
            if !std::mem::replace(&mut done, true) || label == "7bit" {
                out.push(Field::build(field.name(), label));
            }
        } else {
            out.push(field);
        }
    }
    if !done {
        out.push(Field::build("Content-Transfer-Encoding", label));
    }
    out
}

fn in_ascii(field: &Field) -> Result<Field, String> {
    fold::seven_bit(field).map_err(|illegal| illegal.0)
}

fn verbatim(text: &[u8]) -> Result<&[u8], String> {
    if text.is_ascii() {
        Ok(text)
    } else {
        Err("octets above 127 between the parts".into())
    }
}

/// The octets of a piece of an index that was made of these bytes: every piece is a received range.
fn octets<'a>(bytes: &'a Bytes, piece: &'a Piece) -> &'a [u8] {
    match piece {
        Piece::Received(range) => bytes.get(range.start as usize..range.end as usize).unwrap_or_default(),
        Piece::New(new) => new,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{MULTIPART, read_text};
    use super::*;

    fn convert(text: &str) -> Result<String, String> {
        let once = seven_bit(&Bytes::copy_from_slice(text.as_bytes()))?;
        assert!(once.is_ascii());
        assert_eq!(seven_bit(&once).unwrap(), once, "twice is once");
        Ok(String::from_utf8(once.to_vec()).unwrap())
    }

    #[test]
    fn ascii_comes_back_as_it_is() {
        assert_eq!(convert(MULTIPART).unwrap(), MULTIPART);
    }

    #[test]
    fn an_8bit_leaf_goes_in_base64_and_its_neighbours_keep_their_bytes() {
        let text = MULTIPART.replace("<smil></smil>", "<smil>gr\u{fc}n</smil>").replace(
            "MIME-Version: 1.0\r\n",
            "MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n",
        );
        let expected = MULTIPART
            .replace(
                "Content-Type: application/smil\r\n",
                "Content-Type: application/smil\r\nContent-Transfer-Encoding: base64\r\n",
            )
            .replace("<smil></smil>", "PHNtaWw+Z3LDvG48L3NtaWw+")
            .replace(
                "MIME-Version: 1.0\r\n",
                "MIME-Version: 1.0\r\nContent-Transfer-Encoding: 7bit\r\n",
            );
        assert_eq!(convert(&text).unwrap(), expected);
    }

    #[test]
    fn a_message_that_is_not_multipart_is_encoded_as_a_whole() {
        let head = "X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: t\r\nX-Mms-Message-ID: k\r\n";
        let text = format!("{head}Subject: gr\u{fc}n\r\ncontent-transfer-encoding: 8BIT\r\n\r\n\u{fc}\r\n");
        let converted = convert(&text).unwrap();
        assert_eq!(
            converted,
            format!("{head}Subject: =?utf-8?B?Z3LDvG4=?=\r\ncontent-transfer-encoding: base64\r\n\r\nw7wNCg==\r\n")
        );
        let message = read_text(&converted).unwrap();
        assert_eq!(super::super::decode_part(&message, 1).unwrap(), "\u{fc}\r\n");
    }

    #[test]
    fn the_last_part_of_a_truncated_multipart_still_ends_its_line() {
        let end = MULTIPART.find("\r\n--b1\r\nContent-Type: text/plain").unwrap();
        let converted = convert(&format!("{}gr\u{fc}n\r\n", &MULTIPART[..end])).unwrap();
        assert!(
            converted.ends_with("\r\nPHNtaWw+PC9zbWlsPmdyw7xuDQo=\r\n"),
            "{converted}"
        );
    }

    #[test]
    fn what_must_not_be_encoded_is_refused_with_the_reason() {
        let inside = MULTIPART
            .replace("application/smil", "message/rfc822")
            .replace("<smil></smil>", "Subject: x\r\n\r\ngr\u{fc}n");
        assert!(convert(&inside).unwrap_err().contains("part 1 is message/rfc822"));
        let lie = MULTIPART.replace("/9j/4A==", "/9j/\u{fc}");
        assert!(convert(&lie).unwrap_err().contains("part 3 claims to be Base64"));
        let between = MULTIPART.replace("preamble", "pr\u{e4}amble");
        assert!(convert(&between).unwrap_err().contains("between the parts"));
    }
}
