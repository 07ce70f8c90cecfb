//! Opening the spool: the lock on its folder, the writer, and the threads that look after it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rusqlite::Connection;
use tokio::sync::{mpsc, watch};

use super::announced::Announced;
use super::checkpoint::Checkpoints;
use super::forget::Forgetter;
use super::known::KnownHashes;
use super::leases::Held;
use super::mend::{self, Mender, Open};
use super::operator::LastCounts;
use super::readers::Readers;
use super::room::{Gauge, Watch};
use super::unit::Counters;
use super::values::ValuesInMemory;
use super::work::Request;
use super::writer::{Tally, Writer};
use super::{Options, SqliteSpool, log, schema, writable};
use crate::spool::SpoolError;

/// Requests that wait for the writer. Whoever comes on top waits to ask: back-pressure, not memory.
pub(super) const QUEUE: usize = 256;

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
        let gauge = Arc::new(Gauge::new(folder, options.reserve, options.log));
        let missing = log::keep_damaged(folder);
        let db = open_database(folder, &options, &gauge)?;
        let (counters, salt) = (Counters::read(&db)?, schema::salt(&db)?);
        let (sender, requests) = mpsc::channel(QUEUE);
        let beside = Arc::new(Announced::open(folder)?);
        let (values, known) = (
            Arc::new(ValuesInMemory::new(&beside)),
            Arc::new(KnownHashes::new(&beside)),
        );
        let (tally, held) = (Arc::<Tally>::default(), Arc::<Held>::default());
        let (grows, growth) = watch::channel(());
        let readers = Arc::new(Readers::new(folder));
        known.read_little(&db);
        known.read_if_due(&readers);
        let checkpoints = Checkpoints::start(folder, options.log)?;
        let writer = Writer {
            open: Some(Open { db, checkpoints }),
            mender: Mender::new(&readers, &options),
            requests,
            counters: counters.clone(),
            salt,
            clock: options.clock.clone(),
            tally: tally.clone(),
            gauge: gauge.clone(),
            grows,
            values: values.clone(),
            known: known.clone(),
            readers: readers.clone(),
            lock,
        };
        let thread = std::thread::Builder::new().name("spool-writer".into());
        let spawned = thread.spawn(move || writer.run());
        spawned.map_err(|e| SpoolError::Broken(format!("no thread for the spool's writer: {e}")))?;
        look_after(&sender, &readers, &gauge, &tally, &options)?;
        Ok(Arc::new(Self {
            requests: sender,
            readers,
            salt,
            last_id: AtomicU64::new(counters.id_ceiling),
            node: options.node,
            held,
            values,
            known,
            clock: options.clock,
            tally,
            gauge,
            counts: LastCounts::default(),
            missing,
            growth,
        }))
    }
}

/// Starts the threads that watch the disk and forget what is over.
fn look_after(
    requests: &mpsc::Sender<Request>,
    readers: &Arc<Readers>,
    gauge: &Arc<Gauge>,
    tally: &Arc<Tally>,
    options: &Options,
) -> Result<(), SpoolError> {
    if options.reserve.is_some() {
        let watch = Watch {
            requests: requests.downgrade(),
            readers: readers.clone(),
            gauge: gauge.clone(),
        };
        watch.start()?;
    }
    if let Some(every) = options.forget {
        let forgetter = Forgetter {
            requests: requests.downgrade(),
            readers: readers.clone(),
            clock: options.clock.clone(),
            tally: tally.clone(),
            every,
            ledger: options.ledger,
        };
        forgetter.start()?;
    }
    Ok(())
}

fn open_database(folder: &Path, options: &Options, gauge: &Gauge) -> Result<Connection, SpoolError> {
    let opened = match writable::open(folder, options) {
        // On a full disk SQLite cannot even make the files that it works with.
        Err(SpoolError::Full(_) | SpoolError::Broken(_) | SpoolError::Failed(_)) if gauge.spend() => {
            writable::open(folder, options)
        }
        Err(SpoolError::Corrupt(_)) => {
            mend::save_what_can_be_read(folder, options, true)?;
            writable::open(folder, options)
        }
        opened => opened,
    };
    gauge.look(0);
    opened
}
