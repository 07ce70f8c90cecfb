//! The files of the outputs, compared with the records: each record that an output has passed is in one of its files,
//! once, as it was written, and no file is missing between two others.
//!
//! - `expected`: what an output must contain, record by record
//! - `listing`: which files an output has, and which are missing
//! - `account`, `conclude`: one output's files, compared with that, and the findings
//! - `differences`: how a changed record differs
//!
//! A purged record is compared with the ledger's checksum of it where an output has it as JSON, which contains all of
//! it. The other outputs are then compared with the content of the JSON. Purged records that no JSON file has are only
//! counted.

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
use crate::spool::ledger::{NO_NUMBER, record_sum, record_text};
use crate::spool::{Recorded, SpoolError, StreamReader};

/// Rows that are read at once.
const PAGE: usize = 1000;

/// Where the files of charging records are.
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
    /// The number of records in them, of any time.
    pub records: u64,
    /// Files before the first existing one: they were fetched, and cannot be read here.
    pub gone: u64,
    /// Purged records that are in a file and agree with the ledger.
    pub purged_compared: u64,
    /// Purged records that are in a file of an output, and whose content no JSON file has.
    pub purged_found: u64,
}

/// A record that the ledger names and that was purged from the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PurgedRecord {
    pub sequence: u64,
    pub sum: u64,
    pub id: QueueId,
}

/// The records to look for.
pub(super) struct Sought {
    pub period: Period,
    /// The first and the last number that the ledger names in the period.
    pub first: u64,
    pub last: u64,
    /// The last number of the whole stream, read before anything else.
    pub last_record: u64,
    /// In the order of their numbers.
    pub purged: Vec<PurgedRecord>,
    /// See [`LedgerBounds`](crate::spool::ledger::LedgerBounds).
    pub sums_with_numbers: bool,
}

impl Sought {
    fn purged(&self, sequence: u64) -> Option<PurgedRecord> {
        let at = self.purged.binary_search_by_key(&sequence, |purged| purged.sequence);
        at.ok().map(|at| self.purged[at])
    }
}

/// Compares the files of every output with the records of a period.
///
/// # Errors
/// The spool cannot be read. Errors in a file are findings.
pub(super) fn check(
    files: Files<'_>,
    sought: &Sought,
    find: &mut dyn FnMut(&Finding),
) -> Result<FilesSummary, SpoolError> {
    // Marks are read first: everything that they have passed is in a file by now.
    let mut accounts = Vec::new();
    for options in files.outputs {
        accounts.push(OutputAccount::open(files, options, sought.last_record)?);
    }
    // JSON comes first, because it has the content of purged records.
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

/// Derives from the records in the spool what the files must contain.
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

/// What an output must contain of a record. Filters may have changed since a file was written, so a record that they
/// exclude now may be there, or not.
fn expected_of(options: &OutputOptions, row: &Recorded) -> Expected {
    match options.form_of(row) {
        Form::Octets(octets) => Expected::octets(&octets),
        Form::Impossible(_) => Expected::SetAside,
        Form::Unwanted | Form::LeftOut => Expected::NotAsked,
    }
}

/// Takes a line of JSON whose checksum is that of a purged record, and derives what every output must contain of it.
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
    let number = if sought.sums_with_numbers {
        row.sequence
    } else {
        NO_NUMBER
    };
    let sum = record_sum(
        number,
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
