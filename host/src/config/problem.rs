//! A problem of a configuration, for the person who has to correct it.

use std::fmt;
use std::path::PathBuf;

use super::Code;

/// One problem, with everything that is needed to correct it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The included file that it is in; `None`: the configuration itself.
    pub file: Option<PathBuf>,
    /// The line in that file, counted from 1.
    pub line: Option<usize>,
    /// The path of the key, with list items counted from 0: `peer[2].hosts[0]`. Empty when the file is not TOML.
    pub key: String,
    pub found: Found,
    /// What would be right: `HOST:PORT, such as 127.0.0.1:2525`.
    pub expected: String,
}

/// What is there instead of the expected value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A value, as it stands in the file, cut when it is long.
    Value(String),
    Nothing,
    /// An unknown key.
    UnknownKey,
    /// A key of an included file that would mean something else after the files before it.
    Misplaced,
    /// Something that is not TOML; `expected` is the parser's own text.
    NotToml,
    /// The file itself cannot be read; the reason of the operating system.
    NoFile(String),
    /// A value of the right form that names something useless; `expected` says what is wrong with that.
    OfNoUse(Code),
}

impl Problem {
    /// The file itself cannot be read.
    pub(super) fn no_file(error: &std::io::Error, expected: &str) -> Self {
        Self {
            file: None,
            line: None,
            key: String::new(),
            found: Found::NoFile(error.to_string()),
            expected: expected.to_owned(),
        }
    }

    pub fn code(&self) -> Code {
        match &self.found {
            Found::Value(_) => Code::ValueWrong,
            Found::Nothing => Code::KeyMissing,
            Found::UnknownKey => Code::KeyUnknown,
            Found::Misplaced => Code::KeyMisplaced,
            Found::NotToml => Code::NotToml,
            Found::NoFile(_) => Code::ConfigUnreadable,
            Found::OfNoUse(code) => *code,
        }
    }
}

/// All problems of one file and those that it includes, in the order of the lines. Never empty as an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    pub file: PathBuf,
    pub list: Vec<Problem>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key, found, expected, ..
        } = self;
        match found {
            Found::Value(value) => write!(f, "{key} is {value}: expected {expected}"),
            Found::Nothing => write!(f, "{key} is missing: expected {expected}"),
            Found::UnknownKey => write!(f, "{key} is not a known key: expected {expected}"),
            Found::Misplaced => write!(f, "{key} stands where it does not belong: expected {expected}"),
            Found::NotToml => write!(f, "not TOML: {expected}"),
            Found::OfNoUse(_) => write!(f, "{key}: {expected}"),
            Found::NoFile(reason) => write!(f, "cannot be read ({reason}): expected {expected}"),
        }
    }
}

/// One line a problem, in the form that editors jump to: `relay.toml:12: relay.name is missing: expected ...`.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.list.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:", problem.file.as_ref().unwrap_or(&self.file).display())?;
            if let Some(line) = problem.line {
                write!(f, "{line}:")?;
            }
            write!(f, " {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The candidate that `text` probably stands for, for "did you mean".
pub(super) fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Up to a third of the letters may be wrong. With more, it is another word.
    let allowed = text.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(text, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The candidates, `a, b, c`, with the one that was probably meant.
pub(super) fn one_of(text: &str, candidates: &[&str]) -> String {
    let list = match candidates {
        [] => return "none is configured".to_owned(),
        [only] => (*only).to_owned(),
        many => format!("one of {}", many.join(", ")),
    };
    match nearest(text, candidates.iter().copied()) {
        Some(meant) => format!("{list} (did you mean {meant}?)"),
        None => list,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_recognised_and_another_word_is_not() {
        let keys = ["name", "domains", "listen", "spool"];
        assert_eq!(nearest("nmae", keys), Some("name"));
        assert_eq!(nearest("domain", keys), Some("domains"));
        assert_eq!(nearest("certificate", keys), None);
    }

    #[test]
    fn a_choice_names_all_and_the_likely_one() {
        assert_eq!(
            one_of("operator-d", &["operator-a", "other"]),
            "one of operator-a, other (did you mean operator-a?)"
        );
        assert_eq!(one_of("x", &["operator-a"]), "operator-a");
        assert_eq!(one_of("x", &[]), "none is configured");
    }
}
