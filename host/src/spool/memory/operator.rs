//! What operators see of the memory store, and do to it.

use std::path::Path;

use bytes::Bytes;
use serde_json::Value;

use super::super::history::Event as Happened;
use super::super::model::{Made, Operate, Work};
use super::super::streams::forget;
use super::super::{
    By, ContentOf, Depths, Details, Filter, Operator, QueueEntry, QueueState, Selection, Soundness, SpoolError,
    StoredValue, Trace, Traces, ValueChange,
};
use super::MemorySpool;
use super::entries::place;
use crate::message::{MessageId, NextHop, PeerName, QueueId, StreamName, Timestamp, Transaction, TransactionKey};

impl MemorySpool {
    fn operate(&self, operate: Operate, selection: Selection<'_>, by: &By) -> Result<usize, SpoolError> {
        let ids = self.memory.state().selected(selection);
        match self.work(&Work::Operate(operate, ids, by.clone()))? {
            Made::Found(found) => Ok(found),
            other => panic!("{other:?}"),
        }
    }

    fn work(&self, work: &Work) -> Result<Made, SpoolError> {
        self.change(|state, now| state.apply(work, now))
    }
}

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
            None => state.received(id.message()).to_vec(),
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
        let work = Work::SetValue {
            plugin: plugin.into(),
            key: key.into(),
            value: value.map(<[u8]>::to_vec),
            by: by.clone(),
        };
        match self.work(&work)? {
            Made::Was(was) => Ok(was),
            other => panic!("{other:?}"),
        }
    }

    fn value_changes(&self) -> Result<Vec<ValueChange>, SpoolError> {
        Ok(Vec::new())
    }

    fn retry(&self, selection: Selection<'_>, by: &By) -> Result<usize, SpoolError> {
        self.operate(Operate::Retry, selection, by)
    }

    fn release(&self, ids: &[QueueId], past: &[String], by: &By) -> Result<usize, SpoolError> {
        self.operate(Operate::Release(past.to_vec()), Selection::Ids(ids), by)
    }

    fn hold(&self, ids: &[QueueId], reason: &str, by: &By) -> Result<usize, SpoolError> {
        self.operate(Operate::Hold(reason.into()), Selection::Ids(ids), by)
    }

    fn reroute(&self, selection: Selection<'_>, to: &PeerName, by: &By) -> Result<usize, SpoolError> {
        self.operate(Operate::Reroute(to.clone()), selection, by)
    }

    fn content(&self, of: ContentOf, from: u64, most: u64) -> Result<Option<(Bytes, u64)>, SpoolError> {
        let state = self.memory.state();
        let octets = match of {
            ContentOf::Received(id) => state.bytes.get(&id).map(|bytes| bytes.to_vec()),
            ContentOf::Entry(QueueId::AsReceived(id)) => {
                let held = state.messages.get(&id).filter(|message| message.hold.is_some());
                held.map(|_| state.received(id).to_vec())
            }
            ContentOf::Entry(QueueId::Destination(id)) => {
                let row = state.outgoing.get(&id);
                row.map(|row| state.bytes_of(id.message, &row.outgoing.rope.pieces))
            }
        };
        Ok(octets.map(|octets| {
            let total = octets.len() as u64;
            let (first, last) = (from.min(total), from.saturating_add(most).min(total));
            (Bytes::copy_from_slice(&octets[first as usize..last as usize]), total)
        }))
    }

    fn requests(&self, before: Option<MessageId>, limit: usize) -> Result<Vec<Transaction>, SpoolError> {
        let state = self.memory.state();
        let earlier = state
            .requests
            .values()
            .filter(|of| before.is_none_or(|before| of.id < before));
        let mut found: Vec<Transaction> = earlier.cloned().collect();
        found.sort_by_key(|of| std::cmp::Reverse(of.id));
        found.truncate(limit);
        Ok(found)
    }

    fn remove(&self, ids: &[QueueId], by: &By) -> Result<usize, SpoolError> {
        self.operate(Operate::Remove, Selection::Ids(ids), by)
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
                let history = state.history.get(&transaction.id).cloned().unwrap_or_default().entries;
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

    fn waiting_since(&self, before: MessageId) -> Result<Vec<NextHop>, SpoolError> {
        let state = self.memory.state();
        let rows = state.outgoing.iter();
        let old = rows.filter(|(id, row)| id.message < before && row.state == QueueState::Waiting);
        let hops: std::collections::BTreeSet<NextHop> = old.map(|(_, row)| row.outgoing.next_hop.clone()).collect();
        Ok(hops.into_iter().collect())
    }

    fn note(&self, at: Timestamp, entry: Value) -> Result<(), SpoolError> {
        self.work(&Work::Note(at, entry)).map(drop)
    }

    fn noted(&self, after: u64, limit: usize) -> Result<Vec<(u64, Value)>, SpoolError> {
        let state = self.memory.state();
        let entries = state.records.get(&StreamName::AUDIT).into_iter().flatten();
        let behind = entries.filter(|entry| entry.sequence > after).take(limit);
        Ok(behind.map(|entry| (entry.sequence, entry.record.clone())).collect())
    }

    fn forget_noted(&self, before: Timestamp) -> Result<usize, SpoolError> {
        forget(self, &StreamName::AUDIT, before)
    }

    fn depths(&self) -> Result<Depths, SpoolError> {
        let state = self.memory.state();
        let of = |wanted| -> Vec<(NextHop, i64)> {
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
            held: as_received(QueueState::Held)
                + of(QueueState::Held).into_iter().map(|(_, number)| number).sum::<i64>(),
            unfinished: as_received(QueueState::Unfinished),
            untold: state.events.len() as i64,
            transactions: state.requests.len() as i64,
        })
    }
}
