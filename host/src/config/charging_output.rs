//! `[[charging-output]]`: where charging records go while the relay runs.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mm4relay_engine::RecordType;

use super::file::Section;
use super::forms::{choice, count, duration, name, size, text};
use super::peer::Peer;
use super::problem::one_of;
use crate::message::{Choice, PeerName};

const MIB: u64 = 1 << 20;

/// One series of files with charging records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargingOutput {
    /// `name`: part of the files' names, and the name of the mark in the spool. An output with another name starts from
    /// the first record.
    pub name: String,
    /// `folder`: made at the start if it is missing. Several outputs may share one.
    pub folder: PathBuf,
    pub format: ChargingFormat,
    /// `record-types`: only records of these types; empty: all types that the format supports.
    pub record_types: Vec<RecordType>,
    /// `peers`: only records that name one of these as source or destination; empty: all.
    pub peers: Vec<PeerName>,
    /// `max-size`: the size in octets at which a file is closed. Default 10 MiB.
    pub max_size: u64,
    /// `max-records`: the number of records at which a file is closed. Default 100,000.
    pub max_records: u32,
    /// `max-age`: the age of its first record at which a file is closed. Default 15 min.
    pub max_age: Duration,
    /// `fetch-within`: a file that is still in the folder after this time raises an alarm. Default 1 d.
    pub fetch_within: Duration,
    /// `keep-fetched`: how long a file that was marked as fetched is kept. Default: until an operator removes it.
    pub keep_fetched: Option<Duration>,
}

/// `format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargingFormat {
    /// 3GPP TS 32.298 records in a TS 32.297 file.
    Ber,
    /// One JSON object a line.
    Json,
    /// RFC 4180.
    Csv,
}

impl Choice for ChargingFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("ber", Self::Ber), ("json", Self::Json), ("csv", Self::Csv)];
}

impl ChargingOutput {
    pub(super) fn read(s: &mut Section<'_>, base: &Path, peers: &[Peer], taken: &mut HashSet<String>) -> Option<Self> {
        const NAME: &str = "a name for the output, such as \"settlement\"";
        const FOLDER: &str = "the path of a folder, such as \"cdr\"";
        const FORMAT: &str = "\"ber\", \"json\" or \"csv\"";
        let name = s.required("name", NAME, name).map(|name| name.to_string());
        if name.as_ref().is_some_and(|name| !taken.insert(name.clone())) {
            s.refuse("name", "a name that no other charging-output has");
        }
        let folder = s.required("folder", FOLDER, text(FOLDER));
        let format = s.required("format", FORMAT, choice);
        let record_types = s.list("record-types", |value| {
            let word = value.as_str().unwrap_or_default();
            let words: Vec<&str> = RecordType::WORDS.iter().map(|(word, _)| *word).collect();
            RecordType::from_word(word).ok_or_else(|| format!("a record type: {}", one_of(word, &words)))
        });
        let known: Vec<&str> = peers.iter().map(|peer| peer.name.as_str()).collect();
        let peers = s.list("peers", |value| {
            let name = value.as_str().unwrap_or_default();
            let peer = peers.iter().find(|peer| peer.name.as_str() == name);
            peer.map(|peer| peer.name.clone())
                .ok_or_else(|| format!("the name of a peer: {}", one_of(name, &known)))
        });
        let max_size = s.optional("max-size", size(64 << 10..=1024 * MIB));
        let max_records = s.optional("max-records", count(1..=10_000_000));
        let day = Duration::from_secs(86_400);
        let max_age = s.optional("max-age", duration(Duration::from_secs(1)..=7 * day));
        let fetch_within = s.optional("fetch-within", duration(Duration::from_secs(60)..=365 * day));
        let keep_fetched = s.optional("keep-fetched", duration(Duration::from_secs(60)..=3650 * day));
        Some(Self {
            name: name?,
            folder: base.join(folder?),
            format: format?,
            record_types,
            peers,
            max_size: max_size.unwrap_or(10 * MIB),
            max_records: max_records.unwrap_or(100_000),
            max_age: max_age.unwrap_or(Duration::from_secs(15 * 60)),
            fetch_within: fetch_within.unwrap_or(day),
            keep_fetched,
        })
    }
}
