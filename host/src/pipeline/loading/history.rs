//! What became of every attempt to load a plug-in: in memory, and in a file that people and other commands read.
//!
//! `plugins.json` in the spool's folder is replaced as a whole at every step, by rename, so that whoever reads it sees
//! one state; `plugin list` prints it, and `plugin load` follows an attempt by it. It is bounded: the last
//! [`ATTEMPTS_MAX`] attempts and [`VERSIONS_MAX`] versions of each plug-in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::files;

/// Attempts that are kept for each plug-in.
pub const ATTEMPTS_MAX: usize = 10;
/// Versions that are kept for each plug-in: the running one, and five before it.
pub const VERSIONS_MAX: usize = 6;
/// Its name in the spool's folder.
pub const FILE: &str = "plugins.json";

/// Everything that is known, by the name of the plug-in in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Book {
    pub plugins: BTreeMap<String, Record>,
    /// The number of the last attempt; they are counted through all plug-ins and restarts.
    pub last_attempt: u64,
}

/// What is known of one plug-in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Record {
    /// The SHA-256 of the version that runs, or ran last.
    pub running: Option<String>,
    /// Versions that were live and did not have to be rolled back, the last to go live first.
    pub versions: Vec<Version>,
    /// The file that was rolled back, and is not loaded again until it is replaced.
    pub barred: Option<Barred>,
    /// The last attempts, oldest first.
    pub attempts: Vec<Attempt>,
}

/// A version that was live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Version {
    /// SHA-256 of the component in lower-case hexadecimal.
    pub digest: String,
    /// What it says of itself.
    pub version: String,
    /// When it last went live, RFC 3339.
    pub since: String,
    /// The digest of the version whose place it took: where a rollback leads.
    pub replaced: Option<String>,
}

/// A file that may not go live again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barred {
    pub digest: String,
    /// Which file it was: see [`files::stamp`]. Putting the same bytes there again makes another one.
    pub stamp: String,
    pub why: String,
}

/// One attempt to load a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub number: u64,
    /// `start`, `reload` or `file`.
    pub cause: Cause,
    pub digest: String,
    /// RFC 3339.
    pub began: String,
    pub steps: Vec<Step>,
    pub verdict: Verdict,
    /// Why, when it is not live.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// What led to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The relay was started.
    Start,
    /// The configuration was read again.
    Reload,
    /// The file was replaced.
    File,
}

/// A step that was taken, in the order of [`super`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub step: String,
    /// Milliseconds since the attempt began.
    pub after_ms: u64,
    pub said: String,
}

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    UnderWay,
    Live,
    Refused,
    RolledBack,
}

/// The book, and the file that it is kept in.
#[derive(Debug, Default)]
pub struct History {
    /// Held for memory only, never for the disk.
    book: Mutex<Book>,
    /// The folder of the spool; none for commands that leave nothing behind.
    folder: Option<PathBuf>,
    /// Makes writes go one after the other, so that the last state is the last one written.
    writing: tokio::sync::Mutex<()>,
}

impl Book {
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

    /// The version that ran before the running one, if its bytes are still kept.
    pub fn previous(&self) -> Option<&Version> {
        let running = self.version(self.running.as_deref()?)?;
        self.version(running.replaced.as_deref()?)
    }

    /// Notes that a version runs. What is kept beyond the bound is forgotten: the versions that went live longest ago.
    pub fn went_live(&mut self, digest: &str, version: &str, now: &str) {
        let before = self.running.replace(digest.to_owned());
        let known = self.version(digest).cloned();
        if before.as_deref() == Some(digest) && known.is_some() {
            return;
        }
        // Going back is not going on: the version that was gone back to keeps its own predecessor, and the next
        // rollback leads further down instead of up again.
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

    /// Notes that the running version was rolled back to `to`: it is no version to go back to any more.
    pub fn rolled_back(&mut self, bad: &str, to: &str, why: &str, stamp: String) {
        self.running = Some(to.to_owned());
        self.versions.retain(|version| version.digest != bad);
        self.barred = Some(Barred {
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

    pub fn attempt(&mut self, number: u64) -> Option<&mut Attempt> {
        self.attempts.iter_mut().find(|attempt| attempt.number == number)
    }
}

impl History {
    /// Goes on with the book in `folder`. One that cannot be read is put aside: it must not keep a relay from starting.
    pub fn open(folder: &Path) -> Self {
        let mut book = Book::read(folder).unwrap_or_else(|error| {
            tracing::error!("the history of plug-ins cannot be read, and begins anew: {error}");
            let path = folder.join(FILE);
            let _ = std::fs::rename(&path, path.with_extension("json.bad"));
            Book::default()
        });
        for attempt in book.plugins.values_mut().flat_map(|record| &mut record.attempts) {
            if attempt.verdict == Verdict::UnderWay {
                attempt.verdict = Verdict::Refused;
                attempt.why = "the relay ended meanwhile".to_owned();
            }
        }
        Self {
            book: Mutex::new(book),
            folder: Some(folder.to_owned()),
            ..Self::default()
        }
    }

    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// What is known of a plug-in.
    pub fn record(&self, plugin: &str) -> Record {
        self.lock().plugins.get(plugin).cloned().unwrap_or_default()
    }

    /// Begins an attempt. Its number.
    pub async fn begin(&self, plugin: &str, cause: Cause, digest: &str, now: String) -> u64 {
        let number = {
            let mut book = self.lock();
            book.last_attempt += 1;
            let number = book.last_attempt;
            let attempts = &mut book.plugins.entry(plugin.to_owned()).or_default().attempts;
            attempts.push(Attempt {
                number,
                cause,
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
        self.save().await;
        number
    }

    /// Changes what is known of a plug-in, in memory and in the file.
    pub async fn change(&self, plugin: &str, change: impl FnOnce(&mut Record)) {
        change(self.lock().plugins.entry(plugin.to_owned()).or_default());
        self.save().await;
    }

    /// Removes kept components that no version needs any more.
    pub async fn sweep(&self) {
        let Some(folder) = self.folder.clone() else { return };
        let book = self.lock().clone();
        // What cannot be removed now is removed the next time.
        let _ = tokio::task::spawn_blocking(move || files::sweep(&folder, book.plugins.values())).await;
    }

    /// Writes the present state. Failing to is logged: the history must not stop what it tells of.
    async fn save(&self) {
        let Some(folder) = self.folder.clone() else { return };
        let _turn = self.writing.lock().await;
        let book = self.lock().clone();
        let writing = tokio::task::spawn_blocking(move || {
            let text = serde_json::to_vec_pretty(&book).map_err(std::io::Error::other)?;
            files::put(&folder.join(FILE), &text, 0o640)
        });
        if let Err(error) = writing.await.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            tracing::error!("the history of plug-ins cannot be written: {error}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(record: &mut Record, digests: &[&str]) {
        digests.iter().for_each(|digest| record.went_live(digest, "1", "now"));
    }

    fn previous(record: &Record) -> Option<&str> {
        record.previous().map(|version| version.digest.as_str())
    }

    #[test]
    fn going_back_leads_further_down_each_time_and_not_up_again() {
        let mut record = Record::default();
        live(&mut record, &["a", "b", "c"]);
        assert_eq!(previous(&record), Some("b"));
        live(&mut record, &["b"]);
        assert_eq!(previous(&record), Some("a"));
        live(&mut record, &["a"]);
        assert_eq!(previous(&record), None);
        live(&mut record, &["d"]);
        assert_eq!(previous(&record), Some("a"));
    }

    #[test]
    fn a_version_that_goes_live_again_is_one_version() {
        let mut record = Record::default();
        live(&mut record, &["a", "a", "b", "a", "a"]);
        let digests: Vec<_> = record.versions.iter().map(|version| version.digest.as_str()).collect();
        assert_eq!(digests, ["a", "b"]);
    }

    #[test]
    fn six_versions_are_kept_and_the_running_one_is_among_them() {
        let mut record = Record::default();
        live(&mut record, &["1", "2", "3", "4", "5", "6", "7", "8"]);
        assert_eq!(record.versions.len(), VERSIONS_MAX);
        assert_eq!(record.versions[0].digest, "8");
        assert!(record.version("2").is_none() && record.version("3").is_some());
    }

    #[test]
    fn a_version_that_was_rolled_back_is_not_gone_back_to() {
        let mut record = Record::default();
        live(&mut record, &["a", "b"]);
        record.rolled_back("b", "a", "it failed", "stamp".into());
        assert_eq!((record.running.as_deref(), previous(&record)), (Some("a"), None));
        live(&mut record, &["c"]);
        assert_eq!(previous(&record), Some("a"));
        assert_eq!(record.barred.map(|barred| barred.digest), Some("b".to_owned()));
    }

    #[tokio::test]
    async fn what_was_noted_is_read_by_another_process_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path());
        let number = history
            .begin("p", Cause::File, "d1", "2026-11-21T00:00:00Z".into())
            .await;
        let seen = Book::read(folder.path()).unwrap();
        assert_eq!(seen.plugins["p"].attempts[0].verdict, Verdict::UnderWay);
        history
            .change("p", |record| {
                record.went_live("d1", "1.0", "now");
                record.attempt(number).unwrap().verdict = Verdict::Live;
            })
            .await;
        let again = History::open(folder.path());
        assert_eq!(again.record("p"), history.record("p"));
        assert!(again.begin("p", Cause::Start, "d1", String::new()).await > number);
    }

    #[tokio::test]
    async fn an_attempt_that_a_crash_cut_short_is_not_under_way_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        History::open(folder.path())
            .begin("p", Cause::File, "d1", String::new())
            .await;
        let attempt = History::open(folder.path()).record("p").attempts.remove(0);
        assert_eq!(
            (attempt.verdict, attempt.why.as_str()),
            (Verdict::Refused, "the relay ended meanwhile")
        );
    }

    #[tokio::test]
    async fn the_history_of_a_plug_in_is_bounded() {
        let history = History::default();
        for _ in 0..ATTEMPTS_MAX + 3 {
            history.begin("p", Cause::File, "d", String::new()).await;
        }
        let numbers: Vec<_> = history
            .record("p")
            .attempts
            .iter()
            .map(|attempt| attempt.number)
            .collect();
        assert_eq!(numbers, (4..=ATTEMPTS_MAX as u64 + 3).collect::<Vec<_>>());
    }

    #[test]
    fn a_spoilt_book_is_put_aside_and_the_relay_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "{ half").unwrap();
        assert_eq!(History::open(folder.path()).record("p"), Record::default());
        assert!(folder.path().join("plugins.json.bad").exists());
    }
}
