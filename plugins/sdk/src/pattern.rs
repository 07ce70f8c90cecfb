//! Texts with `*` in them, as operators write them in settings.

use std::borrow::Cow;

/// A text with `*` in it, each for any number of octets; compared without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<u8>);

impl Pattern {
    /// Every text is a pattern.
    pub fn new(text: &str) -> Self {
        Self(text.to_ascii_lowercase().into_bytes())
    }

    /// Whether the whole text is one that the pattern stands for.
    pub fn matches(&self, text: &str) -> bool {
        let text: Cow<'_, str> = match text.bytes().any(|octet| octet.is_ascii_uppercase()) {
            true => text.to_ascii_lowercase().into(),
            false => text.into(),
        };
        let (pattern, text) = (self.0.as_slice(), text.as_bytes());
        let (mut at, mut from) = (0, 0);
        // Where to go on when what follows the last star does not match: behind the star, one octet later.
        let mut star = None;
        while from < text.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at, from));
                    at += 1;
                }
                Some(octet) if *octet == text[from] => {
                    at += 1;
                    from += 1;
                }
                _ => match star {
                    Some((place, reached)) => {
                        star = Some((place, reached + 1));
                        at = place + 1;
                        from = reached + 1;
                    }
                    None => return false,
                },
            }
        }
        pattern[at..].iter().all(|octet| *octet == b'*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_octets_and_case_does_not_matter() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "x"),
            ("+1555*", "+15555550100"),
            ("*.GPRS", "mms.mnc001.mcc999.gprs"),
            ("a*b*c", "aXbYbZc"),
            ("news@*", "News@a.example"),
            ("exact", "EXACT"),
        ] {
            assert!(Pattern::new(pattern).matches(text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "x"),
            ("+1555*", "+1666"),
            ("a*b", "ab-"),
            ("*.gprs", "gprs"),
            ("exact", "exac"),
        ] {
            assert!(!Pattern::new(pattern).matches(text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_ends_in_time() {
        let pattern = Pattern::new(&("a*".repeat(30) + "b"));
        assert!(!pattern.matches(&"a".repeat(256)));
    }
}
