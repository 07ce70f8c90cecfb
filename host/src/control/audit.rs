//! Who changed what, when, from where, and what came of it.
//!
//! A stream of the store, in the order of time. What changes the store is noted in the commit of the change
//! ([`spool::Noting`](crate::spool::Noting)), everything else before whoever asked hears what came of it. Changes that nobody
//! asked for at the door are noted too: a reload by a signal, a file that was replaced. An earlier version noted all this in
//! a file, which is still read.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Ask, Desk, Method, Problem, Role, When, Who};
use crate::spool::Operator;

/// In the state folder: what an earlier version noted.
const FILE: &str = "audit.jsonl";

/// One change, or one that was tried.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    pub at: When,
    pub who: String,
    pub role: Role,
    pub from: String,
    /// Of the relays that share a store, the one at which it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<String>,
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
        let earlier = desk.folder.join(FILE);
        desk.blocking(move |store| self.read(store, &earlier)).await
    }
}

/// Remove entries that were noted before this time. Who did so, and how many they were, is noted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PurgeAudit {
    pub before: When,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AuditPurged {
    pub removed: u64,
}

impl Ask for PurgeAudit {
    type Answer = AuditPurged;
    const NAME: &'static str = "audit-purge";
    const ABOUT: &'static str = "Remove entries of the audit that are older than a time";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/audit/purge";
    const ROLE: Role = Role::Administrator;

    async fn answer(self, desk: &Desk, _: &Who) -> Result<AuditPurged, Problem> {
        let removed = desk
            .blocking(move |store| Ok(store.forget_noted(self.before.0)?))
            .await?;
        Ok(AuditPurged {
            removed: removed as u64,
        })
    }
}

/// The last so many entries.
struct Last {
    limit: usize,
    entries: VecDeque<Entry>,
    more: bool,
}

impl Last {
    fn take(&mut self, entry: Entry) {
        if self.entries.len() == self.limit {
            self.entries.pop_front();
            self.more = true;
        }
        self.entries.push_back(entry);
    }
}

impl Audit {
    /// In one answer.
    pub const MOST: usize = 10_000;
    /// That are read from the store at a time.
    const AT_ONCE: usize = 1000;

    fn read(&self, store: &dyn Operator, earlier: &Path) -> Result<Entries, Problem> {
        let mut last = Last {
            limit: self.limit.unwrap_or(100).clamp(1, Self::MOST),
            entries: VecDeque::new(),
            more: false,
        };
        self.read_earlier(earlier, &mut last)?;
        let mut after = 0;
        loop {
            let noted = store.noted(after, Self::AT_ONCE)?;
            let Some((number, _)) = noted.last() else { break };
            after = *number;
            // What a later version wrote in another form is passed over.
            let entries = noted
                .into_iter()
                .filter_map(|(_, entry)| serde_json::from_value(entry).ok());
            entries
                .filter(|entry| self.wants(entry))
                .for_each(|entry| last.take(entry));
        }
        Ok(Entries {
            entries: last.entries.into(),
            more: last.more,
        })
    }

    /// Those from before the audit was in the store.
    fn read_earlier(&self, path: &Path, last: &mut Last) -> io::Result<()> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        for line in BufReader::new(file).lines() {
            // The end of a line that a crash cut is none.
            let entry = serde_json::from_str::<Entry>(&line?).ok();
            if let Some(entry) = entry.filter(|entry| self.wants(entry)) {
                last.take(entry);
            }
        }
        Ok(())
    }

    fn wants(&self, entry: &Entry) -> bool {
        self.who.as_ref().is_none_or(|who| *who == entry.who)
            && self.did.as_ref().is_none_or(|did| *did == entry.did)
            && self.since.is_none_or(|since| since <= entry.at)
            && self.before.is_none_or(|before| entry.at < before)
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
