//! The durable store: what the relay has promised to deliver, and what it must not forget.
//!
//! One message, one commit. Everything that a message causes (outgoing messages, charging records, plug-ins' values,
//! a hold) goes into one [`Acceptance`], which [`Inbox::commit`] makes durable as a whole; only then there is a
//! [`Receipt`], and only with a receipt does intake answer `250` to the end of data. What became of a delivery is
//! recorded the same way, with everything that its outcome caused: [`Queue::record`].
//!
//! A message whose chain has not ended (answered before it was through, or released by an operator) is
//! [`Unfinished`]: the spool has it as it was received, and gives it out when it is due. [`Inbox::finish`] makes what it
//! comes to durable in the same transaction that ends its waiting, so that it happens once.
//!
//! A request that may be answered is a [`Transaction`]. It is opened in the acceptance of
//! its message, and every change to it is durable with what caused it: an outcome, the acceptance of a response, or a
//! call of [`Requests::change`]. It stays until its time is over, however long its bytes have gone, and with it its history:
//! what `mm4relay trace` shows.
//!
//! An outgoing message is in one of these states:
//!
//! | state | how it came there | what ends it |
//! |---|---|---|
//! | waiting | accepted, deferred, retried, or to be sent again | [`Queue::record`] |
//! | failed, or held | given up; or an operator keeps it back | an operator's retry or release, re-route or drop |
//! | awaiting | delivered, and its transaction [keeps](crate::message::Transaction::keeps) it: the relay may have to send it again | its leg is decided: gone; [`Change::Repeated`]: waiting; its transaction is forgotten: gone |
//!
//! Rooms see the store through its [`facets`], a trait each; [`open()`] and [`open_shared`] say which store that is: [`sqlite`],
//! an embedded database of one relay, or [`postgres`], a database that relays share. Nothing outside knows more of it.
//!
//! What a kill at any instant, or a power cut, leaves behind:
//!
//! | the instant | after the restart |
//! |---|---|
//! | before the flush of the commit | nothing of the message; its sender was not answered, and sends it again |
//! | after the flush, before the answer | all of the message; its sender may send it again, as with any SMTP server (RFC 1047) |
//! | after the answer | all of the message, once |
//! | between the next hop's `250` and the flush of its outcome | the message waits, and is sent to that next hop once more |
//! | after the flush of an outcome | the outcome, and everything that it caused, once |
//! | while a chain runs from the spool | the message is still unfinished, nothing has happened, and the chain runs anew |
//! | after the flush of what it came to | all of that, once |
//! | before the flush of a response, a repeat, or an answer of our own | the transaction is as before, and due as before |
//! | after it | the transaction is changed, and what changed it is in the queue, once |

pub mod carried;
mod check;
#[cfg(test)]
pub(crate) mod conformance;
mod error;
mod facets;
mod future;
mod hash;
mod history;
mod hold;
mod ids;
mod leased;
mod leases;
pub mod ledger;
mod members;
#[cfg(test)]
pub(crate) mod memory;
mod model;
mod noting;
mod open;
mod operator;
mod pieces;
pub mod postgres;
mod refused;
mod reserve;
mod rollouts;
pub mod sqlite;
mod states;
mod stored;
mod streams;
mod trouble;
pub mod upgrade;

use std::collections::HashSet;

use crate::message::{
    Append, Change, Content, End, Envelope, KvWrite, MessageId, Origin, Outgoing, OutgoingId, Recipient, RecipientEnd,
    RecipientId, Said, Step, Timestamp, Transaction, TransactionChange, WaitingRecord,
};

pub use check::Soundness;
pub use error::SpoolError;
pub use facets::{Events, Facets, Inbox, Queue, Requests, Space, Spool, StoreState, Values};
pub use future::BoxFuture;
pub use history::{Arrival, Event, HistoryEntry};
pub use hold::{Finish, GoesOn, Hold, Unfinished};
pub use ids::Node;
pub use leased::Leased;
pub use leases::{CERTAIN, Expect, LEASE, Leases};
pub use members::{Member, Presence, differences, short};
pub use noting::{ChangeMade, Noting};
pub use open::{
    Database, Hand, Options, import_shared, is_in_use, is_there, open, open_beside, open_shared, open_shared_beside,
    prepare_shared, restore, verify,
};
pub use operator::{
    By, ContentOf, Depths, Details, Filter, Operator, QueueEntry, Selection, StoredValue, Trace, Traces, ValueChange,
};
pub use refused::{Refusals, Refused};
pub use rollouts::{Overview, Revised, Rollouts, Steering};
pub use states::QueueState;
pub use streams::{Mark, Recorded, StreamReader, Streams};
pub use trouble::{Trouble, TroubleWith};

/// What the store has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// New messages.
    Ample,
    /// No new message: the rest is reserved for outcomes of stored messages.
    Low,
    /// An outcome might not be recorded, so nothing may be delivered: it would be delivered again.
    None,
}

/// Everything that one received message causes.
#[derive(Clone, Debug)]
pub struct Acceptance {
    pub id: MessageId,
    pub origin: Origin,
    /// The envelope as received, before any plug-in.
    pub envelope: Envelope,
    /// The bytes as received; stored once, whatever the number of destinations.
    pub content: Content,
    /// The outgoing messages, one for each destination. Their ropes are over `content`.
    pub outgoing: Vec<Outgoing>,
    /// Destinations that were given up at acceptance, with the reason. They are visible like any failed delivery.
    pub failed: Vec<(Outgoing, String)>,
    /// Set when the message also stays in the spool as it was received.
    pub hold: Option<Hold>,
    /// Recipients that end here without a destination: discarded, or taken by the relay itself. For the [`ledger`].
    pub ended: Vec<RecipientEnd>,
    pub appends: Vec<Append>,
    pub kv: Vec<KvWrite>,
    /// What the plug-ins did, to show to operators.
    pub journey: Vec<Step>,
    /// A summary of the message, to show to operators; `None` when it has not been read yet.
    pub says: Option<Said>,
    /// The transaction that its request opens, under the same id. If an unfinished message has opened it before, only
    /// its new legs are added, and the others stay as they are.
    pub opens: Option<Transaction>,
    /// The changes that the message causes, after `opens`: to the transaction that a response belongs to, or that a
    /// message of the relay's own reports on. The first one's history is where this message is traced.
    pub changes: Vec<TransactionChange>,
    /// What must still be true, at the commit, of the requests that the decision was based on.
    pub expects: Vec<Expect>,
}

/// Proof that a message is on disk. Only a spool makes one, and the code that answers `250` needs one. Nobody else can:
///
/// ```compile_fail,E0451
/// use mm4relay::message::MessageId;
/// use mm4relay::spool::Receipt;
///
/// let forged = Receipt { id: MessageId(1) };
/// ```
///
/// nor copy one that was given for another message:
///
/// ```compile_fail,E0599
/// fn answer_twice(receipt: mm4relay::spool::Receipt) {
///     let second = receipt.clone();
/// }
/// ```
#[derive(Debug)]
pub struct Receipt {
    id: MessageId,
}

/// What became of a delivery attempt.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub id: OutgoingId,
    pub result: DeliveryResult,
    /// The reply of the next hop, and the question that it answered, for operators. `None` when there was no reply.
    pub reply: Option<String>,
    /// Attempts so far, including the last one.
    pub attempts: u32,
    /// Recipients whose end is decided, for the [`ledger`].
    pub ended: Vec<RecipientEnd>,
    /// The changes to the transaction of the message.
    pub changes: Vec<TransactionChange>,
    pub appends: Vec<Append>,
    pub kv: Vec<KvWrite>,
    /// Set when outcome plug-ins failed and must be told again later: the outcome, for `pending_events`.
    pub event: Option<NewEvent>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The next hop took the message. The outgoing message is removed, unless the outcome changes its transaction and
    /// that [keeps](Transaction::keeps) it; the received bytes are removed when nothing needs them any more.
    Delivered,
    /// Try again at `due`. `attempts` counts the failed attempts so far.
    Deferred {
        due: Timestamp,
        attempts: u32,
        reason: String,
    },
    /// Given up for good. The message stays visible, bytes included, until an operator drops or retries it.
    Failed { reason: String },
    /// Given up for good, and not kept for an operator: it was an answer.
    Dropped { reason: String },
    /// Some recipients have their end, the others wait: only those stay in the queue, under the same id.
    Partly {
        remaining: Vec<RecipientId>,
        due: Timestamp,
        attempts: u32,
        reason: String,
    },
}

/// An outcome of which plug-ins must still be told.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The outcome as JSON, opaque to the spool.
    pub outcome: String,
    pub due: Timestamp,
}

#[derive(Clone, Debug)]
pub struct PendingEvent {
    pub id: u64,
    pub outgoing: Outgoing,
    pub outcome: String,
    pub attempts: u32,
}

#[derive(Clone, Debug)]
pub enum Settlement {
    /// The plug-ins have taken the outcome, or a fallback record stands for them.
    Done {
        appends: Vec<Append>,
        kv: Vec<KvWrite>,
    },
    Again {
        due: Timestamp,
    },
}

/// The charging records of a message that wait for the answer to its request.
fn waiting(of: MessageId, appends: &[Append]) -> Vec<WaitingRecord> {
    let waiting = appends.iter().filter(|entry| entry.when_answered).cloned();
    waiting.map(|entry| WaitingRecord { of, entry }).collect()
}

impl Acceptance {
    /// The charging records that wait for the answer to the request.
    fn waiting(&self) -> Vec<WaitingRecord> {
        waiting(self.id, &self.appends)
    }

    /// The request that the message is a copy of.
    fn copy_of(&self) -> Option<MessageId> {
        let came_again = |change: &&TransactionChange| matches!(change.change, Change::CameAgain { .. });
        self.changes.iter().find(came_again).map(|change| change.id)
    }

    /// Gives an end to those of the message's recipients that go nowhere and have no other end.
    pub fn end_others(&mut self, received: &[Recipient], end: End) {
        let failed = self.failed.iter().map(|(outgoing, _)| outgoing);
        let outgoing = self.outgoing.iter().chain(failed);
        let held = self.hold.iter().flat_map(|_| &self.envelope.recipients);
        let known: HashSet<RecipientId> = outgoing
            .flat_map(|outgoing| &outgoing.envelope.recipients)
            .chain(held)
            .map(|recipient| recipient.id)
            .chain(self.ended.iter().map(|ended| ended.recipient))
            .collect();
        let others = received.iter().filter(|recipient| !known.contains(&recipient.id));
        let others = others.map(|other| RecipientEnd {
            recipient: other.id,
            end,
        });
        self.ended.extend(others);
    }
}

impl Receipt {
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// A receipt without a spool, for tests of other rooms.
    #[cfg(test)]
    pub(crate) fn forged(id: MessageId) -> Self {
        Self { id }
    }
}
