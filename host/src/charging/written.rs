//! Files of an output, read back record by record, as octets.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde_json::{Map, Value};

use super::options::Format;
use super::{ber, csv, file};
use crate::message::Timestamp;
use crate::spool::Recorded;

/// A record of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBack<'a> {
    /// Its number in the stream.
    pub sequence: u64,
    /// The octets in the file, with the line end in a format of lines.
    pub octets: &'a [u8],
    /// The file has other columns than this program writes.
    pub other_version: bool,
}

/// The state of a file as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// The number of records, readable or not.
    pub records: u32,
    /// Wrong statements in its header; or that the file ends in the middle of a record.
    pub wrong: Vec<String>,
    /// Octets that are no record follow the last one, so the number of records is unknown.
    pub is_cut: bool,
}

/// Calls `each` for every record of a file, numbered from 1, or with the reason why it cannot be read. `after` is the
/// number of a record before them, which is needed because BER has only the last 32 bits of a number. A file that is
/// still being written (`number` is `None`) has no header yet, and its last record may be incomplete: neither is
/// reported.
///
/// # Errors
/// The file cannot be opened or read.
pub fn read_back(
    path: &Path,
    format: Format,
    number: Option<u32>,
    after: u64,
    each: &mut dyn FnMut(u32, Result<ReadBack<'_>, String>),
) -> io::Result<Whole> {
    match format {
        Format::Ber => Ok(standard(&std::fs::read(path)?, number, after, each)),
        Format::Json | Format::Csv => lines(BufReader::new(File::open(path)?), format, number.is_none(), each),
    }
}

fn standard(
    octets: &[u8],
    number: Option<u32>,
    after: u64,
    each: &mut dyn FnMut(u32, Result<ReadBack<'_>, String>),
) -> Whole {
    let mut whole = Whole::default();
    let mut records = file::records_of(octets);
    for record in &mut records {
        whole.records += 1;
        let number = ber::local_sequence_number(record).map_err(|error| error.to_string());
        let sequence = number.and_then(|number| {
            let number = number.ok_or_else(|| "it has no sequence number".to_owned())?;
            Ok(full_sequence(number, after))
        });
        each(
            whole.records,
            sequence.map(|sequence| ReadBack {
                sequence,
                octets: record,
                other_version: false,
            }),
        );
    }
    if let Some(number) = number {
        whole.is_cut = records.left() > 0;
        if whole.is_cut {
            whole.wrong.push(format!(
                "its last {} octets, behind record {}, are no record",
                records.left(),
                whole.records
            ));
        }
        whole.wrong.extend(file::disagreements(octets, number, whole.records));
    }
    whole
}

/// The full number in the stream for its last 32 bits: the one nearest to `near`.
fn full_sequence(low: u64, near: u64) -> u64 {
    const TURN: u64 = 1 << 32;
    let same_turn = (near & !(TURN - 1)) | (low & (TURN - 1));
    let before = same_turn.checked_sub(TURN).into_iter();
    let nearest = before
        .chain(same_turn.checked_add(TURN))
        .min_by_key(|one| one.abs_diff(near));
    nearest
        .filter(|one| one.abs_diff(near) < same_turn.abs_diff(near))
        .unwrap_or(same_turn)
}

fn lines(
    mut file: impl BufRead,
    format: Format,
    is_part: bool,
    each: &mut dyn FnMut(u32, Result<ReadBack<'_>, String>),
) -> io::Result<Whole> {
    let mut whole = Whole::default();
    let (mut line, mut other_version) = (Vec::new(), false);
    if format == Format::Csv {
        file.read_until(b'\n', &mut line)?;
        other_version = line != csv::header_line().as_bytes();
        if !line.starts_with(b"sequence,") && !is_part {
            whole.wrong.push("its first line does not name the columns".to_owned());
        }
    }
    loop {
        line.clear();
        if file.read_until(b'\n', &mut line)? == 0 {
            return Ok(whole);
        }
        if !line.ends_with(b"\n") && is_part {
            return Ok(whole);
        }
        whole.records += 1;
        let sequence = match line.ends_with(b"\n") {
            true => sequence_of(&line, format).ok_or_else(|| "it has no sequence number".to_owned()),
            false => Err("the file ends in its middle".to_owned()),
        };
        each(
            whole.records,
            sequence.map(|sequence| ReadBack {
                sequence,
                octets: &line,
                other_version,
            }),
        );
    }
}

/// The number in a line of JSON.
pub(super) fn sequence_of_line(line: &[u8]) -> Option<u64> {
    let value: Value = serde_json::from_slice(line).ok()?;
    value.get("sequence")?.as_u64()
}

fn sequence_of(line: &[u8], format: Format) -> Option<u64> {
    // The relay's lines begin with the number, so the rest need not be parsed.
    let digits = match format {
        Format::Csv => line,
        _ => line.strip_prefix(b"{\"sequence\":")?,
    };
    let end = digits.iter().position(|octet| !octet.is_ascii_digit())?;
    if !matches!(digits[end], b',' | b'}') {
        return None;
    }
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

/// The stored record, reconstructed from a line of JSON, which contains all of it.
pub fn recorded(line: &[u8]) -> Option<Recorded> {
    let mut fields: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let sequence = fields.remove("sequence")?.as_u64()?;
    let mut text = |name: &str| match fields.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let at: jiff::Timestamp = text("recorded-at")?.parse().ok()?;
    Some(Recorded {
        sequence,
        recorded_at: Timestamp(u64::try_from(at.as_millisecond()).ok()?),
        id: text("relay-id")?.parse().ok()?,
        plugin: text("plugin")?,
        version: text("plugin-version")?,
        record: Value::Object(fields),
    })
}

/// The number of the last complete record in a closed file.
pub(super) fn last_sequence(path: &Path, format: Format, number: u32, after: u64) -> anyhow::Result<u64> {
    let (mut last, mut wrong) = (None, None);
    let whole = read_back(path, format, Some(number), after, &mut |place, record| match record {
        Ok(record) => last = Some(record.sequence),
        Err(why) => wrong = Some(format!("record {place}: {why}")),
    })?;
    if let Some(wrong) = wrong.or_else(|| whole.wrong.into_iter().next()) {
        anyhow::bail!(wrong);
    }
    last.ok_or_else(|| anyhow::anyhow!("it has no record"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_which_the_last_bits_are_known_is_the_nearest_one() {
        assert_eq!(full_sequence(7, 6), 7);
        assert_eq!(full_sequence(6, 7), 6);
        assert_eq!(full_sequence(0, 0xffff_ffff), 1 << 32);
        assert_eq!(full_sequence(0xffff_ffff, 1 << 32), 0xffff_ffff);
        assert_eq!(full_sequence(0xffff_ffff, 3), 0xffff_ffff);
        assert_eq!(full_sequence(5, (3 << 32) + 4), (3 << 32) + 5);
    }

    #[test]
    fn a_line_begins_with_its_number() {
        assert_eq!(sequence_of(b"17,2026", Format::Csv), Some(17));
        assert_eq!(sequence_of(b"{\"sequence\":17,\"a\":1}\n", Format::Json), Some(17));
        assert_eq!(sequence_of(b"{\"sequence\":17}\n", Format::Json), Some(17));
        for broken in [&b"17"[..], b"x,", b",", b"17x,", b"\xff"] {
            assert_eq!(sequence_of(broken, Format::Csv), None, "{broken:?}");
        }
    }
}
