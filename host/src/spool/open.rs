//! Opening a store. This file alone knows of what kind it is: SQLite, in a folder; or PostgreSQL, which relays share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::ledger::Ledger;
use super::postgres::{self, PostgresSpool};
use super::sqlite::{self, SqliteSpool};
use super::{Node, Operator, Soundness, Spool, SpoolError, Streams};
use crate::clock::SharedClock;

/// What a relay gives to the store that it opens.
#[derive(Clone)]
pub struct Options {
    /// What ids are made from, and the times in rows.
    pub clock: SharedClock,
    /// Which of the relays on the store this one is.
    pub node: Node,
    /// Octets of the disk below which no message is taken.
    pub reserve: u64,
    /// How long the ledger knows a message.
    pub ledger: Duration,
}

/// A store that relays share.
#[derive(Clone)]
pub struct Database {
    pub access: postgres::Access,
    pub durability: postgres::Durability,
}

/// How often requests whose time is over are looked for in a shared store.
const FORGET: Duration = Duration::from_secs(60);

/// What a command may do beside a relay, which may run or not.
pub trait Hand: Operator + Streams + Ledger {}

impl<T: Operator + Streams + Ledger> Hand for T {}

/// Opens the store in `folder` for a relay, and makes both when they are not there. Blocks.
///
/// # Errors
/// Another relay runs on it, it is of a newer format, or it cannot be read and written. An older format is upgraded first.
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

/// Opens the store that relays share, for the one of this name. `folder` is its own, and no other's. Blocks.
///
/// # Errors
/// A relay runs on the folder; or the database cannot be reached, has not been prepared, or is of another format.
pub fn open_shared(
    database: &Database,
    name: &str,
    folder: &Path,
    clock: SharedClock,
) -> Result<Arc<dyn Spool>, SpoolError> {
    let lock = sqlite::claim(folder)?;
    Ok(PostgresSpool::open(shared(database, clock), name, Some(lock))?)
}

/// Opens the store that relays share, for a command. Blocks.
///
/// # Errors
/// The database cannot be reached, has not been prepared, or is of another format.
pub fn open_shared_beside(database: &Database, clock: SharedClock) -> Result<Arc<dyn Hand>, SpoolError> {
    Ok(PostgresSpool::beside(shared(database, clock))?)
}

/// Makes the tables of a store that relays are to share, where there are none. Blocks.
///
/// # Errors
/// The database cannot be reached, or its user may not make them.
pub fn prepare_shared(database: &Database) -> Result<(), SpoolError> {
    postgres::prepare(&database.access)
}

fn shared(database: &Database, clock: SharedClock) -> postgres::Options {
    postgres::Options {
        access: database.access.clone(),
        durability: database.durability,
        clock,
        forget: Some(FORGET),
        alive: None,
    }
}

/// Looks through a copy of a store. Blocks.
///
/// # Errors
/// It cannot be read, or is of another format.
pub fn verify(file: &Path) -> Result<Soundness, SpoolError> {
    sqlite::backup::verify(file)
}

/// Puts a copy in the place of the store in `folder`. What was there stays under the name that is returned. Blocks.
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
