//! What everybody who works on the store has in hand: the way to the writer, connections to read with, and what is known of
//! the store's health.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::timeout;

use super::connect::{Access, Link};
use super::errand::Errand;
use super::health::Health;
use super::parcel::{Lessor, Parcel, Reply};
use super::wanted::{Found, Wanted};
use super::{Durability, Patience, life};
use crate::clock::SharedClock;
use crate::spool::model::{Made, Work};
use crate::spool::{Leased, Node, SpoolError};

/// Connections to read with.
const READERS: usize = 4;

/// Where an answer goes when nothing is leased with it.
pub(super) type Heard = oneshot::Sender<Result<(), SpoolError>>;

/// What the writer is asked.
pub(super) enum Asked {
    Work(Errand),
    Lease(Wanted, usize, Reply<Found>),
    GiveBack(Leased),
    /// To say that this relay lives.
    Beat(Heard),
    Close(oneshot::Sender<()>),
}

pub(super) struct Shared {
    pub(super) access: Access,
    pub(super) durability: Durability,
    pub(super) patience: Patience,
    pub(super) clock: SharedClock,
    pub(super) time: life::Time,
    pub(super) handle: Handle,
    pub(super) writer: UnboundedSender<Asked>,
    /// `None`: a command beside the relays.
    pub(super) node: Option<Node>,
    /// The same by its name.
    pub(super) name: Option<String>,
    pub(super) salt: i64,
    /// How long the ledger knows a message.
    pub(super) ledger: Duration,
    pub(super) last_id: AtomicU64,
    /// Ids below are reserved for this relay.
    pub(super) reserved: AtomicI64,
    /// What this relay works on.
    pub(super) held: Mutex<HashSet<Leased>>,
    pub(super) health: Health,
    pub(super) grows: watch::Sender<()>,
    pub(super) readers: Readers,
    /// That live, as the last heartbeat found them.
    pub(super) relays: AtomicU32,
    /// Leases that are given back, and not in the store yet.
    pub(super) returning: AtomicUsize,
    #[cfg(test)]
    pub(super) trial: super::tests::Trial,
}

/// Connections that nobody reads with now, and how many there may be.
pub(super) struct Readers {
    free: Arc<Semaphore>,
    idle: Mutex<Vec<Arc<Link>>>,
}

/// A connection to read with, until it is dropped.
pub(super) struct Reader {
    link: Arc<Link>,
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl Shared {
    pub(super) async fn reader(self: &Arc<Self>) -> Result<Reader, SpoolError> {
        let permit = Arc::clone(&self.readers.free)
            .acquire_owned()
            .await
            .map_err(|_| SpoolError::Closed)?;
        let idle = locked(&self.readers.idle).pop().filter(|link| !link.client.is_closed());
        let link = match idle {
            Some(link) => link,
            None => Arc::new(
                self.access
                    .connect("reads")
                    .await?
                    .answering_within(self.patience.store),
            ),
        };
        Ok(Reader {
            link,
            shared: Arc::clone(self),
            _permit: permit,
        })
    }

    /// Waits for as long as it takes.
    pub(super) async fn work(&self, work: Work) -> Result<Made, SpoolError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Asked::Work(Errand::new(work, reply).0))?;
        answer.await.unwrap_or(Err(SpoolError::Closed)).map(Parcel::opened)
    }

    /// Waits for as long as whoever asked has [patience](super::Patience), and then says what is known:
    /// [`SpoolError::Away`] when nothing has happened and nothing will, [`SpoolError::Unsettled`] when that is not certain.
    pub(super) async fn work_in_time(&self, work: Work) -> Result<Made, SpoolError> {
        let (reply, mut answer) = oneshot::channel();
        let (errand, commit) = Errand::new(work, reply);
        self.ask(Asked::Work(errand))?;
        let patience = self.patience.asker;
        match timeout(patience, &mut answer).await {
            Ok(made) => made.unwrap_or(Err(SpoolError::Closed)).map(Parcel::opened),
            Err(_) if commit.is_called_off() => Err(SpoolError::Away(format!(
                "it has waited for {} s behind a commit that is not answered",
                patience.as_secs()
            ))),
            Err(_) => Err(SpoolError::Unsettled),
        }
    }

    /// Whether what was committed on this connection may not be where it was to be.
    pub(super) fn is_in_doubt(&self, link: &Link) -> bool {
        #[cfg(test)]
        if self.trial.lies(super::tests::Liar::HearsNoWarning) {
            return false;
        }
        link.is_in_doubt()
    }

    pub(super) fn ask(&self, asked: Asked) -> Result<(), SpoolError> {
        self.writer.send(asked).map_err(|_| SpoolError::Closed)
    }

    pub(super) fn held(&self) -> MutexGuard<'_, HashSet<Leased>> {
        locked(&self.held)
    }
}

impl Lessor for Shared {
    fn lends(&self, leased: &[Leased]) {
        self.held().extend(leased);
    }

    /// The database hears of it with the next batch.
    fn takes_back(&self, leased: Leased) {
        let held = self.held().remove(&leased);
        if held {
            self.returning.fetch_add(1, SeqCst);
            let _ = self.ask(Asked::GiveBack(leased));
        }
    }
}

impl Default for Readers {
    fn default() -> Self {
        Self {
            free: Arc::new(Semaphore::new(READERS)),
            idle: Mutex::default(),
        }
    }
}

impl Deref for Reader {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.link
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if !self.link.client.is_closed() && !self.link.is_in_doubt() {
            locked(&self.shared.readers.idle).push(Arc::clone(&self.link));
        }
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
