//! Opening a store. Only this file knows its kind: SQLite in a folder, or PostgreSQL, which relays share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::carried::Count;
use super::ledger::Ledger;
use super::postgres::{self, Home, PostgresSpool};
use super::sqlite::{self, SqliteSpool};
use super::{Node, Operator, Soundness, Spool, SpoolError, Streams};
use crate::clock::SharedClock;

/// The options of a relay for its store.
#[derive(Clone)]
pub struct Options {
    /// The clock for ids, and for times in rows.
    pub clock: SharedClock,
    /// The number of this relay among those on the store.
    pub node: Node,
    /// The free octets of the disk below which no message is accepted.
    pub reserve: u64,
    /// How long the ledger keeps a message.
    pub ledger: Duration,
}

/// A store that relays share.
#[derive(Clone)]
pub struct Database {
    pub access: postgres::Access,
    pub durability: postgres::Durability,
}

/// How often a shared store is searched for requests whose time is over.
const FORGET: Duration = Duration::from_secs(60);

/// The facets for a command beside a relay, which may be running or not.
pub trait Hand: Operator + Streams + Ledger {}

impl<T: Operator + Streams + Ledger> Hand for T {}

/// Opens the store in `folder` for a relay; makes both if they do not exist. Blocks.
///
/// # Errors
/// Another relay runs on it, its format is newer, or it cannot be read and written. An older format is upgraded first.
pub fn open(folder: &Path, options: Options) -> Result<Arc<dyn Spool>, SpoolError> {
    let options = sqlite::Options {
        reserve: Some(options.reserve),
        clock: options.clock,
        ledger: options.ledger,
        node: options.node,
        ..sqlite::Options::default()
    };
    Ok(SqliteSpool::open(folder, options)?)
}

/// Opens the store in `folder` for a command. Blocks.
///
/// # Errors
/// There is none, or one of another format: only the relay and [`upgrade`](super::upgrade) change that.
pub fn open_beside(folder: &Path) -> Result<Arc<dyn Hand>, SpoolError> {
    Ok(Arc::new(sqlite::Beside::open(folder)?))
}

/// Opens the store that relays share, for the relay of this name. `folder` belongs to this relay alone. The ledger keeps a
/// message for the duration beside the clock. Blocks.
///
/// # Errors
/// A relay runs on the folder; or the database cannot be reached, has not been prepared, or has another format.
pub fn open_shared(
    database: &Database,
    name: &str,
    folder: &Path,
    (clock, ledger): (SharedClock, Duration),
) -> Result<Arc<dyn Spool>, SpoolError> {
    let lock = sqlite::claim(folder)?;
    let home = Home::of(folder, lock)?;
    Ok(PostgresSpool::open(shared(database, clock, ledger), name, Some(home))?)
}

/// Opens the store that relays share, for a command. Blocks.
///
/// # Errors
/// The database cannot be reached, has not been prepared, or is of another format.
pub fn open_shared_beside(database: &Database, clock: SharedClock) -> Result<Arc<dyn Hand>, SpoolError> {
    Ok(PostgresSpool::beside(shared(database, clock, Duration::MAX))?)
}

/// Makes the tables of a store that relays are to share, where there are none. Blocks.
///
/// # Errors
/// The database cannot be reached, or its user may not make them.
pub fn prepare_shared(database: &Database) -> Result<(), SpoolError> {
    postgres::prepare(&database.access)
}

/// Carries the store in `folder`, on which no relay runs, into a store that relays are to share. Blocks.
///
/// # Errors
/// A relay runs on either; the one is of another format; the other has not been prepared, or is not empty. Then nothing was
/// carried.
pub fn import_shared(database: &Database, folder: &Path) -> Result<Count, SpoolError> {
    postgres::import(&database.access, &sqlite::Export::open(folder)?)
}

fn shared(database: &Database, clock: SharedClock, ledger: Duration) -> postgres::Options {
    postgres::Options {
        access: database.access.clone(),
        durability: database.durability,
        patience: postgres::Patience::default(),
        clock,
        forget: Some(FORGET),
        ledger,
        alive: None,
    }
}

/// Checks a copy of a store. Blocks.
///
/// # Errors
/// It cannot be read, or has another format.
pub fn verify(file: &Path) -> Result<Soundness, SpoolError> {
    sqlite::backup::verify(file)
}

/// Puts a copy in the place of the store in `folder`. Returns the name under which the old store is kept. Blocks.
///
/// # Errors
/// A relay runs on it, or it cannot be written: then the store is as it was.
pub fn restore(file: &Path, folder: &Path) -> Result<Option<PathBuf>, SpoolError> {
    sqlite::backup::restore(file, folder)
}

/// Whether there is a store in `folder`, of whatever format.
pub fn is_there(folder: &Path) -> bool {
    sqlite::is_there(folder)
}

/// Whether a relay runs on the store in `folder`.
pub fn is_in_use(folder: &Path) -> bool {
    sqlite::is_in_use(folder)
}
