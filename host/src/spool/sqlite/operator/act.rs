//! What operators change.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};

use super::super::access::Access;
use super::super::columns::{queue_id, sql_time};
use super::super::history;
use super::super::ledger::{self, Here};
use super::super::schema::key;
use super::super::unit::release;
use super::audit::note_change;
use crate::message::{End, NextHop, QueueId};
use crate::spool::ledger::Moved;
use crate::spool::states::statement;
use crate::spool::stored;
use crate::spool::{By, ChangeMade, Event, Selection, SpoolError};

/// Changes in one transaction at the most, and how long it may take: the relay's commits wait for it meanwhile.
const BATCH: usize = 1000;
const TURN: Duration = Duration::from_millis(20);

/// See [`Operator::retry`](crate::spool::Operator::retry).
pub(super) fn retry(access: &impl Access, selection: Selection<'_>, by: &By) -> Result<usize, SpoolError> {
    const AGE: &str = statement!(
        "
        UPDATE message SET since = ?3
        WHERE id = ?1 AND EXISTS (SELECT 1 FROM outgoing WHERE message = ?1 AND ordinal = ?2 AND state <> {waiting})"
    );
    const RETRY: &str = statement!(
        "
        UPDATE outgoing SET due = ?3, attempts = iif(state = {failed}, 0, attempts), state = {waiting}
        WHERE message = ?1 AND ordinal = ?2 AND peer <> ?4 AND state <> {held}"
    );
    // A peer that could not be reached is left alone for a while: this is how the relay hears that it is to try now.
    const ASK: &str = "
        INSERT INTO counter SELECT 'retry:' || peer, 1 FROM outgoing WHERE message = ?1 AND ordinal = ?2
        ON CONFLICT(name) DO UPDATE SET value = value + 1";
    const CHAIN: &str = "
        UPDATE message SET due = ?2, attempts = iif(failed, 0, attempts), failed = 0
        WHERE id = ?1 AND hold IS NOT NULL AND (due IS NOT NULL OR failed)";
    let change = move |db: &Connection, id: QueueId, by: &By| {
        let row = (key(id.message())?, id.number(), sql_time(by.at));
        let before = ledger::here(db, row.0, row.1)?;
        let found = match id {
            QueueId::AsReceived(_) => db.prepare_cached(CHAIN)?.execute((row.0, row.2))?,
            QueueId::Destination(_) => {
                db.prepare_cached(ASK)?.execute((row.0, row.1))?;
                db.prepare_cached(AGE)?.execute(row)?;
                let nowhere = NextHop::Nowhere;
                db.prepare_cached(RETRY)?
                    .execute((row.0, row.1, row.2, nowhere.as_str()))?
            }
        };
        reopen(db, id, before, by)?;
        note(db, history::about(db, id.message())?, "retry", id, found, by)
    };
    in_turns(access, selected(access, selection)?, by, change)
}

pub(super) fn selected(access: &impl Access, selection: Selection<'_>) -> Result<Vec<QueueId>, SpoolError> {
    const WAITING: &str = statement!("SELECT message, ordinal FROM outgoing WHERE state = {waiting} AND peer = ?1");
    const FAILED: &str = statement!("SELECT message, ordinal FROM outgoing WHERE state = {failed} AND peer = ?1");
    let (peer, sql) = match selection {
        Selection::Ids(ids) => return Ok(ids.to_vec()),
        Selection::WaitingFor(peer) => (peer, WAITING),
        Selection::FailedAt(peer) => (peer, FAILED),
    };
    access.read(|db| {
        let mut query = db.prepare_cached(sql)?;
        let ids = query.query_map([peer.as_str()], |row| queue_id(row, 0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    })
}

/// See [`Operator::release`](crate::spool::Operator::release).
pub(super) fn let_go_on(access: &impl Access, ids: &[QueueId], past: &[String], by: &By) -> Result<usize, SpoolError> {
    const PAST: &str = "SELECT past FROM message WHERE id = ?1";
    const RELEASE: &str = "
        UPDATE message SET due = ?2, failed = 0, attempts = 0, past = ?3, released = released + (due IS NULL)
        WHERE id = ?1 AND hold IS NOT NULL";
    let past = past.to_vec();
    let did = match past.as_slice() {
        [] => "release".to_owned(),
        past => format!("release past {}", past.join(", ")),
    };
    const SEND: &str = statement!("
        UPDATE outgoing SET state = {waiting}, due = ?3, reason = NULL WHERE message = ?1 AND ordinal = ?2 AND state = {held}");
    let change = move |db: &Connection, id: QueueId, by: &By| {
        let QueueId::AsReceived(message) = id else {
            // Kept back by an operator behind its chain: no plug-in sees it again.
            let row = (key(id.message())?, id.number(), sql_time(by.at));
            let found = db.prepare_cached(SEND)?.execute(row)?;
            return note(db, history::about(db, id.message())?, "release", id, found, by);
        };
        let message = key(message)?;
        let before: Option<Option<String>> = db
            .prepare_cached(PAST)?
            .query_row([message], |row| row.get(0))
            .optional()?;
        let mut all = match past.as_slice() {
            [] => Vec::new(),
            _ => stored::read_past(before.flatten().as_deref())?,
        };
        for name in &past {
            if !all.contains(name) {
                all.push(name.clone());
            }
        }
        let row = (message, sql_time(by.at), stored::write_past(&all)?);
        let here = ledger::here(db, message, 0)?;
        let found = db.prepare_cached(RELEASE)?.execute(row)?;
        reopen(db, id, here, by)?;
        note(db, history::about(db, id.message())?, &did, id, found, by)
    };
    in_turns(access, ids.to_vec(), by, change)
}

/// See [`Operator::remove`](crate::spool::Operator::remove).
pub(super) fn remove(access: &impl Access, ids: &[QueueId], by: &By) -> Result<usize, SpoolError> {
    const DESTINATION: &str = "DELETE FROM outgoing WHERE message = ?1 AND ordinal = ?2";
    const HOLD: &str = "UPDATE message SET hold = NULL, due = NULL WHERE id = ?1 AND hold IS NOT NULL";
    let change = move |db: &Connection, id: QueueId, by: &By| {
        let (message, about) = (key(id.message())?, history::about(db, id.message())?);
        if let Some(open) = ledger::here(db, message, id.number())?.filter(|here| here.open) {
            let ended = Moved::Ended(End::Dropped);
            let line = ledger::movement(by.at, ended, id.number(), open.recipients);
            ledger::enter(db, id.message(), &line)?;
        }
        let found = match id {
            QueueId::AsReceived(_) => db.prepare_cached(HOLD)?.execute([message])?,
            QueueId::Destination(_) => db.prepare_cached(DESTINATION)?.execute((message, id.number()))?,
        };
        release(db, message)?;
        note(db, about, "drop", id, found, by)
    };
    in_turns(access, ids.to_vec(), by, change)
}

/// Makes `change` for each id, in short transactions: each is durable as a whole, with its entry in the audit; the sum of
/// them is not.
pub(super) fn in_turns(
    access: &impl Access,
    ids: Vec<QueueId>,
    by: &By,
    change: impl Fn(&Connection, QueueId, &By) -> Result<usize, SpoolError> + Send + Sync + 'static,
) -> Result<usize, SpoolError> {
    let (ids, change) = (Arc::<[QueueId]>::from(ids), Arc::new(change));
    let (mut total, mut done) = (0, 0);
    while done < ids.len() {
        let started = Instant::now();
        let (these, make, whose) = (Arc::clone(&ids), Arc::clone(&change), by.clone());
        let (found, tried) = access.write(move |db| {
            let (found, tried) = turn(db, &these[done..], &whose, &*make)?;
            if found > 0 {
                note_change(db, &whose, ChangeMade::Entries(found))?;
            }
            Ok((found, tried))
        })?;
        if let Some(noting) = by.noting.as_ref().filter(|_| found > 0) {
            noting.written();
        }
        (total, done) = (total + found, done + tried);
        // Then it is the relay's turn: SQLite's locks know no queue.
        if done < ids.len() {
            std::thread::sleep(started.elapsed());
        }
    }
    Ok(total)
}

/// What one transaction does: how many entries were found for how many of the ids.
fn turn(
    db: &Connection,
    ids: &[QueueId],
    by: &By,
    change: impl Fn(&Connection, QueueId, &By) -> Result<usize, SpoolError>,
) -> Result<(usize, usize), SpoolError> {
    let (started, mut found, mut tried) = (Instant::now(), 0, 0);
    for id in ids.iter().take(BATCH) {
        found += change(db, *id, by)?;
        tried += 1;
        if started.elapsed() > TURN {
            break;
        }
    }
    Ok((found, tried))
}

/// Notes in the ledger that what had ended is in the queue again, if it is.
pub(super) fn reopen(db: &Connection, id: QueueId, before: Option<Here>, by: &By) -> Result<(), SpoolError> {
    let Some(ended) = before.filter(|before| !before.open) else {
        return Ok(());
    };
    match ledger::here(db, key(id.message())?, id.number())? {
        Some(after) if after.open => {
            let line = ledger::movement(by.at, Moved::Reopened, id.number(), ended.recipients);
            ledger::enter(db, id.message(), &line)
        }
        _ => Ok(()),
    }
}

/// Writes what an operator did into the history of the request `about`, unless nothing was `found` to do it to.
pub(super) fn note(
    db: &Connection,
    about: Option<i64>,
    did: &str,
    id: QueueId,
    found: usize,
    by: &By,
) -> Result<usize, SpoolError> {
    if let (Some(about), 1..) = (about, found) {
        let event = Event::Operator {
            who: by.who.clone(),
            did: did.into(),
            id: Some(id),
        };
        history::write(db, about, by.at, &event)?;
    }
    Ok(found)
}
