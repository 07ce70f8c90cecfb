//! Who changed what, when, from where, and what came of it.
//!
//! Lines of JSON in a file in the state folder, in the order of time. Each is on disk before whoever asked hears what came
//! of it. Changes that nobody asked for at the door are noted too: a reload by a signal, a file that was replaced.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Ask, Desk, Method, Problem, Role, When, Who};

/// In the state folder.
pub const FILE: &str = "audit.jsonl";

/// One change, or one that was tried.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    pub at: When,
    pub who: String,
    pub role: Role,
    pub from: String,
    /// The name of the verb: `queue-drop`; or of what happened by itself.
    pub did: String,
    /// What was asked, with everything that it took.
    pub asked: Value,
    /// What it changed; `None` when it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Value>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Problem>,
}

/// The changes that were made, newest last.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Audit {
    /// Only what this person did.
    pub who: Option<String>,
    /// Only this verb.
    pub did: Option<String>,
    /// Only what happened at this time or later.
    pub since: Option<When>,
    /// Only what happened before this time.
    pub before: Option<When>,
    /// The last so many of these; 100 unless it says otherwise, 10,000 at the most.
    pub limit: Option<usize>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Entries {
    pub entries: Vec<Entry>,
    /// There are earlier ones.
    pub more: bool,
}

impl Ask for Audit {
    type Answer = Entries;
    const NAME: &'static str = "audit";
    const ABOUT: &'static str = "Who changed what, when and from where";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/audit";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<Entries, Problem> {
        let path = desk.audit.path.clone();
        desk.blocking(move |_| Ok(self.read(&path)?)).await
    }
}

impl Audit {
    const MOST: usize = 10_000;

    fn read(&self, path: &Path) -> io::Result<Entries> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let entries = Vec::new();
                return Ok(Entries { entries, more: false });
            }
            opened => opened?,
        };
        let limit = self.limit.unwrap_or(100).clamp(1, Self::MOST);
        let (mut entries, mut more) = (std::collections::VecDeque::new(), false);
        for line in BufReader::new(file).lines() {
            // The end of a line that a crash cut is none.
            let Ok(entry) = serde_json::from_str::<Entry>(&line?) else {
                continue;
            };
            if !self.wants(&entry) {
                continue;
            }
            if entries.len() == limit {
                entries.pop_front();
                more = true;
            }
            entries.push_back(entry);
        }
        let entries = entries.into();
        Ok(Entries { entries, more })
    }

    fn wants(&self, entry: &Entry) -> bool {
        self.who.as_ref().is_none_or(|who| *who == entry.who)
            && self.did.as_ref().is_none_or(|did| *did == entry.did)
            && self.since.is_none_or(|since| since <= entry.at)
            && self.before.is_none_or(|before| entry.at < before)
    }
}

/// Where changes are noted.
#[derive(Debug)]
pub struct Book {
    path: PathBuf,
    /// So that lines of one process do not meet.
    turn: Mutex<()>,
}

impl Book {
    pub fn of(folder: &Path) -> Self {
        Self {
            path: folder.join(FILE),
            turn: Mutex::default(),
        }
    }

    /// Blocks until the entry is on disk.
    pub fn note(&self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)?;
        // One call, so that lines of several processes do not meet either.
        file.write_all(&line)?;
        file.sync_data()
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::new(
            super::Kind::Store,
            format!("a file of the relay cannot be read or written: {error}"),
        )
    }
}
