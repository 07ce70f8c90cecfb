//! Whether requests can be found under all their keys. The look-up tables have no checksums, but can be computed from
//! the requests, and are compared with that.

use rusqlite::{Connection, OptionalExtension};

use super::schema;
use crate::message::{Leg, MessageId, Transaction, TransactionKey};
use crate::spool::hash::hash;
use crate::spool::stored;
use crate::spool::{Soundness, SpoolError};

/// Requests that are looked at in one transaction.
const BATCH: usize = 500;

/// Reports every request that a look-up would miss, and counters that would give an id twice.
pub(super) fn check(db: &Connection, checked: &mut Soundness) -> Result<(), SpoolError> {
    const CEILING: &str = "
        SELECT max((SELECT coalesce(max(id), 0) FROM message), (SELECT coalesce(max(id), 0) FROM request))
            > (SELECT value FROM counter WHERE name = 'id-ceiling')";
    match db.query_row(CEILING, (), |row| row.get::<_, Option<bool>>(0)) {
        Ok(Some(false)) => {}
        Ok(Some(true)) => checked.name("counter id-ceiling: it is below ids that were given".into()),
        Ok(None) => checked.name("counter id-ceiling: it is not there".into()),
        Err(error) => checked.name(format!("counter id-ceiling: {error}")),
    }
    let Ok(salt) = schema::salt(db) else {
        checked.name("counter salt: it cannot be read, and without it no request can be found".into());
        return Ok(());
    };
    let mut after = -1;
    // Rows that cannot be read have been named by the look through their table.
    while let Some(last) = batch(db, salt, after, checked).unwrap_or_default() {
        after = last;
    }
    Ok(())
}

/// Compares some requests in one transaction, because a request and its keys are written together. Returns the last
/// one's id; `None` after the last of all.
fn batch(db: &Connection, salt: i64, after: i64, checked: &mut Soundness) -> Result<Option<i64>, SpoolError> {
    const REQUESTS: &str = "SELECT id, state, sum IS NULL FROM request WHERE id > ?1 ORDER BY id LIMIT ?2";
    let _snapshot = db.unchecked_transaction()?;
    let mut query = db.prepare_cached(REQUESTS)?;
    let mut rows = query.query((after, BATCH as i64))?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        last = Some(id);
        if let Ok(request) = stored::read_request(row.get_ref(1)?.as_str().unwrap_or_default()) {
            look_for(db, salt, (id, row.get(2)?), &request, checked)?;
        }
    }
    Ok(last)
}

/// A request without a checksum was written by an earlier version, which knew fewer keys: it must be found under those.
fn look_for(
    db: &Connection,
    salt: i64,
    (id, is_old): (i64, bool),
    request: &Transaction,
    checked: &mut Soundness,
) -> Result<(), SpoolError> {
    const FOUND: &str = "
        SELECT 1 FROM lookup WHERE hash = ?1 AND request = ?2
        UNION ALL SELECT 1 FROM lookup_new WHERE hash = ?1 AND request = ?2";
    const ASKED: &str = "SELECT 1 FROM asked WHERE peer = ?1";
    let mut found = db.prepare_cached(FOUND)?;
    let mut hidden = Vec::new();
    let was_known = |key: &TransactionKey| match key {
        TransactionKey::Asked { .. } | TransactionKey::Repeat(_) | TransactionKey::Message { .. } => true,
        TransactionKey::Received { .. } | TransactionKey::Originator { .. } => !is_old,
    };
    for key in request.keys().into_iter().filter(was_known) {
        let row = found.query_row((hash(salt, &key), id), |_| Ok(())).optional()?;
        if row.is_none() {
            hidden.push(what_brings(&key));
        }
    }
    let mut asked = db.prepare_cached(ASKED)?;
    for peer in request.legs.iter().filter_map(Leg::asked) {
        if asked.query_row([peer.as_str()], |_| Ok(())).optional()?.is_none() {
            hidden.push(format!("its transaction ID at {peer}"));
        }
    }
    if !hidden.is_empty() {
        let (id, hidden) = (MessageId(id as u64), hidden.join(", "));
        checked.name(format!("request {id}: it is not found by {hidden}"));
    }
    Ok(())
}

fn what_brings(key: &TransactionKey) -> String {
    match key {
        TransactionKey::Asked { peer, .. } => format!("a response of {peer}"),
        TransactionKey::Repeat(_) => "a copy of it".into(),
        TransactionKey::Message { .. } => "its message ID".into(),
        TransactionKey::Received { .. } => "its transaction ID".into(),
        TransactionKey::Originator { peer, .. } => format!("what {peer} sends to its originator"),
    }
}
