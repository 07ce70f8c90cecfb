//! Disk space that is reserved for what must be written on a full disk.
//!
//! The reserve consists of files of zeros, allocated beforehand and given up when SQLite reports a full disk: one for
//! the relay, which must record the outcomes of messages on their way, and one for operators, whose `queue drop` makes
//! room. They are allocated again when there is space.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;

/// The reserve for outcomes.
pub(super) const RELAY: &str = "spool.reserve";
/// The reserve for operators' commands.
pub(super) const OPERATOR: &str = "spool.reserve-operator";

/// One of the files.
#[derive(Debug)]
pub(super) struct Reserve(PathBuf);

impl Reserve {
    pub fn new(folder: &Path, name: &str) -> Self {
        Self(folder.join(name))
    }

    /// The octets that are reserved now.
    pub fn octets(&self) -> u64 {
        std::fs::metadata(&self.0).map_or(0, |file| file.len())
    }

    /// Reserves so many octets. After an error none are reserved.
    pub fn keep(&self, octets: u64) -> io::Result<()> {
        if self.octets() == octets {
            return Ok(());
        }
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.0)?;
        let kept = allocate(&file, octets);
        if kept.is_err() {
            let _ = file.set_len(0);
        }
        kept
    }

    /// Gives its blocks to whoever writes first. Returns whether there were any.
    pub fn release(&self) -> bool {
        let had = self.octets() > 0;
        // On a full disk a file can be shortened, but possibly not removed.
        had && OpenOptions::new().write(true).truncate(true).open(&self.0).is_ok()
    }
}

fn allocate(file: &File, octets: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, octets) {
        // This file system has no `fallocate`.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let (block, mut file) = (vec![0; 64 << 10], file);
            for _ in 0..octets.div_ceil(block.len() as u64) {
                file.write_all(&block)?;
            }
            file.set_len(octets)?;
            file.sync_all()
        }
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_takes_space_until_it_is_released() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(folder.path(), RELAY);
        assert!(!reserve.release());
        reserve.keep(1 << 20).unwrap();
        let blocks = |path: &Path| std::os::unix::fs::MetadataExt::blocks(&std::fs::metadata(path).unwrap());
        assert_eq!(reserve.octets(), 1 << 20);
        assert!(blocks(&reserve.0) >= (1 << 20) / 512);
        assert!(reserve.release());
        assert_eq!((reserve.octets(), blocks(&reserve.0)), (0, 0));
        assert!(!reserve.release());
    }
}
