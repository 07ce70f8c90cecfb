//! Detection of commits that are missing from the log. A start reads the log, and SQLite silently takes the first page
//! with a wrong checksum for its end.
//!
//! Two facts show that the log was longer. Each page in the log carries a checksum over itself and all pages before it,
//! so behind a damaged page the others still match, starting from the checksum stored with it. And a small file,
//! [`NOTE`], contains the length of the log after the last commit. It is written after every flush and not flushed
//! itself, so it can lag behind what was acknowledged, but never be ahead: after a `kill -9` it is exact, after a power
//! cut it may be older. Damage to a page of the very last commit shows in the file alone; without it, that looks like a
//! commit that was under way. The format of the log is SQLite's: <https://sqlite.org/fileformat2.html#walformat>.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::schema;
use super::sums::Sum;
use crate::message::Timestamp;

/// The octets of its header, and of the header of each page.
pub(super) const HEADER: usize = 32;
pub(super) const PAGE_HEADER: usize = 24;

/// The file that says how long the log was.
pub(super) const NOTE: &str = "spool.log-end";
/// Its octets: salts, pages, time, sum.
const NOTE_OCTETS: usize = 32;

/// How long a log was after the last commit that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    /// Identify the log: SQLite draws new ones when it begins the log anew.
    salts: [u8; 8],
    pages: u64,
    at: Timestamp,
}

/// What is missing from a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    /// Readable pages, up to the last commit before the damaged one.
    pub pages: u64,
    /// Committed pages after them, as far as is known.
    pub lost: u64,
    /// The least number of commits that they belong to.
    pub commits: u64,
    /// When the last of these was made, if that is known.
    pub last: Option<Timestamp>,
}

/// Notes how long the log is, after every commit.
pub(super) struct Noter {
    log: File,
    note: File,
    last: u64,
}

impl Noter {
    pub fn open(folder: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        Ok(Self {
            log: File::open(schema::log_of(&schema::database(folder)))?,
            note: options.open(folder.join(NOTE))?,
            last: u64::MAX,
        })
    }

    /// Records that the log has so many pages, all of them flushed.
    pub fn note(&mut self, pages: u64, at: Timestamp) -> io::Result<()> {
        if pages == self.last {
            return Ok(());
        }
        let mut end = [0; NOTE_OCTETS];
        self.log.read_exact_at(&mut end[..8], 16)?;
        end[8..16].copy_from_slice(&pages.to_le_bytes());
        end[16..24].copy_from_slice(&at.0.to_le_bytes());
        let sum = Sum::of(NOTE).octets(&end[..24]).value();
        end[24..].copy_from_slice(&sum.to_le_bytes());
        self.note.write_all_at(&end, 0)?;
        self.last = pages;
        Ok(())
    }
}

fn noted(folder: &Path) -> Option<End> {
    let octets = std::fs::read(folder.join(NOTE)).ok()?;
    let (end, sum) = octets.get(..NOTE_OCTETS)?.split_at(24);
    let number = |at: usize| Some(u64::from_le_bytes(end[at..at + 8].try_into().ok()?));
    (sum == Sum::of(NOTE).octets(end).value().to_le_bytes()).then_some(())?;
    Some(End {
        salts: end[..8].try_into().ok()?,
        pages: number(8)?,
        at: Timestamp(number(16)?),
    })
}

/// What is missing from the log in `folder`, if it ends too early. The database must not be open anywhere.
pub(super) fn missing(folder: &Path) -> io::Result<Option<Missing>> {
    let path = schema::log_of(&schema::database(folder));
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut log = BufReader::with_capacity(1 << 20, file);
    let mut header = [0; HEADER];
    if log.read_exact(&mut header).is_err() {
        return Ok(None);
    }
    let end = noted(folder).filter(|end| end.salts == header[16..24]);
    let Some(mut walk) = Walk::begin(&header) else {
        // Nothing behind a damaged header is read.
        let lost = noted(folder).filter(|end| is_mostly(end.salts, &header));
        return Ok(lost
            .map(|end| Missing {
                lost: end.pages,
                commits: u64::from(end.pages > 0),
                last: Some(end.at),
                pages: 0,
            })
            .filter(|missing| missing.lost > 0));
    };
    let mut page = vec![0; PAGE_HEADER + walk.page];
    while log.read_exact(&mut page).is_ok() && walk.step(&page, &header) {}
    Ok(walk.missing(end))
}

/// Whether these are the salts, possibly with one damaged octet.
fn is_mostly(salts: [u8; 8], header: &[u8; HEADER]) -> bool {
    salts
        .iter()
        .zip(&header[16..24])
        .filter(|(one, other)| one != other)
        .count()
        <= 1
}

/// Going through a log, page by page.
struct Walk {
    big_endian: bool,
    page: usize,
    sums: (u32, u32),
    seen: u64,
    /// Pages up to the last valid commit.
    committed: u64,
    /// The first invalid page.
    broken: Option<u64>,
    /// The last valid commit after that one, and the number of commits up to it.
    behind: (u64, u64),
}

impl Walk {
    fn begin(header: &[u8; HEADER]) -> Option<Self> {
        let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let big_endian = word(0) & 1 == 1;
        let page = word(8) as usize;
        let sums = add(big_endian, (0, 0), &header[..24]);
        let whole = word(0) & !1 == 0x377f_0682 && sums == (word(24), word(28)) && page.is_power_of_two();
        whole.then_some(Self {
            big_endian,
            page,
            sums,
            seen: 0,
            committed: 0,
            broken: None,
            behind: (0, 0),
        })
    }

    /// Examines the next page. Returns false where the remains of an older log begin.
    fn step(&mut self, page: &[u8], header: &[u8; HEADER]) -> bool {
        let (head, content) = page.split_at(PAGE_HEADER);
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let stored = (word(16), word(20));
        let sums = add(self.big_endian, add(self.big_endian, self.sums, &head[..8]), content);
        let holds = head[8..16] == header[16..24] && sums == stored;
        self.seen += 1;
        let ends_commit = word(4) != 0;
        match (holds, self.broken) {
            (true, None) if ends_commit => self.committed = self.seen,
            (true, Some(_)) if ends_commit => self.behind = (self.seen, self.behind.1 + 1),
            (true, _) => {}
            (false, None) => self.broken = Some(self.seen),
            // A second invalid page: this is no damaged page, but the end of the log.
            (false, Some(broken)) if self.seen > broken + 1 => return false,
            (false, Some(_)) => {}
        }
        // The next checksum continues from the one stored with this page.
        self.sums = stored;
        true
    }

    fn missing(&self, end: Option<End>) -> Option<Missing> {
        let noted = end.map_or(0, |end| end.pages);
        let last = self.behind.0.max(noted);
        // One commit may have been under way, with its pages in any order; if another one follows, it was flushed.
        (noted > self.committed || self.behind.1 > 1).then(|| Missing {
            pages: self.committed,
            lost: last - self.committed,
            commits: self.behind.1.max(1),
            last: end.filter(|end| end.pages > self.committed).map(|end| end.at),
        })
    }
}

/// SQLite's checksum: of words, two at a time.
fn add(big_endian: bool, (mut one, mut two): (u32, u32), octets: &[u8]) -> (u32, u32) {
    for pair in octets.chunks_exact(8) {
        let word = |at: usize| {
            let octets = [pair[at], pair[at + 1], pair[at + 2], pair[at + 3]];
            if big_endian {
                u32::from_be_bytes(octets)
            } else {
                u32::from_le_bytes(octets)
            }
        };
        one = one.wrapping_add(word(0)).wrapping_add(two);
        two = two.wrapping_add(word(4)).wrapping_add(one);
    }
    (one, two)
}

/// What is missing from the log in `folder`, for people. Keeps a copy of the log, because SQLite is about to write over
/// it. The database must not be open anywhere.
pub(super) fn keep_damaged(folder: &Path) -> Option<String> {
    // A log that cannot be read is said by whoever opens the database.
    let missing = missing(folder).ok().flatten()?;
    let path = schema::log_of(&schema::database(folder));
    let name = |number: u32| path.with_added_extension(format!("damaged-{number}"));
    let kept: PathBuf = (1..).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(0));
    let copied = match std::fs::copy(&path, &kept) {
        Ok(_) => format!("it is kept as {}", kept.display()),
        Err(error) => format!("it cannot be kept: {error}"),
    };
    let time = |last: Timestamp| jiff::Timestamp::from_millisecond(i64::try_from(last.0).ok()?).ok();
    let last = missing.last.and_then(time);
    let last = last
        .map(|last| format!(", the last of them made at {last}"))
        .unwrap_or_default();
    let said = format!(
        "the spool's log is damaged behind its page {}: at least {} commits that were acknowledged are missing, {} pages{last}; \
         {copied}",
        missing.pages, missing.commits, missing.lost
    );
    tracing::error!(event = "spool-log-damaged", "{said}");
    Some(said)
}
