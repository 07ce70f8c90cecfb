//! Requests with what they are found by, histories, records, and values.

use std::collections::BTreeMap;

use super::super::connect::Write;
use super::super::load::Snapshot;
use super::super::rows::{sql_id, sql_time, text};
use super::{Stamp, arrays, columns};
use crate::message::{Leg, Transaction, TransactionKey};
use crate::spool::hash::hash;
use crate::spool::ledger::record_text;
use crate::spool::model::Reach;
use crate::spool::{SpoolError, stored};

pub(super) fn requests(snapshot: &Snapshot, stamp: &Stamp, to: &mut Vec<Write>) -> Result<(), SpoolError> {
    const PUT: &str = "
        INSERT INTO request(id, due, forget_at, state) SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::text[])
        ON CONFLICT (id) DO UPDATE SET due = excluded.due, forget_at = excluded.forget_at, state = excluded.state";
    const GONE: &str = "DELETE FROM request WHERE id = ANY($1)";
    const COPIES_GONE: &str = "DELETE FROM copy_of WHERE hash = ANY($1)";
    const ASKED: &str = "
        INSERT INTO asked(peer) SELECT DISTINCT peer FROM unnest($1::text[]) AS peer
        WHERE NOT EXISTS (SELECT 1 FROM asked a WHERE a.peer = peer.peer) ORDER BY peer ON CONFLICT DO NOTHING";
    columns! { id: i64, due: Option<i64>, forget_at: i64, state: String }
    let mut put = Columns::default();
    let (mut gone, mut copies, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    for changed in snapshot.state.requests.changed() {
        let id = sql_id(*changed.key);
        match (changed.before, changed.after) {
            (_, Some(request)) => {
                put.id.push(id);
                put.due.push(request.next.map(|task| sql_time(task.due)));
                put.forget_at.push(sql_time(request.forget_at));
                put.state.push(stored::write_request(request)?);
                asked.extend(
                    request
                        .legs
                        .iter()
                        .filter_map(Leg::asked)
                        .map(|peer| peer.as_str().to_owned()),
                );
            }
            (Some(request), None) => {
                gone.push(id);
                copies.push(hash(stamp.salt, &TransactionKey::Repeat(request.repeat)));
            }
            (None, None) => {}
        }
    }
    put.write(PUT, to);
    keys(snapshot, stamp, to);
    let rows = asked.len();
    arrays(ASKED, [Box::new(asked)], rows, to);
    let rows = gone.len();
    arrays(GONE, [Box::new(gone)], rows, to);
    arrays(COPIES_GONE, [Box::new(copies)], rows, to);
    Ok(())
}

/// What requests are found by: what is new, and what is no more.
fn keys(snapshot: &Snapshot, stamp: &Stamp, to: &mut Vec<Write>) {
    const KEYS: &str = "
        INSERT INTO lookup(hash, request) SELECT * FROM unnest($1::int8[], $2::int8[]) ON CONFLICT DO NOTHING";
    const KEYS_GONE: &str = "
        DELETE FROM lookup l USING unnest($1::int8[], $2::int8[]) AS n(hash, request)
        WHERE l.hash = n.hash AND l.request = n.request";
    let hashes = |of: Option<&Transaction>| -> Vec<i64> {
        let keys = of.map(Transaction::keys).unwrap_or_default();
        keys.iter().map(|key| hash(stamp.salt, key)).collect()
    };
    let (mut added, mut gone) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for changed in snapshot.state.requests.changed() {
        let (old, new) = (hashes(changed.before), hashes(changed.after));
        for (to, these, others) in [(&mut added, &new, &old), (&mut gone, &old, &new)] {
            for key in these.iter().filter(|key| !others.contains(key)) {
                to.0.push(*key);
                to.1.push(sql_id(*changed.key));
            }
        }
    }
    for (sql, (hashes, requests)) in [(KEYS, added), (KEYS_GONE, gone)] {
        let rows = hashes.len();
        arrays(sql, [Box::new(hashes), Box::new(requests)], rows, to);
    }
}

pub(super) fn history(snapshot: &Snapshot, stamp: &Stamp, to: &mut Vec<Write>) -> Result<(), SpoolError> {
    const NEW: &str = "
        INSERT INTO history(request, place, at, event, batch, node)
        SELECT * FROM unnest($1::int8[], $2::int4[], $3::int8[], $4::text[], $5::int8[], $6::text[])";
    const GONE: &str = "DELETE FROM history WHERE request = ANY($1)";
    columns! { request: i64, place: i32, at: i64, event: String, batch: i64, node: Option<String> }
    let (mut new, mut gone) = (Columns::default(), Vec::new());
    for changed in snapshot.state.history.changed() {
        let request = sql_id(*changed.key);
        let Some(history) = changed.after else {
            gone.extend(changed.before.map(|_| request));
            continue;
        };
        for (place, entry) in (history.earlier..).zip(&history.entries) {
            new.request.push(request);
            new.place.push(place as i32);
            new.at.push(sql_time(entry.at));
            new.event.push(stored::write_event(&entry.event)?);
            new.batch.push(stamp.batch);
            new.node.push(stamp.node.clone());
        }
    }
    new.write(NEW, to);
    let rows = gone.len();
    arrays(GONE, [Box::new(gone)], rows, to);
    Ok(())
}

/// In the batch, each stream's records have places from 1.
pub(super) fn records(snapshot: &Snapshot, stamp: &Stamp, to: &mut Vec<Write>) {
    const STREAMS: &str = "INSERT INTO stream(name, last) SELECT unnest($1::text[]), 0 ON CONFLICT DO NOTHING";
    const BATCH: &str = "
        INSERT INTO batch(id, stream, at, records)
        SELECT * FROM unnest($1::int8[], $2::text[], $3::int8[], $4::int4[])";
    const RECORDS: &str = "
        INSERT INTO record(batch, stream, place, message, ordinal, recorded_at, plugin, version, record)
        SELECT * FROM unnest($1::int8[], $2::text[], $3::int4[], $4::int8[], $5::int8[], $6::int8[], $7::text[], $8::text[],
            $9::text[])";
    columns! {
        batch: i64, stream: String, place: i32, message: i64, ordinal: i64, recorded_at: i64, plugin: String,
        version: String, record: String,
    }
    let mut rows = Columns::default();
    let mut sums: BTreeMap<String, i32> = BTreeMap::new();
    for (stream, records) in &snapshot.state.records {
        for record in records {
            *sums.entry(stream.as_str().to_owned()).or_default() += 1;
            rows.batch.push(stamp.batch);
            rows.stream.push(stream.as_str().to_owned());
            rows.place.push(record.sequence as i32);
            rows.message.push(sql_id(record.id.message()));
            rows.ordinal.push(record.id.number().into());
            rows.recorded_at.push(sql_time(record.recorded_at));
            rows.plugin.push(text(&record.plugin));
            rows.version.push(text(&record.version));
            rows.record.push(record_text(&record.record));
        }
    }
    if sums.is_empty() {
        return;
    }
    let names: Vec<String> = sums.keys().cloned().collect();
    let (ids, times) = (vec![stamp.batch; names.len()], vec![stamp.now; names.len()]);
    let counts: Vec<i32> = sums.into_values().collect();
    to.push(Write {
        sql: STREAMS,
        values: vec![Box::new(names.clone())],
    });
    to.push(Write {
        sql: BATCH,
        values: vec![Box::new(ids), Box::new(names), Box::new(times), Box::new(counts)],
    });
    rows.write(RECORDS, to);
}

/// A row that was made to be locked, and got no value, goes.
pub(super) fn values(snapshot: &Snapshot, reach: &Reach, to: &mut Vec<Write>) {
    const PUT: &str = "
        INSERT INTO kv(plugin, key, value) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[])
        ON CONFLICT (plugin, key) DO UPDATE SET value = excluded.value";
    const GONE: &str = "
        DELETE FROM kv k USING unnest($1::text[], $2::text[]) AS n(plugin, key) WHERE k.plugin = n.plugin AND k.key = n.key";
    const ASKED: &str = "
        INSERT INTO counter AS c(name, value)
        SELECT * FROM unnest($1::text[], $2::int8[]) AS n(name, value) ORDER BY name
        ON CONFLICT (name) DO UPDATE SET value = c.value + excluded.value";
    columns! { plugin: String, key: String, value: Vec<u8> }
    let (mut put, mut gone) = (Columns::default(), (Vec::new(), Vec::new()));
    for changed in snapshot.state.values.changed() {
        if let Some(value) = changed.after {
            put.plugin.push(changed.key.0.clone());
            put.key.push(changed.key.1.clone());
            put.value.push(value.clone());
        }
    }
    for (plugin, key) in reach
        .values
        .iter()
        .filter(|name| !snapshot.state.values.contains_key(*name))
    {
        gone.0.push(plugin.clone());
        gone.1.push(key.clone());
    }
    put.write(PUT, to);
    let rows = gone.0.len();
    arrays(GONE, [Box::new(gone.0), Box::new(gone.1)], rows, to);
    let retries = &snapshot.state.retries;
    if !retries.is_empty() {
        let names: Vec<String> = retries.keys().map(|peer| format!("retry:{peer}")).collect();
        let added: Vec<i64> = retries.values().map(|added| *added as i64).collect();
        to.push(Write {
            sql: ASKED,
            values: vec![Box::new(names), Box::new(added)],
        });
    }
}
