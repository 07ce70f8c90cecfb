//! Encoded words (RFC 2047): text beyond ASCII in a header.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::param;
use crate::message::Illegal;

/// Longest line that may hold an encoded word (RFC 2047, 2), without its CRLF.
pub(super) const LONGEST_LINE: usize = 76;

/// Octets of text in one encoded word: with base64 and the longer charset, 72 characters of the 75 that are legal.
const OCTETS_A_WORD: usize = 39;
/// Octets in an encoded word that begins late in its line and may have to stay there.
const OCTETS_A_SHORT_WORD: usize = 12;
/// The octets around the text of an encoded word.
const WORD_FRAME: usize = "=?unknown-8bit?B??=".len();
/// The last column where an encoded word may begin that cannot be folded before.
const LAST_START: usize = LONGEST_LINE - WORD_FRAME - OCTETS_A_SHORT_WORD / 3 * 4;

pub(super) fn has_encoded_word(line: &[u8]) -> bool {
    let find = |text: &[u8]| memchr::memmem::find(line, text);
    find(b"=?").is_some_and(|start| memchr::memmem::rfind(line, b"?=").is_some_and(|end| end > start))
}

/// Writes a text: words beyond ASCII encoded, the others as they are.
///
/// Readers drop the blanks between two encoded words (6.2). So adjacent words that need encoding are encoded together
/// with the blanks between them, and a blank beside a word that was encoded already becomes part of the new one.
pub(super) fn text(value: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    let mut follows_encoded = false;
    while !rest.is_empty() {
        let blanks = rest.iter().take_while(|octet| octet.is_ascii_whitespace()).count();
        let word = word_length(&rest[blanks..]);
        if rest[blanks..blanks + word].is_ascii() {
            out.extend_from_slice(&rest[..blanks + word]);
            if word > 0 {
                follows_encoded = is_encoded(&rest[blanks..blanks + word]);
            }
            rest = &rest[blanks + word..];
            continue;
        }
        let end = end_of_run(rest, blanks + word);
        let next_blanks = rest[end..]
            .iter()
            .take_while(|octet| octet.is_ascii_whitespace())
            .count();
        let next = &rest[end + next_blanks..];
        let before_encoded = next_blanks > 0 && is_encoded(&next[..word_length(next)]);
        out.extend_from_slice(&rest[..blanks]);
        let start = if follows_encoded && blanks > 0 { 0 } else { blanks };
        let run_end = if before_encoded { end + next_blanks } else { end };
        encoded_words(&rest[start..run_end], blanks > 0, out);
        follows_encoded = true;
        rest = &rest[end..];
    }
}

/// Writes a list of addresses: display names and comments with encoded words, and a quoted display name without its
/// quotes (5 (3)). Refuses octets above 127 in an address itself, where no encoding is legal.
pub(super) fn addresses(value: &[u8], out: &mut Vec<u8>) -> Result<(), Illegal> {
    let illegal = || Illegal("an address with octets above 127 cannot be encoded".into());
    let mut rest = value;
    while let Some(first) = rest.first() {
        let (token, behind) = rest.split_at(token_length(rest));
        rest = behind;
        match first {
            _ if token.is_ascii() => out.extend_from_slice(token),
            b'<' => return Err(illegal()),
            b'"' if behind.trim_ascii_start().starts_with(b"@") => return Err(illegal()),
            b'"' => {
                set_apart(out);
                encoded_words(&param::unquoted(token), true, out);
                if behind
                    .first()
                    .is_some_and(|next| !next.is_ascii_whitespace() && *next != b',')
                {
                    out.push(b' ');
                }
            }
            b'(' => comment(token, out),
            _ if token
                .split(u8::is_ascii_whitespace)
                .any(|word| word.contains(&b'@') && !word.is_ascii()) =>
            {
                return Err(illegal());
            }
            _ => {
                if out.len() - line_start(out) > LAST_START {
                    set_apart(out);
                }
                text(token, out);
            }
        }
    }
    Ok(())
}

/// The length of the next token: a quoted string, a comment, an address in angle brackets, a separator, or the text
/// between them.
fn token_length(text: &[u8]) -> usize {
    let closing = |close: u8| {
        let (mut depth, mut escaped) = (0u32, false);
        for (at, octet) in text.iter().enumerate() {
            match *octet {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                octet if octet == close && (at > 0 && depth <= 1) => return at + 1,
                octet if octet == close => depth = depth.saturating_sub(1),
                octet if octet == text[0] => depth += 1,
                _ => {}
            }
        }
        text.len()
    };
    let is_special = |octet: &u8| matches!(octet, b'"' | b'(' | b'<' | b',' | b';' | b':');
    match text[0] {
        b'"' => closing(b'"'),
        b'(' => closing(b')'),
        b'<' => closing(b'>'),
        b',' | b';' | b':' => 1,
        _ => text.iter().position(is_special).unwrap_or(text.len()),
    }
}

/// Writes a comment: its words, within the parentheses.
fn comment(token: &[u8], out: &mut Vec<u8>) {
    for piece in token.split_inclusive(|octet| matches!(octet, b'(' | b')')) {
        let (words, parenthesis) = match piece.split_last() {
            Some((last @ (b'(' | b')'), words)) => (words, Some(*last)),
            _ => (piece, None),
        };
        text(words, out);
        out.extend(parenthesis);
    }
}

/// Separates an encoded word from the text before it, as (5) requires.
fn set_apart(out: &mut Vec<u8>) {
    if out
        .last()
        .is_some_and(|last| !last.is_ascii_whitespace() && *last != b':')
    {
        out.push(b' ');
    }
}

fn word_length(text: &[u8]) -> usize {
    text.iter().take_while(|octet| !octet.is_ascii_whitespace()).count()
}

fn is_encoded(word: &[u8]) -> bool {
    word.len() > 6 && word.starts_with(b"=?") && word.ends_with(b"?=")
}

/// The end of the run of words that need encoding. The first of them ends at `end`.
fn end_of_run(text: &[u8], mut end: usize) -> usize {
    loop {
        let blanks = text[end..]
            .iter()
            .take_while(|octet| octet.is_ascii_whitespace())
            .count();
        let next = end + blanks + word_length(&text[end + blanks..]);
        if text[end + blanks..next].is_ascii() {
            return end;
        }
        end = next;
    }
}

fn line_start(out: &[u8]) -> usize {
    memchr::memrchr(b'\n', out).map_or(0, |end| end + 1)
}

/// Writes a run as encoded words, with its blanks and without its folds. `folds` says that a blank precedes it, so that
/// the first word can begin on a line of its own.
fn encoded_words(run: &[u8], folds: bool, out: &mut Vec<u8>) {
    let unfolded: Vec<u8> = run
        .iter()
        .copied()
        .filter(|octet| !matches!(octet, b'\r' | b'\n'))
        .collect();
    let is_utf8 = std::str::from_utf8(&unfolded).is_ok();
    let charset = if is_utf8 { "utf-8" } else { "unknown-8bit" };
    let shortest = unfolded.len().min(OCTETS_A_SHORT_WORD).div_ceil(3) * 4;
    if !folds && out.len() - line_start(out) + WORD_FRAME + shortest > LONGEST_LINE {
        out.extend_from_slice(b"\r\n ");
    }
    let column = out.len() - line_start(out);
    let room = LONGEST_LINE.saturating_sub(column + WORD_FRAME) / 4 * 3;
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
