//! Look-up tables for routing and for plug-ins, and their files.
//!
//! A file is CSV of the simplest kind: `key,value`, one row a line, in UTF-8. Lines that begin with `#`, empty lines,
//! and blanks around keys and values are passed over. The value is everything behind the first comma. There is no
//! quoting: a quotation mark at the beginning of a field is refused, because it would silently become part of the key.
//!
//! A row that repeats another one is dropped. Two rows that give one key different values are an error, because nobody
//! can tell which of them is right.

pub(crate) mod rows;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mm4relay_engine::{FileError, read_file};

use self::rows::{Builder, Full, Rows};

/// The longest key in octets. A key is a number or an address; an address has at most 256 octets.
pub const MAX_KEY_OCTETS: usize = 255;
/// The longest value in octets. Values are names of operators, domains and the like.
pub const MAX_VALUE_OCTETS: usize = 4096;
/// How many bad rows are reported one by one; further ones are counted. Enough to see what is wrong with a file.
const REPORTED_ROWS: usize = 20;

/// One generation of a table. It never changes; a reload makes another one.
///
/// Memory: the text and 20.5 octets a row; while it is read, also the whole file and 40 octets a row.
#[derive(Debug, Default)]
pub struct Table {
    rows: Rows,
}

/// All configured tables of one generation.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    by_name: BTreeMap<String, Arc<Table>>,
}

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error("table {name}: {} cannot be read: {reason}", file.display())]
    Unreadable {
        name: String,
        file: PathBuf,
        reason: FileError,
    },
    /// The table is too large: offsets into it have 32 bits.
    #[error("table {name}: {} is larger than 4 GiB", file.display())]
    TooLarge { name: String, file: PathBuf },
    #[error("table {name}: {rows}", rows = BadRows { file, rows, more: *more })]
    BadRows {
        name: String,
        file: PathBuf,
        /// At most 20 bad rows, in the order of the file.
        rows: Vec<BadRow>,
        /// How many further ones there are.
        more: usize,
    },
}

/// One row that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Counted from 1.
    pub line: usize,
    pub reason: String,
}

/// Shows one line a row, in the form that editors jump to.
struct BadRows<'a> {
    file: &'a Path,
    rows: &'a [BadRow],
    more: usize,
}

/// A row that has been read and not yet sorted in.
#[derive(Clone, Copy)]
struct RawRow<'a> {
    key: &'a str,
    value: &'a str,
    line: u32,
}

impl Table {
    /// The value for exactly this key.
    pub fn lookup(&self, key: &str) -> Option<&str> {
        self.rows.find(key).map(|row| self.rows.value(row))
    }

    /// The row whose key is the longest beginning of `text`.
    pub fn lookup_prefix(&self, text: &str) -> Option<(&str, &str)> {
        let row = self.rows.find_longest_beginning(text)?;
        Some((self.rows.key(row), self.rows.value(row)))
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// All rows, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        (0..self.rows.len()).map(|row| (self.rows.key(row), self.rows.value(row)))
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets in memory.
    pub fn memory(&self) -> usize {
        self.rows.memory()
    }

    /// Reads and sorts the file. Takes about a second for a million rows, so a thread that serves others must not call
    /// it.
    pub fn load(name: &str, file: &Path) -> Result<Self, TableError> {
        let too_large = || TableError::TooLarge {
            name: name.to_owned(),
            file: file.to_owned(),
        };
        let text = read_file(file, u32::MAX.into()).map_err(|reason| match reason {
            FileError::TooLarge(_) => too_large(),
            reason => TableError::Unreadable {
                name: name.to_owned(),
                file: file.to_owned(),
                reason,
            },
        })?;
        match Self::parse(&text) {
            Ok(rows) => Ok(Self {
                rows: rows.map_err(|Full| too_large())?,
            }),
            Err((rows, more)) => Err(TableError::BadRows {
                name: name.to_owned(),
                file: file.to_owned(),
                rows,
                more,
            }),
        }
    }

    /// The rows of a file; or the first 20 bad ones, and how many more there are.
    fn parse(text: &[u8]) -> Result<Result<Rows, Full>, (Vec<BadRow>, usize)> {
        // A byte-order mark, which spreadsheets put in front, would become part of the first key.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut rows = Vec::new();
        let mut bad = Vec::new();
        for (at, line) in text.split(|octet| *octet == b'\n').enumerate() {
            match raw_row(line) {
                Ok(Some((key, value))) => rows.push(RawRow {
                    key,
                    value,
                    // A file of at most 4 GiB has fewer lines than fit into 32 bits.
                    line: at as u32,
                }),
                Ok(None) => {}
                Err(reason) => bad.push(BadRow { line: at + 1, reason }),
            }
        }
        // Stable, so that of two rows with one key the earlier stays first.
        rows.sort_by_key(|row| row.key);
        rows.dedup_by(|later, first| {
            let same = later.key == first.key;
            if same && later.value != first.value {
                let reason = format!(
                    "key {:?} has the value {:?} here and {:?} in line {}",
                    later.key,
                    later.value,
                    first.value,
                    first.line + 1
                );
                let line = later.line as usize + 1;
                bad.push(BadRow { line, reason });
            }
            same
        });
        if !bad.is_empty() {
            bad.sort_by_key(|row| row.line);
            let more = bad.len().saturating_sub(REPORTED_ROWS);
            bad.truncate(REPORTED_ROWS);
            return Err((bad, more));
        }
        let octets = rows.iter().map(|row| row.key.len() + row.value.len()).sum();
        let mut builder = Builder::with_capacity(rows.len(), octets);
        let built = rows.iter().try_for_each(|row| builder.push(row.key, row.value));
        Ok(built.map(|()| builder.finish()))
    }
}

/// The view for plug-ins.
impl mm4relay_engine::Table for Table {
    fn lookup(&self, key: &str) -> Option<&str> {
        Table::lookup(self, key)
    }

    fn lookup_prefix(&self, text: &str) -> Option<(&str, &str)> {
        Table::lookup_prefix(self, text)
    }
}

/// The key and value of a line, `None` for a line without a row, or what is wrong with it.
fn raw_row(line: &[u8]) -> Result<Option<(&str, &str)>, String> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = std::str::from_utf8(line).map_err(|error| format!("octet {} is not UTF-8", error.valid_up_to() + 1))?;
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (key, value) = line.split_once(',').ok_or("no comma: expected key,value")?;
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() {
        return Err("the key is empty: expected key,value".to_owned());
    }
    if key.starts_with('"') || value.starts_with('"') {
        return Err("quotation marks are not understood: expected key,value".to_owned());
    }
    if key.len() > MAX_KEY_OCTETS {
        return Err(format!("the key has {} octets, more than {MAX_KEY_OCTETS}", key.len()));
    }
    if value.len() > MAX_VALUE_OCTETS {
        return Err(format!(
            "the value has {} octets, more than {MAX_VALUE_OCTETS}",
            value.len()
        ));
    }
    // Values end up in addresses and headers, where a control character could start a new line.
    if let Some(bad) = line.chars().find(|c| c.is_control() && *c != '\t') {
        return Err(format!("control character U+{:04X}", bad as u32));
    }
    Ok(Some((key, value)))
}

impl Tables {
    /// Loads every table, even after an error. Returns all of them, or all errors.
    pub fn load<'a>(files: impl IntoIterator<Item = (&'a str, &'a Path)>) -> Result<Self, Vec<TableError>> {
        Self::load_changed(files, |_| None)
    }

    /// Like [`load`](Self::load), but takes the tables in `kept` instead of reading them again.
    pub fn load_changed<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a Path)>,
        kept: impl Fn(&str) -> Option<Arc<Table>>,
    ) -> Result<Self, Vec<TableError>> {
        match Self::examine(files, kept) {
            (tables, errors) if errors.is_empty() => Ok(tables),
            (_, errors) => Err(errors),
        }
    }

    /// Like [`load_changed`](Self::load_changed), but returns the tables that could be loaded together with the errors
    /// of the others. Such a set may be examined, and must not be used to run.
    pub(crate) fn examine<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a Path)>,
        kept: impl Fn(&str) -> Option<Arc<Table>>,
    ) -> (Self, Vec<TableError>) {
        let mut tables = Self::default();
        let mut errors = Vec::new();
        for (name, file) in files {
            let table = match kept(name) {
                Some(table) => Ok(table),
                None => Table::load(name, file).map(Arc::new),
            };
            match table {
                Ok(table) => {
                    tables.by_name.insert(name.to_owned(), table);
                }
                Err(error) => errors.push(error),
            }
        }
        (tables, errors)
    }

    /// The table of that name. Its holder keeps this generation, whatever is loaded meanwhile.
    pub fn get(&self, name: &str) -> Option<&Arc<Table>> {
        self.by_name.get(name)
    }

    /// All tables, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<Table>)> {
        self.by_name.iter().map(|(name, table)| (name.as_str(), table))
    }
}

impl fmt::Display for BadRows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.rows.len() + self.more;
        write!(f, "{count} bad {}", if count == 1 { "row" } else { "rows" })?;
        for BadRow { line, reason } in self.rows {
            write!(f, "\n{}:{line}: {reason}", self.file.display())?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n{}: {more} more", self.file.display()),
        }
    }
}

#[cfg(test)]
mod tests;
