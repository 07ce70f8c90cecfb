//! What people see of it, and do to it.

use std::path::Path;

use bytes::Bytes;

use super::super::history::Event as Happened;
use super::super::{
    By, Depths, Details, Filter, Operator, QueueEntry, QueueState, Selection, Soundness, SpoolError, StoredValue,
    Trace, Traces, ValueChange,
};
use super::MemorySpool;
use super::state::{Message, Row, State};
use crate::message::{MessageId, NextHop, PeerName, QueueId, Transaction, TransactionKey};

impl Operator for MemorySpool {
    fn list(&self, filter: &Filter) -> Result<Vec<QueueEntry>, SpoolError> {
        let state = self.memory.state();
        let wanted = |entry: &QueueEntry| {
            let behind = filter.after.is_none_or(|after| place(entry.id) > place(after));
            let of_state = filter.state.is_none_or(|state| entry.state == state);
            let to_peer = filter.next_hop.is_none() || entry.next_hop == filter.next_hop;
            behind && of_state && to_peer
        };
        Ok(state.entries().into_iter().filter(wanted).take(filter.limit).collect())
    }

    fn check(&self) -> Result<Soundness, SpoolError> {
        Ok(Soundness::default())
    }

    fn back_up(&self, _: &Path) -> Result<(u64, Soundness), SpoolError> {
        Err(SpoolError::Unfit("what lies in memory is not copied".into()))
    }

    fn show(&self, id: QueueId) -> Result<Option<Details>, SpoolError> {
        let state = self.memory.state();
        let entry = state.entries().into_iter().find(|entry| entry.id == id);
        let message = state.messages.get(&id.message());
        let (Some(entry), Some(message)) = (entry, message) else {
            return Ok(None);
        };
        let row = id.destination().and_then(|id| state.outgoing.get(&id));
        let bytes = match row {
            Some(row) => state.bytes_of(id.message(), &row.outgoing.rope.pieces),
            None => message.bytes.to_vec(),
        };
        let end = bytes
            .windows(4)
            .position(|octets| octets == b"\r\n\r\n")
            .map(|end| end + 4);
        let end = end.unwrap_or(bytes.len());
        Ok(Some(Details {
            entry,
            remote: message.origin.remote.to_string(),
            helo: message.origin.helo.clone(),
            envelope: message.envelope.clone(),
            journey: message.journey.clone(),
            header: Bytes::copy_from_slice(&bytes[..end]),
        }))
    }

    fn entries_of(&self, message: MessageId) -> Result<Vec<QueueId>, SpoolError> {
        let entries = self.memory.state().entries();
        let ids = entries.into_iter().map(|entry| entry.id);
        Ok(ids.filter(|id| id.message() == message).collect())
    }

    fn next_hops(&self) -> Result<Vec<NextHop>, SpoolError> {
        let state = self.memory.state();
        let mut hops: Vec<_> = state
            .outgoing
            .values()
            .map(|row| row.outgoing.next_hop.clone())
            .collect();
        hops.sort();
        hops.dedup();
        Ok(hops)
    }

    fn values(&self, plugin: Option<&str>, prefix: &str, limit: u32) -> Result<Vec<StoredValue>, SpoolError> {
        let state = self.memory.state();
        let wanted = state
            .values
            .iter()
            .filter(|((of, key), _)| plugin.is_none_or(|plugin| of == plugin) && key.starts_with(prefix));
        let stored = wanted.map(|((plugin, key), value)| StoredValue {
            plugin: plugin.clone(),
            key: key.clone(),
            value: value.clone(),
        });
        Ok(stored.take(limit as usize).collect())
    }

    fn set_value(&self, plugin: &str, key: &str, value: Option<&[u8]>, by: &By) -> Result<Option<Vec<u8>>, SpoolError> {
        self.change(|state, _| {
            let name = (plugin.to_owned(), key.to_owned());
            let was = match value {
                Some(value) => state.values.insert(name, value.to_vec()),
                None => state.values.remove(&name),
            };
            state.value_changes.push(ValueChange {
                at: by.at,
                who: by.who.clone(),
                plugin: plugin.to_owned(),
                key: key.to_owned(),
                was: was.clone(),
                is: value.map(<[u8]>::to_vec),
            });
            Ok(was)
        })
    }

    fn value_changes(&self) -> Result<Vec<ValueChange>, SpoolError> {
        Ok(self.memory.state().value_changes.clone())
    }

    fn retry(&self, selection: Selection<'_>, by: &By) -> Result<usize, SpoolError> {
        self.change(|state, _| {
            let of = |state: &State, peer: &PeerName, wanted| -> Vec<QueueId> {
                let rows = state.outgoing.iter();
                let those = rows.filter(|(_, row)| row.outgoing.next_hop.peer() == Some(peer) && row.state == wanted);
                those.map(|(id, _)| QueueId::from(*id)).collect()
            };
            let ids = match selection {
                Selection::Ids(ids) => ids.to_vec(),
                Selection::WaitingFor(peer) => of(state, peer, QueueState::Waiting),
                Selection::FailedAt(peer) => of(state, peer, QueueState::Failed),
            };
            let mut found = 0;
            for id in ids {
                if state.retry(id, by) {
                    state.note_operator(id, "retry", by);
                    found += 1;
                }
            }
            Ok(found)
        })
    }

    fn release(&self, ids: &[QueueId], past: &[String], by: &By) -> Result<usize, SpoolError> {
        let did = match past {
            [] => "release".to_owned(),
            past => format!("release past {}", past.join(", ")),
        };
        self.change(|state, _| {
            let mut found = 0;
            for id in ids.iter().filter(|id| id.destination().is_none()) {
                let Some(message) = state.messages.get_mut(&id.message()) else {
                    continue;
                };
                let Some(wait) = &mut message.hold else { continue };
                message.released += u32::from(wait.due.is_none());
                (wait.due, wait.failed, wait.attempts) = (Some(by.at), false, 0);
                match past {
                    [] => message.past.clear(),
                    past => message.past.extend(
                        past.iter()
                            .filter(|name| !message.past.contains(name))
                            .cloned()
                            .collect::<Vec<_>>(),
                    ),
                }
                state.note_operator(*id, &did, by);
                found += 1;
            }
            Ok(found)
        })
    }

    fn remove(&self, ids: &[QueueId], by: &By) -> Result<usize, SpoolError> {
        self.change(|state, _| {
            let mut found = 0;
            for id in ids {
                let about = state.messages.get(&id.message()).and_then(|message| message.about);
                let had = match id.destination() {
                    None => state
                        .messages
                        .get_mut(&id.message())
                        .is_some_and(|message| message.hold.take().is_some()),
                    Some(id) => state.outgoing.remove(&id).is_some(),
                };
                state.release(id.message());
                if had {
                    let event = Happened::Operator {
                        who: by.who.clone(),
                        did: "drop".into(),
                        id: Some(*id),
                    };
                    state.note(about, event, by.at);
                    found += 1;
                }
            }
            Ok(found)
        })
    }

    fn trace(&self, id: &str, by: &By) -> Result<Traces, SpoolError> {
        self.change(|state, now| {
            let own = id
                .split_once('-')
                .map_or(id, |(message, _)| message)
                .parse::<MessageId>()
                .ok();
            let about = own.map(|own| {
                state
                    .messages
                    .get(&own)
                    .and_then(|message| message.about)
                    .unwrap_or(own)
            });
            let named = |of: &Transaction| {
                let key = |key: &TransactionKey| match key {
                    TransactionKey::Message { message_id } => message_id.as_text() == id,
                    TransactionKey::Received { transaction_id } | TransactionKey::Asked { transaction_id, .. } => {
                        transaction_id.as_text() == id
                    }
                    _ => false,
                };
                Some(of.id) == about || of.keys().iter().any(key)
            };
            let known = state.requests.values().filter(|of| of.forget_at > now && named(of));
            let known: Vec<Transaction> = known.cloned().collect();
            let mut requests = Vec::new();
            for transaction in known {
                let history = state.history.get(&transaction.id).cloned().unwrap_or_default();
                let entries = state.entries().into_iter();
                let queue = entries.filter(|entry| entry.id.message() == transaction.id).collect();
                let event = Happened::Operator {
                    who: by.who.clone(),
                    did: "trace".into(),
                    id: None,
                };
                state.note(Some(transaction.id), event, by.at);
                requests.push(Trace {
                    transaction,
                    history,
                    queue,
                    charging: Vec::new(),
                });
            }
            let entries = state.entries().into_iter();
            let queue = entries.filter(|entry| requests.is_empty() && Some(entry.id.message()) == own);
            Ok(Traces {
                queue: queue.collect(),
                requests,
                refused: None,
            })
        })
    }

    fn depths(&self) -> Result<Depths, SpoolError> {
        let state = self.memory.state();
        let of = |wanted| {
            let mut counts = std::collections::BTreeMap::<NextHop, i64>::new();
            let rows = state.outgoing.values().filter(|row| row.state == wanted);
            rows.for_each(|row| *counts.entry(row.outgoing.next_hop.clone()).or_default() += 1);
            counts.into_iter().collect()
        };
        let as_received = |wanted| {
            let waits = state.messages.values().filter_map(|message| message.hold.as_ref());
            waits.filter(|wait| wait.state() == wanted).count() as i64
        };
        Ok(Depths {
            waiting: of(QueueState::Waiting),
            failed: of(QueueState::Failed),
            held: as_received(QueueState::Held),
            unfinished: as_received(QueueState::Unfinished),
            untold: state.events.len() as i64,
            transactions: state.requests.len() as i64,
        })
    }
}

impl State {
    /// In the order of the ids.
    fn entries(&self) -> Vec<QueueEntry> {
        let destinations = self.outgoing.iter();
        let mut entries: Vec<_> = destinations
            .filter_map(|(id, row)| Some(destination((*id).into(), row, self.messages.get(&id.message)?)))
            .collect();
        entries.extend(
            self.messages
                .iter()
                .filter_map(|(id, message)| as_received(*id, message)),
        );
        entries.sort_by_key(|entry| place(entry.id));
        entries
    }

    /// Whether there was something to try again.
    fn retry(&mut self, id: QueueId, by: &By) -> bool {
        let Some(id) = id.destination() else {
            let message = self.messages.get_mut(&id.message());
            let wait = message.and_then(|message| message.hold.as_mut());
            let Some(wait) = wait.filter(|wait| wait.due.is_some() || wait.failed) else {
                return false;
            };
            if wait.failed {
                wait.attempts = 0;
            }
            (wait.due, wait.failed) = (Some(by.at), false);
            return true;
        };
        let Some(row) = self.outgoing.get_mut(&id) else {
            return false;
        };
        let Some(peer) = row.outgoing.next_hop.peer() else {
            return false;
        };
        *self.retries.entry(peer.clone()).or_default() += 1;
        let waited = row.state == QueueState::Waiting;
        if row.state == QueueState::Failed {
            row.outgoing.attempts = 0;
        }
        (row.state, row.due) = (QueueState::Waiting, by.at);
        if let Some(message) = self.messages.get_mut(&id.message).filter(|_| !waited) {
            message.since = by.at;
        }
        true
    }

    fn note_operator(&mut self, id: QueueId, did: &str, by: &By) {
        let about = self.messages.get(&id.message()).and_then(|message| message.about);
        let event = Happened::Operator {
            who: by.who.clone(),
            did: did.into(),
            id: Some(id),
        };
        self.note(about, event, by.at);
    }
}

/// By what the queue is ordered: a message as received comes before its destinations.
fn place(id: QueueId) -> (MessageId, u32) {
    (id.message(), id.number())
}

fn destination(id: QueueId, row: &Row, message: &Message) -> QueueEntry {
    QueueEntry {
        id,
        state: row.state,
        next_hop: Some(row.outgoing.next_hop.clone()),
        source: message.origin.source.clone(),
        envelope: row.outgoing.envelope.clone(),
        size: row.outgoing.rope.size(),
        attempts: row.outgoing.attempts,
        due: (row.state == QueueState::Waiting).then_some(row.due),
        received_at: message.origin.received_at,
        reason: row.reason.clone(),
        holders: Vec::new(),
        released: 0,
    }
}

fn as_received(id: MessageId, message: &Message) -> Option<QueueEntry> {
    let wait = message.hold.as_ref()?;
    Some(QueueEntry {
        id: QueueId::AsReceived(id),
        state: wait.state(),
        next_hop: None,
        source: message.origin.source.clone(),
        envelope: message.envelope.clone(),
        size: message.bytes.len() as u64,
        attempts: wait.attempts,
        due: wait.due,
        received_at: message.origin.received_at,
        reason: Some(wait.reason.clone()),
        holders: wait.holders.clone(),
        released: message.released,
    })
}
