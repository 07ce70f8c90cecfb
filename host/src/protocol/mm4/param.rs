//! Parameters of Content-Type and Content-Disposition values, changed in place.

use std::ops::Range;

/// The value with `attribute` set to `text`: every spelling of it goes (RFC 2231 continuations included), and one new
/// parameter comes at the end. Beyond ASCII it is written as RFC 2231 says.
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

/// Whether the value has the parameter, in any spelling.
pub(super) fn has(value: &str, attribute: &str) -> bool {
    parameters(value).iter().any(|p| is(&value[p.name.clone()], attribute))
}

/// RFC 3986, 2.1: all but unreserved characters as `%XX` of UTF-8.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
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
    /// From its semicolon to the next, or to the end.
    whole: Range<usize>,
    name: Range<usize>,
}

fn parameters(value: &str) -> Vec<Parameter> {
    let mut cuts = semicolons(value);
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

/// Where semicolons stand outside of quotes.
fn semicolons(value: &str) -> Vec<usize> {
    let (mut quoted, mut escaped) = (false, false);
    let mut found = Vec::new();
    for (at, byte) in value.bytes().enumerate() {
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
