//! A transaction: a request that this relay took, the next hops that it asked, and what they answered (TS 23.140, 8.4.1
//! to 8.4.3).
//!
//! The three MM4 requests (forward, delivery report, read-reply report) may each be answered by one response. A request
//! that was split over several next hops has a leg for each, and still one answer. The spool keeps transactions, and
//! changes them through [`Transaction::apply`] alone: a pure function, called in the one place where changes have an
//! order. It also decides what a change makes due, so that no caller can forget to.

mod change;
mod keys;
mod leg;
mod state;

use super::{Answered, Append, BareId, MessageId, MessageType, MmsAddress, OpaqueId, Ordinal, PeerName, Timestamp};
pub use change::{Change, News, Task, Todo, TransactionChange};
pub use keys::TransactionKey;
pub use leg::{Answer, Cause, Leg, LegState, Place};

/// A request, with everything that is known of its fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The relay's own id of the message that carried the request.
    pub id: MessageId,
    /// One of the three requests.
    pub kind: MessageType,
    /// The peer that asked.
    pub source: PeerName,
    /// Exactly as received, quotes included; compared [bare](OpaqueId::bare).
    pub transaction_id: OpaqueId,
    /// `X-Mms-Message-ID`, exactly as received.
    pub message_id: OpaqueId,
    /// `X-Mms-3GPP-MMS-Version`, as received.
    pub version: Option<String>,
    /// Where a response goes: `X-Mms-Originator-System`, else `Sender`, else the envelope sender.
    pub answer_to: Option<MmsAddress>,
    /// The envelope sender, to which a bounce goes. `None` is the null sender, which gets none.
    pub sender: Option<MmsAddress>,
    /// `From` as received, to which a delivery report goes.
    pub originator: Option<String>,
    pub wants: Wants,
    pub mode: Mode,
    pub received_at: Timestamp,
    /// When the transaction is forgotten: at the expiry of the message, and not before the configured time.
    pub forget_at: Timestamp,
    /// A number that every copy of this request from this peer shares: see [`RepeatKey`].
    pub repeat: RepeatKey,
    /// A digest of the octets behind the header. A request with the same repeat key and another digest is a new one.
    pub body: u128,
    /// An earlier request with the same IDs and another body, if there is one.
    pub like: Option<MessageId>,
    /// One leg for each next hop, and one for recipients whose fate was decided without asking any. Legs are never
    /// removed, and keep their places.
    pub legs: Vec<Leg>,
    pub response: ResponseState,
    /// What the relay still has to do for this transaction, and when.
    pub next: Option<Task>,
    /// How many stored changes have affected what the asking peer is told: see [`Transaction::revised`].
    pub revision: u64,
    /// Charging records that wait until the request is answered.
    pub records: Vec<WaitingRecord>,
}

/// A charging record whose status is the answer to a request, and which is complete only with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingRecord {
    /// The message that the record is about: the one that carried the request, or a copy of it.
    pub of: MessageId,
    pub entry: Append,
}

/// The one response to a request, as the peer that asked knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ResponseState {
    /// The relay has sent none.
    #[default]
    NotSent,
    /// The relay has sent this one.
    Sent(Answer),
    /// The relay has sent this one, and the request came again since: it is due once more.
    DueAgain(Answer),
}

/// What the request asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// `X-Mms-Ack-Request: Yes`.
    pub response: bool,
    /// `X-Mms-Delivery-Report: Yes`.
    pub delivery_report: bool,
    /// `X-Mms-Read-Reply: Yes`.
    pub read_reply: bool,
}

/// Who is responsible for a request once the relay has said 250.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The peer that asked: it repeats what is not answered, and gets the far end's answer. The relay repeats nothing.
    #[default]
    Transparent,
    /// The relay: it answers at once, asks onward in its own name, repeats, and turns late failures into delivery reports.
    PreAcknowledge,
}

/// A number that two copies of one request share. It is made of the peer, the type, both normalised IDs and the
/// envelope's recipients; for a report also of status and date, because several reports about one message differ in
/// these only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RepeatKey(pub u64);

impl ResponseState {
    /// What the sent response says; `None` when none was sent.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::NotSent => None,
            Self::Sent(answer) | Self::DueAgain(answer) => Some(answer),
        }
    }

    /// Makes the response that was sent due once more.
    fn come_again(&mut self) {
        if let Self::Sent(answer) = self {
            *self = Self::DueAgain(answer.clone());
        }
    }
}

impl Transaction {
    /// What the response to the asking peer said, once it was sent.
    pub fn answer(&self) -> Option<&Answer> {
        self.response.answer()
    }

    /// Whether both are copies of one request: they have the same repeat key, and the stored fields that the key was
    /// made of agree.
    pub fn is_copy_of(&self, other: &Self) -> bool {
        let ids = |of: &Self| [&of.transaction_id, &of.message_id].map(OpaqueId::bare);
        self.repeat == other.repeat && self.kind == other.kind && self.source == other.source && ids(self) == ids(other)
    }

    /// The request as a response to it names it, in the asking peer's words.
    pub fn answered(&self) -> Answered {
        Answered {
            kind: self.kind,
            message_id: self.message_id.clone(),
            transaction_id: self.transaction_id.clone(),
            source: self.source.clone(),
        }
    }

    /// The leg that a response from `peer` to this transaction ID is about.
    pub fn leg_asked(&self, peer: &PeerName, transaction_id: &BareId) -> Option<&Leg> {
        let is_it = |(leg, asked): &(&Leg, &PeerName)| *asked == peer && self.asked_with(leg, transaction_id);
        self.asked_legs().find(is_it).map(|(leg, _)| leg)
    }

    /// The leg of the outgoing message with this ordinal.
    pub fn leg(&self, ordinal: Ordinal) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.ordinal() == Some(ordinal))
    }

    /// The legs in which a next hop was asked, and that next hop.
    pub fn asked_legs(&self) -> impl Iterator<Item = (&Leg, &PeerName)> + Clone {
        self.legs.iter().filter_map(|leg| Some((leg, leg.asked()?)))
    }

    /// Whether one of its legs was asked with this transaction ID.
    pub fn asked_with(&self, leg: &Leg, transaction_id: &BareId) -> bool {
        leg.transaction_id.as_ref().unwrap_or(&self.transaction_id).bare() == *transaction_id
    }
}
