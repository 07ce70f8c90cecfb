//! The tables, and how connections to them are opened.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::message::MessageId;
use crate::spool::SpoolError;
use crate::spool::states::statement;

/// The database's name in the spool's folder. SQLite puts `-wal` and `-shm` files beside it.
const FILE: &str = "spool.db";

/// Locked by the relay for as long as it runs. Operators' commands do not take it.
const LOCK: &str = "spool.lock";

/// The format of the tables below, as SQLite's `user_version`. The relay's writer brings an older one up to it, see
/// [`upgrade`](super::upgrade); a newer one is refused, not guessed at.
pub(super) const FORMAT: i64 = 6;

/// Octets in a database page. See the module's documentation for the measurement.
pub(super) const PAGE: u32 = 16 * 1024;

/// Octets of content in one row: what one read of a small range costs at most, and what a write holds in memory.
pub(super) const CHUNK: u64 = 64 * 1024;

/// Chunks are keyed by message id and place in one 63-bit number. 12 bits for the place bound a message to 256 MiB, and
/// leave 51 bits for the id, which counts microseconds since 1970 and reaches its end in 2041.
pub(super) const PLACE_BITS: u32 = 12;

/// How long a connection waits for another process's transaction: an operator's command, a backup.
pub(super) const BUSY: Duration = Duration::from_secs(10);

pub(super) const TABLES: &str = statement!("
    -- `sum`, wherever it stands, is a checksum of the row: see `sums`. Null in rows from before format 6.

    -- Counters that outlive the rows they count. `retry:PEER` counts how often an operator asked to try a peer again.
    -- `salt` goes into the hashes of `lookup`. `ledger`: the id of the first message that the ledger may know.
    CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO counter VALUES('id-ceiling', 0), ('salt', random()), ('ledger', 0);

    -- A received message, for as long as anything below needs it. `hold` is the reason why it stays as it was received.
    -- Then, with `due`, its chain is to be run at that time (`attempts` of that came to nothing); without, it is parked,
    -- or refused when `failed`. `arrived`: what its arrival plug-ins asked for is durable. `ordinals`: the last one given
    -- to a destination. `since`: what the age at which it is given up counts from. `request`: whose history it belongs to.
    -- `protocol`: 0 SMTP, 1 ESMTP, 2 ESMTPS. `holders`: who holds it, as JSON; null when that is not known. `past`: the
    -- plug-ins that an operator released it past, as JSON; null for none. `released`: how often an operator released it.
    CREATE TABLE message(
        id INTEGER PRIMARY KEY, source TEXT NOT NULL, remote TEXT NOT NULL, helo TEXT NOT NULL,
        protocol INTEGER NOT NULL, received_at INTEGER NOT NULL, since INTEGER NOT NULL, size INTEGER NOT NULL,
        hold TEXT, due INTEGER, failed INTEGER NOT NULL, attempts INTEGER NOT NULL, arrived INTEGER NOT NULL,
        ordinals INTEGER NOT NULL, request INTEGER, envelope TEXT NOT NULL, journey TEXT NOT NULL,
        holders TEXT, past TEXT, released INTEGER NOT NULL DEFAULT 0, sum INTEGER);
    CREATE INDEX message_held ON message(id) WHERE hold IS NOT NULL;
    CREATE INDEX message_due ON message(due) WHERE due IS NOT NULL;

    -- Its bytes, as received.
    CREATE TABLE content(chunk INTEGER PRIMARY KEY, octets BLOB NOT NULL, sum INTEGER);

    -- One destination of it. `state`: a number of `spool::states`. `kind`: the MM4 message type; null in rows of format 3, which did not say. `repeats`: how often the relay has asked again.
    -- What SQL does not look into comes last, so that it is not read when it is not asked for.
    CREATE TABLE outgoing(
        message INTEGER NOT NULL, ordinal INTEGER NOT NULL, peer TEXT NOT NULL, state INTEGER NOT NULL,
        due INTEGER NOT NULL, attempts INTEGER NOT NULL, size INTEGER NOT NULL, reason TEXT, expires INTEGER,
        kind TEXT, repeats INTEGER NOT NULL DEFAULT 0,
        envelope TEXT NOT NULL, pieces BLOB NOT NULL, sum INTEGER, PRIMARY KEY(message, ordinal)) WITHOUT ROWID;
    CREATE INDEX outgoing_due ON outgoing(peer, due) WHERE state = {waiting};
    CREATE INDEX outgoing_failed ON outgoing(peer) WHERE state = {failed};
    CREATE INDEX outgoing_held ON outgoing(message) WHERE state = {held};
    CREATE INDEX outgoing_expires ON outgoing(peer, expires) WHERE state = {waiting} AND expires IS NOT NULL;

    -- An outcome that plug-ins must still be told, with its own copy of the outgoing message as it was at the attempt.
    -- Its id is never given again: whoever settles an event late must not settle another.
    CREATE TABLE event(
        id INTEGER PRIMARY KEY AUTOINCREMENT, message INTEGER NOT NULL, ordinal INTEGER NOT NULL, peer TEXT NOT NULL,
        deliveries INTEGER NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL, kind TEXT,
        outcome TEXT NOT NULL, envelope TEXT NOT NULL, pieces BLOB NOT NULL, sum INTEGER);
    CREATE INDEX event_due ON event(due);
    CREATE INDEX event_message ON event(message);

    -- Records of each stream, numbered from 1. Ordinal 0: caused by the acceptance, not by a delivery.
    CREATE TABLE record(
        stream TEXT NOT NULL, sequence INTEGER NOT NULL, message INTEGER NOT NULL, ordinal INTEGER NOT NULL,
        recorded_at INTEGER NOT NULL, plugin TEXT NOT NULL, version TEXT NOT NULL, record TEXT NOT NULL, sum INTEGER,
        PRIMARY KEY(stream, sequence)) WITHOUT ROWID;

    -- How far each reader of a stream has come. `file`: the last one that it closed, if it writes numbered files.
    CREATE TABLE mark(
        stream TEXT NOT NULL, reader TEXT NOT NULL, sequence INTEGER NOT NULL, file INTEGER NOT NULL, sum INTEGER,
        PRIMARY KEY(stream, reader)) WITHOUT ROWID;

    -- The last number of each stream whose record was removed: numbers go on behind it.
    CREATE TABLE purged(stream TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;

    -- A request and its fate, as JSON; it outlives its message. `due`: when the relay has something to do about it.
    CREATE TABLE request(
        id INTEGER PRIMARY KEY, due INTEGER, forget_at INTEGER NOT NULL, state TEXT NOT NULL, sum INTEGER);
    CREATE INDEX request_due ON request(due) WHERE due IS NOT NULL;
    CREATE INDEX request_forget ON request(forget_at);

    -- Hashes of what it is found by. New ones come into a table of a few pages, and move on in the order of their hashes.
    CREATE TABLE lookup(hash INTEGER NOT NULL, request INTEGER NOT NULL, PRIMARY KEY(hash, request)) WITHOUT ROWID;
    CREATE TABLE lookup_new(hash INTEGER NOT NULL, request INTEGER NOT NULL, PRIMARY KEY(hash, request)) WITHOUT ROWID;

    -- Everybody who was ever asked: an operator who has a transaction ID alone looks with each of them.
    CREATE TABLE asked(peer TEXT PRIMARY KEY) WITHOUT ROWID;

    -- What happened to it, in order.
    CREATE TABLE history(
        request INTEGER NOT NULL, place INTEGER NOT NULL, at INTEGER NOT NULL, event TEXT NOT NULL, sum INTEGER,
        PRIMARY KEY(request, place)) WITHOUT ROWID;

    -- What came in for recipients and what became of them, line by line: see `spool::ledger`. `what`: a number of
    -- `stored::ledger`. `recipients`: their ids, with commas. `record`: the first charging record that came with it;
    -- `sums`: a checksum of each. `about`: what the message is, as JSON, in its first line.
    CREATE TABLE ledger(
        message INTEGER NOT NULL, place INTEGER NOT NULL, at INTEGER NOT NULL, what INTEGER NOT NULL,
        ordinal INTEGER NOT NULL, recipients TEXT NOT NULL, peer TEXT, record INTEGER, sums BLOB, about TEXT, sum INTEGER,
        PRIMARY KEY(message, place)) WITHOUT ROWID;

    CREATE TABLE kv(
        plugin TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, sum INTEGER, PRIMARY KEY(plugin, key)) WITHOUT ROWID;
");

/// Makes the folder, and takes the lock that keeps a second relay out for as long as the file is open.
pub(in crate::spool) fn claim(folder: &Path) -> Result<File, SpoolError> {
    // Subscribers' numbers and pictures are in here: for the relay's user only.
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|e| broken(folder, &e))?;
    let lock = private_file(&folder.join(LOCK)).map_err(|e| broken(folder, &e))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(SpoolError::InUse(folder.display().to_string())),
        Err(std::fs::TryLockError::Error(e)) => Err(broken(folder, &e)),
    }
}

/// Whether a relay has ever run on the folder.
pub(super) fn is_there(folder: &Path) -> bool {
    database(folder).exists()
}

/// Whether a relay has claimed the folder.
pub(super) fn is_claimed(folder: &Path) -> bool {
    let lock = File::open(folder.join(LOCK));
    // The lock, if it was free, goes with the file.
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
}

/// Opens a database that must be there already, for reading or for an operator's command.
pub(super) fn open_existing(folder: &Path) -> Result<Connection, SpoolError> {
    let db = open_any_format(folder)?;
    let found = format(&db)?;
    match found == FORMAT {
        true => Ok(db),
        false => Err(wrong_format(folder, found)),
    }
}

/// As [`open_existing`], whatever the format. For the upgrade alone.
pub(super) fn open_any_format(folder: &Path) -> Result<Connection, SpoolError> {
    let file = database(folder);
    match file.try_exists() {
        Ok(true) => {}
        Ok(false) => return Err(SpoolError::Broken(format!("there is no spool in {}", folder.display()))),
        Err(error) => return Err(broken(folder, &error)),
    }
    let db = open_file(&file)?;
    db.pragma_update(None, "synchronous", "FULL")?;
    Ok(db)
}

/// What goes into the hashes of this spool: see [`hash`](crate::spool::hash::hash).
pub(super) fn salt(db: &Connection) -> Result<i64, SpoolError> {
    Ok(db.query_row("SELECT value FROM counter WHERE name = 'salt'", (), |row| row.get(0))?)
}

/// The row key of a message. Ids beyond 51 bits are refused, see [`PLACE_BITS`].
pub(super) fn key(id: MessageId) -> Result<i64, SpoolError> {
    let fits = id.0 < 1 << (63 - PLACE_BITS);
    fits.then_some(id.0 as i64)
        .ok_or_else(|| SpoolError::Unfit(format!("message id {} is out of range", id.0)))
}

/// The row key of the `place`th chunk of a message, counted from 0.
pub(super) fn chunk_key(message: i64, place: u64) -> i64 {
    (message << PLACE_BITS) + place as i64
}

/// The largest content that fits, in octets.
pub(super) const fn max_content() -> u64 {
    CHUNK << PLACE_BITS
}

pub(super) fn database(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Where SQLite keeps the log of a database.
pub(super) fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

pub(super) fn open_file(file: &Path) -> Result<Connection, SpoolError> {
    // One thread uses a connection at a time, so SQLite needs no mutex of its own for each call.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    db.busy_timeout(BUSY)?;
    // Plans that do not look at the values: else SQLite plans a cached statement anew whenever a value is bound that might
    // have made another plan better. That was a fifth of the relay's time.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.set_prepared_statement_cache_capacity(64);
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(db)
}

/// Closes a connection and copies nothing into the database: its disk has just failed.
pub(super) fn close(db: Connection) {
    let _ = db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    drop(db);
}

/// The format of an open spool.
pub(super) fn format(db: &Connection) -> Result<i64, SpoolError> {
    Ok(db.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

pub(super) fn wrong_format(folder: &Path, found: i64) -> SpoolError {
    let folder = folder.display().to_string();
    match found {
        newer if newer > FORMAT => SpoolError::Newer {
            folder,
            found,
            known: FORMAT,
        },
        _ => SpoolError::Older {
            folder,
            found,
            known: FORMAT,
        },
    }
}

pub(super) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.mode(0o600).open(path)
}

pub(super) fn broken(path: &Path, error: &io::Error) -> SpoolError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            SpoolError::Full(format!("{}: {error}", path.display()))
        }
        _ => SpoolError::Broken(format!("{}: {error}", path.display())),
    }
}

/// SQLite counts a cache in KiB when the number is negative.
pub(super) fn kibibytes(octets: u64) -> i64 {
    (octets / 1024) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_would_share_rows_with_another_is_refused() {
        let largest = MessageId((1 << 51) - 1);
        assert!(chunk_key(key(largest).unwrap(), (1 << PLACE_BITS) - 1) > 0);
        assert!(key(MessageId(1 << 51)).is_err());
    }
}
