//! The header of a message: fields in order, each with its bytes as received.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use super::OpaqueId;

/// One field, folding and final CRLF included, byte for byte. Two fields are equal when their bytes are.
#[derive(Clone, Debug)]
pub struct Field {
    raw: Bytes,
    name_end: usize,
    /// Where it stands in the received message; `None` when the relay or a plug-in made it.
    place: Option<u64>,
}

impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Field {}

/// The fields of a message's header, in order. The empty line that ends the header is not part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub fields: Vec<Field>,
}

impl Field {
    /// Takes a field as it stands in a message: name, colon, value, CRLF, with continuation lines.
    /// `None` when there is no colon, or no name of visible ASCII before it. Blanks between name and colon are
    /// tolerated (RFC 5322, 4.5), and are not part of the name.
    pub fn parse(raw: Bytes) -> Option<Self> {
        let colon = raw.iter().position(|b| *b == b':')?;
        let name_end = raw[..colon].iter().rposition(|b| !matches!(b, b' ' | b'\t'))? + 1;
        raw[..name_end].iter().all(u8::is_ascii_graphic).then_some(Self {
            raw,
            name_end,
            place: None,
        })
    }

    /// As [`Field::parse`], for a field that stands at octet `place` of the received message. Serialising refers to
    /// those octets instead of holding them.
    pub fn received(raw: Bytes, place: u64) -> Option<Self> {
        Self::parse(raw).map(|field| Self {
            place: Some(place),
            ..field
        })
    }

    /// The octets of the received message that this field is, if it came in with it.
    pub fn place(&self) -> Option<Range<u64>> {
        self.place.map(|start| start..start + self.raw.len() as u64)
    }

    /// Builds a field. The caller vouches for both: they come from `HeaderName` and `HeaderValue`, or are our own.
    pub fn build(name: &str, value: &str) -> Self {
        Self {
            raw: format!("{name}: {value}\r\n").into(),
            name_end: name.len(),
            place: None,
        }
    }

    /// As [`Field::build`], of a value that need not be UTF-8: an ID as it was received.
    pub fn exact(name: &str, value: &[u8]) -> Self {
        Self {
            raw: [name.as_bytes(), b": ", value, b"\r\n"].concat().into(),
            name_end: name.len(),
            place: None,
        }
    }

    /// The field as it goes on the wire, CRLF included.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    pub fn name(&self) -> &str {
        std::str::from_utf8(&self.raw[..self.name_end]).unwrap_or_default()
    }

    pub fn is(&self, name: &str) -> bool {
        self.raw[..self.name_end].eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value: unfolded (RFC 5322, 2.2.3), without the blanks at both ends, bad UTF-8 replaced.
    pub fn value(&self) -> Cow<'_, str> {
        unfolded(String::from_utf8_lossy(self.body()))
    }

    /// The value as [`Field::value`], octet for octet: for what is echoed.
    pub fn id(&self) -> OpaqueId {
        OpaqueId::of(&self.octets())
    }

    /// The octets of the value: unfolded, without the blanks at both ends.
    pub fn octets(&self) -> Cow<'_, [u8]> {
        let body = self.body();
        if memchr::memmem::find(body, b"\r\n").is_none() {
            return Cow::Borrowed(body);
        }
        let mut unfolded = Vec::with_capacity(body.len());
        let mut rest = body;
        while let Some(fold) = memchr::memmem::find(rest, b"\r\n") {
            unfolded.extend_from_slice(&rest[..fold]);
            rest = &rest[fold + 2..];
        }
        unfolded.extend_from_slice(rest);
        Cow::Owned(unfolded)
    }

    fn body(&self) -> &[u8] {
        let colon = self.raw[self.name_end..]
            .iter()
            .position(|b| *b == b':')
            .map_or(self.name_end, |i| self.name_end + i + 1);
        self.raw[colon..].trim_ascii()
    }
}

fn unfolded(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        text if text.contains("\r\n") => Cow::Owned(text.replace("\r\n", "")),
        text => text,
    }
}

impl Header {
    /// The first field of that name.
    pub fn first(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.is(name))
    }

    /// The first field's value.
    pub fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.first(name).map(Field::value)
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Field> {
        self.fields.iter().filter(move |field| field.is(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(raw: &'static str) -> Field {
        Field::parse(Bytes::from_static(raw.as_bytes())).unwrap()
    }

    #[test]
    fn values_are_unfolded_and_trimmed_while_the_raw_bytes_stay() {
        let folded = field("To:\r\n        +15555550199,\r\n   \r\n\t+15555550188 \r\n");
        assert_eq!(folded.value(), "+15555550199,   \t+15555550188");
        assert_eq!(
            folded.raw(),
            "To:\r\n        +15555550199,\r\n   \r\n\t+15555550188 \r\n"
        );
        assert_eq!(field("Content-ID:<smil>\r\n").value(), "<smil>");
        assert_eq!(field("Subject: \r\n").value(), "");
    }

    #[test]
    fn names_compare_without_case_and_tolerate_blanks_before_the_colon() {
        let odd = field("X-Mms-Originator-R/S-Delivery-Report : No\r\n");
        assert!(odd.is("x-mms-originator-r/s-delivery-report"));
        assert_eq!(odd.value(), "No");
        assert!(Field::parse(Bytes::from_static(b"no colon here\r\n")).is_none());
        assert!(Field::parse(Bytes::from_static(b": nothing before\r\n")).is_none());
    }
}
