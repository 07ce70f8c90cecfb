//! The connections that read beside the writer: a few, which never wait for a commit.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

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
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    open: usize,
}

impl Readers {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            pool: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs `read` with a connection, and waits for one when all are in use. Blocks.
    pub(super) fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, SpoolError>) -> Result<T, SpoolError> {
        let db = self.take()?;
        let result = read(&db);
        self.lock().idle.push(db);
        self.returned.notify_one();
        result
    }

    fn take(&self) -> Result<Connection, SpoolError> {
        let full = |pool: &mut Pool| pool.idle.is_empty() && pool.open == MOST;
        let waited = self.returned.wait_while(self.lock(), full);
        let mut pool = waited.unwrap_or_else(PoisonError::into_inner);
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

    /// A thread that panicked left the pool as it was: nothing is half done under the lock.
    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
