//! Requests by what they are found by, and everything that is known about them.

use std::sync::Arc;

use tokio_postgres::Row;

use super::connect::Link;
use super::look::entries_of;
use super::rows::{self, sql_id, time};
use super::shared::Shared;
use super::streams;
use crate::message::{BareId, MessageId, MessageType, PeerName, StreamName, Timestamp, Transaction, TransactionKey};
use crate::spool::hash::hash;
use crate::spool::model::Work;
use crate::spool::{By, Event, HistoryEntry, SpoolError, Trace, Traces, stored};

/// Requests shown at the most.
const MOST: usize = 100;

/// The requests that have this key and are not forgotten, newest first.
pub(super) async fn find(
    link: &Link,
    salt: i64,
    key: &TransactionKey,
    now: Timestamp,
) -> Result<Vec<Transaction>, SpoolError> {
    const FOUND: &str = "
        SELECT r.state FROM lookup l JOIN request r ON r.id = l.request WHERE l.hash = $1 ORDER BY l.request DESC LIMIT 1000";
    let found = link.rows(FOUND, &[&hash(salt, key)]).await?;
    let found: Vec<Transaction> = found.iter().map(rows::request).collect::<Result<_, _>>()?;
    let those = found
        .into_iter()
        .filter(|of| of.forget_at > now && of.keys().contains(key));
    Ok(those.take(MOST).collect())
}

pub(super) async fn trace(shared: &Arc<Shared>, id: &str, by: &By) -> Result<Traces, SpoolError> {
    let bare = id.trim_matches(|c: char| c.is_ascii_whitespace() || c == '"');
    let own = bare.split_once('-').map_or(bare, |(message, _)| message);
    let own = own.parse::<MessageId>().ok();
    // Its numbers are to be shown.
    let link = streams::number(shared).await?;
    let mut found = by_key(&link, shared.salt, &bare.into(), by.at).await?;
    let mut queue = Vec::new();
    if let Some(own) = own {
        match about(&link, own).await?.filter(|known| known.forget_at > by.at) {
            Some(known) => found.push(known),
            None => queue = entries_of(&link, own).await?,
        }
    }
    found.sort_by_key(|of| of.id);
    found.dedup_by_key(|of| of.id);
    found.truncate(MOST);
    let mut requests = Vec::new();
    for transaction in found {
        requests.push(trace_of(&link, transaction).await?);
    }
    drop(link);
    if !requests.is_empty() {
        let looked = requests.iter().map(|request| request.transaction.id).collect();
        shared.work(Work::Looked(looked, by.clone())).await?;
    }
    Ok(Traces {
        requests,
        queue,
        refused: None,
    })
}

/// The request that a message belongs to, or that has this id.
async fn about(link: &Link, own: MessageId) -> Result<Option<Transaction>, SpoolError> {
    const ABOUT: &str = "
        SELECT state FROM request WHERE id = coalesce((SELECT about FROM message WHERE id = $1), $1)";
    let found = link.rows(ABOUT, &[&sql_id(own)]).await?;
    found.first().map(rows::request).transpose()
}

async fn by_key(link: &Link, salt: i64, id: &BareId, now: Timestamp) -> Result<Vec<Transaction>, SpoolError> {
    let mut keys = vec![
        TransactionKey::Message { message_id: id.clone() },
        TransactionKey::Received {
            transaction_id: id.clone(),
        },
    ];
    let asked = link.rows("SELECT peer FROM asked", &[]).await?;
    for peer in asked.iter().filter_map(|row| PeerName::new(row.get(0)).ok()) {
        let requests = [
            MessageType::ForwardRequest,
            MessageType::DeliveryReportRequest,
            MessageType::ReadReplyReportRequest,
        ];
        keys.extend(requests.map(|kind| TransactionKey::Asked {
            peer: peer.clone(),
            kind,
            transaction_id: id.clone(),
        }));
    }
    let mut found = Vec::new();
    for key in &keys {
        found.extend(find(link, salt, key, now).await?);
    }
    Ok(found)
}

async fn trace_of(link: &Link, transaction: Transaction) -> Result<Trace, SpoolError> {
    let history = history(link, transaction.id).await?;
    let mut messages = vec![transaction.id];
    messages.extend(history.iter().filter_map(|entry| match &entry.event {
        Event::Accepted(arrival) => Some(arrival.id),
        _ => None,
    }));
    messages.sort();
    messages.dedup();
    let (mut queue, mut charging) = (Vec::new(), Vec::new());
    for message in messages {
        queue.extend(entries_of(link, message).await?);
    }
    for (first, last) in history.iter().filter_map(|entry| entry.event.charged()) {
        let limit = (last + 1 - first) as usize;
        let records = streams::records(link, &StreamName::CHARGING, first - 1, limit).await?;
        charging.extend(records.into_iter().filter(|record| record.sequence <= last));
    }
    Ok(Trace {
        transaction,
        history,
        queue,
        charging,
    })
}

/// What cannot be read is left out: a history decides nothing.
async fn history(link: &Link, of: MessageId) -> Result<Vec<HistoryEntry>, SpoolError> {
    const HISTORY: &str = "
        SELECT h.at, h.event, h.node, b.first FROM history h LEFT JOIN batch b ON b.id = h.batch AND b.stream = $2
        WHERE h.request = $1 ORDER BY h.place";
    let found = link
        .rows(HISTORY, &[&sql_id(of), &StreamName::CHARGING.as_str()])
        .await?;
    Ok(found.iter().filter_map(entry).collect())
}

/// Places in a batch become numbers; unknown, when the batch has been purged.
fn entry(row: &Row) -> Option<HistoryEntry> {
    let mut event = stored::read_event(row.get("event")).ok()?;
    let first: Option<i64> = row.get("first");
    event.renumber(|place| first.map(|first| first as u64 + place - 1));
    Some(HistoryEntry {
        at: time(row, "at"),
        node: row.get("node"),
        event,
    })
}
