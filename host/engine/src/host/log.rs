//! `log`: lines in the relay's log.

use std::borrow::Cow;

use crate::bindings::mm4::filter::log;
use crate::limits::Grant;
use crate::words::Level;

use super::Call;

/// The longest line, in octets before escaping.
const LINE_MAX: usize = 1024;

/// How many lines there were.
#[derive(Default)]
pub(crate) struct Book {
    written: u32,
    /// Lines past the limit.
    pub dropped: u64,
}

impl Call {
    pub(super) fn log_line(&mut self, level: Level, text: &str) {
        if self.log.written >= self.owner.limits.log_lines {
            self.log.dropped += 1;
            return;
        }
        self.log.written += 1;
        let line = one_line(text);
        self.owner
            .services
            .log(&self.owner.name, self.message_id(), level, &line);
    }
}

impl log::Host for Call {
    fn write(&mut self, level: log::Level, text: String) -> wasmtime::Result<()> {
        self.ask(Grant::Log)?;
        self.log_line(level.into(), &text);
        Ok(())
    }

    fn rule(&mut self, name: String) -> wasmtime::Result<()> {
        self.ask(Grant::Log)?;
        self.rules.add(&name);
        Ok(())
    }
}

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
}
