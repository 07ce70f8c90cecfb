//! A transaction: a request that this relay took, whom it asked onward, and what came back (TS 23.140, 8.4.1 to 8.4.3).
//!
//! The three MM4 requests (forward, delivery report, read-reply report) may each be answered by one response. A request
//! that was split over several next hops has a leg for each, and still one answer. The spool keeps transactions, and
//! changes them through [`Transaction::apply`] alone: a pure function, called in the one place
//! where changes are in order. What a change makes due is decided there too, so that no caller can forget it.

mod change;
mod keys;
mod leg;
mod state;

use super::{Answered, Append, BareId, MessageId, MessageType, MmsAddress, OpaqueId, Ordinal, PeerName, Timestamp};
pub use change::{Change, News, Task, Todo, TransactionChange};
pub use keys::TransactionKey;
pub use leg::{Answer, Cause, Leg, LegState, Place};

/// A request, and everything that is known of its fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The relay's own id of the message that carried the request.
    pub id: MessageId,
    /// One of the three requests.
    pub kind: MessageType,
    /// Who asked.
    pub source: PeerName,
    /// Exactly as received, quotes included; compared [bare](OpaqueId::bare).
    pub transaction_id: OpaqueId,
    /// `X-Mms-Message-ID`, exactly as received.
    pub message_id: OpaqueId,
    /// `X-Mms-3GPP-MMS-Version`, as received.
    pub version: Option<String>,
    /// Where a response goes: `X-Mms-Originator-System`, else `Sender`, else the envelope sender.
    pub answer_to: Option<MmsAddress>,
    /// The envelope sender: whom a bounce goes to. `None` is the null sender, who gets none.
    pub sender: Option<MmsAddress>,
    /// `From`, as received: whom a delivery report goes to.
    pub originator: Option<String>,
    pub wants: Wants,
    pub mode: Mode,
    pub received_at: Timestamp,
    /// From then on nothing is known of it any more: the expiry of the message, and at least the configured time.
    pub forget_at: Timestamp,
    /// The same for every copy of this request from this peer: see [`RepeatKey`].
    pub repeat: RepeatKey,
    /// A digest of the octets behind the header. A request with the same repeat key and another digest is no repeat.
    pub body: u128,
    /// An earlier request with the same IDs and another body.
    pub like: Option<MessageId>,
    /// One for each next hop, and for recipients whose fate was decided without any. Never fewer than before, and
    /// always in the same places.
    pub legs: Vec<Leg>,
    pub response: ResponseState,
    /// What the relay still has to do about it, and when.
    pub next: Option<Task>,
    /// How many changes have been stored that decide what the asking peer is told: see [`Transaction::revised`].
    pub revision: u64,
    /// Charging records that wait until the request is answered.
    pub records: Vec<WaitingRecord>,
}

/// A charging record whose status is the answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingRecord {
    /// The message that it is about: the one that carried the request, or a copy.
    pub of: MessageId,
    pub entry: Append,
}

/// The one response to a request, as the peer that asked knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ResponseState {
    /// The relay has sent none.
    #[default]
    NotSent,
    /// This one.
    Sent(Answer),
    /// This one, and the request came again since: it is to be sent once more.
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

/// Who owns a request once the relay has said 250.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The peer that asked: it repeats what is not answered, and hears what the far end says. The relay repeats nothing.
    #[default]
    Transparent,
    /// The relay: it answers at once, asks onward in its own name, repeats, and turns late failures into delivery reports.
    PreAcknowledge,
}

/// A number that two copies of one request share: made of the peer, the type, both normalised IDs and the envelope's
/// recipients; of a report, of its status and date too, because several reports about one message differ in these only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RepeatKey(pub u64);

impl ResponseState {
    /// What the response that was sent says.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::NotSent => None,
            Self::Sent(answer) | Self::DueAgain(answer) => Some(answer),
        }
    }

    /// A request that comes again is answered again, by what was said first.
    fn come_again(&mut self) {
        if let Self::Sent(answer) = self {
            *self = Self::DueAgain(answer.clone());
        }
    }
}

impl Transaction {
    /// What the response says that the asking peer was sent, once it was.
    pub fn answer(&self) -> Option<&Answer> {
        self.response.answer()
    }

    /// Whether both are copies of one request: the same number, and what that number was made of as far as it is stored.
    pub fn is_copy_of(&self, other: &Self) -> bool {
        let ids = |of: &Self| [&of.transaction_id, &of.message_id].map(OpaqueId::bare);
        self.repeat == other.repeat && self.kind == other.kind && self.source == other.source && ids(self) == ids(other)
    }

    /// What a response to it answers, as the peer that asked knows it.
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
