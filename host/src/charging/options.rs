//! What an output writes, the form of a record in it, and the names of its files.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mm4relay_engine::RecordType;

use super::file::LONGEST_RECORD;
use super::pages::PagedRecord;
use super::record::Record;
use super::{ber, csv, json};
use crate::message::{Choice, PeerName};
use crate::spool::Recorded;

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

/// What becomes of a record in an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// It is written as these octets.
    Octets(Vec<u8>),
    /// The output's filters exclude it.
    Unwanted,
    /// The format has no form for records of this type.
    LeftOut,
    /// It cannot be read, or is too long for the format; with the reason.
    Impossible(String),
}

impl OutputOptions {
    /// The form of a record in this output. It is the same whenever it is asked for.
    pub fn form_of(&self, row: &Recorded) -> Form {
        self.form(row, || Ok(Cow::Owned(Record::of(row)?)))
    }

    /// The same, of a record that other outputs write too.
    pub(super) fn form_of_row(&self, row: &PagedRecord) -> Form {
        self.form(&row.stored, || {
            row.typed().map(Cow::Borrowed).map_err(anyhow::Error::msg)
        })
    }

    fn form<'r>(&self, row: &Recorded, typed: impl FnOnce() -> anyhow::Result<Cow<'r, Record>>) -> Form {
        if !self.wants(row) {
            return Form::Unwanted;
        }
        match self.encoded(row, typed) {
            Ok(Some(octets)) => Form::Octets(octets),
            Ok(None) => Form::LeftOut,
            Err(error) => Form::Impossible(error.to_string()),
        }
    }

    /// Whether the output takes every record.
    pub fn takes_all(&self) -> bool {
        self.record_types.is_empty() && self.peers.is_empty() && self.format != Format::Ber
    }

    fn wants(&self, row: &Recorded) -> bool {
        let text = |key: &str| row.record.get(key).and_then(|value| value.as_str());
        let types = &self.record_types;
        let of_type =
            types.is_empty() || text("record-type").is_some_and(|word| types.iter().any(|one| one.word() == word));
        let is_theirs = |key| text(key).is_some_and(|name| self.peers.iter().any(|peer| peer.as_str() == name));
        of_type && (self.peers.is_empty() || is_theirs("source-peer") || is_theirs("destination-peer"))
    }

    fn encoded<'r>(
        &self,
        row: &Recorded,
        typed: impl FnOnce() -> anyhow::Result<Cow<'r, Record>>,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        if self.format == Format::Json {
            // The record as it was stored.
            return Ok(Some(json(row)?));
        }
        let record = typed()?;
        if self.format == Format::Csv {
            let mut line = Vec::new();
            csv::line(&record, &mut line)?;
            return Ok(Some(line));
        }
        let encoded = ber::encode(&record);
        if let Some(octets) = encoded.as_ref().filter(|octets| octets.len() > LONGEST_RECORD) {
            anyhow::bail!(
                "it has {} octets in BER, and TS 32.297 has room for {LONGEST_RECORD}",
                octets.len()
            );
        }
        Ok(encoded)
    }

    /// The path of file number `number` once it is closed.
    pub fn path(&self, number: u32) -> PathBuf {
        let name = format!("{}-{number:08}.{}", self.name, self.format.extension());
        self.folder.join(name)
    }

    /// The path of file number `number` while it is written.
    pub fn part(&self, number: u32) -> PathBuf {
        self.path(number).with_added_extension("part")
    }

    /// The number of a closed file of this output; `None` for any other file.
    pub fn number_of(&self, file: &Path) -> Option<u32> {
        let ours = file
            .extension()
            .is_some_and(|extension| extension == self.format.extension());
        let number = file.file_stem()?.to_str()?.strip_prefix(self.name.as_str())?;
        let number = number.strip_prefix('-')?;
        let has_form = number.len() >= 8 && number.bytes().all(|octet| octet.is_ascii_digit());
        (ours && has_form).then(|| number.parse().ok()).flatten()
    }
}
