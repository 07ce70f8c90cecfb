//! The connections that read beside the writer: a few, which never wait for a commit.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, InterruptHandle};

use super::schema::{self, kibibytes};
use crate::spool::SpoolError;

/// Connections at the most. Reads are short; more threads than this only wait for each other inside SQLite.
const MOST: usize = 8;

/// Octets of pages that each connection keeps. Content passes through once, so there is little to gain from more.
const CACHE: u64 = 512 * 1024;

/// The read connections.
pub(super) struct Readers {
    folder: PathBuf,
    pool: Mutex<Pool>,
    returned: Condvar,
    /// Somebody found an unreadable page.
    suspect: AtomicBool,
}

/// A connection in use. It is returned when this is dropped, even by a panic.
struct Lent<'a> {
    readers: &'a Readers,
    number: u64,
    db: Option<Connection>,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    open: usize,
    /// The present reads: since when, and how to stop each.
    busy: Vec<(u64, Instant, InterruptHandle)>,
    /// Of the last who began to read.
    number: u64,
    /// Nobody may read: the disk has failed.
    closed: bool,
}

impl Readers {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            pool: Mutex::default(),
            returned: Condvar::new(),
            suspect: AtomicBool::new(false),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs `read` with a connection, and waits for one when all are in use. Blocks.
    pub(super) fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, SpoolError>) -> Result<T, SpoolError> {
        let db = self.take()?;
        let lent = Lent {
            readers: self,
            number: self.begins(&db),
            db: Some(db),
        };
        let result = lent.db.as_ref().ok_or(SpoolError::Closed).and_then(read);
        if let Err(SpoolError::Corrupt(_)) = result {
            self.suspect();
        }
        result
    }

    /// Reports an unreadable page: the database must be checked.
    pub(super) fn suspect(&self) {
        self.suspect.store(true, Relaxed);
    }

    pub(super) fn are_suspect(&self) -> bool {
        self.suspect.load(Relaxed)
    }

    /// Closes idle connections now, and the others when they are returned. Nobody reads until
    /// [`open_again`](Self::open_again).
    pub(super) fn close(&self) {
        let mut pool = self.lock();
        pool.closed = true;
        pool.open -= pool.idle.len();
        pool.idle.drain(..).for_each(schema::close);
        drop(pool);
        self.returned.notify_all();
    }

    /// Whether the last one is closed.
    pub(super) fn are_closed(&self) -> bool {
        self.lock().open == 0
    }

    pub(super) fn open_again(&self) {
        self.suspect.store(false, Relaxed);
        self.lock().closed = false;
    }

    fn begins(&self, db: &Connection) -> u64 {
        let mut pool = self.lock();
        pool.number += 1;
        let number = pool.number;
        pool.busy.push((number, Instant::now(), db.get_interrupt_handle()));
        number
    }

    /// Stops reads that have taken longer than this, because the log cannot begin anew while somebody reads. Returns
    /// their number.
    pub(super) fn stop_long_ones(&self, longest: Duration) -> usize {
        let pool = self.lock();
        let long = pool.busy.iter().filter(|(_, since, _)| since.elapsed() > longest);
        long.map(|(_, _, handle)| handle.interrupt()).count()
    }

    fn give_back(&self, number: u64, db: Connection) {
        let mut pool = self.lock();
        pool.busy.retain(|(busy, ..)| *busy != number);
        if pool.closed {
            pool.open -= 1;
            schema::close(db);
        } else {
            pool.idle.push(db);
        }
        drop(pool);
        self.returned.notify_one();
    }

    fn take(&self) -> Result<Connection, SpoolError> {
        let full = |pool: &mut Pool| !pool.closed && pool.idle.is_empty() && pool.open == MOST;
        let waited = self.returned.wait_while(self.lock(), full);
        let mut pool = waited.unwrap_or_else(PoisonError::into_inner);
        if pool.closed {
            return Err(SpoolError::Failed(
                "nothing is read until the spool has been opened anew".into(),
            ));
        }
        if let Some(db) = pool.idle.pop() {
            return Ok(db);
        }
        let db = self.open()?;
        pool.open += 1;
        Ok(db)
    }

    fn open(&self) -> Result<Connection, SpoolError> {
        let db = schema::open_existing(&self.folder)?;
        db.pragma_update(None, "query_only", true)?;
        db.pragma_update(None, "cache_size", -kibibytes(CACHE))?;
        Ok(db)
    }

    /// The pool is consistent even after a thread has panicked.
    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(db) = self.db.take() {
            self.readers.give_back(self.number, db);
        }
    }
}
