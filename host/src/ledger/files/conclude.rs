//! What one output's files lack, and what they contain in excess, reported once everything was read.

use std::collections::{BTreeMap, BTreeSet};

use super::account::OutputAccount;
use super::differences::differences;
use super::expected::{Expectations, Expected};
use super::{Sought, finding, owner, row};
use crate::charging::{Form, Format};
use crate::ledger::finding::{Finding, Kind};
use crate::spool::{SpoolError, StreamReader};

impl OutputAccount<'_> {
    /// Reports everything that is wrong, after all files were read.
    pub fn conclude(
        &mut self,
        stream: &StreamReader,
        sought: &Sought,
        expected: &Expectations,
        find: &mut dyn FnMut(&Finding),
    ) -> Result<(), SpoolError> {
        self.name_others(stream, sought)?;
        self.name_missing(stream, sought, expected)?;
        let named: BTreeSet<&String> = self.findings.iter().filter_map(|found| found.file.as_ref()).collect();
        let wrong = self.wrong.iter().filter(|(file, _)| !named.contains(file));
        // When records of a file are reported, its header cannot be right either.
        let damaged: Vec<Finding> = wrong
            .map(|(file, text)| finding(Kind::FileDamaged, file, text.clone()))
            .collect();
        self.findings.extend(damaged);
        for found in &mut self.findings {
            if let (Some(sequence), None) = (found.record, found.id) {
                found.id = owner(stream, sought, sequence)?;
            }
            find(found);
        }
        Ok(())
    }

    fn name_others(&mut self, stream: &StreamReader, sought: &Sought) -> Result<(), SpoolError> {
        for other in std::mem::take(&mut self.others) {
            let sequence = other.sequence;
            let row = row(stream, sequence)?;
            if row
                .as_ref()
                .is_some_and(|row| self.options.form_of(row) == Form::Octets(other.octets.clone()))
            {
                // The record was written since the check began.
                continue;
            }
            let (kind, text) = if self.seen.has(sequence) {
                let place = self.file_of(sequence).unwrap_or("another place");
                let text = format!("it says that it is record {sequence}, which is in {place} as it was written");
                (Kind::FileRecordChanged, text)
            } else if let Some(row) = &row {
                let differs = differences(self.options, &other.octets, row);
                (
                    Kind::FileRecordChanged,
                    format!("record {sequence} is not as it was written: {differs}"),
                )
            } else if sought.purged(sequence).is_some() {
                let by = match self.options.format {
                    Format::Json => "by the ledger's checksum of it",
                    Format::Ber | Format::Csv => "by what a file in JSON says of it",
                };
                let text = format!("record {sequence} is not as it was written, {by}");
                (Kind::FileRecordChanged, text)
            } else {
                let text = format!("it says that it is record {sequence}, which was never written");
                (Kind::FileRecordUnknown, text)
            };
            self.seen.add(sequence);
            let found = finding(kind, &other.file, text).about_record(sequence);
            self.findings.push(Finding {
                place: Some(other.place),
                ..found
            });
        }
        Ok(())
    }

    fn name_missing(
        &mut self,
        stream: &StreamReader,
        sought: &Sought,
        expected: &Expectations,
    ) -> Result<(), SpoolError> {
        let set_aside = self.options.set_aside().unwrap_or_default();
        for sequence in self.missing(expected, &set_aside) {
            let is_set_aside = expected.get(sequence) == Expected::SetAside || set_aside.contains_key(&sequence);
            let mut found = match is_set_aside {
                true => self.set_aside(sequence, set_aside.get(&sequence)),
                false => {
                    let (file, output) = (self.belongs_into(sequence), &self.options.name);
                    let text = format!("record {sequence} is in no file of output {output}: it belongs into this one");
                    finding(Kind::FileRecordMissing, &file, text)
                }
            };
            found.id = owner(stream, sought, sequence)?;
            self.findings.push(found.about_record(sequence));
        }
        Ok(())
    }

    /// The records that should be in the existing files, and are not.
    fn missing(&self, expected: &Expectations, set_aside: &BTreeMap<u64, String>) -> Vec<u64> {
        let Some((from, to)) = self.covered() else {
            return Vec::new();
        };
        let first_read = self.runs.first().map_or(u64::MAX, |run| run.first);
        let is_excused = |sequence| {
            let mut excused = self.excused.iter();
            excused.any(|(first, last)| *first <= sequence && sequence <= *last)
        };
        let is_due = |sequence, expected| match expected {
            _ if set_aside.contains_key(&sequence) => true,
            // For purged records the output's filters cannot be applied, unless it takes everything.
            Expected::Unknown => self.options.takes_all() && sequence > first_read && !is_excused(sequence),
            _ => sequence >= from && !is_excused(sequence),
        };
        let missing = expected.each().filter(|(sequence, expected)| {
            *sequence <= to && is_due(*sequence, *expected) && !self.seen.has(*sequence)
        });
        missing.map(|(sequence, _)| sequence).collect()
    }

    fn set_aside(&self, sequence: u64, why: Option<&String>) -> Finding {
        let path = self.options.set_aside_file();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let output = &self.options.name;
        let text = match why {
            Some(why) => format!("record {sequence} cannot be written by output {output} and is set aside here: {why}"),
            None => format!("record {sequence} cannot be written by output {output}, and is not here either"),
        };
        finding(Kind::RecordSetAside, &file, text)
    }

    /// The first and the last record that the existing files must contain; `None` when all files were fetched.
    fn covered(&self) -> Option<(u64, u64)> {
        let files = self.files.as_ref().ok()?;
        let begins = self.mark.file == 0 || files.iter().find_map(|file| file.number) == Some(1);
        let from = match self.runs.first() {
            _ if begins => 0,
            Some(run) => run.first,
            None => return None,
        };
        let last = self.runs.iter().map(|run| run.last).max().unwrap_or_default();
        Some((from, last.max(self.mark.sequence)))
    }

    /// The file to which a missing record belongs. Between two files, the one whose header is wrong.
    fn belongs_into(&self, sequence: u64) -> String {
        let behind = self.runs.partition_point(|run| run.first <= sequence);
        let before = behind.checked_sub(1).and_then(|at| self.runs.get(at));
        let next = self.runs.get(behind);
        let within = before.filter(|run| sequence <= run.last);
        let wrong = || {
            let mut beside = before.into_iter().chain(next);
            beside.find(|run| self.wrong.contains_key(&run.file))
        };
        let run = within.or_else(wrong).or(before).or(next);
        run.map_or_else(|| self.options.name.clone(), |run| run.file.clone())
    }
}
