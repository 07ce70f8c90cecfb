//! All accounts of a period, page by page, and then the records of nobody.

use std::collections::BTreeMap;

use super::Period;
use super::balance::balance;
use super::files::{self, Files, FilesSummary, Sought};
use super::finding::{Finding, Kind};
use super::numbers::Numbers;
use crate::message::{End, MessageId};
use crate::spool::SpoolError;
use crate::spool::ledger::{Ledger, LedgerBounds};

/// Messages, and records, that are read at once: each page is a snapshot of its own, of a few milliseconds.
const PAGE: usize = 500;

/// What was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckSummary {
    pub messages: u64,
    pub recipients: u64,
    pub ends: BTreeMap<End, u64>,
    /// Recipients that are in the queue. Those that are lost are neither here nor among the ends.
    pub here: u64,
    /// Records that the ledger names.
    pub records: u64,
    /// Of them, those that have been purged. What the outputs' files still have of them is in `files`.
    pub purged: u64,
    /// What was read of the outputs' files; `None` when they were not looked at.
    pub files: Option<FilesSummary>,
    /// Messages with an outcome that plug-ins must still be told: records may come.
    pub owed: u64,
    pub findings: BTreeMap<Kind, u64>,
}

impl CheckSummary {
    pub fn is_balanced(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, finding: &Finding, told: &mut dyn FnMut(&Finding)) {
        *self.findings.entry(finding.kind).or_default() += 1;
        told(finding);
    }
}

/// Checks a period, with the files of the outputs where they are given, and tells each finding as soon as it is found. The relay may run: what it does meanwhile is in a page
/// as a whole or not at all.
///
/// # Errors
/// The spool cannot be read.
pub fn check(
    ledger: &(impl Ledger + ?Sized),
    period: Period,
    files: Option<Files<'_>>,
    told: &mut dyn FnMut(&Finding),
) -> Result<CheckSummary, SpoolError> {
    // Asked first: records that come later belong to lines that come later.
    let bounds = ledger.ledger_bounds()?;
    let (mut checked, mut named, mut purged) = (CheckSummary::default(), Numbers::default(), Vec::new());
    let mut from = Some(period.from);
    while let Some(begin) = from {
        let page = ledger.accounts(begin, period.to, PAGE)?;
        for (message, account) in &page.accounts {
            let balance = balance(*message, account, bounds.purged);
            checked.messages += 1;
            checked.recipients += balance.ends.len() as u64 + balance.here + balance.lost;
            checked.here += balance.here;
            checked.purged += balance.purged.len() as u64;
            if files.is_some() {
                purged.extend(balance.purged);
            }
            checked.owed += u64::from(account.owed);
            for end in &balance.ends {
                *checked.ends.entry(*end).or_default() += 1;
            }
            for finding in &balance.findings {
                checked.find(finding, told);
            }
            for sequence in &balance.records {
                checked.records += 1;
                if !named.add(*sequence) {
                    let text = format!("record {sequence} is named by two lines");
                    let finding = Finding::of(Kind::RecordNamedTwice, *message, 0, text).about_record(*sequence);
                    checked.find(&finding, told);
                }
            }
        }
        from = page.next;
    }
    records_of_nobody(ledger, period, bounds, &named, &mut |finding| {
        checked.find(finding, told)
    })?;
    if let (Some(files), Some((first, last))) = (files, named.bounds()) {
        purged.sort_by_key(|record| record.sequence);
        let sought = Sought {
            period,
            first,
            last,
            last_record: bounds.last_record,
            purged,
        };
        let summary = files::check(files, &sought, &mut |finding| checked.find(finding, told))?;
        checked.files = Some(summary);
    }
    Ok(checked)
}

/// Records of messages in the period that no line names, and numbers that neither a record nor a line has.
fn records_of_nobody(
    ledger: &(impl Ledger + ?Sized),
    period: Period,
    bounds: LedgerBounds,
    named: &Numbers,
    find: &mut dyn FnMut(&Finding),
) -> Result<(), SpoolError> {
    let mut last = bounds.purged;
    // The message of the record before a gap: whether the gap lies in the period is told by its neighbours.
    let mut neighbour = None;
    loop {
        let page = ledger.owners_of_records(last, PAGE)?;
        for (sequence, id) in &page {
            if *sequence > bounds.last_record {
                return Ok(());
            }
            let within = |message: MessageId| message >= period.from && message < period.to;
            let here = within(id.message());
            if here || neighbour.is_some_and(within) {
                for missing in (last + 1..*sequence).filter(|number| !named.has(*number)) {
                    find(&Finding {
                        kind: Kind::NumberMissing,
                        id: None,
                        record: Some(missing),
                        file: None,
                        place: None,
                        text: format!("record {missing} is nowhere: neither in the spool nor in the ledger"),
                    });
                }
            }
            if here && !named.has(*sequence) {
                let text = format!("record {sequence} is of a message in the ledger, and no line names it");
                let finding = Finding::of(Kind::RecordUnnamed, id.message(), id.number(), text);
                find(&finding.about_record(*sequence));
            }
            (last, neighbour) = (*sequence, Some(id.message()));
        }
        if page.len() < PAGE {
            return Ok(());
        }
    }
}
