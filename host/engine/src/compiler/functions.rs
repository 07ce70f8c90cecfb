//! Compiled functions, kept from one compilation for the next.
//!
//! An edit of a plug-in changes few of its functions; in Python and JavaScript it changes next to none, because the program is data
//! of an interpreter that is compiled each time. Cranelift can ask for each function whether it was compiled before. What it
//! asks is answered from one file, read as a whole and written as a whole: what was used last stands first, and the end is
//! cut off where the file would become too large.
//!
//! A function is kept with a digest, since a file that a crash cut short would otherwise be run as code.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use wasmtime::CacheStore;

/// The most octets of the file. Two interpreters of the size of Python's have room.
const LARGEST: usize = 256 << 20;
/// The octets of a key of Cranelift's, and of a digest.
const HASH: usize = 32;
/// What stands in front of each function: its key, its digest, its length.
const HEAD: usize = HASH + HASH + 4;

type Key = [u8; HASH];

/// What the file held, and what came.
pub(super) struct Functions {
    path: PathBuf,
    content: Vec<u8>,
    known: HashMap<Key, Range<usize>>,
    seen: Mutex<Seen>,
}

/// The functions of this compilation.
#[derive(Default)]
struct Seen {
    used: Vec<Key>,
    new: HashMap<Key, Vec<u8>>,
}

impl Functions {
    /// What a file holds. One that is missing or cannot be read holds nothing: everything is compiled then.
    pub fn open(path: &Path) -> Self {
        let content = fs::read(path).unwrap_or_default();
        Functions {
            path: path.to_owned(),
            known: entries(&content).collect(),
            content,
            seen: Mutex::default(),
        }
    }

    /// Writes the file, if anything came. A failure costs the time of the next compilation, and nothing else.
    pub fn keep(&self) {
        let seen = self.seen();
        if seen.new.is_empty() {
            return;
        }
        let unfinished = self.path.with_extension(std::process::id().to_string());
        if self
            .write(&seen, &unfinished)
            .and_then(|()| fs::rename(&unfinished, &self.path))
            .is_err()
        {
            let _ = fs::remove_file(&unfinished);
        }
    }

    fn write(&self, seen: &Seen, path: &Path) -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        let mut file = BufWriter::new(file);
        let mut written = 0;
        for (key, function) in self.in_order(seen) {
            written += HEAD + function.len();
            if written > LARGEST {
                break;
            }
            let length = u32::try_from(function.len()).map_err(io::Error::other)?;
            file.write_all(key)?;
            file.write_all(&digest(key, function))?;
            file.write_all(&length.to_le_bytes())?;
            file.write_all(function)?;
        }
        file.flush()
    }

    /// What came, what was used, and the rest.
    fn in_order<'a>(&'a self, seen: &'a Seen) -> impl Iterator<Item = (&'a Key, &'a [u8])> {
        let mut left = self.known.clone();
        let used: Vec<_> = seen
            .used
            .iter()
            .filter_map(|key| Some((key, left.remove(key)?)))
            .collect();
        let rest = self
            .known
            .iter()
            .filter(move |(key, _)| left.contains_key(*key))
            .map(|(key, at)| (key, at.clone()));
        let old = used
            .into_iter()
            .chain(rest)
            .filter(|(key, _)| !seen.new.contains_key(*key));
        let old = old.map(|(key, at)| (key, &self.content[at]));
        seen.new
            .iter()
            .map(|(key, function)| (key, function.as_slice()))
            .chain(old)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(key: &Key, function: &[u8]) -> [u8; HASH] {
    Sha256::new().chain_update(key).chain_update(function).finalize().into()
}

/// Each whole entry, up to one that is cut short.
fn entries(content: &[u8]) -> impl Iterator<Item = (Key, Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (head, _) = content.get(at..)?.split_first_chunk::<HEAD>()?;
        let (key, rest) = head.split_first_chunk::<HASH>()?;
        let length = u32::from_le_bytes(*rest.last_chunk()?) as usize;
        let function = at + HEAD..(at + HEAD).checked_add(length)?;
        content.get(function.clone())?;
        at = function.end;
        Some((*key, function))
    })
}

impl CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let key = Key::try_from(key).ok()?;
        let at = self.known.get(&key)?;
        let written = &self.content[at.start - HASH - 4..at.start - 4];
        let function = &self.content[at.clone()];
        if digest(&key, function) != written {
            return None;
        }
        self.seen().used.push(key);
        Some(function.into())
    }

    fn insert(&self, key: &[u8], function: Vec<u8>) -> bool {
        let Ok(key) = Key::try_from(key) else {
            return false;
        };
        self.seen().new.insert(key, function);
        true
    }
}

impl Debug for Functions {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{} functions of {}", self.known.len(), self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [Key; 3] = [[1; HASH], [2; HASH], [3; HASH]];

    fn folder_with(functions: &[(Key, &[u8])]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("functions");
        let kept = Functions::open(&path);
        for (key, function) in functions {
            assert!(kept.insert(key, function.to_vec()));
        }
        kept.keep();
        (folder, path)
    }

    #[test]
    fn what_one_compilation_keeps_the_next_one_gets() {
        let (_folder, path) = folder_with(&[(KEYS[0], b"one"), (KEYS[1], b"")]);
        let next = Functions::open(&path);
        assert_eq!(next.get(&KEYS[0]).as_deref(), Some(&b"one"[..]));
        assert_eq!(next.get(&KEYS[1]).as_deref(), Some(&b""[..]));
        assert_eq!(next.get(&KEYS[2]), None);
        assert!(next.insert(&KEYS[2], b"three".to_vec()));
        next.keep();
        let last = Functions::open(&path);
        assert_eq!(last.get(&KEYS[2]).as_deref(), Some(&b"three"[..]));
        assert_eq!(last.get(&KEYS[0]).as_deref(), Some(&b"one"[..]));
    }

    #[test]
    fn what_was_used_stands_in_front_of_what_was_not() {
        let (_folder, path) = folder_with(&[(KEYS[0], b"one"), (KEYS[1], b"two")]);
        for used in [KEYS[0], KEYS[1]] {
            let next = Functions::open(&path);
            next.get(&used).unwrap();
            next.insert(&KEYS[2], b"three".to_vec());
            next.keep();
            let order: Vec<Key> = entries(&fs::read(&path).unwrap()).map(|(key, _)| key).collect();
            assert_eq!(order[..2], [KEYS[2], used]);
        }
    }

    #[test]
    fn a_file_that_is_cut_or_changed_gives_nothing_that_was_not_written() {
        let (_folder, path) = folder_with(&[(KEYS[0], b"one"), (KEYS[1], b"two")]);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut spoilt = whole.clone();
            spoilt[at] ^= 1;
            for content in [&whole[..at], &spoilt] {
                fs::write(&path, content).unwrap();
                let kept = Functions::open(&path);
                let got = [kept.get(&KEYS[0]), kept.get(&KEYS[1])];
                assert!(got[0].as_deref().is_none_or(|function| function == b"one"), "{at}");
                assert!(got[1].as_deref().is_none_or(|function| function == b"two"), "{at}");
            }
        }
    }
}
