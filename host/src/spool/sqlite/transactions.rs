//! Transactions in their table, and the hashes under which they are found.
//!
//! A row is read, changed by [`Transaction::apply`] and written again, always by the one writing thread. Only the hash
//! of a key is stored: whoever finds a row by it checks whether the row really has that key.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::sql_time;
use super::leases::Look;
use super::schema::key;
use super::sums;
use super::unit::{Unit, release};
use crate::message::{
    Change, Leg, MessageId, Ordinal, PeerName, Timestamp, Transaction, TransactionChange, TransactionKey, WaitingRecord,
};
use crate::spool::hash::hash;
use crate::spool::history::Charged;
use crate::spool::ledger::Moved;
use crate::spool::states::statement;
use crate::spool::stored;
use crate::spool::{Expect, Leased, SpoolError};

/// How many hashes `lookup_new` holds: about ten pages, which the requests of one flush share, instead of each writing
/// pages of its own.
const MOST_NEW: i64 = 8192;

/// The most that [`find`] answers.
const MOST_FOUND: usize = 100;

/// A transaction after changes to it.
pub(super) struct Changed {
    pub transaction: Transaction,
    /// The changes that did something, one line each.
    pub texts: Vec<String>,
    /// The records that had waited for it.
    pub charged: Charged,
}

impl Unit<'_> {
    /// Fails when `opens` is a copy of another live transaction that did not come to nothing. Writes nothing.
    pub(super) fn refuse_copy(&self, opens: &Transaction) -> Result<(), SpoolError> {
        let repeat = TransactionKey::Repeat(opens.repeat);
        if self.known.is_some_and(|known| !known.is_set(hash(self.salt, &repeat))) {
            return Ok(());
        }
        let copies = find(self.db, self.salt, &repeat, self.now)?;
        let other = copies
            .iter()
            .find(|other| other.id != opens.id && other.is_copy_of(opens) && !other.came_to_nothing());
        other.map_or(Ok(()), |other| Err(SpoolError::Repeat(other.id)))
    }

    /// Fails when a request is no longer as expected. Writes nothing.
    pub(super) fn check(&self, expects: &[Expect]) -> Result<(), SpoolError> {
        for expect in expects {
            let now = read(self.db, key(expect.request)?)?.map(|of| of.revision);
            if now != Some(expect.revision) {
                return Err(SpoolError::Moved(expect.request));
            }
        }
        Ok(())
    }

    /// Also writes those of `records` that need not wait.
    pub(super) fn open(&mut self, opens: &Transaction, records: Vec<WaitingRecord>) -> Result<Charged, SpoolError> {
        const INSERT: &str = "INSERT INTO request(id, due, forget_at, state, sum) VALUES(?1, ?2, ?3, ?4, ?5)";
        let id = key(opens.id)?;
        if let Some(before) = read(self.db, id)? {
            let mut joined = before.clone();
            // Before what makes it wait for responses.
            joined.records.extend(records);
            joined.join(opens.clone());
            let settled = joined.settled();
            self.rewrite(id, &before, joined)?;
            return self.charge_settled(&settled);
        }
        let (mut opened, mut settled) = (Cow::Borrowed(opens), Vec::new());
        if !records.is_empty() {
            opened.to_mut().records.extend(records);
            settled = opened.to_mut().settled();
        }
        let due = opened.next.map(|task| sql_time(task.due));
        let state = stored::write_request(opened.as_ref())?;
        let sum = sums::request(id, &state).value();
        self.run(INSERT, (id, due, sql_time(opened.forget_at), state, sum))?;
        self.add_keys(id, &opened.keys(), &opened.legs)?;
        self.charge_settled(&settled)
    }

    /// Makes the changes, grouped by transaction. The answer leaves out unknown transactions.
    pub(super) fn change(&mut self, changes: &[TransactionChange]) -> Result<Vec<Changed>, SpoolError> {
        let groups = changes.chunk_by(|one, next| one.id == next.id);
        let mut changed = Vec::new();
        for group in groups {
            let id = key(group[0].id)?;
            // A transaction whose time is over is included while its row exists: it may be what a waiting message
            // changes.
            match read(self.db, id)? {
                Some(before) => changed.push(self.change_one(id, before, group)?),
                None => tracing::debug!(message = %group[0].id, "a change to a transaction that is not there"),
            }
        }
        Ok(changed)
    }

    fn change_one(&mut self, id: i64, before: Transaction, group: &[TransactionChange]) -> Result<Changed, SpoolError> {
        let (mut transaction, mut texts) = (before.clone(), Vec::new());
        for TransactionChange { change, .. } in group {
            let last = transaction.clone();
            transaction.apply(change);
            let tells = match change {
                Change::CameAgain { .. } => true,
                Change::Await { .. } | Change::Next { .. } => false,
                _ => transaction != last,
            };
            if tells {
                texts.push(change.to_string());
            }
            if let Change::Repeated { ordinal, at } = change {
                self.send_again(id, &transaction, *ordinal, *at)?;
            }
        }
        transaction.stay_known_to_be_told(self.now);
        let settled = transaction.settled();
        let transaction = self.rewrite(id, &before, transaction)?;
        let charged = self.charge_settled(&settled)?;
        Ok(Changed {
            transaction,
            texts,
            charged,
        })
    }

    pub(super) fn rewrite(&self, id: i64, before: &Transaction, after: Transaction) -> Result<Transaction, SpoolError> {
        const UPDATE: &str = "UPDATE request SET due = ?2, forget_at = ?3, state = ?4, sum = ?5 WHERE id = ?1";
        if *before == after {
            return Ok(after);
        }
        let after = after.revised(before);
        let due = after.next.map(|task| sql_time(task.due));
        let state = stored::write_request(&after)?;
        let sum = sums::request(id, &state).value();
        self.run(UPDATE, (id, due, sql_time(after.forget_at), state, sum))?;
        let (old, new) = (before.keys(), after.keys());
        let added: Vec<_> = new.iter().filter(|key| !old.contains(key)).cloned().collect();
        self.add_keys(id, &added, &after.legs)?;
        let gone: Vec<_> = old.into_iter().filter(|key| !new.contains(key)).collect();
        self.remove_keys(id, &gone)?;
        for ordinal in before.legs.iter().filter_map(Leg::ordinal) {
            if before.keeps(ordinal) && !after.keeps(ordinal) {
                self.let_go(id, ordinal)?;
            }
        }
        Ok(after)
    }

    /// Makes a kept outgoing message wait again, for the present recipients of its leg.
    fn send_again(&self, id: i64, of: &Transaction, ordinal: Ordinal, at: Timestamp) -> Result<(), SpoolError> {
        const ENVELOPE: &str =
            statement!("SELECT envelope FROM outgoing WHERE message = ?1 AND ordinal = ?2 AND state = {awaiting}");
        const AGAIN: &str = statement!(
            "
            UPDATE outgoing SET state = {waiting}, due = ?3, attempts = 0, repeats = repeats + 1,
                reason = 'sent again: no response came'
            WHERE message = ?1 AND ordinal = ?2"
        );
        let mut query = self.db.prepare_cached(ENVELOPE)?;
        let stored = query
            .query_row((id, ordinal.get()), |row| row.get::<_, String>(0))
            .optional()?;
        let leg = of.leg(ordinal);
        let (Some(text), Some(leg)) = (stored, leg) else {
            tracing::warn!(message = %of.id, %ordinal, event = "repeat-gone", "not sent again: it is not in the spool any more");
            return Ok(());
        };
        let mut envelope = stored::read_envelope(&text)?;
        envelope.recipients.clone_from(&leg.recipients);
        self.run(AGAIN, (id, ordinal.get(), sql_time(at)))?;
        self.readdress(id, ordinal.get(), &envelope)?;
        let again = envelope.recipients.iter().map(|recipient| recipient.id.0).collect();
        self.enter(of.id, &[self.movement(Moved::Reopened, ordinal.get(), again)])
    }

    /// Removes an outgoing message that was kept for its transaction.
    fn let_go(&self, id: i64, ordinal: Ordinal) -> Result<(), SpoolError> {
        const GONE: &str =
            statement!("DELETE FROM outgoing WHERE message = ?1 AND ordinal = ?2 AND state = {awaiting}");
        match self.run(GONE, (id, ordinal.get()))? {
            0 => Ok(()),
            _ => release(self.db, id),
        }
    }

    /// Removes a transaction whose time is over, with everything that is kept for it alone.
    pub(super) fn forget(&mut self, id: i64) -> Result<(), SpoolError> {
        // The keys of a damaged row are unknown: its entries stay, and lead nowhere.
        if let Some(mut transaction) = read(self.db, id)? {
            self.remove_keys(id, &transaction.keys())?;
            let settled = transaction.settled_at_last(self.now);
            self.charge_settled(&settled)?;
        }
        self.run("DELETE FROM history WHERE request = ?1", [id])?;
        self.run("DELETE FROM request WHERE id = ?1", [id])?;
        if self.run(
            statement!("DELETE FROM outgoing WHERE message = ?1 AND state = {awaiting}"),
            [id],
        )? > 0
        {
            release(self.db, id)?;
        }
        Ok(())
    }

    /// Moves hashes beyond the limit out of `lookup_new`, continuing where the last transaction ended. Neighbours by
    /// hash share pages, as long as there are not many more pages than new hashes.
    pub(super) fn move_hashes(&mut self) -> Result<(), SpoolError> {
        const LAST: &str = "
            SELECT max(hash) FROM (SELECT hash FROM lookup_new WHERE hash > ?1 ORDER BY hash LIMIT ?2)";
        const COPY: &str = "
            INSERT OR IGNORE INTO lookup SELECT hash, request FROM lookup_new WHERE hash > ?1 AND hash <= ?2";
        let one = |sql: &str| self.db.prepare_cached(sql)?.query_row((), |row| row.get::<_, i64>(0));
        let excess = one("SELECT count(*) FROM lookup_new")? - MOST_NEW;
        if excess <= 0 {
            return Ok(());
        }
        let after = self.counters.moved;
        let mut query = self.db.prepare_cached(LAST)?;
        let last: Option<i64> = query.query_row((after, excess), |row| row.get(0))?;
        if let Some(last) = last {
            self.run(COPY, (after, last))?;
            self.run("DELETE FROM lookup_new WHERE hash > ?1 AND hash <= ?2", (after, last))?;
        }
        // At the end it begins anew with the next transaction.
        self.counters.moved = last.unwrap_or(i64::MIN);
        Ok(())
    }

    fn add_keys(&self, id: i64, keys: &[TransactionKey], legs: &[Leg]) -> Result<(), SpoolError> {
        const ADD: &str = "INSERT OR IGNORE INTO lookup_new(hash, request) VALUES(?1, ?2)";
        for key in keys {
            let hash = hash(self.salt, key);
            if let Some(known) = self.known {
                known.add(hash);
            }
            self.run(ADD, (hash, id))?;
        }
        let peers: BTreeSet<&str> = legs.iter().filter_map(Leg::asked).map(PeerName::as_str).collect();
        for peer in peers {
            self.run("INSERT OR IGNORE INTO asked(peer) VALUES(?1)", [peer])?;
        }
        Ok(())
    }

    fn remove_keys(&self, id: i64, keys: &[TransactionKey]) -> Result<(), SpoolError> {
        for key in keys {
            let row = (hash(self.salt, key), id);
            if self.run("DELETE FROM lookup_new WHERE hash = ?1 AND request = ?2", row)? == 0 {
                self.run("DELETE FROM lookup WHERE hash = ?1 AND request = ?2", row)?;
            }
        }
        Ok(())
    }
}

/// The transactions that have this key and are not forgotten at `now`, newest first.
pub(super) fn find(
    db: &Connection,
    salt: i64,
    key: &TransactionKey,
    now: Timestamp,
) -> Result<Vec<Transaction>, SpoolError> {
    const IDS: &str = "
        SELECT request FROM lookup WHERE hash = ?1 UNION ALL SELECT request FROM lookup_new WHERE hash = ?1
        ORDER BY 1 DESC";
    let mut query = db.prepare_cached(IDS)?;
    let mut rows = query.query([hash(salt, key)])?;
    let mut found: Vec<Transaction> = Vec::new();
    while found.len() < MOST_FOUND
        && let Some(row) = rows.next()?
    {
        let stored = read(db, row.get(0)?)?;
        found.extend(stored.filter(|stored| stored.forget_at > now && stored.keys().contains(key)));
    }
    found.dedup_by_key(|found| found.id);
    Ok(found)
}

/// `None` when it is not there, or damaged.
pub(super) fn read(db: &Connection, id: i64) -> Result<Option<Transaction>, SpoolError> {
    let mut query = db.prepare_cached("SELECT state, sum FROM request WHERE id = ?1")?;
    let mut rows = query.query([id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    parse(id, row, 0)
}

/// Transactions in the order of their ids, from the newest: at most `limit` with a lower id than `before`.
pub(super) fn page(db: &Connection, before: Option<MessageId>, limit: usize) -> Result<Vec<Transaction>, SpoolError> {
    const PAGE: &str = "SELECT id, state, sum FROM request WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
    let before = before.map_or(Ok(i64::MAX), key)?;
    let mut query = db.prepare_cached(PAGE)?;
    let mut rows = query.query((before, limit as i64))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(parse(row.get(0)?, row, 1)?);
    }
    Ok(found)
}

/// Leases due transactions, without those whose time is over, which cannot be found either.
pub(super) fn due(
    db: &Connection,
    now: Timestamp,
    limit: usize,
    look: &mut Look<'_>,
) -> Result<Vec<Transaction>, SpoolError> {
    let mut query =
        db.prepare_cached("SELECT id, state, sum FROM request WHERE due <= ?1 AND forget_at > ?1 ORDER BY due, id")?;
    let mut rows = query.query([sql_time(now)])?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let id: i64 = row.get(0)?;
        if look.take(Leased::Request(MessageId(id as u64))) {
            found.extend(parse(id, row, 1)?);
        }
    }
    Ok(found)
}

pub(super) fn next_due(db: &Connection) -> Result<Option<Timestamp>, SpoolError> {
    let mut query = db.prepare_cached("SELECT min(due) FROM request WHERE due IS NOT NULL")?;
    let due: Option<i64> = query.query_row((), |row| row.get(0))?;
    Ok(due.map(|due| Timestamp(due as u64)))
}

/// Ids of transactions whose time is over, at most `limit`, the oldest first.
pub(super) fn over(db: &Connection, now: Timestamp, limit: usize) -> Result<Vec<i64>, SpoolError> {
    const OVER: &str = "SELECT id FROM request WHERE forget_at <= ?1 ORDER BY forget_at LIMIT ?2";
    let mut query = db.prepare_cached(OVER)?;
    let ids = query.query_map((sql_time(now), limit as i64), |row| row.get(0))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// The request in this column, with its sum in the next. One damaged row must not stop the others.
fn parse(id: i64, row: &Row, column: usize) -> Result<Option<Transaction>, SpoolError> {
    let state = row.get_ref(column)?.as_str().unwrap_or_default();
    if sums::request(id, state).holds(row, column + 1)?
        && let Ok(request) = stored::read_request(state)
    {
        return Ok(Some(request));
    }
    sums::quarantine("request", MessageId(id as u64));
    Ok(None)
}
