//! A transaction: a request that this relay took, whom it asked onward, and what came back (TS 23.140, 8.4.1 to 8.4.3).
//!
//! The three MM4 requests (forward, delivery report, read-reply report) may each be answered by one response. A request
//! that was split over several next hops has a leg for each, and still one answer. The spool keeps transactions as they
//! are written here, and changes them through [`Transaction::apply`] alone: a pure function, called in the one place
//! where changes are in order.

use serde::{Deserialize, Serialize};

use super::{MessageId, MessageType, MmsAddress, PeerName, Recipient, Timestamp};

/// A request, and everything that is known of its fate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// The relay's own id of the message that carried the request.
    pub id: MessageId,
    /// One of the three requests.
    pub kind: MessageType,
    /// Who asked.
    pub source: PeerName,
    /// Exactly as received, quotes included; compared normalised.
    pub transaction_id: String,
    /// `X-Mms-Message-ID`, exactly as received.
    pub message_id: String,
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
    /// Of the octets behind the header: a request with the same key and another body is not a repeat.
    pub body: u128,
    /// One for each next hop.
    pub legs: Vec<Leg>,
    /// What the asking peer was told, once it was.
    pub answer: Option<Answer>,
    /// What the relay still has to do about it, and when.
    pub next: Option<Task>,
}

/// What the request asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wants {
    /// `X-Mms-Ack-Request: Yes`.
    pub response: bool,
    /// `X-Mms-Delivery-Report: Yes`.
    pub delivery_report: bool,
    /// `X-Mms-Read-Reply: Yes`.
    pub read_reply: bool,
}

/// Who owns a request once the relay has said 250.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// The peer that asked: it repeats what is not answered, and hears what the far end says. The relay repeats nothing.
    #[default]
    Transparent,
    /// The relay: it answers at once, asks onward in its own name, repeats, and turns late failures into delivery reports.
    PreAcknowledge,
}

/// A number that two copies of one request share: made of the peer, the type, both normalised IDs and the envelope's
/// recipients; of a report, of its status and date too, because several reports about one message differ in these only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RepeatKey(pub u64);

/// One next hop of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// That of the outgoing message.
    pub ordinal: u32,
    /// Who is asked.
    pub peer: PeerName,
    /// The transaction ID that it was asked with; `None`: the received one.
    pub transaction_id: Option<String>,
    pub recipients: Vec<Recipient>,
    pub state: LegState,
    /// How often it was asked again.
    pub repeats: u32,
}

/// How far a leg has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LegState {
    /// In the spool.
    Waiting,
    /// The next hop said 250.
    Delivered { at: Timestamp },
    /// The next hop sent its response.
    Answered { answer: Answer },
    /// It will never be delivered: refused, expired, held, discarded, bounced.
    Failed { answer: Answer },
    /// No response came in time.
    TimedOut { at: Timestamp },
}

/// A status, as a response carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// `X-Mms-Request-Status-Code`, as received or as the relay writes it.
    pub status: String,
    /// `X-Mms-Status-Text`.
    pub text: Option<String>,
    pub at: Timestamp,
}

/// What the relay has to do of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub due: Timestamp,
    pub what: Todo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Todo {
    /// Tell the asking peer what `answer` or the legs say: by a response, a report, a bounce, or not at all.
    Tell,
    /// Look whether responses have come, and repeat or give up.
    Await,
}

/// A change to a stored transaction, committed with what caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionChange {
    /// Whose.
    pub id: MessageId,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// What became of one leg.
    Leg { ordinal: u32, state: LegState },
    /// Recipients of one leg that its next hop refused while it took others.
    Refused {
        ordinal: u32,
        recipients: Vec<u32>,
        answer: Answer,
    },
    /// The asking peer was told.
    Told { answer: Answer },
    /// Legs that were asked again, under these ordinals.
    Repeated { legs: Vec<(u32, u32)> },
    /// The relay has nothing to do now, or at another time.
    Next { task: Option<Task> },
}

/// By what a transaction is found. Text is compared exactly: normalise it before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TransactionKey {
    /// What a response brings: the peer that it comes from, the request's type, the normalised transaction ID.
    Asked {
        peer: PeerName,
        kind: MessageType,
        transaction_id: String,
    },
    /// What a repeat brings.
    Repeat(RepeatKey),
    /// What a report, or an operator, brings: the normalised message ID, whoever sent it.
    Message { message_id: String },
}

impl Transaction {
    /// Everything that it must be found by.
    pub fn keys(&self) -> Vec<TransactionKey> {
        let normalised = |id: &str| {
            id.trim_matches(|c: char| c.is_ascii_whitespace() || c == '"')
                .to_owned()
        };
        let asked = self.legs.iter().map(|leg| TransactionKey::Asked {
            peer: leg.peer.clone(),
            kind: self.kind,
            transaction_id: normalised(leg.transaction_id.as_deref().unwrap_or(&self.transaction_id)),
        });
        let message_id = normalised(&self.message_id);
        let others = [
            TransactionKey::Repeat(self.repeat),
            TransactionKey::Message { message_id },
        ];
        asked.chain(others).collect()
    }

    /// Makes the change. A change that has been made before, or that comes too late, changes nothing.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Leg { ordinal, state } => {
                if let Some(leg) = self.legs.iter_mut().find(|leg| leg.ordinal == *ordinal) {
                    leg.state = state.clone();
                }
            }
            Change::Told { answer } => self.answer = Some(answer.clone()),
            Change::Next { task } => self.next = *task,
            Change::Refused { .. } | Change::Repeated { .. } => {}
        }
    }
}
