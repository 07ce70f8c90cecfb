//! One output's files, read and compared with what must be in them.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

use super::expected::{Expectations, Expected};
use super::listing::{self, ListedFile};
use super::{Files, FilesSummary, finding};
use crate::charging::output::reader;
use crate::charging::written::{ReadBack, read_back};
use crate::charging::{Format, OutputOptions};
use crate::ledger::finding::{Finding, Kind};
use crate::ledger::numbers::Numbers;
use crate::spool::{Mark, SpoolError};

/// Takes a line of JSON for a purged record; returns whether it is that record.
pub(super) type Learn<'a> = dyn FnMut(&[u8], u64, &mut [Expectations]) -> bool + 'a;

/// What is known of one output.
pub(super) struct OutputAccount<'a> {
    pub options: &'a OutputOptions,
    /// The output's mark, read before the files were listed: what it has passed is in the files.
    pub(super) mark: Mark,
    last_record: u64,
    pub(super) files: io::Result<Vec<ListedFile>>,
    /// Records that are in the files as expected, or at all where nothing more is known.
    pub(super) seen: Numbers,
    /// The first and last record of each file.
    pub(super) runs: Vec<Run>,
    /// Records that are in the files, and differ from what is expected.
    pub(super) others: Vec<Other>,
    /// Ranges of records that cannot be expected, because the place where they were is unreadable. First and last.
    pub(super) excused: Vec<(u64, u64)>,
    /// The last record before such a place.
    lost_behind: Option<u64>,
    pub(super) findings: Vec<Finding>,
    /// What is wrong with a file as a whole.
    pub(super) wrong: BTreeMap<String, String>,
    /// Purged records in the files that cannot be compared.
    pub found_only: u64,
}

pub(super) struct Run {
    pub file: String,
    pub first: u64,
    pub last: u64,
}

pub(super) struct Other {
    pub file: String,
    pub place: u32,
    pub sequence: u64,
    pub octets: Vec<u8>,
}

impl<'a> OutputAccount<'a> {
    /// `last_record` is the last of the stream, read before this call.
    pub fn open(files: Files<'_>, options: &'a OutputOptions, last_record: u64) -> Result<Self, SpoolError> {
        let reader = reader(&options.name);
        let mark = files.stream.mark(&reader)?;
        let listed = listing::list(options, files.fetched, mark);
        let now = files.stream.mark(&reader)?;
        let mut account = Self {
            options,
            mark,
            last_record,
            files: listed,
            seen: Numbers::default(),
            runs: Vec::new(),
            others: Vec::new(),
            excused: Vec::new(),
            lost_behind: None,
            findings: Vec::new(),
            wrong: BTreeMap::new(),
            found_only: 0,
        };
        account.files_of_nobody(now);
        Ok(account)
    }

    /// One file may have been closed since the mark was read, but not two.
    fn files_of_nobody(&mut self, now: Mark) {
        let Ok(files) = &mut self.files else { return };
        let of_nobody = |file: &ListedFile| file.number.is_some_and(|number| number > now.file + 1);
        for file in files.extract_if(.., |file| of_nobody(file)) {
            let text = format!(
                "output {} has closed {} files, and did not write this one",
                self.options.name, now.file
            );
            self.findings.push(finding(Kind::FileUnknown, &file.name(), text));
        }
    }

    pub fn read(
        &mut self,
        at: usize,
        expected: &mut [Expectations],
        learn: &mut Learn<'_>,
        summary: &mut FilesSummary,
    ) {
        let files = match std::mem::replace(&mut self.files, Ok(Vec::new())) {
            Ok(files) => files,
            Err(error) => {
                let text = format!("the files of output {} cannot be listed: {error}", self.options.name);
                let folder = self.options.folder.display().to_string();
                return self.findings.push(finding(Kind::FileDamaged, &folder, text));
            }
        };
        let first = files.iter().find_map(|file| file.number);
        summary.gone += u64::from(first.map_or(self.mark.file, |first| first.saturating_sub(1)));
        let mut next = first;
        for file in &files {
            while let (Some(missing), Some(number)) = (next, file.number)
                && missing < number
            {
                self.missing_file(missing);
                next = Some(missing + 1);
            }
            self.read_file(file, (at, &mut *expected), learn, summary);
            next = file.number.map(|number| number + 1).or(next);
        }
        while let Some(missing) = next
            && missing <= self.mark.file
        {
            self.missing_file(missing);
            next = Some(missing + 1);
        }
        if let Some(before) = self.lost_behind.take() {
            self.excused.push((before + 1, u64::MAX));
        }
        self.files = Ok(files);
    }

    fn missing_file(&mut self, number: u32) {
        let path = self.options.path(number);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = "it is not there, and files behind it are or were: its records are in no file";
        self.findings.push(finding(Kind::FileMissing, &name, text.to_owned()));
        self.lose();
    }

    /// Notes that records after the last readable one may be lost.
    fn lose(&mut self) {
        let last = self.runs.last().map_or(0, |run| run.last);
        self.lost_behind.get_or_insert(last);
    }

    fn read_file(
        &mut self,
        file: &ListedFile,
        (at, expected): (usize, &mut [Expectations]),
        learn: &mut Learn<'_>,
        summary: &mut FilesSummary,
    ) {
        let name = file.name();
        let (near, format) = (self.mark.sequence, self.options.format);
        let mut records = 0;
        let read = read_back(&file.path, format, file.number, near, &mut |place, record| {
            records = place;
            match record {
                Ok(record) => self.enter(&name, place, record, (at, &mut *expected), learn),
                Err(why) => {
                    let text = format!("record {place} of the file cannot be read: {why}");
                    let found = finding(Kind::FileDamaged, &name, text);
                    self.findings.push(Finding {
                        place: Some(place),
                        ..found
                    });
                    self.lose();
                }
            }
        });
        match read {
            Ok(whole) => {
                summary.files += 1;
                summary.records += u64::from(records);
                if !whole.wrong.is_empty() {
                    self.wrong.insert(name, whole.wrong.join("; "));
                }
                if whole.is_cut {
                    self.lose();
                }
            }
            // The file was closed, or fetched, since the files were listed.
            Err(error) if error.kind() == ErrorKind::NotFound && (file.number.is_none() || self.runs.is_empty()) => {}
            Err(error) => {
                let text = format!("it cannot be read: {error}");
                self.findings.push(finding(Kind::FileDamaged, &name, text));
                self.lose();
            }
        }
    }

    fn enter(
        &mut self,
        file: &str,
        place: u32,
        record: ReadBack<'_>,
        (at, expected): (usize, &mut [Expectations]),
        learn: &mut Learn<'_>,
    ) {
        let sequence = record.sequence;
        let wanted = expected[at].get(sequence);
        let is_right = sequence <= self.last_record
            && match wanted {
                Expected::Sum(_) => record.other_version || Expected::octets(record.octets) == wanted,
                Expected::NotAsked | Expected::SetAside => true,
                Expected::Unknown if self.options.format == Format::Json => learn(record.octets, sequence, expected),
                Expected::Unknown => {
                    self.found_only += 1;
                    true
                }
            };
        if !is_right {
            return self.others.push(Other {
                file: file.to_owned(),
                place,
                sequence,
                octets: record.octets.to_vec(),
            });
        }
        if !self.seen.add(sequence) {
            let first = self.file_of(sequence).unwrap_or(file);
            let text = format!("record {sequence} is a second time in the files of this output, and stands in {first}");
            let found = finding(Kind::FileRecordDoubled, file, text).about_record(sequence);
            return self.findings.push(Finding {
                place: Some(place),
                ..found
            });
        }
        if let Some(before) = self.lost_behind.take() {
            self.excused.push((before + 1, sequence.saturating_sub(1)));
        }
        match self.runs.last_mut().filter(|run| run.file == file) {
            Some(run) => (run.first, run.last) = (run.first.min(sequence), run.last.max(sequence)),
            None => self.runs.push(Run {
                file: file.to_owned(),
                first: sequence,
                last: sequence,
            }),
        }
    }

    pub(super) fn file_of(&self, sequence: u64) -> Option<&str> {
        let run = self
            .runs
            .iter()
            .find(|run| run.first <= sequence && sequence <= run.last);
        run.map(|run| run.file.as_str())
    }
}
