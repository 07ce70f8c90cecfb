//! Work and since when it is due: outgoing messages, outcomes for plug-ins, and messages whose chain must run. Found
//! work is leased in the same look.

use std::sync::Arc;

use rusqlite::Row;

use super::columns::{kind, next_hop, outgoing_id, sql_time, time};
use super::content::stored_content;
use super::leases::Look;
use super::outgoing::{outgoing_of, read_outgoing};
use super::readers::Readers;
use super::schema;
use super::sums::{self, EventRow, MessageRow};
use crate::message::{Incoming, MessageId, NextHop, Ordinal, Origin, Outgoing, PeerName, Source, Timestamp};
use crate::spool::states::statement;
use crate::spool::stored;
use crate::spool::{Leased, PendingEvent, SpoolError, Unfinished};

/// `due` and `pending_events` answer no more once the octets that plug-ins made reach this.
const MOST_NEW_OCTETS: usize = 16 * 1024 * 1024;

pub(super) fn due(
    readers: &Arc<Readers>,
    peer: &PeerName,
    now: Timestamp,
    limit: usize,
    look: &mut Look<'_>,
) -> Result<Vec<Outgoing>, SpoolError> {
    const IDS: &str = statement!(
        "SELECT message, ordinal FROM outgoing WHERE state = {waiting} AND peer = ?1 AND due <= ?2 ORDER BY due"
    );
    waiting(readers, IDS, (peer.as_str(), sql_time(now)), limit, look)
}

/// The id contains the time of reception in microseconds, and `since` the beginning of the message's age, which may be
/// later. The index has the id, so rows received after `aged` are not read.
pub(super) fn overdue(
    readers: &Arc<Readers>,
    peer: &PeerName,
    now: Timestamp,
    aged: Timestamp,
    limit: usize,
    look: &mut Look<'_>,
) -> Result<Vec<Outgoing>, SpoolError> {
    const IDS: &str = statement!(
        "
        SELECT message, ordinal FROM outgoing WHERE state = {waiting} AND peer = ?1 AND expires <= ?2
        UNION
        SELECT o.message, o.ordinal FROM outgoing o INDEXED BY outgoing_due CROSS JOIN message m ON m.id = o.message
        WHERE o.state = {waiting} AND o.peer = ?1 AND o.message < ?3 AND m.since <= ?4"
    );
    let received = i64::try_from(aged.0.saturating_add(1).saturating_mul(1000)).unwrap_or(i64::MAX);
    let parameters = (peer.as_str(), sql_time(now), received, sql_time(aged));
    waiting(readers, IDS, parameters, limit, look)
}

/// Waiting messages by a query for their ids.
fn waiting(
    readers: &Arc<Readers>,
    ids: &str,
    parameters: impl rusqlite::Params,
    limit: usize,
    look: &mut Look<'_>,
) -> Result<Vec<Outgoing>, SpoolError> {
    readers.with(|db| {
        // One snapshot for the ids and for their rows.
        let _snapshot = db.unchecked_transaction()?;
        let mut query = db.prepare_cached(ids)?;
        let mut rows = query.query(parameters)?;
        let (mut found, mut octets) = (Vec::new(), 0);
        while found.len() < limit
            && octets < MOST_NEW_OCTETS
            && let Some(row) = rows.next()?
        {
            let id = outgoing_id(row, 0)?;
            if !look.take(Leased::Outgoing(id)) {
                continue;
            }
            match read_outgoing(db, readers, id)? {
                Some((outgoing, size)) => {
                    octets += size;
                    found.push(outgoing);
                }
                // One damaged row must not stop its peer's queue.
                None => sums::quarantine("message", id),
            }
        }
        Ok(found)
    })
}

pub(super) fn next_due(readers: &Readers) -> Result<Vec<(PeerName, Timestamp)>, SpoolError> {
    // Steps from peer to peer through the index, so that a million waiting messages cost no more than one.
    const QUERY: &str = statement!(
        "
        WITH RECURSIVE peers(peer) AS (
            SELECT min(peer) FROM outgoing WHERE state = {waiting}
            UNION ALL
            SELECT (SELECT min(peer) FROM outgoing WHERE state = {waiting} AND peer > peers.peer)
            FROM peers WHERE peers.peer IS NOT NULL)
        SELECT peer, (SELECT min(due) FROM outgoing WHERE state = {waiting} AND outgoing.peer = peers.peer)
        FROM peers WHERE peer IS NOT NULL"
    );
    readers.with(|db| {
        let mut query = db.prepare_cached(QUERY)?;
        let rows = query.query_and_then((), |row| Ok((next_hop(row, 0)?, time(row, 1)?)))?;
        only_peers(rows)
    })
}

/// An earlier version let an operator retry entries without a next hop; such a row waits for nobody.
fn only_peers<T>(
    rows: impl Iterator<Item = Result<(NextHop, T), SpoolError>>,
) -> Result<Vec<(PeerName, T)>, SpoolError> {
    let peer = |row: Result<(NextHop, T), SpoolError>| match row {
        Ok((NextHop::Peer(peer), value)) => Some(Ok((peer, value))),
        Ok((NextHop::Nowhere, _)) => None,
        Err(error) => Some(Err(error)),
    };
    rows.filter_map(peer).collect()
}

pub(super) fn retries_asked(readers: &Readers) -> Result<Vec<(PeerName, u64)>, SpoolError> {
    const QUERY: &str = "SELECT substr(name, 7), value FROM counter WHERE name GLOB 'retry:*'";
    readers.with(|db| {
        let mut query = db.prepare_cached(QUERY)?;
        let rows = query.query_and_then((), |row| Ok((next_hop(row, 0)?, row.get::<_, i64>(1)? as u64)))?;
        only_peers(rows)
    })
}

pub(super) fn pending_events(
    readers: &Arc<Readers>,
    now: Timestamp,
    limit: usize,
    look: &mut Look<'_>,
) -> Result<Vec<PendingEvent>, SpoolError> {
    const QUERY: &str = "
        SELECT e.peer, m.source, m.since, m.size, e.deliveries, e.envelope, e.pieces,
            e.message, e.ordinal, e.id, e.outcome, e.attempts, e.kind, e.sum
        FROM event e JOIN message m ON m.id = e.message WHERE e.due <= ?1 ORDER BY e.due, e.id";
    readers.with(|db| {
        let mut query = db.prepare_cached(QUERY)?;
        let mut rows = query.query([sql_time(now)])?;
        let (mut found, mut octets) = (Vec::new(), 0);
        while found.len() < limit
            && octets < MOST_NEW_OCTETS
            && let Some(row) = rows.next()?
        {
            let event = row.get::<_, i64>(9)? as u64;
            if !look.take(Leased::Event(event)) {
                continue;
            }
            let id = outgoing_id(row, 7)?;
            let whole = is_whole_event(row)?;
            let Some((mut outgoing, size)) = outgoing_of(row, readers, id)?.filter(|_| whole) else {
                sums::quarantine("outcome of message", id);
                continue;
            };
            outgoing.kind = kind(row, 12)?;
            octets += size;
            found.push(PendingEvent {
                id: event,
                outgoing,
                outcome: row.get(10)?,
                attempts: row.get(11)?,
            });
        }
        Ok(found)
    })
}

/// Whether the columns of the query above are as they were written.
fn is_whole_event(row: &Row) -> Result<bool, SpoolError> {
    let text = |column: usize| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str().unwrap_or_default());
    let sum = sums::event(&EventRow {
        message: row.get(7)?,
        ordinal: row.get(8)?,
        peer: text(0)?,
        outcome: text(10)?,
        envelope: text(5)?,
        pieces: row.get_ref(6)?.as_blob().unwrap_or_default(),
    });
    Ok(sum.holds(row, 13)?)
}

pub(super) fn unfinished(
    readers: &Arc<Readers>,
    now: Timestamp,
    limit: usize,
    look: &mut Look<'_>,
) -> Result<Vec<Unfinished>, SpoolError> {
    const QUERY: &str = "
        SELECT id, source, remote, helo, protocol, received_at, size, attempts, arrived, ordinals, envelope, past, released, sum
        FROM message WHERE due <= ?1 ORDER BY due, id";
    readers.with(|db| {
        let mut query = db.prepare_cached(QUERY)?;
        let mut rows = query.query([sql_time(now)])?;
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(row) = rows.next()?
        {
            let id = MessageId(row.get::<_, i64>(0)? as u64);
            if !look.take(Leased::Unfinished(id)) {
                continue;
            }
            match unfinished_of(row, readers, id)? {
                Some(unfinished) => found.push(unfinished),
                None => sums::quarantine("message", id),
            }
        }
        Ok(found)
    })
}

/// An unfinished message from its columns; `None` when they are damaged.
fn unfinished_of(row: &Row, readers: &Arc<Readers>, id: MessageId) -> Result<Option<Unfinished>, SpoolError> {
    let text = |column: usize| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str().unwrap_or_default());
    let sum = sums::message(&MessageRow {
        id: schema::key(id)?,
        source: text(1)?,
        remote: text(2)?,
        helo: text(3)?,
        protocol: row.get(4)?,
        received_at: row.get(5)?,
        size: row.get(6)?,
        envelope: text(10)?,
    });
    if !sum.holds(row, 13)? {
        return Ok(None);
    }
    let source = Source::new(&row.get::<_, String>(1)?).ok();
    let remote = row.get::<_, String>(2)?.parse().ok();
    let envelope = stored::read_envelope(row.get_ref(10)?.as_str().unwrap_or_default()).ok();
    let past = row.get::<_, Option<String>>(11)?;
    let past = stored::read_past(past.as_deref()).ok();
    let (Some(source), Some(remote), Some(protocol)) = (source, remote, stored::protocol_of(row.get(4)?)) else {
        return Ok(None);
    };
    let (Some(envelope), Some(past)) = (envelope, past) else {
        return Ok(None);
    };
    let origin = Origin {
        source,
        remote,
        helo: row.get(3)?,
        protocol,
        received_at: time(row, 5)?,
    };
    let incoming = Incoming {
        id,
        origin,
        envelope,
        content: stored_content(readers, id, row.get::<_, i64>(6)? as u64)?,
    };
    Ok(Some(Unfinished {
        incoming,
        attempts: row.get(7)?,
        arrived: row.get(8)?,
        ordinals: Ordinal::new(row.get(9)?),
        past,
        released: row.get(12)?,
    }))
}
