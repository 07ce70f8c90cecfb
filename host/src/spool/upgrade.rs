//! Bringing a spool that an earlier version wrote up to the format of this program: `mm4relay spool upgrade`.

use std::path::{Path, PathBuf};

use super::SpoolError;
use super::sqlite::upgrade;

/// What is in a spool, and whether this program can use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// The format that it has.
    pub format: i64,
    /// The format that this program works on.
    pub known: i64,
    /// Each table by what its rows are, with their number.
    pub rows: Vec<(&'static str, u64)>,
    /// Rows that this program cannot read, a line each, the first hundred.
    pub damaged: Vec<String>,
}

/// What an upgrade did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgraded {
    pub from: i64,
    pub to: i64,
    /// The copy that was made before.
    pub backup: Option<PathBuf>,
}

/// Looks through the spool in `folder` and changes nothing. Blocks; a relay may run meanwhile.
///
/// # Errors
/// There is no spool, it cannot be read, or its format is newer than this program or of no known kind.
pub fn check(folder: &Path) -> Result<Survey, SpoolError> {
    upgrade::survey(folder)
}

/// Upgrades the spool in `folder` in one transaction, after a copy of the database when `backup` is set. `None` when it is
/// up to date. Blocks.
///
/// # Errors
/// As [`check`]; also [`SpoolError::InUse`] when a relay runs on it, and when the backup or the upgrade cannot be written:
/// then the spool is as it was.
pub fn run(folder: &Path, backup: bool) -> Result<Option<Upgraded>, SpoolError> {
    upgrade::run(folder, backup)
}
