//! Texts of plug-ins, in a form for log lines.

use std::borrow::Cow;

/// The longest line, in octets before escaping.
const LINE_MAX: usize = 1024;

/// Cuts a text to the longest line, and escapes what could forge another line or drive a terminal.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    let text = &text[..text.floor_char_boundary(LINE_MAX)];
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    Cow::Owned(line)
}

/// The demangled name of a function, as its author knows it.
pub(crate) fn function_name(symbol: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(symbol))
}

/// A plug-in's output without Rust's advice at the end of a panic, which cannot be followed in a sandbox.
pub(crate) fn without_advice(said: &str) -> &str {
    const ADVICE: &str = "note: run with `RUST_BACKTRACE=1`";
    said.split_once(ADVICE).map_or(said, |(before, _)| before).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_cannot_forge_a_line() {
        assert_eq!(one_line("a\r\nb\u{1b}[0m"), "a\\r\\nb\\u{1b}[0m");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let text = format!("{}\u{e4}\u{e4}", "x".repeat(LINE_MAX - 1));
        assert_eq!(one_line(&text).len(), LINE_MAX - 1);
        assert_eq!(one_line(&text[1..]).len(), LINE_MAX);
    }

    #[test]
    fn a_plain_line_is_not_copied() {
        assert!(matches!(one_line("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn advice_that_cannot_be_followed_is_left_out() {
        let said =
            "thread 'main' panicked at src/lib.rs:3:\nno\nnote: run with `RUST_BACKTRACE=1` environment variable";
        assert_eq!(without_advice(said), "thread 'main' panicked at src/lib.rs:3:\nno");
        assert_eq!(without_advice("no"), "no");
    }
}
