//! From the format of an earlier version to today's: in one transaction, the writer's first.
//!
//! A migration is SQL that changes tables of one format into the next. It is never edited once a version with it is
//! out. What rows hold as JSON or as pieces stays readable as it is, see [`stored`], so an upgrade
//! rewrites no message however many there are.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use rusqlite::{Connection, TransactionBehavior};

use super::schema::{self, FORMAT, TABLES, broken};
use crate::message::{NextHop, Source};
use crate::spool::SpoolError;
use crate::spool::pieces;
use crate::spool::stored;

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

/// Each with the format that it starts from; it leads to the next.
const MIGRATIONS: &[(i64, &str)] = &[(3, FROM_3), (4, FROM_4), (5, FROM_5)];

/// Format 3 did not say what type an outgoing message has, nor who holds a received one: null says the same. How often the
/// relay asked again was known to the request alone. What had no next hop could be told to wait, for ever: it has failed.
const FROM_3: &str = "
    ALTER TABLE message ADD COLUMN holders TEXT;
    ALTER TABLE message ADD COLUMN past TEXT;
    ALTER TABLE message ADD COLUMN released INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE outgoing ADD COLUMN kind TEXT;
    ALTER TABLE outgoing ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE event ADD COLUMN kind TEXT;
    CREATE INDEX outgoing_expires ON outgoing(peer, expires) WHERE state = 0 AND expires IS NOT NULL;
    UPDATE outgoing SET repeats = coalesce((
        SELECT max(coalesce(json_extract(leg.value, '$.n'), 0))
        FROM request, json_each(request.state, '$.l') AS leg
        WHERE request.id = outgoing.message AND json_valid(request.state)
            AND json_extract(leg.value, '$.o') = outgoing.ordinal), 0);
    UPDATE outgoing SET state = 1 WHERE peer = 'no-route' AND state = 0;
";

/// Format 4 had a table for charging records alone, and kept the marks of their readers among other counters. Where no
/// record is left, the marks say what number was the last. It had no ledger: that begins with the first message after the
/// upgrade, since every id is below the ceiling.
const FROM_4: &str = "
    CREATE TABLE record(
        stream TEXT NOT NULL, sequence INTEGER NOT NULL, message INTEGER NOT NULL, ordinal INTEGER NOT NULL,
        recorded_at INTEGER NOT NULL, plugin TEXT NOT NULL, version TEXT NOT NULL, record TEXT NOT NULL,
        PRIMARY KEY(stream, sequence)) WITHOUT ROWID;
    CREATE TABLE mark(
        stream TEXT NOT NULL, reader TEXT NOT NULL, sequence INTEGER NOT NULL, file INTEGER NOT NULL,
        PRIMARY KEY(stream, reader)) WITHOUT ROWID;
    CREATE TABLE purged(stream TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO record SELECT 'charging', sequence, message, ordinal, recorded_at, plugin, version, record FROM charging
        ORDER BY sequence;
    INSERT INTO mark SELECT 'charging', 'export', value, 0 FROM counter WHERE name = 'exported' AND value > 0;
    INSERT INTO mark SELECT 'charging', name, value, coalesce((
            SELECT file.value FROM counter AS file WHERE file.name = 'output-file:' || substr(counter.name, 8)), 0)
        FROM counter WHERE name GLOB 'output:*';
    INSERT INTO purged SELECT 'charging', coalesce(
        (SELECT min(sequence) - 1 FROM charging), (SELECT max(sequence) FROM mark), 0);
    DELETE FROM counter WHERE name = 'exported' OR name GLOB 'output:*' OR name GLOB 'output-file:*';
    DROP TABLE charging;
    CREATE TABLE ledger(
        message INTEGER NOT NULL, place INTEGER NOT NULL, at INTEGER NOT NULL, what INTEGER NOT NULL,
        ordinal INTEGER NOT NULL, recipients TEXT NOT NULL, peer TEXT, record INTEGER, sums BLOB, about TEXT,
        PRIMARY KEY(message, place)) WITHOUT ROWID;
    INSERT INTO counter SELECT 'ledger', value FROM counter WHERE name = 'id-ceiling';
";

/// Format 5 had no checksums. Null says that there is none: no row is read or rewritten for it.
const FROM_5: &str = "
    ALTER TABLE message ADD COLUMN sum INTEGER;
    ALTER TABLE content ADD COLUMN sum INTEGER;
    ALTER TABLE outgoing ADD COLUMN sum INTEGER;
    ALTER TABLE event ADD COLUMN sum INTEGER;
    ALTER TABLE record ADD COLUMN sum INTEGER;
    ALTER TABLE mark ADD COLUMN sum INTEGER;
    ALTER TABLE request ADD COLUMN sum INTEGER;
    ALTER TABLE history ADD COLUMN sum INTEGER;
    ALTER TABLE ledger ADD COLUMN sum INTEGER;
    ALTER TABLE kv ADD COLUMN sum INTEGER;
    CREATE INDEX outgoing_held ON outgoing(message) WHERE state = 3;
";

/// Damaged rows that are named one by one.
const MOST_NAMED: usize = 100;

/// Makes the tables of a new database, or upgrades those of an older format.
pub(super) fn bring_up(db: &mut Connection, folder: &Path, backup: bool) -> Result<(), SpoolError> {
    if is_empty(db)? {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        transaction.commit()?;
        return Ok(());
    }
    if let Some(upgraded) = migrate(db, folder, backup)? {
        let Upgraded { from, to, backup } = upgraded;
        let backup = backup.map_or_else(|| "none".to_owned(), |path| path.display().to_string());
        tracing::info!(
            from,
            to,
            backup,
            event = "spool-upgraded",
            "the spool is upgraded to the format of this version"
        );
    }
    Ok(())
}

pub(in crate::spool) fn run(folder: &Path, backup: bool) -> Result<Option<Upgraded>, SpoolError> {
    // Before the lock, which would make the folder.
    drop(schema::open_any_format(folder)?);
    let _lock = schema::claim(folder)?;
    let mut db = schema::open_any_format(folder)?;
    migrate(&mut db, folder, backup)
}

/// `None` when nothing was to be done.
fn migrate(db: &mut Connection, folder: &Path, backup: bool) -> Result<Option<Upgraded>, SpoolError> {
    let from = schema::format(db)?;
    if steps(from, folder)?.is_empty() {
        return Ok(None);
    }
    let backup = backup.then(|| back_up(db, folder, from)).transpose()?;
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again under the lock: another process may have been faster.
    for sql in steps(schema::format(&transaction)?, folder)? {
        transaction.execute_batch(sql)?;
    }
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()?;
    Ok(Some(Upgraded {
        from,
        to: FORMAT,
        backup,
    }))
}

/// What leads from this format to today's, in order.
fn steps(from: i64, folder: &Path) -> Result<Vec<&'static str>, SpoolError> {
    let oldest = MIGRATIONS.first().map_or(FORMAT, |(from, _)| *from);
    match from {
        newer if newer > FORMAT => Err(schema::wrong_format(folder, newer)),
        unknown if unknown < oldest => Err(SpoolError::Unknown {
            folder: folder.display().to_string(),
            found: unknown,
        }),
        _ => Ok(MIGRATIONS
            .iter()
            .filter(|(start, _)| *start >= from)
            .map(|(_, sql)| *sql)
            .collect()),
    }
}

/// Copies the database as it is, committed changes in the log included, to a file beside it. Under its name there is
/// never half a copy.
fn back_up(db: &Connection, folder: &Path, format: i64) -> Result<PathBuf, SpoolError> {
    let free = |number: u32| {
        let number = if number == 0 {
            String::new()
        } else {
            format!(".{number}")
        };
        let path = folder.join(format!("spool.db.format-{format}{number}"));
        (!path.exists()).then_some(path)
    };
    let path = (0..=u32::MAX)
        .find_map(free)
        .unwrap_or_else(|| folder.join("spool.db.format"));
    let part = path.with_added_extension("part");
    copy(db, &part, &path).map_err(|error| {
        // What is left of it would only take the room that is missing.
        let _ = std::fs::remove_file(&part);
        let text = format!(
            "{}: the backup before the upgrade cannot be written ({error}); make room, or upgrade without one: \
             mm4relay spool upgrade --run --no-backup",
            path.display()
        );
        match error {
            SpoolError::Full(_) => SpoolError::Full(text),
            _ => SpoolError::Broken(text),
        }
    })?;
    Ok(path)
}

pub(super) fn copy(db: &Connection, part: &Path, path: &Path) -> Result<(), SpoolError> {
    let _ = std::fs::remove_file(part);
    // SQLite writes into an empty file that is there: so its mode is ours, not the umask's.
    let file = schema::private_file(part).map_err(|e| broken(part, &e))?;
    db.execute("VACUUM INTO ?1", [part.to_string_lossy()])?;
    file.sync_all().map_err(|e| broken(part, &e))?;
    std::fs::rename(part, path).map_err(|e| broken(path, &e))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|e| broken(folder, &e))
}

fn is_empty(db: &Connection) -> Result<bool, SpoolError> {
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    Ok(tables == 0)
}

pub(in crate::spool) fn survey(folder: &Path) -> Result<Survey, SpoolError> {
    let db = schema::open_any_format(folder)?;
    let _snapshot = db.unchecked_transaction()?;
    let format = schema::format(&db)?;
    steps(format, folder)?;
    let count = |table: &str| -> Result<u64, SpoolError> {
        let sql = format!("SELECT count(*) FROM {table}");
        Ok(db.query_row(&sql, (), |row| row.get::<_, i64>(0))? as u64)
    };
    let mut rows = Vec::new();
    let (table, sql) = match format {
        3 | 4 => ("charging", "SELECT record, sequence FROM charging"),
        _ => ("record", "SELECT record, stream || ' ' || sequence FROM record"),
    };
    let is_there = |what: &str| format >= LEDGER_SINCE || !what.contains("the ledger");
    for (what, table) in WHAT
        .iter()
        .filter(|(what, _)| is_there(what))
        .copied()
        .chain([("charging records", table)])
    {
        rows.push((what, count(table)?));
    }
    let mut damaged = Vec::new();
    let record: Read = |row| stored::read::<serde_json::Value>(&row.get::<_, String>(0)?).map(drop);
    for (what, sql, read) in
        READS
            .iter()
            .filter(|(what, ..)| is_there(what))
            .copied()
            .chain([("charging record", sql, record)])
    {
        look_through(&db, what, sql, read, &mut damaged)?;
    }
    Ok(Survey {
        format,
        known: FORMAT,
        rows,
        damaged,
    })
}

/// The first format with a ledger.
const LEDGER_SINCE: i64 = 5;

/// What the rows of each table are to an operator.
const WHAT: &[(&str, &str)] = &[
    ("received messages", "message"),
    ("destinations of them", "outgoing"),
    ("outcomes that plug-ins must still be told", "event"),
    ("requests", "request"),
    ("events in their histories", "history"),
    ("values of plug-ins", "kv"),
    ("movements in the ledger", "ledger"),
];

type Read = fn(&rusqlite::Row) -> Result<(), SpoolError>;

/// Each query gives what to read and, behind it, how the row is named.
const READS: &[(&str, &str, Read)] = &[
    ("message", "SELECT envelope, source, id FROM message", |row| {
        stored::read_envelope(&row.get::<_, String>(0)?)?;
        named(row, 1)
    }),
    ("steps of message", "SELECT journey, id FROM message", |row| {
        stored::read_journey(&row.get::<_, String>(0)?).map(drop)
    }),
    (
        "destination",
        "SELECT envelope, pieces, peer, message || '-' || ordinal FROM outgoing",
        |row| whole(row).and_then(|()| named(row, 2)),
    ),
    ("outcome", "SELECT envelope, pieces, id FROM event", whole),
    ("request", "SELECT state, id FROM request", |row| {
        stored::read_request(&row.get::<_, String>(0)?).map(drop)
    }),
    (
        "event of request",
        "SELECT event, request || ', ' || place FROM history",
        |row| stored::read_event(&row.get::<_, String>(0)?).map(drop),
    ),
    (
        "line of the ledger",
        "SELECT about, message || ', ' || place FROM ledger WHERE about IS NOT NULL",
        |row| stored::read_about(&row.get::<_, String>(0)?).map(drop),
    ),
];

fn whole(row: &rusqlite::Row) -> Result<(), SpoolError> {
    stored::read_envelope(&row.get::<_, String>(0)?)?;
    pieces::decode(&Bytes::from(row.get::<_, Vec<u8>>(1)?))
        .map(drop)
        .ok_or_else(|| SpoolError::Broken("its pieces are damaged".into()))
}

fn named(row: &rusqlite::Row, column: usize) -> Result<(), SpoolError> {
    let text = row.get::<_, String>(column)?;
    let source = Source::new(&text).map(drop);
    let read = source.or_else(|_| NextHop::new(&text).map(drop));
    read.map_err(|e| SpoolError::Broken(e.0))
}

fn look_through(
    db: &Connection,
    what: &str,
    sql: &str,
    read: Read,
    damaged: &mut Vec<String>,
) -> Result<(), SpoolError> {
    let mut query = db.prepare(sql)?;
    let name = query.column_count() - 1;
    let mut rows = query.query(())?;
    while let Some(row) = rows.next()? {
        if let Err(error) = read(row)
            && damaged.len() < MOST_NAMED
        {
            let id: rusqlite::types::Value = row.get(name)?;
            let id = match id {
                rusqlite::types::Value::Integer(id) => id.to_string(),
                rusqlite::types::Value::Text(id) => id,
                other => format!("{other:?}"),
            };
            damaged.push(format!("{what} {id}: {error}"));
        }
    }
    Ok(())
}
