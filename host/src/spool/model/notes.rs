//! What a change appends: records, values, and lines of histories.

use super::super::history::{Charged, Event as Happened, together};
use super::super::ledger::{NO_NUMBER, Records, record_sum, record_text};
use super::super::{HistoryEntry, Recorded};
use super::requests::Changed;
use super::state::State;
use crate::message::{Append, KvWrite, MessageId, QueueId, StreamName, Timestamp};

/// Events in a history, at the most.
const MOST_EVENTS: usize = 1000;

impl State {
    /// Those of the stream of charging records, if there are any.
    pub(super) fn append<'a>(
        &mut self,
        id: QueueId,
        appends: impl IntoIterator<Item = &'a Append>,
        now: Timestamp,
    ) -> Option<Records> {
        let mut charged: Option<Records> = None;
        for append in appends {
            let last = self.numbers.entry(append.stream.clone()).or_default();
            *last += 1;
            let sequence = *last;
            let record = Recorded {
                sequence,
                id,
                recorded_at: now,
                plugin: append.plugin.clone(),
                version: append.version.clone(),
                record: append.record.clone(),
            };
            self.records.entry(append.stream.clone()).or_default().push(record);
            if append.stream == StreamName::CHARGING {
                let text = record_text(&append.record);
                let sum = record_sum(NO_NUMBER, now, &append.plugin, &append.version, &text);
                let first = sequence;
                let sums = Vec::new();
                charged.get_or_insert(Records { first, sums }).sums.push(sum);
            }
        }
        charged
    }

    pub(super) fn keep_values(&mut self, writes: &[KvWrite]) {
        for write in writes {
            let name = |plugin: &String, key: &String| (plugin.clone(), key.clone());
            match write {
                KvWrite::Set { plugin, key, value } => {
                    self.values.insert(name(plugin, key), value.clone());
                }
                KvWrite::Delete { plugin, key } => {
                    self.values.remove(&name(plugin, key));
                }
                KvWrite::Increment { plugin, key, by } => {
                    let old = self.values.get(&name(plugin, key));
                    let number = old.map_or(Some(0), |old| std::str::from_utf8(old).ok()?.parse::<i64>().ok());
                    if let Some(number) = number {
                        let sum = number.saturating_add(*by).to_string();
                        self.values.insert(name(plugin, key), sum.into_bytes());
                    }
                }
            }
        }
    }

    /// Notes changes to other requests in their histories; returns those to `about`, and the records that had waited for it.
    pub(super) fn note_others(
        &mut self,
        about: Option<MessageId>,
        changed: Vec<Changed>,
        now: Timestamp,
    ) -> (Vec<String>, Charged) {
        let (mut own, mut own_charged) = (Vec::new(), None);
        for Changed {
            transaction,
            texts: changes,
            charged,
        } in changed
        {
            if about == Some(transaction.id) {
                own.extend(changes);
                own_charged = together(own_charged, charged);
            } else if !changes.is_empty() || charged.is_some() {
                self.note(Some(transaction.id), Happened::Changed { changes, charged }, now);
            }
        }
        (own, own_charged)
    }

    pub(in crate::spool) fn note(&mut self, about: Option<MessageId>, event: Happened, at: Timestamp) {
        let Some(about) = about.filter(|about| self.requests.contains_key(about)) else {
            return;
        };
        let history = self.history.row(about);
        if history.earlier + history.entries.len() < MOST_EVENTS {
            history.entries.push(HistoryEntry { at, node: None, event });
        }
    }
}
