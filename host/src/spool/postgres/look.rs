//! Reading what is in the queue, for people.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use tokio_postgres::Row;

use super::connect::Link;
use super::content::read;
use super::rows::{self, next_hop, queue_id, sql_id, time};
use crate::message::{MessageId, NextHop, OutgoingId, PeerName, Piece, QueueId, Timestamp, Transaction};
use crate::spool::states::statement;
use crate::spool::{
    ContentOf, Depths, Details, Filter, QueueEntry, QueueState, SpoolError, StoredValue, pieces, stored,
};

/// Octets of a message that are looked through for the end of its header.
const MOST_HEADER: u64 = 256 * 1024;

/// The columns of [`entry`]. `$1` and `$2`: a message and an ordinal. An id has the number of the relay that gave it, if it
/// is above those of a spool that was carried over, and of relays that were forgotten.
const DESTINATION: &str = "
    SELECT o.message, o.ordinal, o.state::int8 AS state, o.peer, m.source, o.envelope, o.size, o.attempts, o.due, m.received_at,
        o.reason, NULL::text AS holders, 0 AS released,
        (SELECT n.name FROM node n WHERE n.id = o.message & 15
            AND o.message > coalesce((SELECT value FROM counter WHERE name = 'ids'), 0)) AS accepted_by,
        (SELECT n.name FROM writer w JOIN node n ON n.id = w.node WHERE w.incarnation = o.owner) AS held_by
    FROM outgoing o JOIN message m ON m.id = o.message";
const AS_RECEIVED: &str = "
    SELECT m.id AS message, 0::int8 AS ordinal,
        (CASE WHEN m.due IS NOT NULL THEN 4 WHEN m.failed THEN 1 ELSE 3 END)::int8 AS state, NULL::text AS peer, m.source,
        m.envelope, m.size, m.attempts, m.due, m.received_at, m.hold AS reason, m.holders, m.released,
        (SELECT n.name FROM node n WHERE n.id = m.id & 15
            AND m.id > coalesce((SELECT value FROM counter WHERE name = 'ids'), 0)) AS accepted_by,
        (SELECT n.name FROM writer w JOIN node n ON n.id = w.node WHERE w.incarnation = m.owner) AS held_by
    FROM message m WHERE m.hold IS NOT NULL";

static OF_MESSAGE: LazyLock<String> = LazyLock::new(|| {
    format!("{AS_RECEIVED} AND m.id = $1 UNION ALL {DESTINATION} WHERE o.message = $1 ORDER BY message, ordinal")
});

/// The entries that a filter names, in the order of their ids.
pub(super) async fn list(link: &Link, filter: &Filter) -> Result<Vec<QueueEntry>, SpoolError> {
    static DESTINATIONS: LazyLock<String> = LazyLock::new(|| {
        format!(
            "{DESTINATION} WHERE (o.message, o.ordinal) > ($1, $2) AND ($3::int8 IS NULL OR o.state = $3)
             AND ($4::text IS NULL OR o.peer = $4) ORDER BY o.message, o.ordinal LIMIT $5"
        )
    });
    // Each of these states is in an index of its own.
    static HELD: LazyLock<String> = LazyLock::new(|| {
        let held = QueueState::Held.code();
        format!(
            "{DESTINATION} WHERE (o.message, o.ordinal) > ($1, $2) AND o.state = {held} AND ($3::text IS NULL OR o.peer = $3)
             ORDER BY o.message, o.ordinal LIMIT $4"
        )
    });
    static RECEIVED: LazyLock<String> = LazyLock::new(|| {
        format!(
            "{AS_RECEIVED} AND m.id > $1
             AND ($2::int8 IS NULL OR (CASE WHEN m.due IS NOT NULL THEN 4 WHEN m.failed THEN 1 ELSE 3 END) = $2)
             ORDER BY m.id LIMIT $3"
        )
    });
    let after = filter
        .after
        .map_or((-1, 0), |id| (sql_id(id.message()), i64::from(id.number())));
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let state = filter.state.map(QueueState::code);
    let peer = filter.next_hop.as_ref().map(NextHop::as_str);
    let mut found = match filter.state {
        Some(QueueState::Unfinished) => Vec::new(),
        Some(QueueState::Held) => link.rows(&HELD, &[&after.0, &after.1, &peer, &limit]).await?,
        _ => {
            link.rows(&DESTINATIONS, &[&after.0, &after.1, &state, &peer, &limit])
                .await?
        }
    };
    if filter.next_hop.is_none() {
        found.extend(link.rows(&RECEIVED, &[&after.0, &state, &limit]).await?);
    }
    let mut entries: Vec<QueueEntry> = found.iter().map(entry).collect::<Result<_, _>>()?;
    entries.sort_by_key(|entry| (entry.id.message(), entry.id.number()));
    entries.truncate(filter.limit);
    Ok(entries)
}

pub(super) async fn entries_of(link: &Link, message: MessageId) -> Result<Vec<QueueEntry>, SpoolError> {
    let found = link.rows(&OF_MESSAGE, &[&sql_id(message)]).await?;
    found.iter().map(entry).collect()
}

pub(super) async fn show(link: &Link, id: QueueId) -> Result<Option<Details>, SpoolError> {
    static MESSAGE: LazyLock<String> =
        LazyLock::new(|| format!("SELECT {} FROM message m WHERE m.id = $1", rows::MESSAGE));
    let found = entries_of(link, id.message())
        .await?
        .into_iter()
        .find(|entry| entry.id == id);
    let message = link.rows(&MESSAGE, &[&sql_id(id.message())]).await?;
    let (Some(entry), Some(row)) = (found, message.first()) else {
        return Ok(None);
    };
    let message = rows::message(row)?;
    let header = header(link, id, message.size).await?;
    Ok(Some(Details {
        entry,
        remote: message.origin.remote.to_string(),
        helo: message.origin.helo,
        envelope: message.envelope,
        journey: message.journey,
        header,
    }))
}

async fn header(link: &Link, id: QueueId, received: u64) -> Result<Bytes, SpoolError> {
    let pieces = pieces_of(link, id, received).await?;
    let total: u64 = pieces.iter().map(Piece::size).sum();
    let octets = part(link, id.message(), pieces, 0, total.min(MOST_HEADER)).await?;
    let end = octets.windows(4).position(|octets| octets == b"\r\n\r\n");
    Ok(octets.slice(..end.map_or(octets.len(), |end| end + 4)))
}

pub(super) async fn content(
    link: &Link,
    of: ContentOf,
    from: u64,
    most: u64,
) -> Result<Option<(Bytes, u64)>, SpoolError> {
    const SIZE: &str = "SELECT size FROM message WHERE id = $1";
    let message = match of {
        ContentOf::Received(message) => message,
        ContentOf::Entry(id) => id.message(),
    };
    let size = link.rows(SIZE, &[&sql_id(message)]).await?;
    let Some(received) = size.first().map(|row| row.get::<_, i64>(0) as u64) else {
        return Ok(None);
    };
    let pieces = match of {
        ContentOf::Received(_) => vec![Piece::Received(0..received)],
        ContentOf::Entry(id) => {
            if !entries_of(link, message).await?.iter().any(|entry| entry.id == id) {
                return Ok(None);
            }
            pieces_of(link, id, received).await?
        }
    };
    let total = pieces.iter().map(Piece::size).sum();
    Ok(Some((part(link, message, pieces, from, most).await?, total)))
}

/// What an entry is made of.
async fn pieces_of(link: &Link, id: QueueId, received: u64) -> Result<Vec<Piece>, SpoolError> {
    const PIECES: &str = "SELECT pieces FROM outgoing WHERE message = $1 AND ordinal = $2";
    let found = link
        .rows(PIECES, &[&sql_id(id.message()), &i64::from(id.number())])
        .await?;
    match found.first() {
        None => Ok(vec![Piece::Received(0..received)]),
        Some(row) => {
            pieces::decode(&row.get::<_, Vec<u8>>(0).into()).ok_or_else(|| rows::damaged(format!("the pieces of {id}")))
        }
    }
}

/// At most `most` octets behind the first `from`.
async fn part(link: &Link, message: MessageId, pieces: Vec<Piece>, from: u64, most: u64) -> Result<Bytes, SpoolError> {
    let (mut octets, mut passed) = (BytesMut::new(), 0);
    for piece in pieces {
        let begins = passed;
        passed += piece.size();
        let first = from.saturating_sub(begins).min(piece.size());
        let last = piece.size().min(first + most.saturating_sub(octets.len() as u64));
        match piece {
            Piece::New(new) => octets.extend_from_slice(&new[first as usize..last as usize]),
            Piece::Received(range) => {
                octets.extend_from_slice(&read(link, message, range.start + first..range.start + last).await?);
            }
        }
    }
    Ok(octets.freeze())
}

/// Steps from peer to peer through an index, as cheap for a million as for one.
const PEERS: &str = statement!("
    WITH RECURSIVE peers(peer) AS (
        SELECT min(peer) FROM outgoing WHERE state = {waiting}
        UNION ALL
        SELECT (SELECT min(peer) FROM outgoing WHERE state = {waiting} AND peer > peers.peer) FROM peers WHERE peers.peer IS NOT NULL)
    SELECT peer FROM peers WHERE peer IS NOT NULL");

/// When the earliest that nobody has is due, for each peer.
pub(super) async fn next_due(link: &Link) -> Result<Vec<(PeerName, Timestamp)>, SpoolError> {
    static DUE: LazyLock<String> = LazyLock::new(|| {
        let waiting = QueueState::Waiting.code();
        format!(
            "SELECT p.peer, (SELECT min(due) FROM outgoing o WHERE o.state = {waiting} AND o.owner IS NULL AND o.peer = p.peer) AS due
             FROM ({PEERS}) p"
        )
    });
    let found = link.rows(&DUE, &[]).await?;
    let due = found.iter().filter(|row| row.get::<_, Option<i64>>("due").is_some());
    let due = due.map(|row| Ok((next_hop(row)?.peer().cloned(), time(row, "due"))));
    let due: Vec<_> = due.collect::<Result<_, SpoolError>>()?;
    Ok(due.into_iter().filter_map(|(peer, due)| Some((peer?, due))).collect())
}

pub(super) async fn waiting_since(link: &Link, before: MessageId) -> Result<Vec<NextHop>, SpoolError> {
    static SINCE: LazyLock<String> = LazyLock::new(|| {
        let waiting = QueueState::Waiting.code();
        format!(
            "SELECT p.peer FROM ({PEERS}) p
             WHERE EXISTS (SELECT 1 FROM outgoing o WHERE o.state = {waiting} AND o.peer = p.peer AND o.message < $1)"
        )
    });
    let found = link.rows(&SINCE, &[&sql_id(before)]).await?;
    found.iter().map(next_hop).collect()
}

pub(super) async fn next_hops(link: &Link) -> Result<Vec<NextHop>, SpoolError> {
    let found = link
        .rows("SELECT DISTINCT peer FROM outgoing ORDER BY peer /* all */", &[])
        .await?;
    found.iter().map(next_hop).collect()
}

pub(super) async fn retries_asked(link: &Link) -> Result<Vec<(PeerName, u64)>, SpoolError> {
    const ASKED: &str = "
        SELECT substr(name, 7) AS peer, value FROM counter WHERE name >= 'retry:' AND name < 'retry;'";
    let found = link.rows(ASKED, &[]).await?;
    let asked = found
        .iter()
        .map(|row| Ok((next_hop(row)?.peer().cloned(), row.get::<_, i64>("value") as u64)));
    let asked: Vec<_> = asked.collect::<Result<_, SpoolError>>()?;
    Ok(asked
        .into_iter()
        .filter_map(|(peer, asked)| Some((peer?, asked)))
        .collect())
}

pub(super) async fn of_peer(link: &Link, peer: &PeerName, state: QueueState) -> Result<Vec<QueueId>, SpoolError> {
    const WAITING: &str = statement!(
        "SELECT message, ordinal FROM outgoing WHERE peer = $1 AND state = {waiting} ORDER BY message, ordinal"
    );
    const FAILED: &str = statement!(
        "SELECT message, ordinal FROM outgoing WHERE peer = $1 AND state = {failed} ORDER BY message, ordinal"
    );
    let sql = match state {
        QueueState::Failed => FAILED,
        _ => WAITING,
    };
    let found = link.rows(sql, &[&peer.as_str()]).await?;
    let ids = found
        .iter()
        .map(|row| rows::outgoing_id(row).map(|id: OutgoingId| id.into()));
    ids.collect()
}

pub(super) async fn requests(
    link: &Link,
    before: Option<MessageId>,
    limit: usize,
) -> Result<Vec<Transaction>, SpoolError> {
    const PAGE: &str = "SELECT state FROM request WHERE id < $1 ORDER BY id DESC LIMIT $2";
    let before = before.map_or(i64::MAX, sql_id);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    link.rows(PAGE, &[&before, &limit])
        .await?
        .iter()
        .map(rows::request)
        .collect()
}

pub(super) async fn values(
    link: &Link,
    plugin: Option<&str>,
    prefix: &str,
    limit: u32,
) -> Result<Vec<StoredValue>, SpoolError> {
    const VALUES: &str = r#"
        SELECT plugin, key, value FROM kv
        WHERE value IS NOT NULL AND ($1::text IS NULL OR plugin = $1) AND left(key, length($2)) = $2
        ORDER BY plugin COLLATE "C", key COLLATE "C" LIMIT $3 /* all */"#;
    let found = link.rows(VALUES, &[&plugin, &prefix, &i64::from(limit)]).await?;
    let value = |row: &Row| StoredValue {
        plugin: row.get("plugin"),
        key: row.get("key"),
        value: row.get("value"),
    };
    Ok(found.iter().map(value).collect())
}

pub(super) async fn depths(link: &Link) -> Result<Depths, SpoolError> {
    const BY_PEER: &str =
        "SELECT peer, state::int8 AS state, count(*) AS number FROM outgoing GROUP BY 1, 2 ORDER BY 1 /* all */";
    const OTHERS: &str = "
        SELECT (SELECT count(*) FROM message WHERE hold IS NOT NULL AND due IS NULL AND NOT failed),
            (SELECT count(*) FROM message WHERE due IS NOT NULL), (SELECT count(*) FROM event),
            (SELECT greatest(reltuples, 0)::int8 FROM pg_class WHERE oid = 'request'::regclass) /* all */";
    const FEW_REQUESTS: &str = "SELECT count(*) FROM (SELECT 1 FROM request LIMIT 100000) few /* all */";
    let others = link.rows(OTHERS, &[]).await?;
    let few = link.rows(FEW_REQUESTS, &[]).await?;
    let (Some(others), Some(few)) = (others.first(), few.first()) else {
        return Ok(Depths::default());
    };
    let few: i64 = few.get(0);
    let mut depths = Depths {
        held: others.get(0),
        unfinished: others.get(1),
        untold: others.get(2),
        // As the database last estimated it, where they are many.
        transactions: if few < 100_000 {
            few
        } else {
            others.get::<_, i64>(3).max(few)
        },
        ..Depths::default()
    };
    for row in link.rows(BY_PEER, &[]).await? {
        let number: i64 = row.get("number");
        match QueueState::from_code(row.get("state")) {
            Some(QueueState::Waiting) => depths.waiting.push((next_hop(&row)?, number)),
            Some(QueueState::Failed) => depths.failed.push((next_hop(&row)?, number)),
            Some(QueueState::Held) => depths.held += number,
            _ => {}
        }
    }
    Ok(depths)
}

fn entry(row: &Row) -> Result<QueueEntry, SpoolError> {
    let code = row.get("state");
    let state = QueueState::from_code(code).ok_or_else(|| rows::damaged(format!("it has the state {code}")))?;
    let due: Option<i64> = row.get("due");
    Ok(QueueEntry {
        id: queue_id(row),
        state,
        damaged: false,
        next_hop: match row.get::<_, Option<&str>>("peer") {
            None => None,
            Some(_) => Some(next_hop(row)?),
        },
        source: rows::source(row)?,
        envelope: stored::read_envelope(row.get("envelope"))?,
        size: row.get::<_, i64>("size") as u64,
        attempts: row.get::<_, i32>("attempts") as u32,
        due: due
            .filter(|_| matches!(state, QueueState::Waiting | QueueState::Unfinished))
            .map(|due| Timestamp(due as u64)),
        received_at: time(row, "received_at"),
        reason: row.get("reason"),
        holders: stored::read_holders(row.get("holders"))?,
        released: row.get::<_, i32>("released") as u32,
        accepted_by: row.get("accepted_by"),
        held_by: row.get("held_by"),
    })
}
