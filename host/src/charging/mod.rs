//! Charging records on their way out of the spool.
//!
//! - `record`: a record as the encoders see it
//! - [`ber`], [`mod@file`], [`csv`]: records of TS 32.298, in files of TS 32.297; comma-separated values
//! - `options`: what an output writes, and the form of a record in it
//! - [`output`]: files that are written while the relay runs
//! - `pages`: the records, read once for all outputs
//! - [`written`]: the same files, read back
//! - `set_aside`: records that an output cannot write
//! - [`folder`]: closed files, marks of those that were fetched, and requests to close
//! - [`export`]: one JSON object a line, for the command `cdr export`

pub mod ber;
pub mod csv;
pub mod file;
pub mod folder;
mod marked;
mod options;
pub mod output;
mod pages;
mod record;
mod set_aside;
pub mod written;

use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::clock::rfc3339;
use crate::message::visible_json;
use crate::spool::{Recorded, StreamReader};

pub use self::marked::{MarkedExport, READER};
pub use self::options::{Form, Format, OutputOptions};
pub use self::pages::RecordPages;
pub use self::record::{Fields, Record};

/// How many rows are read at once: what is in memory, besides a buffer for each file.
const BATCH: usize = 1000;

/// Writes every record after `after`, in order. Returns the last sequence number written, or `after` when there was
/// none.
///
/// Each line has `sequence` (from 1, without gaps, in the order of the commits), `recorded-at` (RFC 3339), `relay-id`
/// (the message's id in the relay, with the destination's ordinal), `plugin`, `plugin-version`, and the plug-in's
/// record.
pub fn export(spool: &StreamReader, mut after: u64, out: &mut impl Write) -> anyhow::Result<u64> {
    loop {
        let rows = spool.records(after, BATCH)?;
        for row in &rows {
            out.write_all(&json(row)?)?;
            after = row.sequence;
        }
        if rows.len() < BATCH {
            out.flush()?;
            return Ok(after);
        }
    }
}

/// A record as one line of JSON, with its line end.
pub fn json(row: &Recorded) -> io::Result<Vec<u8>> {
    json_line(&export_line(row))
}

fn json_line(of: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = visible_json(&serde_json::to_string(of)?).into_owned();
    line.push('\n');
    Ok(line.into_bytes())
}

/// The host's fields come first, for people who read the lines.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Line<'a> {
    sequence: u64,
    recorded_at: String,
    relay_id: String,
    plugin: &'a str,
    plugin_version: &'a str,
    #[serde(flatten)]
    record: Said<'a>,
}

/// The fields of a record that have a value.
struct Said<'a>(&'a Value);

impl Serialize for Said<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => to.collect_map(fields.iter().filter(|(_, value)| !value.is_null())),
            other => to.collect_map([("record", other)]),
        }
    }
}

fn export_line(row: &Recorded) -> Line<'_> {
    Line {
        sequence: row.sequence,
        recorded_at: rfc3339(row.recorded_at),
        relay_id: row.id.to_string(),
        plugin: &row.plugin,
        plugin_version: &row.version,
        record: Said(&row.record),
    }
}
