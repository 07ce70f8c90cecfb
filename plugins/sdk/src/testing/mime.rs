//! As much of MIME (RFC 2045, RFC 2046) as the messages of tests need: header fields, multiparts within multiparts, base64
//! and quoted-printable. The relay itself reads more, and more carefully.

/// Header fields, unfolded, and what stands behind the empty line.
pub fn split(text: &[u8]) -> (Vec<(String, String)>, Vec<u8>) {
    let text: Vec<u8> = text.iter().copied().filter(|octet| *octet != b'\r').collect();
    let (header, body) = match text.windows(2).position(|pair| pair == b"\n\n") {
        _ if text.starts_with(b"\n") => (&text[..0], &text[1..]),
        Some(end) => (&text[..end], &text[end + 2..]),
        None => (&text[..], &text[..0]),
    };
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in String::from_utf8_lossy(header).lines() {
        match (line.starts_with([' ', '\t']), fields.last_mut()) {
            (true, Some((_, value))) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            _ => {
                if let Some((name, value)) = line.split_once(':') {
                    fields.push((name.trim().to_owned(), value.trim().to_owned()));
                }
            }
        }
    }
    (fields, body.to_vec())
}

pub fn value<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// The media type in lower case, without parameters.
pub fn media_type(content_type: Option<&str>) -> String {
    let first = content_type
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    match first.trim() {
        "" => "text/plain".to_owned(),
        named => named.to_ascii_lowercase(),
    }
}

/// A parameter of a value, without quotes.
pub fn parameter(value: &str, name: &str) -> Option<String> {
    let mut quoted = false;
    let in_pieces = value.split(|c: char| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    in_pieces.skip(1).find_map(|piece| {
        let (known, text) = piece.split_once('=')?;
        known
            .trim()
            .eq_ignore_ascii_case(name)
            .then(|| text.trim().trim_matches('"').to_owned())
    })
}

/// Header fields: name and value.
pub type Fields = Vec<(String, String)>;

/// The leaves of the structure, in order: fields and body, still encoded.
pub fn leaves(fields: Fields, body: Vec<u8>) -> Vec<(Fields, Vec<u8>)> {
    let content_type = value(&fields, "Content-Type").unwrap_or_default();
    let boundary = parameter(content_type, "boundary");
    let (true, Some(boundary)) = (media_type(Some(content_type)).starts_with("multipart/"), boundary) else {
        return vec![(fields, body)];
    };
    let (open, close) = (format!("--{boundary}"), format!("--{boundary}--"));
    let (mut parts, mut inside): (Vec<Vec<u8>>, bool) = (Vec::new(), false);
    for line in body.split_inclusive(|octet| *octet == b'\n') {
        let text = line.trim_ascii_end();
        if text == close.as_bytes() {
            break;
        }
        if text == open.as_bytes() {
            inside = true;
            parts.push(Vec::new());
        } else if let (true, Some(part)) = (inside, parts.last_mut()) {
            part.extend_from_slice(line);
        }
    }
    let whole = parts.into_iter().flat_map(|part| {
        let (fields, mut body) = split(&part);
        // The line end before a delimiter belongs to the delimiter.
        if body.ends_with(b"\n") {
            body.pop();
        }
        leaves(fields, body)
    });
    whole.collect()
}

/// The body decoded.
pub fn decoded(encoding: Option<&str>, body: &[u8]) -> Vec<u8> {
    match encoding.unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "base64" => base64(body),
        "quoted-printable" => quoted_printable(body),
        _ => body.to_vec(),
    }
}

fn base64(text: &[u8]) -> Vec<u8> {
    let (mut out, mut bits, mut held) = (Vec::with_capacity(text.len() / 4 * 3), 0_u32, 0_u32);
    for octet in text {
        let six = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    out
}

fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|octet| char::from(*octet).to_digit(16));
    let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
    while at < text.len() {
        match (text[at], text.get(at + 1)) {
            (b'=', Some(b'\n')) => at += 2,
            (b'=', _) => match (digit(at + 1), digit(at + 2)) {
                (Some(high), Some(low)) => {
                    out.push((high * 16 + low) as u8);
                    at += 3;
                }
                _ => {
                    out.push(b'=');
                    at += 1;
                }
            },
            (octet, _) => {
                out.push(octet);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_decoded() {
        assert_eq!(decoded(Some("Base64"), b"SGVs\nbG8="), b"Hello");
        assert_eq!(
            decoded(Some("quoted-printable"), b"gr=C3=BCn =\nx=3D="),
            "gr\u{fc}n x==".as_bytes()
        );
        assert_eq!(decoded(None, b"as it is"), b"as it is");
    }

    #[test]
    fn a_parameter_is_found_behind_quotes_that_hold_a_semicolon() {
        let value = "text/plain; name=\"a;b.txt\"; Charset=utf-8";
        assert_eq!(parameter(value, "charset").as_deref(), Some("utf-8"));
        assert_eq!(parameter(value, "name").as_deref(), Some("a;b.txt"));
        assert_eq!(parameter(value, "start"), None);
    }
}
