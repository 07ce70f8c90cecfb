//! Records that an output cannot write. They are set aside in a file beside its own, and the output goes on.
//!
//! `NAME.set-aside.jsonl` has a line for each: the record as `cdr export` writes it, and `set-aside-because`. A line is
//! on the disk before the output's mark can pass the record, and occurs once, whatever is repeated after a crash.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use serde_json::Value;

use super::options::OutputOptions;
use super::written::sequence_of_line;
use super::{export_line, json_line};
use crate::message::Visible;
use crate::spool::Recorded;

/// The field with the reason, in one line.
const BECAUSE: &str = "set-aside-because";

impl OutputOptions {
    pub fn set_aside_file(&self) -> PathBuf {
        self.folder.join(format!("{}.set-aside.jsonl", self.name))
    }

    /// The numbers of the records that were set aside, each with the reason.
    pub fn set_aside(&self) -> io::Result<BTreeMap<u64, String>> {
        let text = match fs::read(self.set_aside_file()) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(error),
        };
        let lines = text.split(|octet| *octet == b'\n');
        // A line that a crash cut off was written again behind it.
        let whole = lines.filter_map(|line| {
            let value: Value = serde_json::from_slice(line).ok()?;
            let why = value.get(BECAUSE).and_then(Value::as_str).unwrap_or_default();
            Some((sequence_of_line(line)?, why.to_owned()))
        });
        Ok(whole.collect())
    }

    /// Sets a record aside durably, unless it is there already.
    pub(super) fn set_aside_one(&self, row: &Recorded, why: &str) -> io::Result<()> {
        let path = self.set_aside_file();
        let mut line = serde_json::to_value(export_line(row))?;
        line[BECAUSE] = why.into();
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(&path)?;
        let end = if is_cut(&mut file)? { &b"\n"[..] } else { b"" };
        file.write_all(&[end, &json_line(&line)?].concat())?;
        file.sync_all()?;
        File::open(&self.folder)?.sync_all()?;
        tracing::error!(
            output = %self.name,
            record = row.sequence,
            event = "charging-record-set-aside",
            "a charging record cannot be written and was set aside in {}: {}",
            path.display(),
            Visible(why)
        );
        Ok(())
    }
}

/// Whether a crash has left an incomplete line.
fn is_cut(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
