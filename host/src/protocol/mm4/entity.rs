//! The `Content-` fields of a message or part (RFC 2045, RFC 2183), read as tolerantly as real peers require.

use std::borrow::Cow;

use mail_parser::ContentType;
use mail_parser::parsers::MessageStream;

use super::param;
use crate::message::TransferEncoding;

/// The longest Content-Type or Content-Disposition that is parsed, in octets. mail-parser's parsing of parameters is
/// quadratic in their number; MMS needs some 300 octets.
const MAX_STRUCTURED_OCTETS: usize = 2_048;

/// The meaning of a set of `Content-` fields. The first field of each name counts.
#[derive(Debug)]
pub(super) struct Entity {
    /// In lower case, without parameters.
    pub media_type: String,
    /// The boundary of a multipart; `None` also for a multipart that has none.
    pub boundary: Option<Vec<u8>>,
    /// For a `multipart/report` (RFC 6522): the type of the report, in lower case.
    pub report_type: Option<String>,
    pub name: Option<String>,
    pub content_id: Option<String>,
    pub content_location: Option<String>,
    pub encoding: TransferEncoding,
}

/// The raw values of the `Content-` fields of one entity, colon excluded and final CRLF included.
#[derive(Default)]
pub(super) struct Raw<'a> {
    content_type: Option<&'a [u8]>,
    encoding: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    location: Option<&'a [u8]>,
    disposition: Option<&'a [u8]>,
    /// A field that describes the octets and occurs twice with different values.
    contradiction: Option<&'static str>,
    /// A field has blanks between its name and the colon (RFC 5322, 4.5.8).
    detached: bool,
}

impl<'a> Raw<'a> {
    /// Records a line if it is one of these fields. A line without a colon is no field.
    pub fn note(&mut self, field: &'a [u8]) {
        if !field
            .get(..8)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"content-"))
        {
            return;
        }
        let Some(colon) = memchr::memchr(b':', field) else {
            return;
        };
        let (name, value) = (field[8..colon].trim_ascii_end(), &field[colon + 1..]);
        let slot = match name {
            n if n.eq_ignore_ascii_case(b"type") => &mut self.content_type,
            n if n.eq_ignore_ascii_case(b"transfer-encoding") => &mut self.encoding,
            n if n.eq_ignore_ascii_case(b"id") => &mut self.id,
            n if n.eq_ignore_ascii_case(b"location") => &mut self.location,
            n if n.eq_ignore_ascii_case(b"disposition") => &mut self.disposition,
            _ => return,
        };
        self.detached |= name.len() < colon - 8;
        let first = *slot.get_or_insert(value);
        let decides = ["type", "transfer-encoding"]
            .iter()
            .position(|one| name.eq_ignore_ascii_case(one.as_bytes()));
        if let Some(which) = decides
            && !first.trim_ascii().eq_ignore_ascii_case(value.trim_ascii())
        {
            self.contradiction = Some(["Content-Type", "Content-Transfer-Encoding"][which]);
        }
    }

    /// Refuses what readers interpret differently: some take the first of two fields, some the last; some take a line
    /// with blanks before its colon for a field, some for the beginning of the body; and only some unfold, unescape or
    /// decode a boundary that is neither a token nor a plain quoted string.
    pub fn check(&self) -> Result<(), String> {
        if let Some(name) = self.contradiction {
            return Err(format!("two {name} fields that say different things"));
        }
        if self.detached {
            return Err("blanks before the colon of a Content field".into());
        }
        match self.content_type {
            Some(value) if !param::has_one_boundary(value) => {
                Err("a boundary that is neither one token nor one quoted string without backslashes".into())
            }
            _ => Ok(()),
        }
    }

    /// Interprets the recorded fields. `default_type` applies when there is no usable Content-Type.
    pub fn read(&self, default_type: &str) -> Result<Entity, String> {
        let content_type = structured("Content-Type", self.content_type)?;
        let disposition = structured("Content-Disposition", self.disposition)?;
        let media_type = match &content_type {
            Some(ContentType {
                c_type,
                c_subtype: Some(subtype),
                ..
            }) => format!("{c_type}/{subtype}"),
            _ => default_type.to_owned(),
        };
        let attribute = |of: &Option<ContentType<'_>>, name: &str| {
            of.as_ref()
                .and_then(|value| value.attribute(name))
                .map(str::to_owned)
                .filter(|text| !text.is_empty())
        };
        let boundary = media_type
            .starts_with("multipart/")
            .then(|| attribute(&content_type, "boundary"))
            .flatten()
            .map(|text| text.trim_end().as_bytes().to_vec())
            .filter(|octets| !octets.is_empty());
        Ok(Entity {
            report_type: attribute(&content_type, "report-type").map(|text| text.to_ascii_lowercase()),
            name: attribute(&content_type, "name").or_else(|| attribute(&disposition, "filename")),
            media_type,
            boundary,
            content_id: self.id.map(unfolded).map(without_brackets),
            content_location: self.location.map(unfolded).filter(|text| !text.is_empty()),
            encoding: self.encoding.map_or(TransferEncoding::Identity, encoding),
        })
    }
}

impl Entity {
    pub fn is_multipart(&self) -> bool {
        self.media_type.starts_with("multipart/")
    }

    /// Whether this is the outside of a delivery status notification (RFC 3464, 2). Some notifications lack the report
    /// type.
    pub fn is_delivery_report(&self) -> bool {
        let what = self.report_type.as_deref().unwrap_or("delivery-status");
        // RFC 6533 defines the second one, for notifications with addresses beyond ASCII.
        let is_status = matches!(what.trim(), "delivery-status" | "global-delivery-status");
        self.media_type == "multipart/report" && is_status
    }

    /// Whether the body is a message with a header of its own, readable without decoding.
    pub fn is_message(&self) -> bool {
        matches!(self.media_type.as_str(), "message/rfc822" | "message/global")
            && self.encoding == TransferEncoding::Identity
    }

    /// Whether the octets inside are signed or encrypted (RFC 1847), so that nobody on the way may change them.
    pub fn is_sealed(&self) -> bool {
        matches!(self.media_type.as_str(), "multipart/signed" | "multipart/encrypted")
    }

    /// The media type of parts that state none (RFC 2046, 5.1.5).
    pub fn default_of_parts(&self) -> &'static str {
        match self.media_type.as_str() {
            "multipart/digest" => "message/rfc822",
            _ => "text/plain",
        }
    }
}

fn structured(name: &str, value: Option<&[u8]>) -> Result<Option<ContentType<'static>>, String> {
    let Some(value) = value else { return Ok(None) };
    if value.len() > MAX_STRUCTURED_OCTETS {
        return Err(format!(
            "a {name} of {} octets: at most {MAX_STRUCTURED_OCTETS} are read",
            value.len()
        ));
    }
    // The last line of a message that has no body may lack its line end. The parser would read another value from it
    // now than after a line has been added behind it.
    let ended = match value.ends_with(b"\n") {
        true => Cow::Borrowed(value),
        false => Cow::Owned([value, b"\r\n"].concat()),
    };
    Ok(match MessageStream::new(&ended).parse_content_type().into_owned() {
        mail_parser::HeaderValue::ContentType(parsed) => Some(parsed),
        _ => None,
    })
}

fn encoding(value: &[u8]) -> TransferEncoding {
    let name = unfolded(value).to_ascii_lowercase();
    // A comment behind the name, which RFC 2045, 6.1 allows, and a stray semicolon are ignored.
    match name
        .split([' ', '\t', ';', '('])
        .next()
        .unwrap_or_default()
        .trim_matches('"')
    {
        "" | "7bit" | "8bit" | "binary" => TransferEncoding::Identity,
        "base64" => TransferEncoding::Base64,
        "quoted-printable" => TransferEncoding::QuotedPrintable,
        _ => TransferEncoding::Unknown,
    }
}

fn unfolded(value: &[u8]) -> String {
    String::from_utf8_lossy(value.trim_ascii()).replace("\r\n", "")
}

/// Content-ID as real peers write it: `<id>`, `id`, `"<id>"`.
fn without_brackets(text: String) -> String {
    let inner = text.trim_matches(|c: char| c == '"' || c.is_ascii_whitespace());
    let inner = inner.strip_prefix('<').unwrap_or(inner);
    inner.strip_suffix('>').unwrap_or(inner).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(header: &'static str) -> Entity {
        let mut raw = Raw::default();
        for line in header.split_inclusive("\r\n") {
            raw.note(line.as_bytes());
        }
        raw.read("text/plain").unwrap()
    }

    fn boundary(content_type: &'static str) -> Option<String> {
        let mut raw = Raw::default();
        raw.note(content_type.as_bytes());
        raw.read("text/plain")
            .unwrap()
            .boundary
            .map(|octets| String::from_utf8(octets).unwrap())
    }

    #[test]
    fn boundaries_are_read_as_real_peers_write_them() {
        let cases = [
            (
                "Content-Type: multipart/related; boundary=\"----=_Part_1_2.3\"\r\n",
                "----=_Part_1_2.3",
            ),
            (
                "Content-Type: multipart/related; boundary=----=_Part_1_2.3\r\n",
                "----=_Part_1_2.3",
            ),
            (
                "Content-Type: multipart/related;Start=\"<smil>\";Type=\"application/smil\"; \r\n\tboundary=\"b 1\"\r\n",
                "b 1",
            ),
            ("Content-Type: multipart/mixed;\r\n   \r\n\tBoundary=\"x\"\r\n", "x"),
            ("CONTENT-TYPE:MULTIPART/MIXED;BOUNDARY=Abc\r\n", "Abc"),
            ("Content-Type: multipart/mixed; boundary=\"a;b=c(d)\"\r\n", "a;b=c(d)"),
            ("Content-Type: multipart/mixed; boundary=\"trailing \"\r\n", "trailing"),
        ];
        for (header, expected) in cases {
            assert_eq!(boundary(header).as_deref(), Some(expected), "{header:?}");
        }
        assert_eq!(boundary("Content-Type: multipart/mixed\r\n"), None);
        assert_eq!(boundary("Content-Type: text/plain; boundary=x\r\n"), None);
    }

    #[test]
    fn names_and_ids_are_read_in_every_spelling() {
        assert_eq!(
            entity("Content-Type: image/JPEG; Name=\"a.jpg\"\r\n").name.as_deref(),
            Some("a.jpg")
        );
        assert_eq!(
            entity("Content-Type: image/jpeg; Name=\"a.jpg\"\r\n").media_type,
            "image/jpeg"
        );
        let attached = entity("Content-Disposition: attachment; FileName=b.png\r\nContent-ID:<smil>\r\n");
        assert_eq!(attached.name.as_deref(), Some("b.png"));
        assert_eq!(attached.content_id.as_deref(), Some("smil"));
        assert_eq!(entity("Content-Id: \"<img1>\"\r\n").content_id.as_deref(), Some("img1"));
        assert_eq!(entity("Content-ID: bare\r\n").content_id.as_deref(), Some("bare"));
    }

    #[test]
    fn transfer_encodings_are_read_with_the_noise_around_them() {
        assert_eq!(encoding(b" BASE64 \r\n"), TransferEncoding::Base64);
        assert_eq!(encoding(b" base64; x=y\r\n"), TransferEncoding::Base64);
        assert_eq!(
            encoding(b" Quoted-Printable (yes)\r\n"),
            TransferEncoding::QuotedPrintable
        );
        assert_eq!(encoding(b" 8bit\r\n"), TransferEncoding::Identity);
        assert_eq!(encoding(b" x-uuencode\r\n"), TransferEncoding::Unknown);
    }

    #[test]
    fn a_field_that_ends_the_message_reads_as_if_its_line_had_an_end() {
        for text in [
            "multipart/report; boundary=\"=_1 2",
            "multipart/mixed; boundary=x",
            "text/html",
        ] {
            let read = |end: &str| {
                let field = format!("Content-Type: {text}{end}");
                let mut raw = Raw::default();
                raw.note(field.as_bytes());
                let entity = raw.read("text/plain").unwrap();
                (entity.media_type, entity.boundary)
            };
            assert_eq!(read(""), read("\r\n"), "{text}");
        }
    }

    #[test]
    fn a_giant_content_type_is_not_looked_into() {
        let giant = format!("Content-Type: text/plain{}\r\n", ";a*1=b".repeat(400));
        let mut raw = Raw::default();
        raw.note(giant.as_bytes());
        assert!(raw.read("text/plain").unwrap_err().contains("2048"));
    }
}
