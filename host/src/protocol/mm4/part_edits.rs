//! Edits of parts: another body, one part fewer, one part more. Whatever an edit does not name keeps its bytes.

use bytes::Bytes;

use super::body::{self, piece_octets};
use super::entity::{Entity, Raw};
use super::lines::{complete_header, fields_of};
use super::{fold, param};
use crate::message::{Block, Field, HeaderValue, Illegal, MediaType, Message, NewBody, Part, PartId, Piece};

/// Fields that describe the replaced octets, and go with them.
const STALE: [&str; 2] = ["Content-MD5", "Content-Length"];

/// Gives part `id` another body, media type and, in every field that has a name, another name.
pub(super) fn replace(
    message: &mut Message,
    id: PartId,
    body: &NewBody,
    name: Option<&HeaderValue>,
) -> Result<(), Illegal> {
    let at = place(message, id)?;
    let (encoding, octets) = encoded(body, ends_message(message, id))?;
    let entity = if boundary(message).is_some() {
        redescribe_part(message, at, body, encoding, name)?
    } else {
        redescribe_message(message, body, encoding, name)?
    };
    let part = &mut message.parts[at];
    part.media_type = entity.media_type;
    part.name = entity.name;
    part.content_location = entity.content_location;
    part.encoding = entity.encoding;
    part.body = Piece::New(octets);
    Ok(())
}

fn redescribe_part(
    message: &mut Message,
    at: usize,
    body: &NewBody,
    encoding: &str,
    name: Option<&HeaderValue>,
) -> Result<Entity, Illegal> {
    let header = piece_octets(&message.content, &message.parts[at].header)?;
    let delimiter = piece_octets(&message.content, &message.parts[at].delimiter)?;
    let fields = redescribed(fields_of(&header), body, encoding, name)?;
    if !delimiter.ends_with(b"\r\n") {
        message.parts[at].delimiter = Piece::New([&delimiter[..], b"\r\n"].concat().into());
    }
    message.parts[at].header = Piece::New(fold::block(&fields));
    entity_of(&fields)
}

/// A message that is not multipart describes its only part in the message's own header.
fn redescribe_message(
    message: &mut Message,
    body: &NewBody,
    encoding: &str,
    name: Option<&HeaderValue>,
) -> Result<Entity, Illegal> {
    complete_header(message);
    let mut fields = redescribed(std::mem::take(&mut message.header.fields), body, encoding, name)?;
    if !fields.iter().any(|field| field.is("MIME-Version")) {
        fields.push(Field::build("MIME-Version", "1.0"));
    }
    let entity = entity_of(&fields)?;
    message.header.fields = fields;
    Ok(entity)
}

/// Removes part `id` with its delimiter and header.
pub(super) fn remove(message: &mut Message, id: PartId) -> Result<(), Illegal> {
    let at = place(message, id)?;
    if message.parts.len() == 1 {
        return Err(Illegal(format!("part {id} is the last one, and must not be removed")));
    }
    message.parts.remove(at);
    message.body.retain(|block| *block != Block::Part(id));
    Ok(())
}

/// Adds a part at the end of the outermost multipart.
pub(super) fn add(
    message: &mut Message,
    id: PartId,
    body: &NewBody,
    name: Option<&HeaderValue>,
    content_id: Option<&HeaderValue>,
) -> Result<(), Illegal> {
    let boundary =
        boundary(message).ok_or_else(|| Illegal("the message is not multipart: no part can be added".into()))?;
    let delimiter = [b"\r\n--", boundary.as_slice()].concat();
    let closing = [&delimiter, &b"--"[..]].concat();
    let (encoding, octets) = encoded(body, false)?;
    let fields = described(body, encoding, name, content_id)?;
    let entity = entity_of(&fields)?;
    message.parts.push(Part {
        id,
        delimiter: Piece::New([&delimiter, &b"\r\n"[..]].concat().into()),
        header: Piece::New(fold::block(&fields)),
        body: Piece::New(octets),
        media_type: entity.media_type,
        name: entity.name,
        content_id: entity.content_id,
        content_location: entity.content_location,
        encoding: entity.encoding,
    });
    if let Some(close) = closing_block(message, &closing)? {
        message.body.pop();
        message.body.push(Block::Part(id));
        message.body.push(close);
    } else {
        complete_header(message);
        message.body.push(Block::Part(id));
        message
            .body
            .push(Block::Verbatim(Piece::New([&closing, &b"\r\n"[..]].concat().into())));
    }
    Ok(())
}

fn place(message: &Message, id: PartId) -> Result<usize, Illegal> {
    message
        .parts
        .iter()
        .position(|part| part.id == id)
        .ok_or_else(|| Illegal(format!("the message has no part {id}")))
}

/// Encodes the body as it stands in the message, and returns the value of Content-Transfer-Encoding. `is_last` says
/// that nothing follows the part.
///
/// A message may be a part only where it needs no encoding (RFC 2045, 6.4; RFC 2046, 5.2).
fn encoded(body: &NewBody, is_last: bool) -> Result<(&'static str, Bytes), Illegal> {
    let (encoding, octets) = body::encode(&body.bytes);
    let (encoding, octets) = match is_last {
        true => as_last_octets(encoding, octets, &body.bytes),
        false => (encoding, octets),
    };
    if body.media_type.is_message() && encoding != "7bit" {
        return Err(Illegal(format!(
            "a body of the type {} must not be encoded: lines of ASCII that end in CRLF, of at most 998 octets, and \
             none that begins with two hyphens, are expected",
            body.media_type.as_str()
        )));
    }
    Ok((encoding, octets))
}

/// The last octets of a message end with a CRLF. For the body of a message that is not multipart, and for the last part
/// of a multipart that was never closed, no delimiter supplies it. Text without a CRLF of its own would change by it,
/// so it is encoded.
fn as_last_octets(encoding: &'static str, octets: Bytes, plain: &Bytes) -> (&'static str, Bytes) {
    match encoding {
        "7bit" if octets.is_empty() || octets.ends_with(b"\r\n") => (encoding, octets),
        _ => ("base64", [&body::base64_lines(plain)[..], b"\r\n"].concat().into()),
    }
}

/// Replaces the description of a part in its fields.
fn redescribed(
    fields: Vec<Field>,
    body: &NewBody,
    encoding: &str,
    name: Option<&HeaderValue>,
) -> Result<Vec<Field>, Illegal> {
    let old = entity_of(&fields)?;
    let mut out = Vec::with_capacity(fields.len() + 2);
    let (mut typed, mut encoded) = (false, false);
    for field in fields {
        if field.is("Content-Type") {
            if !std::mem::replace(&mut typed, true) {
                let value = media_type(&body.media_type, &field, &old, name);
                out.push(fold::field(field.name(), &value)?);
            }
        } else if field.is("Content-Transfer-Encoding") {
            if !std::mem::replace(&mut encoded, true) {
                out.push(Field::build(field.name(), encoding));
            }
        } else if STALE.iter().any(|stale| field.is(stale)) {
            continue;
        } else {
            out.push(renamed(field, name)?);
        }
    }
    if !typed {
        out.push(fold::field("Content-Type", body.media_type.as_str())?);
    }
    if !encoded {
        out.push(Field::build("Content-Transfer-Encoding", encoding));
    }
    Ok(out)
}

/// The new Content-Type value, with a name if the old value had one.
fn media_type(new: &MediaType, old_field: &Field, old: &Entity, name: Option<&HeaderValue>) -> String {
    let new = new.as_str();
    if !param::has(&old_field.value(), "name") {
        return new.to_owned();
    }
    match (name, &old.name) {
        (Some(name), _) => param::with(new, "name", name.as_str()),
        (None, Some(name)) if !param::has(new, "name") => param::with(new, "name", name),
        _ => new.to_owned(),
    }
}

/// The field with the new name, if this field has one.
fn renamed(field: Field, name: Option<&HeaderValue>) -> Result<Field, Illegal> {
    let Some(name) = name else { return Ok(field) };
    if field.is("Content-Location") {
        return fold::field(field.name(), &location(name.as_str()));
    }
    if field.is("Content-Disposition") && param::has(&field.value(), "filename") {
        let value = param::with(&field.value(), "filename", name.as_str());
        return fold::field(field.name(), &value);
    }
    Ok(field)
}

/// The header of an added part.
fn described(
    body: &NewBody,
    encoding: &str,
    name: Option<&HeaderValue>,
    content_id: Option<&HeaderValue>,
) -> Result<Vec<Field>, Illegal> {
    let media_type = match name {
        Some(name) => param::with(body.media_type.as_str(), "name", name.as_str()),
        None => body.media_type.as_str().to_owned(),
    };
    let mut fields = vec![
        fold::field("Content-Type", &media_type)?,
        Field::build("Content-Transfer-Encoding", encoding),
    ];
    if let Some(id) = content_id {
        let id = id.as_str().trim().trim_start_matches('<').trim_end_matches('>');
        if !id.bytes().all(|b| b.is_ascii_graphic()) || id.is_empty() || id.contains(['<', '>']) {
            return Err(Illegal(format!(
                "content id {id:?}: visible ASCII without blanks is expected"
            )));
        }
        fields.push(fold::field("Content-ID", &format!("<{id}>"))?);
    }
    if let Some(name) = name {
        fields.push(fold::field("Content-Location", &location(name.as_str()))?);
    }
    Ok(fields)
}

/// A name as a Content-Location, which is a URI: characters beyond ASCII are percent-encoded.
fn location(name: &str) -> String {
    if name.is_ascii() {
        name.to_owned()
    } else {
        param::percent_encoded(name)
    }
}

pub(super) fn entity_of(fields: &[Field]) -> Result<Entity, Illegal> {
    let mut raw = Raw::default();
    for field in fields {
        raw.note(field.raw());
    }
    raw.check().map_err(Illegal)?;
    raw.read("text/plain").map_err(Illegal)
}

fn boundary(message: &Message) -> Option<Vec<u8>> {
    entity_of(&message.header.fields).ok()?.boundary
}

/// The last block, if it begins with the outermost closing delimiter; the delimiter gets the CRLF before it.
fn closing_block(message: &Message, closing: &[u8]) -> Result<Option<Block>, Illegal> {
    let Some(Block::Verbatim(piece)) = message.body.last() else {
        return Ok(None);
    };
    let start = match piece {
        Piece::New(bytes) => bytes.clone(),
        Piece::Received(range) => {
            let end = range.end.min(range.start + closing.len() as u64);
            piece_octets(&message.content, &Piece::Received(range.start..end))?
        }
    };
    if start.starts_with(closing) {
        return Ok(Some(Block::Verbatim(piece.clone())));
    }
    if start.starts_with(&closing[2..]) {
        // A delimiter at the very start of a body has no CRLF of its own.
        let all = piece_octets(&message.content, piece)?;
        return Ok(Some(Block::Verbatim(Piece::New([&b"\r\n"[..], &all].concat().into()))));
    }
    Ok(None)
}

/// Whether the part is the last thing in the message.
fn ends_message(message: &Message, id: PartId) -> bool {
    matches!(message.body.last(), Some(Block::Part(last)) if *last == id)
}
