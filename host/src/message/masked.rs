//! Masking of subscribers' numbers. They are personal data: a log shows enough of a number to find it again, and no
//! more.

use std::fmt;

use super::foreign::{Visible, is_hidden};

/// From this many digits on, a run of digits counts as a subscriber's number, whatever separates them.
const NUMBER_DIGITS: usize = 7;

/// The most separators between two digits of one number (RFC 3966, 5.1.1; people also write `) ` and ` - `).
const MOST_SEPARATORS: usize = 3;

/// Units. A figure before one of them is a quantity, and nobody's number.
const UNITS: &[&str] = &[
    "octets", "bytes", "KiB", "MiB", "rows", "records", "messages", "us", "ms", "s",
];

/// Shows a text on one line, everything in it [`Visible`], with its numbers masked: `+1555****100`.
///
/// A number is seven digits or more, of any script, also with separators between them: spaces, dashes, dots,
/// parentheses, slashes, and invisible characters. Text that only looks like a number stays: IPv4 addresses, dates, the
/// codes of an SMTP reply, the relay's own ids, SHA-256 digests, and figures with their unit (`5242880 octets`).
pub struct Masked<'a>(pub &'a str);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Visible(&mask(self.0)).fmt(f)
    }
}

fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let before = masked.chars().next_back();
        let kept = kept(rest, before);
        if kept > 0 {
            masked.push_str(&rest[..kept]);
            rest = &rest[kept..];
        } else if next.is_numeric() {
            let run = run(rest);
            rest = &rest[run.len()..];
            match is_number(run, rest, before) {
                true => push_masked(&mut masked, run),
                false => masked.push_str(run),
            }
        } else {
            masked.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    masked
}

/// The length of the text at the start of `text` that looks like a number or contains digits, and is no number.
fn kept(text: &str, before: Option<char>) -> usize {
    if let Some(escape) = escape(text) {
        return escape;
    }
    // None of these forms begins in the middle of a word.
    if before.is_some_and(|c| c.is_alphanumeric() || c == '+') {
        return 0;
    }
    let shapes = [own_id, digest, internet_address, date, reply_codes];
    shapes.iter().find_map(|shape| shape(text)).unwrap_or(0)
}

/// The run from the first digit to the last one that belongs to the same number.
fn run(text: &str) -> &str {
    let (mut end, mut at, mut separators) = (0, 0, 0);
    while let Some(c) = text[at..].chars().next() {
        if c.is_numeric() {
            if separators > 0 && kept(&text[at..], None) > 0 {
                break;
            }
            at += c.len_utf8();
            (end, separators) = (at, 0);
            continue;
        }
        let Some(length) = separator(&text[at..], c) else { break };
        separators += 1;
        // Any number of invisible characters may stand between two digits.
        if separators > MOST_SEPARATORS && !is_hidden(c) {
            break;
        }
        at += length;
    }
    &text[..end]
}

fn separator(text: &str, c: char) -> Option<usize> {
    let visible = matches!(
        c,
        ' ' | '-' | '.' | '(' | ')' | '/' | '_' | '~' | '\u{b7}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30fb}'
    );
    match visible || is_hidden(c) {
        true => Some(c.len_utf8()),
        false => escape(text),
    }
}

/// The length of the escape sequence that [`Visible`] or Rust's `{:?}` makes of one hidden character.
fn escape(text: &str) -> Option<usize> {
    let behind = text.strip_prefix('\\')?;
    if let Some(hex) = behind.strip_prefix("u{") {
        let length = hex.find('}')?;
        let is_code = (1..=6).contains(&length) && hex[..length].bytes().all(|b| b.is_ascii_hexdigit());
        return is_code.then_some("\\u{}".len() + length);
    }
    behind.starts_with(['n', 'r', 't', '0']).then_some(2)
}

fn is_number(run: &str, behind: &str, before: Option<char>) -> bool {
    if run.chars().filter(|c| c.is_numeric()).count() < NUMBER_DIGITS {
        return false;
    }
    let unit = behind.strip_prefix(' ').unwrap_or(behind);
    let unit = &unit[..unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len())];
    let counts = run.bytes().all(|b| b.is_ascii_digit()) && before != Some('+') && UNITS.contains(&unit);
    !counts
}

fn push_masked(masked: &mut String, run: &str) {
    let digits: Vec<(usize, char)> = run.char_indices().filter(|(_, c)| c.is_numeric()).collect();
    let shown = digits.len().min(11) - NUMBER_DIGITS;
    masked.push_str(&run[..digits.get(shown.wrapping_sub(1)).map_or(0, |(at, c)| at + c.len_utf8())]);
    masked.push_str("****");
    masked.extend(digits[digits.len() - 3..].iter().map(|(_, c)| c));
}

/// The length of one of the relay's ids, `001K0TA9BWMH8` or `001K0TA9BWMH8-1`, which has letters as well.
fn own_id(text: &str) -> Option<usize> {
    let word = &text[..text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len())];
    let is_id = word.len() == 13 && word.parse::<super::MessageId>().is_ok() && word.starts_with("00");
    let ordinal = text[word.len()..].strip_prefix('-').map_or("", |behind| {
        &behind[..behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len())]
    });
    let ordinal = if (1..=5).contains(&ordinal.len()) {
        1 + ordinal.len()
    } else {
        0
    };
    (is_id && word.contains(|c: char| c.is_ascii_uppercase())).then_some(word.len() + ordinal)
}

/// The length of a SHA-256 digest, which the files of plug-ins are named by. It must have letters: 64 digits could hold
/// anybody's number.
fn digest(text: &str) -> Option<usize> {
    let word = &text[..text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len())];
    let is_hex = word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let is_digest = is_hex && word.len() == 64 && word.contains(|c: char| c.is_ascii_lowercase());
    is_digest.then_some(word.len())
}

fn internet_address(text: &str) -> Option<usize> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let address = text[..end].trim_end_matches('.');
    address.parse::<std::net::Ipv4Addr>().is_ok().then_some(address.len())
}

/// The length of a date: `2026-11-24`.
fn date(text: &str) -> Option<usize> {
    let (date, behind) = text.as_bytes().split_at_checked(10)?;
    let shape = date.iter().zip(b"dddd-dd-dd");
    let is_shaped = shape.into_iter().all(|(is, should)| match should {
        b'd' => is.is_ascii_digit(),
        dash => is == dash,
    });
    let is_real = matches!(&date[..2], b"19" | b"20") && matches!(date[5], b'0' | b'1') && date[8] <= b'3';
    (is_shaped && is_real && !behind.first().is_some_and(u8::is_ascii_digit)).then_some(10)
}

/// The length of reply codes: `550 5.1.1`, or the second alone (RFC 3463, 2).
fn reply_codes(text: &str) -> Option<usize> {
    let code = |text: &str| {
        let bytes = text.as_bytes();
        let is_code = bytes.len() > 3 && bytes[..3].iter().all(u8::is_ascii_digit) && (b'2'..=b'5').contains(&bytes[0]);
        (is_code && matches!(bytes[3], b' ' | b'-')).then_some(4)
    };
    let start = code(text).unwrap_or(0);
    let end = text[start..].find(|c: char| !c.is_ascii_digit() && c != '.');
    let enhanced = &text[start..end.map_or(text.len(), |end| start + end)];
    let mut groups = enhanced.split('.');
    let is_enhanced = matches!(groups.next(), Some("2" | "4" | "5"))
        && groups.clone().count() == 2
        && groups.all(|group| (1..=3).contains(&group.len()));
    is_enhanced.then_some(start + enhanced.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        Masked(text).to_string()
    }

    #[test]
    fn numbers_are_masked_and_the_rest_is_not() {
        assert_eq!(
            masked("to +15555550100/TYPE=PLMN at 2525"),
            "to +1555****100/TYPE=PLMN at 2525"
        );
        assert_eq!(masked("1234567"), "****567");
        assert_eq!(masked("123456 \u{fc}"), "123456 \u{fc}");
        assert_eq!(masked(""), "");
        assert_eq!(masked(&masked("+15555550100")), "+1555****100");
    }

    #[test]
    fn a_digest_is_shown_whole_and_what_only_resembles_one_is_not() {
        let digest = "86c4965d21e661e9d6c649aebb79ec35137f83a80bf6254472b3c0139ed2127b";
        assert_eq!(masked(digest), digest);
        assert_eq!(
            masked(&format!("sha256:{digest}, new")),
            format!("sha256:{digest}, new")
        );
        for other in [
            &digest[1..],
            &format!("{digest}0"),
            &digest.to_uppercase(),
            &"15557770006".repeat(6)[..64],
        ] {
            assert!(masked(other).contains("****"), "{other}");
        }
    }

    #[test]
    fn a_number_is_masked_in_every_spelling() {
        for number in [
            "+1-555-777-0006",
            "+1 555 777 0006",
            "+1.555.777.0006",
            "+1 (555) 777-0006",
            "+1/555/777/0006",
            "+1\u{a0}555\u{2011}777\u{2009}0006",
            "+1\u{200b}555\u{ad}777\u{2060}0006",
            "+1\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}5557770006",
            "+1\\u{200b}555\\t777\\u{ad}0006",
            "+1 5 5 5 7 7 7 0 0 0 6",
            "+1_555_777_0006",
            "15557770006",
            "0015557770006",
            "x15557770006y",
            "\u{ff0b}\u{ff11}\u{ff15}\u{ff15}\u{ff15}\u{ff17}\u{ff17}\u{ff17}\u{ff10}\u{ff10}\u{ff10}\u{ff16}",
            "\u{661}\u{665}\u{665}\u{665}\u{667}\u{667}\u{667}\u{660}\u{660}\u{660}\u{666}",
        ] {
            let shown = masked(&format!("550 5.1.1 <{number}> unknown"));
            let sevens = ['7', '\u{ff17}', '\u{667}'];
            assert!(shown.contains("****") && !shown.contains(sevens), "{number}: {shown}");
            assert!(shown.starts_with("550 5.1.1 <"), "{number}: {shown}");
        }
        assert_eq!(masked("550 5.1.1 15557770006 unknown"), "550 5.1.1 1555****006 unknown");
        assert_eq!(masked("550-15557770006"), "550-1****006");
        assert_eq!(masked("5557770006, 5557770007"), "555****006, 555****007");
    }

    #[test]
    fn what_only_looks_like_a_number_stays() {
        for text in [
            "the message is larger than 5242880 octets",
            "ported (1000000 rows)",
            "192.0.2.111:52525 said 250 2.1.5",
            "192.168.100.200.",
            "001K0TA9BWMH8-1 2026-11-24 10:20:30",
            "250 2.0.0 001K0TA9BWMH8 accepted",
            "[2001:db8::1234]:2525",
            "took 1234567 us",
        ] {
            assert_eq!(masked(text), text);
        }
        assert_eq!(masked("+15557770006 octets"), "+1555****006 octets");
    }

    #[test]
    fn no_text_makes_it_panic() {
        let pieces = [
            "1", "+", "\\u{", "}", " ", "-", "\u{200b}", "é", "5.1.1", "2026-", "00", "٣", "\\", "1234567",
        ];
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    for d in pieces {
                        let _ = masked(&[a, b, c, d, a].concat());
                    }
                }
            }
        }
    }
}
