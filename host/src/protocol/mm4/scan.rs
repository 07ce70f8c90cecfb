//! The header block, split into fields that keep their bytes (RFC 5322, 2.2).

use bytes::Bytes;
use memchr::{memchr, memchr2};

use super::Limits;
use crate::message::{Field, Header, Refusal};

/// Splits the header off `message`. Returns it, and where it ends: at the empty line, or at the end of the message.
///
/// The fields share one copy of the header block, so that a header which outlives its message does not keep the body in
/// memory. Refuses bare CR and LF, NUL, lines that are neither a field nor a continuation, and anything beyond the
/// limits.
pub(super) fn header(message: &[u8], limits: &Limits) -> Result<(Header, usize), Refusal> {
    let lines = field_lines(message, limits)?;
    let end = lines.last().map_or(0, |line| line.end);
    if lines.is_empty() {
        return Err(Refusal::NoHeader);
    }
    let block = Bytes::copy_from_slice(&message[..end]);
    let fields = lines
        .iter()
        .map(|line| {
            Field::received(block.slice(line.start..line.end), line.start as u64).ok_or_else(|| Refusal::BadHeader {
                line: line.number,
                reason: "a name of visible characters and a colon are expected".into(),
            })
        })
        .collect::<Result<_, _>>()?;
    Ok((Header { fields }, end))
}

/// The position of a field, with its continuation lines and final CRLF.
struct FieldLines {
    start: usize,
    end: usize,
    /// The number of its first line, counted from 1.
    number: u32,
}

fn field_lines(message: &[u8], limits: &Limits) -> Result<Vec<FieldLines>, Refusal> {
    let limit = usize::try_from(limits.header_octets).unwrap_or(usize::MAX);
    let window = &message[..message.len().min(limit.saturating_add(2))];
    let mut fields: Vec<FieldLines> = Vec::with_capacity(32);
    let (mut at, mut number) = (0, 0);
    while at < message.len() && !message[at..].starts_with(b"\r\n") {
        number += 1;
        let end = line_end(message, window, at, number)?;
        if end > limit {
            return Err(Refusal::HeaderTooLarge {
                limit: limits.header_octets,
            });
        }
        let wrong = |reason: String| Refusal::BadHeader { line: number, reason };
        if matches!(message[at], b' ' | b'\t') {
            let field = fields.last_mut();
            field
                .ok_or_else(|| wrong("a continuation line with nothing before it".into()))?
                .end = end;
        } else if fields.len() as u64 == u64::from(limits.fields) {
            return Err(wrong(format!("more than {} fields", limits.fields)));
        } else {
            fields.push(FieldLines { start: at, end, number });
        }
        at = end;
    }
    Ok(fields)
}

/// The end of the line at `at`, its CRLF included. The last line of a message may lack one.
fn line_end(message: &[u8], window: &[u8], at: usize, number: u32) -> Result<usize, Refusal> {
    let (text, end) = match memchr(b'\n', window.get(at..).unwrap_or_default()) {
        Some(0) => return Err(Refusal::BareLineEnd),
        Some(length) if window[at + length - 1] != b'\r' => return Err(Refusal::BareLineEnd),
        Some(length) => (&window[at..at + length - 1], at + length + 1),
        // Without a line end inside the window, the line exceeds the limit, or is the last one.
        None => (window.get(at..).unwrap_or_default(), message.len()),
    };
    match memchr2(b'\r', b'\0', text) {
        None => Ok(end),
        Some(bad) if text[bad] == b'\0' => Err(Refusal::BadHeader {
            line: number,
            reason: "it holds a NUL".into(),
        }),
        // The window may cut a CRLF in two; then the limit is exceeded anyway.
        Some(bad) if end > window.len() && bad + 1 == text.len() => Ok(end),
        Some(_) => Err(Refusal::BareLineEnd),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Result<(Header, usize), Refusal> {
        header(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn fields_keep_their_bytes_and_know_their_place() {
        let text = "To:\r\n        +15555550199\r\n   \r\nContent-ID:<s>\r\nSubject : \r\n\r\nTo: body\r\n";
        let (header, end) = scan(text).unwrap();
        let raw: Vec<&[u8]> = header.fields.iter().map(|f| &f.raw()[..]).collect();
        assert_eq!(raw.concat(), text.as_bytes()[..end]);
        assert_eq!(raw.len(), 3);
        assert_eq!(header.fields[1].place(), Some(32..48));
        assert_eq!(&text[end..], "\r\nTo: body\r\n");
    }

    #[test]
    fn a_missing_empty_line_is_tolerated() {
        assert_eq!(scan("A: 1\r\nB: 2\r\n").unwrap().1, 12);
        assert_eq!(scan("A: 1\r\nB: 2").unwrap().0.fields[1].value(), "2");
    }

    #[test]
    fn a_line_that_is_no_field_is_refused_with_its_number() {
        for (text, expected) in [
            ("A: 1\r\n 2\r\nno colon\r\n\r\n", 3),
            (" blank first\r\n\r\n", 1),
            ("A: 1\r\n: no name\r\n\r\n", 2),
            ("A: 1\r\nbad name: x\r\n\r\n", 2),
            ("A: 1\r\nB: 2\r\nC: \0\r\n\r\n", 3),
        ] {
            match scan(text) {
                Err(Refusal::BadHeader { line, .. }) => assert_eq!(line, expected, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn bare_cr_and_bare_lf_are_refused() {
        for text in [
            "A: 1\nB: 2\r\n\r\n",
            "A: 1\rB: 2\r\n\r\n",
            "\nA: 1\r\n",
            "A: 1\r\n\n",
            "A: 1\r\r\n\r\n",
            "A: 1\r",
        ] {
            assert_eq!(scan(text).unwrap_err(), Refusal::BareLineEnd, "{text:?}");
        }
    }

    #[test]
    fn nothing_and_an_empty_line_are_no_header() {
        assert_eq!(scan("").unwrap_err(), Refusal::NoHeader);
        assert_eq!(scan("\r\nbody\r\n").unwrap_err(), Refusal::NoHeader);
    }

    #[test]
    fn the_size_limit_holds_to_the_octet() {
        let limits = Limits {
            header_octets: 20,
            ..Limits::default()
        };
        let of = |size: usize| format!("A: {}\r\n\r\nbody\r\n", "x".repeat(size - 5));
        assert!(header(of(20).as_bytes(), &limits).is_ok());
        for size in [21, 22, 23, 400] {
            assert_eq!(
                header(of(size).as_bytes(), &limits).unwrap_err(),
                Refusal::HeaderTooLarge { limit: 20 },
                "{size}"
            );
        }
    }

    #[test]
    fn the_field_limit_holds_to_the_field() {
        let limits = Limits {
            fields: 3,
            ..Limits::default()
        };
        assert!(header("A: 1\r\n".repeat(3).as_bytes(), &limits).is_ok());
        let refused = header("A: 1\r\n".repeat(4).as_bytes(), &limits).unwrap_err();
        assert!(matches!(refused, Refusal::BadHeader { line: 4, .. }), "{refused}");
    }
}
