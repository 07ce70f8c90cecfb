//! The content of a message as a reader sees it, however it is encoded: the leaves of its MIME structure, decoded.
//!
//! Two encodings of one message differ in boundaries, transfer encodings, folding and encoded words, and have the same
//! leaves. So a conversion is right when the leaves before and after it are the same
//! ([`seven_bit`](super::seven_bit())), and a request is a repeat when its leaves are those of an earlier one
//! ([`body_digest`](super::body_digest)).

use std::io;

use bytes::Bytes;
use mail_parser::parsers::MessageStream;
use xxhash_rust::xxh3::xxh3_128;

use super::body;
use crate::message::{Content, Message, Part, Piece, TransferEncoding};

/// A leaf as a reader sees it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub media_type: String,
    pub name: Option<String>,
    pub content_id: Option<String>,
    pub content_location: Option<String>,
    /// A digest of the decoded body; of the encoded one where the encoding is unknown.
    pub digest: u128,
}

/// The leaves of a message, in order. At most one body is in memory at a time, encoded and decoded.
pub(super) fn leaves(message: &Message) -> io::Result<Vec<Leaf>> {
    let octets = |piece: &Piece| octets(&message.content, piece);
    message
        .parts
        .iter()
        .map(|part| Ok(leaf(part, octets(&part.body)?)))
        .collect()
}

pub(super) fn leaf(part: &Part, body: Bytes) -> Leaf {
    Leaf {
        media_type: part.media_type.clone(),
        name: part.name.clone(),
        content_id: part.content_id.clone(),
        content_location: part.content_location.as_deref().map(without_encoded_words),
        digest: digest(part.encoding, body),
    }
}

fn digest(encoding: TransferEncoding, body: Bytes) -> u128 {
    let plain = body::decoded(encoding, body.clone());
    xxh3_128(&plain.unwrap_or(body))
}

fn octets(content: &Content, piece: &Piece) -> io::Result<Bytes> {
    match piece {
        Piece::New(bytes) => Ok(bytes.clone()),
        Piece::Received(range) => content.read(range.clone()),
    }
}

/// The text with its encoded words decoded (RFC 2047): a Content-Location may have some (RFC 2557, 4.4.1).
fn without_encoded_words(text: &str) -> String {
    let line = format!("{text}\r\n");
    match MessageStream::new(line.as_bytes()).parse_unstructured() {
        mail_parser::HeaderValue::Text(text) => text.trim().to_owned(),
        _ => text.to_owned(),
    }
}
