//! Construction of header fields: folded lines (RFC 5322, 2.2.3) and encoded words (RFC 2047).

use bytes::Bytes;

use super::{headers, param, words};
use crate::message::{Field, Illegal};

/// Where a line should end (RFC 5322, 2.1.1).
pub(super) const SOFT_LIMIT: usize = 78;
/// Where a line must end, without its CRLF.
pub(super) const HARD_LIMIT: usize = 998;

/// Builds a field whose lines are legal: without blanks at both ends, folded at blanks, words beyond ASCII encoded (RFC
/// 2047, UTF-8; in parameters RFC 2231). Unfolding returns the value.
///
/// Refused: a run without blanks that is too long for any line, and octets above 127 where no encoding is allowed,
/// which is in addresses and identifiers.
pub(super) fn field(name: &str, value: &str) -> Result<Field, Illegal> {
    let line = encode(name, format!("{name}: {}\r\n", value.trim()).as_bytes())?;
    finished(name, wrap(&line, SOFT_LIMIT))
}

/// Encodes every octet above 127 of a field, and leaves the rest. Text that is not UTF-8 is labelled `unknown-8bit`
/// (RFC 1428). Refuses what [`field`] refuses.
pub(super) fn seven_bit(field: &Field) -> Result<Field, Illegal> {
    let raw = field.raw();
    if raw.is_ascii() {
        return Ok(field.clone());
    }
    finished(field.name(), wrap(&encode(field.name(), raw)?, HARD_LIMIT))
}

fn finished(name: &str, raw: Vec<u8>) -> Result<Field, Illegal> {
    if raw
        .split(|octet| *octet == b'\n')
        .any(|line| line.len() > HARD_LIMIT + 1)
    {
        return Err(Illegal(format!(
            "header {name}: a run without blanks does not fit into a line of {HARD_LIMIT} octets"
        )));
    }
    Field::parse(raw.into()).ok_or_else(|| Illegal(format!("header {name}: not a legal field")))
}

/// The grammar of a field's value, which decides how octets above 127 are encoded.
enum Grammar {
    /// Text: encoded words (RFC 2047, 5 (1)).
    Text,
    /// Addresses: encoded words in display names and comments only (RFC 2047, 5 (2) and (3)).
    Addresses,
    /// A value with parameters: RFC 2231.
    Parameters,
    /// An identifier. Readers compare it octet for octet, so an encoded one would be a different one.
    Identifier,
}

impl Grammar {
    const ADDRESSES: [&'static str; 6] = ["From", "Sender", "To", "Cc", "Bcc", "Reply-To"];
    const PARAMETERS: [&'static str; 2] = ["Content-Type", "Content-Disposition"];
    const IDENTIFIERS: [&'static str; 8] = [
        "Message-ID",
        "In-Reply-To",
        "References",
        "Content-ID",
        headers::MESSAGE_TYPE,
        headers::MESSAGE_ID,
        headers::TRANSACTION_ID,
        headers::ORIGINATOR_SYSTEM,
    ];

    fn of(name: &str) -> Self {
        let is_among = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        match () {
            () if is_among(&Self::ADDRESSES) => Self::Addresses,
            () if is_among(&Self::PARAMETERS) => Self::Parameters,
            () if is_among(&Self::IDENTIFIERS) => Self::Identifier,
            () => Self::Text,
        }
    }
}

/// Encodes the octets of the field in ASCII.
fn encode(name: &str, field: &[u8]) -> Result<Vec<u8>, Illegal> {
    if field.is_ascii() {
        return Ok(field.to_vec());
    }
    // Names are ASCII, so the first colon ends the name. It must not become part of an encoded word.
    let (head, value) = field.split_at(memchr::memchr(b':', field).map_or(0, |colon| colon + 1));
    // The line end belongs to the field, and not to a quoted string or comment that is left open.
    let (value, end) = match value.strip_suffix(b"\r\n") {
        Some(value) => (value, &b"\r\n"[..]),
        None => (value, &b""[..]),
    };
    let mut out = Vec::with_capacity(field.len() * 2);
    out.extend_from_slice(head);
    match Grammar::of(name) {
        Grammar::Text => words::text(value, &mut out),
        Grammar::Addresses => {
            words::addresses(value, &mut out).map_err(|Illegal(why)| Illegal(format!("header {name}: {why}")))?
        }
        Grammar::Parameters => out.extend(param::in_ascii(value)),
        Grammar::Identifier => {
            return Err(Illegal(format!(
                "header {name}: an identifier with octets above 127 cannot be encoded"
            )));
        }
    }
    // Octets in a place where no parameter can be, most likely in a comment.
    if !out.is_ascii() {
        let rest = out.split_off(head.len());
        words::text(&rest, &mut out);
    }
    out.extend_from_slice(end);
    Ok(out)
}

/// Folds, at blanks, the lines that are longer than `limit`, or than a line with encoded words may be; leaves all
/// others unchanged. No line is left with blanks only. A run without blanks that is longer than `limit` stays whole.
pub(super) fn wrap(raw: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 32);
    for line in raw.split_inclusive(|octet| *octet == b'\n') {
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        let limit = match words::has_encoded_word(text) {
            true => limit.min(words::LONGEST_LINE),
            false => limit,
        };
        let mut from = 0;
        while text.len() - from > limit {
            let Some(at) = fold_at(&text[from..], limit) else { break };
            out.extend_from_slice(&text[from..from + at]);
            out.extend_from_slice(b"\r\n");
            from += at;
        }
        out.extend_from_slice(&text[from..]);
        out.extend_from_slice(&line[text.len()..]);
    }
    out
}

/// Where to fold: the last blank within `limit` that has a word before and behind it, else the first such blank after
/// `limit`. Never at the blank behind the field's colon, which would leave a line without a value.
fn fold_at(text: &[u8], limit: usize) -> Option<usize> {
    let lead = text.iter().take_while(|octet| is_blank(**octet)).count();
    let folds = |at: usize| {
        at > lead
            && is_blank(text[at])
            && text.get(at + 1).is_some_and(|next| !is_blank(*next))
            && memchr::memchr(b':', text).is_none_or(|colon| colon + 1 < text[..at].trim_ascii_end().len())
    };
    let within = (1..=limit.min(text.len() - 1)).rev().find(|at| folds(*at));
    within.or_else(|| (limit + 1..text.len()).find(|at| folds(*at)))
}

fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// The fields as the octets of a header block.
pub(super) fn block(fields: &[Field]) -> Bytes {
    let mut all: Vec<u8> = fields.iter().flat_map(|field| field.raw().iter().copied()).collect();
    all.extend_from_slice(b"\r\n");
    all.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(name: &str, value: &str) -> String {
        String::from_utf8(field(name, value).unwrap().raw().to_vec()).unwrap()
    }

    /// The field as a reader sees it (RFC 2047 by mail-parser).
    fn seen(raw: &str) -> String {
        let message = format!("{raw}\r\n");
        let parsed = mail_parser::MessageParser::new()
            .with_minimal_headers()
            .parse(&message)
            .unwrap();
        parsed.subject().unwrap().to_owned()
    }

    #[test]
    fn a_long_value_is_folded_at_blanks_and_unfolds_to_itself() {
        let value = (0..60).map(|i| format!("word{i}")).collect::<Vec<_>>().join(" ");
        let raw = raw("X-Long", &value);
        assert!(raw.lines().all(|line| line.len() <= SOFT_LIMIT), "{raw}");
        assert_eq!(Field::parse(raw.into()).unwrap().value(), value);
    }

    #[test]
    fn no_line_is_left_blank_and_none_begins_behind_the_colon() {
        let value = format!("{} {}{}x", "a".repeat(70), "b".repeat(80), " ".repeat(90));
        let raw = raw("X", &value);
        assert!(raw.lines().all(|line| !line.trim().is_empty()), "{raw:?}");
        assert!(raw.starts_with("X: a"));
        assert_eq!(Field::parse(raw.into()).unwrap().value(), value);
    }

    #[test]
    fn words_that_end_in_colons_are_folded_too() {
        let value = "word: ".repeat(300);
        assert!(raw("X", &value).lines().all(|line| line.len() <= SOFT_LIMIT));
    }

    #[test]
    fn a_run_that_fits_no_line_is_refused() {
        assert!(field("X", &"x".repeat(995)).is_ok());
        assert!(field("X", &"x".repeat(996)).unwrap_err().0.contains("998"));
    }

    #[test]
    fn words_beyond_ascii_are_encoded_and_read_back() {
        for value in [
            "gr\u{fc}n",
            "a gr\u{fc}n \u{fc}ber b",
            "\u{1F600}".repeat(100).as_str(),
            "mixed (gr\u{fc}n), and plain",
        ] {
            let raw = raw("Subject", value);
            assert!(raw.is_ascii());
            assert!(raw.lines().all(|line| line.len() <= SOFT_LIMIT), "{raw}");
            assert_eq!(seen(&raw), value);
        }
    }

    #[test]
    fn the_name_is_never_part_of_a_word() {
        let field = Field::parse("Subject:gr\u{fc}n\r\n".into()).unwrap();
        assert_eq!(seven_bit(&field).unwrap().raw(), "Subject:=?utf-8?B?Z3LDvG4=?=\r\n");
    }

    #[test]
    fn octets_that_are_no_utf8_are_labelled_so_and_the_rest_stays() {
        let field = Field::parse(Bytes::from_static(b"Subject:  a  gr\xfcn\tb \r\n")).unwrap();
        let encoded = seven_bit(&field).unwrap();
        assert_eq!(encoded.raw(), "Subject:  a  =?unknown-8bit?B?Z3L8bg==?=\tb \r\n");
        assert_eq!(seven_bit(&encoded).unwrap(), encoded);
    }

    fn in_ascii(text: &str) -> Result<String, Illegal> {
        let field = Field::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap();
        let encoded = seven_bit(&field)?;
        assert_eq!(seven_bit(&encoded).unwrap(), encoded, "twice is once");
        Ok(String::from_utf8(encoded.raw().to_vec()).unwrap())
    }

    #[test]
    fn a_parameter_beyond_ascii_is_written_as_rfc_2231_says_and_its_neighbours_stay() {
        for (before, after) in [
            (
                "Content-Type: image/jpeg; name=\"gr\u{fc}n.jpg\"; x=\"a;b\"\r\n",
                "Content-Type: image/jpeg; name*=utf-8''gr%C3%BCn.jpg; x=\"a;b\"\r\n",
            ),
            (
                "Content-Type: image/jpeg;\r\n\tName=gr\u{fc}n.jpg\r\n",
                "Content-Type: image/jpeg;\r\n\tName*=utf-8''gr%C3%BCn.jpg\r\n",
            ),
            (
                "content-disposition:attachment;filename=\"gr\u{fc} \\\"n\\\".jpg\" ; size=4\r\n",
                "content-disposition:attachment;filename*=utf-8''gr%C3%BC%20%22n%22.jpg ; size=4\r\n",
            ),
        ] {
            assert_eq!(in_ascii(before).unwrap(), after);
        }
        let latin = Field::parse(Bytes::from_static(b"Content-Type: a/b; name=gr\xfcn\r\n")).unwrap();
        assert_eq!(
            seven_bit(&latin).unwrap().raw(),
            "Content-Type: a/b; name*=unknown-8bit''gr%FCn\r\n"
        );
    }

    #[test]
    fn a_long_parameter_is_cut_into_continuations_that_read_as_one() {
        let name = format!("{}.jpg", "\u{fc}ber ".repeat(60));
        let encoded = in_ascii(&format!("Content-Type: image/jpeg; name=\"{name}\"\r\n")).unwrap();
        assert!(encoded.lines().all(|line| line.len() <= SOFT_LIMIT), "{encoded}");
        assert!(
            encoded.contains("name*0*=utf-8''") && encoded.contains(";\r\n name*10*="),
            "{encoded}"
        );
        let value = &encoded["Content-Type:".len()..];
        let mail_parser::HeaderValue::ContentType(read) =
            mail_parser::parsers::MessageStream::new(value.as_bytes()).parse_content_type()
        else {
            panic!("{encoded}")
        };
        assert_eq!(read.attribute("name"), Some(name.as_str()));
    }

    #[test]
    fn a_display_name_is_encoded_without_its_quotes_and_addresses_are_not_touched() {
        for (before, after) in [
            (
                "To: \"M\u{fc}ller, Ann\" <+15555550100>, +15555550101/TYPE=PLMN\r\n",
                "To: =?utf-8?B?TcO8bGxlciwgQW5u?= <+15555550100>, +15555550101/TYPE=PLMN\r\n",
            ),
            (
                "From: \"M\u{fc}ller\"<a@b.example>\r\n",
                "From: =?utf-8?B?TcO8bGxlcg==?= <a@b.example>\r\n",
            ),
            (
                "From:M\u{fc}ller Ann <a@b.example> (\u{fc}, x)\r\n",
                "From:=?utf-8?B?TcO8bGxlcg==?= Ann <a@b.example> (=?utf-8?B?w7ws?= x)\r\n",
            ),
        ] {
            assert_eq!(in_ascii(before).unwrap(), after);
        }
    }

    #[test]
    fn what_names_somebody_or_something_is_refused_rather_than_changed() {
        for text in [
            "To: gr\u{fc}n@mms.b.example\r\n",
            "To: Ann <gr\u{fc}n@mms.b.example>\r\n",
            "To: \"gr\u{fc}n\"@mms.b.example\r\n",
            "X-Mms-Transaction-Id: \"t\u{fc}\"\r\n",
            "Message-ID: <\u{fc}@a.example>\r\n",
            "Content-ID: <\u{fc}>\r\n",
        ] {
            assert!(in_ascii(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_line_with_encoded_words_has_76_octets_at_most() {
        for text in [
            format!("Subject: {} gr\u{fc}n {}", "plain ".repeat(30), "\u{fc}".repeat(200)),
            format!("Subject:{}", "\u{fc}".repeat(300)),
            format!("{}:\u{fc}", "X-Long".repeat(12)),
            format!("Subject: {}\u{fc}{}", "x".repeat(300), "y".repeat(300)),
            format!("To: {},\"\u{fc}\"<+15555550101>", "+15555550100/TYPE=PLMN,".repeat(5)),
        ] {
            let encoded = in_ascii(&format!("{text}\r\n")).unwrap();
            let with_words = encoded.lines().filter(|line| line.contains("=?"));
            assert!(with_words.clone().all(|line| line.len() <= 76), "{encoded}");
            assert!(with_words.count() > 0);
        }
    }

    #[test]
    fn a_blank_between_an_encoded_word_and_a_new_one_is_not_lost() {
        for (before, text) in [
            ("=?utf-8?Q?a?= \u{fc}", "a \u{fc}"),
            ("\u{fc} =?utf-8?Q?a?=", "\u{fc} a"),
            ("=?utf-8?Q?a?= \u{fc} \u{e4} =?utf-8?Q?b?= c", "a \u{fc} \u{e4} b c"),
        ] {
            let encoded = in_ascii(&format!("Subject: {before}\r\n")).unwrap();
            assert_eq!(seen(&encoded), text, "{encoded}");
        }
    }
}
