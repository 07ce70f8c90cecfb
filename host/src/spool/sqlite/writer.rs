//! The one thread that writes: takes whatever requests have come while the last flush ran, puts them into one
//! transaction, and answers them after its flush.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use super::checkpoint::Checkpoints;
use super::room::Gauge;
use super::unit::{Counters, Unit};
use crate::clock::SharedClock;
use crate::message::{MessageId, TransactionChange};
use crate::spool::{Acceptance, Expect, Finish, Outcome, Settlement, SpoolError};

/// Requests that share a flush, at the most: more would only add latency.
const MOST_REQUESTS: usize = 128;

/// Octets of content in a transaction, after which it takes no further request. Bounds the time that a small message
/// waits for its neighbours' octets: about 20 ms on a disk that writes 400 MB/s.
const MOST_OCTETS: u64 = 8 * 1024 * 1024;

pub(super) struct Request {
    pub work: Work,
    pub reply: oneshot::Sender<Result<(), SpoolError>>,
}

pub(super) enum Work {
    Accept(Box<Acceptance>),
    Record(Box<Outcome>),
    Settle(u64, Settlement),
    Finish(MessageId, Box<Finish>),
    Change(Vec<TransactionChange>, Vec<Expect>),
    /// What an operator or a reader of a stream writes.
    Operate(Operation),
    /// Forget some transactions whose time is over.
    Forget,
    /// Forget some movements of messages that came before this one.
    ForgetMovements(MessageId),
    /// Find out whether anything can be written.
    Probe {
        /// The last write failed: make the log short before.
        shorten: bool,
    },
    /// Finish what has been asked, and stop.
    Close,
}

/// A change to the database. It may be made more than once before it is committed.
pub(super) struct Operation(pub Box<OperationOn>);

type OperationOn = dyn Fn(&Connection) -> Result<(), SpoolError> + Send + Sync;

/// What the writer has done since it started.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub requests: AtomicU64,
    pub flushes: AtomicU64,
    pub forgotten: AtomicU64,
}

pub(super) struct Writer {
    pub db: Connection,
    pub requests: mpsc::Receiver<Request>,
    pub counters: Counters,
    /// Of the hashes in `lookup`.
    pub salt: i64,
    pub checkpoints: Checkpoints,
    pub clock: SharedClock,
    pub tally: Arc<Tally>,
    pub gauge: Arc<Gauge>,
    /// Told when records were appended.
    pub grows: watch::Sender<()>,
    /// Keeps a second relay out until the last transaction is through.
    pub lock: File,
}

impl Writer {
    /// Works until every sender is gone or [`Work::Close`] has come, and what was asked before is done.
    pub(super) fn run(mut self) {
        let mut closing = Vec::new();
        while let Some(first) = self.requests.blocking_recv() {
            let batch = self.gather(first);
            let (close, batch): (Vec<_>, _) = batch.into_iter().partition(|r| matches!(r.work, Work::Close));
            if !close.is_empty() {
                self.requests.close();
                closing.extend(close);
            }
            if !batch.is_empty() {
                if batch
                    .iter()
                    .any(|request| matches!(request.work, Work::Probe { shorten: true }))
                {
                    self.checkpoints.make_room(&self.db, true, self.gauge.free_now());
                }
                self.flush(batch);
                self.checkpoints.after_flush(&self.db);
            }
        }
        self.checkpoints.last(&self.db);
        let Self { db, lock, .. } = self;
        drop(db);
        drop(lock);
        for request in closing {
            answer(request, Ok(()));
        }
    }

    /// `first`, and what waits behind it.
    fn gather(&mut self, first: Request) -> Vec<Request> {
        let mut octets = first.work.octets();
        let mut batch = vec![first];
        while batch.len() < MOST_REQUESTS
            && octets < MOST_OCTETS
            && let Ok(next) = self.requests.try_recv()
        {
            octets += next.work.octets();
            batch.push(next);
        }
        batch
    }

    /// Makes the whole batch durable at once. When that fails, each request is tried alone: then only the one at fault
    /// fails, and on a full disk those that free space still succeed.
    fn flush(&mut self, batch: Vec<Request>) {
        let asked = batch.iter().filter(|request| !request.work.is_housekeeping());
        self.tally.requests.fetch_add(asked.count() as u64, Relaxed);
        match self.transact(&batch) {
            Ok(results) => {
                for (request, result) in batch.into_iter().zip(results) {
                    answer(request, result);
                }
            }
            Err(_) => {
                for request in batch {
                    let alone = self.alone(&request);
                    answer(request, alone.and_then(|results| results.into_iter().collect()));
                }
            }
        }
    }

    /// What finds the disk full is tried again with the log's blocks, and, unless it is a message that its sender
    /// still has, with the reserve's.
    fn alone(&mut self, request: &Request) -> Result<Vec<Result<(), SpoolError>>, SpoolError> {
        let batch = std::slice::from_ref(request);
        let full = |result: &Result<_, SpoolError>| matches!(result, Err(SpoolError::Full(_)));
        let mut result = self.transact(batch);
        if full(&result) {
            self.checkpoints.make_room(&self.db, false, self.gauge.free_now());
            result = self.transact(batch);
        }
        let is_owed = !request.work.is_housekeeping() && !matches!(request.work, Work::Accept(_));
        if full(&result) && is_owed && self.gauge.spend() {
            result = self.transact(batch);
        }
        self.gauge.wrote(result.as_ref().map(|_| ()));
        result
    }

    /// One transaction: all of `batch`, durable when this returns `Ok`; nothing of it otherwise. A request that was
    /// declined before it wrote anything leaves the others alone.
    fn transact(&mut self, batch: &[Request]) -> Result<Vec<Result<(), SpoolError>>, SpoolError> {
        // Rolled back when dropped, which is what every `?` below does.
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut unit = Unit {
            db: &transaction,
            counters: self.counters.clone(),
            salt: self.salt,
            now: self.clock.now(),
            forgotten: 0,
        };
        let mut results = Vec::with_capacity(batch.len());
        for request in batch {
            results.push(match unit.work(&request.work) {
                Err(error @ (SpoolError::Repeat(_) | SpoolError::Gone(_) | SpoolError::Moved(_))) => Err(error),
                Err(error) => return Err(error),
                Ok(()) => Ok(()),
            });
        }
        unit.move_hashes()?;
        let (counters, forgotten) = (unit.counters, unit.forgotten);
        transaction.commit()?;
        let grown = counters.numbers != self.counters.numbers;
        self.counters = counters;
        self.gauge.wrote(Ok(()));
        if grown {
            self.grows.send_replace(());
        }
        self.tally.flushes.fetch_add(1, Relaxed);
        self.tally.forgotten.fetch_add(forgotten, Relaxed);
        Ok(results)
    }
}

impl Work {
    /// Nobody's request: what the spool asks of itself.
    fn is_housekeeping(&self) -> bool {
        matches!(self, Self::Forget | Self::ForgetMovements(_) | Self::Probe { .. })
    }

    /// What it adds to the database, roughly.
    fn octets(&self) -> u64 {
        match self {
            Self::Accept(acceptance) => acceptance.content.size(),
            _ => 0,
        }
    }
}

/// A caller that no longer waits has gone away, and finds the result in the store.
fn answer(request: Request, result: Result<(), SpoolError>) {
    let _ = request.reply.send(result);
}
