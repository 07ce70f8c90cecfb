//! Messages, their destinations, their bytes, and the outcomes that plug-ins must still be told.

use super::super::connect::Write;
use super::super::load::Snapshot;
use super::super::rows::{sql_id, sql_time, text};
use super::{Stamp, arrays, columns};
use crate::message::{MessageId, Piece};
use crate::spool::model::{Message, Row as Destination};
use crate::spool::{SpoolError, pieces, stored};

pub(super) fn messages(snapshot: &Snapshot, to: &mut Vec<Write>) -> Result<(), SpoolError> {
    const PUT: &str = "
        INSERT INTO message(id, source, remote, helo, protocol, received_at, since, size, hold, due, failed, attempts, arrived,
            ordinals, about, envelope, journey, holders, past, released)
        SELECT * FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[], $5::int2[], $6::int8[], $7::int8[], $8::int8[],
            $9::text[], $10::int8[], $11::bool[], $12::int4[], $13::bool[], $14::int8[], $15::int8[], $16::text[],
            $17::text[], $18::text[], $19::text[], $20::int4[])
        ON CONFLICT (id) DO UPDATE SET since = excluded.since, hold = excluded.hold, due = excluded.due,
            failed = excluded.failed, attempts = excluded.attempts, arrived = excluded.arrived,
            ordinals = excluded.ordinals, about = excluded.about, envelope = excluded.envelope,
            journey = excluded.journey, holders = excluded.holders, past = excluded.past, released = excluded.released";
    const GONE: &str = "DELETE FROM message WHERE id = ANY($1)";
    const BYTES_GONE: &str = "DELETE FROM content WHERE message = ANY($1)";
    columns! {
        id: i64, source: String, remote: String, helo: String, protocol: i16, received_at: i64, since: i64, size: i64,
        hold: Option<String>, due: Option<i64>, failed: bool, attempts: i32, arrived: bool, ordinals: i64,
        about: Option<i64>, envelope: String, journey: String, holders: Option<String>, past: Option<String>, released: i32,
    }
    let (mut put, mut gone) = (Columns::default(), Vec::new());
    for changed in snapshot.state.messages.changed() {
        let id = sql_id(*changed.key);
        let Some(message) = changed.after else {
            gone.extend(changed.before.map(|_| id));
            continue;
        };
        let Message { origin, hold, .. } = message;
        put.id.push(id);
        put.source.push(origin.source.as_str().to_owned());
        put.remote.push(origin.remote.to_string());
        put.helo.push(text(&origin.helo));
        put.protocol.push(stored::protocol_code(origin.protocol) as i16);
        put.received_at.push(sql_time(origin.received_at));
        put.since.push(sql_time(message.since));
        put.size.push(message.size as i64);
        put.hold.push(hold.as_ref().map(|wait| text(&wait.reason)));
        put.due.push(hold.as_ref().and_then(|wait| wait.due).map(sql_time));
        put.failed.push(hold.as_ref().is_some_and(|wait| wait.failed));
        put.attempts.push(hold.as_ref().map_or(0, |wait| wait.attempts as i32));
        put.arrived.push(message.arrived);
        put.ordinals.push(message.ordinals.map_or(0, |last| last.get().into()));
        put.about.push(message.about.map(sql_id));
        put.envelope.push(stored::write_envelope(&message.envelope)?);
        put.journey.push(stored::write_journey(&message.journey)?);
        put.holders.push(stored::write_holders(
            hold.as_ref().map_or(&[], |wait| wait.holders.as_slice()),
        )?);
        put.past.push(stored::write_past(&message.past)?);
        put.released.push(message.released as i32);
    }
    put.write(PUT, to);
    let rows = gone.len();
    arrays(GONE, [Box::new(gone.clone())], rows, to);
    arrays(BYTES_GONE, [Box::new(gone)], rows, to);
    Ok(())
}

/// Those that a commit sends belong to who commits it; what has failed already is nobody's.
pub(super) fn new_destinations(snapshot: &Snapshot, stamp: &Stamp, to: &mut Vec<Write>) -> Result<(), SpoolError> {
    const NEW: &str = "
        INSERT INTO outgoing(message, ordinal, peer, state, due, attempts, size, made, reason, expires, kind, repeats, owner,
            envelope, pieces)
        SELECT * FROM unnest($1::int8[], $2::int8[], $3::text[], $4::int2[], $5::int8[], $6::int4[], $7::int8[], $8::int8[],
            $9::text[], $10::int8[], $11::text[], $12::int4[], $13::int8[], $14::text[], $15::bytea[])";
    columns! {
        message: i64, ordinal: i64, peer: String, state: i16, due: i64, attempts: i32, size: i64, made: i64,
        reason: Option<String>, expires: Option<i64>, kind: Option<&'static str>, repeats: i32, owner: Option<i64>,
        envelope: String, pieces: Vec<u8>,
    }
    let mut new = Columns::default();
    for changed in snapshot.state.outgoing.changed() {
        let (None, Some(Destination { outgoing, .. })) = (changed.before, changed.after) else {
            continue;
        };
        let row = changed.after.map_or(0, |row| row.state.code() as i16);
        let made = outgoing
            .rope
            .pieces
            .iter()
            .filter(|piece| matches!(piece, Piece::New(_)));
        new.message.push(sql_id(outgoing.id.message));
        new.ordinal.push(outgoing.id.ordinal.get().into());
        new.peer.push(outgoing.next_hop.as_str().to_owned());
        new.state.push(row);
        new.due.push(changed.after.map_or(0, |row| sql_time(row.due)));
        new.attempts.push(outgoing.attempts as i32);
        new.size.push(outgoing.rope.size() as i64);
        new.made.push(made.map(Piece::size).sum::<u64>() as i64);
        new.reason
            .push(changed.after.and_then(|row| row.reason.as_deref()).map(text));
        new.expires.push(outgoing.expires_at.map(sql_time));
        new.kind.push(outgoing.kind.map(stored::write_kind));
        new.repeats.push(outgoing.repeats as i32);
        new.owner.push((row == 0).then_some(stamp.me));
        new.envelope.push(stored::write_envelope(&outgoing.envelope)?);
        new.pieces.push(pieces::encode(&outgoing.rope.pieces));
    }
    new.write(NEW, to);
    Ok(())
}

pub(super) fn destinations(snapshot: &Snapshot, to: &mut Vec<Write>) -> Result<(), SpoolError> {
    const CHANGED: &str = "
        UPDATE outgoing o SET peer = n.peer, state = n.state, due = n.due, attempts = n.attempts, reason = n.reason,
            repeats = n.repeats, envelope = n.envelope
        FROM unnest($1::int8[], $2::int8[], $3::text[], $4::int2[], $5::int8[], $6::int4[], $7::text[], $8::int4[],
            $9::text[]) AS n(message, ordinal, peer, state, due, attempts, reason, repeats, envelope)
        WHERE o.message = n.message AND o.ordinal = n.ordinal";
    const GONE: &str = "
        DELETE FROM outgoing o USING unnest($1::int8[], $2::int8[]) AS n(message, ordinal)
        WHERE o.message = n.message AND o.ordinal = n.ordinal";
    columns! {
        message: i64, ordinal: i64, peer: String, state: i16, due: i64, attempts: i32, reason: Option<String>, repeats: i32,
        envelope: String,
    }
    let (mut put, mut gone) = (Columns::default(), (Vec::new(), Vec::new()));
    for changed in snapshot.state.outgoing.changed() {
        let (message, ordinal) = (sql_id(changed.key.message), i64::from(changed.key.ordinal.get()));
        match (changed.before, changed.after) {
            (Some(_), Some(row)) => {
                put.message.push(message);
                put.ordinal.push(ordinal);
                put.peer.push(row.outgoing.next_hop.as_str().to_owned());
                put.state.push(row.state.code() as i16);
                put.due.push(sql_time(row.due));
                put.attempts.push(row.outgoing.attempts as i32);
                put.reason.push(row.reason.as_deref().map(text));
                put.repeats.push(row.outgoing.repeats as i32);
                put.envelope.push(stored::write_envelope(&row.outgoing.envelope)?);
            }
            (Some(_), None) => {
                gone.0.push(message);
                gone.1.push(ordinal);
            }
            (None, _) => {}
        }
    }
    put.write(CHANGED, to);
    let rows = gone.0.len();
    arrays(GONE, [Box::new(gone.0), Box::new(gone.1)], rows, to);
    Ok(())
}

pub(super) fn events(snapshot: &Snapshot, to: &mut Vec<Write>) -> Result<(), SpoolError> {
    const NEW: &str = "
        INSERT INTO event(message, ordinal, peer, deliveries, repeats, due, attempts, expires, kind, outcome, envelope, pieces)
        SELECT o.message, o.ordinal, o.peer, n.deliveries, o.repeats, n.due, 0, o.expires, o.kind, n.outcome, n.envelope, o.pieces
        FROM unnest($1::int8[], $2::int8[], $3::int4[], $4::int8[], $5::text[], $6::text[])
            AS n(message, ordinal, deliveries, due, outcome, envelope)
        JOIN outgoing o ON o.message = n.message AND o.ordinal = n.ordinal";
    const AGAIN: &str = "
        UPDATE event e SET due = n.due, attempts = n.attempts
        FROM unnest($1::int8[], $2::int8[], $3::int4[]) AS n(id, due, attempts) WHERE e.id = n.id";
    const GONE: &str = "DELETE FROM event WHERE id = ANY($1)";
    columns! { message: i64, ordinal: i64, deliveries: i32, due: i64, outcome: String, envelope: String }
    let (mut new, mut again, mut gone) = (Columns::default(), (Vec::new(), Vec::new(), Vec::new()), Vec::new());
    for changed in snapshot.state.events.changed() {
        match (changed.before, changed.after) {
            (None, Some(event)) => {
                new.message.push(sql_id(event.outgoing.id.message));
                new.ordinal.push(event.outgoing.id.ordinal.get().into());
                new.deliveries.push(event.outgoing.attempts as i32);
                new.due.push(sql_time(event.due));
                new.outcome.push(event.outcome.clone());
                new.envelope.push(stored::write_envelope(&event.outgoing.envelope)?);
            }
            (Some(_), Some(event)) => {
                again.0.push(*changed.key as i64);
                again.1.push(sql_time(event.due));
                again.2.push(event.attempts as i32);
            }
            (Some(_), None) => gone.push(*changed.key as i64),
            (None, None) => {}
        }
    }
    new.write(NEW, to);
    let rows = again.0.len();
    arrays(
        AGAIN,
        [Box::new(again.0), Box::new(again.1), Box::new(again.2)],
        rows,
        to,
    );
    let rows = gone.len();
    arrays(GONE, [Box::new(gone)], rows, to);
    Ok(())
}

/// Received bytes of messages that are in the snapshot now: message, place, octets.
pub(in crate::spool::postgres) fn content(of: MessageId, place: i32, octets: bytes::Bytes) -> Write {
    const NEW: &str = "INSERT INTO content(message, place, octets) VALUES($1, $2, $3)";
    Write {
        sql: NEW,
        values: vec![Box::new(sql_id(of)), Box::new(place), Box::new(octets.to_vec())],
    }
}
