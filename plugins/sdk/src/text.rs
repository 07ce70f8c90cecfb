//! Texts in whatever charset they come. With the feature `text`.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::{Fault, Part, PartExt, message};

/// The parameter `charset` of a Content-Type, as it is written there, without quotes.
pub fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"').trim();
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then_some(value)
    })
}

/// Octets as text. A byte order mark decides, then `charset`, then whether they are UTF-8; what is left is windows-1252, which
/// takes everything. Octets that mean nothing in their charset become U+FFFD.
pub fn decode(octets: &[u8], charset: Option<&str>) -> String {
    let label = charset.unwrap_or_default();
    let named = Encoding::for_label(label.as_bytes());
    let encoding = match named {
        // Without a mark, the octets of these stand in the order of the network (RFC 2781, 4.3), and not as browsers have it.
        Some(found) if found == UTF_16LE && !label.to_ascii_lowercase().ends_with("le") => UTF_16BE,
        // It says nothing: many write it over whatever their text is.
        Some(found) if !label.eq_ignore_ascii_case("us-ascii") => found,
        _ if std::str::from_utf8(octets).is_ok() => UTF_8,
        _ => WINDOWS_1252,
    };
    encoding.decode(octets).0.into_owned()
}

/// The text of a part of at most `limit` octets; `None` if it is larger.
///
/// # Errors
/// [`Fault::Invalid`] when the body cannot be decoded.
pub fn of_part(part: &Part, limit: u64) -> Result<Option<String>, Fault> {
    let Some(octets) = part.read_all(limit)? else {
        return Ok(None);
    };
    let content_type = message::part_header(part.id, "Content-Type")?.unwrap_or_default();
    Ok(Some(decode(&octets, charset(&content_type))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charset_of_a_content_type_is_found() {
        for (value, expected) in [
            ("text/plain; charset=utf-8", Some("utf-8")),
            ("text/plain;CHARSET = \"ISO-8859-1\" ; name=a", Some("ISO-8859-1")),
            ("text/plain; name=charset", None),
            ("text/plain; charset=", None),
            ("text/plain", None),
        ] {
            assert_eq!(charset(value), expected, "{value}");
        }
    }

    #[test]
    fn texts_of_many_charsets_are_read() {
        for (octets, charset, text) in [
            (&b"caf\xc3\xa9"[..], None, "caf\u{e9}"),
            (b"caf\xc3\xa9", Some("us-ascii"), "caf\u{e9}"),
            (b"caf\xe9", None, "caf\u{e9}"),
            (b"caf\xe9", Some("iso-8859-1"), "caf\u{e9}"),
            (b"\xcd\xee", Some("windows-1251"), "\u{41d}\u{43e}"),
            (b"\x00a\x00b", Some("UTF-16"), "ab"),
            (b"\x00a", Some("iso-10646-ucs-2"), "a"),
            (b"a\x00", Some("utf-16le"), "a"),
            (b"\xff\xfea\x00", Some("utf-16"), "a"),
            (b"\x88\xea", Some("shift_jis"), "\u{4e00}"),
            (b"\xff", Some("utf-8"), "\u{fffd}"),
            (b"x", Some("nobody-knows"), "x"),
        ] {
            assert_eq!(decode(octets, charset), text, "{charset:?}");
        }
    }
}
