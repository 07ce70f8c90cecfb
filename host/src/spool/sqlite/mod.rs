//! The spool on SQLite: one file that an operator can open and look into.
//!
//! One thread writes. What arrives while it flushes shares the next transaction and its flush, so that the rate grows
//! with the load while each caller still waits for the disk. Reads run beside it on connections of their own.
//!
//! # What is where
//!
//! | file | what it does |
//! |---|---|
//! | `schema`, `upgrade` | the tables; older formats |
//! | `open` | the lock on the folder, the threads |
//! | `facets` | the verbs of the store |
//! | `writer`, `unit`, `rows` | the one writer: many requests, one transaction |
//! | `readers`, `due`, `outgoing`, `content`, `columns` | what is read beside it, from the connection down to the column |
//! | `transactions`, `waiting`, `history`, `accounts`, `ledger`, `streams` | what a commit does to requests and records |
//! | `leases` | who works on what |
//! | `values`, `known`, `announced` | what is in memory of the database, and what keeps it true |
//! | `operator/`, `access` | what people see and do, on this store's connections or beside it |
//! | `checkpoint`, `forget`, `room` | the log, what is over, and the disk |
//!
//! # Why the numbers are what they are
//!
//! Measured with `examples/spool_throughput` on two cores, shared with other work, and one virtual disk (a flush takes
//! 0.3 to 4 ms, depending on the neighbours; rates below follow it, CPU times do not). Twenty committers that wait for
//! their receipts, each message recorded as delivered soon after, one charging record each way:
//!
//! | message | msg/s, disk quiet | disk busy | CPU a message | commit p50 / p99, quiet | busy |
//! |---|---|---|---|---|---|
//! | 10 kB | 12,700 | 3,000 | 45 us | 1 / 8 ms | 6 / 17 ms |
//! | 30 kB | 14,300 | 2,700 | 55 us | 1 / 5 ms | 8 / 20 ms |
//! | 300 kB | 1,560 | 700 | 275 us | 9 / 67 ms | 28 / 62 ms |
//!
//! At 300 kB the disk's 200 to 450 MB/s are the limit; the latency is that of 6 MB in flight.
//!
//! - *Pages of 16 KiB.* CPU a message of 300 kB: 450 us with 4 KiB, 350 with 8, 280 with 16, 230 with 32. Up to 30 kB
//!   there is no difference beyond the noise. A page is also what a commit writes at least for every table that it
//!   touches, so 32 KiB would double the octets of a lonely small commit.
//! - *A log of 64 MiB.* What is delivered and removed within it leaves its pages to the next message, so they
//!   reach the database file once per log and not once per message. With 16 MiB a 300 kB message costs a sixth
//!   more CPU; with 256 MiB single commits waited up to 190 ms behind the copying of it. The log's blocks are
//!   overwritten in place, not given back.
//! - *Chunks of 64 KiB* against 256: no difference in writing (280 us either way), and a small range costs less to read.
//! - *A cache of 24 MiB* holds the largest batch with room to spare. A larger transaction spills into the log:
//!   1,000 messages of 5 MB, committed at once, took 35 MB of memory in all.
//! - A backlog costs little: messages of 1 kB from 100 committers were taken at 22,000 a second, the first and the
//!   millionth 100,000 alike; with the million waiting, the spool opened in 1 ms and gave its first 100 messages, and the
//!   bytes of one, within 25 ms. Memory stayed at 32 MB.
//!
//! # When the disk fails
//!
//! A full disk or an I/O error fails the request, never the answer: [`Receipt`](super::Receipt) exists only behind a flush
//! that succeeded. On a full disk the writer tries again with the next request, so it recovers as soon as there is space.
//! The log's blocks stay its own, so that outcomes, which free space, can mostly be recorded on a full disk too; when they
//! cannot, the log is moved into the database, and then the reserve is given up for them: see `room`. After an error of a
//! write or a flush nothing is tried again before the spool has been closed, opened anew and looked through: see `mend`.
//! Space that a drained queue leaves behind is used again, and not given back to the file system.

mod access;
mod accounts;
mod announced;
pub(super) mod backup;
mod check;
mod checkpoint;
mod columns;
mod content;
mod due;
mod export;
mod facets;
mod forget;
mod found_by;
mod history;
mod known;
mod leases;
mod ledger;
mod log;
mod mend;
mod open;
mod operator;
mod outgoing;
mod readers;
mod room;
mod rows;
mod salvage;
mod schema;
mod streams;
mod sums;
mod transactions;
mod unit;
pub(super) mod upgrade;
mod values;
mod waiting;
mod work;
mod writable;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rusqlite::types::FromSqlError;
use tokio::sync::{mpsc, oneshot};

pub(super) use self::access::Beside;
use self::access::Growth;
pub(in crate::spool) use self::export::Export;
use self::known::KnownHashes;
use self::leases::{Born, Held, Look};
pub use self::open::{is_in_use, is_there};
use self::operator::LastCounts;
use self::readers::Readers;
use self::room::Gauge;
pub(super) use self::schema::claim;
use self::values::ValuesInMemory;
use self::work::{Request, Work};
use self::writer::Tally;
pub use super::hash::hash;
pub use super::stored::{write_event, write_request};
use super::{Acceptance, Leased, Node, SpoolError};
use crate::clock::{SharedClock, SystemClock};

#[derive(Clone)]
pub struct Options {
    /// What the ids are made from, and the time in charging rows.
    pub clock: SharedClock,
    /// Whose ids they are.
    pub node: Node,
    /// The largest size of the database in octets, beyond which commits fail as on a full disk. Without it, the disk
    /// is the limit.
    pub limit: Option<u64>,
    /// Octets of log after which committed pages are copied into the database. A message that comes and goes within
    /// that many octets of traffic never reaches the database. The log itself may grow to about twice this under load, and further
    /// while something outside the relay reads for long; then it shrinks again.
    pub log: u64,
    /// Octets of database pages that the writer keeps in memory.
    pub cache: u64,
    /// How often the spool looks for transactions whose time is over. `None`: never, and they stay.
    pub forget: Option<Duration>,
    /// How long the ledger knows a message.
    pub ledger: Duration,
    /// Whether the database is copied before it is upgraded from an older format.
    pub backup: bool,
    /// Octets of the disk below which no message is taken; part of them is kept in files for outcomes and for the
    /// operator. `None`: the disk is not watched, and a commit fails when it is full.
    pub reserve: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            node: Node::default(),
            limit: None,
            log: 64 * 1024 * 1024,
            cache: 24 * 1024 * 1024,
            forget: Some(Duration::from_secs(1)),
            ledger: Duration::from_secs(40 * 24 * 3600),
            backup: true,
            reserve: None,
        }
    }
}

/// What the writer has done since the spool was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Calls of `commit`, `record`, `settle_event`, `finish` and `change`.
    pub requests: u64,
    /// Transactions made durable: never more than requests, and far fewer under load.
    pub flushes: u64,
    /// Transactions forgotten because their time was over.
    pub forgotten: u64,
}

/// A spool in a folder of its own. Dropping it lets the writer finish what was asked; [`Spool::close`](super::Spool::close)
/// waits for that.
pub struct SqliteSpool {
    requests: mpsc::Sender<Request>,
    readers: Arc<Readers>,
    /// Of the hashes in `lookup`.
    salt: i64,
    last_id: AtomicU64,
    node: Node,
    held: Arc<Held>,
    values: Arc<ValuesInMemory>,
    known: Arc<KnownHashes>,
    clock: SharedClock,
    tally: Arc<Tally>,
    gauge: Arc<Gauge>,
    counts: LastCounts,
    /// What was missing from the log when it was opened, for people.
    missing: Option<String>,
    growth: Growth,
}

impl SqliteSpool {
    pub fn counts(&self) -> Counts {
        Counts {
            requests: self.tally.requests.load(Relaxed),
            flushes: self.tally.flushes.load(Relaxed),
            forgotten: self.tally.forgotten.load(Relaxed),
        }
    }

    /// Forgets a few transactions whose time is over.
    #[cfg(test)]
    async fn forget_now(&self) {
        self.submit(Work::Forget).await.unwrap();
    }

    /// Hands work to the writer, and waits until it is durable.
    async fn submit(&self, work: Work) -> Result<(), SpoolError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send(Request { work, reply }).await;
        sent.map_err(|_| SpoolError::Closed)?;
        answer.await.map_err(|_| SpoolError::Closed)?
    }

    /// As [`submit`](Self::submit), for a thread that may block; on one that runs tasks it panics.
    fn submit_and_block(&self, work: Work) -> Result<(), SpoolError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.blocking_send(Request { work, reply });
        sent.map_err(|_| SpoolError::Closed)?;
        answer.blocking_recv().map_err(|_| SpoolError::Closed)?
    }

    /// Reads on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Arc<Readers>) -> Result<T, SpoolError> + Send + 'static,
    ) -> Result<T, SpoolError> {
        let readers = self.readers.clone();
        let done = tokio::task::spawn_blocking(move || read(&readers)).await;
        done.map_err(|e| SpoolError::Broken(format!("a read did not finish: {e}")))?
    }

    /// What goes out of an acceptance belongs to whoever commits it.
    fn bear(&self, acceptance: &Acceptance) -> Born {
        let ids = acceptance.outgoing.iter().map(|outgoing| Leased::Outgoing(outgoing.id));
        self.held.bear(ids.collect())
    }

    /// Reads something to work on, and leases it.
    async fn read_leasing<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Arc<Readers>, &mut Look<'_>) -> Result<T, SpoolError> + Send + 'static,
    ) -> Result<T, SpoolError> {
        let held = Arc::clone(&self.held);
        self.read(move |readers| {
            let mut look = held.look();
            let found = read(readers, &mut look)?;
            look.done();
            Ok(found)
        })
        .await
    }
}

impl From<rusqlite::Error> for SpoolError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full(error.to_string()),
            Some(rusqlite::ErrorCode::ConstraintViolation) => Self::Unfit(format!("it is there already ({error})")),
            Some(rusqlite::ErrorCode::TooBig) => Self::Unfit(error.to_string()),
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Corrupt(error.to_string())
            }
            Some(rusqlite::ErrorCode::SystemIoFailure) if is_of_reading(&error) => Self::Corrupt(error.to_string()),
            Some(rusqlite::ErrorCode::SystemIoFailure) => Self::Failed(error.to_string()),
            _ if is_of_a_row(&error) => Self::Damaged(error.to_string()),
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl From<FromSqlError> for SpoolError {
    fn from(error: FromSqlError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Whether a column holds what this store never wrote into it.
fn is_of_a_row(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    matches!(
        error,
        FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..)
    )
}

/// Whether a page could not be read, as against written.
fn is_of_reading(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_CORRUPTFS, SQLITE_IOERR_DATA, SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ};
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(
        code,
        Some(SQLITE_IOERR_CORRUPTFS | SQLITE_IOERR_DATA | SQLITE_IOERR_READ | SQLITE_IOERR_SHORT_READ)
    )
}
