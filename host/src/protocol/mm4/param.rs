//! Parameters of Content-Type and Content-Disposition, changed in place.

use std::ops::Range;

/// Sets `attribute` to `text`: removes every spelling of the parameter (RFC 2231 continuations included), and adds one
/// at the end. A value beyond ASCII is written as RFC 2231 says.
pub(super) fn with(value: &str, attribute: &str, text: &str) -> String {
    let mut out = without(value, attribute);
    let end = out.trim_end_matches([' ', '\t', ';']).len();
    out.truncate(end);
    out.push_str("; ");
    out.push_str(attribute);
    if text.is_ascii() {
        out.push_str("=\"");
        for c in text.chars() {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('"');
    } else {
        out.push_str("*=utf-8''");
        out.push_str(&percent_encoded(text));
    }
    out
}

/// The longest text in a line of a parameter that is cut into continuations.
const SECTION: usize = 60;

/// Writes every parameter beyond ASCII as RFC 2231 says, and leaves the rest. A value that is not UTF-8 is labelled
/// `unknown-8bit` (RFC 1428). Octets above 127 outside of parameters stay.
pub(super) fn in_ascii(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() * 2);
    let mut cuts = semicolons(value);
    cuts.push(value.len());
    out.extend_from_slice(&value[..cuts[0]]);
    for cut in cuts.windows(2) {
        let parameter = &value[cut[0]..cut[1]];
        match parameter.iter().position(|octet| *octet == b'=') {
            Some(equals) if !parameter.is_ascii() && parameter[..equals].is_ascii() => {
                extended(&parameter[..equals], &parameter[equals + 1..], &mut out);
            }
            _ => out.extend_from_slice(parameter),
        }
    }
    out
}

/// Writes one parameter. `name` begins with the semicolon and blanks before it.
fn extended(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    let (name, text) = (name.trim_ascii_end(), value.trim_ascii());
    let behind = &value[value.trim_ascii_end().len()..];
    let text = if text.starts_with(b"\"") {
        unquoted(text)
    } else {
        text.to_vec()
    };
    let text: Vec<u8> = text
        .into_iter()
        .filter(|octet| !matches!(octet, b'\r' | b'\n'))
        .collect();
    let charset = if std::str::from_utf8(&text).is_ok() {
        "utf-8''"
    } else {
        "unknown-8bit''"
    };
    if name.ends_with(b"*") {
        // The parameter states its charset already, and only lacks the percent-encoding.
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend(text.iter().flat_map(|octet| match octet {
            0..0x80 => vec![*octet],
            _ => format!("%{octet:02X}").into_bytes(),
        }));
    } else if let [section] = &sections(&text, charset.len())[..] {
        out.extend_from_slice(name);
        out.extend_from_slice(format!("*={charset}{section}").as_bytes());
    } else {
        let blank = |octet: &&u8| matches!(octet, b';' | b' ' | b'\t' | b'\r' | b'\n');
        let plain = &name[name.iter().take_while(blank).count()..];
        for (number, section) in sections(&text, charset.len()).iter().enumerate() {
            let charset = if number == 0 { charset } else { "" };
            out.extend_from_slice(b";\r\n ");
            out.extend_from_slice(plain);
            out.extend_from_slice(format!("*{number}*={charset}{section}").as_bytes());
        }
    }
    out.extend_from_slice(behind);
}

/// The text percent-encoded and cut into sections. No character is cut in two, because some readers decode each section
/// by itself.
fn sections(text: &[u8], first_has: usize) -> Vec<String> {
    let escaped = |octets: &[u8]| octets.iter().map(|octet| percent_octet(*octet)).collect::<String>();
    let characters: Vec<String> = match std::str::from_utf8(text) {
        Ok(text) => text
            .chars()
            .map(|c| escaped(c.encode_utf8(&mut [0; 4]).as_bytes()))
            .collect(),
        Err(_) => text.iter().map(|octet| percent_octet(*octet)).collect(),
    };
    let mut sections = vec![String::new()];
    let mut used = first_has;
    for character in characters {
        if used + character.len() > SECTION {
            sections.push(String::new());
            used = 0;
        }
        used += character.len();
        if let Some(last) = sections.last_mut() {
            last.push_str(&character);
        }
    }
    sections
}

/// A quoted string without its quotes and escapes.
pub(super) fn unquoted(quoted: &[u8]) -> Vec<u8> {
    let inner = quoted.strip_prefix(b"\"").unwrap_or(quoted);
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    let mut escaped = false;
    let kept = |octet: &u8| {
        let is_escape = *octet == b'\\' && !escaped;
        escaped = is_escape;
        !is_escape
    };
    inner.iter().copied().filter(kept).collect()
}

/// Whether every reader finds the same boundary in a Content-Type: the parameter occurs once, as a token or as a quoted
/// string without escapes, and no comment is near it. Also true of a type that is no multipart.
pub(super) fn has_one_boundary(value: &[u8]) -> bool {
    let mentions = |text: &[u8], word: &[u8]| text.windows(word.len()).any(|at| at.eq_ignore_ascii_case(word));
    if !mentions(value, b"multipart/") || !mentions(value, b"boundary") {
        return true;
    }
    let mut cuts = semicolons(value);
    cuts.push(value.len());
    let parameters = cuts.windows(2).map(|cut| value[cut[0] + 1..cut[1]].trim_ascii());
    let mut said = parameters.filter_map(|parameter| {
        let (name, text) = parameter.split_at_checked(b"boundary".len())?;
        name.eq_ignore_ascii_case(b"boundary").then_some(text.trim_ascii())
    });
    let (Some(only), None) = (said.next(), said.next()) else {
        return false;
    };
    only.strip_prefix(b"=").is_some_and(|text| match text.trim_ascii() {
        [b'"', quoted @ ..] => {
            !quoted.contains(&b'\\')
                && quoted
                    .iter()
                    .position(|octet| *octet == b'"')
                    .is_none_or(|end| end + 1 == quoted.len())
        }
        token => !token
            .iter()
            .any(|octet| octet.is_ascii_whitespace() || b"\"\\()".contains(octet)),
    })
}

/// Whether the value has the parameter, in any of its spellings.
pub(super) fn has(value: &str, attribute: &str) -> bool {
    parameters(value).iter().any(|p| is(&value[p.name.clone()], attribute))
}

/// Percent-encoding (RFC 3986, 2.1): everything but unreserved characters becomes `%XX` of UTF-8.
pub(super) fn percent_encoded(text: &str) -> String {
    text.bytes().map(percent_octet).collect()
}

fn percent_octet(octet: u8) -> String {
    match octet {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(octet).to_string(),
        _ => format!("%{octet:02X}"),
    }
}

fn without(value: &str, attribute: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut kept = 0;
    for parameter in parameters(value) {
        if is(&value[parameter.name.clone()], attribute) {
            out.push_str(&value[kept..parameter.whole.start]);
            kept = parameter.whole.end;
        }
    }
    out.push_str(&value[kept..]);
    out
}

struct Parameter {
    /// From its semicolon to the next one, or to the end.
    whole: Range<usize>,
    name: Range<usize>,
}

fn parameters(value: &str) -> Vec<Parameter> {
    let mut cuts = semicolons(value.as_bytes());
    cuts.push(value.len());
    cuts.windows(2)
        .map(|cut| {
            let inner = &value[cut[0] + 1..cut[1]];
            let name = inner.split('=').next().unwrap_or_default();
            let start = cut[0] + 1 + (name.len() - name.trim_start().len());
            Parameter {
                whole: cut[0]..cut[1],
                name: start..start + name.trim().len(),
            }
        })
        .collect()
}

/// The semicolons outside of quotes.
fn semicolons(value: &[u8]) -> Vec<usize> {
    let (mut quoted, mut escaped) = (false, false);
    let mut found = Vec::new();
    for (at, byte) in value.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => found.push(at),
            _ => (),
        }
    }
    found
}

/// `name`, `name*`, `name*0`, `name*1*` are all `name` (RFC 2231, 3 and 4).
fn is(name: &str, attribute: &str) -> bool {
    name.split('*')
        .next()
        .is_some_and(|base| base.trim().eq_ignore_ascii_case(attribute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_parameter_changes_and_the_others_keep_their_spelling() {
        assert_eq!(
            with("image/jpeg;Name=\"a;b.jpg\" ; X=\"c\\\";d\"", "name", "n\"w.png"),
            "image/jpeg; X=\"c\\\";d\"; name=\"n\\\"w.png\""
        );
        assert_eq!(with("attachment;", "filename", "a.b"), "attachment; filename=\"a.b\"");
        assert_eq!(
            with(
                "attachment; filename*0*=utf-8''a; filename*1=b; size=3",
                "filename",
                "gr\u{fc}n"
            ),
            "attachment; size=3; filename*=utf-8''gr%C3%BCn"
        );
    }

    #[test]
    fn a_parameter_is_found_in_every_spelling_and_not_inside_quotes() {
        assert!(has("a/b; NAME*=x", "name"));
        assert!(!has("a/b; x=\"; name=y\"", "name"));
        assert!(!has("a/b; filename=x", "name"));
    }
}
