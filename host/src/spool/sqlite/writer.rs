//! The one thread that writes: it takes the requests that came while the last flush ran, puts them into one
//! transaction, and answers them after its flush.

use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rusqlite::TransactionBehavior;
use tokio::sync::{mpsc, watch};

use super::known::KnownHashes;
use super::mend::{Mender, Open};
use super::readers::Readers;
use super::room::Gauge;
use super::unit::{Counters, Unit};
use super::values::ValuesInMemory;
use super::work::{Request, Work};
use crate::clock::SharedClock;
use crate::spool::SpoolError;

/// The most requests that share a flush: more would only add latency.
const MOST_REQUESTS: usize = 128;

/// The octets of content after which a transaction takes no further request. This bounds how long a small message waits
/// for the octets of others: about 20 ms on a disk that writes 400 MB/s.
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
    /// `None` once the disk has failed, until the database was opened anew and checked.
    pub open: Option<Open>,
    pub mender: Mender,
    pub requests: mpsc::Receiver<Request>,
    pub counters: Counters,
    /// Of the hashes in `lookup`.
    pub salt: i64,
    pub clock: SharedClock,
    pub tally: Arc<Tally>,
    pub gauge: Arc<Gauge>,
    /// Signals that records were appended.
    pub grows: watch::Sender<()>,
    /// What plug-ins keep, for those who read it.
    pub values: Arc<ValuesInMemory>,
    /// What requests are found by, for those who look for one.
    pub known: Arc<KnownHashes>,
    pub readers: Arc<Readers>,
    /// Keeps a second relay out until the last transaction is complete.
    pub lock: File,
}

impl Writer {
    /// Works until every sender is gone or [`Work::Close`] has come, and earlier requests are done.
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
        if let Some(Open { db, checkpoints }) = &mut self.open
            && let Err(error) = checkpoints.after_flush(db, &self.gauge)
        {
            self.give_up(&error);
        }
    }

    /// Handles a failed write or flush. What is on the disk is unknown, and the kernel may take pages for written that
    /// are not; so nothing is tried again with the open database.
    fn give_up(&mut self, error: &SpoolError) {
        self.gauge.fail(error);
        if let Some(Open { db, checkpoints }) = self.open.take() {
            drop(checkpoints);
            self.mender.close(db);
        }
    }

    fn open_anew(&mut self) {
        if let Some((open, counters)) = self.mender.try_to_open(&self.gauge) {
            self.values.forget();
            (self.open, self.counters) = (Some(open), counters);
        }
    }

    /// Gathers `first` and the requests that wait behind it.
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

    /// Before a commit is acknowledged. If the disk fails here, the batch is committed all the same: its requests are
    /// answered, and the store is closed afterwards.
    fn note_end(&mut self) {
        let now = self.clock.now();
        if let Some(Open { db, checkpoints }) = &mut self.open {
            checkpoints.note_end(db, now);
        }
    }

    /// Makes the whole batch durable at once. If that fails, each request is tried alone: then only the one at fault
    /// fails, and on a full disk requests that free space still succeed. If the disk itself failed, none is tried
    /// again.
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

    /// Tries one request alone. On a full disk tries again with the log's blocks and, unless its sender still owns the
    /// message, with those of the reserve.
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

    /// Runs one transaction: all of `batch` is durable when this returns `Ok`, otherwise nothing of it. A request that
    /// is declined before it writes anything does not affect the others.
    fn transact(&mut self, batch: &[Request]) -> Result<Vec<Result<(), SpoolError>>, SpoolError> {
        let Some(Open { db, .. }) = &mut self.open else {
            return Err(self.gauge.failed());
        };
        let began = self.values.moment();
        // Rolled back when dropped, which every `?` below causes.
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut unit = Unit {
            db: &transaction,
            counters: self.counters.clone(),
            salt: self.salt,
            known: Some(&*self.known),
            now: self.clock.now(),
            values: Vec::new(),
            forgotten: 0,
            put_off: 0,
        };
        self.known.hear(&transaction, false)?;
        let mut results = Vec::with_capacity(batch.len());
        for request in batch {
            results.push(match work(&mut unit, &request.work) {
                Err(error @ (SpoolError::Repeat(_) | SpoolError::Gone(_) | SpoolError::Moved(_))) => Err(error),
                Err(error) => return Err(error),
                Ok(()) => Ok(()),
            });
        }
        if batch.iter().any(|request| matches!(request.work, Work::Operate(_))) {
            self.known.hear(&transaction, true)?;
        }
        unit.move_hashes()?;
        let (counters, values, forgotten, put_off) = (unit.counters, unit.values, unit.forgotten, unit.put_off);
        transaction.commit()?;
        self.values.committed(began, values);
        let grown = counters.numbers != self.counters.numbers;
        self.counters = counters;
        self.known.read_if_due(&self.readers);
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

/// A bug costs only the request that triggers it: its transaction is rolled back, and the others are tried alone.
fn work(unit: &mut Unit<'_>, work: &Work) -> Result<(), SpoolError> {
    let done = std::panic::catch_unwind(AssertUnwindSafe(|| unit.work(work)));
    done.unwrap_or_else(|_| Err(SpoolError::Unfit("a bug: the panic is in the log".into())))
}

impl Work {
    /// Whether the spool itself made this request.
    fn is_housekeeping(&self) -> bool {
        matches!(self, Self::Forget | Self::ForgetMovements(_) | Self::Probe { .. })
    }

    /// The octets that it adds to the database, roughly.
    fn octets(&self) -> u64 {
        match self {
            Self::Accept(acceptance) => acceptance.content.size(),
            _ => 0,
        }
    }
}

/// A caller that no longer waits finds the result in the store.
fn answer(request: Request, result: Result<(), SpoolError>) {
    let _ = request.reply.send(result);
}
