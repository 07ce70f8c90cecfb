//! Columns to values and back.

use tokio_postgres::Row;

use crate::message::{
    MessageId, NextHop, Ordinal, Origin, Outgoing, OutgoingId, QueueId, Rope, Source, Timestamp, Transaction,
};
use crate::spool::model::{Message, Wait};
use crate::spool::{Revised, SpoolError, stored};

pub(super) fn sql_time(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

pub(super) fn sql_id(id: MessageId) -> i64 {
    i64::try_from(id.0).unwrap_or(i64::MAX)
}

pub(super) fn time(row: &Row, column: &str) -> Timestamp {
    Timestamp(row.get::<_, i64>(column) as u64)
}

pub(super) fn message_id(row: &Row, column: &str) -> MessageId {
    MessageId(row.get::<_, i64>(column) as u64)
}

pub(super) fn queue_id(row: &Row) -> QueueId {
    QueueId::of(message_id(row, "message"), row.get::<_, i64>("ordinal") as u32)
}

pub(super) fn outgoing_id(row: &Row) -> Result<OutgoingId, SpoolError> {
    queue_id(row)
        .destination()
        .ok_or_else(|| damaged("a destination has the ordinal 0"))
}

pub(super) fn next_hop(row: &Row) -> Result<NextHop, SpoolError> {
    NextHop::new(row.get("peer")).map_err(damaged)
}

pub(super) fn source(row: &Row) -> Result<Source, SpoolError> {
    Source::new(row.get("source")).map_err(damaged)
}

/// No text of a row may have this octet.
pub(super) fn text(text: &str) -> String {
    text.replace('\0', " ")
}

pub(super) fn origin(row: &Row) -> Result<Origin, SpoolError> {
    let remote: &str = row.get("remote");
    Ok(Origin {
        source: source(row)?,
        remote: remote
            .parse()
            .map_err(|_| damaged(format!("{remote:?} is no address")))?,
        helo: row.get("helo"),
        protocol: stored::protocol_of(row.get::<_, i16>("protocol").into())
            .ok_or_else(|| damaged("a protocol that nobody knows"))?,
        received_at: time(row, "received_at"),
    })
}

/// Columns of [`message`].
pub(super) const MESSAGE: &str = "
    m.id, m.source, m.remote, m.helo, m.protocol, m.received_at, m.since, m.size, m.hold, m.due, m.failed, m.attempts,
    m.arrived, m.ordinals, m.about, m.envelope, m.journey, m.holders, m.past, m.released";

pub(super) fn message(row: &Row) -> Result<Message, SpoolError> {
    let hold = match row.get::<_, Option<String>>("hold") {
        Some(reason) => Some(Wait {
            reason,
            holders: stored::read_holders(row.get("holders"))?,
            due: row.get::<_, Option<i64>>("due").map(|due| Timestamp(due as u64)),
            failed: row.get("failed"),
            attempts: row.get::<_, i32>("attempts") as u32,
        }),
        None => None,
    };
    Ok(Message {
        origin: origin(row)?,
        envelope: stored::read_envelope(row.get("envelope"))?,
        size: row.get::<_, i64>("size") as u64,
        since: time(row, "since"),
        hold,
        arrived: row.get("arrived"),
        ordinals: Ordinal::new(row.get::<_, i64>("ordinals") as u32),
        journey: stored::read_journey(row.get("journey"))?,
        about: row.get::<_, Option<i64>>("about").map(|about| MessageId(about as u64)),
        past: stored::read_past(row.get("past"))?,
        released: row.get::<_, i32>("released") as u32,
    })
}

/// A destination or what an event says of one: all but `attempts`, which have two names.
pub(super) fn outgoing(row: &Row, of: (Source, Timestamp), rope: Rope) -> Result<Outgoing, SpoolError> {
    Ok(Outgoing {
        id: outgoing_id(row)?,
        next_hop: next_hop(row)?,
        source: of.0,
        received_at: of.1,
        envelope: stored::read_envelope(row.get("envelope"))?,
        rope,
        kind: row.get::<_, Option<&str>>("kind").and_then(stored::read_kind),
        repeats: row.get::<_, i32>("repeats") as u32,
        header: None,
        parts: None,
        attempts: row.get::<_, i32>("tries") as u32,
        said: row.get("reason"),
        expires_at: row.get::<_, Option<i64>>("expires").map(|at| Timestamp(at as u64)),
    })
}

pub(super) fn request(row: &Row) -> Result<Transaction, SpoolError> {
    stored::read_request(row.get("state"))
}

/// None yet is the text of none.
pub(super) fn course(row: &Row) -> Result<Revised, SpoolError> {
    let text: Option<&str> = row.get("course");
    let course = text.map_or(Ok(serde_json::Value::Null), serde_json::from_str);
    Ok(Revised {
        revision: row.get::<_, i64>("revision") as u64,
        course: course.map_err(damaged)?,
    })
}

pub(super) fn damaged(what: impl std::fmt::Display) -> SpoolError {
    SpoolError::Damaged(format!("a row of the database: {what}"))
}
