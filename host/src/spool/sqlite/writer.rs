//! The one thread that writes: takes whatever requests have come while the last flush ran, puts them into one
//! transaction, and answers them after its flush.

use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rusqlite::TransactionBehavior;
use tokio::sync::{mpsc, watch};

use super::mend::{Mender, Open};
use super::room::Gauge;
use super::unit::{Counters, Unit};
use super::work::{Request, Work};
use crate::clock::SharedClock;
use crate::spool::SpoolError;

/// Requests that share a flush, at the most: more would only add latency.
const MOST_REQUESTS: usize = 128;

/// Octets of content in a transaction, after which it takes no further request. Bounds the time that a small message
/// waits for its neighbours' octets: about 20 ms on a disk that writes 400 MB/s.
const MOST_OCTETS: u64 = 8 * 1024 * 1024;

/// What the writer has done since it started.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub requests: AtomicU64,
    pub flushes: AtomicU64,
    pub forgotten: AtomicU64,
    /// Transactions that are known for longer, since something of them is still open.
    pub put_off: AtomicU64,
}

impl Tally {
    /// Transactions whose time was over, and that were seen to.
    pub fn tidied(&self) -> u64 {
        self.forgotten.load(Relaxed) + self.put_off.load(Relaxed)
    }
}

pub(super) struct Writer {
    /// `None` once its disk has failed, until it has been opened anew and looked through.
    pub open: Option<Open>,
    pub mender: Mender,
    pub requests: mpsc::Receiver<Request>,
    pub counters: Counters,
    /// Of the hashes in `lookup`.
    pub salt: i64,
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
                self.handle(batch);
            }
        }
        let Self { open, lock, .. } = self;
        if let Some(Open { db, mut checkpoints }) = open {
            checkpoints.last(&db);
            drop(db);
        }
        drop(lock);
        for request in closing {
            answer(request, Ok(()));
        }
    }

    fn handle(&mut self, batch: Vec<Request>) {
        if self.open.is_some() && self.mender.is_wanted() {
            self.give_up(&SpoolError::Corrupt("a page of it cannot be read".into()));
        }
        if self.open.is_none() {
            self.open_anew();
        }
        let shortens = |request: &Request| matches!(request.work, Work::Probe { shorten: true });
        if batch.iter().any(shortens)
            && let Some(Open { db, checkpoints }) = &mut self.open
        {
            checkpoints.make_room(db, true, self.gauge.free_now());
        }
        self.flush(batch);
        let now = self.clock.now();
        if let Some(Open { db, checkpoints }) = &mut self.open
            && let Err(error) = checkpoints.after_flush(db, &self.gauge, now)
        {
            self.give_up(&error);
        }
    }

    /// The disk failed under a write or a flush. Nobody knows what of it is on the disk, and the kernel may take for
    /// written what is not; so nothing is tried again with what is open now.
    fn give_up(&mut self, error: &SpoolError) {
        self.gauge.fail(error);
        if let Some(Open { db, checkpoints }) = self.open.take() {
            drop(checkpoints);
            self.mender.close(db);
        }
    }

    fn open_anew(&mut self) {
        if let Some((open, counters)) = self.mender.try_to_open(&self.gauge) {
            (self.open, self.counters) = (Some(open), counters);
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

    /// Before anybody is told of a commit. A log whose length cannot be asked for is looked at again when all were told.
    fn note_end(&mut self) {
        let now = self.clock.now();
        if let Some(Open { db, checkpoints }) = &mut self.open {
            let _ = checkpoints.note_end(db, now);
        }
    }

    /// Makes the whole batch durable at once. When that fails, each request is tried alone: then only the one at fault
    /// fails, and on a full disk those that free space still succeed. When the disk itself failed, none is tried again.
    fn flush(&mut self, batch: Vec<Request>) {
        let asked = batch.iter().filter(|request| !request.work.is_housekeeping());
        self.tally.requests.fetch_add(asked.count() as u64, Relaxed);
        match self.transact(&batch) {
            Ok(results) => {
                self.note_end();
                for (request, result) in batch.into_iter().zip(results) {
                    answer(request, result);
                }
            }
            Err(error @ SpoolError::Failed(_)) => {
                for request in batch {
                    answer(request, Err(error.clone()));
                }
                self.give_up(&error);
            }
            Err(_) => {
                for request in batch {
                    let alone = self.alone(&request);
                    self.note_end();
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
        if full(&result)
            && let Some(Open { db, checkpoints }) = &mut self.open
        {
            checkpoints.make_room(db, false, self.gauge.free_now());
            result = self.transact(batch);
        }
        let is_owed = !request.work.is_housekeeping() && !matches!(request.work, Work::Accept(_));
        if full(&result) && is_owed && self.gauge.spend() {
            result = self.transact(batch);
        }
        match &result {
            Err(error @ SpoolError::Failed(_)) => self.give_up(error),
            Err(SpoolError::Corrupt(_)) => self.mender.wish(),
            _ => self.gauge.wrote(result.as_ref().map(|_| ())),
        }
        result
    }

    /// One transaction: all of `batch`, durable when this returns `Ok`; nothing of it otherwise. A request that was
    /// declined before it wrote anything leaves the others alone.
    fn transact(&mut self, batch: &[Request]) -> Result<Vec<Result<(), SpoolError>>, SpoolError> {
        let Some(Open { db, .. }) = &mut self.open else {
            return Err(self.gauge.failed());
        };
        // Rolled back when dropped, which is what every `?` below does.
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut unit = Unit {
            db: &transaction,
            counters: self.counters.clone(),
            salt: self.salt,
            now: self.clock.now(),
            forgotten: 0,
            put_off: 0,
        };
        let mut results = Vec::with_capacity(batch.len());
        for request in batch {
            results.push(match work(&mut unit, &request.work) {
                Err(error @ (SpoolError::Repeat(_) | SpoolError::Gone(_) | SpoolError::Moved(_))) => Err(error),
                Err(error) => return Err(error),
                Ok(()) => Ok(()),
            });
        }
        unit.move_hashes()?;
        let (counters, forgotten, put_off) = (unit.counters, unit.forgotten, unit.put_off);
        transaction.commit()?;
        let grown = counters.numbers != self.counters.numbers;
        self.counters = counters;
        self.gauge.wrote(Ok(()));
        if grown {
            self.grows.send_replace(());
        }
        self.tally.flushes.fetch_add(1, Relaxed);
        self.tally.forgotten.fetch_add(forgotten, Relaxed);
        self.tally.put_off.fetch_add(put_off, Relaxed);
        Ok(results)
    }
}

/// A bug costs the request that has come across it: the transaction is given up with it, and the others are tried alone.
fn work(unit: &mut Unit<'_>, work: &Work) -> Result<(), SpoolError> {
    let done = std::panic::catch_unwind(AssertUnwindSafe(|| unit.work(work)));
    done.unwrap_or_else(|_| Err(SpoolError::Unfit("a bug: the panic is in the log".into())))
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
