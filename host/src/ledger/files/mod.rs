//! The files of the outputs, set against the records: each record that an output has passed is in one of its files, once, as
//! it was written, and no file is missing between two others.
//!
//! - `expected`: what an output must have, record by record
//! - `listing`: which files an output has, and which are missing
//! - `account`, `conclude`: one output's files, read and set against that; what came of it
//! - `differences`: in what a changed record differs
//!
//! A record that was purged is compared with the ledger's checksum of it where an output has it as JSON: that form has
//! everything. The other outputs are then compared with what the JSON says. What no JSON file has is only counted.

mod account;
mod conclude;
mod differences;
mod expected;
mod listing;

use std::collections::BTreeSet;
use std::path::PathBuf;

use self::account::OutputAccount;
use self::expected::{Expectations, Expected};
use super::Period;
use super::finding::{Finding, Kind};
use crate::charging::{Form, Format, OutputOptions, written};
use crate::message::QueueId;
use crate::spool::ledger::{record_sum, record_text};
use crate::spool::{Recorded, SpoolError, StreamReader};

/// Rows that are read at once.
const PAGE: usize = 1000;

/// Where files of charging records are looked for.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    pub stream: &'a StreamReader,
    pub outputs: &'a [OutputOptions],
    /// Folders to which closed files were moved when they were fetched.
    pub fetched: &'a [PathBuf],
}

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilesSummary {
    pub files: u64,
    /// Records in them, of whatever time.
    pub records: u64,
    /// Files in front of the first that is there: they were fetched, and cannot be read here.
    pub gone: u64,
    /// Purged records that are in a file and are as the ledger says.
    pub purged_compared: u64,
    /// Purged records that are in a file of an output, and of which no JSON file says what they were.
    pub purged_found: u64,
}

/// A record that the ledger names and that the spool does not have any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PurgedRecord {
    pub sequence: u64,
    pub sum: u64,
    pub id: QueueId,
}

/// Which records are looked for.
pub(super) struct Sought {
    pub period: Period,
    /// The first and the last number that the ledger names in the period.
    pub first: u64,
    pub last: u64,
    /// Of the whole stream, from before anything was looked at.
    pub last_record: u64,
    /// In the order of their numbers.
    pub purged: Vec<PurgedRecord>,
}

impl Sought {
    fn purged(&self, sequence: u64) -> Option<PurgedRecord> {
        let at = self.purged.binary_search_by_key(&sequence, |purged| purged.sequence);
        at.ok().map(|at| self.purged[at])
    }
}

/// Sets the files of every output against the records of a period.
///
/// # Errors
/// The spool cannot be read. What is wrong with a file is a finding.
pub(super) fn check(
    files: Files<'_>,
    sought: &Sought,
    find: &mut dyn FnMut(&Finding),
) -> Result<FilesSummary, SpoolError> {
    // Marks first: whatever they have passed is in a file by now.
    let mut accounts = Vec::new();
    for options in files.outputs {
        accounts.push(OutputAccount::open(files, options, sought.last_record)?);
    }
    // JSON says of purged records what they were.
    accounts.sort_by_key(|account| account.options.format != Format::Json);
    let mut expected: Vec<Expectations> = accounts.iter().map(|_| Expectations::of(sought)).collect();
    expect_rows(files.stream, sought, &accounts, &mut expected)?;
    let mut summary = FilesSummary::default();
    let mut compared = BTreeSet::new();
    for at in 0..accounts.len() {
        let options: Vec<&OutputOptions> = accounts.iter().map(|account| account.options).collect();
        let mut learn = |octets: &[u8], sequence: u64, expected: &mut [Expectations]| {
            let known = learn(octets, sequence, sought, &options, expected);
            if known {
                compared.insert(sequence);
            }
            known
        };
        accounts[at].read(at, &mut expected, &mut learn, &mut summary);
    }
    for (account, expected) in accounts.iter_mut().zip(&expected) {
        account.conclude(files.stream, sought, expected, find)?;
        summary.purged_found += account.found_only;
    }
    summary.purged_compared = compared.len() as u64;
    Ok(summary)
}

/// What is in the spool says what must be in the files.
fn expect_rows(
    stream: &StreamReader,
    sought: &Sought,
    accounts: &[OutputAccount<'_>],
    expected: &mut [Expectations],
) -> Result<(), SpoolError> {
    let mut after = sought.first.saturating_sub(1);
    loop {
        let rows = stream.records(after, PAGE)?;
        for row in &rows {
            after = row.sequence;
            let message = row.id.message();
            if message >= sought.period.from && message < sought.period.to {
                for (account, expected) in accounts.iter().zip(&mut *expected) {
                    expected.set(row.sequence, expected_of(account.options, row));
                }
            }
        }
        if rows.len() < PAGE || after >= sought.last {
            return Ok(());
        }
    }
}

/// Filters may have changed since a file was written: what an output is not asked for now may be there, or not.
fn expected_of(options: &OutputOptions, row: &Recorded) -> Expected {
    match options.form_of(row) {
        Form::Octets(octets) => Expected::octets(&octets),
        Form::Impossible(_) => Expected::SetAside,
        Form::Unwanted | Form::LeftOut => Expected::NotAsked,
    }
}

/// From a line of JSON that is the purged record by the ledger's checksum: what every output must have of it.
fn learn(
    line: &[u8],
    sequence: u64,
    sought: &Sought,
    outputs: &[&OutputOptions],
    expected: &mut [Expectations],
) -> bool {
    let Some(row) = written::recorded(line) else {
        return false;
    };
    let Some(purged) = sought.purged(sequence) else {
        return false;
    };
    let sum = record_sum(
        row.sequence,
        row.recorded_at,
        &row.plugin,
        &row.version,
        &record_text(&row.record),
    );
    if (row.id, sum) != (purged.id, purged.sum) {
        return false;
    }
    for (options, expected) in outputs.iter().zip(expected) {
        expected.set(sequence, expected_of(options, &row));
    }
    true
}

/// The message that a record belongs to.
fn owner(stream: &StreamReader, sought: &Sought, sequence: u64) -> Result<Option<QueueId>, SpoolError> {
    if let Some(purged) = sought.purged(sequence) {
        return Ok(Some(purged.id));
    }
    Ok(row(stream, sequence)?.map(|row| row.id))
}

fn row(stream: &StreamReader, sequence: u64) -> Result<Option<Recorded>, SpoolError> {
    let rows = stream.records(sequence.saturating_sub(1), 1)?;
    Ok(rows.into_iter().find(|row| row.sequence == sequence))
}

/// A finding about a file, or a record in it.
fn finding(kind: Kind, file: &str, text: String) -> Finding {
    Finding {
        kind,
        id: None,
        record: None,
        file: Some(file.to_owned()),
        place: None,
        text,
    }
}
