//! The file of TS 32.297: a header, and before each record a header of its own. All numbers are big endian.
//!
//! The header holds the length of the file, the number of records and the reason for closing, so it is written last.

use std::io::{self, Seek, SeekFrom, Write};

use jiff::Zoned;

use super::ber;

/// Release 16, in the encoding of TS 32.297, 6.1.1: seven in three bits says that a further octet has the distance to
/// release 10.
const RELEASE: u8 = 7 << 5;
const RELEASE_EXTENSION: u8 = 16 - 10;
/// BER, of TS 32.270 (TS 32.297, 6.1.2).
const BER_OF_MMS: u8 = (1 << 5) | 10;
const HEADER: u32 = 54;
const RECORD_HEADER: usize = 5;
/// The most octets of a record.
pub const LONGEST_RECORD: usize = u16::MAX as usize;

/// Why a file was closed (TS 32.297, 6.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    Normally = 0,
    BySize = 1,
    ByTime = 2,
    ByCount = 3,
    ByCommand = 4,
    /// The file was found unfinished after a crash.
    Abnormally = 128,
}

impl Closed {
    fn of_number(number: u8) -> &'static str {
        match number {
            0 => "normally",
            1 => "by size",
            2 => "by time",
            3 => "by count",
            4 => "by command",
            5 => "by a change of release or encoding",
            128 => "abnormally",
            129 => "by an error of the file system",
            130 => "for want of space",
            131 => "by an error in its records",
            _ => "for a reason that TS 32.297 does not know",
        }
    }
}

/// Writes one file, which is not valid before [`finish`](Self::finish).
pub struct FileWriter<W> {
    out: W,
    number: u32,
    opened: Zoned,
    appended: Option<Zoned>,
    records: u32,
    octets: u64,
}

impl<W: Write + Seek> FileWriter<W> {
    /// Begins file number `number` at the beginning of `out`.
    pub fn begin(mut out: W, number: u32, opened: Zoned) -> io::Result<Self> {
        out.write_all(&[0; HEADER as usize])?;
        Ok(Self {
            out,
            number,
            opened,
            appended: None,
            records: 0,
            octets: HEADER.into(),
        })
    }

    /// Appends one encoded record.
    pub fn append(&mut self, record: &[u8], at: Zoned) -> io::Result<()> {
        let length = u16::try_from(record.len()).map_err(|_| {
            io::Error::other(format!(
                "a record of {} octets: TS 32.297 has room for 65,535",
                record.len()
            ))
        })?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&[RELEASE, BER_OF_MMS, RELEASE_EXTENSION])?;
        self.out.write_all(record)?;
        self.octets += (RECORD_HEADER + record.len()) as u64;
        self.records += 1;
        self.appended = Some(at);
        Ok(())
    }

    pub fn records(&self) -> u32 {
        self.records
    }

    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Writes the header, and returns the writer so that the caller can flush it.
    pub fn finish(mut self, closed: Closed) -> io::Result<W> {
        let length = u32::try_from(self.octets).map_err(|_| io::Error::other("a file beyond 4 GiB"))?;
        let mut header = Vec::with_capacity(HEADER as usize);
        header.extend_from_slice(&length.to_be_bytes());
        header.extend_from_slice(&HEADER.to_be_bytes());
        // The highest and the lowest release of the records are the same.
        header.extend_from_slice(&[RELEASE, RELEASE]);
        header.extend_from_slice(&moment(&self.opened).to_be_bytes());
        header.extend_from_slice(&moment(self.appended.as_ref().unwrap_or(&self.opened)).to_be_bytes());
        header.extend_from_slice(&self.records.to_be_bytes());
        header.extend_from_slice(&self.number.to_be_bytes());
        header.push(closed as u8);
        // The address of the node that made the file. The relay has several addresses, and states none.
        header.extend_from_slice(&[0xff; 4]);
        header.extend_from_slice(&[0; 16]);
        // No lost records, no routeing filter, no private extension.
        header.extend_from_slice(&[0, 0, 0, 0, 0]);
        header.extend_from_slice(&[RELEASE_EXTENSION, RELEASE_EXTENSION]);
        debug_assert_eq!(header.len(), HEADER as usize);
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header)?;
        self.out.seek(SeekFrom::End(0))?;
        Ok(self.out)
    }
}

/// Month, day, hour, minute, sign, hours and minutes of the offset to UTC, in 4, 5, 5, 6, 1, 5 and 6 bits.
fn moment(time: &Zoned) -> u32 {
    let offset = time.offset().seconds();
    let minutes = offset.unsigned_abs() / 60;
    let small = |value: i8| u32::from(value.unsigned_abs());
    (small(time.month()) << 28)
        | (small(time.day()) << 23)
        | (small(time.hour()) << 18)
        | (small(time.minute()) << 12)
        | (u32::from(offset >= 0) << 11)
        | ((minutes / 60) << 6)
        | (minutes % 60)
}

/// The header of a file, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub length: u32,
    pub records: u32,
    pub number: u32,
    pub opened: String,
    pub last_appended: String,
    pub closed: &'static str,
}

/// Why a file cannot be read, or contradicts its header.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("the file has {0} octets, and the header of TS 32.297 has at least 50")]
    TooShort(usize),
    #[error("the header says that the file has {said} octets; it has {is}")]
    Length { said: u32, is: usize },
    #[error("the header says that there are {said} records; there are {is}")]
    Count { said: u32, is: u32 },
    #[error("record {record}, at octet {at}: the file ends in its middle")]
    Truncated { record: u32, at: usize },
    #[error("record {record}, at octet {at}: encoding {encoding} is not BER")]
    Encoding { record: u32, at: usize, encoding: u8 },
    #[error("record {record}, at octet {at}: {error}")]
    Record {
        record: u32,
        at: usize,
        error: ber::DecodeError,
    },
}

/// Reads a whole file: its header, then each record, given to `each`.
pub fn read(file: &[u8], mut each: impl FnMut(ber::Decoded)) -> Result<Header, FileError> {
    let number = |at: usize| -> Option<u32> {
        let octets = file.get(at..at + 4)?;
        Some(u32::from_be_bytes([octets[0], octets[1], octets[2], octets[3]]))
    };
    let short = || FileError::TooShort(file.len());
    let header = Header {
        length: number(0).ok_or_else(short)?,
        records: number(18).ok_or_else(short)?,
        number: number(22).ok_or_else(short)?,
        opened: shown(number(10).ok_or_else(short)?),
        last_appended: shown(number(14).ok_or_else(short)?),
        closed: Closed::of_number(*file.get(26).ok_or_else(short)?),
    };
    if usize::try_from(header.length).ok() != Some(file.len()) {
        return Err(FileError::Length {
            said: header.length,
            is: file.len(),
        });
    }
    let mut at = number(4).map_or(usize::MAX, |length| length as usize);
    let mut records = 0;
    while at < file.len() {
        records += 1;
        let truncated = || FileError::Truncated { record: records, at };
        let (octets, next) = record_at(file, at).ok_or_else(truncated)?;
        let encoding = file[at + 3] >> 5;
        if encoding != 1 {
            return Err(FileError::Encoding {
                record: records,
                at,
                encoding,
            });
        }
        let decoded = ber::decode(&mut { octets }).map_err(|error| FileError::Record {
            record: records,
            at,
            error,
        })?;
        each(decoded);
        at = next;
    }
    if records != header.records {
        return Err(FileError::Count {
            said: header.records,
            is: records,
        });
    }
    Ok(header)
}

/// The octets of the record at `at`, and where the next one begins.
fn record_at(file: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let head = file.get(at..at + 4)?;
    let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
    // Since release 10 the header of a record has one more octet.
    let begins = at
        + if head[2] >> 5 == 7 {
            RECORD_HEADER
        } else {
            RECORD_HEADER - 1
        };
    Some((file.get(begins..begins + length)?, begins + length))
}

/// The records of a file, independent of its header.
pub(super) fn records_of(file: &[u8]) -> Records<'_> {
    let header = file
        .get(4..8)
        .map(|length| u32::from_be_bytes([length[0], length[1], length[2], length[3]]));
    // While a file is written, its header is zeros.
    let at = header.filter(|length| *length > 0).unwrap_or(HEADER) as usize;
    Records { file, at }
}

pub(super) struct Records<'a> {
    file: &'a [u8],
    at: usize,
}

impl Records<'_> {
    /// The number of octets behind the last complete record.
    pub fn left(&self) -> usize {
        self.file.len().saturating_sub(self.at)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let (octets, next) = record_at(self.file, self.at)?;
        self.at = next;
        Some(octets)
    }
}

/// The statements in a closed file's header that are wrong. `number` is that in the file's name, `records` the number
/// of records in it.
pub(super) fn disagreements(file: &[u8], number: u32, records: u32) -> Vec<String> {
    let word = |at: usize| {
        file.get(at..at + 4)
            .map(|of| u32::from_be_bytes([of[0], of[1], of[2], of[3]]))
    };
    let (Some(length), Some(said), Some(called)) = (word(0), word(18), word(22)) else {
        return vec![FileError::TooShort(file.len()).to_string()];
    };
    let mut wrong = Vec::new();
    if length as usize != file.len() {
        wrong.push(
            FileError::Length {
                said: length,
                is: file.len(),
            }
            .to_string(),
        );
    }
    if said != records {
        wrong.push(FileError::Count { said, is: records }.to_string());
    }
    if called != number {
        wrong.push(format!("the header says that this is file {called}"));
    }
    wrong
}

fn shown(moment: u32) -> String {
    let part = |shift: u32, bits: u32| (moment >> shift) & ((1 << bits) - 1);
    let sign = if part(11, 1) == 1 { '+' } else { '-' };
    let (month, day, hour, minute) = (part(28, 4), part(23, 5), part(18, 5), part(12, 6));
    format!(
        "{month:02}-{day:02} {hour:02}:{minute:02} {sign}{:02}{:02}",
        part(6, 5),
        part(0, 6)
    )
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use mm4relay_engine::RecordType;

    use super::super::record::{Fields, Record};
    use super::*;
    use crate::message::Timestamp;

    fn written() -> Vec<u8> {
        let time: Zoned = "2026-11-21T23:00:40-05:30[-05:30]".parse().unwrap();
        let mut writer = FileWriter::begin(Cursor::new(Vec::new()), 7, time.clone()).unwrap();
        for sequence in 1..=3 {
            let record = Record {
                sequence,
                recorded_at: Timestamp(1_795_298_400_000),
                relay_id: String::new(),
                plugin: String::new(),
                plugin_version: String::new(),
                fields: Fields {
                    record_type: Some(RecordType::O4frq),
                    ..Fields::default()
                },
            };
            let octets = ber::encode(&record).unwrap();
            writer.append(&octets, time.clone()).unwrap();
        }
        writer.finish(Closed::BySize).unwrap().into_inner()
    }

    #[test]
    fn a_file_says_what_is_in_it() {
        let file = written();
        let mut sequences = Vec::new();
        let header = read(&file, |decoded| {
            let last = decoded.fields.last().unwrap();
            sequences.push(last.1.clone());
        })
        .unwrap();
        assert_eq!(sequences, ["1", "2", "3"]);
        assert_eq!((header.records, header.number, header.closed), (3, 7, "by size"));
        assert_eq!(header.opened, "11-21 23:00 -0530");
        assert_eq!(header.length as usize, file.len());
        // Header length, releases 16 and 16 by their extensions, BER of TS 32.270.
        assert_eq!(file[4..10], [0, 0, 0, 54, 0xe0, 0xe0]);
        assert_eq!(file[52..54], [6, 6]);
        assert_eq!(file[56..59], [0xe0, 0x2a, 6]);
    }

    #[test]
    fn a_file_that_was_cut_or_changed_is_found_out() {
        let whole = written();
        for length in 0..whole.len() {
            assert!(read(&whole[..length], drop).is_err(), "cut at {length}");
        }
        let mut fewer = whole.clone();
        fewer[21] = 2;
        assert!(matches!(read(&fewer, drop), Err(FileError::Count { said: 2, is: 3 })));
        let mut foreign = whole;
        foreign[57] = (3 << 5) | 10;
        assert!(matches!(
            read(&foreign, drop),
            Err(FileError::Encoding { encoding: 3, .. })
        ));
    }
}
