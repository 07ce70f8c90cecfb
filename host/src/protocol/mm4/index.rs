//! The body, cut at its delimiter lines (RFC 2046, 5.1.1) in one pass and without recursion.
//!
//! Edits rely on these invariants:
//!
//! - The blocks, in order, are the received octets, each exactly once.
//! - Every delimiter begins with the CRLF before it, also where the part before it is empty or has no empty line. The
//!   one exception is a delimiter at the very start of the body.
//! - If the outermost multipart is closed, its closing delimiter begins the last block.
//!
//! What strict and lenient readers take for different messages is refused: a line in a part's header that is no field
//! (some end the header there and read what follows as text; some pass over it), two fields that describe the octets
//! differently, and a boundary that is not ASCII. So the next hop reads the same message as the relay.
//!
//! `message/rfc822` is a leaf. Its content is followed all the same, to bound its nesting, because software behind us
//! may parse it with less care. That never moves the end of the leaf: delimiters of the indexed multiparts take
//! precedence.
//!
//! A multipart without its closing delimiter is carried as it is, and its last part reaches to the end: ordinary mail
//! relays pass such messages on too. A multipart without any delimiter cannot be indexed, and is refused. So is a
//! multipart with the boundary of one that encloses it: readers differ about which of the two a delimiter line belongs
//! to (RFC 2046, 5.1.2 forbids it), and removing a part could change that.

mod delimiter;

use std::ops::Range;

use memchr::{memchr, memmem};

use self::delimiter::{Delimiter, Embedded, Frames, Open, Owner, ambiguous};
use super::Limits;
use super::entity::{Entity, Raw};
use crate::message::{Block, Part, PartId, Piece, Refusal};

pub(super) struct Index {
    pub body: Vec<Block>,
    pub parts: Vec<Part>,
    /// The headers of inner multiparts, each with its empty line.
    pub inner_headers: Vec<Range<usize>>,
    /// The bodies of multiparts that are signed or encrypted (RFC 1847), and must not change.
    pub sealed: Vec<Range<usize>>,
}

/// Indexes the body of `message`, which begins at `start` with the empty line behind the header. `top` is the meaning
/// of the message's own header.
pub(super) fn index(message: &[u8], start: usize, top: Entity, limits: &Limits) -> Result<Index, Refusal> {
    let body = start + if message[start..].starts_with(b"\r\n") { 2 } else { 0 };
    let mut walk = Walk {
        text: message,
        body,
        limits,
        open: Vec::new(),
        embedded: Vec::new(),
        leaf: None,
        done: start,
        blocks: Vec::new(),
        parts: Vec::new(),
        inner_headers: Vec::new(),
        sealed: Vec::new(),
    };
    walk.verbatim_to(body);
    if top.boundary.is_none() {
        return walk.single(top);
    }
    let empty = message[body..].iter().all(|octet| matches!(octet, b'\r' | b'\n'));
    if empty {
        walk.verbatim_to(message.len());
        return Ok(walk.finish());
    }
    walk.enter(top, body)?;
    walk.run(body)
}

/// A part whose end has not come yet.
struct Leaf {
    delimiter: Range<usize>,
    body: usize,
    entity: Entity,
}

struct Walk<'a> {
    text: &'a [u8],
    /// Where the body begins, behind the empty line.
    body: usize,
    limits: &'a Limits,
    open: Vec<Open>,
    embedded: Vec<Embedded>,
    leaf: Option<Leaf>,
    /// The octets before this one are in blocks already.
    done: usize,
    blocks: Vec<Block>,
    parts: Vec<Part>,
    inner_headers: Vec<Range<usize>>,
    sealed: Vec<Range<usize>>,
}

/// How the header of an entity is read.
#[derive(Clone, Copy, PartialEq)]
enum Header {
    /// The header of a part: what readers interpret differently is refused.
    Indexed,
    /// A header inside a leaf, on which the relay does not act.
    Embedded,
}

impl Walk<'_> {
    fn frames(&self) -> Frames<'_> {
        Frames {
            text: self.text,
            open: &self.open,
            embedded: &self.embedded,
        }
    }

    /// Indexes a message that is not multipart: the body is its one part.
    fn single(mut self, top: Entity) -> Result<Index, Refusal> {
        if top.is_multipart() && self.body < self.text.len() {
            return Err(broken(format!("{} without a boundary", top.media_type)));
        }
        self.leaf = Some(Leaf {
            delimiter: self.body..self.body,
            body: self.body,
            entity: top,
        });
        let body = self.body;
        if self.leaf.as_ref().is_some_and(|leaf| leaf.entity.is_message()) {
            let from = self.look_into_message(body)?;
            return self.run(from);
        }
        self.end_of_leaf(self.text.len())?;
        Ok(self.finish())
    }

    /// Follows the delimiter lines from `from`, which is the start of a line, to the end.
    fn run(mut self, from: usize) -> Result<Index, Refusal> {
        let finder = memmem::Finder::new(b"\n--");
        let mut from = from;
        let mut found = false;
        while !(self.open.is_empty() && self.embedded.is_empty()) {
            let Some(delimiter) = self.frames().next(&finder, from) else {
                break;
            };
            from = match delimiter.owner {
                Owner::Open(depth) => {
                    found = true;
                    self.indexed_delimiter(&delimiter, depth)?
                }
                Owner::Embedded(depth) => self.embedded_delimiter(&delimiter, depth)?,
            };
        }
        if !found && let Some(outermost) = self.open.first() {
            return Err(broken(format!(
                "no delimiter line with the boundary {:?}",
                String::from_utf8_lossy(&outermost.boundary)
            )));
        }
        self.end_of_leaf(self.text.len())?;
        self.verbatim_to(self.text.len());
        self.close(0, self.text.len());
        Ok(self.finish())
    }

    /// Handles a delimiter of an indexed multipart. Returns where to go on.
    fn indexed_delimiter(&mut self, delimiter: &Delimiter, depth: usize) -> Result<usize, Refusal> {
        let before = delimiter.at.saturating_sub(2);
        let owns_crlf = before >= self.body && self.text[before..].starts_with(b"\r\n");
        let start = if owns_crlf { before } else { delimiter.at };
        self.end_of_leaf(start)?;
        if delimiter.closing {
            self.close(depth, start);
            if depth == 0 {
                // The delimiter begins a block of its own, so that parts can be added before it.
                self.verbatim_to(start);
                self.blocks.push(Block::received(start as u64..self.text.len() as u64));
                self.done = self.text.len();
            }
            return Ok(delimiter.end);
        }
        self.close(depth + 1, start);
        let (entity, body) = self.entity_at(delimiter.end, self.open[depth].default_type, Header::Indexed)?;
        if entity.boundary.is_some() {
            self.inner_headers.push(delimiter.end..body);
            self.enter(entity, body)?;
            return Ok(body);
        }
        self.verbatim_to(start);
        let is_message = entity.is_message();
        self.leaf = Some(Leaf {
            delimiter: start..delimiter.end,
            body,
            entity,
        });
        if is_message {
            self.look_into_message(body)
        } else {
            Ok(body)
        }
    }

    /// Closes the multipart at `depth` and all those inside it.
    fn close(&mut self, depth: usize, at: usize) {
        let closed = self.open.drain(depth.min(self.open.len())..);
        let sealed = closed.filter_map(|open| open.sealed_from.map(|from| from.min(at)..at));
        self.sealed.extend(sealed);
    }

    /// Handles a delimiter inside the current leaf. Returns where to go on.
    fn embedded_delimiter(&mut self, delimiter: &Delimiter, depth: usize) -> Result<usize, Refusal> {
        if delimiter.closing {
            self.embedded.truncate(depth);
            return Ok(delimiter.end);
        }
        self.embedded.truncate(depth + 1);
        let default_type = match &self.embedded[depth] {
            Embedded::Multipart(open) => open.default_type,
            Embedded::Message => "text/plain",
        };
        let (entity, body) = self.entity_at(delimiter.end, default_type, Header::Embedded)?;
        self.look_into(entity, body)
    }

    /// Follows the header of an inner message at `at`, of the message that this one may consist of, and so on.
    fn look_into_message(&mut self, at: usize) -> Result<usize, Refusal> {
        self.check_nesting()?;
        self.embedded.push(Embedded::Message);
        let (entity, body) = self.entity_at(at, "text/plain", Header::Embedded)?;
        self.look_into(entity, body)
    }

    fn look_into(&mut self, mut entity: Entity, mut body: usize) -> Result<usize, Refusal> {
        while entity.is_message() {
            self.check_nesting()?;
            self.embedded.push(Embedded::Message);
            (entity, body) = self.entity_at(body, "text/plain", Header::Embedded)?;
        }
        let default_type = entity.default_of_parts();
        if let Some(boundary) = entity.boundary {
            self.check_nesting()?;
            self.embedded.push(Embedded::Multipart(Open {
                boundary,
                default_type,
                sealed_from: None,
            }));
        }
        Ok(body)
    }

    /// Opens an indexed multipart, whose body begins at `body`.
    fn enter(&mut self, multipart: Entity, body: usize) -> Result<(), Refusal> {
        self.check_nesting()?;
        let default_type = multipart.default_of_parts();
        let sealed_from = multipart.is_sealed().then_some(body);
        if let Some(boundary) = multipart.boundary {
            if !boundary.is_ascii() {
                return Err(broken("a boundary that is not ASCII (RFC 2046, 5.1.1)"));
            }
            if let Some(outer) = self.open.iter().find(|open| ambiguous(&open.boundary, &boundary)) {
                return Err(broken(format!(
                    "the boundary {:?} stands inside the boundary {:?}: nobody can tell their lines apart",
                    String::from_utf8_lossy(&boundary),
                    String::from_utf8_lossy(&outer.boundary),
                )));
            }
            self.open.push(Open {
                boundary,
                default_type,
                sealed_from,
            });
        }
        Ok(())
    }

    fn check_nesting(&self) -> Result<(), Refusal> {
        if (self.open.len() + self.embedded.len()) as u64 >= u64::from(self.limits.nesting) {
            return Err(Refusal::NestedTooDeep {
                limit: self.limits.nesting,
            });
        }
        Ok(())
    }

    /// Reads the header at `at`, and returns where the body begins. The header ends at an empty line, at a delimiter
    /// line, or with the message. A line that is no field is refused in a part's header, and passed over inside a leaf.
    fn entity_at(&self, at: usize, default_type: &str, header: Header) -> Result<(Entity, usize), Refusal> {
        let is_indexed = header == Header::Indexed;
        let (mut line, mut field) = (at, at);
        let mut raw = Raw::default();
        let body = loop {
            let rest = &self.text[line..];
            if line > field && !matches!(rest.first(), Some(b' ' | b'\t')) {
                if is_indexed && !is_field(&self.text[field..line]) {
                    return Err(broken(format!(
                        "the header of part {} has a line that is no field; an empty line ends a header",
                        self.parts.len() + 1
                    )));
                }
                raw.note(&self.text[field..line]);
                field = line;
            }
            if rest.starts_with(b"\r\n") {
                break line + 2;
            }
            if rest.is_empty() || self.frames().at(line).is_some() {
                break line;
            }
            if (line - at) as u64 > self.limits.header_octets {
                return Err(broken(format!(
                    "the header of a part is larger than {} octets",
                    self.limits.header_octets
                )));
            }
            line += memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        };
        if is_indexed {
            raw.check().map_err(broken)?;
        }
        let entity = raw.read(default_type).map_err(broken)?;
        Ok((entity, body))
    }

    /// Ends the current leaf, if there is one, at `cut`. The CRLF of its own delimiter, or of its header's empty line,
    /// may lie behind `cut`: then that CRLF belongs to the next delimiter.
    fn end_of_leaf(&mut self, cut: usize) -> Result<(), Refusal> {
        self.embedded.clear();
        let Some(leaf) = self.leaf.take() else { return Ok(()) };
        if self.parts.len() as u64 >= u64::from(self.limits.parts) {
            return Err(broken(format!("more than {} parts", self.limits.parts)));
        }
        let piece = |range: Range<usize>| Piece::Received(range.start.min(cut) as u64..range.end.min(cut) as u64);
        let id = PartId(self.parts.len() as u32 + 1);
        self.parts.push(Part {
            id,
            delimiter: piece(leaf.delimiter.clone()),
            header: piece(leaf.delimiter.end..leaf.body),
            body: piece(leaf.body..cut),
            media_type: leaf.entity.media_type,
            name: leaf.entity.name,
            content_id: leaf.entity.content_id,
            content_location: leaf.entity.content_location,
            encoding: leaf.entity.encoding,
        });
        self.blocks.push(Block::Part(id));
        self.done = cut;
        Ok(())
    }

    /// Puts everything since the last block, up to `to`, into a block; appends it to the last block if that is
    /// verbatim.
    fn verbatim_to(&mut self, to: usize) {
        if to <= self.done {
            return;
        }
        match self.blocks.last_mut() {
            Some(Block::Verbatim(Piece::Received(range))) if self.done > self.body => range.end = to as u64,
            _ => self.blocks.push(Block::received(self.done as u64..to as u64)),
        }
        self.done = to;
    }

    fn finish(self) -> Index {
        Index {
            body: self.blocks,
            parts: self.parts,
            inner_headers: self.inner_headers,
            sealed: self.sealed,
        }
    }
}

/// Whether a line, with its continuation lines, is a field with a name (RFC 5322, 2.2; blanks before the colon as in
/// 4.5).
fn is_field(lines: &[u8]) -> bool {
    let name = lines.split(|octet| *octet == b':').next().unwrap_or_default();
    let is_name = |name: &[u8]| !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    name.len() < lines.len() && is_name(name)
}

fn broken(reason: impl Into<String>) -> Refusal {
    Refusal::BrokenMime { reason: reason.into() }
}
