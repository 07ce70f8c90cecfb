//! Text that strangers wrote: peers, next hops, plug-ins, whoever named a file. It is data, and a person will read it on
//! a terminal: nothing in it may drive that terminal, forge a line, or look like something else.
//!
//! Everything that prints for people goes through here: the log, every command's output, metrics' labels, the health page.
//! Octets on the wire and in exports stay as they are; JSON says the same characters as escapes.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Shows a text on one line with everything in it visible: line ends and other control characters (C0, DEL, C1, so
/// ESC, BEL and CSI too), characters that change the direction of writing (U+202A to U+202E, U+2066 to U+2069), line
/// and paragraph separators, spaces that are not U+0020, and characters without a shape (zero width, soft hyphen,
/// variation selectors, tags) appear as Rust writes them: `\n`, `\u{1b}`, `\u{202e}`.
///
/// A backslash stays one: this is for reading, not for reading back.
pub struct Visible<'a>(pub &'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, hidden)) = rest.char_indices().find(|(_, c)| is_hidden(*c)) {
            f.write_str(&rest[..at])?;
            write!(f, "{}", hidden.escape_default())?;
            rest = &rest[at + hidden.len_utf8()..];
        }
        f.write_str(rest)
    }
}

/// The same for a text of several lines that are meant: LF and CRLF stay line ends, as LF.
pub struct VisibleLines<'a>(pub &'a str);

impl fmt::Display for VisibleLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0.split_inclusive('\n') {
            match line.strip_suffix('\n') {
                Some(text) => {
                    Visible(text.strip_suffix('\r').unwrap_or(text)).fmt(f)?;
                    f.write_char('\n')?;
                }
                None => Visible(line).fmt(f)?,
            }
        }
        Ok(())
    }
}

/// JSON with the same characters written as `\u....`, where JSON allows them raw (RFC 8259, 7). They can stand in
/// strings only, so the value stays what it was.
pub fn visible_json(json: &str) -> Cow<'_, str> {
    // Between the tokens of JSON that is spread over lines, white space is layout.
    let raw = |c: char| is_hidden(c) && !matches!(c, '\n' | '\r' | '\t');
    if !json.contains(raw) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        match raw(c) {
            true => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(safe, "\\u{unit:04x}");
                }
            }
            false => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Whether a reader would not see this character, or see something else because of it.
pub(super) fn is_hidden(c: char) -> bool {
    match c {
        ' '..='~' => false,
        _ if c.is_control() || c.is_whitespace() => true,
        // Default_Ignorable_Code_Point (Unicode, DerivedCoreProperties), interlinear annotation, and the blank of Braille.
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' => true,
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => true,
        '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' => true,
        '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        // Private use and what is no character: a terminal shows what it likes.
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_drives_a_terminal_or_hides_is_shown_as_it_is() {
        let hostile = "a\u{1b}]0;x\u{7}b\u{9b}31mc\r\nd\u{202e}e\u{2066}f\u{2028}g\u{200b}h\u{feff}i\u{ad}j\u{a0}k\u{e0041}\u{7f}";
        let shown = Visible(hostile).to_string();
        assert_eq!(
            shown,
            "a\\u{1b}]0;x\\u{7}b\\u{9b}31mc\\r\\nd\\u{202e}e\\u{2066}f\\u{2028}g\\u{200b}h\\u{feff}i\\u{ad}j\\u{a0}k\\u{e0041}\\u{7f}"
        );
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let hidden =
                c.is_control() || (0x202a..=0x202e).contains(&(c as u32)) || (0x2066..=0x2069).contains(&(c as u32));
            assert!(
                !hidden || !Visible(&c.to_string()).to_string().contains(c),
                "{:x}",
                c as u32
            );
        }
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in [
            "Grüße, 日本語, Привет, שלום",
            "C:\\new",
            "<+15555550100/TYPE=PLMN@mms.a.example>",
            "",
        ] {
            assert_eq!(Visible(text).to_string(), text);
        }
    }

    #[test]
    fn lines_that_are_meant_stay_lines() {
        assert_eq!(VisibleLines("a\r\nb\u{1b}\nc\rd").to_string(), "a\nb\\u{1b}\nc\\rd");
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({"text": "a\u{9b}b\u{202e}c\u{e0041}d\u{1b}\"\\ü"});
        let json = value.to_string();
        let safe = visible_json(&json);
        assert!(safe.chars().all(|c| !is_hidden(c)), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        assert!(matches!(visible_json("{\n  \"a\": 1\n}"), Cow::Borrowed(_)));
    }
}
