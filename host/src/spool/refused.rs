//! Messages that were refused at the end of their data, by the id in the reply, for an operator who is asked about one.
//!
//! The relay has promised nothing about them, so they are not in the database, and nothing waits for them: a thread
//! appends them to a file in the spool's folder, which is replaced by a new one at 4 MiB. The previous file is kept
//! until then; both together hold the last ten thousand refusals or more.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use serde::{Deserialize, Serialize};

/// The size in octets at which the next file is begun.
const FULL: u64 = 4 << 20;
/// The most refusals that wait to be written. The log has them too.
const WAITING: usize = 1_000;
const FILE: &str = "refused.jsonl";
const BEFORE: &str = "refused.1.jsonl";

/// One refusal, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Refused {
    /// The id in the reply.
    pub id: String,
    /// Milliseconds since 1970.
    pub at: u64,
    pub peer: String,
    /// Address and port.
    pub remote: String,
    pub helo: String,
    /// Empty: the null sender.
    pub from: String,
    /// The first recipients.
    pub to: Vec<String>,
    /// The number of recipients.
    pub recipients: u64,
    /// The reply to the peer.
    pub reply: String,
    /// Further details for an operator.
    pub reason: String,
}

/// Takes refusals to record.
#[derive(Debug)]
pub struct Refusals(SyncSender<Refused>);

impl Refusals {
    /// Starts the thread for the spool in `folder`.
    ///
    /// # Errors
    /// The system provides no thread.
    pub fn start(folder: &Path) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        let folder = folder.to_owned();
        let write = move || keep_writing(&folder, &receiver);
        std::thread::Builder::new().name("refusals".into()).spawn(write)?;
        Ok(Self(sender))
    }

    /// Records nothing.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Self {
        Self(sync_channel(1).0)
    }

    /// Records a refusal. Never waits.
    pub fn note(&self, refused: Refused) {
        // A refusal that finds no room is in the log.
        let _ = self.0.try_send(refused);
    }
}

/// Writes until the sender is gone.
fn keep_writing(folder: &Path, receiver: &Receiver<Refused>) {
    let mut failing = false;
    for refused in receiver {
        match append(folder, &refused) {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(
                    event = "refusal-not-noted",
                    "refusals cannot be written down, `trace` will not know them: {error}"
                );
            }
            Err(_) => {}
        }
    }
}

fn append(folder: &Path, refused: &Refused) -> io::Result<()> {
    let place = folder.join(FILE);
    if fs::metadata(&place).is_ok_and(|file| file.len() >= FULL) {
        fs::rename(&place, folder.join(BEFORE))?;
    }
    let mut line = serde_json::to_vec(refused)?;
    line.push(b'\n');
    // The file contains subscribers' numbers.
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(place)?;
    file.write_all(&line)
}

/// Finds the refusal with this id, if it is still recorded.
pub(super) fn find(folder: &Path, id: &str) -> Option<Refused> {
    let files: [PathBuf; 2] = [FILE, BEFORE].map(|name| folder.join(name));
    files.iter().find_map(|file| {
        let lines = BufReader::new(File::open(file).ok()?).lines().map_while(Result::ok);
        let read = |line: String| serde_json::from_str::<Refused>(&line).ok();
        lines
            .filter(|line| line.contains(id))
            .filter_map(read)
            .find(|refused| refused.id == id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(id: &str) -> Refused {
        Refused {
            id: id.into(),
            at: 1,
            peer: "a".into(),
            remote: "192.0.2.1:25".into(),
            helo: "a.example".into(),
            from: String::new(),
            to: vec!["+15555550199".into()],
            recipients: 1,
            reply: "554 5.6.0 no".into(),
            reason: "x".repeat(10_000),
        }
    }

    #[test]
    fn the_last_ones_are_found_in_bounded_files() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..1_000 {
            append(folder.path(), &refused(&format!("ID{number:04}"))).unwrap();
        }
        assert_eq!(find(folder.path(), "ID0999"), Some(refused("ID0999")));
        assert_eq!(
            find(folder.path(), "ID0600"),
            Some(refused("ID0600")),
            "in the file before"
        );
        assert_eq!(find(folder.path(), "ID0001"), None);
        let octets: u64 = [FILE, BEFORE]
            .iter()
            .map(|name| fs::metadata(folder.path().join(name)).unwrap().len())
            .sum();
        assert!(octets < 2 * FULL + 20_000);
    }
}
