//! What must stand in the charging records, and what must not stand in the log.

use std::collections::BTreeSet;

use super::books::{Books, Entry};
use super::check::{Ending, is_event, named, queue_id};
use super::mail;
use crate::message::{End, MessageId, QueueId, StreamName};
use crate::spool::{Recorded, Streams as _};

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
            self.departed(&records, (*id, entry), wrong);
            let ordinals: BTreeSet<u32> = entry.lines.keys().map(|(ordinal, _)| *ordinal).collect();
            for ordinal in ordinals.into_iter().filter(|ordinal| *ordinal > 0) {
                let delivered = entry
                    .lines
                    .iter()
                    .filter(|((of, _), line)| *of == ordinal && line.ends.contains(&End::Delivered));
                let (delivered, charged) = (delivered.count(), said(queue_id(*id, ordinal), "delivered"));
                // What an operator drops while it is sent, and a plug-in will not hear of, is charged by nobody.
                let dropped = books.dropped.contains(&queue_id(*id, ordinal));
                if charged > delivered || delivered > 0 && charged == 0 && !dropped {
                    wrong.push(format!(
                        "{} was delivered to {delivered} recipients, and {charged} records say so",
                        named(*id, entry)
                    ));
                }
            }
        }
    }

    /// Each destination was shown to the plug-in, whose record of it is kept.
    fn departed(&self, records: &[Recorded], (id, entry): (MessageId, &Entry), wrong: &mut Vec<String>) {
        let to: BTreeSet<&str> = entry.lines.values().filter_map(|line| line.to.as_deref()).collect();
        for to in to {
            let there = entry.lines.iter().filter(|(_, line)| line.to.as_deref() == Some(to));
            let there: BTreeSet<u32> = there.map(|((ordinal, _), _)| *ordinal).collect();
            let at = format!("departure to {to}");
            let of = records.iter().filter(|record| record.id.message() == id);
            let shown = of.filter(|record| record.record["at"] == at.as_str()).count();
            if shown < there.len() {
                let (what, there) = (named(id, entry), there.len());
                wrong.push(format!("{what} went to {to} {there} times, and {shown} records say so"));
            }
        }
    }

    /// A response is charged once.
    pub(super) fn answers_charged(&self, books: &Books, wrong: &mut Vec<String>) {
        let records = self.store.records(&StreamName::CHARGING, 0, usize::MAX).unwrap();
        for letter in self.story.letters() {
            for by in ["operator-b", "operator-c"] {
                let letters = books
                    .entries
                    .values()
                    .filter(|entry| entry.letter() == Some(letter.number));
                let asked: usize = letters
                    .map(|entry| entry.lines.iter().filter(|(_, line)| line.to.as_deref() == Some(by)))
                    .map(|lines| lines.map(|((ordinal, _), _)| ordinal).collect::<BTreeSet<_>>().len())
                    .sum();
                let is_response = |id: MessageId| {
                    let entry = books.entries.get(&id);
                    entry.is_some_and(|entry| entry.seen.is_response() && entry.is_about(letter.number))
                };
                let at = format!("answered by {by}");
                let of = records.iter().filter(|record| is_response(record.id.message()));
                let charged = of.filter(|record| record.record["at"] == at.as_str()).count();
                if charged > asked {
                    wrong.push(format!(
                        "{by} was asked letter {} {asked} times, and {charged} records say that it answered",
                        letter.number
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
