//! The history of every attempt to load a plug-in: in memory, and in a file for people and other commands.
//!
//! `plugins.json` in the spool's folder is replaced as a whole, by rename, so that readers see one state; `plugin list`
//! prints it, and `plugin load` follows an attempt in it. It is bounded: the last [`ATTEMPTS_MAX`] attempts and
//! [`VERSIONS_MAX`] versions of each plug-in.
//!
//! A step of a load does not wait for the disk: changes are written soon, together with those that come meanwhile. A
//! caller that must not go on before its change is durable waits for that ([`History::change`]).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

use super::files;
use crate::sync::lock;

pub use super::attempts::{Attempt, Cause, Step, Verdict};

/// How many attempts are kept for each plug-in.
pub const ATTEMPTS_MAX: usize = 10;
/// How many versions are kept for each plug-in: the running one, and five before it.
pub const VERSIONS_MAX: usize = 6;
/// How long a change for which nobody waits may be delayed: a load takes several steps in a row.
const SOON: Duration = Duration::from_millis(100);
/// The file's name in the spool's folder.
pub const FILE: &str = "plugins.json";

/// The whole history, by the plug-ins' names in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Book {
    pub plugins: BTreeMap<String, Record>,
    /// The number of the last attempt. Attempts of all plug-ins are counted together, across restarts.
    pub last_attempt: u64,
}

/// The history of one plug-in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Record {
    /// The SHA-256 of the version that runs, or ran last.
    pub running: Option<String>,
    /// Versions that were live and were not rolled back, the latest first.
    pub versions: Vec<Version>,
    /// The file that was rolled back. It is not loaded again until it is replaced.
    pub barred: Option<Barred>,
    /// The peers for which the breaker of the running version is open; empty while it is closed for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub breaker: Vec<OpenBreaker>,
    /// The last attempts, oldest first.
    pub attempts: Vec<Attempt>,
}

/// An open breaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenBreaker {
    /// The peer whose messages the version fails on; `None` when it fails on those of several.
    pub peer: Option<String>,
    /// When it opened, in RFC 3339.
    pub since: String,
}

/// A version that was live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Version {
    /// The SHA-256 of the component in lower-case hexadecimal.
    pub digest: String,
    /// The version number that the component states.
    pub version: String,
    /// When it last went live, in RFC 3339.
    pub since: String,
    /// The digest of the version that it replaced, to which a rollback leads.
    pub replaced: Option<String>,
}

/// A file that may not go live again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barred {
    pub digest: String,
    /// Identifies the file: see [`files::stamp`]. Putting the same bytes there again changes the stamp.
    pub stamp: String,
    pub why: String,
}

/// The book, and the file that it is kept in.
#[derive(Debug, Default)]
pub struct History(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Held for changes in memory only, never during disk access.
    book: Mutex<Book>,
    /// The spool's folder; `None` for commands that leave nothing behind.
    folder: Option<PathBuf>,
    writing: Mutex<Writing>,
    /// Wakes the writer, because somebody waits for the file.
    hurry: Notify,
    /// The number of the last change that is in the file.
    written: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Writing {
    /// The number of the last change.
    last: u64,
    /// A task is writing, and will include later changes.
    under_way: bool,
}

impl Book {
    /// The digests of all versions in the book.
    pub fn digests(&self) -> impl Iterator<Item = &str> {
        let versions = self.plugins.values().flat_map(|record| &record.versions);
        versions.map(|version| version.digest.as_str())
    }

    /// Reads the book in a spool's folder. Empty when there is none yet.
    pub fn read(folder: &Path) -> std::io::Result<Self> {
        match std::fs::read(folder.join(FILE)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(std::io::Error::other),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }
}

impl Record {
    pub fn version(&self, digest: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.digest == digest)
    }

    /// The version before the running one, if its bytes are still kept.
    pub fn previous(&self) -> Option<&Version> {
        let running = self.version(self.running.as_deref()?)?;
        self.version(running.replaced.as_deref()?)
    }

    /// Records that a version runs. Beyond the bound, the versions that went live longest ago are forgotten.
    pub fn went_live(&mut self, digest: &str, version: &str, now: &str) {
        let before = self.running.replace(digest.to_owned());
        let known = self.version(digest).cloned();
        if before.as_deref() == Some(digest) && known.is_some() {
            return;
        }
        // A version that was gone back to keeps its own predecessor. Otherwise the next rollback would lead to the
        // newer version again, and not further back.
        let goes_back = before
            .as_deref()
            .and_then(|before| self.version(before))
            .is_some_and(|before| before.replaced.as_deref() == Some(digest));
        let replaced = match (goes_back, known) {
            (true, Some(known)) => known.replaced,
            _ => before.filter(|before| before != digest),
        };
        self.versions.retain(|version| version.digest != digest);
        let version = Version {
            digest: digest.to_owned(),
            version: version.to_owned(),
            since: now.to_owned(),
            replaced,
        };
        self.versions.insert(0, version);
        self.versions.truncate(VERSIONS_MAX);
    }

    /// Records that the running version was rolled back to `to`. A rollback never leads to it again.
    pub fn rolled_back(&mut self, bad: &str, to: &str, why: &str, stamp: String) {
        self.running = Some(to.to_owned());
        self.versions.retain(|version| version.digest != bad);
        // What comes out of no file is barred in the store.
        self.barred = (!stamp.is_empty()).then(|| Barred {
            digest: bad.to_owned(),
            stamp,
            why: why.to_owned(),
        });
        let of_it = |attempt: &&mut Attempt| attempt.digest == bad && attempt.verdict == Verdict::Live;
        if let Some(attempt) = self.attempts.iter_mut().rev().find(of_it) {
            attempt.verdict = Verdict::RolledBack;
            attempt.why = why.to_owned();
        }
    }

    /// Records for which peers the breaker of the running version is open now.
    pub fn breaker_is_open_for(&mut self, peers: Vec<Option<String>>, now: &str) {
        let before = std::mem::take(&mut self.breaker);
        let open = |peer: Option<String>| {
            let known = before.iter().find(|it| it.peer == peer);
            known.cloned().unwrap_or_else(|| OpenBreaker {
                peer,
                since: now.to_owned(),
            })
        };
        self.breaker = peers.into_iter().map(open).collect();
    }

    pub fn attempt(&mut self, number: u64) -> Option<&mut Attempt> {
        self.attempts.iter_mut().find(|attempt| attempt.number == number)
    }
}

impl History {
    /// Continues the book in `folder`. An unreadable book is renamed and replaced by an empty one, because it must not
    /// keep a relay from starting.
    pub fn open(folder: &Path) -> Self {
        let mut book = Book::read(folder).unwrap_or_else(|error| {
            tracing::error!(
                event = "plugin-history-lost",
                "the history of plug-ins cannot be read, and begins anew: {error}"
            );
            let path = folder.join(FILE);
            let _ = std::fs::rename(&path, path.with_extension("json.bad"));
            Book::default()
        });
        for record in book.plugins.values_mut() {
            // Every version that is loaded now starts with its breaker closed.
            record.breaker.clear();
        }
        for attempt in book.plugins.values_mut().flat_map(|record| &mut record.attempts) {
            if attempt.verdict == Verdict::UnderWay {
                attempt.verdict = Verdict::Refused;
                attempt.why = "the relay ended meanwhile".to_owned();
            }
        }
        Self(Arc::new(Inner {
            book: Mutex::new(book),
            folder: Some(folder.to_owned()),
            ..Inner::default()
        }))
    }

    pub fn folder(&self) -> Option<&Path> {
        self.0.folder.as_deref()
    }

    /// The history of a plug-in.
    pub fn record(&self, plugin: &str) -> Record {
        lock(&self.0.book).plugins.get(plugin).cloned().unwrap_or_default()
    }

    /// Begins an attempt, and returns its number.
    pub fn begin(&self, plugin: &str, cause: Cause, digest: &str, now: String) -> u64 {
        let number = {
            let mut book = lock(&self.0.book);
            book.last_attempt += 1;
            let number = book.last_attempt;
            let attempts = &mut book.plugins.entry(plugin.to_owned()).or_default().attempts;
            attempts.push(Attempt {
                number,
                cause,
                asked: None,
                digest: digest.to_owned(),
                began: now,
                steps: Vec::new(),
                verdict: Verdict::UnderWay,
                why: String::new(),
            });
            let excess = attempts.len().saturating_sub(ATTEMPTS_MAX);
            attempts.drain(..excess);
            number
        };
        self.save();
        number
    }

    /// Changes the history of a plug-in: in memory now, in the file soon.
    pub fn note(&self, plugin: &str, change: impl FnOnce(&mut Record)) {
        change(lock(&self.0.book).plugins.entry(plugin.to_owned()).or_default());
        self.save();
    }

    /// Like [`note`](Self::note), and waits until the change is in the file.
    pub async fn change(&self, plugin: &str, change: impl FnOnce(&mut Record)) {
        self.note(plugin, change);
        self.written().await;
    }

    /// Waits until the file has every change made so far.
    pub async fn written(&self) {
        if self.0.folder.is_some() {
            let last = lock(&self.0.writing).last;
            self.0.hurry.notify_one();
            // The sender cannot be gone: `self` owns it.
            let _ = self.0.written.subscribe().wait_for(|written| *written >= last).await;
        }
    }

    /// Removes kept components that no version needs any more.
    pub async fn sweep(&self) {
        let Some(folder) = self.0.folder.clone() else { return };
        let book = lock(&self.0.book).clone();
        // What cannot be removed now is removed the next time.
        let _ = tokio::task::spawn_blocking(move || files::sweep(&folder, book.digests())).await;
    }

    /// Has the present state written, by the task that is writing or by a new one.
    fn save(&self) {
        let Some(folder) = self.0.folder.clone() else { return };
        let mut writing = lock(&self.0.writing);
        writing.last += 1;
        if !std::mem::replace(&mut writing.under_way, true) {
            tokio::spawn(write(Arc::clone(&self.0), folder));
        }
    }
}

/// Writes until the file has the last change.
async fn write(inner: Arc<Inner>, folder: PathBuf) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(SOON) => {}
            () = inner.hurry.notified() => {}
        }
        let (of_it, folder) = (Arc::clone(&inner), folder.clone());
        let Ok(last) = tokio::task::spawn_blocking(move || of_it.write(&folder)).await else {
            return;
        };
        let mut writing = lock(&inner.writing);
        if writing.last == last {
            writing.under_way = false;
            return;
        }
    }
}

impl Inner {
    /// Writes the present state, and returns the number of the last change in it. A failure is logged: the history must
    /// not stop the load that it records.
    fn write(&self, folder: &Path) -> u64 {
        let last = lock(&self.writing).last;
        let book = lock(&self.book).clone();
        let text = serde_json::to_vec_pretty(&book).map_err(std::io::Error::other);
        if let Err(error) = text.and_then(|text| files::put(&folder.join(FILE), &text, 0o640)) {
            tracing::error!(
                event = "plugin-history-lost",
                "the history of plug-ins cannot be written: {error}"
            );
        }
        self.written.send_replace(last);
        last
    }
}

#[cfg(test)]
mod tests;
