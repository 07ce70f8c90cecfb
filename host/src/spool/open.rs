//! Opening a store. This file alone knows of what kind it is: SQLite, in a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::ledger::Ledger;
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
