//! Leases: who works on what, in the rows themselves. What is given out is durable before it is answered.

use std::sync::Arc;

use bytes::Bytes;
use tokio_postgres::Row;

use super::connect::Link;
use super::content::Stored;
use super::rows::{self, message_id, sql_id, sql_time, time};
use super::shared::Shared;
use super::wanted::{Found, Wanted};
use crate::message::{Incoming, MessageId, Ordinal, Outgoing, Rope, Timestamp};
use crate::spool::states::statement;
use crate::spool::{Leased, PendingEvent, SpoolError, Unfinished, pieces, stored};

/// Who asks, and when.
pub(super) struct Asker<'a> {
    pub(super) link: &'a Link,
    pub(super) shared: &'a Arc<Shared>,
    pub(super) me: i64,
    pub(super) limit: i64,
}

const DUE: &str = statement!("
    WITH free AS (
        SELECT message, ordinal, due, made FROM outgoing
        WHERE state = {waiting} AND owner IS NULL AND peer = $1 AND due <= $2
        ORDER BY due, message, ordinal LIMIT $3 FOR UPDATE SKIP LOCKED),
    picked AS (
        SELECT message, ordinal FROM (
            SELECT *, sum(made) OVER (ORDER BY due, message, ordinal) - made AS before FROM free) f
        WHERE before < 16777216)
    UPDATE outgoing o SET owner = $4 FROM picked p, message m
    WHERE o.message = p.message AND o.ordinal = p.ordinal AND m.id = p.message
    RETURNING o.message, o.ordinal, o.peer, o.due, o.attempts AS tries, o.reason, o.expires, o.kind, o.repeats, o.envelope,
        o.pieces, m.source, m.since, m.size");

/// Ids say when a message was received, in microseconds; its age may count from later.
const OVERDUE: &str = statement!("
    WITH over AS (
        SELECT message, ordinal FROM outgoing
        WHERE state = {waiting} AND owner IS NULL AND peer = $1 AND expires <= $2
        UNION
        SELECT o.message, o.ordinal FROM outgoing o JOIN message m ON m.id = o.message
        WHERE o.state = {waiting} AND o.owner IS NULL AND o.peer = $1 AND o.message < $5 AND m.since <= $6
        LIMIT $3),
    picked AS (
        SELECT o.message, o.ordinal FROM outgoing o JOIN over USING (message, ordinal)
        WHERE o.state = {waiting} AND o.owner IS NULL FOR UPDATE OF o SKIP LOCKED)
    UPDATE outgoing o SET owner = $4 FROM picked p, message m
    WHERE o.message = p.message AND o.ordinal = p.ordinal AND m.id = p.message
    RETURNING o.message, o.ordinal, o.peer, o.due, o.attempts AS tries, o.reason, o.expires, o.kind, o.repeats, o.envelope,
        o.pieces, m.source, m.since, m.size");

const UNFINISHED: &str = "
    WITH picked AS (
        SELECT id FROM message WHERE due <= $1 AND (owner IS NULL OR until <= $4)
        ORDER BY due, id LIMIT $2 FOR UPDATE SKIP LOCKED)
    UPDATE message m SET owner = $3, until = $5 FROM picked p WHERE m.id = p.id
    RETURNING m.id, m.due, m.source, m.remote, m.helo, m.protocol, m.received_at, m.size, m.attempts, m.arrived, m.ordinals,
        m.envelope, m.past, m.released";

const REQUESTS: &str = "
    WITH picked AS (
        SELECT id FROM request WHERE due <= $1 AND forget_at > $1 AND (owner IS NULL OR until <= $4)
        ORDER BY due, id LIMIT $2 FOR UPDATE SKIP LOCKED)
    UPDATE request r SET owner = $3, until = $5 FROM picked p WHERE r.id = p.id RETURNING r.id, r.due, r.state";

const EVENTS: &str = "
    WITH free AS (
        SELECT id, due, octet_length(pieces) AS made FROM event WHERE due <= $1 AND (owner IS NULL OR until <= $4)
        ORDER BY due, id LIMIT $2 FOR UPDATE SKIP LOCKED),
    picked AS (
        SELECT id FROM (SELECT *, sum(made) OVER (ORDER BY due, id) - made AS before FROM free) f WHERE before < 16777216)
    UPDATE event e SET owner = $3, until = $5 FROM picked p, message m WHERE e.id = p.id AND m.id = e.message
    RETURNING e.id, e.due, e.message, e.ordinal, e.peer, e.deliveries AS tries, NULL::text AS reason, e.expires, e.kind,
        e.repeats, e.envelope, e.pieces, e.outcome, e.attempts, m.source, m.since, m.size";

impl Asker<'_> {
    pub(super) async fn lease(&self, wanted: &Wanted) -> Result<Found, SpoolError> {
        let mut found = Found::default();
        match wanted {
            Wanted::Due { peer, now } => {
                let values = (peer.as_str(), sql_time(*now));
                let rows = self
                    .link
                    .rows(DUE, &[&values.0, &values.1, &self.limit, &self.me])
                    .await?;
                found.outgoing = self.outgoing(rows)?;
            }
            Wanted::Overdue { peer, now, aged } => {
                let before = i64::try_from(aged.0.saturating_add(1).saturating_mul(1000)).unwrap_or(i64::MAX);
                let values = (peer.as_str(), sql_time(*now), sql_time(*aged));
                let (peer, now, aged) = values;
                let rows = self
                    .link
                    .rows(OVERDUE, &[&peer, &now, &self.limit, &self.me, &before, &aged])
                    .await?;
                found.outgoing = self.outgoing(rows)?;
            }
            Wanted::Unfinished { now } => {
                let rows = self.timed(UNFINISHED, *now, Leased::Unfinished(MessageId(0))).await?;
                let unfinished = rows.iter().map(|row| self.unfinished(row));
                found.unfinished = unfinished.collect::<Result<_, _>>()?;
            }
            Wanted::Requests { now } => {
                let rows = self.timed(REQUESTS, *now, Leased::Request(MessageId(0))).await?;
                found.requests = rows.iter().map(rows::request).collect::<Result<_, _>>()?;
            }
            Wanted::Events { now } => {
                let rows = self.timed(EVENTS, *now, Leased::Event(0)).await?;
                let events = rows.iter().map(|row| self.event(row));
                found.events = events.collect::<Result<_, _>>()?;
            }
        }
        Ok(found)
    }

    /// Rows that are free again after a time, in their order.
    async fn timed(&self, sql: &'static str, now: Timestamp, kind: Leased) -> Result<Vec<Row>, SpoolError> {
        let clock = self.shared.clock.now();
        let until = kind.term().map(|term| sql_time(clock.plus(term)));
        let values = (sql_time(now), sql_time(clock));
        let mut found = self
            .link
            .rows(sql, &[&values.0, &self.limit, &self.me, &values.1, &until])
            .await?;
        found.sort_by_key(|row| (row.get::<_, i64>("due"), row.get::<_, i64>("id")));
        Ok(found)
    }

    fn outgoing(&self, mut found: Vec<Row>) -> Result<Vec<Outgoing>, SpoolError> {
        found.sort_by_key(|row| {
            let of = |column| row.get::<_, i64>(column);
            (of("due"), of("message"), of("ordinal"))
        });
        found.iter().map(|row| self.destination(row)).collect()
    }

    fn destination(&self, row: &Row) -> Result<Outgoing, SpoolError> {
        let octets = Bytes::from(row.get::<_, Vec<u8>>("pieces"));
        let rope = Rope {
            content: self.content(message_id(row, "message"), row),
            pieces: pieces::decode(&octets).ok_or_else(|| rows::damaged("pieces of a message"))?,
        };
        rows::outgoing(row, (rows::source(row)?, time(row, "since")), rope)
    }

    fn event(&self, row: &Row) -> Result<PendingEvent, SpoolError> {
        Ok(PendingEvent {
            id: row.get::<_, i64>("id") as u64,
            outgoing: self.destination(row)?,
            outcome: row.get("outcome"),
            attempts: row.get::<_, i32>("attempts") as u32,
        })
    }

    fn unfinished(&self, row: &Row) -> Result<Unfinished, SpoolError> {
        let id = message_id(row, "id");
        Ok(Unfinished {
            incoming: Incoming {
                id,
                origin: rows::origin(row)?,
                envelope: stored::read_envelope(row.get("envelope"))?,
                content: self.content(id, row),
            },
            attempts: row.get::<_, i32>("attempts") as u32,
            arrived: row.get("arrived"),
            ordinals: Ordinal::new(row.get::<_, i64>("ordinals") as u32),
            past: stored::read_past(row.get("past"))?,
            released: row.get::<_, i32>("released") as u32,
        })
    }

    fn content(&self, id: MessageId, row: &Row) -> crate::message::Content {
        Stored::content(self.shared, id, row.get::<_, i64>("size") as u64)
    }
}

/// Ends leases of this relay's; in a transaction.
pub(super) async fn give_back(link: &Link, me: i64, all: &[Leased]) -> Result<(), SpoolError> {
    const OUTGOING: &str = "
        UPDATE outgoing o SET owner = NULL FROM unnest($1::int8[], $2::int8[]) AS n(message, ordinal)
        WHERE o.message = n.message AND o.ordinal = n.ordinal AND o.owner = $3";
    const MESSAGES: &str = "UPDATE message SET owner = NULL, until = NULL WHERE id = ANY($1) AND owner = $2";
    const REQUESTS: &str = "UPDATE request SET owner = NULL, until = NULL WHERE id = ANY($1) AND owner = $2";
    const EVENTS: &str = "UPDATE event SET owner = NULL, until = NULL WHERE id = ANY($1) AND owner = $2";
    let (mut outgoing, mut messages, mut requests, mut events) = ((vec![], vec![]), vec![], vec![], vec![]);
    for leased in all {
        match leased {
            Leased::Outgoing(id) => {
                outgoing.0.push(sql_id(id.message));
                outgoing.1.push(i64::from(id.ordinal.get()));
            }
            Leased::Unfinished(id) => messages.push(sql_id(*id)),
            Leased::Request(id) => requests.push(sql_id(*id)),
            Leased::Event(id) => events.push(*id as i64),
        }
    }
    if !outgoing.0.is_empty() {
        link.run(OUTGOING, &[&outgoing.0, &outgoing.1, &me]).await?;
    }
    for (sql, ids) in [(MESSAGES, messages), (REQUESTS, requests), (EVENTS, events)] {
        if !ids.is_empty() {
            link.run(sql, &[&ids, &me]).await?;
        }
    }
    Ok(())
}
