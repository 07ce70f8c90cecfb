//! Configurations that have run, each with the text of its files, so that one can go back. A new generation begins when a
//! start or a reload takes files that say something else than those of the last one.
//!
//! In a folder of the state folder, a file for each. Whoever edits the configuration's files beside the relay need not know
//! of it.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::When;
use crate::message::Timestamp;

/// In the state folder.
const FOLDER: &str = "configurations";
/// Generations that are kept.
const KEPT: usize = 100;

/// A configuration that has run.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Generation {
    /// Counted from 1.
    pub number: u64,
    pub since: When,
    /// The configuration itself, and behind it what it includes.
    pub files: Vec<KeptFile>,
}

/// A file of a configuration, as it was read.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct KeptFile {
    /// Absolute.
    pub file: PathBuf,
    pub text: String,
}

impl Generation {
    /// The text of this file, if it is one of its own.
    pub fn text(&self, file: &Path) -> Option<&str> {
        let found = self.files.iter().find(|source| source.file == file);
        found.map(|source| source.text.as_str())
    }

    /// The configuration itself.
    pub fn main(&self) -> Option<&KeptFile> {
        self.files.first()
    }
}

/// Notes what runs now; its number. Nothing new begins where nothing differs.
///
/// # Errors
/// The state folder cannot be read or written.
pub fn note(folder: &Path, files: Vec<KeptFile>, now: Timestamp) -> io::Result<u64> {
    let last = last(folder)?;
    if let Some(last) = last.as_ref().filter(|last| last.files == files) {
        return Ok(last.number);
    }
    let generation = Generation {
        number: last.map_or(1, |last| last.number + 1),
        since: now.into(),
        files,
    };
    let folder = folder.join(FOLDER);
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let mut new = tempfile::NamedTempFile::new_in(&folder)?;
    new.write_all(&serde_json::to_vec(&generation)?)?;
    new.as_file().sync_all()?;
    new.persist(file(&folder, generation.number))?;
    File::open(&folder)?.sync_all()?;
    forget(&folder)?;
    Ok(generation.number)
}

/// The one that ran last, or runs.
///
/// # Errors
/// It is there and cannot be read.
pub fn last(folder: &Path) -> io::Result<Option<Generation>> {
    let last = numbers(&folder.join(FOLDER))?.pop();
    last.map_or(Ok(None), |number| read(folder, number))
}

/// `None` when there is none of that number, or none any more.
///
/// # Errors
/// It is there and cannot be read.
pub fn read(folder: &Path, number: u64) -> io::Result<Option<Generation>> {
    match std::fs::read(file(&folder.join(FOLDER), number)) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Those that are kept, oldest first.
///
/// # Errors
/// One of them cannot be read.
pub fn all(folder: &Path) -> io::Result<Vec<Generation>> {
    let numbers = numbers(&folder.join(FOLDER))?.into_iter();
    let read = numbers.map(|number| read(folder, number));
    read.filter_map(Result::transpose).collect()
}

/// Writes a file of a configuration in the place of the old one, whose owner, group and mode it keeps.
///
/// # Errors
/// This process may not.
pub fn put(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    if let Ok(old) = std::fs::metadata(file) {
        let is_ours = new.as_file().metadata()?;
        if (old.uid(), old.gid()) != (is_ours.uid(), is_ours.gid()) {
            std::os::unix::fs::chown(new.path(), Some(old.uid()), Some(old.gid()))?;
        }
        new.as_file()
            .set_permissions(std::fs::Permissions::from_mode(old.mode()))?;
    }
    new.as_file().sync_all()?;
    new.persist(file)?;
    File::open(folder)?.sync_all()
}

fn file(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number}.json"))
}

/// In their order.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let listed = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    let mut numbers = Vec::new();
    for entry in listed {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        numbers.extend(stem.and_then(|stem| stem.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn forget(folder: &Path) -> io::Result<()> {
    let numbers = numbers(folder)?;
    let old = numbers.len().saturating_sub(KEPT);
    numbers
        .into_iter()
        .take(old)
        .try_for_each(|number| std::fs::remove_file(file(folder, number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Vec<KeptFile> {
        vec![KeptFile {
            file: "/etc/mm4relay/relay.toml".into(),
            text: text.to_owned(),
        }]
    }

    #[test]
    fn a_generation_begins_where_something_differs_and_the_last_hundred_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(last(folder.path()).unwrap(), None);
        for (text, number) in [("a", 1), ("a", 1), ("b", 2), ("a", 3)] {
            assert_eq!(note(folder.path(), source(text), Timestamp(0)).unwrap(), number);
        }
        assert_eq!(last(folder.path()).unwrap().map(|last| last.files), Some(source("a")));
        for number in 0..KEPT {
            note(folder.path(), source(&number.to_string()), Timestamp(0)).unwrap();
        }
        let kept: Vec<u64> = all(folder.path()).unwrap().iter().map(|it| it.number).collect();
        assert_eq!((kept.first(), kept.last(), kept.len()), (Some(&4), Some(&103), KEPT));
        assert_eq!(read(folder.path(), 3).unwrap(), None);
    }

    #[test]
    fn a_file_that_is_put_in_place_keeps_the_mode_of_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("relay.toml");
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        put(&file, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o640);
    }
}
