//! How a relay learns of changes that a command beside it makes to the database, so that it need not ask the database about
//! what it has in memory.
//!
//! A command makes a file longer by one octet before its change, and again behind it. So an odd length means that a change is
//! under way, or that a command died in one: then what is in memory cannot be relied on. Another length than before means
//! that something was changed. Asking costs one system call; asking the database would take a transaction.
//!
//! Only the length counts, and nothing is written: so it works on a full disk too.

use std::fs::File;
use std::io;
use std::path::Path;

use super::schema::{broken, private_file};
use crate::spool::SpoolError;

/// The file in the spool's folder.
const FILE: &str = "spool.beside";

/// How often something was changed beside this relay.
pub(super) struct Announced(File);

/// A change that is under way, until this is dropped.
pub(super) struct Announcement(File);

impl Announced {
    /// Begins to count from nothing, for a relay that has nothing in memory yet. Waits for a command that is changing
    /// something.
    pub fn open(folder: &Path) -> Result<Self, SpoolError> {
        let begun = || {
            let file = private_file(&folder.join(FILE))?;
            file.lock()?;
            file.set_len(0)?;
            file.unlock()?;
            Ok(file)
        };
        begun().map(Self).map_err(|error| broken(folder, &error))
    }

    /// The number of changes so far, each counted when it began and when it ended; `None` while one is under way.
    pub fn so_far(&self) -> Option<u64> {
        let length = self.0.metadata().ok()?.len();
        length.is_multiple_of(2).then_some(length)
    }
}

impl Announcement {
    /// Waits for other commands.
    ///
    /// # Errors
    /// The change cannot be announced, so it must not be made.
    pub fn begin(folder: &Path) -> Result<Self, SpoolError> {
        let begun = || {
            let file = private_file(&folder.join(FILE))?;
            file.lock()?;
            let before = file.metadata()?.len();
            // Odd, whatever a command that died has left.
            file.set_len(before + 1 + before % 2)?;
            Ok(file)
        };
        begun().map(Self).map_err(|error| broken(folder, &error))
    }

    fn end(&self) -> io::Result<()> {
        self.0.set_len(self.0.metadata()?.len() + 1)
    }
}

impl Drop for Announcement {
    /// If this fails, the relay asks its database each time.
    fn drop(&mut self) {
        let _ = self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_under_way_until_it_ends_and_then_counts() {
        let folder = tempfile::tempdir().unwrap();
        let announced = Announced::open(folder.path()).unwrap();
        let before = announced.so_far().unwrap();
        let change = Announcement::begin(folder.path()).unwrap();
        assert_eq!(announced.so_far(), None);
        drop(change);
        assert!(announced.so_far().unwrap() > before);
    }

    #[test]
    fn whoever_dies_in_a_change_leaves_it_under_way_until_the_next_one_ends() {
        let folder = tempfile::tempdir().unwrap();
        let announced = Announced::open(folder.path()).unwrap();
        let died = Announcement::begin(folder.path()).unwrap();
        died.0.unlock().unwrap();
        std::mem::forget(died);
        assert_eq!(announced.so_far(), None);
        let next = Announcement::begin(folder.path()).unwrap();
        assert_eq!(announced.so_far(), None);
        drop(next);
        assert!(announced.so_far().is_some());
    }

    #[test]
    fn a_relay_that_starts_counts_anew() {
        let folder = tempfile::tempdir().unwrap();
        drop(Announcement::begin(folder.path()).unwrap());
        assert_eq!(Announced::open(folder.path()).unwrap().so_far(), Some(0));
    }
}
