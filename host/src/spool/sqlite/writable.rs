//! Opening the database for its writer, in the present format.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::schema::{self, PAGE};
use super::{Options, upgrade};
use crate::message::Timestamp;
use crate::spool::SpoolError;
use crate::spool::states::statement;

/// Opens the database for the relay's writer: makes the tables when it is new, and upgrades an older format.
pub(super) fn open(folder: &Path, options: &Options) -> Result<Connection, SpoolError> {
    let file = schema::database(folder);
    schema::private_file(&file).map_err(|e| schema::broken(folder, &e))?;
    let mut db = schema::open_file(&file)?;
    db.pragma_update(None, "page_size", PAGE)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    // Every commit flushes the log: a `Receipt` stands for that.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "cache_size", -schema::kibibytes(options.cache))?;
    // If readers kept the log from beginning anew, it shrinks again later; otherwise its blocks are overwritten, which
    // is cheaper than allocating new ones.
    db.pragma_update(None, "journal_size_limit", 2 * options.log as i64)?;
    if let Some(octets) = options.limit {
        db.pragma_update(None, "max_page_count", (octets / u64::from(PAGE)) as i64)?;
    }
    upgrade::bring_up(&mut db, folder, options.backup)?;
    believe_no_far_times(&db, options.clock.now())?;
    // SQLite flushes the folder for its log, and not for the database itself.
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|e| schema::broken(folder, &e))?;
    Ok(db)
}

/// Makes entries due now whose due time is implausibly far away. The longest pause is a day, plus its spread: a later
/// time was stored by a clock that was ahead.
fn believe_no_far_times(db: &Connection, now: Timestamp) -> Result<(), SpoolError> {
    let times = (now.0 as i64, now.plus(FAR).0 as i64);
    let mut corrected = 0;
    for rows in [
        statement!("outgoing SET due = ?1 WHERE state = {waiting} AND"),
        "event SET due = ?1 WHERE",
        "message SET due = ?1 WHERE",
    ] {
        corrected += db.execute(&format!("UPDATE {rows} due > ?2"), times)?;
    }
    if corrected > 0 {
        tracing::warn!(
            rows = corrected,
            event = "clock-was-ahead",
            "the clock was ahead when these were stored: what was to wait for days is due now"
        );
    }
    Ok(())
}

/// See [`believe_no_far_times`].
const FAR: Duration = Duration::from_secs(30 * 3600);

#[cfg(test)]
mod tests {
    use rusqlite::config::DbConfig;

    use super::*;

    #[test]
    fn every_commit_flushes_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let writer = open(folder.path(), &Options::default()).unwrap();
        let operator = schema::open_existing(folder.path()).unwrap();
        for db in [writer, operator] {
            let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
            assert_eq!(pragma("journal_mode").unwrap(), "wal".to_owned().into());
            assert_eq!(pragma("synchronous").unwrap(), 2.into(), "2 is FULL");
        }
    }

    /// If it were off, only the time would show it.
    #[test]
    fn no_statement_is_planned_anew_for_the_values_that_are_bound_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let writer = open(folder.path(), &Options::default()).unwrap();
        let operator = schema::open_existing(folder.path()).unwrap();
        for db in [writer, operator] {
            assert!(db.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG).unwrap());
        }
    }
}
