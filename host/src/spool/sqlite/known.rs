//! Which hashes `lookup` may have, in memory. Most questions are about a request that is new, and most of the answers are
//! that nothing is known: those need neither the database nor another thread.
//!
//! A hash sets four bits of one word, and a word is chosen by other bits of the hash. So what is in `lookup` is always
//! found here, and of what is not, a few in a thousand (with four million hashes): the database is asked about those, as
//! it is about all of them until it has been read. Bits are never cleared, so after many new hashes everything is read
//! anew, and what was forgotten meanwhile is left out.
//!
//! The writer sets a hash before its commit. What a command beside the relay ([`announced`](super::announced)) or an
//! operator adds is in `lookup_new`, and the next commit sets it; until then the database is asked.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;

use rusqlite::Connection;

use super::announced::Announced;
use super::readers::Readers;
use crate::spool::SpoolError;

/// Words of 64 bits: 8 MiB.
const WORDS: usize = 1 << 20;

/// New hashes after which everything is read anew, unless more were found the last time; after a failure, sooner.
const MANY: u64 = 4 << 20;
const AFTER_A_FAILURE: u64 = 1 << 16;

/// Hashes that are read in one transaction, and the pause behind it: readers and commits come first.
const PAGE: i64 = 10_000;
const PAUSE: Duration = Duration::from_millis(1);

const PAGES: [&str; 2] = [
    "SELECT hash FROM lookup_new WHERE hash >= ?1 ORDER BY hash LIMIT ?2",
    "SELECT hash FROM lookup WHERE hash >= ?1 ORDER BY hash LIMIT ?2",
];

pub(super) struct KnownHashes {
    beside: Arc<Announced>,
    /// The changes beside the relay whose hashes are set.
    heard: AtomicU64,
    bits: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// `None` until the database has been read.
    complete: Option<Bits>,
    /// What is being read.
    filling: Option<Bits>,
    /// New hashes since the last reading began, and their number at which the next one is due.
    new: u64,
    due: u64,
}

struct Bits(Vec<u64>);

impl KnownHashes {
    pub fn new(beside: &Arc<Announced>) -> Self {
        Self {
            beside: Arc::clone(beside),
            heard: AtomicU64::new(0),
            bits: RwLock::default(),
        }
    }

    /// Whether the database may have this hash.
    pub fn may_have(&self, hash: i64) -> bool {
        self.is_set(hash) || self.beside.so_far() != Some(self.heard.load(Relaxed))
    }

    /// Whether the database may have this hash, for the writer in its transaction, which has heard of all changes.
    pub fn is_set(&self, hash: i64) -> bool {
        self.read().complete.as_ref().is_none_or(|bits| bits.has(hash))
    }

    /// Notes a hash that is about to be written.
    pub fn add(&self, hash: i64) {
        let mut state = self.write();
        state.new += 1;
        state.set(hash);
    }

    /// Notes what others have added, if there is anything. For the writer in its transaction: no change can be made
    /// meanwhile. Hashes are in `lookup_new` until the writer moves them.
    pub fn hear(&self, db: &Connection, was_changed: bool) -> Result<(), SpoolError> {
        let beside = self.beside.so_far();
        if beside == Some(self.heard.load(Relaxed)) && !was_changed {
            return Ok(());
        }
        let mut query = db.prepare_cached("SELECT hash FROM lookup_new")?;
        let mut rows = query.query(())?;
        let mut state = self.write();
        while let Some(row) = rows.next()? {
            state.set(row.get(0)?);
        }
        if let Some(beside) = beside {
            self.heard.store(beside, Relaxed);
        }
        Ok(())
    }

    /// Reads everything at once, where that is little. For the writer before its first transaction.
    pub fn read_little(&self, db: &Connection) {
        let mut state = self.write();
        state.begin();
        let read = PAGES.map(|page| hashes(db, page, i64::MIN));
        match read.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(pages) if pages.iter().all(|hashes| !is_full(hashes)) => {
                pages.iter().flatten().for_each(|hash| state.set(*hash));
                state.end(Ok(0));
            }
            // In a thread of its own.
            _ => state.filling = None,
        }
    }

    /// Reads everything in a thread of its own, if that is due.
    pub fn read_if_due(self: &Arc<Self>, readers: &Arc<Readers>) {
        let is_due = |state: &State| state.filling.is_none() && state.new >= state.due;
        if !is_due(&self.read()) {
            return;
        }
        self.write().begin();
        let (known, readers) = (Arc::downgrade(self), Arc::downgrade(readers));
        let reading = move || {
            let mut found = 0;
            let read = read_all(&readers, &mut |hashes| {
                found += hashes.len() as u64;
                // Without it the spool was closed, and nobody asks any more.
                known.upgrade().ok_or(SpoolError::Closed)?.found(hashes);
                Ok(())
            });
            if let Some(known) = known.upgrade() {
                known.write().end(read.map(|()| found));
            }
        };
        let thread = std::thread::Builder::new().name("spool-hashes".into());
        if let Err(error) = thread.spawn(reading) {
            self.write().end(Err(SpoolError::Broken(error.to_string())));
        }
    }

    fn found(&self, hashes: &[i64]) {
        if let Some(bits) = &mut self.write().filling {
            hashes.iter().for_each(|hash| bits.set(*hash));
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.bits.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.bits.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn set(&mut self, hash: i64) {
        for bits in [&mut self.complete, &mut self.filling].into_iter().flatten() {
            bits.set(hash);
        }
    }

    fn begin(&mut self) {
        self.filling = Some(Bits(vec![0; WORDS]));
        self.new = 0;
    }

    /// After a failure, what was read before still has everything.
    fn end(&mut self, found: Result<u64, SpoolError>) {
        let read = self.filling.take();
        match found {
            Ok(found) => (self.complete, self.due) = (read, found.max(MANY)),
            Err(error) => {
                self.due = AFTER_A_FAILURE;
                tracing::debug!(%error, "what requests are found by is not in memory yet");
            }
        }
    }
}

impl Bits {
    fn set(&mut self, hash: i64) {
        let (word, mask) = place(hash);
        self.0[word] |= mask;
    }

    fn has(&self, hash: i64) -> bool {
        let (word, mask) = place(hash);
        self.0[word] & mask == mask
    }
}

/// The word of a hash, and its bits in it.
fn place(hash: i64) -> (usize, u64) {
    let hash = hash as u64;
    let bit = |nth: u64| 1 << (hash >> (6 * nth) & 63);
    let word = (hash >> 32) as usize % WORDS;
    (word, bit(0) | bit(1) | bit(2) | bit(3))
}

/// Hands over all hashes, page by page. Those of `lookup_new` come first: from there they move to `lookup`, and never
/// back, so that none is overlooked.
fn read_all(
    readers: &Weak<Readers>,
    each: &mut impl FnMut(&[i64]) -> Result<(), SpoolError>,
) -> Result<(), SpoolError> {
    for page in PAGES {
        let mut from = Some(i64::MIN);
        while let Some(first) = from {
            // Held briefly: the database is closed when nobody has them any more.
            let readers = readers.upgrade().ok_or(SpoolError::Closed)?;
            let hashes = readers.with(|db| hashes(db, page, first))?;
            drop(readers);
            each(&hashes)?;
            let last = hashes.last().filter(|_| is_full(&hashes));
            from = last.and_then(|last| last.checked_add(1));
            std::thread::sleep(PAUSE);
        }
    }
    Ok(())
}

fn is_full(page: &[i64]) -> bool {
    page.len() as i64 == PAGE
}

fn hashes(db: &Connection, page: &str, first: i64) -> Result<Vec<i64>, SpoolError> {
    let mut query = db.prepare_cached(page)?;
    let rows = query.query_map((first, PAGE), |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Evenly spread, as hashes are.
    fn hash(number: u64) -> i64 {
        number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29) as i64
    }

    fn known() -> (tempfile::TempDir, KnownHashes) {
        let folder = tempfile::tempdir().unwrap();
        let beside = Arc::new(Announced::open(folder.path()).unwrap());
        (folder, KnownHashes::new(&beside))
    }

    #[test]
    fn everything_may_be_there_until_it_was_read() {
        let (_folder, known) = known();
        assert!(known.may_have(hash(1)));
        known.write().begin();
        known.found(&[hash(1)]);
        // While it is read, something comes.
        known.add(hash(2));
        assert!(known.may_have(hash(3)));
        known.write().end(Ok(1));
        assert!(known.may_have(hash(1)) && known.may_have(hash(2)) && !known.may_have(hash(3)));
    }

    #[test]
    fn what_fails_to_be_read_anew_stays_as_it_was() {
        let (_folder, known) = known();
        known.write().begin();
        known.write().end(Ok(0));
        known.add(hash(1));
        known.write().begin();
        known.add(hash(2));
        known.write().end(Err(SpoolError::Closed));
        assert!(known.may_have(hash(1)) && known.may_have(hash(2)) && !known.may_have(hash(3)));
    }

    #[test]
    fn what_is_there_is_always_found_and_little_else() {
        let (_folder, known) = known();
        known.write().begin();
        known.write().end(Ok(0));
        (0..1_000_000).for_each(|number| known.add(hash(number)));
        assert!((0..1_000_000).all(|number| known.may_have(hash(number))));
        let others = (1_000_000..2_000_000).filter(|number| known.may_have(hash(*number)));
        let others = others.count();
        assert!(others < 1_000, "{others} of a million");
    }
}
