//! The check of all accounts of a period, page by page, and then of records that belong to no account.

use std::collections::BTreeMap;

use super::Period;
use super::balance::balance;
use super::files::{self, Files, FilesSummary, Sought};
use super::finding::{Finding, Kind};
use super::numbers::Numbers;
use crate::message::{End, MessageId};
use crate::spool::SpoolError;
use crate::spool::ledger::{Ledger, LedgerBounds};

/// How many messages or records are read at once. Each page is a snapshot of its own, of a few milliseconds.
const PAGE: usize = 500;

/// What was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckSummary {
    pub messages: u64,
    pub recipients: u64,
    pub ends: BTreeMap<End, u64>,
    /// Recipients that are in the queue. Lost recipients count neither here nor among the ends.
    pub here: u64,
    /// Records that the ledger names.
    pub records: u64,
    /// Those of them that were purged. `files` has what the outputs' files still contain of them.
    pub purged: u64,
    /// What was read of the outputs' files; `None` when they were not checked.
    pub files: Option<FilesSummary>,
    /// Messages with an outcome of which plug-ins must still be told, so that further records may come.
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

/// Checks a period, together with the files of the outputs where they are given, and reports each finding at once. The
/// relay may be running: each of its changes is in a page as a whole or not at all.
///
/// # Errors
/// The spool cannot be read.
pub fn check(
    ledger: &(impl Ledger + ?Sized),
    period: Period,
    files: Option<Files<'_>>,
    told: &mut dyn FnMut(&Finding),
) -> Result<CheckSummary, SpoolError> {
    // The bounds are read first: records that come later belong to lines that come later.
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
            sums_with_numbers: bounds.sums_with_numbers,
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
    // The message of the record before a gap. Its neighbours decide whether the gap lies in the period.
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
