//! Files with charging records, written while the relay runs.
//!
//! A file is `NAME-NUMBER.EXTENSION.part` while it is written. It is closed by size, count, age, or when the relay stops:
//! flushed, renamed to `NAME-NUMBER.EXTENSION`, the folder flushed, and then the output's mark in the spool moves: the last
//! record that it has passed, and the number of the file. After that the file never changes.
//!
//! **Exactly once.** Records wait in the spool, numbered without gaps, until every output's mark has passed them. After a
//! crash, a `.part` file is worth nothing: the same records are written again, into a file of the same number. If the
//! crash came between the rename and the mark, the file with the next number is there already: its last record says how
//! far the mark goes ([`Output::resume`]).

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use mm4relay_engine::RecordType;

use super::file::{Closed, FileWriter};
use super::record::zoned;
use super::{Record, ber, csv, json};
use crate::message::{Choice, PeerName, Timestamp};
use crate::spool::{Mark, Recorded, StreamReader};

/// Records that are read at once. What is in memory at a time is this much and one file's buffer.
const BATCH: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Ber,
    Json,
    Csv,
}

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Self::Ber => "cdr",
            Self::Json => "jsonl",
            Self::Csv => "csv",
        }
    }
}

#[derive(Clone, Debug)]
pub struct OutputOptions {
    pub name: String,
    pub folder: PathBuf,
    pub format: Format,
    /// Only records of these types; empty: all.
    pub record_types: Vec<RecordType>,
    /// Only records with one of these as source or destination; empty: all.
    pub peers: Vec<PeerName>,
    /// When a file is closed.
    pub max_size: u64,
    pub max_records: u32,
    pub max_age: Duration,
}

impl OutputOptions {
    /// Whether a file of that name is a closed one of this output.
    pub fn is_file_of(&self, name: &Path) -> bool {
        let stem = name.file_stem().and_then(|stem| stem.to_str());
        let number = stem.and_then(|stem| stem.strip_prefix(self.name.as_str())?.strip_prefix('-'));
        name.extension()
            .is_some_and(|extension| extension == self.format.extension())
            && number.is_some_and(|number| number.len() >= 8 && number.bytes().all(|octet| octet.is_ascii_digit()))
    }
}

/// One output, with the file that it writes at the moment.
#[derive(Debug)]
pub struct Output {
    options: OutputOptions,
    mark: Mark,
    open: Option<Open>,
    /// The last record that was looked at. Beyond the mark while a file is open.
    seen: u64,
    /// Records that the format has no form for, since the start.
    left_out: u64,
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
    /// Goes on where the mark says, after whatever ended the last run.
    ///
    /// # Errors
    /// The folder or the spool cannot be read, or a file that this output must have written is not readable.
    pub fn resume(options: OutputOptions, spool: &StreamReader) -> anyhow::Result<Self> {
        fs::create_dir_all(&options.folder)
            .with_context(|| format!("the folder {} cannot be made", options.folder.display()))?;
        let mut output = Self {
            mark: spool.mark(&reader(&options.name))?,
            options,
            open: None,
            seen: 0,
            left_out: 0,
        };
        let next = output.path(output.mark.file + 1);
        let part = part_of(&next);
        if part.exists() {
            fs::remove_file(&part).with_context(|| format!("{} cannot be removed", part.display()))?;
        }
        if next.exists() {
            let last = last_sequence(&next, output.options.format, output.mark.sequence)
                .with_context(|| format!("{} is in the way of the next file", next.display()))?;
            output.mark = Mark {
                sequence: last,
                file: output.mark.file + 1,
            };
            spool.set_mark(&reader(&output.options.name), output.mark)?;
        }
        output.seen = output.mark.sequence;
        Ok(output)
    }

    /// When its open file is old enough to be closed; `None` when none is open.
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

    /// Writes what is new, and closes files that are full or old enough. Says whether more may be there at once.
    ///
    /// After an error the file that was open is given up, and its records are written anew by the next call.
    pub fn step(&mut self, spool: &StreamReader, now: Timestamp) -> anyhow::Result<bool> {
        let done = self.try_step(spool, now);
        if done.is_err() {
            self.give_up();
        }
        done
    }

    /// Closes the file that is open, if there is one: because the relay stops, or an operator asked.
    pub fn close(&mut self, spool: &StreamReader, closed: Closed) -> anyhow::Result<()> {
        let done = self.try_close(spool, closed);
        if done.is_err() {
            self.give_up();
        }
        done
    }

    fn try_step(&mut self, spool: &StreamReader, now: Timestamp) -> anyhow::Result<bool> {
        let rows = spool.records(self.seen, BATCH)?;
        for row in &rows {
            if self.is_wanted(row) {
                self.append(row, now)?;
            }
            self.seen = row.sequence;
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
            // Nothing of these was wanted: the mark may pass them, so that they can be purged.
            None if self.seen > self.mark.sequence => {
                self.mark.sequence = self.seen;
                spool.set_mark(&reader(&self.options.name), self.mark)?;
            }
            _ => {}
        }
        Ok(rows.len() == BATCH)
    }

    fn is_wanted(&self, row: &Recorded) -> bool {
        let text = |key: &str| row.record.get(key).and_then(|value| value.as_str());
        let types = &self.options.record_types;
        let of_type =
            types.is_empty() || text("record-type").is_some_and(|word| types.iter().any(|one| one.word() == word));
        let peers = &self.options.peers;
        let is_theirs = |key| text(key).is_some_and(|name| peers.iter().any(|peer| peer.as_str() == name));
        of_type && (peers.is_empty() || is_theirs("source-peer") || is_theirs("destination-peer"))
    }

    fn append(&mut self, row: &Recorded, now: Timestamp) -> anyhow::Result<()> {
        let record = Record::of(row).with_context(|| format!("charging record {} cannot be read", row.sequence))?;
        let Some(octets) = encoded(&record, row, self.options.format)? else {
            self.left_out += 1;
            return Ok(());
        };
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(Open::begin(
                part_of(&path(&self.options, self.mark.file + 1)),
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
        let path = self.path(self.mark.file + 1);
        let file = match open.sink {
            Sink::Ber(writer) => writer.finish(closed)?.into_inner(),
            Sink::Lines(writer) => writer.into_inner(),
        };
        file.map_err(|error| error.into_error())?.sync_all()?;
        fs::rename(&open.part, &path).with_context(|| format!("{} cannot be put in place", path.display()))?;
        File::open(&self.options.folder)?.sync_all()?;
        // From here on the file is there. The mark follows; a crash in between is what `resume` looks for.
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

    fn path(&self, number: u32) -> PathBuf {
        path(&self.options, number)
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

/// The record's octets in that format; `None` when the format has no form for it.
fn encoded(record: &Record, row: &Recorded, format: Format) -> io::Result<Option<Vec<u8>>> {
    Ok(match format {
        Format::Ber => ber::encode(record),
        Format::Json => Some(json(row)?),
        Format::Csv => {
            let mut line = Vec::new();
            csv::line(record, &mut line)?;
            Some(line)
        }
    })
}

fn path(options: &OutputOptions, number: u32) -> PathBuf {
    let extension = options.format.extension();
    options.folder.join(format!("{}-{number:08}.{extension}", options.name))
}

fn part_of(path: &Path) -> PathBuf {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    part.into()
}

/// The number of the last record in a file that is complete. BER files have its last 32 bits only; `after` has the rest.
fn last_sequence(path: &Path, format: Format, after: u64) -> anyhow::Result<u64> {
    if format == Format::Ber {
        let mut last = None;
        super::file::read(&fs::read(path)?, |record| last = record.fields.last().cloned())?;
        let (_, number) = last.context("it has no record")?;
        let low: u64 = number.parse()?;
        let high = after & !0xffff_ffff;
        return Ok(if high | low > after {
            high | low
        } else {
            (high + (1 << 32)) | low
        });
    }
    let line = last_line(path)?;
    let sequence = match format {
        Format::Csv => line.split(',').next().and_then(|first| first.parse().ok()),
        _ => serde_json::from_str::<serde_json::Value>(&line)
            .ok()
            .and_then(|value| value.get("sequence")?.as_u64()),
    };
    sequence.context("its last line has no sequence number")
}

/// A line is far shorter than this: all strings of a record have 1 MiB at the most.
const LONGEST_LINE: u64 = 4 << 20;

fn last_line(path: &Path) -> anyhow::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST_LINE)))?;
    let mut octets = Vec::new();
    file.read_to_end(&mut octets)?;
    let text = String::from_utf8_lossy(&octets);
    let line = text.trim_end().rsplit('\n').next().unwrap_or_default();
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests;
