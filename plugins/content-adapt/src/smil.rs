//! References from the presentation (SMIL) to parts that changed.
//!
//! Only references are changed: the text around them, layout and timing included, stays as the originator's phone wrote
//! it. This is a scanner for tags and not an XML parser, because real presentations are not always well-formed XML.

use std::borrow::Cow;
use std::ops::Range;

/// A changed part: its old and new names, as far as references need them.
#[derive(Debug, Default)]
pub struct Change {
    /// Without angle brackets.
    pub content_id: Option<String>,
    /// The names by which references may mean the part: its old file name and Content-Location.
    pub old_names: Vec<String>,
    /// The new file name; `None` when the name did not change.
    pub new_name: Option<String>,
    /// The new media type, without parameters.
    pub media_type: String,
}

impl Change {
    fn is_text(&self) -> bool {
        self.media_type.starts_with("text/")
    }
}

/// The presentation with its references updated; `None` when no reference changes.
///
/// `src="photo.png"` follows the file name, and so do `src="./photo.png"` and `src="PHOTO.PNG"` unless they are the exact
/// name of another part: `others` holds the names of the parts that did not change. `src="cid:..."` stays, for
/// Content-IDs do not change. An element whose part became a text becomes a `text` element, its end tag included. A `type`
/// attribute follows the media type.
pub fn updated(smil: &str, changes: &[Change], others: &[String]) -> Option<String> {
    let parts = Parts { changes, others };
    let mut splices = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    while let Some(tag) = next_tag(smil, at) {
        at = tag.whole.end;
        match tag.kind {
            Kind::Skipped => {}
            Kind::End => {
                // A missing end tag in between must not shift the pairs around it.
                if let Some(index) = open.iter().rposition(|element| element.name == &smil[tag.name.clone()]) {
                    if open[index].becomes_text {
                        splices.push((local(smil, &tag.name), "text".to_owned()));
                    }
                    open.truncate(index);
                }
            }
            Kind::Start { empty } => {
                let becomes_text = start_tag(smil, &tag, &parts, &mut splices);
                if !empty {
                    open.push(Open {
                        name: &smil[tag.name.clone()],
                        becomes_text,
                    });
                }
            }
        }
    }
    (!splices.is_empty()).then(|| spliced(smil, splices))
}

/// An element whose end tag is still to come.
struct Open<'a> {
    name: &'a str,
    becomes_text: bool,
}

type Splice = (Range<usize>, String);

/// Notes what must change in a start tag. Returns whether the element becomes a `text`.
fn start_tag(smil: &str, tag: &Tag, parts: &Parts<'_>, splices: &mut Vec<Splice>) -> bool {
    let attributes = attributes(smil, tag);
    let find = |name: &str| {
        attributes
            .iter()
            .find(|attribute| smil[attribute.name.clone()].eq_ignore_ascii_case(name))
    };
    let Some(source) = find("src") else {
        return false;
    };
    let reference = unescaped(&smil[source.value.clone()]);
    let Some((change, by_name)) = parts.meant_by(&reference) else {
        return false;
    };
    if let (Some(name), Some(spelling)) = (&change.new_name, by_name) {
        let here = if reference.starts_with("./") { "./" } else { "" };
        splices.push(source.set(&escaped(&format!("{here}{}", spelling.write(name)))));
    }
    if let Some(media_type) = find("type") {
        splices.push(media_type.set(&change.media_type));
    }
    let name = local(smil, &tag.name);
    let becomes_text = change.is_text() && matches!(&smil[name.clone()], "img" | "video" | "audio" | "animation");
    if becomes_text {
        splices.push((name, "text".into()));
    }
    becomes_text
}

/// How a reference spells a file name.
#[derive(Clone, Copy)]
enum Spelling {
    Plain,
    /// `my%20photo.png`
    Percent,
}

impl Spelling {
    fn write(self, name: &str) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte);
        match self {
            Self::Plain => name.into(),
            Self::Percent => name
                .bytes()
                .map(|b| {
                    if plain(b) {
                        char::from(b).to_string()
                    } else {
                        format!("%{b:02X}")
                    }
                })
                .collect(),
        }
    }
}

/// The parts that a reference can mean.
struct Parts<'a> {
    changes: &'a [Change],
    /// Names of the parts that did not change.
    others: &'a [String],
}

impl<'a> Parts<'a> {
    /// The changed part that the reference means and, if the reference is a name, its spelling. A part of exactly that
    /// name takes precedence over one whose name differs in case or in a leading `./`.
    fn meant_by(&self, reference: &str) -> Option<(&'a Change, Option<Spelling>)> {
        let find = |same: fn(&str, &str) -> bool| {
            self.changes
                .iter()
                .find_map(|change| matches(change, reference, same).map(|by| (change, by)))
        };
        let exact = find(|one, other| one == other);
        exact.or_else(|| {
            let decoded = percent_decoded(reference);
            let is_another = self.others.iter().any(|name| name == reference || *name == decoded);
            if is_another { None } else { find(alike) }
        })
    }
}

/// Whether two file names are the same when case and a leading `./` are ignored.
fn alike(one: &str, other: &str) -> bool {
    fn plain(mut name: &str) -> &str {
        while let Some(rest) = name.strip_prefix("./") {
            name = rest;
        }
        name.trim()
    }
    plain(one).to_lowercase() == plain(other).to_lowercase()
}

/// Whether the reference means the part and, if the reference is a name, its spelling.
fn matches(change: &Change, reference: &str, same: fn(&str, &str) -> bool) -> Option<Option<Spelling>> {
    let decoded = percent_decoded(reference);
    let is_id = |text: &str| change.content_id.as_deref().is_some_and(|id| same(id, text));
    if let Some((scheme, id)) = reference.split_once(':')
        && scheme.eq_ignore_ascii_case("cid")
    {
        return (is_id(id) || is_id(&percent_decoded(id))).then_some(None);
    }
    let is_name = |text: &str| change.old_names.iter().any(|name| same(name, text));
    if is_name(reference) {
        Some(Some(Spelling::Plain))
    } else if is_name(&decoded) {
        Some(Some(Spelling::Percent))
    } else {
        // Some phones leave out the scheme.
        is_id(reference).then_some(None)
    }
}

#[derive(PartialEq)]
enum Kind {
    Start {
        empty: bool,
    },
    End,
    /// Comments, CDATA, processing instructions, declarations.
    Skipped,
}

struct Tag {
    whole: Range<usize>,
    name: Range<usize>,
    kind: Kind,
}

/// The next tag at or behind `from`. `None` at the end, and where a tag is not closed.
fn next_tag(smil: &str, from: usize) -> Option<Tag> {
    let start = from + smil[from..].find('<')?;
    let rest = &smil[start..];
    for (open, close) in [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")] {
        if let Some(inner) = rest.strip_prefix(open) {
            let end = start + open.len() + inner.find(close)? + close.len();
            return Some(Tag {
                whole: start..end,
                name: start..start,
                kind: Kind::Skipped,
            });
        }
    }
    let end = start + tag_end(rest)?;
    let is_end = rest.starts_with("</");
    let name_start = start + if is_end { 2 } else { 1 };
    let name_length = smil[name_start..end]
        .find(|c: char| c.is_whitespace() || matches!(c, '/' | '>'))
        .unwrap_or(0);
    let kind = if is_end {
        Kind::End
    } else {
        Kind::Start {
            empty: smil[..end].ends_with("/>"),
        }
    };
    Some(Tag {
        whole: start..end,
        name: name_start..name_start + name_length,
        kind,
    })
}

/// The length of a tag: to the `>` that is not inside a quoted value.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (index, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if byte == open => quote = None,
            (None, b'>') => return Some(index + 1),
            _ => {}
        }
    }
    None
}

/// An attribute of a start tag.
struct Attribute {
    name: Range<usize>,
    /// Without its quotes.
    value: Range<usize>,
    is_quoted: bool,
}

impl Attribute {
    /// The change that gives the attribute another value, in quotes where there were none.
    fn set(&self, value: &str) -> Splice {
        let quote = if self.is_quoted { "" } else { "\"" };
        (self.value.clone(), format!("{quote}{value}{quote}"))
    }
}

fn attributes(smil: &str, tag: &Tag) -> Vec<Attribute> {
    let mut found = Vec::new();
    let mut at = tag.name.end;
    while let Some(equals) = smil[at..tag.whole.end].find('=').map(|index| at + index) {
        let name = smil[at..equals].trim_end();
        let name_end = at + name.len();
        let name_start = name
            .rfind(|c: char| c.is_whitespace() || c == '/')
            .map_or(at, |index| at + index + 1);
        let after = &smil[equals + 1..tag.whole.end];
        let start = equals + 1 + (after.len() - after.trim_start().len());
        let quote = smil[start..].chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, end) = match quote {
            Some(quote) => {
                let Some(length) = smil[start + 1..tag.whole.end].find(quote) else {
                    break;
                };
                (start + 1..start + 1 + length, start + length + 2)
            }
            None => {
                let rest = smil[start..tag.whole.end].trim_end_matches('>');
                let rest = rest.strip_suffix('/').unwrap_or(rest);
                let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (start..start + length, (start + length).max(equals + 1))
            }
        };
        found.push(Attribute {
            name: name_start..name_end,
            value,
            is_quoted: quote.is_some(),
        });
        at = end;
    }
    found
}

/// A name without its namespace prefix.
fn local(smil: &str, name: &Range<usize>) -> Range<usize> {
    let prefix = smil[name.clone()].find(':').map_or(0, |colon| colon + 1);
    name.start + prefix..name.end
}

fn spliced(smil: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|(range, _)| range.start);
    let mut result = String::with_capacity(smil.len());
    let mut at = 0;
    for (range, text) in splices {
        result.push_str(&smil[at..range.start]);
        result.push_str(&text);
        at = range.end;
    }
    result.push_str(&smil[at..]);
    result
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return text.trim().into();
    }
    // `&amp;` last, or `&amp;lt;` would be taken for `<`.
    let plain = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'");
    plain.replace("&amp;", "&").trim().to_owned().into()
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&apos;")
}

/// A malformed escape, or one that does not decode to UTF-8, stays as it is.
fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |index: usize| bytes.get(index).and_then(|&byte| char::from(byte).to_digit(16));
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                // Two hexadecimal digits are below 256.
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).map_or_else(|_| text.into(), Cow::Owned)
}

#[cfg(test)]
mod tests;
