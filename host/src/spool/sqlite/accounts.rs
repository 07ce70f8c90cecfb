//! The ledger, and what it is set against: the queue and the charging records.

use rusqlite::{Connection, OptionalExtension, Row};

use super::access::Access;
use super::columns::queue_id;
use super::schema::key;
use crate::message::{MessageId, NextHop, QueueId, Timestamp};
use crate::spool::SpoolError;
use crate::spool::ledger::{AccountPage, KnownRecord, Ledger, LedgerBounds, Movement, Records, record_sum};
use crate::spool::states::statement;
use crate::spool::stored;

impl<A: Access> Ledger for A {
    fn ledger_bounds(&self) -> Result<LedgerBounds, SpoolError> {
        self.read(bounds)
    }

    fn accounts(&self, from: MessageId, to: MessageId, limit: usize) -> Result<AccountPage, SpoolError> {
        self.read(|db| accounts(db, from, to, limit))
    }

    fn owners_of_records(&self, sequence: u64, limit: usize) -> Result<Vec<(u64, QueueId)>, SpoolError> {
        self.read(|db| owners_of_records(db, sequence, limit))
    }
}

fn bounds(db: &Connection) -> Result<LedgerBounds, SpoolError> {
    let number = |sql: &str| -> Result<u64, SpoolError> {
        let found = db.query_row(sql, (), |row| row.get::<_, Option<i64>>(0)).optional()?;
        Ok(found.flatten().unwrap_or_default() as u64)
    };
    let purged = number("SELECT sequence FROM purged WHERE stream = 'charging'")?;
    Ok(LedgerBounds {
        begins: MessageId(number("SELECT value FROM counter WHERE name = 'ledger'")?),
        last_record: number("SELECT max(sequence) FROM record WHERE stream = 'charging'")?.max(purged),
        purged,
        sums_with_numbers: true,
    })
}

/// Accounts of at most `limit` messages from `from` to before `to`, in the order of their ids.
fn accounts(db: &Connection, from: MessageId, to: MessageId, limit: usize) -> Result<AccountPage, SpoolError> {
    let _snapshot = db.unchecked_transaction()?;
    let (from, mut to) = (key(from)?, key(to)?);
    let mut page = AccountPage::default();
    movements(db, from, to, limit, &mut page)?;
    if let Some(next) = page.next {
        to = key(next)?;
    }
    queue_between(db, from, to, &mut page)?;
    for account in page.accounts.values_mut() {
        let named = account.movements.iter().filter_map(|line| line.records.as_ref());
        for records in named {
            account.records.extend(records_between(db, records)?);
        }
    }
    Ok(page)
}

/// Whose the records behind `sequence` are, at most `limit`.
fn owners_of_records(db: &Connection, sequence: u64, limit: usize) -> Result<Vec<(u64, QueueId)>, SpoolError> {
    const QUERY: &str = "
        SELECT message, ordinal, sequence FROM record
        WHERE stream = 'charging' AND sequence > ?1 ORDER BY sequence LIMIT ?2";
    let mut query = db.prepare_cached(QUERY)?;
    let rows = query.query_map((sequence as i64, limit as i64), |row| {
        Ok((row.get::<_, i64>(2)? as u64, queue_id(row, 0)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn movements(db: &Connection, from: i64, to: i64, limit: usize, page: &mut AccountPage) -> Result<(), SpoolError> {
    const QUERY: &str = "
        SELECT message, place, at, what, ordinal, recipients, peer, record, sums, about FROM ledger
        WHERE message >= ?1 AND message < ?2 ORDER BY message, place";
    let mut query = db.prepare_cached(QUERY)?;
    let mut rows = query.query((from, to))?;
    while let Some(row) = rows.next()? {
        let message = MessageId(row.get::<_, i64>(0)? as u64);
        if page.accounts.len() == limit && !page.accounts.contains_key(&message) {
            page.next = Some(message);
            break;
        }
        let account = page.accounts.entry(message).or_default();
        match movement(row) {
            Ok(line) => account.movements.push(line),
            Err(error) => account.damaged.push(format!("line {}: {error}", row.get::<_, i64>(1)?)),
        }
    }
    Ok(())
}

/// What of these messages is in the queue.
fn queue_between(db: &Connection, from: i64, to: i64, page: &mut AccountPage) -> Result<(), SpoolError> {
    const OPEN: &str = statement!("
        SELECT id, 0, envelope FROM message WHERE id >= ?1 AND id < ?2 AND hold IS NOT NULL AND NOT failed
        UNION ALL
        SELECT message, ordinal, envelope FROM outgoing WHERE message >= ?1 AND message < ?2 AND state IN ({waiting}, {held})");
    const OWED: &str = "SELECT DISTINCT message, 0 FROM event WHERE message >= ?1 AND message < ?2";
    let mut query = db.prepare_cached(OPEN)?;
    let mut rows = query.query((from, to))?;
    while let Some(row) = rows.next()? {
        let id = queue_id(row, 0)?;
        let envelope = stored::read_envelope(row.get_ref(2)?.as_str().unwrap_or_default());
        let account = page.accounts.entry(id.message()).or_default();
        match envelope {
            Ok(envelope) => {
                let ids = envelope.recipients.iter().map(|recipient| recipient.id.0).collect();
                account.here.insert(id.number(), ids);
            }
            Err(error) => account.damaged.push(format!("{id} in the queue: {error}")),
        }
    }
    let mut query = db.prepare_cached(OWED)?;
    let owed = query.query_map((from, to), |row| queue_id(row, 0))?;
    for id in owed {
        page.accounts.entry(id?.message()).or_default().owed = true;
    }
    Ok(())
}

fn records_between(db: &Connection, named: &Records) -> Result<Vec<KnownRecord>, SpoolError> {
    const QUERY: &str = "
        SELECT message, ordinal, sequence, recorded_at, plugin, version, record
        FROM record WHERE stream = 'charging' AND sequence BETWEEN ?1 AND ?2 ORDER BY sequence";
    let mut query = db.prepare_cached(QUERY)?;
    let rows = query.query_map((named.first as i64, named.last() as i64), |row| {
        let sequence = row.get::<_, i64>(2)? as u64;
        let at = Timestamp(row.get::<_, i64>(3)? as u64);
        let text: String = row.get(6)?;
        let (plugin, version) = (row.get_ref(4)?, row.get_ref(5)?);
        let (plugin, version) = (
            plugin.as_str().unwrap_or_default(),
            version.as_str().unwrap_or_default(),
        );
        Ok(KnownRecord {
            sequence,
            id: queue_id(row, 0)?,
            sum: record_sum(sequence, at, plugin, version, &text),
            text,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A line of the ledger, with the columns that [`movements`] asks for.
fn movement(row: &Row) -> Result<Movement, SpoolError> {
    let what = stored::read_moved(row.get(3)?)?;
    let peer = row.get::<_, Option<String>>(6)?;
    let first = row.get::<_, Option<i64>>(7)?;
    let sums = row.get::<_, Option<Vec<u8>>>(8)?;
    let records = first.zip(sums).map(|(first, sums)| {
        let sums = stored::read_sums(&sums)?;
        let first = first as u64;
        Ok::<_, SpoolError>(Records { first, sums })
    });
    let about = row.get::<_, Option<String>>(9)?;
    Ok(Movement {
        at: Timestamp(row.get::<_, i64>(2)? as u64),
        what,
        ordinal: row.get(4)?,
        recipients: stored::read_ids(&row.get::<_, String>(5)?)?,
        peer: peer
            .map(|name| NextHop::new(&name))
            .transpose()
            .map_err(|error| SpoolError::Broken(error.0))?,
        records: records.transpose()?,
        about: about.map(|text| stored::read_about(&text)).transpose()?,
    })
}
