//! Whether there is room on the disk: examined once a second, for the code that accepts and delivers messages.
//!
//! There are three stages. Below the low-water mark no message is accepted; stored messages are delivered, and their
//! outcomes are recorded. When SQLite finds the disk full all the same, because somebody else has filled it, the
//! reserve is given up, so that outcomes of messages on their way can be recorded. While the reserve is gone, or the
//! last write failed, nothing is delivered, because it would be delivered again. All stages end by themselves when
//! there is space.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::readers::Readers;
use super::schema::PAGE;
use super::work::{Request, Work};
use crate::spool::reserve::{OPERATOR, RELAY, Reserve};
use crate::spool::{Room, SpoolError};

/// How often the disk is examined.
const LOOK: Duration = Duration::from_secs(1);

/// If it was not examined for so long, something hangs.
const TOO_LONG: Duration = Duration::from_secs(60);

/// How long one of the relay's own reads may take; none takes a tenth of that.
const LONGEST_READ: Duration = Duration::from_secs(30);

/// Every so many examinations a write tests whether the disk is writable.
const LOOKS_PER_WRITE: u64 = 10;

/// The mark is at most this fraction of the disk.
const PART_OF_DISK: u64 = 10;

/// The log is too long at so many times the size at which it should begin anew. Under load it has twice that size.
const LOG_TIMES: u64 = 4;

/// The fractions of the mark that are kept in files. An outcome writes up to 250 KB of log: a page of 16 KiB for each
/// table and index that it changes. Every session of every peer may have one on its way: the default of 64 MiB has room
/// for more than a hundred.
const FOR_RELAY: u64 = 2;
const FOR_OPERATOR: u64 = 8;

/// The state of the disk, shared by the writer, the watch, and those who ask.
#[derive(Debug)]
pub(super) struct Gauge {
    folder: PathBuf,
    /// The low-water mark in octets; 0 when it is not watched.
    mark: u64,
    relay: Reserve,
    operator: Reserve,
    free: AtomicU64,
    low: AtomicBool,
    /// The reserve was given up.
    spent: AtomicBool,
    /// Why the last write failed.
    failed: Mutex<Option<String>>,
    /// The disk failed, and the store was not opened anew and checked since.
    closed: AtomicBool,
    /// How often the disk has failed.
    failures: AtomicU64,
    /// The size of the log in octets, and the largest that is normal; 0 when unknown.
    log: AtomicU64,
    log_limit: u64,
    /// How often it was larger.
    held_up: AtomicU64,
    /// It is larger at present.
    long: AtomicBool,
    /// When the disk was last looked at.
    looked: Mutex<Instant>,
}

impl Gauge {
    /// `wanted` is the configured mark, `log` the size at which the log should begin anew.
    pub fn new(folder: &Path, wanted: Option<u64>, log: u64) -> Self {
        let mark = match (wanted, disk(folder)) {
            (Some(wanted), Ok(disk)) => wanted.min(disk.size / PART_OF_DISK),
            (wanted, _) => wanted.unwrap_or(0),
        };
        Self {
            folder: folder.to_owned(),
            mark,
            relay: Reserve::new(folder, RELAY),
            operator: Reserve::new(folder, OPERATOR),
            free: AtomicU64::new(u64::MAX),
            low: AtomicBool::new(false),
            spent: AtomicBool::new(false),
            failed: Mutex::default(),
            closed: AtomicBool::new(false),
            failures: AtomicU64::new(0),
            log: AtomicU64::new(0),
            log_limit: LOG_TIMES * log,
            held_up: AtomicU64::new(0),
            long: AtomicBool::new(false),
            looked: Mutex::new(Instant::now()),
        }
    }

    pub fn room(&self) -> Room {
        if self.spent.load(Relaxed) || self.failure().is_some() {
            return Room::None;
        }
        match self.low.load(Relaxed) {
            true => Room::Low,
            false => Room::Ample,
        }
    }

    /// Free octets at the last examination; `None` when the disk is not watched.
    pub fn free(&self) -> Option<u64> {
        (self.mark > 0).then(|| self.free.load(Relaxed))
    }

    /// Octets that are free at this moment.
    pub fn free_now(&self) -> u64 {
        disk(&self.folder).map_or(0, |disk| disk.free)
    }

    /// Why there is not ample room, for people.
    pub fn why(&self) -> Option<String> {
        let free = self.free.load(Relaxed) / 1024;
        match self.room() {
            Room::Ample => None,
            Room::Low => Some(format!(
                "the spool's disk has {free} KiB left, less than its reserve of {} KiB: no message is taken",
                self.mark / 1024
            )),
            Room::None => Some(match self.failure() {
                Some(why) if self.is_closed() => format!(
                    "nothing is taken and nothing delivered, until the spool has been opened anew and looked through: {why}"
                ),
                Some(why) => {
                    format!("nothing is taken and nothing delivered, because the spool cannot be written: {why}")
                }
                None => format!("nothing is taken and nothing delivered: the spool's disk is full ({free} KiB left)"),
            }),
        }
    }

    /// How long the disk was not examined, if that is too long: the thread is gone, or the disk hangs.
    pub fn unseen(&self) -> Option<Duration> {
        let looked = *self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        Some(looked.elapsed()).filter(|unseen| self.mark > 0 && *unseen > TOO_LONG)
    }

    /// Records that the disk failed, and that the store is closed.
    pub fn fail(&self, error: &SpoolError) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        self.failures.fetch_add(1, Relaxed);
        if !self.closed.swap(true, Relaxed) {
            tracing::error!(
                event = "spool-failed",
                "{error}: nothing is taken and nothing delivered until the spool has been opened anew and looked through"
            );
        }
    }

    /// Records that the store could not be opened anew.
    pub fn stays_closed(&self, error: &SpoolError) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }

    /// The store is open again, and has been looked through.
    pub fn mended(&self) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.closed.store(false, Relaxed);
    }

    /// Whether the disk has failed, and the store is closed because of that.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// How often the disk has failed.
    pub fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    /// The error for requests while the store is closed.
    pub fn failed(&self) -> SpoolError {
        SpoolError::Failed(self.failure().unwrap_or_default())
    }

    /// Records the size of the log. At four times the normal size a reader is in the way, which is logged once.
    pub fn log_is(&self, octets: u64) {
        self.log.store(octets, Relaxed);
        let long = octets > self.log_limit;
        if long && !self.long.swap(true, Relaxed) {
            self.held_up.fetch_add(1, Relaxed);
            tracing::warn!(
                octets,
                event = "spool-log-long",
                "the spool's log grows, because somebody has been reading the database for long: a command, a copy, another program"
            );
        } else if octets <= self.log_limit / 2 {
            self.long.store(false, Relaxed);
        }
    }

    /// Octets of the log, and how often it was too long.
    pub fn log(&self) -> (u64, u64) {
        (self.log.load(Relaxed), self.held_up.load(Relaxed))
    }

    /// Records that the writer's last transaction succeeded, or failed without a request's fault.
    pub fn wrote(&self, result: Result<(), &SpoolError>) {
        let why = match result {
            Ok(()) => None,
            Err(error @ (SpoolError::Full(_) | SpoolError::Broken(_))) => Some(error.to_string()),
            // Only one request is affected by an unreadable page.
            Err(_) => return,
        };
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Gives up the relay's reserve, once. Returns whether there was one.
    pub fn spend(&self) -> bool {
        if self.mark == 0 || !self.relay.release() {
            return false;
        }
        self.spent.store(true, Relaxed);
        tracing::error!(
            event = "disk-full",
            "the spool's disk is full: the reserve is given up for what is on its way, and nothing more is delivered"
        );
        true
    }

    fn failure(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Examines the disk, and allocates the reserves if there is space. `reusable` is free space within the database.
    pub fn look(&self, reusable: u64) {
        if self.mark == 0 {
            return;
        }
        self.keep_reserves(self.free_now());
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let free = self.free_now();
        self.free.store(free, Relaxed);
        // A backlog that was delivered leaves free space inside the database, and not beside it.
        let ample = free >= self.mark || (free >= self.mark / 4 && free.saturating_add(reusable) >= 2 * self.mark);
        // Once the room is low, a little more than the mark is required, so that it does not change with every message.
        let ample = ample && (!self.low.load(Relaxed) || free >= self.mark + self.mark / 8 || reusable >= self.mark);
        self.low.store(!ample, Relaxed);
    }

    fn keep_reserves(&self, free: u64) {
        let (relay, operator) = (self.mark / FOR_RELAY, self.mark / FOR_OPERATOR);
        let missing = |reserve: &Reserve, octets: u64| octets.saturating_sub(reserve.octets());
        let wanted = missing(&self.relay, relay) + missing(&self.operator, operator);
        // Some space must remain, or the next write would take the reserve away again.
        if wanted > 0 && free > wanted + self.mark / 8 {
            // What cannot be kept now is tried again at the next look.
            let _ = self.operator.keep(operator);
            let _ = self.relay.keep(relay);
        }
        // A disk that never had room for the files, but has room for outcomes, does not count as full.
        if self.relay.octets() == relay {
            self.spent.store(false, Relaxed);
        } else if free < relay {
            self.spent.store(true, Relaxed);
        }
    }
}

struct Disk {
    size: u64,
    free: u64,
}

/// The file system of a folder, as it is for a user without privileges.
fn disk(folder: &Path) -> std::io::Result<Disk> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(Disk {
        size: disk.f_blocks.saturating_mul(disk.f_frsize),
        free: disk.f_bavail.saturating_mul(disk.f_frsize),
    })
}

/// Looks once a second, until the spool is closed.
pub(super) struct Watch {
    pub requests: mpsc::WeakSender<Request>,
    pub readers: Arc<Readers>,
    pub gauge: Arc<Gauge>,
}

impl Watch {
    pub fn start(self) -> Result<(), SpoolError> {
        let thread = std::thread::Builder::new().name("spool-room".into());
        let spawned = thread.spawn(move || self.run());
        spawned.map_err(|e| SpoolError::Broken(format!("no thread for the spool's room: {e}")))?;
        Ok(())
    }

    fn run(self) {
        let mut said = Room::Ample;
        for look in 0u64.. {
            if !self.try_to_write(look % LOOKS_PER_WRITE == 0 || self.readers.are_suspect()) {
                return;
            }
            self.readers.stop_long_ones(LONGEST_READ);
            self.gauge.look(self.reusable());
            let room = self.gauge.room();
            if room != said {
                self.say(room);
                said = room;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Whether writing is possible: tested now and `then`, because nobody may write for hours. After a failed write, or
    /// without a reserve, it is tested every time, with the log moved into the database so that its blocks become free.
    /// Returns false when the spool is closed.
    fn try_to_write(&self, then: bool) -> bool {
        let Some(requests) = self.requests.upgrade() else {
            return false;
        };
        let shorten = self.gauge.room() == Room::None;
        if !shorten && !then {
            return true;
        }
        let (reply, answer) = oneshot::channel();
        let work = Work::Probe { shorten };
        // A full queue means that others are trying.
        match requests.try_send(Request { work, reply }) {
            Ok(()) => answer.blocking_recv().is_ok(),
            Err(mpsc::error::TrySendError::Full(_)) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }

    fn reusable(&self) -> u64 {
        let pages = self.readers.with(|db| {
            let pages = db.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0))?;
            Ok(u64::try_from(pages).unwrap_or(0))
        });
        pages.unwrap_or(0).saturating_mul(PAGE.into())
    }

    /// Logs each change once.
    fn say(&self, room: Room) {
        let why = self.gauge.why().unwrap_or_default();
        match room {
            Room::Ample => tracing::info!(
                event = "disk-ample",
                "the spool has room again: messages are taken and delivered"
            ),
            Room::Low => tracing::warn!(event = "disk-low", "{why}; what is there is delivered"),
            Room::None => tracing::error!(event = "disk-full", "{why}"),
        }
    }
}
