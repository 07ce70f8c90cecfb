//! The states of the queue's entries: one table for their words and for their numbers in a database.

/// The state of an entry in the queue. A message on its way to a next hop has one of the first four; a message as
/// received has failed, is held or is unfinished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueState {
    /// Will be sent when it is due.
    Waiting,
    /// Given up, until it is retried or dropped. For a message as received: refused by its chain when that ran from the
    /// spool, until it is released or dropped.
    Failed,
    /// Delivered, and kept because no response has come, so that it may have to be sent again.
    Awaiting,
    /// Held as received, without a next hop yet; or kept back by an operator on its way to one.
    Held,
    /// As received: released, or answered before its chain had ended. The relay runs the chain when it is due.
    Unfinished,
}

/// Each state with its word in commands and exported JSON, and with its number in `outgoing.state` of a database.
/// Neither ever changes its meaning.
const TABLE: [(QueueState, &str, i64); 5] = [
    (QueueState::Waiting, "waiting", 0),
    (QueueState::Failed, "failed", 1),
    (QueueState::Awaiting, "awaiting", 2),
    (QueueState::Held, "held", 3),
    (QueueState::Unfinished, "unfinished", 4),
];

impl QueueState {
    /// The word in commands and exported JSON.
    pub const fn as_str(self) -> &'static str {
        TABLE[self as usize].1
    }

    pub(super) const fn code(self) -> i64 {
        TABLE[self as usize].2
    }

    pub fn from_word(word: &str) -> Option<Self> {
        TABLE.iter().find(|(_, its, _)| *its == word).map(|(state, ..)| *state)
    }

    /// The state with this number; `None` for a number that this version does not know.
    pub(super) fn from_code(code: i64) -> Option<Self> {
        TABLE.iter().find(|(_, _, its)| *its == code).map(|(state, ..)| *state)
    }
}

/// A statement of SQL whose text names states: `statement!("... WHERE state = {waiting}")`. The numbers are written
/// into the text at compile time, and an unknown word does not compile. They are not bound as values, because a
/// database chooses a partial index only by what it sees in the text.
macro_rules! statement {
    ($text:expr) => {{
        const TEXT: &str = $text;
        const FILLED: ([u8; TEXT.len()], usize) = $crate::spool::states::with_numbers(TEXT);
        const {
            match str::from_utf8(FILLED.0.split_at(FILLED.1).0) {
                Ok(text) => text,
                Err(_) => panic!("SQL is text"),
            }
        }
    }};
}
pub(in crate::spool) use statement;

/// Replaces each `{word}` in `text` by the number of that state. Returns the octets, and how many of them are used.
/// Only for [`statement`].
pub(in crate::spool) const fn with_numbers<const N: usize>(text: &str) -> ([u8; N], usize) {
    let text = text.as_bytes();
    let (mut filled, mut length, mut at) = ([0; N], 0, 0);
    while at < text.len() {
        if text[at] == b'{' {
            let (number, behind) = number_at(text, at + 1);
            filled[length] = number;
            at = behind;
        } else {
            filled[length] = text[at];
            at += 1;
        }
        length += 1;
    }
    (filled, length)
}

/// The digit of the state whose word begins here, and the position after its closing brace.
const fn number_at(text: &[u8], begins: usize) -> (u8, usize) {
    let mut row = 0;
    while row < TABLE.len() {
        let (_, word, code) = TABLE[row];
        let word = word.as_bytes();
        let mut matched = 0;
        while matched < word.len() && begins + matched < text.len() && text[begins + matched] == word[matched] {
            matched += 1;
        }
        let closes = begins + matched;
        if matched == word.len() && closes < text.len() && text[closes] == b'}' {
            return (b'0' + code as u8, closes + 1);
        }
        row += 1;
    }
    panic!("a word in braces that is no state of the queue")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_a_row_of_its_own_with_a_word_and_a_number_that_lead_back_to_it() {
        for (at, (state, word, code)) in TABLE.into_iter().enumerate() {
            assert_eq!(state as usize, at);
            assert_eq!((state.as_str(), state.code()), (word, code));
            assert_eq!(QueueState::from_word(word), Some(state));
            assert_eq!(QueueState::from_code(code), Some(state));
        }
        assert_eq!((QueueState::from_word("gone"), QueueState::from_code(5)), (None, None));
    }

    #[test]
    fn a_statement_names_states_and_has_their_numbers() {
        assert_eq!(
            statement!("SELECT 1 FROM outgoing WHERE state IN ({waiting}, {held}) OR state = {awaiting}"),
            "SELECT 1 FROM outgoing WHERE state IN (0, 3) OR state = 2"
        );
        assert_eq!(statement!("SELECT 1"), "SELECT 1");
    }
}
