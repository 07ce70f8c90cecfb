//! The spool on PostgreSQL: one store for several relays, that survives the loss of a machine when the database does.
//!
//! What every verb means is the [model](super::model)'s. Here is how its rows are locked, loaded and written, and how several
//! relays share them.
//!
//! | file | what it does |
//! |---|---|
//! | `connect`, `threads` | connections, and the threads that drive them |
//! | `schema`, `cluster`, `members`, `import` | the tables; the relays on them; a spool of one relay, carried into them |
//! | `facets`, `operator` | the verbs of the store |
//! | `writer`, `queue`, `errand`, `parcel` | the one writer of this relay, what it is asked, who waits for it, and what he gets |
//! | `batch`, `settle` | many requests, one transaction, and what became of it |
//! | `load`, `write`, `rows` | what work reaches, out of rows and back into them |
//! | `life`, `lease`, `home` | the relays: who lives, who works on what, and whose folder is whose |
//! | `look`, `trace`, `content`, `streams`, `accounts` | what is read |
//! | `rollouts` | plug-ins' versions for all relays |
//! | `shared`, `health` | what all of them have in hand, and what is known of the store |
//!
//! # Never a false receipt
//!
//! A receipt is given when the database has answered the commit, and has warned of nothing. PostgreSQL answers a commit whose
//! wait for the standby was cancelled like any other, with a warning before it: such an answer, a connection that breaks,
//! and one that says nothing for 30 s are *unknown*, and are settled by a write of their own. See `settle`. Nor is an error told
//! that claims more than is known: see `errand`.
//!
//! # Who may write
//!
//! The first statement of a batch finds this relay's row alive, under the number of this connection. Whoever ends a relay's
//! life, or begins a new connection for it, changes that row first: a relay that was stopped and wakes up writes nothing.

mod accounts;
mod batch;
mod cluster;
mod connect;
mod content;
mod errand;
mod facets;
mod health;
mod home;
mod import;
mod lease;
mod life;
mod load;
mod look;
mod members;
mod operator;
mod parcel;
mod queue;
mod rollouts;
mod rows;
mod schema;
mod settle;
mod shared;
mod streams;
#[cfg(test)]
pub(in crate::spool) mod tests;
mod threads;
mod trace;
mod wanted;
mod write;
mod writer;

use std::collections::HashSet;
use std::future::Future;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

pub use self::cluster::{StoreStatus, fence, forget, status, take_over};
pub use self::connect::Access;
use self::connect::Link;
use self::health::{Begun, Health};
pub use self::home::Home;
pub use self::import::import;
use self::life::Who;
use self::shared::{Readers, Shared};
use self::threads::{Threads, wait};
use self::writer::Writer;
use super::{LEASE, SpoolError};
use crate::clock::SharedClock;

/// What keeps a commit when a machine is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Another machine has it before it is answered: `synchronous_standby_names`.
    #[default]
    Replicated,
    /// The storage below the database, which is on several machines by itself.
    Storage,
    /// Nothing: what the one machine's disk loses is lost.
    SingleMachine,
    /// Not even a disk.
    #[cfg(test)]
    Careless,
}

/// How long who waits for whom.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Whoever has a message accepted, for the commit of it.
    pub asker: Duration,
    /// This relay, for each answer of the database, before a connection is given up.
    pub store: Duration,
    /// This relay, in touch with the database, before it takes others to be dead that are silent. They may have waited for the
    /// database as it did, and need the time to say a word.
    pub others: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            asker: Duration::from_secs(30),
            store: Duration::from_secs(30),
            others: LEASE / 4,
        }
    }
}

/// What a relay, or a command, gives to the store that it opens.
#[derive(Clone)]
pub struct Options {
    pub access: Access,
    pub durability: Durability,
    pub patience: Patience,
    pub clock: SharedClock,
    /// How often requests whose time is over are looked for; `None`: never.
    pub forget: Option<Duration>,
    /// How long the ledger knows a message.
    pub ledger: Duration,
    /// A clock that says who lives. `None`: the database's.
    pub alive: Option<SharedClock>,
}

/// The store in the hands of one relay, or of a command beside the relays.
pub struct PostgresSpool {
    shared: Arc<Shared>,
    _threads: Threads,
    _home: Option<Home>,
}

/// Requests that are forgotten in one commit, and the pause between two as long as there are more.
const FORGOTTEN: i64 = 100;
const PAUSE: Duration = Duration::from_millis(100);

impl PostgresSpool {
    /// Opens the store for the relay of this name. One that runs under the same name is fenced: it writes nothing more. What
    /// it worked on is free at once where its folder shows that it has ended, else as after [`fence`]. Blocks.
    ///
    /// # Errors
    /// The database cannot be reached, has not been prepared, or is of another format.
    pub fn open(options: Options, name: &str, home: Option<Home>) -> Result<Arc<Self>, SpoolError> {
        Self::begin(options, Some(name.to_owned()), home)
    }

    /// Opens the store for a command. Blocks.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn beside(options: Options) -> Result<Arc<Self>, SpoolError> {
        Self::begin(options, None, None)
    }

    fn begin(options: Options, name: Option<String>, home: Option<Home>) -> Result<Arc<Self>, SpoolError> {
        let threads = Threads::new()?;
        let handle = threads.handle().ok_or(SpoolError::Closed)?;
        let mark = home.as_ref().map(|home| home.mark().to_owned());
        let begin = begin(options, name, mark, handle.clone());
        Ok(Arc::new(Self {
            shared: wait(&handle, begin)?,
            _threads: threads,
            _home: home,
        }))
    }

    /// Connections are driven by the store's own threads, whoever waits.
    async fn on_own_threads<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, SpoolError>> + Send + 'static,
    ) -> Result<T, SpoolError> {
        self.shared.handle.spawn(work).await.unwrap_or(Err(SpoolError::Closed))
    }
}

/// Makes the tables, where there are none. Blocks.
///
/// # Errors
/// The database cannot be reached, or the user may not make them.
pub fn prepare(access: &Access) -> Result<(), SpoolError> {
    let threads = Threads::new()?;
    let handle = threads.handle().ok_or(SpoolError::Closed)?;
    let access = access.clone();
    wait(&handle, async move {
        let link = access.connect("prepares").await?;
        schema::make(&link, &access.schema).await
    })
}

/// Brings the tables to this program's format; which one they had. Blocks.
///
/// # Errors
/// The database cannot be reached, has no tables, or keeps one of them locked.
pub fn migrate(access: &Access) -> Result<(i64, i64), SpoolError> {
    let threads = Threads::new()?;
    let handle = threads.handle().ok_or(SpoolError::Closed)?;
    let access = access.clone();
    wait(&handle, async move {
        let link = access.connect("prepares").await?;
        Ok((schema::migrate(&link, &access.schema).await?, schema::FORMAT))
    })
}

async fn begin(
    options: Options,
    name: Option<String>,
    home: Option<String>,
    handle: tokio::runtime::Handle,
) -> Result<Arc<Shared>, SpoolError> {
    let Options {
        access,
        durability,
        patience,
        clock,
        forget,
        ledger,
        alive,
    } = options;
    let link = access.connect("writes").await?;
    may_work(&link, &access.schema).await?;
    let salt = link.rows("SELECT value FROM counter WHERE name = 'salt'", &[]).await?;
    let salt = salt.first().map_or(0, |row| row.get(0));
    let time = alive.map_or(life::Time::Database, life::Time::Given);
    let begun = Begun::now();
    let named = name.as_deref().map(|name| (name, home.as_deref()));
    let (ids, life) = match named {
        Some(named) => born(&link, named, &clock, &time).await?,
        None => (None, None),
    };
    let node = ids.as_ref().map(|ids| ids.node);
    let (writer, asked) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared {
        access,
        durability,
        patience,
        clock,
        time,
        handle,
        writer,
        node,
        name,
        salt,
        ledger,
        last_id: AtomicU64::new(ids.as_ref().map_or(0, |ids| ids.last as u64)),
        reserved: AtomicI64::new(ids.as_ref().map_or(0, |ids| ids.reserved)),
        held: Mutex::new(HashSet::new()),
        health: Health::default(),
        grows: watch::Sender::new(()),
        readers: Readers::default(),
        relays: AtomicU32::new(1),
        returning: AtomicUsize::new(0),
        #[cfg(test)]
        trial: tests::Trial::default(),
    });
    shared.health.confirms(begun);
    let writer = Writer {
        shared: Arc::clone(&shared),
        asked,
        link: Some(link),
        life,
        given_back: Vec::new(),
    };
    tokio::spawn(writer.run());
    if let (Some(every), Some(_)) = (forget, node) {
        tokio::spawn(keep_forgetting(Arc::clone(&shared), every));
    }
    Ok(shared)
}

/// The life of a relay with this name and folder begins.
async fn born(
    link: &Link,
    (name, home): (&str, Option<&str>),
    clock: &SharedClock,
    time: &life::Time,
) -> Result<(Option<life::Ids>, Option<life::Life>), SpoolError> {
    let now = i64::try_from(clock.now().0.saturating_mul(1000)).unwrap_or(0);
    let ids = life::node(link, name, now).await?;
    let node = Some(ids.node.number());
    let life = life::begin(link, Who { node, home }, time).await?;
    Ok((Some(ids), Some(life)))
}

/// Whether this program can work on these tables in this database.
async fn may_work(link: &Link, schema: &str) -> Result<(), SpoolError> {
    const OLDEST: i32 = 150_000;
    let version = link
        .rows("SELECT current_setting('server_version_num')::int4", &[])
        .await?;
    let version: i32 = version.first().map_or(0, |row| row.get(0));
    if version < OLDEST {
        let text = format!("PostgreSQL 15 or later is needed, and this is {}", version / 10_000);
        return Err(SpoolError::Broken(text));
    }
    schema::may_work_on(schema::find(link, schema).await?, schema)
}

async fn keep_forgetting(shared: Arc<Shared>, every: Duration) {
    let mut pause = every;
    while !shared.health.is_over() {
        tokio::time::sleep(pause).await;
        pause = match shared.forget(FORGOTTEN).await {
            Ok(true) => PAUSE,
            Ok(false) => every,
            Err(error) => {
                tracing::warn!(%error, event = "spool-not-tidied", "old transactions are not forgotten yet");
                every
            }
        };
    }
}
