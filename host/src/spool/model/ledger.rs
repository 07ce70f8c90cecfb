//! The ledger: a line for whatever opens or ends a recipient, beside what does it. Nothing is decided by a line.

use super::super::ledger::{About, Moved, Movement, Records};
use super::super::{Acceptance, QueueState};
use super::requests::Changed;
use super::state::State;
use crate::message::{Change, End, MessageId, Outgoing, QueueId, Recipient, RecipientEnd, RecipientId, Timestamp};

/// What is in the queue under an id.
pub(super) struct Here {
    recipients: Vec<u32>,
    /// It has not ended: it waits, or is held.
    open: bool,
}

impl State {
    /// What an acceptance opens and ends. `first` is how its account goes on: with what the message is, or with what was
    /// carried on.
    pub(super) fn book(&mut self, acceptance: &Acceptance, mut first: Movement, now: Timestamp) {
        let sent = acceptance.outgoing.iter();
        let failed = acceptance.failed.iter().map(|(outgoing, _)| outgoing);
        let mut lines: Vec<Movement> = sent.chain(failed.clone()).map(|one| opened(one, now)).collect();
        if acceptance.hold.is_some() {
            lines.push(movement(now, Moved::Opened, 0, ids(&acceptance.envelope.recipients)));
        }
        if !acceptance.ended.is_empty() {
            let recipients = acceptance.ended.iter().map(|ended| ended.recipient.0).collect();
            lines.push(movement(now, Moved::Opened, 0, recipients));
        }
        match first.what {
            // What the message is stands in its first line, with the first of what it opens.
            Moved::Opened if !lines.is_empty() => {
                let line = &mut lines[0];
                (line.records, line.about) = (first.records.take(), first.about.take());
            }
            _ => lines.insert(0, first),
        }
        lines.extend(ended(0, &acceptance.ended, now));
        let refused = |one: &Outgoing| {
            let ordinal = one.id.ordinal.get();
            movement(now, Moved::Ended(End::Refused), ordinal, ids(&one.envelope.recipients))
        };
        lines.extend(failed.map(refused));
        self.enter(acceptance.id, lines);
    }

    /// Ends of recipients of one destination, and the records that came with them.
    pub(super) fn book_ends(&mut self, id: QueueId, ends: &[RecipientEnd], records: Option<Records>, now: Timestamp) {
        let mut lines = ended(id.number(), ends, now);
        match (lines.first_mut(), records) {
            (Some(line), records) => line.records = records,
            (None, Some(records)) => lines.push(Movement {
                records: Some(records),
                ..movement(now, Moved::Charged, id.number(), Vec::new())
            }),
            (None, None) => {}
        }
        self.enter(id.message(), lines);
    }

    /// All that is left of a message that was refused from the store.
    pub(super) fn book_refusal(&mut self, id: MessageId, kept: Vec<u32>, records: Option<Records>, now: Timestamp) {
        let refused = |recipient: u32| RecipientEnd {
            recipient: RecipientId(recipient),
            end: End::Refused,
        };
        let ends: Vec<RecipientEnd> = kept.into_iter().map(refused).collect();
        self.book_ends(QueueId::AsReceived(id), &ends, records, now);
    }

    /// What a message changes in others: a bounce ends what had been delivered.
    pub(super) fn book_bounces(&mut self, acceptance: &Acceptance, changed: &[Changed], now: Timestamp) {
        for change in &acceptance.changes {
            let Change::Refused {
                ordinal, recipients, ..
            } = &change.change
            else {
                continue;
            };
            let told = changed
                .iter()
                .any(|of| of.transaction.id == change.id && !of.texts.is_empty());
            // What is to be sent again meanwhile has its own end before it.
            let again = self
                .here(QueueId::of(change.id, ordinal.get()))
                .is_some_and(|here| here.open);
            if change.id != acceptance.id && told && !again {
                let bounced = recipients.iter().map(|recipient| recipient.0).collect();
                let line = movement(now, Moved::Ended(End::Bounced), ordinal.get(), bounced);
                self.enter(change.id, vec![line]);
            }
        }
    }

    /// An operator has dropped what was there before.
    pub(super) fn book_drop(&mut self, id: QueueId, before: Option<Here>, now: Timestamp) {
        if let Some(open) = before.filter(|here| here.open) {
            let line = movement(now, Moved::Ended(End::Dropped), id.number(), open.recipients);
            self.enter(id.message(), vec![line]);
        }
    }

    /// What had ended is in the queue again, if it is.
    pub(super) fn book_again(&mut self, id: QueueId, before: Option<Here>, now: Timestamp) {
        let ended = before.filter(|before| !before.open);
        let is_open = self.here(id).is_some_and(|after| after.open);
        if let Some(ended) = ended.filter(|_| is_open) {
            self.reopen(id, ended.recipients, now);
        }
    }

    pub(super) fn reopen(&mut self, id: QueueId, recipients: Vec<u32>, now: Timestamp) {
        let line = movement(now, Moved::Reopened, id.number(), recipients);
        self.enter(id.message(), vec![line]);
    }

    /// `None` when nothing is there. The message as it was received is there while it stays so.
    pub(super) fn here(&self, id: QueueId) -> Option<Here> {
        let Some(destination) = id.destination() else {
            let message = self.messages.get(&id.message())?;
            let wait = message.hold.as_ref()?;
            return Some(Here {
                recipients: ids(&message.envelope.recipients),
                open: !wait.failed,
            });
        };
        let row = self.outgoing.get(&destination)?;
        Some(Here {
            recipients: ids(&row.outgoing.envelope.recipients),
            open: matches!(row.state, QueueState::Waiting | QueueState::Held),
        })
    }

    /// The recipients of a message that stays as it was received.
    pub(super) fn kept(&self, id: MessageId) -> Vec<u32> {
        self.here(QueueId::AsReceived(id))
            .map_or_else(Vec::new, |here| here.recipients)
    }

    fn enter(&mut self, message: MessageId, lines: Vec<Movement>) {
        self.movements.extend(lines.into_iter().map(|line| (message, line)));
    }
}

/// What an acceptance says of its message.
pub(super) fn about(acceptance: &Acceptance) -> About {
    let kind = acceptance.says.as_ref().map(|says| says.kind.clone());
    About {
        source: acceptance.origin.source.to_string(),
        kind: kind.or_else(|| acceptance.opens.as_ref().map(|opens| opens.kind.name().to_owned())),
        size: acceptance.content.size(),
        message_id: acceptance.opens.as_ref().map(|opens| opens.message_id.to_string()),
    }
}

pub(super) fn movement(at: Timestamp, what: Moved, ordinal: u32, recipients: Vec<u32>) -> Movement {
    Movement {
        at,
        what,
        ordinal,
        recipients,
        peer: None,
        records: None,
        about: None,
    }
}

fn opened(outgoing: &Outgoing, now: Timestamp) -> Movement {
    Movement {
        peer: Some(outgoing.next_hop.clone()),
        ..movement(
            now,
            Moved::Opened,
            outgoing.id.ordinal.get(),
            ids(&outgoing.envelope.recipients),
        )
    }
}

/// A line for each end, in the order in which they come first.
fn ended(ordinal: u32, ends: &[RecipientEnd], now: Timestamp) -> Vec<Movement> {
    let mut lines: Vec<Movement> = Vec::new();
    for RecipientEnd { recipient, end } in ends {
        let what = Moved::Ended(*end);
        match lines.iter_mut().find(|line| line.what == what) {
            Some(line) => line.recipients.push(recipient.0),
            None => lines.push(movement(now, what, ordinal, vec![recipient.0])),
        }
    }
    lines
}

fn ids(recipients: &[Recipient]) -> Vec<u32> {
    recipients.iter().map(|recipient| recipient.id.0).collect()
}
