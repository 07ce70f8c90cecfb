//! The difference between the expected and the actual text, for people.

use similar::{ChangeTag, TextDiff};

/// The lines that differ: `-` expected, `+` actual. With `whole`, also the lines that do not differ.
pub fn difference(expected: &str, now: &str, whole: bool) -> String {
    let mut text = String::new();
    for change in TextDiff::from_lines(expected, now).iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Delete => "-",
            ChangeTag::Insert => "+",
            ChangeTag::Equal if whole => " ",
            ChangeTag::Equal => continue,
        };
        text.push_str(&format!("  {sign} {}\n", change.value().trim_end_matches('\n')));
    }
    text
}

/// The first lines of a difference, for a log or a history, where it must not push out everything else.
pub(super) fn cut(difference: &str) -> String {
    const LINES: usize = 20;
    const OCTETS: usize = 4096;
    let mut text = String::new();
    for (at, line) in difference.lines().enumerate() {
        if at == LINES || text.len() + line.len() > OCTETS {
            return text + "  ...";
        }
        text.push_str(line);
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_difference_is_cut() {
        assert_eq!(cut("  - a\n  + b\n"), "  - a\n  + b");
        let many = "  + line\n".repeat(1000);
        assert_eq!(cut(&many).lines().count(), 21);
        assert_eq!(cut(&"x".repeat(10_000)), "  ...");
    }

    #[test]
    fn a_difference_shows_what_was_expected_and_what_is() {
        let (expected, now) = ("verdict:\n  pass\n", "verdict:\n  discard: dull\n");
        assert_eq!(difference(expected, now, false), "  -   pass\n  +   discard: dull\n");
        assert!(difference(expected, now, true).starts_with("    verdict:\n"));
        assert_eq!(difference(now, now, false), "");
    }
}
