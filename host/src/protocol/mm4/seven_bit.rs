//! Conversion of a message for a next hop without 8BITMIME (RFC 6152, 3): no octet above 127 remains, and readers see
//! the same content.
//!
//! The result is read again and compared with the received message, leaf by leaf: type, name, Content-ID, location and
//! decoded body. A message whose conversion would make a difference is refused, whatever the reason.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::body::{self, base64_lines};
use super::contents::{self, Leaf};
use super::index::Index;
use super::lines::fields_of;
use super::part_edits::entity_of;
use super::{Limits, Pdu, contradicted, fold, index, scan};
use crate::message::{Block, Field, Header, Part, Piece, TransferEncoding};

/// Converts a message to 7bit: leaves with octets above 127 become base64, header values become encoded words (RFC
/// 2047) or RFC 2231 parameters, and lines of a preamble become quoted-printable. A message in ASCII is returned
/// unchanged, so converting twice does no harm.
///
/// Refused, with the reason: octets above 127 where no encoding is allowed or possible (inside `message/rfc822`, in
/// signed or encrypted parts, in addresses and identifiers, in a body with an unknown encoding), and octets that cannot
/// be read as a message.
pub fn seven_bit(bytes: &Bytes) -> Result<Bytes, String> {
    if bytes.is_ascii() {
        return Ok(bytes.clone());
    }
    // The message as it would leave: SMTP ends the last line.
    let bytes = match bytes.ends_with(b"\r\n") {
        true => bytes.clone(),
        false => [&bytes[..], b"\r\n"].concat().into(),
    };
    let received = Whole::read(&bytes)?;
    let converted = received.in_ascii()?;
    let after = Whole::read(&converted)?;
    same(&received.leaves(), &after.leaves())?;
    if after.is_notification != received.is_notification {
        return Err("a delivery status notification would not be one in 7bit".into());
    }
    if !same_subject(&received.header, &after.header) {
        return Err("the subject would not be the same in 7bit".into());
    }
    match contradicted(&after.header) == contradicted(&received.header) {
        true => Ok(converted),
        false => Err("two fields that say the same would not in 7bit".into()),
    }
}

/// Whether readers see the same subject. Some decode a word that looks encoded and contains octets above 127, and some
/// do not; in ASCII all would read it as text. Readers also differ about octets that are not UTF-8, and about runs of
/// blanks.
fn same_subject(received: &Header, converted: &Header) -> bool {
    let words = |header: &Header| -> Vec<String> {
        let subject = Pdu::of(header).subject().unwrap_or_default();
        subject.split_whitespace().map(str::to_owned).collect()
    };
    let before = words(received);
    before.iter().any(|word| word.contains(char::REPLACEMENT_CHARACTER)) || before == words(converted)
}

/// Compares the leaves; the error names the first one that differs.
fn same(received: &[Leaf], converted: &[Leaf]) -> Result<(), String> {
    let differs = received.iter().zip(converted).position(|(one, other)| one != other);
    match differs {
        Some(at) => Err(format!("part {} would not be the same in 7bit", at + 1)),
        None if received.len() != converted.len() => Err("the parts would not be the same in 7bit".into()),
        None => Ok(()),
    }
}

/// A message and its index.
struct Whole<'a> {
    bytes: &'a Bytes,
    header: Header,
    index: Index,
    is_multipart: bool,
    is_notification: bool,
}

impl<'a> Whole<'a> {
    fn read(bytes: &'a Bytes) -> Result<Self, String> {
        let limits = Limits::of_taken();
        let (header, end) = scan::header(bytes, &limits).map_err(|refusal| refusal.to_string())?;
        let top = entity_of(&header.fields).map_err(|illegal| illegal.0)?;
        let (is_multipart, is_notification) = (top.boundary.is_some(), top.is_delivery_report());
        let index = index::index(bytes, end, top, &limits).map_err(|refusal| refusal.to_string())?;
        Ok(Self {
            bytes,
            header,
            index,
            is_multipart,
            is_notification,
        })
    }

    fn leaves(&self) -> Vec<Leaf> {
        let leaf = |part: &Part| contents::leaf(part, self.slice(&range(&part.body)));
        self.index.parts.iter().map(leaf).collect()
    }

    fn in_ascii(&self) -> Result<Bytes, String> {
        let is_changed = |sealed: &Range<usize>| !self.bytes[sealed.clone()].is_ascii();
        if self.index.sealed.iter().any(is_changed) {
            return Err("octets above 127 in what is signed or encrypted, which must not change (RFC 1847)".into());
        }
        let parts = self.index.parts.iter().map(|part| self.new_body(part));
        let bodies: Vec<Option<NewBody>> = parts.collect::<Result<_, _>>()?;
        let mut out = BytesMut::with_capacity(self.bytes.len() + self.bytes.len() / 2);
        self.write_header(&bodies, &mut out)?;
        for block in &self.index.body {
            match block {
                Block::Verbatim(piece) => self.write_between(range(piece), &mut out)?,
                Block::Part(id) => {
                    let at = id.0 as usize - 1;
                    self.write_part(&self.index.parts[at], bodies[at].as_ref(), &mut out)?;
                }
            }
        }
        // The line end at the end of the body, which also ended the message, is inside the base64 now.
        if !out.ends_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
        }
        Ok(out.freeze())
    }

    fn write_header(&self, bodies: &[Option<NewBody>], out: &mut BytesMut) -> Result<(), String> {
        let label = match (bodies, self.is_multipart) {
            ([Some(alone)], false) => Some(alone.encoding),
            (_, true) => Some("7bit"),
            _ => None,
        };
        for field in labelled(self.header.fields.clone(), label) {
            out.extend_from_slice(in_ascii(&field)?.raw());
        }
        // Without it a strict reader decodes nothing (RFC 2045, 4).
        if bodies.iter().any(Option::is_some) && self.header.first("MIME-Version").is_none() {
            out.extend_from_slice(Field::build("MIME-Version", "1.0").raw());
        }
        Ok(())
    }

    fn write_part(&self, part: &Part, new: Option<&NewBody>, out: &mut BytesMut) -> Result<(), String> {
        let header = self.slice(&range(&part.header));
        out.extend_from_slice(&self.slice(&range(&part.delimiter)));
        if new.is_none() && header.is_ascii() {
            out.extend_from_slice(&header);
        } else if !header.is_empty() {
            for field in labelled(fields_of(&header), new.map(|new| new.encoding)) {
                out.extend_from_slice(in_ascii(&field)?.raw());
            }
            out.extend_from_slice(b"\r\n");
        }
        match new {
            Some(new) => out.extend_from_slice(&new.octets),
            None => out.extend_from_slice(&self.slice(&range(&part.body))),
        }
        Ok(())
    }

    /// Writes the octets between leaves: headers of inner multiparts, delimiters, and text that no reader shows.
    fn write_between(&self, between: Range<usize>, out: &mut BytesMut) -> Result<(), String> {
        let mut done = between.start;
        for header in &self.index.inner_headers {
            if header.start < done || header.end > between.end {
                continue;
            }
            out.extend_from_slice(&unshown(&self.bytes[done..header.start]));
            let octets = self.bytes.slice(header.clone());
            if octets.is_ascii() {
                out.extend_from_slice(&octets);
            } else {
                for field in labelled(fields_of(&octets), Some("7bit")) {
                    out.extend_from_slice(in_ascii(&field)?.raw());
                }
                if octets.ends_with(b"\r\n\r\n") {
                    out.extend_from_slice(b"\r\n");
                }
            }
            done = header.end;
        }
        out.extend_from_slice(&unshown(&self.bytes[done..between.end]));
        Ok(())
    }

    /// The body of a part in ASCII; `None` when it is ASCII already.
    fn new_body(&self, part: &Part) -> Result<Option<NewBody>, String> {
        let octets = self.slice(&range(&part.body));
        if octets.is_ascii() {
            return Ok(None);
        }
        let composite = part.media_type.starts_with("message/") || part.media_type.starts_with("multipart/");
        // RFC 2045, 6.4 allows only 7bit, 8bit and binary for these.
        if composite && part.encoding == TransferEncoding::Identity {
            return Err(format!(
                "part {} is {} with octets above 127, which must not be encoded",
                part.id, part.media_type
            ));
        }
        let Some(plain) = body::decoded(part.encoding, octets) else {
            return Err(format!(
                "part {} has octets above 127 and a transfer encoding that nobody knows",
                part.id
            ));
        };
        // Readers differ about the line end behind the last part of a multipart that was never closed. In
        // quoted-printable that line end stays outside of the encoded text, and every reader sees what it saw before.
        let is_open = self.is_multipart && self.index.body.last() == Some(&Block::Part(part.id));
        let quoted = part.encoding == TransferEncoding::QuotedPrintable
            || (is_open && part.encoding == TransferEncoding::Identity);
        Ok(Some(match quoted {
            true => NewBody {
                encoding: "quoted-printable",
                octets: body::quoted_printable(&plain).into(),
            },
            false => NewBody {
                encoding: "base64",
                octets: base64_lines(&plain),
            },
        }))
    }

    fn slice(&self, range: &Range<usize>) -> Bytes {
        self.bytes.slice(range.clone())
    }
}

/// A body as it goes out, with its Content-Transfer-Encoding.
struct NewBody {
    encoding: &'static str,
    octets: Bytes,
}

/// Converts text that no reader shows (RFC 2046, 5.1.1): lines with octets above 127 become quoted-printable, which
/// stays legible and turns no line into a delimiter.
fn unshown(text: &[u8]) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return text.into();
    }
    let line = |line: &[u8]| match line.is_ascii() {
        true => line.to_vec(),
        false => body::quoted_printable(line),
    };
    let lines = text.split_inclusive(|octet| *octet == b'\n');
    lines.flat_map(line).collect::<Vec<u8>>().into()
}

/// The fields with Content-Transfer-Encoding set to `label`. A multipart in 7bit needs no label. A length that is wrong
/// now is removed.
fn labelled(fields: Vec<Field>, label: Option<&str>) -> Vec<Field> {
    let Some(label) = label else { return fields };
    let mut out: Vec<Field> = Vec::with_capacity(fields.len() + 1);
    let mut done = label == "7bit";
    for field in fields {
        if field.is("Content-Transfer-Encoding") {
            if !std::mem::replace(&mut done, true) || label == "7bit" {
                out.push(Field::build(field.name(), label));
            }
        } else if !field.is("Content-Length") {
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

/// The range of a piece; every piece of an index is a range of the bytes that it was made from.
fn range(piece: &Piece) -> Range<usize> {
    match piece {
        Piece::Received(range) => range.start as usize..range.end as usize,
        Piece::New(_) => 0..0,
    }
}

#[cfg(test)]
mod tests;
