//! Keeping back what waits, and sending it elsewhere.

use rusqlite::Connection;

use super::super::access::Access;
use super::super::columns::sql_time;
use super::super::schema::{key, salt};
use super::super::unit::{Counters, Unit};
use super::super::{history, ledger, transactions};
use super::act::{in_turns, note, reopen, selected};
use crate::message::{Change, NextHop, OutgoingId, PeerName, QueueId};
use crate::spool::states::statement;
use crate::spool::stored;
use crate::spool::{By, Selection, SpoolError};

/// See [`Operator::hold`](crate::spool::Operator::hold).
pub(super) fn hold(access: &impl Access, ids: &[QueueId], reason: &str, by: &By) -> Result<usize, SpoolError> {
    const SENT: &str = statement!(
        "
        UPDATE outgoing SET state = {held}, reason = ?3 WHERE message = ?1 AND ordinal = ?2 AND state = {waiting}"
    );
    const AS_RECEIVED: &str = "
        UPDATE message SET due = NULL, hold = ?3, holders = NULL WHERE id = ?1 AND ?2 = 0 AND due IS NOT NULL";
    let reason = reason.to_owned();
    let change = move |db: &Connection, id: QueueId, by: &By| {
        let sql = match id {
            QueueId::AsReceived(_) => AS_RECEIVED,
            QueueId::Destination(_) => SENT,
        };
        let row = (key(id.message())?, id.number(), &reason);
        let found = db.prepare_cached(sql)?.execute(row)?;
        note(db, history::about(db, id.message())?, "hold", id, found, by)
    };
    in_turns(access, ids.to_vec(), by, change)
}

/// See [`Operator::reroute`](crate::spool::Operator::reroute).
pub(super) fn reroute(
    access: &impl Access,
    selection: Selection<'_>,
    to: &PeerName,
    by: &By,
) -> Result<usize, SpoolError> {
    // What had failed counts as of now: else it would be given up at once.
    const AGE: &str = statement!(
        "
        UPDATE message SET since = ?3
        WHERE id = ?1 AND EXISTS (SELECT 1 FROM outgoing WHERE message = ?1 AND ordinal = ?2 AND state = {failed})"
    );
    const MOVE: &str = statement!(
        "
        UPDATE outgoing SET peer = ?4, state = {waiting}, due = ?3, attempts = 0
        WHERE message = ?1 AND ordinal = ?2 AND state IN ({waiting}, {failed}, {held}) AND peer NOT IN (?4, ?5)"
    );
    let to = to.clone();
    let did = format!("re-route to {to}");
    let change = move |db: &Connection, id: QueueId, by: &By| {
        let QueueId::Destination(destination) = id else {
            return Ok(0);
        };
        let (message, now) = (key(id.message())?, sql_time(by.at));
        let before = ledger::here(db, message, id.number())?;
        db.prepare_cached(AGE)?.execute((message, id.number(), now))?;
        let nowhere = NextHop::Nowhere;
        let row = (message, id.number(), now, to.as_str(), nowhere.as_str());
        let found = db.prepare_cached(MOVE)?.execute(row)?;
        if found > 0 {
            ask_instead(db, destination, &to, by)?;
            reopen(db, id, before, by)?;
        }
        note(db, history::about(db, id.message())?, &did, id, found, by)
    };
    in_turns(access, selected(access, selection)?, by, change)
}

/// Its checksum is that of a row with the other peer; and from now on the request, if it is one, is answered by that one.
fn ask_instead(db: &Connection, id: OutgoingId, to: &PeerName, by: &By) -> Result<(), SpoolError> {
    const ENVELOPE: &str = "SELECT envelope FROM outgoing WHERE message = ?1 AND ordinal = ?2";
    let message = key(id.message)?;
    let unit = Unit {
        db,
        counters: Counters::read(db)?,
        salt: salt(db)?,
        known: None,
        now: by.at,
        values: Vec::new(),
        forgotten: 0,
        put_off: 0,
    };
    let mut query = db.prepare_cached(ENVELOPE)?;
    let envelope: String = query.query_row((message, id.ordinal.get()), |row| row.get(0))?;
    unit.readdress(message, id.ordinal.get(), &stored::read_envelope(&envelope)?)?;
    let Some(before) = transactions::read(db, message)? else {
        return Ok(());
    };
    let mut after = before.clone();
    let (ordinal, peer) = (id.ordinal, to.clone());
    after.apply(&Change::Rerouted { ordinal, peer });
    unit.rewrite(message, &before, after).map(|_| ())
}
