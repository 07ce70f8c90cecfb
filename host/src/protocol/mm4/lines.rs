//! Header fields as lines: splitting a header, and completing it before something is added behind it.

use bytes::Bytes;

use crate::message::{Block, Field, Message, Piece};

/// The fields of a part's header. Reading has refused parts with a line that is no field.
pub(super) fn fields_of(header: &Bytes) -> Vec<Field> {
    let mut fields = Vec::new();
    let (mut line, mut field) = (0, 0);
    loop {
        let rest = &header[line..];
        if line > field && !matches!(rest.first(), Some(b' ' | b'\t')) {
            let raw = header.slice(field..line);
            let raw = if raw.ends_with(b"\r\n") {
                raw
            } else {
                [&raw[..], b"\r\n"].concat().into()
            };
            fields.extend(Field::parse(raw));
            field = line;
        }
        if rest.is_empty() || rest.starts_with(b"\r\n") {
            return fields;
        }
        line += memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
    }
}

/// Adds the empty line behind the header if the message came without one, because it is about to get a body.
pub(super) fn complete_header(message: &mut Message) {
    complete_last_line(&mut message.header.fields);
    if !matches!(message.body.first(), Some(Block::Verbatim(_))) {
        message.body.insert(0, Block::Verbatim(Piece::New("\r\n".into())));
    }
}

/// Adds the missing CRLF to the last field, which a message without a body may lack.
pub(super) fn complete_last_line(fields: &mut [Field]) {
    if let Some(last) = fields.last_mut()
        && !last.raw().ends_with(b"\r\n")
        && let Some(completed) = Field::parse([&last.raw()[..], b"\r\n"].concat().into())
    {
        *last = completed;
    }
}
