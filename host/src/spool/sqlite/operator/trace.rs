//! Everything that is known about a message, for `mm4relay trace`.

use super::super::access::Access;
use super::super::columns::queue_id;
use super::super::schema::salt;
use super::super::{history, streams, sums, transactions};
use super::look::Look;
use crate::message::{
    BareId, MessageId, MessageType, PeerName, QueueId, StreamName, Timestamp, Transaction, TransactionKey,
};
use crate::spool::stored;
use crate::spool::{By, Event, HistoryEntry, QueueEntry, SpoolError, Trace, Traces, refused};

/// Requests shown at the most.
const MOST: usize = 100;

/// See [`Operator::trace`](crate::spool::Operator::trace).
pub(super) fn trace(access: &impl Access, id: &str, by: &By) -> Result<Traces, SpoolError> {
    let bare = id.trim_matches(|c: char| c.is_ascii_whitespace() || c == '"');
    let own = bare
        .split_once('-')
        .map_or(bare, |(message, _)| message)
        .parse::<MessageId>()
        .ok();
    let (requests, queue) = access.read(|db| Look { db }.traces(bare, own, by.at))?;
    for request in &requests {
        note_look(access, request.transaction.id, by)?;
    }
    let refused = own.and_then(|own| refused::find(access.folder(), &own.to_string()));
    Ok(Traces {
        requests,
        queue,
        refused,
    })
}

/// Who looked belongs to what was looked at. At the end of a long history there is no room for it, and that is all.
fn note_look(access: &impl Access, id: MessageId, by: &By) -> Result<(), SpoolError> {
    let event = Event::Operator {
        who: by.who.clone(),
        did: "trace".into(),
        id: None,
    };
    let at = by.at;
    access.write(move |db| history::write(db, id.0 as i64, at, &event))
}

impl Look<'_> {
    fn traces(
        &self,
        bare: &str,
        own: Option<MessageId>,
        now: Timestamp,
    ) -> Result<(Vec<Trace>, Vec<QueueEntry>), SpoolError> {
        let mut found = self.by_key(&bare.into(), now)?;
        let mut queue = Vec::new();
        if let Some(own) = own {
            let about = history::about(self.db, own)?.unwrap_or(own.0 as i64);
            let known = transactions::read(self.db, about)?.filter(|known| known.forget_at > now);
            match known {
                Some(known) => found.push(known),
                None => queue = self.queue_of(own)?,
            }
        }
        found.sort_by_key(|transaction| transaction.id);
        found.dedup_by_key(|transaction| transaction.id);
        found.truncate(MOST);
        let requests = found.into_iter().map(|transaction| self.trace_of(transaction));
        Ok((requests.collect::<Result<_, _>>()?, queue))
    }

    fn by_key(&self, id: &BareId, now: Timestamp) -> Result<Vec<Transaction>, SpoolError> {
        let salt = salt(self.db)?;
        let mut keys = vec![
            TransactionKey::Message { message_id: id.clone() },
            TransactionKey::Received {
                transaction_id: id.clone(),
            },
        ];
        for peer in self.asked()? {
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
            found.extend(transactions::find(self.db, salt, key, now)?);
        }
        Ok(found)
    }

    /// Every next hop that a request was ever sent to.
    fn asked(&self) -> Result<Vec<PeerName>, SpoolError> {
        let mut query = self.db.prepare_cached("SELECT peer FROM asked")?;
        let names = query.query_map((), |row| row.get::<_, String>(0))?;
        let names = names.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(names.iter().filter_map(|name| PeerName::new(name).ok()).collect())
    }

    fn trace_of(&self, transaction: Transaction) -> Result<Trace, SpoolError> {
        let history = self.history(transaction.id)?;
        let mut messages = vec![transaction.id];
        messages.extend(history.iter().filter_map(|entry| match &entry.event {
            Event::Accepted(arrival) => Some(arrival.id),
            _ => None,
        }));
        messages.sort();
        messages.dedup();
        let (mut queue, mut charging) = (Vec::new(), Vec::new());
        for message in messages {
            queue.extend(self.queue_of(message)?);
        }
        for (first, last) in history.iter().filter_map(|entry| entry.event.charged()) {
            let records = streams::records(self.db, &StreamName::CHARGING, first - 1, (last + 1 - first) as usize)?;
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
    fn history(&self, of: MessageId) -> Result<Vec<HistoryEntry>, SpoolError> {
        const QUERY: &str = "SELECT at, event, sum FROM history WHERE request = ?1 ORDER BY place";
        let mut query = self.db.prepare_cached(QUERY)?;
        let rows = query.query_map([of.0 as i64], |row| {
            let (at, event) = (row.get(0)?, row.get::<_, String>(1)?);
            let whole = sums::history(of.0 as i64, at, &event).holds(row, 2)?;
            Ok((at, if whole { event } else { String::new() }))
        })?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        let entry = |(at, event): (i64, String)| {
            Some(HistoryEntry {
                at: Timestamp(at as u64),
                node: None,
                event: stored::read_event(&event).ok()?,
            })
        };
        Ok(rows.into_iter().filter_map(entry).collect())
    }

    fn queue_of(&self, message: MessageId) -> Result<Vec<QueueEntry>, SpoolError> {
        const IDS: &str = "
            SELECT id, 0 FROM message WHERE id = ?1 UNION ALL SELECT message, ordinal FROM outgoing WHERE message = ?1";
        let mut query = self.db.prepare_cached(IDS)?;
        let ids = query.query_map([message.0 as i64], |row| queue_id(row, 0))?;
        let ids: Vec<QueueId> = ids.collect::<rusqlite::Result<_>>()?;
        let entries = ids.into_iter().map(|id| self.entry(id));
        entries.filter_map(Result::transpose).collect()
    }
}
