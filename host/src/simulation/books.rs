//! What the store has taken, and what it was told of each recipient since: written down commit by commit, beside the store, so
//! that the store's own books are not what they are checked by.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::mail::Seen;
use super::operators::number_of;
use crate::message::{End, MessageId, MmsAddress, QueueId, RecipientId, Source, Timestamp};
use crate::spool::{Acceptance, DeliveryResult, Finish, Outcome};

#[derive(Default)]
pub(super) struct Books {
    pub(super) entries: BTreeMap<MessageId, Entry>,
    /// Of the queue, by the relay's operator.
    pub(super) dropped: BTreeSet<QueueId>,
    /// For how long messages were put off when they had failed for the first time.
    pub(super) first_waits: Vec<Duration>,
    /// When the relay was killed, or lost a flush: what was under way then may have happened and not be known.
    pub(super) disturbed: Vec<Timestamp>,
    /// When it started: what was in its memory before is forgotten.
    pub(super) started: Vec<Timestamp>,
    /// Since when nothing goes wrong.
    pub(super) healed: Option<Timestamp>,
}

/// A message that was accepted.
pub(super) struct Entry {
    pub(super) at: Timestamp,
    pub(super) source: Source,
    pub(super) seen: Seen,
    /// Recipients as they came.
    pub(super) received: BTreeSet<RecipientId>,
    pub(super) lines: BTreeMap<(u32, RecipientId), Line>,
    /// It is, or was, kept as it came.
    pub(super) held: bool,
    /// Its chain refused it from the spool.
    pub(super) refused: bool,
    pub(super) delivered: u32,
}

/// A recipient at a destination.
pub(super) struct Line {
    pub(super) to: Option<String>,
    pub(super) address: Option<MmsAddress>,
    pub(super) ends: Vec<End>,
}

impl Entry {
    /// Of the letter that it carries, if it is one.
    pub(super) fn letter(&self) -> Option<u32> {
        number_of(&self.seen.message).filter(|_| self.seen.is_request())
    }

    /// What it tells, or answers, of this letter.
    pub(super) fn is_about(&self, letter: u32) -> bool {
        let id = super::mail::message_id(letter);
        !self.seen.is_request() && (self.seen.message == id || self.seen.about == id)
    }

    /// How many it came for.
    pub(super) fn recipients(&self) -> usize {
        let opened = self.lines.keys().map(|(_, recipient)| recipient);
        opened.chain(&self.received).collect::<BTreeSet<_>>().len()
    }

    pub(super) fn goes_to(&self, peer: &str) -> bool {
        self.lines.values().any(|line| line.to.as_deref() == Some(peer))
    }
}

impl Books {
    pub(super) fn knows(&self, id: &str) -> bool {
        id.parse().is_ok_and(|id: MessageId| self.entries.contains_key(&id))
    }

    pub(super) fn accepted(&mut self, acceptance: &Acceptance, now: Timestamp) {
        let content = &acceptance.content;
        let octets = content.read(0..content.size()).unwrap_or_default();
        let entry = self.entries.entry(acceptance.id).or_insert_with(|| Entry {
            at: now,
            source: acceptance.origin.source.clone(),
            seen: Seen::of(&octets),
            received: acceptance
                .envelope
                .recipients
                .iter()
                .map(|recipient| recipient.id)
                .collect(),
            lines: BTreeMap::new(),
            held: false,
            refused: false,
            delivered: 0,
        });
        entry.held |= acceptance.hold.is_some();
        let failed = acceptance
            .failed
            .iter()
            .map(|(outgoing, _)| (outgoing, Some(End::Refused)));
        for (outgoing, end) in acceptance
            .outgoing
            .iter()
            .map(|outgoing| (outgoing, None))
            .chain(failed)
        {
            for recipient in &outgoing.envelope.recipients {
                let line = entry.line(outgoing.id.ordinal.get(), recipient.id);
                line.to = outgoing.next_hop.peer().map(ToString::to_string);
                line.address = Some(recipient.address.clone());
                line.ends.extend(end);
            }
        }
        for ended in &acceptance.ended {
            entry.line(0, ended.recipient).ends.push(ended.end);
        }
    }

    pub(super) fn finished(&mut self, id: MessageId, finish: &Finish, now: Timestamp) {
        match finish {
            Finish::Done(acceptance) => self.accepted(acceptance, now),
            Finish::Failed { .. } => {
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.refused = true;
                }
            }
            Finish::Again { .. } => {}
        }
    }

    pub(super) fn recorded(&mut self, outcome: &Outcome, now: Timestamp) {
        if let DeliveryResult::Deferred { due, attempts: 1, .. } = &outcome.result {
            self.first_waits.push(due.since(now));
        }
        let Some(entry) = self.entries.get_mut(&outcome.id.message) else {
            return;
        };
        entry.delivered += u32::from(outcome.ended.iter().any(|ended| ended.end == End::Delivered));
        for ended in &outcome.ended {
            entry
                .line(outcome.id.ordinal.get(), ended.recipient)
                .ends
                .push(ended.end);
        }
    }

    /// Whether something was lost on purpose between these times.
    pub(super) fn disturbed_between(&self, from: Timestamp, to: Timestamp) -> bool {
        self.disturbed.iter().any(|at| *at >= from && *at <= to)
    }

    /// Whether the relay began anew between these times.
    pub(super) fn started_between(&self, from: Timestamp, to: Timestamp) -> bool {
        self.started.iter().any(|at| *at >= from && *at <= to)
    }
}

impl Entry {
    fn line(&mut self, ordinal: u32, recipient: RecipientId) -> &mut Line {
        self.lines.entry((ordinal, recipient)).or_insert_with(|| Line {
            to: None,
            address: None,
            ends: Vec::new(),
        })
    }
}
