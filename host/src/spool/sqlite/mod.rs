//! The spool on SQLite: one file that an operator can open and look into.
//!
//! One thread writes. What arrives while it flushes shares the next transaction and its flush, so that the rate grows
//! with the load while each caller still waits for the disk. Reads run beside it on connections of their own.
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
//! A full disk or an I/O error fails the request, never the answer: [`Receipt`] exists only behind a flush that succeeded.
//! The writer tries again with the next request, so it recovers as soon as there is space. The log's blocks stay its own,
//! so that outcomes, which free space, can mostly be recorded on a full disk too; when they cannot, the log is moved into
//! the database, and then the reserve is given up for them: see `room`. After a failed flush SQLite
//! writes the same stretch of the log anew, and never trusts pages that the kernel may have dropped.
//! Space that a drained queue leaves behind is used again, and not given back to the file system.

mod access;
mod accounts;
mod checkpoint;
mod forget;
mod history;
mod leases;
mod ledger;
mod operator;
mod pieces;
mod readers;
mod room;
mod rows;
mod schema;
mod stored;
mod streams;
mod transactions;
mod unit;
pub(super) mod upgrade;
mod waiting;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

pub(super) use self::access::Beside;
use self::checkpoint::Checkpoints;
use self::forget::Forgetter;
use self::leases::{Born, Held, Look};
use self::operator::RequestCount;
use self::readers::Readers;
use self::room::{Gauge, Watch};
pub use self::stored::{write_event, write_request};
use self::streams::Growth;
pub use self::transactions::hash;
use self::unit::Counters;
use self::writer::{Request, Tally, Work, Writer};
use super::{
    Acceptance, BoxFuture, Events, Expect, Finish, Inbox, Leased, Leases, Node, Outcome, PendingEvent, Queue, Receipt,
    Requests, Room, Settlement, Space, Spool, SpoolError, Unfinished, Values,
};
use crate::clock::{SharedClock, SystemClock};
use crate::message::{
    Content, MessageId, Outgoing, PeerName, Timestamp, Transaction, TransactionChange, TransactionKey,
};

/// Requests that wait for the writer. Whoever comes on top waits to ask: back-pressure, not memory.
const QUEUE: usize = 256;

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

/// A spool in a folder of its own. Dropping it lets the writer finish what was asked; [`Spool::close`] waits for
/// that.
pub struct SqliteSpool {
    requests: mpsc::Sender<Request>,
    readers: Arc<Readers>,
    /// Of the hashes in `lookup`.
    salt: i64,
    last_id: AtomicU64,
    node: Node,
    held: Arc<Held>,
    clock: SharedClock,
    tally: Arc<Tally>,
    gauge: Arc<Gauge>,
    requests_counted: RequestCount,
    growth: Growth,
}

/// Whether there is a spool in `folder`, of whatever format.
pub fn is_there(folder: &Path) -> bool {
    schema::is_there(folder)
}

/// Whether a relay runs on the spool in `folder`.
pub fn is_in_use(folder: &Path) -> bool {
    schema::is_claimed(folder)
}

impl SqliteSpool {
    /// Opens the spool in `folder`, and makes both when they are not there. Blocks.
    ///
    /// An older format is upgraded first. Fails when another relay runs on it, when it is of a newer format, and when it
    /// cannot be read and written.
    pub fn open(folder: &Path, options: Options) -> Result<Arc<Self>, SpoolError> {
        let lock = schema::claim(folder)?;
        let gauge = Arc::new(Gauge::new(folder, options.reserve));
        // On a full disk SQLite cannot even make the files that it works with.
        let db = match schema::open_writer(folder, &options) {
            Err(SpoolError::Full(_) | SpoolError::Broken(_)) if gauge.spend() => schema::open_writer(folder, &options)?,
            opened => opened?,
        };
        gauge.look(0);
        let (counters, salt) = (Counters::read(&db)?, schema::salt(&db)?);
        let (sender, requests) = mpsc::channel(QUEUE);
        let tally = Arc::new(Tally::default());
        let (grows, growth) = watch::channel(());
        let held = Arc::<Held>::default();
        let writer = Writer {
            db,
            requests,
            counters: counters.clone(),
            salt,
            checkpoints: Checkpoints::start(folder, options.log)?,
            clock: options.clock.clone(),
            tally: tally.clone(),
            gauge: gauge.clone(),
            grows,
            lock,
        };
        let thread = std::thread::Builder::new().name("spool-writer".into());
        let spawned = thread.spawn(move || writer.run());
        spawned.map_err(|e| SpoolError::Broken(format!("no thread for the spool's writer: {e}")))?;
        let readers = Arc::new(Readers::new(folder));
        if options.reserve.is_some() {
            let watch = Watch {
                requests: sender.downgrade(),
                readers: readers.clone(),
                gauge: gauge.clone(),
            };
            watch.start()?;
        }
        if let Some(every) = options.forget {
            let forgetter = Forgetter {
                requests: sender.downgrade(),
                readers: readers.clone(),
                clock: options.clock.clone(),
                tally: tally.clone(),
                every,
                ledger: options.ledger,
            };
            forgetter.start()?;
        }
        Ok(Arc::new(Self {
            requests: sender,
            readers,
            salt,
            last_id: AtomicU64::new(counters.id_ceiling),
            node: options.node,
            held,
            clock: options.clock,
            tally,
            gauge,
            requests_counted: RequestCount::default(),
            growth,
        }))
    }

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
}

impl SqliteSpool {
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

impl Space for SqliteSpool {
    fn room(&self) -> Room {
        self.gauge.room()
    }
}

impl Leases for SqliteSpool {
    fn give_back(&self, leased: Leased) {
        self.held.give_back(leased);
    }

    /// The lock on the folder says so.
    fn renew(&self) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Inbox for SqliteSpool {
    fn next_id(&self) -> MessageId {
        let micros = self.clock.now().0.saturating_mul(1000);
        let next = |last: u64| Some(self.node.next(last, micros));
        // The closure never declines, so there is always a previous value.
        let last = self.last_id.fetch_update(Relaxed, Relaxed, next).unwrap_or_default();
        MessageId(self.node.next(last, micros))
    }

    fn commit(&self, acceptance: Acceptance) -> BoxFuture<'_, Result<Receipt, SpoolError>> {
        Box::pin(async move {
            let id = acceptance.id;
            // For messages that came while there was room.
            if self.gauge.room() == Room::Low {
                return Err(SpoolError::Full(self.gauge.why().unwrap_or_default()));
            }
            let born = self.bear(&acceptance);
            self.submit(Work::Accept(Box::new(acceptance))).await?;
            born.lives();
            Ok(Receipt { id })
        })
    }

    fn unfinished(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Unfinished>, SpoolError>> {
        Box::pin(self.read_leasing(move |db, look| readers::unfinished(db, now, limit, look)))
    }

    fn finish(&self, id: MessageId, finish: Finish) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move {
            let born = match &finish {
                Finish::Done(acceptance) => Some(self.bear(acceptance)),
                Finish::Again { .. } | Finish::Failed { .. } => None,
            };
            self.submit(Work::Finish(id, Box::new(finish))).await?;
            born.into_iter().for_each(Born::lives);
            Ok(())
        })
    }

    fn received(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, SpoolError>> {
        Box::pin(self.read(move |readers| readers::received(readers, id)))
    }
}

impl Queue for SqliteSpool {
    fn lease<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>> {
        let peer = peer.clone();
        Box::pin(self.read_leasing(move |db, look| readers::due(db, &peer, now, limit, look)))
    }

    fn lease_overdue<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        aged: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>> {
        let peer = peer.clone();
        Box::pin(self.read_leasing(move |db, look| readers::overdue(db, &peer, now, aged, limit, look)))
    }

    fn record(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move {
            self.held.must_hold(Leased::Outgoing(outcome.id))?;
            self.submit(Work::Record(Box::new(outcome))).await
        })
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Vec<(PeerName, Timestamp)>, SpoolError>> {
        Box::pin(self.read(|db| readers::next_due(db)))
    }

    fn retries_asked(&self) -> BoxFuture<'_, Result<Vec<(PeerName, u64)>, SpoolError>> {
        Box::pin(self.read(|db| readers::retries_asked(db)))
    }
}

impl Requests for SqliteSpool {
    fn find<'a>(&'a self, key: &'a TransactionKey) -> BoxFuture<'a, Result<Vec<Transaction>, SpoolError>> {
        let (key, salt, now) = (key.clone(), self.salt, self.clock.now());
        Box::pin(self.read(move |readers| readers.with(|db| transactions::find(db, salt, &key, now))))
    }

    fn transactions_due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Transaction>, SpoolError>> {
        Box::pin(self.read_leasing(move |db, look| db.with(|db| transactions::due(db, now, limit, look))))
    }

    fn next_transaction_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, SpoolError>> {
        Box::pin(self.read(|readers| readers.with(transactions::next_due)))
    }

    fn change(&self, changes: Vec<TransactionChange>, expects: Vec<Expect>) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(self.submit(Work::Change(changes, expects)))
    }
}

impl Events for SqliteSpool {
    fn pending_events(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<PendingEvent>, SpoolError>> {
        Box::pin(self.read_leasing(move |db, look| readers::pending_events(db, now, limit, look)))
    }

    fn settle_event(&self, id: u64, settlement: Settlement) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(self.submit(Work::Settle(id, settlement)))
    }
}

impl Values for SqliteSpool {
    fn kv_get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, SpoolError>> {
        let (plugin, key) = (plugin.to_owned(), key.to_owned());
        Box::pin(self.read(move |db| readers::kv_get(db, &plugin, &key)))
    }
}

impl Spool for SqliteSpool {
    fn free(&self) -> Option<u64> {
        self.gauge.free()
    }

    fn trouble(&self) -> Option<String> {
        let unseen = |unseen: Duration| format!("the spool's disk has not answered for {} s", unseen.as_secs());
        self.gauge.why().or_else(|| self.gauge.unseen().map(unseen))
    }

    fn is_closed(&self) -> bool {
        self.requests.is_closed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let _ = self.submit(Work::Close).await;
        })
    }
}

impl From<rusqlite::Error> for SpoolError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full(error.to_string()),
            Some(rusqlite::ErrorCode::ConstraintViolation) => Self::Unfit(format!("it is there already ({error})")),
            Some(rusqlite::ErrorCode::TooBig) => Self::Unfit(error.to_string()),
            _ => Self::Broken(error.to_string()),
        }
    }
}
