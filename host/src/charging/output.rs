//! Files with charging records, written while the relay runs.
//!
//! A file is called `NAME-NUMBER.EXTENSION.part` while it is written. It is closed by size, count, age, or when the
//! relay stops: it is flushed, renamed to `NAME-NUMBER.EXTENSION`, the folder is flushed, and then the output's mark in
//! the spool moves: to the last record that it has passed, and the number of the file. After that the file never
//! changes.
//!
//! **Exactly once.** Records wait in the spool, numbered without gaps, until the marks of all outputs have passed them.
//! After a crash, a `.part` file is worthless: the same records are written again, into a file of the same number. If
//! the crash came between the rename and the mark, the file with the next number exists already, and its last record
//! says how far the mark goes ([`Output::resume`]).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::file::{Closed, FileWriter};
use super::options::{Form, Format, OutputOptions};
use super::pages::{PagedRecord, RecordPages};
use super::record::zoned;
use super::written::last_sequence;
use super::{BATCH, csv};
use crate::message::Timestamp;
use crate::spool::{Mark, StreamReader};

/// One output, with the file that it is writing.
#[derive(Debug)]
pub struct Output {
    options: OutputOptions,
    mark: Mark,
    open: Option<Open>,
    /// The last record that was examined. It is ahead of the mark while a file is open.
    seen: u64,
    /// Records for which the format has no form, since the start.
    left_out: u64,
    /// Records that could not be written and were set aside, since the start.
    set_aside: u64,
    /// The numbers of all records that were set aside.
    aside: BTreeSet<u64>,
}

#[derive(Debug)]
struct Open {
    part: PathBuf,
    sink: Sink,
    records: u32,
    octets: u64,
    since: Timestamp,
}

enum Sink {
    Ber(FileWriter<BufWriter<File>>),
    Lines(BufWriter<File>),
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ber(_) => "Ber",
            Self::Lines(_) => "Lines",
        })
    }
}

/// An output's name among the readers of the stream.
pub fn reader(output: &str) -> String {
    format!("output:{output}")
}

impl Output {
    /// Continues from the mark, however the last run ended.
    ///
    /// # Errors
    /// The folder or the spool cannot be read, or a file that this output must have written is not readable.
    pub fn resume(options: OutputOptions, spool: &StreamReader) -> anyhow::Result<Self> {
        fs::create_dir_all(&options.folder)
            .with_context(|| format!("the folder {} cannot be made", options.folder.display()))?;
        let mut output = Self {
            mark: spool.mark(&reader(&options.name))?,
            aside: options
                .set_aside()
                .with_context(|| format!("{} cannot be read", options.set_aside_file().display()))?
                .into_keys()
                .collect(),
            options,
            open: None,
            seen: 0,
            left_out: 0,
            set_aside: 0,
        };
        let number = output.mark.file + 1;
        let (next, part) = (output.options.path(number), output.options.part(number));
        if part.exists() {
            fs::remove_file(&part).with_context(|| format!("{} cannot be removed", part.display()))?;
        }
        if next.exists() {
            let last = last_sequence(&next, output.options.format, number, output.mark.sequence)
                .with_context(|| format!("{} is in the way of the next file", next.display()))?;
            output.mark = Mark {
                sequence: last,
                file: number,
            };
            spool.set_mark(&reader(&output.options.name), output.mark)?;
        }
        output.seen = output.mark.sequence;
        Ok(output)
    }

    /// When the open file becomes old enough to be closed; `None` when none is open.
    pub fn closes_at(&self) -> Option<Timestamp> {
        let open = self.open.as_ref()?;
        Some(open.since.plus(self.options.max_age))
    }

    pub fn name(&self) -> &str {
        &self.options.name
    }

    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// Records that have no form in this format, and were left out since the start.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Records that could not be written and were set aside since the start.
    pub fn set_aside(&self) -> u64 {
        self.set_aside
    }

    /// Writes new records, and closes files that are full or old enough. Returns whether there may be more at once.
    ///
    /// After an error the open file is abandoned, and its records are written anew by the next call.
    pub fn step(&mut self, spool: &StreamReader, now: Timestamp) -> anyhow::Result<bool> {
        self.step_through(&mut RecordPages::of(spool), now)
    }

    /// The same, beside other outputs that go through the same records.
    pub fn step_through(&mut self, pages: &mut RecordPages<'_>, now: Timestamp) -> anyhow::Result<bool> {
        let done = self.try_step(pages, now);
        if done.is_err() {
            self.give_up();
        }
        done
    }

    /// Closes the open file, if there is one, because the relay stops or an operator asked for it.
    pub fn close(&mut self, spool: &StreamReader, closed: Closed) -> anyhow::Result<()> {
        let done = self.try_close(spool, closed);
        if done.is_err() {
            self.give_up();
        }
        done
    }

    fn try_step(&mut self, pages: &mut RecordPages<'_>, now: Timestamp) -> anyhow::Result<bool> {
        let (spool, rows) = (pages.stream(), pages.behind(self.seen)?);
        for row in rows.iter() {
            self.append(row, now)?;
            self.seen = row.stored.sequence;
            if let Some(open) = &self.open {
                if open.octets >= self.options.max_size {
                    self.try_close(spool, Closed::BySize)?;
                } else if open.records >= self.options.max_records {
                    self.try_close(spool, Closed::ByCount)?;
                }
            }
        }
        let age = |open: &Open| Duration::from_millis(now.0.saturating_sub(open.since.0));
        match &self.open {
            Some(open) if age(open) >= self.options.max_age => self.try_close(spool, Closed::ByTime)?,
            // None of these records was wanted: the mark may pass them, so that they can be purged.
            None if self.seen > self.mark.sequence => {
                self.mark.sequence = self.seen;
                spool.set_mark(&reader(&self.options.name), self.mark)?;
            }
            _ => {}
        }
        Ok(rows.len() == BATCH)
    }

    fn append(&mut self, row: &PagedRecord, now: Timestamp) -> anyhow::Result<()> {
        let octets = match self.options.form_of_row(row) {
            Form::Octets(octets) => octets,
            Form::Unwanted => return Ok(()),
            Form::LeftOut => {
                self.left_out += 1;
                return Ok(());
            }
            // Otherwise this record would stop all later ones for ever.
            Form::Impossible(why) => {
                let row = &row.stored;
                if !self.aside.contains(&row.sequence) {
                    let set_aside = self.options.set_aside_one(row, &why);
                    set_aside
                        .with_context(|| format!("{} cannot be written", self.options.set_aside_file().display()))?;
                    self.aside.insert(row.sequence);
                    self.set_aside += 1;
                }
                return Ok(());
            }
        };
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(Open::begin(
                self.options.part(self.mark.file + 1),
                self.options.format,
                self.mark.file + 1,
                now,
            )?),
        };
        match &mut open.sink {
            Sink::Ber(writer) => {
                writer.append(&octets, zoned(now))?;
                open.octets = writer.octets();
            }
            Sink::Lines(writer) => {
                writer.write_all(&octets)?;
                open.octets += octets.len() as u64;
            }
        }
        open.records += 1;
        Ok(())
    }

    fn try_close(&mut self, spool: &StreamReader, closed: Closed) -> anyhow::Result<()> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let path = self.options.path(self.mark.file + 1);
        let file = match open.sink {
            Sink::Ber(writer) => writer.finish(closed)?.into_inner(),
            Sink::Lines(writer) => writer.into_inner(),
        };
        file.map_err(|error| error.into_error())?.sync_all()?;
        fs::rename(&open.part, &path).with_context(|| format!("{} cannot be put in place", path.display()))?;
        File::open(&self.options.folder)?.sync_all()?;
        // The file exists from here on, and the mark follows. `resume` handles a crash in between.
        let mark = Mark {
            sequence: self.seen,
            file: self.mark.file + 1,
        };
        spool.set_mark(&reader(&self.options.name), mark)?;
        self.mark = mark;
        Ok(())
    }

    fn give_up(&mut self) {
        if let Some(open) = self.open.take() {
            // The next file has the same name, and begins anew.
            let _ = fs::remove_file(&open.part);
        }
        self.seen = self.mark.sequence;
    }
}

impl Open {
    fn begin(part: PathBuf, format: Format, number: u32, now: Timestamp) -> anyhow::Result<Self> {
        let file = File::create(&part).with_context(|| format!("{} cannot be made", part.display()))?;
        let mut out = BufWriter::new(file);
        let sink = match format {
            Format::Ber => Sink::Ber(FileWriter::begin(out, number, zoned(now))?),
            Format::Json => Sink::Lines(out),
            Format::Csv => {
                csv::header(&mut out)?;
                Sink::Lines(out)
            }
        };
        Ok(Self {
            part,
            sink,
            records: 0,
            octets: 0,
            since: now,
        })
    }
}

#[cfg(test)]
mod tests;
