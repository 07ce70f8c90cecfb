//! Words and phrases in texts, whatever their spelling: case, accents, width, ligatures, blanks and invisible characters do
//! not matter.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};
use unicode_normalization::UnicodeNormalization;

/// The phrases of one condition, compiled into one automaton.
#[derive(Debug)]
pub struct Words {
    automaton: AhoCorasick,
    phrases: Vec<Phrase>,
}

/// What may stand before and after a phrase for it to match.
#[derive(Debug)]
struct Phrase {
    /// A letter or digit before it makes it part of another word.
    bounded_before: bool,
    bounded_after: bool,
}

impl Words {
    /// A phrase that ends in `*` is the beginning of a word.
    ///
    /// # Errors
    /// The first phrase without letters or digits; or all phrases, when they are too many for one automaton.
    pub fn new(phrases: &[String]) -> Result<Self, String> {
        let mut normal = Vec::new();
        let mut kept = Vec::new();
        for phrase in phrases {
            let (text, is_beginning) = match phrase.strip_suffix('*') {
                Some(beginning) => (normalised(beginning), true),
                None => (normalised(phrase), false),
            };
            let text = text.trim();
            let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else {
                return Err(format!("{phrase:?} has nothing to look for"));
            };
            if !text.chars().any(char::is_alphanumeric) {
                return Err(format!("{phrase:?} has neither letters nor digits"));
            }
            kept.push(Phrase {
                bounded_before: first.is_alphanumeric() && !is_written_without_blanks(first),
                bounded_after: !is_beginning && last.is_alphanumeric() && !is_written_without_blanks(last),
            });
            normal.push(text.to_owned());
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(&normal)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            automaton,
            phrases: kept,
        })
    }

    /// Whether any phrase occurs in a text that [`normalised`] has returned.
    pub fn are_in(&self, text: &str) -> bool {
        self.automaton.find_overlapping_iter(text).any(|found| {
            let phrase = &self.phrases[found.pattern().as_usize()];
            let before = text[..found.start()].chars().next_back();
            let after = text[found.end()..].chars().next();
            let is_inside = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
            !(phrase.bounded_before && is_inside(before) || phrase.bounded_after && is_inside(after))
        })
    }
}

/// A text as it is compared: compatibility forms taken apart (NFKD), in lower case, without accents and points, without
/// what cannot be seen, each run of blanks as one.
pub fn normalised(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for c in text.nfkd().flat_map(char::to_lowercase) {
        match c {
            _ if is_passed_over(c) => {}
            _ if c.is_whitespace() => {
                if !normal.ends_with(' ') {
                    normal.push(' ');
                }
            }
            '\u{df}' => normal.push_str("ss"),
            '\u{3c2}' => normal.push('\u{3c3}'),
            _ => normal.push(c),
        }
    }
    normal
}

/// The words of a normal text, each once, at most `max`.
pub fn words(text: &str, max: usize) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(max)
        .collect()
}

/// Accents of Latin, Greek and Cyrillic; points of Hebrew and Arabic; tatweel; what has no width.
fn is_passed_over(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}'
        | '\u{591}'..='\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{640}'
        | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
        | '\u{fe00}'..='\u{fe0f}')
}

/// Thai, Lao, Myanmar, Khmer, Kana and Han: words follow one another without blanks.
fn is_written_without_blanks(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(phrase: &str, text: &str) -> bool {
        Words::new(&[phrase.to_owned()]).unwrap().are_in(&normalised(text))
    }

    #[test]
    fn spelling_does_not_matter() {
        for (phrase, text) in [
            ("free money", "Get FREE\r\n  MONEY now"),
            ("casino", "C\u{e1}s\u{ed}n\u{f3}!"),
            ("casino", "ca\u{200b}si\u{ad}no"),
            ("casino", "\u{ff23}\u{ff41}\u{ff53}\u{ff49}\u{ff4e}\u{ff4f}"),
            ("stra\u{df}e", "STRASSE"),
            ("fish", "\u{fb01}sh"),
        ] {
            assert!(found(phrase, text), "{phrase} in {text:?}");
        }
    }

    #[test]
    fn a_word_is_no_part_of_another_one() {
        assert!(!found("ass", "class") && !found("ass", "assume") && found("ass", "an ass."));
        assert!(found("casin*", "casinos") && !found("casin*", "encasing"));
        assert!(
            found("c++", "in c++17"),
            "a phrase that ends in a sign has no end to guard"
        );
    }

    #[test]
    fn words_of_several_scripts_are_found() {
        for (phrase, text) in [
            (
                "\u{43a}\u{430}\u{437}\u{438}\u{43d}\u{43e}",
                "\u{41a}\u{410}\u{417}\u{418}\u{41d}\u{41e}!",
            ),
            (
                "\u{3ba}\u{3b1}\u{3b6}\u{3b9}\u{3bd}\u{3bf}\u{3c2}",
                "\u{39a}\u{391}\u{396}\u{399}\u{39d}\u{39f}\u{3a3}",
            ),
            (
                "\u{643}\u{627}\u{632}\u{64a}\u{646}\u{648}",
                "\u{643}\u{640}\u{627}\u{632}\u{650}\u{64a}\u{646}\u{648}",
            ),
            (
                "\u{5e7}\u{5d6}\u{5d9}\u{5e0}\u{5d5}",
                "\u{5e7}\u{5b8}\u{5d6}\u{5d9}\u{5e0}\u{5d5}",
            ),
            (
                "\u{915}\u{948}\u{938}\u{940}\u{928}\u{94b}",
                "\u{915}\u{948}\u{938}\u{940}\u{928}\u{94b}",
            ),
            ("\u{8d4c}\u{573a}", "\u{6fb3}\u{95e8}\u{8d4c}\u{573a}\u{6b22}\u{8fce}"),
            (
                "\u{e04}\u{e32}\u{e2a}\u{e34}\u{e42}\u{e19}",
                "\u{e17}\u{e35}\u{e48}\u{e04}\u{e32}\u{e2a}\u{e34}\u{e42}\u{e19}",
            ),
            ("\u{30ab}\u{30b8}\u{30ce}", "\u{ff76}\u{ff7c}\u{ff9e}\u{ff89}\u{3067}"),
        ] {
            assert!(found(phrase, text), "{phrase} in {text}");
        }
    }

    #[test]
    fn a_phrase_with_nothing_to_look_for_is_refused() {
        for empty in ["", " ", "*", "!?", "\u{200b}"] {
            assert!(Words::new(&[empty.to_owned()]).is_err(), "{empty:?}");
        }
    }

    #[test]
    fn a_text_is_taken_apart_into_its_words() {
        let text = normalised("One, two; ONE\u{a0}three");
        assert_eq!(
            words(&text, 100).into_iter().collect::<Vec<_>>(),
            ["one", "three", "two"]
        );
        assert_eq!(words(&text, 2).len(), 2);
    }
}
