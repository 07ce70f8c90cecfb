//! Why an entry of the queue is stuck, and which reasons are the same.

use crate::spool::QueueEntry;

pub(super) fn reason_of(entry: &QueueEntry) -> Option<&str> {
    let held = entry.holders.first().map(|holder| holder.reason.as_str());
    entry.reason.as_deref().or(held)
}

/// The reason of an entry, without what differs between those that are stuck for the same.
pub(super) fn shape_of(entry: &QueueEntry) -> String {
    reason_of(entry).map(shape).unwrap_or_default()
}

/// Words with many digits become `…`: numbers, ids, times, addresses.
fn shape(reason: &str) -> String {
    const MANY: usize = 4;
    let of = |word: &str| match word.chars().filter(char::is_ascii_digit).count() {
        digits if digits >= MANY => "…".to_owned(),
        _ => word.to_owned(),
    };
    let words: Vec<String> = reason.split_whitespace().map(of).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_differ_in_numbers_and_ids_are_alike() {
        let of = |number: &str, id: &str| shape(&format!("452 4.2.2 mailbox of {number} is full ({id})"));
        assert_eq!(of("+15555550199", "001K0TA9BWMH8"), of("+15555550188", "001K0TA9BWMJA"));
        assert_eq!(of("+15555550199", "001K0TA9BWMH8"), "452 4.2.2 mailbox of … is full …");
        assert_ne!(shape("452 4.2.2 full"), shape("550 5.1.1 nobody"));
    }
}
