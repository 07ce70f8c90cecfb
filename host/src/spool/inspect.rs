//! The operator's hand on the spool: looking, retrying, dropping, exporting, while the relay runs or while it does not.
//!
//! Everything here blocks. Changes are durable when a call returns, and the relay sees them when it next asks what is
//! due.

mod charging;
mod operator;
mod trace;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params_from_iter};

use super::reserve::{OPERATOR, Reserve};
use super::sqlite::readers::{read_chunks, sql_time};
use super::sqlite::schema::{key, open_existing};
use super::sqlite::{history, pieces, release, stored};
use super::{Event, SpoolError};
use crate::clock::{Clock, SystemClock};
use crate::message::{Envelope, Holder, MessageId, OutgoingId, PeerName, Piece, Step, Timestamp};

pub use charging::{ChargingRow, OutputMark};
pub use trace::{Trace, Traces};

/// Octets of a message that [`Inspector::show`] looks through for the end of its header.
const MOST_HEADER: u64 = 256 * 1024;

/// Changes in one transaction at the most, and how long it may take: the relay's commits wait for it meanwhile.
const BATCH: usize = 1000;
const TURN: Duration = Duration::from_millis(20);

/// A connection to the spool beside the relay's.
pub struct Inspector {
    pub(super) db: Connection,
    reserve: Reserve,
    pub(super) folder: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueState {
    /// Will be sent when it is due.
    Waiting,
    /// Given up; stays until it is retried or dropped. With the ordinal 0: refused by its chain when that ran from the
    /// spool; stays until it is released or dropped.
    Failed,
    /// Parked as received. It has no next hop yet: its queue id has the ordinal 0.
    Held,
    /// Delivered, and kept because no response has come: it may have to be sent again.
    Awaiting,
    /// As received too: released, or answered before its chain was through. The relay runs the chain when it is due.
    Unfinished,
}

impl QueueState {
    const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Failed,
        Self::Held,
        Self::Awaiting,
        Self::Unfinished,
    ];

    /// Its number in the queries below; the first three stand in `outgoing.state` as they are.
    pub(super) fn code(self) -> i64 {
        match self {
            Self::Waiting => 0,
            Self::Failed => 1,
            Self::Awaiting => 2,
            Self::Held => 3,
            Self::Unfinished => 4,
        }
    }

    fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// What the row `m` of a received message has in this state; `None` for the states that only destinations have.
    pub(super) fn as_received(self) -> Option<&'static str> {
        match self {
            Self::Waiting | Self::Awaiting => None,
            Self::Failed => Some("m.hold IS NOT NULL AND m.due IS NULL AND m.failed"),
            Self::Held => Some("m.hold IS NOT NULL AND m.due IS NULL AND NOT m.failed"),
            Self::Unfinished => Some("m.due IS NOT NULL"),
        }
    }

    /// The word for it: in what commands print and take, and in exported JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Awaiting => "awaiting",
            Self::Unfinished => "unfinished",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// One line of the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueEntry {
    pub id: OutgoingId,
    pub state: QueueState,
    /// The next hop; `None` for a message as it was received.
    pub peer: Option<PeerName>,
    /// The peer that it came from.
    pub source: PeerName,
    /// Sender and recipients that are left.
    pub envelope: Envelope,
    /// Of what will be sent, in octets; of what was received for a held message.
    pub size: u64,
    /// Attempts that have failed: deliveries, or runs of the chain.
    pub attempts: u32,
    /// `None` unless it waits, or is unfinished.
    pub due: Option<Timestamp>,
    pub received_at: Timestamp,
    /// Why it failed last, or why it is held or unfinished.
    pub reason: Option<String>,
    /// The plug-ins that hold it, or held it before its release. Empty also where an earlier version did not say.
    pub holders: Vec<Holder>,
    /// How often an operator has released it.
    pub released: u32,
}

/// What to list. The default is the first 1,000 entries of everything.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The next hop. Messages as they were received have none, and are then left out.
    pub peer: Option<PeerName>,
    pub state: Option<QueueState>,
    /// Entries behind this one only: the last one of the page before.
    pub after: Option<OutgoingId>,
    pub limit: usize,
}

/// One entry with what is known about its message.
#[derive(Clone, Debug)]
pub struct Details {
    pub entry: QueueEntry,
    /// Address and port that it came from.
    pub remote: String,
    pub helo: String,
    /// As received, before any plug-in; the entry has what goes to its next hop.
    pub envelope: Envelope,
    pub journey: Vec<Step>,
    /// The header that will be sent, with the empty line behind it; as received for a held message. Cut at 256 KiB.
    pub header: Bytes,
}

/// What to retry.
#[derive(Clone, Copy, Debug)]
pub enum Selection<'a> {
    Ids(&'a [OutgoingId]),
    /// Everything that waits for this next hop.
    WaitingFor(&'a PeerName),
    /// Everything that has failed there. Who sent it was told so, and does not hear that it is tried again.
    FailedAt(&'a PeerName),
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            peer: None,
            state: None,
            after: None,
            limit: 1000,
        }
    }
}

/// The columns of [`entry`].
const DESTINATIONS: &str = "
    SELECT o.message, o.ordinal, o.state, o.peer, m.source, o.envelope, o.size, o.attempts, o.due, m.received_at, o.reason,
        NULL, 0
    FROM outgoing o JOIN message m ON m.id = o.message";
const AS_RECEIVED: &str = "
    SELECT m.id, 0, CASE WHEN m.due IS NOT NULL THEN 4 WHEN m.failed THEN 1 ELSE 3 END, NULL, m.source, m.envelope, m.size,
        m.attempts, m.due, m.received_at, m.hold, m.holders, m.released
    FROM message m WHERE m.hold IS NOT NULL";

impl Inspector {
    /// Fails when there is no spool in `folder`, or one of another format: only the relay and
    /// [`upgrade`](super::upgrade) change that.
    pub fn open(folder: &Path) -> Result<Self, SpoolError> {
        let reserve = Reserve::new(folder, OPERATOR);
        let db = match open_existing(folder) {
            // On a full disk SQLite cannot even make the files that it works with.
            Err(SpoolError::Full(_)) if reserve.release() => open_existing(folder)?,
            opened => opened?,
        };
        Ok(Self {
            db,
            reserve,
            folder: folder.to_owned(),
        })
    }

    /// The entries that `filter` names, in the order of their ids.
    pub fn list(&self, filter: &Filter) -> Result<Vec<QueueEntry>, SpoolError> {
        let after = match filter.after {
            Some(id) => (key(id.message)?, i64::from(id.ordinal)),
            None => (-1, 0),
        };
        let mut selects = Vec::new();
        let mut values = vec![Value::from(after.0), after.1.into(), (filter.limit as i64).into()];
        if !matches!(filter.state, Some(QueueState::Held | QueueState::Unfinished)) {
            let mut select = format!("SELECT * FROM ({DESTINATIONS} WHERE (o.message, o.ordinal) > (?1, ?2)");
            if let Some(state) = filter.state {
                // A number in the text, so that SQLite sees which index is for this state alone.
                select.push_str(&format!(" AND o.state = {}", state.code()));
            }
            if let Some(peer) = &filter.peer {
                values.push(peer.as_str().to_owned().into());
                select.push_str(" AND o.peer = ?4");
            }
            selects.push(select + " ORDER BY 1, 2 LIMIT ?3)");
        }
        let of_state = match filter.state {
            None => Some("TRUE"),
            Some(state) => state.as_received(),
        };
        if let (Some(of_state), None) = (of_state, &filter.peer) {
            let select = format!("{AS_RECEIVED} AND {of_state} AND (m.id, 0) > (?1, ?2) ORDER BY m.id LIMIT ?3");
            selects.push(format!("SELECT * FROM ({select})"));
        }
        if selects.is_empty() {
            return Ok(Vec::new());
        }
        let sql = selects.join(" UNION ALL ") + " ORDER BY 1, 2 LIMIT ?3";
        let mut query = self.db.prepare(&sql)?;
        query.query_and_then(params_from_iter(values), entry)?.collect()
    }

    /// `None` when nothing of that id is in the queue.
    pub fn show(&self, id: OutgoingId) -> Result<Option<Details>, SpoolError> {
        const ORIGIN: &str = "SELECT remote, helo, envelope, journey FROM message WHERE id = ?1";
        let _snapshot = self.db.unchecked_transaction()?;
        let message = key(id.message)?;
        let Some(entry) = self.entry(id)? else {
            return Ok(None);
        };
        let origin = |row: &Row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, String>(3)?,
            ))
        };
        let (remote, helo, envelope, journey) = self.db.query_row(ORIGIN, [message], origin)?;
        Ok(Some(Details {
            header: self.header(id, &entry)?,
            entry,
            remote,
            helo,
            envelope: stored::read_envelope(&envelope)?,
            journey: stored::read_journey(&journey)?,
        }))
    }

    /// Everything of a message that is in the queue, in the order of the ids.
    pub fn entries_of(&self, message: MessageId) -> Result<Vec<OutgoingId>, SpoolError> {
        const ENTRIES: &str = "
            SELECT id, 0 FROM message WHERE id = ?1 AND hold IS NOT NULL
            UNION ALL SELECT message, ordinal FROM outgoing WHERE message = ?1 ORDER BY 2";
        let mut query = self.db.prepare_cached(ENTRIES)?;
        let ids = query.query_map([key(message)?], |row| outgoing_id(row, 0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    /// The next hops of everything in the queue.
    pub fn peers(&self) -> Result<Vec<PeerName>, SpoolError> {
        let mut query = self.db.prepare_cached("SELECT DISTINCT peer FROM outgoing")?;
        let names = query.query_map((), |row| row.get::<_, String>(0))?;
        let names = names.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(names.iter().filter_map(|name| PeerName::new(name).ok()).collect())
    }

    /// Makes what waits due at `now`, its chain or its delivery; lets what has failed wait again, and by its id what
    /// awaits a response, with its attempts and its age counted anew, and asks for its peers to be tried at once. Held
    /// messages are left alone, and so are recipients that have no next hop. Returns how many entries there were.
    pub fn retry(&mut self, selection: Selection, now: Timestamp) -> Result<usize, SpoolError> {
        const AGE: &str = "
            UPDATE message SET since = ?3
            WHERE id = ?1 AND EXISTS (SELECT 1 FROM outgoing WHERE message = ?1 AND ordinal = ?2 AND state <> 0)";
        const RETRY: &str = "
            UPDATE outgoing SET due = ?3, attempts = iif(state = 1, 0, attempts), state = 0
            WHERE message = ?1 AND ordinal = ?2 AND peer <> ?4";
        // A peer that could not be reached is left alone for a while: this is how the relay hears that it is to try now.
        const ASK: &str = "
            INSERT INTO counter SELECT 'retry:' || peer, 1 FROM outgoing WHERE message = ?1 AND ordinal = ?2
            ON CONFLICT(name) DO UPDATE SET value = value + 1";
        const CHAIN: &str = "
            UPDATE message SET due = ?3, attempts = iif(failed, 0, attempts), failed = 0
            WHERE id = ?1 AND ?2 = 0 AND hold IS NOT NULL AND (due IS NOT NULL OR failed)";
        const WAITING: &str = "SELECT message, ordinal FROM outgoing WHERE state = 0 AND peer = ?1";
        const FAILED: &str = "SELECT message, ordinal FROM outgoing WHERE state = 1 AND peer = ?1";
        let of = |peer: &PeerName, sql| -> rusqlite::Result<Vec<OutgoingId>> {
            let mut query = self.db.prepare_cached(sql)?;
            let ids = query.query_map([peer.as_str()], |row| outgoing_id(row, 0))?;
            ids.collect()
        };
        let ids = match selection {
            Selection::Ids(ids) => ids.to_vec(),
            Selection::WaitingFor(peer) => of(peer, WAITING)?,
            Selection::FailedAt(peer) => of(peer, FAILED)?,
        };
        self.in_turns(&ids, |db, id| {
            let row = (key(id.message)?, id.ordinal, sql_time(now));
            let found = match id.ordinal {
                0 => db.prepare_cached(CHAIN)?.execute(row)?,
                _ => {
                    db.prepare_cached(ASK)?.execute((row.0, row.1))?;
                    db.prepare_cached(AGE)?.execute(row)?;
                    let nowhere = PeerName::no_route();
                    db.prepare_cached(RETRY)?
                        .execute((row.0, row.1, row.2, nowhere.as_str()))?
                }
            };
            note(db, history::about(db, id.message)?, "retry", id, found)
        })
    }

    /// Lets the relay run the chain of messages that are held, or that their chain refused, from its beginning at
    /// `now`; those that wait for that anyhow become due. Returns how many entries there were.
    ///
    /// The plug-ins in `past` are not called for them on arrival and departure, nor are those of earlier releases past
    /// plug-ins. When `past` is empty, all plug-ins are called, whatever was said before.
    pub fn release(&mut self, ids: &[OutgoingId], past: &[String], now: Timestamp) -> Result<usize, SpoolError> {
        const PAST: &str = "SELECT past FROM message WHERE id = ?1";
        const RELEASE: &str = "
            UPDATE message SET due = ?2, failed = 0, attempts = 0, past = ?3, released = released + (due IS NULL)
            WHERE id = ?1 AND hold IS NOT NULL";
        let did = match past {
            [] => "release".to_owned(),
            past => format!("release past {}", past.join(", ")),
        };
        self.in_turns(ids, |db, id| {
            let message = key(id.message)?;
            if id.ordinal != 0 {
                return Ok(0);
            }
            let before: Option<Option<String>> = db
                .prepare_cached(PAST)?
                .query_row([message], |row| row.get(0))
                .optional()?;
            let mut all = match past {
                [] => Vec::new(),
                _ => stored::read_past(before.flatten().as_deref())?,
            };
            for name in past {
                if !all.contains(name) {
                    all.push(name.clone());
                }
            }
            let row = (message, sql_time(now), stored::write_past(&all)?);
            let found = db.prepare_cached(RELEASE)?.execute(row)?;
            note(db, history::about(db, id.message)?, &did, id, found)
        })
    }

    /// The messages that are held at the time of the call. With `peer`, those that came from it or are held on their way to
    /// it; with `by`, those that one of these plug-ins holds, and those of which nobody knows who does. What its chain
    /// refused is not among them: that takes its id.
    pub fn held(&self, peer: Option<&PeerName>, by: &[String]) -> Result<Vec<OutgoingId>, SpoolError> {
        let entries = self.list(&Filter {
            state: Some(QueueState::Held),
            limit: i64::MAX as usize,
            ..Filter::default()
        })?;
        let of_peer = |entry: &QueueEntry| {
            let bound = |peer: &PeerName| entry.holders.iter().any(|holder| holder.to.as_ref() == Some(peer));
            peer.is_none_or(|peer| entry.source == *peer || bound(peer))
        };
        let held_by = |entry: &QueueEntry| {
            let named = |holder: &Holder| by.contains(&holder.plugin);
            by.is_empty() || entry.holders.is_empty() || entry.holders.iter().any(named)
        };
        let chosen = entries.into_iter().filter(|entry| of_peer(entry) && held_by(entry));
        Ok(chosen.map(|entry| entry.id).collect())
    }

    /// Removes entries for good, whatever their state. What the relay is sending at this moment may still arrive.
    /// Returns how many there were.
    pub fn drop(&mut self, ids: &[OutgoingId]) -> Result<usize, SpoolError> {
        const DESTINATION: &str = "DELETE FROM outgoing WHERE message = ?1 AND ordinal = ?2";
        const HOLD: &str = "UPDATE message SET hold = NULL, due = NULL WHERE id = ?1 AND hold IS NOT NULL";
        self.in_turns(ids, |db, id| {
            let (message, about) = (key(id.message)?, history::about(db, id.message)?);
            let found = match id.ordinal {
                0 => db.prepare_cached(HOLD)?.execute([message])?,
                ordinal => db.prepare_cached(DESTINATION)?.execute((message, ordinal))?,
            };
            release(db, message)?;
            note(db, about, "drop", id, found)
        })
    }

    fn entry(&self, id: OutgoingId) -> Result<Option<QueueEntry>, SpoolError> {
        let sql = match id.ordinal {
            0 => format!("{AS_RECEIVED} AND m.id = ?1 AND ?2 = 0"),
            _ => format!("{DESTINATIONS} WHERE o.message = ?1 AND o.ordinal = ?2"),
        };
        let mut query = self.db.prepare_cached(&sql)?;
        let mut rows = query.query((key(id.message)?, id.ordinal))?;
        rows.next()?.map(entry).transpose()
    }

    fn header(&self, id: OutgoingId, entry: &QueueEntry) -> Result<Bytes, SpoolError> {
        const PIECES: &str = "SELECT pieces FROM outgoing WHERE message = ?1 AND ordinal = ?2";
        let message = key(id.message)?;
        let stored: Option<Vec<u8>> = self
            .db
            .query_row(PIECES, (message, id.ordinal), |row| row.get(0))
            .optional()?;
        let pieces = match stored {
            None => vec![Piece::Received(0..entry.size)],
            Some(stored) => pieces::decode(&stored.into())
                .ok_or_else(|| SpoolError::Broken(format!("the pieces of {id} are damaged")))?,
        };
        let mut header = BytesMut::new();
        for piece in pieces {
            let room = MOST_HEADER - header.len() as u64;
            match piece {
                Piece::New(new) => header.extend_from_slice(&new[..new.len().min(room as usize)]),
                Piece::Received(range) => {
                    let end = range.end.min(range.start + room);
                    read_chunks(&self.db, message, &(range.start..end), &mut header)?;
                }
            }
            if let Some(end) = header.windows(4).position(|octets| octets == b"\r\n\r\n") {
                header.truncate(end + 4);
                break;
            }
            if header.len() as u64 == MOST_HEADER {
                break;
            }
        }
        Ok(header.freeze())
    }

    /// Makes `change` for each id, in short transactions: each is durable as a whole, the sum of them is not.
    fn in_turns(
        &mut self,
        ids: &[OutgoingId],
        change: impl Fn(&Connection, OutgoingId) -> Result<usize, SpoolError>,
    ) -> Result<usize, SpoolError> {
        let (mut total, mut done) = (0, 0);
        while done < ids.len() {
            let started = Instant::now();
            let (found, tried) = match self.turn(&ids[done..], &change) {
                // On a full disk: this is what the operator's reserve is for.
                Err(SpoolError::Full(_)) if self.reserve.release() => self.turn(&ids[done..], &change)?,
                turn => turn?,
            };
            (total, done) = (total + found, done + tried);
            // Then it is the relay's turn: SQLite's locks know no queue.
            if done < ids.len() {
                std::thread::sleep(started.elapsed());
            }
        }
        Ok(total)
    }

    /// One transaction: how many entries were found for how many of the ids.
    fn turn(
        &mut self,
        ids: &[OutgoingId],
        change: impl Fn(&Connection, OutgoingId) -> Result<usize, SpoolError>,
    ) -> Result<(usize, usize), SpoolError> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (started, mut found, mut tried) = (Instant::now(), 0, 0);
        for id in ids.iter().take(BATCH) {
            found += change(&transaction, *id)?;
            tried += 1;
            if started.elapsed() > TURN {
                break;
            }
        }
        transaction.commit()?;
        Ok((found, tried))
    }
}

/// Writes what an operator did into the history of the request `about`, unless nothing was `found` to do it to.
fn note(db: &Connection, about: Option<i64>, did: &str, id: OutgoingId, found: usize) -> Result<usize, SpoolError> {
    if let (Some(about), 1..) = (about, found) {
        let event = Event::Operator {
            who: operator::name(),
            did: did.into(),
            id: Some(id),
        };
        history::write(db, about, SystemClock.now(), &event)?;
    }
    Ok(found)
}

fn entry(row: &Row) -> Result<QueueEntry, SpoolError> {
    let code = row.get(2)?;
    let state = QueueState::from_code(code);
    let state = state.ok_or_else(|| SpoolError::Broken(format!("a row is damaged: it has the state {code}")))?;
    let name = |text: String| PeerName::new(&text).map_err(|e| SpoolError::Broken(e.0));
    Ok(QueueEntry {
        id: outgoing_id(row, 0)?,
        state,
        peer: row.get::<_, Option<String>>(3)?.map(name).transpose()?,
        source: name(row.get(4)?)?,
        envelope: stored::read_envelope(row.get_ref(5)?.as_str().unwrap_or_default())?,
        size: row.get::<_, i64>(6)? as u64,
        attempts: row.get(7)?,
        due: match state {
            QueueState::Waiting | QueueState::Unfinished => Some(Timestamp(row.get::<_, i64>(8)? as u64)),
            _ => None,
        },
        received_at: Timestamp(row.get::<_, i64>(9)? as u64),
        reason: row.get(10)?,
        holders: stored::read_holders(row.get::<_, Option<String>>(11)?.as_deref())?,
        released: row.get(12)?,
    })
}

fn outgoing_id(row: &Row, column: usize) -> rusqlite::Result<OutgoingId> {
    let message = MessageId(row.get::<_, i64>(column)? as u64);
    Ok(OutgoingId {
        message,
        ordinal: row.get(column + 1)?,
    })
}
