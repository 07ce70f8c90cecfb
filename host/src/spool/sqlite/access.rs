//! Two ways to the database for operators and readers of streams: through an open spool, or on a connection beside it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::watch;

use super::announced::Announcement;
use super::operator::LastCounts;
use super::schema::{self, open_existing};
use super::work::{Operation, Work};
use super::{SqliteSpool, log};
use crate::spool::SpoolError;
use crate::spool::reserve::{OPERATOR, Reserve};

/// Signals each flush that appended records.
pub(super) type Growth = watch::Receiver<()>;

/// A way to the database. Both verbs block.
pub(super) trait Access: Send + Sync + 'static {
    fn read<T: Send>(&self, read: impl FnOnce(&Connection) -> Result<T, SpoolError>) -> Result<T, SpoolError>;

    /// Makes a change in one transaction, durable when this returns; after an error nothing has happened. The closure
    /// may be called more than once before the commit, so it must do nothing but write.
    fn write<T: Send + 'static>(
        &self,
        change: impl Fn(&Connection) -> Result<T, SpoolError> + Send + Sync + 'static,
    ) -> Result<T, SpoolError>;

    /// As [`write`](Self::write), for a change of plug-ins' values: the relay that has them in memory forgets them.
    fn write_values<T: Send + 'static>(
        &self,
        change: impl Fn(&Connection) -> Result<T, SpoolError> + Send + Sync + 'static,
    ) -> Result<T, SpoolError>;

    /// The spool's folder.
    fn folder(&self) -> &Path;

    /// What was counted last.
    fn counts(&self) -> &LastCounts;

    /// What was missing from the log when the database was opened, for people.
    fn missing(&self) -> Option<String>;

    /// The signal for appended records, if there is one.
    fn growth(&self) -> Option<Growth>;
}

/// A connection beside a relay, which may run or not; commands use it.
pub(in crate::spool) struct Beside {
    db: Mutex<Connection>,
    reserve: Reserve,
    folder: PathBuf,
    counts: LastCounts,
    missing: Option<String>,
}

impl Beside {
    /// Fails when there is no spool in `folder`, or one of another format: only the relay and
    /// [`upgrade`](crate::spool::upgrade) change the format.
    pub fn open(folder: &Path) -> Result<Self, SpoolError> {
        let reserve = Reserve::new(folder, OPERATOR);
        // Asked before SQLite opens the log, which it silently cuts at the first damaged page.
        let missing = match schema::is_claimed(folder) {
            true => None,
            false => log::keep_damaged(folder),
        };
        let db = match open_existing(folder) {
            // On a full disk SQLite cannot even make the files that it works with.
            Err(SpoolError::Full(_)) if reserve.release() => open_existing(folder)?,
            opened => opened?,
        };
        Ok(Self {
            db: Mutex::new(db),
            reserve,
            folder: folder.to_owned(),
            counts: LastCounts::default(),
            missing,
        })
    }

    /// If a holder panicked, its transaction was rolled back when it was dropped.
    fn db(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transact<T>(&self, change: &impl Fn(&Connection) -> Result<T, SpoolError>) -> Result<T, SpoolError> {
        let mut db = self.db();
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let changed = change(&transaction)?;
        transaction.commit()?;
        Ok(changed)
    }
}

impl Access for Beside {
    fn read<T: Send>(&self, read: impl FnOnce(&Connection) -> Result<T, SpoolError>) -> Result<T, SpoolError> {
        read(&self.db())
    }

    fn write<T: Send + 'static>(
        &self,
        change: impl Fn(&Connection) -> Result<T, SpoolError> + Send + Sync + 'static,
    ) -> Result<T, SpoolError> {
        let _until_it_is_made = Announcement::begin(&self.folder)?;
        match self.transact(&change) {
            // The operator's reserve is for a full disk.
            Err(SpoolError::Full(_)) if self.reserve.release() => self.transact(&change),
            changed => changed,
        }
    }

    fn write_values<T: Send + 'static>(
        &self,
        change: impl Fn(&Connection) -> Result<T, SpoolError> + Send + Sync + 'static,
    ) -> Result<T, SpoolError> {
        self.write(change)
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn counts(&self) -> &LastCounts {
        &self.counts
    }

    fn missing(&self) -> Option<String> {
        self.missing.clone()
    }

    /// There is no signal for records of another process.
    fn growth(&self) -> Option<Growth> {
        None
    }
}

/// Reads on the spool's own connections, and writes through its one writer, so that no connection is opened and no lock
/// is contended.
impl Access for SqliteSpool {
    fn read<T: Send>(&self, read: impl FnOnce(&Connection) -> Result<T, SpoolError>) -> Result<T, SpoolError> {
        self.readers.with(read)
    }

    fn write<T: Send + 'static>(
        &self,
        change: impl Fn(&Connection) -> Result<T, SpoolError> + Send + Sync + 'static,
    ) -> Result<T, SpoolError> {
        let changed = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&changed);
        let operation = move |db: &Connection| {
            let value = change(db)?;
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            Ok(())
        };
        self.submit_and_block(Work::Operate(Operation(Box::new(operation))))?;
        let value = changed.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.ok_or(SpoolError::Closed)
    }

    fn write_values<T: Send + 'static>(
        &self,
        change: impl Fn(&Connection) -> Result<T, SpoolError> + Send + Sync + 'static,
    ) -> Result<T, SpoolError> {
        let changed = self.write(change);
        self.values.forget();
        changed
    }

    fn folder(&self) -> &Path {
        self.readers.folder()
    }

    fn counts(&self) -> &LastCounts {
        &self.counts
    }

    fn missing(&self) -> Option<String> {
        self.missing.clone()
    }

    fn growth(&self) -> Option<Growth> {
        let mut growth = self.growth.clone();
        growth.mark_unchanged();
        Some(growth)
    }
}
