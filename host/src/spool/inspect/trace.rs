//! Everything that is known about a message, for `mm4relay trace`.

use super::super::history::{Event, HistoryEntry};
use super::super::refused::{self, Refused};
use super::super::sqlite::schema::salt;
use super::super::sqlite::{history, stored, transactions};
use super::super::{SpoolError, inspect::operator};
use super::{ChargingRow, Inspector, QueueEntry, outgoing_id};
use crate::message::{
    Leg, LegState, MessageId, MessageType, OutgoingId, PeerName, Timestamp, Transaction, TransactionKey,
};

/// What an id leads to.
#[derive(Debug, Default)]
pub struct Traces {
    /// Requests, in the order in which they came: one, and the reports about its message.
    pub requests: Vec<Trace>,
    /// What is in the queue under a relay's id that no request is known of.
    pub queue: Vec<QueueEntry>,
    /// A message that was refused at the end of its data, under the id in its reply.
    pub refused: Option<Refused>,
}

/// One request, and what is known about it.
#[derive(Debug)]
pub struct Trace {
    pub transaction: Transaction,
    /// In the order in which it happened.
    pub history: Vec<HistoryEntry>,
    /// What of it is in the queue still: it, responses to it, messages of the relay about it.
    pub queue: Vec<QueueEntry>,
    /// The charging records that the history names, as far as they have not been purged.
    pub charging: Vec<ChargingRow>,
}

impl Trace {
    /// What is true of a destination now, in words. The request itself does not know of a drop: nobody is told of it.
    pub fn state_of(&self, leg: &Leg) -> String {
        match leg.state {
            LegState::Waiting if self.is_dropped(leg) => "was dropped from the queue".to_owned(),
            _ => leg.state.to_string(),
        }
    }

    fn is_dropped(&self, leg: &Leg) -> bool {
        let is_its = |id: &OutgoingId| id.message == self.transaction.id && id.ordinal == leg.ordinal;
        let dropped = self.history.iter().any(|entry| match &entry.event {
            Event::Operator { did, id: Some(id), .. } => did == "drop" && is_its(id),
            _ => false,
        });
        dropped && !self.queue.iter().any(|entry| is_its(&entry.id))
    }
}

/// Requests shown at the most.
const MOST: usize = 100;

impl Inspector {
    /// What is known under `id`: an `X-Mms-Message-ID` or a transaction ID, with or without quotes, or an id of the relay
    /// with or without a destination. Nothing is known of what has been forgotten at `now`. Whoever looks is noted in
    /// the history of what was found.
    pub fn trace(&mut self, id: &str, now: Timestamp) -> Result<Traces, SpoolError> {
        let bare = id.trim_matches(|c: char| c.is_ascii_whitespace() || c == '"');
        let own = bare
            .split_once('-')
            .map_or(bare, |(message, _)| message)
            .parse::<MessageId>();
        let mut found = self.by_key(bare, now)?;
        let mut queue = Vec::new();
        if let Ok(own) = own {
            let about = history::about(&self.db, own)?.unwrap_or(own.0 as i64);
            let known = transactions::read(&self.db, about)?.filter(|known| known.forget_at > now);
            match known {
                Some(known) => found.push(known),
                None => queue = self.queue_of(own)?,
            }
        }
        found.sort_by_key(|transaction| transaction.id);
        found.dedup_by_key(|transaction| transaction.id);
        found.truncate(MOST);
        let requests: Vec<Trace> = found
            .into_iter()
            .map(|transaction| self.trace_of(transaction))
            .collect::<Result<_, _>>()?;
        for request in &requests {
            self.note_look(request.transaction.id, now)?;
        }
        let refused = own.ok().and_then(|own| refused::find(&self.folder, &own.to_string()));
        Ok(Traces {
            requests,
            queue,
            refused,
        })
    }

    fn by_key(&self, id: &str, now: Timestamp) -> Result<Vec<Transaction>, SpoolError> {
        let salt = salt(&self.db)?;
        let mut keys = vec![
            TransactionKey::Message { message_id: id.into() },
            TransactionKey::Received {
                transaction_id: id.into(),
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
                transaction_id: id.into(),
            }));
        }
        let mut found = Vec::new();
        for key in &keys {
            found.extend(transactions::find(&self.db, salt, key, now)?);
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
            Event::Accepted(arrival) => Some(arrival.id.message),
            _ => None,
        }));
        messages.sort();
        messages.dedup();
        let (mut queue, mut charging) = (Vec::new(), Vec::new());
        for message in messages {
            queue.extend(self.queue_of(message)?);
        }
        for (first, last) in history.iter().filter_map(|entry| entry.event.charged()) {
            let records = self.charging_after(first - 1, (last + 1 - first) as usize)?;
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
        const QUERY: &str = "SELECT at, event FROM history WHERE request = ?1 ORDER BY place";
        let mut query = self.db.prepare_cached(QUERY)?;
        let rows = query.query_map([of.0 as i64], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        let entry = |(at, event): (i64, String)| {
            Some(HistoryEntry {
                at: Timestamp(at as u64),
                event: stored::read_event(&event).ok()?,
            })
        };
        Ok(rows.into_iter().filter_map(entry).collect())
    }

    fn queue_of(&self, message: MessageId) -> Result<Vec<QueueEntry>, SpoolError> {
        const IDS: &str = "
            SELECT id, 0 FROM message WHERE id = ?1 UNION ALL SELECT message, ordinal FROM outgoing WHERE message = ?1";
        let mut query = self.db.prepare_cached(IDS)?;
        let ids = query.query_map([message.0 as i64], |row| outgoing_id(row, 0))?;
        let ids: Vec<OutgoingId> = ids.collect::<rusqlite::Result<_>>()?;
        let entries = ids.into_iter().map(|id| self.entry(id));
        entries.filter_map(Result::transpose).collect()
    }

    /// Who looked belongs to what was looked at. At the end of a long history there is no room for it, and that is all.
    fn note_look(&mut self, id: MessageId, now: Timestamp) -> Result<(), SpoolError> {
        let event = Event::Operator {
            who: operator::name(),
            did: "trace".into(),
            id: None,
        };
        history::write(&self.db, id.0 as i64, now, &event)
    }
}
