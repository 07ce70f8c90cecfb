//! A message while it is received: in memory while it is small and the budget has room, else in a file without a name.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::Lease;
use crate::message::{Content, ReadAt};

/// The memory reserved for the first octets of a message. A size that the peer declares is trusted up to `TRUSTED`
/// only.
const FIRST: usize = 16 << 10;
const TRUSTED: usize = 64 << 10;

/// How many octets are written to the file at once.
const WRITE: usize = 64 << 10;

/// The most octets that may be pushed between two calls of `settle`: one read from the connection.
pub(super) const FILL: usize = 32 << 10;

/// Takes octets with `push`. The caller must call `settle`, which writes them to disk, at least once per [`FILL`]
/// octets.
pub(super) struct Draft {
    folder: PathBuf,
    /// The most octets that stay in memory.
    limit: usize,
    first: usize,
    /// The octets that have not been written to the file yet.
    bytes: Vec<u8>,
    lease: Lease,
    place: Place,
}

enum Place {
    Memory,
    /// The draft needs a file, which `settle` has yet to create.
    Moving,
    File {
        file: Arc<File>,
        written: u64,
    },
}

impl Draft {
    /// A new draft. It reserves nothing before octets arrive. `declared` is the SIZE parameter of MAIL.
    pub(super) fn new(lease: Lease, folder: PathBuf, limit: usize, declared: Option<u64>) -> Self {
        let declared = declared.map_or(0, |size| usize::try_from(size).unwrap_or(usize::MAX));
        Self {
            folder,
            limit,
            first: declared.clamp(FIRST, TRUSTED).min(limit),
            bytes: Vec::new(),
            lease,
            place: if declared > limit { Place::Moving } else { Place::Memory },
        }
    }

    /// The folder for its file.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn push(&mut self, octets: &[u8]) {
        let needed = self.bytes.len() + octets.len();
        if needed > self.bytes.capacity() {
            self.make_room(needed);
        }
        self.bytes.extend_from_slice(octets);
    }

    /// Writes when enough octets have gathered. After an error the draft is useless.
    pub(super) async fn settle(&mut self) -> io::Result<()> {
        match self.place {
            Place::Memory => Ok(()),
            Place::File { .. } if self.bytes.len() < WRITE => Ok(()),
            Place::Moving | Place::File { .. } => self.write().await,
        }
    }

    pub(super) async fn finish(mut self) -> io::Result<Content> {
        if !matches!(self.place, Place::Memory) {
            self.write().await?;
        }
        Ok(match self.place {
            Place::File { file, written } => Content::Stored(Arc::new(Stored { file, size: written })),
            Place::Memory | Place::Moving => Content::Memory {
                bytes: Bytes::from(self.bytes),
                lease: Some(Arc::new(self.lease)),
            },
        })
    }

    fn make_room(&mut self, needed: usize) {
        let doubled = (self.bytes.capacity() * 2).max(self.first).min(self.limit);
        let capacity = doubled.max(needed);
        if matches!(self.place, Place::Memory) {
            if needed <= self.limit && self.lease.grow(capacity - self.lease.octets()) {
                self.bytes.reserve_exact(capacity - self.bytes.len());
                return;
            }
            self.place = Place::Moving;
        }
        // These octets are outside the budget until `settle` runs. They are bounded: one read and one write a session.
        self.bytes.reserve_exact((needed - self.bytes.len()).max(FILL));
    }

    async fn write(&mut self) -> io::Result<()> {
        let (file, at) = match &self.place {
            Place::File { file, written } => (Ok(Arc::clone(file)), *written),
            Place::Memory | Place::Moving => (Err(self.folder.clone()), 0),
        };
        let octets = std::mem::take(&mut self.bytes);
        let write = move || -> io::Result<(Arc<File>, Vec<u8>)> {
            let file = match file {
                Ok(file) => file,
                Err(folder) => Arc::new(tempfile::tempfile_in(folder)?),
            };
            file.write_all_at(&octets, at)?;
            Ok((file, octets))
        };
        let (file, mut octets) = tokio::task::spawn_blocking(write).await.map_err(io::Error::other)??;
        let written = at + octets.len() as u64;
        self.place = Place::File { file, written };
        octets.clear();
        if self.lease.octets() > 0 {
            // The file holds the message from here on, so its memory goes back to the budget; further octets pass a
            // small buffer.
            self.lease = self.lease.empty();
            octets = Vec::new();
        }
        self.bytes = octets;
        Ok(())
    }
}

/// A message in a file without a name, which the system removes even after a crash.
struct Stored {
    file: Arc<File>,
    size: u64,
}

impl ReadAt for Stored {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, range: Range<u64>) -> io::Result<Bytes> {
        if range.start > range.end || range.end > self.size {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("octets {range:?} are not in a message of {}", self.size),
            ));
        }
        let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        let mut octets = vec![0; length];
        self.file.read_exact_at(&mut octets, range.start)?;
        Ok(octets.into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemoryBudget;
    use super::*;

    const LIMIT: usize = 100_000;

    async fn store(budget: &MemoryBudget, size: usize, declared: Option<u64>) -> Content {
        let folder = tempfile::tempdir().unwrap();
        let mut draft = Draft::new(budget.empty_lease(), folder.path().to_owned(), LIMIT, declared);
        let octets: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        for chunk in octets.chunks(10_007) {
            draft.push(chunk);
            draft.settle().await.unwrap();
        }
        let content = draft.finish().await.unwrap();
        assert_eq!(content.read(0..size as u64).unwrap(), octets);
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "files have no names"
        );
        content
    }

    #[tokio::test]
    async fn a_message_of_exactly_the_limit_stays_in_memory_and_one_octet_more_does_not() {
        let budget = MemoryBudget::new(1 << 20);
        let content = store(&budget, LIMIT, None).await;
        assert!(content.is_in_memory());
        assert_eq!(budget.used(), LIMIT);
        drop(content);
        assert_eq!(budget.used(), 0);
        assert!(!store(&budget, LIMIT + 1, None).await.is_in_memory());
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn a_message_that_finds_no_room_goes_to_a_file_and_frees_what_it_had() {
        let budget = MemoryBudget::new(40_000);
        assert!(!store(&budget, 50_000, None).await.is_in_memory());
        assert_eq!(budget.used(), 0);
        assert!(!store(&MemoryBudget::new(0), 300_000, None).await.is_in_memory());
    }

    #[tokio::test]
    async fn a_declared_size_saves_steps_but_reserves_little() {
        let budget = MemoryBudget::new(1 << 20);
        assert!(!store(&budget, 10, Some(LIMIT as u64 + 1)).await.is_in_memory());
        assert!(store(&budget, 10, Some(u64::MAX / 2)).await.size() == 10);
        let content = store(&budget, 10, Some(LIMIT as u64)).await;
        assert!(content.is_in_memory() && budget.used() <= TRUSTED);
    }

    #[tokio::test]
    async fn an_empty_message_costs_nothing() {
        let budget = MemoryBudget::new(0);
        let content = store(&budget, 0, None).await;
        assert!(content.is_in_memory() && content.size() == 0);
    }

    #[tokio::test]
    async fn reading_behind_the_end_of_a_file_is_an_error() {
        let content = store(&MemoryBudget::new(0), 20, None).await;
        assert!(content.read(10..21).is_err());
        assert_eq!(content.read(20..20).unwrap().len(), 0);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_an_error_at_the_first_write() {
        let mut draft = Draft::new(MemoryBudget::new(0).empty_lease(), "/nonexistent".into(), LIMIT, None);
        draft.push(b"x");
        assert!(draft.settle().await.is_err());
    }
}
