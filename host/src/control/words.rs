//! Words for people.

use crate::message::Timestamp;

/// `1 record`, `2 records`, `2 entries`: a number with what it counts.
pub fn counted(number: u64, word: &str) -> String {
    match (number, word.strip_suffix('y')) {
        (1, _) => format!("1 {word}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {word}s"),
    }
}

/// To the millisecond, as RFC 3339.
pub fn precise_time(at: Timestamp) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| "?".into(), |time| format!("{time:.3}"))
}
