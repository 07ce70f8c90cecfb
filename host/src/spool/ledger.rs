//! The ledger: which recipients came in, how each ended, and which charging records were made.
//!
//! It is bookkeeping beside the queue, and not the queue itself: whatever opens or ends a recipient writes a movement
//! in the same transaction, and no decision depends on it. So queue, records and ledger can be compared, also when the
//! message, its request and its history are gone: `mm4relay ledger check`. A movement is never changed. All movements
//! of a message are removed together when they are older than the ledger is kept.

use std::collections::BTreeMap;

use super::SpoolError;
use crate::message::{End, MessageId, NextHop, QueueId, Timestamp};

/// The ends of recipients, for those who check them. Every verb blocks, and reads one short snapshot, so that the
/// store's log can begin anew between two calls.
pub trait Ledger: Send + Sync + 'static {
    fn ledger_bounds(&self) -> Result<LedgerBounds, SpoolError>;

    /// Accounts of at most `limit` messages from `from` to before `to`, in the order of their ids.
    fn accounts(&self, from: MessageId, to: MessageId, limit: usize) -> Result<AccountPage, SpoolError>;

    /// The messages of at most `limit` records after `sequence`.
    fn owners_of_records(&self, sequence: u64, limit: usize) -> Result<Vec<(u64, QueueId)>, SpoolError>;
}

/// One line of a message's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// When it was committed.
    pub at: Timestamp,
    pub what: Moved,
    /// The ordinal of the destination; 0 for the message as it was received.
    pub ordinal: u32,
    /// Recipients by id. An id is unique within its destination.
    pub recipients: Vec<u32>,
    /// The next hop.
    pub peer: Option<NextHop>,
    /// The charging records that were committed with it.
    pub records: Option<Records>,
    /// The message; only in its first line.
    pub about: Option<About>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// Recipients entered the queue.
    Opened,
    /// Recipients of a held or unfinished message went through its chain; the results follow.
    CarriedOn,
    /// Recipients that had ended are in the queue again: an operator retried or released, or the relay sends again.
    Reopened,
    Ended(End),
    /// Only records: plug-ins that had failed have taken an outcome.
    Charged,
}

/// The message of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    pub source: String,
    /// `MM4_forward.REQ` and so on; `None` when the message had not been read yet.
    pub kind: Option<String>,
    /// In octets, as received.
    pub size: u64,
    /// For a request: `X-Mms-Message-ID`, as received.
    pub message_id: Option<String>,
}

/// Charging records with consecutive numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// The sequence number of the first.
    pub first: u64,
    /// A [checksum](record_sum) of each.
    pub sums: Vec<u64>,
}

impl Records {
    pub fn last(&self) -> u64 {
        self.first + self.sums.len() as u64 - 1
    }

    /// The first and the last sequence number.
    pub fn range(&self) -> (u64, u64) {
        (self.first, self.last())
    }

    /// Each number with its checksum.
    pub fn each(&self) -> impl Iterator<Item = (u64, u64)> {
        (self.first..).zip(self.sums.iter().copied())
    }
}

impl Movement {
    /// The ordinal of its records: those of an acceptance or a chain belong to the message, and not to a destination.
    pub fn records_ordinal(&self) -> u32 {
        match self.what {
            Moved::Opened | Moved::CarriedOn | Moved::Reopened => 0,
            Moved::Ended(_) | Moved::Charged => self.ordinal,
        }
    }
}

/// Everything about one message at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// The lines of the ledger, in order. Empty for a message in the queue that the ledger does not have.
    pub movements: Vec<Movement>,
    /// Lines of the ledger that cannot be read, with the reason.
    pub damaged: Vec<String>,
    /// Recipients in the queue that have not ended, by ordinal.
    pub here: BTreeMap<u32, Vec<u32>>,
    /// Plug-ins must still be told of an outcome, so further records may come.
    pub owed: bool,
    /// The records that the ledger names and that are in the spool.
    pub records: Vec<KnownRecord>,
}

/// A charging record that is in the spool.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownRecord {
    pub sequence: u64,
    pub id: QueueId,
    /// See [`record_sum`].
    pub sum: u64,
    /// As it is stored.
    pub text: String,
}

/// Consecutive accounts.
#[derive(Debug, Default)]
pub struct AccountPage {
    pub accounts: BTreeMap<MessageId, Account>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<MessageId>,
}

/// The bounds of the ledger and of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerBounds {
    /// The ledger has no message before this one.
    pub begins: MessageId,
    /// The last charging record.
    pub last_record: u64,
    /// Records up to this one may have been purged.
    pub purged: u64,
    /// Whether checksums are of records with their numbers, or with [`NO_NUMBER`].
    pub sums_with_numbers: bool,
}

/// In place of a number, where a store gives numbers behind the commit.
pub const NO_NUMBER: u64 = 0;

/// A checksum of a charging record: of its number, time and plug-in, and of its stored text.
pub fn record_sum(sequence: u64, at: Timestamp, plugin: &str, version: &str, record: &str) -> u64 {
    let mut sum = xxhash_rust::xxh3::Xxh3Default::new();
    sum.update(&sequence.to_le_bytes());
    sum.update(&at.0.to_le_bytes());
    for text in [plugin, version, record] {
        sum.update(text.as_bytes());
        // No text has this octet, so the parts cannot run into one another.
        sum.update(&[0xff]);
    }
    sum.digest()
}

/// A record as text, in one form: keys in order, none without a value.
pub fn record_text(record: &serde_json::Value) -> String {
    let serde_json::Value::Object(fields) = record else {
        return record.to_string();
    };
    let fields: BTreeMap<_, _> = fields.iter().filter(|(_, value)| !value.is_null()).collect();
    // What came out of JSON goes into JSON.
    serde_json::to_string(&fields).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_one_text_whatever_the_order_of_its_fields_and_without_those_that_are_null() {
        let text = |json: &str| record_text(&serde_json::from_str(json).unwrap());
        let one = text(r#"{"b":"x\"y","a":1,"c":null,"d":["e"]}"#);
        assert_eq!(one, r#"{"a":1,"b":"x\"y","d":["e"]}"#);
        assert_eq!(one, text(r#"{"d":["e"],"a":1,"b":"x\"y"}"#));
        assert_eq!(text(&one), one);
    }

    #[test]
    fn every_part_of_a_record_counts_in_its_sum() {
        let sum = |sequence, at, plugin, version, record| record_sum(sequence, Timestamp(at), plugin, version, record);
        let one = sum(1, 2, "p", "v", "{}");
        let others = [
            sum(2, 2, "p", "v", "{}"),
            sum(1, 3, "p", "v", "{}"),
            sum(1, 2, "pv", "", "{}"),
            sum(1, 2, "p", "", "v{}"),
        ];
        assert!(!others.contains(&one));
        assert_eq!(sum(1, 2, "p", "v", "{}"), one);
    }
}
