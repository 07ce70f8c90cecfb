//! Reading beside the writer: a few connections of their own, which never wait for a commit.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use rusqlite::{Connection, OptionalExtension, Row};

use super::leases::Look;
use super::pieces;
use super::schema::{self, CHUNK, chunk_key, kibibytes};
use super::stored;
use crate::message::{
    Content, Incoming, MessageId, MessageType, NextHop, Ordinal, Origin, Outgoing, OutgoingId, PeerName, Protocol,
    QueueId, ReadAt, Rope, Source, Timestamp,
};
use crate::spool::{Leased, PendingEvent, SpoolError, Unfinished};

/// Connections at the most. Reads are short; more threads than this only wait for each other inside SQLite.
const MOST: usize = 8;

/// Octets of pages that each connection keeps. Content passes through once, so there is little to gain from more.
const CACHE: u64 = 512 * 1024;

/// `due` and `pending_events` answer no more once the octets that plug-ins made reach this.
const MOST_NEW_OCTETS: usize = 16 * 1024 * 1024;

/// The read connections.
pub(super) struct Readers {
    folder: PathBuf,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    open: usize,
}

/// Received bytes in the spool. Reading fails with `NotFound` once the message has been removed.
struct StoredContent {
    readers: Arc<Readers>,
    message: i64,
    size: u64,
}

impl Readers {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            pool: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs `read` with a connection, and waits for one when all are in use. Blocks.
    pub(super) fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, SpoolError>) -> Result<T, SpoolError> {
        let db = self.take()?;
        let result = read(&db);
        self.lock().idle.push(db);
        self.returned.notify_one();
        result
    }

    fn take(&self) -> Result<Connection, SpoolError> {
        let full = |pool: &mut Pool| pool.idle.is_empty() && pool.open == MOST;
        let waited = self.returned.wait_while(self.lock(), full);
        let mut pool = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some(db) = pool.idle.pop() {
            return Ok(db);
        }
        let db = self.open()?;
        pool.open += 1;
        Ok(db)
    }

    fn open(&self) -> Result<Connection, SpoolError> {
        let db = schema::open_existing(&self.folder)?;
        db.pragma_update(None, "query_only", true)?;
        db.pragma_update(None, "cache_size", -kibibytes(CACHE))?;
        Ok(db)
    }

    /// A thread that panicked left the pool as it was: nothing is half done under the lock.
    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn due(
    readers: &Arc<Readers>,
    peer: &PeerName,
    now: Timestamp,
    limit: usize,
    look: &mut Look<'_>,
) -> Result<Vec<Outgoing>, SpoolError> {
    const IDS: &str = "SELECT message, ordinal FROM outgoing WHERE state = 0 AND peer = ?1 AND due <= ?2 ORDER BY due";
    waiting(readers, IDS, (peer.as_str(), sql_time(now)), limit, look)
}

/// Ids are times, in microseconds: what was received before `aged` has an id below it.
pub(super) fn overdue(
    readers: &Arc<Readers>,
    peer: &PeerName,
    now: Timestamp,
    aged: Timestamp,
    limit: usize,
    look: &mut Look<'_>,
) -> Result<Vec<Outgoing>, SpoolError> {
    const IDS: &str = "
        SELECT message, ordinal FROM outgoing WHERE state = 0 AND peer = ?1 AND expires <= ?2
        UNION
        SELECT message, ordinal FROM outgoing INDEXED BY outgoing_due WHERE state = 0 AND peer = ?1 AND message <= ?3";
    let aged = i64::try_from(aged.0.saturating_mul(1000)).unwrap_or(i64::MAX);
    waiting(readers, IDS, (peer.as_str(), sql_time(now), aged), limit, look)
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
        // One snapshot for the ids and for what they stand for.
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
                None => tracing::error!(%id, event = "spool-damaged", "damaged in the spool, and left alone: drop it, or restore a backup"),
            }
        }
        Ok(found)
    })
}

pub(super) fn next_due(readers: &Readers) -> Result<Vec<(PeerName, Timestamp)>, SpoolError> {
    // Steps from peer to peer through the index: as cheap for a million waiting messages as for one.
    const QUERY: &str = "
        WITH RECURSIVE peers(peer) AS (
            SELECT min(peer) FROM outgoing WHERE state = 0
            UNION ALL
            SELECT (SELECT min(peer) FROM outgoing WHERE state = 0 AND peer > peers.peer)
            FROM peers WHERE peers.peer IS NOT NULL)
        SELECT peer, (SELECT min(due) FROM outgoing WHERE state = 0 AND outgoing.peer = peers.peer)
        FROM peers WHERE peer IS NOT NULL";
    readers.with(|db| {
        let mut query = db.prepare_cached(QUERY)?;
        let rows = query.query_and_then((), |row| Ok((next_hop(row, 0)?, time(row, 1)?)))?;
        only_peers(rows)
    })
}

pub(in crate::spool) fn next_hop(row: &Row, column: usize) -> Result<NextHop, SpoolError> {
    NextHop::new(&row.get::<_, String>(column)?).map_err(|e| SpoolError::Broken(e.0))
}

/// An earlier version let an operator retry what has no next hop: such a row waits for nobody.
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
            e.message, e.ordinal, e.id, e.outcome, e.attempts, e.kind
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
            let Some((mut outgoing, size)) = outgoing_of(row, readers, id)? else {
                tracing::error!(%id, event = "spool-damaged", "an outcome is damaged in the spool, and left alone");
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

pub(super) fn unfinished(
    readers: &Arc<Readers>,
    now: Timestamp,
    limit: usize,
    look: &mut Look<'_>,
) -> Result<Vec<Unfinished>, SpoolError> {
    const QUERY: &str = "
        SELECT id, source, remote, helo, protocol, received_at, size, attempts, arrived, ordinals, envelope, past, released
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
                None => tracing::error!(%id, event = "spool-damaged", "damaged in the spool, and left alone: drop it, or restore a backup"),
            }
        }
        Ok(found)
    })
}

pub(super) fn protocol_code(protocol: Protocol) -> i64 {
    match protocol {
        Protocol::Smtp => 0,
        Protocol::Esmtp => 1,
        Protocol::Esmtps => 2,
    }
}

/// An unfinished message from its columns; `None` when they are damaged.
fn unfinished_of(row: &Row, readers: &Arc<Readers>, id: MessageId) -> Result<Option<Unfinished>, SpoolError> {
    let source = Source::new(&row.get::<_, String>(1)?).ok();
    let remote = row.get::<_, String>(2)?.parse().ok();
    let envelope = stored::read_envelope(row.get_ref(10)?.as_str().unwrap_or_default()).ok();
    let past = row.get::<_, Option<String>>(11)?;
    let past = stored::read_past(past.as_deref()).ok();
    let protocol = match row.get(4)? {
        0 => Protocol::Smtp,
        1 => Protocol::Esmtp,
        2 => Protocol::Esmtps,
        _ => return Ok(None),
    };
    let (Some(source), Some(remote), Some(envelope), Some(past)) = (source, remote, envelope, past) else {
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

pub(super) fn received(readers: &Arc<Readers>, id: MessageId) -> Result<Option<Content>, SpoolError> {
    let size = readers.with(|db| {
        let mut query = db.prepare_cached("SELECT size FROM message WHERE id = ?1")?;
        Ok(query
            .query_row([schema::key(id)?], |row| row.get::<_, i64>(0))
            .optional()?)
    })?;
    size.map(|size| stored_content(readers, id, size as u64)).transpose()
}

pub(super) fn kv_get(readers: &Readers, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, SpoolError> {
    readers.with(|db| {
        let mut query = db.prepare_cached("SELECT value FROM kv WHERE plugin = ?1 AND key = ?2")?;
        Ok(query.query_row((plugin, key), |row| row.get(0)).optional()?)
    })
}

/// The outgoing message with this id and the octets that its own pieces hold; `None` when it is gone or damaged.
pub(super) fn read_outgoing(
    db: &Connection,
    readers: &Arc<Readers>,
    id: OutgoingId,
) -> Result<Option<(Outgoing, usize)>, SpoolError> {
    const QUERY: &str = "
        SELECT o.peer, m.source, m.since, m.size, o.attempts, o.envelope, o.pieces, o.expires, o.kind, o.repeats, o.reason
        FROM outgoing o JOIN message m ON m.id = o.message WHERE o.message = ?1 AND o.ordinal = ?2";
    let mut query = db.prepare_cached(QUERY)?;
    let mut rows = query.query((schema::key(id.message)?, id.ordinal.get()))?;
    match rows.next()? {
        Some(row) => {
            let expires: Option<i64> = row.get(7)?;
            let (kind, repeats) = (kind(row, 8)?, row.get(9)?);
            let said = row.get(10)?;
            let found = outgoing_of(row, readers, id)?;
            Ok(found.map(|(outgoing, octets)| {
                let outgoing = Outgoing {
                    expires_at: expires.map(|at| Timestamp(at as u64)),
                    kind,
                    repeats,
                    said,
                    ..outgoing
                };
                (outgoing, octets)
            }))
        }
        None => Ok(None),
    }
}

/// The type of an outgoing message: unknown in a row of format 3, and of a later version's making.
fn kind(row: &Row, column: usize) -> rusqlite::Result<Option<MessageType>> {
    let word: Option<String> = row.get(column)?;
    Ok(word.and_then(|word| stored::read_kind(&word)))
}

/// An outgoing message from its columns, in the order of the queries above: without what only one of them asks for.
fn outgoing_of(row: &Row, readers: &Arc<Readers>, id: OutgoingId) -> Result<Option<(Outgoing, usize)>, SpoolError> {
    let stored = Bytes::from(row.get::<_, Vec<u8>>(6)?);
    let octets = stored.len();
    let envelope = stored::read_envelope(row.get_ref(5)?.as_str().unwrap_or_default()).ok();
    let ends = (
        NextHop::new(&row.get::<_, String>(0)?),
        Source::new(&row.get::<_, String>(1)?),
    );
    let ((Ok(next_hop), Ok(source)), Some(envelope), Some(pieces)) = (ends, envelope, pieces::decode(&stored)) else {
        return Ok(None);
    };
    let content = stored_content(readers, id.message, row.get::<_, i64>(3)? as u64)?;
    let outgoing = Outgoing {
        id,
        next_hop,
        source,
        received_at: time(row, 2)?,
        envelope,
        rope: Rope { content, pieces },
        kind: None,
        repeats: 0,
        header: None,
        attempts: row.get(4)?,
        said: None,
        expires_at: None,
    };
    Ok(Some((outgoing, octets)))
}

/// The received bytes of a message, to be read by range.
pub(super) fn stored_content(readers: &Arc<Readers>, message: MessageId, size: u64) -> Result<Content, SpoolError> {
    Ok(Content::Stored(Arc::new(StoredContent {
        readers: readers.clone(),
        message: schema::key(message)?,
        size,
    })))
}

impl ReadAt for StoredContent {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, range: Range<u64>) -> io::Result<Bytes> {
        if range.start > range.end || range.end > self.size {
            let text = format!("octets {range:?} are not in a message of {}", self.size);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        let mut out = BytesMut::with_capacity((range.end - range.start) as usize);
        let read = self.readers.with(|db| read_chunks(db, self.message, &range, &mut out));
        read.map_err(io::Error::other)?;
        if out.len() as u64 != range.end - range.start {
            let text = format!("message {} is no longer in the spool", MessageId(self.message as u64));
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        Ok(out.freeze())
    }
}

/// Appends the octets of `range` that are there.
pub(super) fn read_chunks(
    db: &Connection,
    message: i64,
    range: &Range<u64>,
    out: &mut BytesMut,
) -> Result<(), SpoolError> {
    if range.is_empty() {
        return Ok(());
    }
    let mut query = db.prepare_cached("SELECT octets FROM content WHERE chunk BETWEEN ?1 AND ?2 ORDER BY chunk")?;
    let (first, last) = (range.start / CHUNK, (range.end - 1) / CHUNK);
    let mut rows = query.query((chunk_key(message, first), chunk_key(message, last)))?;
    let mut place = first;
    while let Some(row) = rows.next()? {
        let octets = row.get_ref(0)?.as_blob().unwrap_or_default();
        let at = place * CHUNK;
        let start = (range.start.saturating_sub(at) as usize).min(octets.len());
        let end = ((range.end - at).min(CHUNK) as usize).min(octets.len());
        out.extend_from_slice(&octets[start..end]);
        place += 1;
    }
    Ok(())
}

pub(super) fn sql_time(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

fn time(row: &Row, column: usize) -> rusqlite::Result<Timestamp> {
    Ok(Timestamp(row.get::<_, i64>(column)? as u64))
}

/// A message's id in this column and an ordinal in the next.
pub(in crate::spool) fn queue_id(row: &Row, column: usize) -> rusqlite::Result<QueueId> {
    let message = MessageId(row.get::<_, i64>(column)? as u64);
    Ok(QueueId::of(message, row.get(column + 1)?))
}

/// As [`queue_id`], where only destinations are.
pub(in crate::spool) fn outgoing_id(row: &Row, column: usize) -> rusqlite::Result<OutgoingId> {
    let id = queue_id(row, column)?;
    id.destination()
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(column + 1, 0))
}
