//! Moving committed pages from the log into the database, beside the commits.
//!
//! A second thread copies while commits go on, until little is left; the writer then copies that rest between two
//! transactions, after which SQLite begins the log again from its start. Doing it all in the writer would make commits
//! wait for the copy of the whole log.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::log::Noter;
use super::room::Gauge;
use super::schema::{self, PAGE};
use crate::message::Timestamp;
use crate::spool::SpoolError;

/// How many pages the writer may copy itself: 2 MiB, a few milliseconds.
const REST: i64 = 2 * 1024 * 1024 / PAGE as i64;

/// Passes of the copying thread. Each leaves the commits made meanwhile, which are fewer every time.
const PASSES: u32 = 4;

/// How long the writer waits for readers before it leaves the log as it is and tries later.
const PATIENCE: Duration = Duration::from_millis(5);

/// The writer's side.
pub(super) struct Checkpoints {
    /// Pages in the log that make a checkpoint due.
    limit: i64,
    /// The length at which to try next, after readers were in the way.
    retry_at: i64,
    /// `None` once the copying thread has ended: the writer then copies everything itself.
    copier: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    state: Arc<State>,
    /// Records how long the log is, for the next start.
    noter: Option<Noter>,
    /// The length of the log as recorded last, or the error of a disk that failed then. `None` once
    /// [`Checkpoints::after_flush`] has taken it.
    noted: Result<Option<Log>, SpoolError>,
}

#[derive(Default)]
struct State {
    copying: AtomicBool,
    copied: AtomicBool,
    /// The disk failed under the copying thread.
    failed: Mutex<Option<SpoolError>>,
}

/// The log, counted in pages.
struct Log {
    length: i64,
    copied: i64,
    blocked: bool,
}

impl Checkpoints {
    /// Starts the copying thread, with a connection of its own. `limit`: octets of log.
    pub(super) fn start(folder: &Path, limit: u64) -> Result<Self, SpoolError> {
        let db = schema::open_existing(folder)?;
        let (wake, due) = mpsc::channel();
        let state = Arc::new(State::default());
        let shared = state.clone();
        let thread = std::thread::Builder::new().name("spool-checkpoint".into());
        let copy = move || {
            while due.recv().is_ok() {
                if let Err(error) = copy_most(&db) {
                    *shared.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
                shared.copied.store(true, SeqCst);
                shared.copying.store(false, SeqCst);
            }
        };
        let thread = thread
            .spawn(copy)
            .map_err(|e| SpoolError::Broken(format!("no thread for checkpoints: {e}")))?;
        Ok(Self {
            limit: (limit / u64::from(PAGE)) as i64,
            retry_at: 0,
            copier: Some(wake),
            thread: Some(thread),
            state,
            noter: Noter::open(folder).ok(),
            noted: Ok(None),
        })
    }

    /// Called by the writer between transactions. Returns [`SpoolError::Failed`] when the disk failed during a copy; no
    /// other error is a reason to stop. The length is the recorded one: a batch without a commit makes no log longer.
    pub(super) fn after_flush(&mut self, db: &Connection, gauge: &Gauge) -> Result<(), SpoolError> {
        let failed = self.state.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        failed.map_or(Ok(()), Err)?;
        let Some(log) = std::mem::replace(&mut self.noted, Ok(None))? else {
            return Ok(());
        };
        gauge.log_is(log.length as u64 * u64::from(PAGE));
        if self.state.copying.load(SeqCst) || log.length < self.limit.max(self.retry_at) {
            return Ok(());
        }
        if log.length - log.copied > REST && !self.state.copied.swap(false, SeqCst) {
            self.state.copying.store(true, SeqCst);
            if self.copier.as_ref().is_some_and(|copier| copier.send(()).is_ok()) {
                return Ok(());
            }
            self.state.copying.store(false, SeqCst);
            self.copier = None;
        }
        self.state.copied.store(false, SeqCst);
        self.finish(db, log.length)
    }

    /// Records how long the log is. A commit is acknowledged only after this, so that a log which lost an acknowledged
    /// commit is known to be too short. If the disk fails here, the next [`Self::after_flush`] returns the error.
    pub(super) fn note_end(&mut self, db: &Connection, now: Timestamp) {
        if self.noted.is_err() {
            return;
        }
        // NOOP copies nothing and waits for nobody; it tells how long the log is.
        self.noted = checkpoint(db, "NOOP");
        if let Ok(Some(log)) = &self.noted {
            let length = log.length;
            self.note(length, now);
        }
    }

    /// A length that cannot be recorded is unknown after the next start, which does no other harm.
    fn note(&mut self, pages: i64, now: Timestamp) {
        if let Some(noter) = &mut self.noter {
            let _ = noter.note(u64::try_from(pages).unwrap_or_default(), now);
        }
    }

    /// Copies the rest, so that the next transaction begins the log anew. Waits a little for readers of the old log.
    fn finish(&mut self, db: &Connection, length: i64) -> Result<(), SpoolError> {
        let waits = |time| db.busy_timeout(time).is_ok();
        if !waits(PATIENCE) {
            return Ok(());
        }
        let log = checkpoint(db, "RESTART");
        waits(schema::BUSY);
        let blocked = log?.is_none_or(|log| log.blocked);
        self.retry_at = if blocked { length + self.limit / 4 } else { 0 };
        Ok(())
    }

    /// On a full disk with so many octets `free`: makes the log start over, or, if it is to be `shorter`, give its
    /// blocks back. The database may grow by the copied pages, and an incomplete copy would only take the rest of the
    /// space: so it is made only when all of it fits.
    pub(super) fn make_room(&mut self, db: &Connection, shorter: bool, free: u64) {
        let mode = if shorter { "TRUNCATE" } else { "RESTART" };
        let left = |log: Log| u64::try_from(log.length - log.copied).unwrap_or(0) * u64::from(PAGE);
        let fits = try_checkpoint(db, "NOOP").is_ok_and(|log| left(log) <= free);
        if fits && db.busy_timeout(PATIENCE).is_ok() {
            // It is tried again when there is more room.
            let _ = try_checkpoint(db, mode);
            let _ = db.busy_timeout(schema::BUSY);
        }
    }

    /// At the end: leaves an empty log.
    pub(super) fn last(&mut self, db: &Connection) {
        self.end();
        // What is not copied now is copied after the next start.
        let _ = checkpoint(db, "TRUNCATE");
    }

    /// Ends the copying thread, and waits until its connection is closed.
    fn end(&mut self) {
        self.copier = None;
        // Whether it panicked has been said.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.end();
    }
}

fn copy_most(db: &Connection) -> Result<(), SpoolError> {
    for _ in 0..PASSES {
        match checkpoint(db, "PASSIVE")? {
            Some(log) if log.length - log.copied > REST => {}
            _ => break,
        }
    }
    Ok(())
}

/// Unless the disk failed, an error is no reason to stop: nothing is lost, the log only grows until a later checkpoint
/// succeeds.
fn checkpoint(db: &Connection, mode: &str) -> Result<Option<Log>, SpoolError> {
    match try_checkpoint(db, mode).map_err(SpoolError::from) {
        Ok(log) => Ok(Some(log)),
        Err(error) => {
            tracing::warn!(%error, mode, event = "checkpoint-failed", "the spool's checkpoint failed, and is tried again");
            match error {
                SpoolError::Failed(_) => Err(error),
                _ => Ok(None),
            }
        }
    }
}

fn try_checkpoint(db: &Connection, mode: &str) -> rusqlite::Result<Log> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    let mut query = db.prepare_cached(&sql)?;
    query.query_row((), |row| {
        Ok(Log {
            blocked: row.get(0)?,
            length: row.get(1)?,
            copied: row.get(2)?,
        })
    })
}
