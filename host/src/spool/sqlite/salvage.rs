//! Saving everything readable from a database with damaged pages.
//!
//! A row with a wrong checksum is left where it is. A page that SQLite cannot read is worse: it hides its neighbours,
//! and in an index even undamaged rows. So everything readable is copied into a new database, from both ends of each
//! table up to the damage; indexes are built anew. The damaged database is kept beside the new one.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::Value;

use super::schema::{self, FORMAT, PAGE, TABLES, broken};
use crate::message::Leg;
use crate::spool::SpoolError;
use crate::spool::stored;

/// What a salvage saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Salvaged {
    /// Rows that were saved, of all tables.
    pub rows: u64,
    /// Tables of which a part cannot be read.
    pub hurt: Vec<&'static str>,
    /// The damaged database.
    pub kept: PathBuf,
}

/// Each table, with the order of its rows.
const ALL: &[(&str, &str)] = &[
    ("counter", "name"),
    ("message", "id"),
    ("content", "chunk"),
    ("outgoing", "message, ordinal"),
    ("event", "id"),
    ("record", "stream, sequence"),
    ("mark", "stream, reader"),
    ("purged", "stream"),
    ("request", "id"),
    ("lookup", "hash, request"),
    ("lookup_new", "hash, request"),
    ("asked", "peer"),
    ("history", "request, place"),
    ("ledger", "message, place"),
    ("kv", "plugin, key"),
];

/// Rows in one transaction.
const BATCH: usize = 2000;

/// Puts a new database in the place of the one in `folder`, which nobody else may have open.
pub(super) fn salvage(folder: &Path) -> Result<Salvaged, SpoolError> {
    let path = schema::database(folder);
    let part = path.with_added_extension("new");
    let old = schema::open_any_format(folder)?;
    let _ = std::fs::remove_file(&part);
    drop(schema::private_file(&part).map_err(|e| broken(&part, &e))?);
    let saved = save(&old, &part);
    // The log is merged first, or it would be taken for that of the new database.
    let emptied = old.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get::<_, bool>(0));
    schema::close(old);
    let (rows, hurt) = saved?;
    if emptied.map_err(SpoolError::from)? {
        return Err(SpoolError::Broken("somebody else reads the damaged database".into()));
    }
    for more in ["-wal", "-shm"] {
        let mut name = path.clone().into_os_string();
        name.push(more);
        let _ = std::fs::remove_file(PathBuf::from(name));
    }
    let kept = free_name(&path);
    std::fs::hard_link(&path, &kept).map_err(|e| broken(&kept, &e))?;
    std::fs::rename(&part, &path).map_err(|e| broken(&path, &e))?;
    let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|e| broken(folder, &e))?;
    Ok(Salvaged { rows, hurt, kept })
}

fn free_name(path: &Path) -> PathBuf {
    let name = |number: u32| path.with_added_extension(format!("damaged-{number}"));
    (1..).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(0))
}

fn save(old: &Connection, part: &Path) -> Result<(u64, Vec<&'static str>), SpoolError> {
    let mut new = Connection::open(part)?;
    new.pragma_update(None, "page_size", PAGE)?;
    new.pragma_update(None, "synchronous", "FULL")?;
    new.execute_batch(TABLES)?;
    new.pragma_update(None, "user_version", FORMAT)?;
    let (mut rows, mut hurt) = (0, Vec::new());
    for (table, key) in ALL {
        let up = copy(old, &mut new, table, key)?;
        rows += up.0;
        if !up.1 {
            hurt.push(*table);
            let down = copy(old, &mut new, table, &descending(key))?;
            rows += down.0;
        }
    }
    // Ids of outcomes are never given again.
    if let Ok(last) = old.query_row("SELECT seq FROM sqlite_sequence WHERE name = 'event'", (), |row| {
        row.get::<_, i64>(0)
    }) {
        new.execute("DELETE FROM sqlite_sequence WHERE name = 'event'", ())?;
        new.execute("INSERT INTO sqlite_sequence(name, seq) VALUES('event', ?1)", [last])?;
    }
    if hurt
        .iter()
        .any(|table| ["counter", "lookup", "lookup_new", "asked"].contains(table))
    {
        look_up_anew(&mut new)?;
    }
    new.pragma_update(None, "journal_mode", "WAL")?;
    Ok((rows, hurt))
}

/// Rebuilds the look-up tables from the requests, and the counter of ids from the existing ones.
pub(super) fn look_up_anew(new: &mut Connection) -> Result<(), SpoolError> {
    const CEILING: &str = "
        UPDATE counter SET value = max(value, 60000000 + (SELECT max(id) FROM (
            SELECT coalesce(max(id), 0) AS id FROM message UNION ALL SELECT coalesce(max(id), 0) FROM request
            UNION ALL SELECT coalesce(max(message), 0) FROM ledger)))
        WHERE name = 'id-ceiling'";
    let salt = schema::salt(new)?;
    let transaction = new.transaction()?;
    transaction.execute(CEILING, ())?;
    transaction.execute_batch("DELETE FROM lookup; DELETE FROM lookup_new")?;
    {
        let mut states = transaction.prepare("SELECT id, state FROM request")?;
        let mut add = transaction.prepare("INSERT OR IGNORE INTO lookup(hash, request) VALUES(?1, ?2)")?;
        let mut asked = transaction.prepare("INSERT OR IGNORE INTO asked(peer) VALUES(?1)")?;
        let mut rows = states.query(())?;
        while let Some(row) = rows.next()? {
            let Ok(request) = stored::read_request(row.get_ref(1)?.as_str().unwrap_or_default()) else {
                continue;
            };
            for peer in request.legs.iter().filter_map(Leg::asked) {
                asked.execute([peer.as_str()])?;
            }
            for key in request.keys() {
                add.execute((crate::spool::hash::hash(salt, &key), row.get::<_, i64>(0)?))?;
            }
        }
    }
    Ok(transaction.commit()?)
}

fn descending(key: &str) -> String {
    key.split(", ")
        .map(|one| format!("{one} DESC"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Copies rows in this order, until one cannot be read. Returns how many were new, and whether all could be read.
fn copy(old: &Connection, new: &mut Connection, table: &str, order: &str) -> Result<(u64, bool), SpoolError> {
    let columns = columns(new, table)?;
    let marks: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
    let (names, marks) = (columns.join(", "), marks.join(", "));
    let select = format!("SELECT {names} FROM {table} NOT INDEXED ORDER BY {order}");
    // The old database's counters replace those of the new one.
    let or = if table == "counter" { "REPLACE" } else { "IGNORE" };
    let insert = format!("INSERT OR {or} INTO {table}({names}) VALUES({marks})");
    let Ok(mut query) = old.prepare(&select) else {
        return Ok((0, false));
    };
    let Ok(mut rows) = query.query(()) else {
        return Ok((0, false));
    };
    let mut copied = 0;
    loop {
        let transaction = new.transaction()?;
        let mut into = transaction.prepare_cached(&insert)?;
        for _ in 0..BATCH {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                ended => {
                    drop(into);
                    transaction.commit()?;
                    return Ok((copied, ended.is_ok()));
                }
            };
            let values: rusqlite::Result<Vec<Value>> = (0..columns.len()).map(|n| row.get(n)).collect();
            // A row that the tables do not accept, or whose text is no text, is lost.
            if let Ok(values) = values
                && let Ok(changed) = into.execute(rusqlite::params_from_iter(values))
            {
                copied += changed as u64;
            }
        }
        drop(into);
        transaction.commit()?;
    }
}

fn columns(db: &Connection, table: &str) -> Result<Vec<String>, SpoolError> {
    let mut query = db.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let names = query.query_map([table], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}
