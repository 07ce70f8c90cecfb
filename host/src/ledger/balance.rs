//! One message's account: every opened recipient has ended once or is in the queue, and the records are as they were
//! written.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::files::PurgedRecord;
use super::finding::{Finding, Kind};
use crate::message::{End, MessageId, QueueId};
use crate::spool::ledger::{Account, KnownRecord, Moved, Movement};

/// The result for the recipients of one message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Balance {
    pub findings: Vec<Finding>,
    pub ends: Vec<End>,
    /// Recipients that are in the queue.
    pub here: u64,
    /// Recipients that neither ended nor are in the queue.
    pub lost: u64,
    /// The records that the account names.
    pub records: Vec<u64>,
    /// Those of them that were purged from the spool.
    pub purged: Vec<PurgedRecord>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Ended(End),
}

struct Book {
    message: MessageId,
    /// The state of each recipient, by ordinal and recipient.
    states: BTreeMap<(u32, u32), State>,
    /// Recipients that went through the chain and were not opened again yet.
    under_way: BTreeSet<u32>,
    findings: Vec<Finding>,
}

/// Balances an account. `purged` is the number up to which records may have been removed.
pub(super) fn balance(message: MessageId, account: &Account, purged: u64) -> Balance {
    let mut book = Book {
        message,
        states: BTreeMap::new(),
        under_way: BTreeSet::new(),
        findings: Vec::new(),
    };
    for damaged in &account.damaged {
        book.find(Kind::Damaged, 0, damaged.clone());
    }
    for line in &account.movements {
        book.enter(line);
    }
    let lost = book.set_against_queue(account);
    let mut balance = Balance {
        lost,
        ..Balance::default()
    };
    for state in book.states.values() {
        match state {
            State::Open => balance.here += 1,
            State::Ended(end) => balance.ends.push(*end),
        }
    }
    balance.here -= lost;
    balance.findings = book.findings;
    for line in &account.movements {
        records(message, line, account, purged, &mut balance);
    }
    balance
}

impl Book {
    fn find(&mut self, kind: Kind, ordinal: u32, text: impl Into<String>) {
        self.findings.push(Finding::of(kind, self.message, ordinal, text));
    }

    fn enter(&mut self, line: &Movement) {
        for recipient in &line.recipients {
            let place = (line.ordinal, *recipient);
            let before = self.states.get(&place).copied();
            match line.what {
                Moved::Opened => {
                    self.under_way.remove(recipient);
                    if before == Some(State::Open) {
                        self.find(
                            Kind::OpenedTwice,
                            place.0,
                            format!("recipient {recipient} was opened twice"),
                        );
                    }
                    // The destinations that the chain makes of a held message begin anew.
                    self.states.insert(place, State::Open);
                }
                Moved::CarriedOn => {
                    if before.is_none() {
                        self.find(
                            Kind::NeverOpened,
                            place.0,
                            format!("recipient {recipient} went on unopened"),
                        );
                    }
                    self.states.remove(&place);
                    self.under_way.insert(*recipient);
                }
                Moved::Reopened => {
                    if before.is_none() {
                        self.find(
                            Kind::NeverOpened,
                            place.0,
                            format!("recipient {recipient} was taken up unopened"),
                        );
                    }
                    self.states.insert(place, State::Open);
                }
                Moved::Ended(end) => self.end(place, before, end),
                Moved::Charged => {}
            }
        }
    }

    fn end(&mut self, place: (u32, u32), before: Option<State>, end: End) {
        let (ordinal, recipient) = place;
        match before {
            None => self.find(
                Kind::NeverOpened,
                ordinal,
                format!("recipient {recipient} is {}, and was never opened", end.name()),
            ),
            Some(State::Ended(first)) if !may_follow(first, end) => self.find(
                Kind::EndedTwice,
                ordinal,
                format!(
                    "recipient {recipient} is {}, and was {} before",
                    end.name(),
                    first.name()
                ),
            ),
            _ => {}
        }
        self.states.insert(place, State::Ended(end));
    }

    /// Compares with the queue. Returns how many recipients are open, and not in the queue.
    fn set_against_queue(&mut self, account: &Account) -> u64 {
        let here: BTreeSet<(u32, u32)> = account
            .here
            .iter()
            .flat_map(|(ordinal, recipients)| recipients.iter().map(|recipient| (*ordinal, *recipient)))
            .collect();
        let open: Vec<(u32, u32)> = self
            .states
            .iter()
            .filter(|(_, state)| **state == State::Open)
            .map(|(place, _)| *place)
            .collect();
        let mut lost = 0;
        for (ordinal, recipient) in open {
            if !here.contains(&(ordinal, recipient)) {
                let text = format!("recipient {recipient} has not ended, and is not in the queue");
                self.find(Kind::RecipientLost, ordinal, text);
                lost += 1;
            }
        }
        for recipient in std::mem::take(&mut self.under_way) {
            let text = format!("recipient {recipient} went through the plug-ins, and came to nothing");
            self.find(Kind::CameToNothing, 0, text);
        }
        for (ordinal, recipient) in here {
            match self.states.get(&(ordinal, recipient)) {
                Some(State::Open) => {}
                Some(State::Ended(end)) => {
                    let text = format!("recipient {recipient} is {}, and in the queue", end.name());
                    self.find(Kind::EndedAndHere, ordinal, text);
                }
                None => {
                    let text = format!("recipient {recipient} is in the queue, and the ledger does not know it");
                    self.find(Kind::NotInLedger, ordinal, text);
                }
            }
        }
        lost
    }
}

/// Whether an end may follow another one without a second way through the queue: a delivered message may bounce, and
/// one that an operator dropped may have been under way.
fn may_follow(first: End, end: End) -> bool {
    matches!(
        (first, end),
        (End::Delivered, End::Bounced) | (End::Dropped, End::Delivered | End::Refused | End::Expired)
    )
}

fn records(message: MessageId, line: &Movement, account: &Account, purged: u64, balance: &mut Balance) {
    let Some(named) = &line.records else { return };
    let ordinal = line.records_ordinal();
    for (sequence, sum) in named.each() {
        balance.records.push(sequence);
        let found = account.records.iter().find(|record| record.sequence == sequence);
        let wrong = match found {
            None if sequence <= purged => {
                balance.purged.push(PurgedRecord {
                    sequence,
                    sum,
                    id: QueueId::of(message, ordinal),
                });
                None
            }
            None => Some((
                Kind::RecordMissing,
                "is not in the spool, and was not purged".to_owned(),
            )),
            Some(record) => wrong(record, message, ordinal, sum, line),
        };
        if let Some((kind, text)) = wrong {
            let finding = Finding::of(kind, message, line.ordinal, format!("record {sequence} {text}"));
            balance.findings.push(finding.about_record(sequence));
        }
    }
}

fn wrong(record: &KnownRecord, message: MessageId, ordinal: u32, sum: u64, line: &Movement) -> Option<(Kind, String)> {
    if (record.id.message(), record.id.number()) != (message, ordinal) {
        return Some((Kind::RecordOfAnother, format!("is of {}", record.id)));
    }
    if record.sum != sum {
        return Some((Kind::RecordChanged, "is not as it was written".to_owned()));
    }
    let says = match line.what {
        Moved::Ended(end) => serde_json::from_str(&record.text)
            .ok()
            .and_then(|says| disagrees(&says, end, line)),
        _ => None,
    };
    says.map(|text| (Kind::RecordDisagrees, text))
}

/// The fields of a record that are compared with the line that names it.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Says<'a> {
    #[serde(borrow, default)]
    record_type: Option<std::borrow::Cow<'a, str>>,
}

/// Whether the record contradicts the end. Only decided where a line has one record: an outcome of several recipients
/// may have a record for each.
fn disagrees(says: &Says<'_>, end: End, line: &Movement) -> Option<String> {
    let failed = says.record_type.as_deref()? == "relay-failed";
    let alone = line.records.as_ref().is_some_and(|records| records.sums.len() == 1);
    let opposite = failed && end == End::Delivered;
    (alone && opposite).then(|| "says that it failed, and the ledger that it was delivered".to_owned())
}
