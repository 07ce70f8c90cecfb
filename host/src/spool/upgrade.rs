//! Bringing a spool that an earlier version wrote up to the format of this program: `mm4relay spool upgrade`.

use std::path::Path;

use super::SpoolError;
use super::sqlite::upgrade;

pub use super::sqlite::upgrade::{Survey, Upgraded};

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
