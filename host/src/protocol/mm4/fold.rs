//! New header fields: folded lines (RFC 5322, 2.2.3) and encoded words (RFC 2047).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::message::{Field, Illegal};

/// Where a line should end (RFC 5322, 2.1.1).
pub(super) const SOFT_LIMIT: usize = 78;
/// Where a line must end, without its CRLF.
pub(super) const HARD_LIMIT: usize = 998;

/// Octets of text in one encoded word: with base64 and the longer charset, 72 characters of the 75 that are legal.
const OCTETS_A_WORD: usize = 39;
/// Octets in a word that begins late in its line, and might have to stay there.
const OCTETS_A_SHORT_WORD: usize = 12;
/// What an encoded word has around its text.
const WORD_FRAME: usize = "=?unknown-8bit?B??=".len();
/// Longest line that may hold an encoded word (RFC 2047, 2).
const WORD_LINE: usize = 76;

/// Fields whose values have a grammar: an encoded word in them ends at a special character, not only at a blank.
const STRUCTURED: [&str; 10] = [
    "From",
    "Sender",
    "To",
    "Cc",
    "Bcc",
    "Reply-To",
    "Content-Type",
    "Content-Disposition",
    "Content-ID",
    "Content-Location",
];

/// Builds a field whose lines are legal: without the blanks at both ends, folded at blanks, words beyond ASCII encoded
/// (RFC 2047, UTF-8). Unfolding gives the value back.
///
/// Refused when a run without a blank is too long for any line.
pub(super) fn field(name: &str, value: &str) -> Result<Field, Illegal> {
    let line = encode(name, format!("{name}: {}\r\n", value.trim()).as_bytes());
    finished(name, wrap(&line, SOFT_LIMIT))
}

/// The field with every octet above 127 in encoded words, and the rest as it was. Text that is not UTF-8 is labelled
/// `unknown-8bit` (RFC 1428).
pub(super) fn seven_bit(field: &Field) -> Result<Field, Illegal> {
    let raw = field.raw();
    if raw.is_ascii() {
        return Ok(field.clone());
    }
    finished(field.name(), wrap(&encode(field.name(), raw), HARD_LIMIT))
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

/// Replaces runs of words beyond ASCII in a field by encoded words.
fn encode(name: &str, field: &[u8]) -> Vec<u8> {
    if field.is_ascii() {
        return field.to_vec();
    }
    let structured = STRUCTURED.iter().any(|known| known.eq_ignore_ascii_case(name));
    let ends_word = |octet: u8| match octet {
        b' ' | b'\t' | b'\r' | b'\n' => true,
        b'"' | b'<' | b'>' | b'(' | b')' | b',' | b';' | b':' | b'=' | b'\'' => structured,
        _ => false,
    };
    let mut out = Vec::with_capacity(field.len() * 2);
    // Names are ASCII, so the first colon is the one behind the name, which must not become part of a word.
    let (head, mut rest) = field.split_at(memchr::memchr(b':', field).map_or(0, |colon| colon + 1));
    out.extend_from_slice(head);
    while let Some(first) = rest.iter().position(|octet| !octet.is_ascii()) {
        let start = rest[..first]
            .iter()
            .rposition(|octet| ends_word(*octet))
            .map_or(0, |at| at + 1);
        let end = end_of_run(rest, first, &ends_word);
        out.extend_from_slice(&rest[..start]);
        encoded_words(&rest[start..end], &mut out);
        rest = &rest[end..];
    }
    out.extend_from_slice(rest);
    out
}

/// The end of the word at `at`, and of the words behind it as long as they are beyond ASCII too: readers drop the
/// blanks between two encoded words (RFC 2047, 6.2), so these blanks have to be encoded.
fn end_of_run(text: &[u8], at: usize, ends_word: &dyn Fn(u8) -> bool) -> usize {
    let word_end = |from: usize| {
        text[from..]
            .iter()
            .position(|octet| ends_word(*octet))
            .map_or(text.len(), |length| from + length)
    };
    let mut end = word_end(at);
    loop {
        let blanks = text[end..]
            .iter()
            .take_while(|octet| octet.is_ascii_whitespace())
            .count();
        let next = word_end(end + blanks);
        if blanks == 0 || text[end + blanks..next].is_ascii() {
            return end;
        }
        end = next;
    }
}

fn encoded_words(run: &[u8], out: &mut Vec<u8>) {
    let unfolded: Vec<u8> = run
        .iter()
        .copied()
        .filter(|octet| !matches!(octet, b'\r' | b'\n'))
        .collect();
    let is_utf8 = std::str::from_utf8(&unfolded).is_ok();
    let charset = if is_utf8 { "utf-8" } else { "unknown-8bit" };
    let column = out.len() - memchr::memrchr(b'\n', out).map_or(0, |end| end + 1);
    let room = WORD_LINE.saturating_sub(column + WORD_FRAME) / 4 * 3;
    let mut most = room.clamp(OCTETS_A_SHORT_WORD, OCTETS_A_WORD);
    let mut rest = unfolded.as_slice();
    while !rest.is_empty() {
        let mut cut = rest.len().min(most);
        // A character must not be split (RFC 2047, 5).
        while is_utf8 && cut < rest.len() && rest[cut] & 0xC0 == 0x80 {
            cut -= 1;
        }
        out.extend_from_slice(format!("=?{charset}?B?{}?=", STANDARD.encode(&rest[..cut])).as_bytes());
        rest = &rest[cut..];
        if !rest.is_empty() {
            out.push(b' ');
        }
        most = OCTETS_A_WORD;
    }
}

/// Folds lines longer than `limit` before blanks, and leaves all others as they are. No line is left with nothing but
/// blanks. A run without blanks that is longer than `limit` stays whole.
pub(super) fn wrap(raw: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 32);
    for line in raw.split_inclusive(|octet| *octet == b'\n') {
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
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

/// Where to fold: the last blank within `limit` that has a word before it and begins the next, else the first one
/// behind. Never at the blank behind the field's colon, which would leave a line without a value.
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

/// As bytes for a header block that is being rebuilt.
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

    /// What a reader sees (RFC 2047 by mail-parser).
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

    #[test]
    fn only_the_words_within_the_quotes_of_a_parameter_are_encoded() {
        let field = Field::parse("Content-Type: image/jpeg; name=\"gr\u{fc}n.jpg\"\r\n".into()).unwrap();
        assert_eq!(
            seven_bit(&field).unwrap().raw(),
            "Content-Type: image/jpeg; name=\"=?utf-8?B?Z3LDvG4uanBn?=\"\r\n"
        );
    }
}
