//! What an operator can decide about plug-ins that fail.

use std::fmt;

/// `on-failure`: what becomes of a message when a plug-in traps, runs out of a limit, or cannot decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The sender keeps the message and tries again: nothing is lost, and nothing goes out unseen.
    #[default]
    Defer,
    /// Go on as if the plug-in were not there.
    Skip,
    /// Take the message as it was received, and park it for an operator.
    Hold,
    /// Refuse it for good.
    Refuse,
}

impl OnFailure {
    const WORDS: [(&str, Self); 4] = [
        ("defer", Self::Defer),
        ("skip", Self::Skip),
        ("hold", Self::Hold),
        ("refuse", Self::Refuse),
    ];

    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, policy)| *policy == self)
            .map_or("", |(word, _)| word)
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, policy)| *policy)
    }
}

impl fmt::Display for OnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
