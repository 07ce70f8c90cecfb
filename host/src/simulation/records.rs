//! What must stand in the charging records, and what must not stand in the log.

use std::collections::BTreeSet;

use super::books::Books;
use super::check::{Ending, is_event, named, queue_id};
use super::mail;
use crate::message::{End, QueueId, StreamName};
use crate::spool::Streams as _;

/// Errors in the log that no story asks for.
const BUGS: &[&str] = &[
    "panic",
    "delivery-panicked",
    "outcome-panicked",
    "task-died",
    "relay-ends",
    "spool-damaged",
    "not-told",
];

impl Ending<'_> {
    /// Each event has its record, and the numbers have no gap.
    pub(super) fn charged(&self, books: &Books, wrong: &mut Vec<String>) {
        let records = self.store.records(&StreamName::CHARGING, 0, usize::MAX).unwrap();
        for (expected, record) in (1..).zip(&records) {
            if record.sequence != expected {
                wrong.push(format!("charging record {expected} is missing"));
                return;
            }
        }
        let said = |id: QueueId, begins: &str| {
            let of = records.iter().filter(|record| record.id == id);
            of.filter(|record| record.record["at"].as_str().is_some_and(|at| at.starts_with(begins)))
                .count()
        };
        for (id, entry) in &books.entries {
            let arrivals = records.iter().filter(|record| record.id.message() == *id);
            let arrivals = arrivals.filter(|record| record.record["at"] == "arrival").count();
            if arrivals > 1 {
                wrong.push(format!(
                    "the arrival of {} is charged {arrivals} times",
                    named(*id, entry)
                ));
            }
            let ordinals: BTreeSet<u32> = entry.lines.keys().map(|(ordinal, _)| *ordinal).collect();
            for ordinal in ordinals.into_iter().filter(|ordinal| *ordinal > 0) {
                let delivered = entry
                    .lines
                    .iter()
                    .filter(|((of, _), line)| *of == ordinal && line.ends.contains(&End::Delivered));
                let (delivered, charged) = (delivered.count(), said(queue_id(*id, ordinal), "delivered"));
                if charged > delivered || delivered > 0 && charged == 0 {
                    wrong.push(format!(
                        "{} was delivered to {delivered} recipients, and {charged} records say so",
                        named(*id, entry)
                    ));
                }
            }
        }
    }

    /// No subscriber's number, and no bug, is in the log.
    pub(super) fn logged(&self, wrong: &mut Vec<String>) {
        let mut secret = vec![mail::digits('a', 0)];
        for letter in self.story.letters() {
            secret.extend(
                letter
                    .to
                    .iter()
                    .map(|(operator, number)| mail::digits(*operator, *number)),
            );
        }
        for line in self.log {
            if secret.iter().any(|digits| line.contains(digits)) {
                wrong.push(format!("a number is in the log: {line}"));
            }
            if BUGS.iter().any(|bug| is_event(line, bug)) {
                wrong.push(format!("the log tells of a bug: {line}"));
            }
        }
    }
}
