//! The grammar of a mailbox in SMTP commands (RFC 5321, 4.1.2), and the one spelling that the relay works with.
//!
//! One mailbox can be written in many ways: `"+15555550100"@a.example` is `+15555550100@a.example`, and
//! `@relay.example:x@a.example` is `x@a.example`. A check that compares spellings instead of mailboxes can be deceived,
//! so [`MmsAddress::new`](super::MmsAddress::new) keeps only one spelling: no source route, and no quotes that are not
//! needed.

use std::borrow::Cow;

use super::Illegal;

/// The path without its source route, which RFC 5321, 4.1.1.3 and appendix C say to ignore. `None` when there is a
/// source route and nothing behind it.
pub fn without_source_route(path: &str) -> Option<&str> {
    if !path.starts_with('@') {
        return Some(path);
    }
    let mut in_literal = false;
    // The colons of an IPv6 address literal end no source route.
    let end = path.bytes().position(|octet| {
        match octet {
            b'[' => in_literal = true,
            b']' => in_literal = false,
            _ => {}
        }
        octet == b':' && !in_literal
    })?;
    Some(&path[end + 1..]).filter(|mailbox| !mailbox.is_empty())
}

/// The mailbox in its one spelling.
///
/// # Errors
/// Two readings are possible: quotes that do not enclose all of the local part, a backslash outside of quotes, a second `@`.
pub(super) fn in_one_spelling(mailbox: &str) -> Result<Cow<'_, str>, Illegal> {
    if !mailbox.starts_with('"') {
        let local = mailbox.rsplit_once('@').map_or(mailbox, |(local, _)| local);
        return match local.bytes().find(|octet| matches!(octet, b'"' | b'\\' | b'@')) {
            Some(bad) => Err(Illegal(format!(
                "{} needs quotes around all that stands before the @ (RFC 5321, 4.1.2)",
                char::from(bad)
            ))),
            None => Ok(Cow::Borrowed(mailbox)),
        };
    }
    let end = closing_quote(mailbox).ok_or_else(|| Illegal("the quotes are not closed".into()))?;
    let (quoted, rest) = mailbox.split_at(end + 1);
    if !rest.is_empty() && !rest.starts_with('@') {
        return Err(Illegal(
            "only @ and a domain can stand behind a quoted local part".into(),
        ));
    }
    let content = unquoted(quoted);
    Ok(Cow::Owned(match is_dot_string(&content) {
        true => format!("{content}{rest}"),
        false => format!("\"{}\"{rest}", content.replace('\\', "\\\\").replace('"', "\\\"")),
    }))
}

/// Splits a mailbox, in its one spelling, into local part and domain.
pub(super) fn split(mailbox: &str) -> (&str, Option<&str>) {
    let at = match closing_quote(mailbox) {
        Some(end) => mailbox[end..].find('@').map(|at| end + at),
        None => mailbox.rfind('@'),
    };
    match at {
        Some(at) => (
            &mailbox[..at],
            Some(&mailbox[at + 1..]).filter(|domain| !domain.is_empty()),
        ),
        None => (mailbox, None),
    }
}

/// The meaning of a local part: without its quotes, if it has any.
pub(super) fn unquoted(local: &str) -> Cow<'_, str> {
    let inner = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else {
        return Cow::Borrowed(local);
    };
    let mut escaped = false;
    let keeps = |c: &char| {
        escaped = *c == '\\' && !escaped;
        !escaped
    };
    Cow::Owned(inner.chars().filter(keeps).collect())
}

/// Whether a strict reader needs no quotes around this local part: a `Dot-string`, except that dots may stand anywhere.
pub(super) fn is_dot_string(local: &str) -> bool {
    let atext = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&octet);
    !local.is_empty() && local.bytes().all(atext)
}

/// The end of the quoted string that `text` begins with.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    let inner = text.strip_prefix('"')?;
    let end = inner.bytes().position(|octet| {
        let plain = !std::mem::take(&mut escaped);
        escaped = plain && octet == b'\\';
        plain && octet == b'"'
    })?;
    Some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_route_is_ignored_whatever_hosts_it_names() {
        for path in [
            "x@c.example",
            "@a.example:x@c.example",
            "@a,@b:x@c.example",
            "@[IPv6:::1],@b:x@c.example",
        ] {
            assert_eq!(without_source_route(path), Some("x@c.example"), "{path}");
        }
        for path in ["@a.example", "@a.example:", "@[IPv6:::1]"] {
            assert_eq!(without_source_route(path), None, "{path}");
        }
    }

    #[test]
    fn one_mailbox_has_one_spelling() {
        for (written, one) in [
            (r#""+1555"@a.example"#, "+1555@a.example"),
            (r#""+1555/TYPE=PLMN"@a.example"#, "+1555/TYPE=PLMN@a.example"),
            (r#""\+\1555"@a.example"#, "+1555@a.example"),
            (r#""+1555""#, "+1555"),
            (r#""a@b"@c.example"#, r#""a@b"@c.example"#),
            (r#""a\,b\"\\"@c.example"#, r#""a,b\"\\"@c.example"#),
            (r#"""@c.example"#, r#"""@c.example"#),
            ("a.b@c.example", "a.b@c.example"),
        ] {
            assert_eq!(in_one_spelling(written).unwrap(), one, "{written}");
            assert_eq!(in_one_spelling(one).unwrap(), one, "the one spelling is its own");
        }
        for ambiguous in [
            r#""a"b@c"#,
            r#"a"b"@c"#,
            r#""a@c"#,
            "a@b@c",
            r"a\@b@c",
            r#""+1555"/TYPE=PLMN@c"#,
        ] {
            assert!(in_one_spelling(ambiguous).is_err(), "{ambiguous}");
        }
    }

    #[test]
    fn the_domain_stands_behind_the_at_that_is_not_quoted() {
        assert_eq!(split(r#""a@b"@c.example"#), (r#""a@b""#, Some("c.example")));
        assert_eq!(split(r#""a@b""#), (r#""a@b""#, None));
        assert_eq!(split("a@"), ("a", None));
        assert_eq!(unquoted(r#""a\"b\\""#), r#"a"b\"#);
    }
}
