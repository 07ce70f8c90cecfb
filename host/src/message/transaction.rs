//! A transaction: a request that this relay took, whom it asked onward, and what came back (TS 23.140, 8.4.1 to 8.4.3).
//!
//! The three MM4 requests (forward, delivery report, read-reply report) may each be answered by one response. A request
//! that was split over several next hops has a leg for each, and still one answer. The spool keeps transactions, and
//! changes them through [`Transaction::apply`] alone: a pure function, called in the one place
//! where changes are in order. What a change makes due is decided there too, so that no caller can forget it.

mod state;

use super::{
    Answered, Append, BareId, MessageId, MessageType, MmsAddress, NextHop, OpaqueId, Ordinal, PeerName, Recipient,
    RecipientId, Timestamp,
};

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
    /// The response that the asking peer was sent, once it was.
    pub answer: Option<Answer>,
    /// The request came again after it was answered: the same answer is due once more.
    pub again: bool,
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

/// One next hop of a request, or recipients whose fate was decided without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    pub at: Place,
    /// The transaction ID that it was asked with; `None`: the received one.
    pub transaction_id: Option<OpaqueId>,
    pub recipients: Vec<Recipient>,
    pub state: LegState,
    /// How often it was asked again.
    pub repeats: u32,
    /// Recipients whose failure the asking peer knows of, or cannot be told.
    pub told: Vec<RecipientId>,
}

/// Where a leg leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// This peer is asked, or would have been, in the outgoing message with this ordinal.
    Destination { ordinal: Ordinal, peer: PeerName },
    /// Nobody is asked, or no longer for these recipients.
    Aside(NextHop),
}

/// How far a leg has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegState {
    /// In the spool.
    Waiting,
    /// The next hop said 250.
    Delivered { at: Timestamp },
    /// The next hop sent its response; or the relay answers in its place, because it holds or discards the message.
    Answered { answer: Answer },
    /// It will not be delivered.
    Failed { answer: Answer, cause: Cause },
    /// No response came in time.
    TimedOut { at: Timestamp },
}

/// A status, as a response carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `X-Mms-Request-Status-Code`, as received or as the relay writes it.
    pub status: String,
    /// `X-Mms-Status-Text`.
    pub text: Option<String>,
    pub at: Timestamp,
    /// The host of the next hop that said so, `name:port`; `None` where nobody outside said it, or an earlier version did
    /// not keep it.
    pub host: Option<String>,
}

/// Why recipients did not get a request: what a delivery report says of them, and whether a bounce is in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The next hop refused it for good, in its session or by a bounce.
    Refused,
    /// The next hop could not be reached, or did not take it, for too long.
    Unreachable,
    /// Its `X-Mms-Expiry` came first.
    Expired,
    /// There is no next hop.
    NoRoute,
    /// A plug-in, or a check of the relay, refused it.
    Rejected,
    /// The next hop took it, and answered with an error.
    AnsweredNo,
    /// The next hop took it, and never answered.
    NoAnswer,
}

/// What the relay has to do of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    pub due: Timestamp,
    pub what: Todo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Todo {
    /// Tell the asking peer its [`News`]: by a response, a report, a bounce, or not at all.
    Tell,
    /// Look whether responses have come.
    Await,
}

/// What the asking peer does not know yet, and is to be told now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The request's one response.
    Answer(Answer),
    /// Recipients who will not get it, after the request was answered otherwise, or asked for no answer.
    Failure {
        /// Its place in `legs`.
        leg: usize,
        recipients: Vec<Recipient>,
        answer: Answer,
        cause: Cause,
    },
}

/// A change to a stored transaction, committed with what caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionChange {
    /// The transaction that changes.
    pub id: MessageId,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// What became of one leg.
    Leg { ordinal: Ordinal, state: LegState },
    /// Recipients of one leg who will not get it, while others may.
    Refused {
        ordinal: Ordinal,
        recipients: Vec<RecipientId>,
        answer: Answer,
        cause: Cause,
    },
    /// A message that was held or unfinished goes on: further legs.
    Legs { legs: Vec<Leg> },
    /// The asking peer is sent this response.
    Told { answer: Answer },
    /// The failure of these recipients is told, or there is nobody to tell; `leg` is its place.
    Reported {
        leg: usize,
        recipients: Vec<RecipientId>,
        to_nobody: bool,
    },
    /// The request came again.
    CameAgain { at: Timestamp },
    /// The relay asked a leg again.
    Repeated { ordinal: Ordinal, at: Timestamp },
    /// A response may be overdue then.
    Await { due: Timestamp },
    /// The relay has nothing to do now, or at another time.
    Next { task: Option<Task> },
}

/// A key under which the spool finds a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TransactionKey {
    /// What a response brings: the peer that it comes from, the request's type, the transaction ID.
    Asked {
        peer: PeerName,
        kind: MessageType,
        transaction_id: BareId,
    },
    /// A repeated request brings this one: see [`RepeatKey`].
    Repeat(RepeatKey),
    /// What a report, or an operator, brings: the message ID, whoever sent it.
    Message { message_id: BareId },
    /// What an operator brings: the transaction ID as received, where no next hop was asked with it.
    Received { transaction_id: BareId },
    /// What a report or response brings at `RCPT`, before it is known to be one: the peer that was asked, and what stands
    /// before the `@` of an address that may have no route, in lower case: of an originator that is no international number,
    /// of an originator system in another domain than its peer's sender.
    Originator { peer: PeerName, local_part: String },
}

/// Digits of `+` and a number that is taken for a subscriber's; shorter ones are codes that somebody wrote a `+` before.
const SUBSCRIBER_DIGITS: usize = 9;

impl TransactionKey {
    /// By what a message is found that this originator sent, and that `peer` was asked to take.
    pub fn originator(peer: &PeerName, originator: &MmsAddress) -> Self {
        Self::Originator {
            peer: peer.clone(),
            local_part: originator.user().to_ascii_lowercase(),
        }
    }
}

impl Transaction {
    /// Everything that it must be found by. A change can add keys, and takes none away.
    pub fn keys(&self) -> Vec<TransactionKey> {
        let asked = self.asked_legs();
        let unasked = asked.clone().all(|(leg, _)| leg.transaction_id.is_some());
        let received = unasked.then(|| TransactionKey::Received {
            transaction_id: self.transaction_id.bare(),
        });
        let unroutable = [self.unroutable_originator(), self.unroutable_system()];
        let sent = asked.clone().flat_map(|(_, peer)| {
            let addresses = unroutable.iter().flatten();
            addresses.map(|address| TransactionKey::originator(peer, address))
        });
        let sent: Vec<_> = sent.collect();
        let asked = asked.map(|(leg, peer)| self.asked(peer, leg.transaction_id.as_ref()));
        let message_id = self.message_id.bare();
        let others = [
            TransactionKey::Repeat(self.repeat),
            TransactionKey::Message { message_id },
        ];
        asked.chain(others).chain(received).chain(sent).collect()
    }

    /// Where a response goes, unless that is in the domain of the envelope's sender: there is a route to that one.
    fn unroutable_system(&self) -> Option<MmsAddress> {
        let sender = self.sender.as_ref().and_then(MmsAddress::domain).unwrap_or_default();
        let elsewhere = |system: &&MmsAddress| {
            system
                .domain()
                .is_some_and(|domain| !domain.eq_ignore_ascii_case(sender))
        };
        self.answer_to
            .as_ref()
            .filter(|_| self.wants.response)
            .filter(elsewhere)
            .cloned()
    }

    /// The originator of a message, unless it is an international number.
    fn unroutable_originator(&self) -> Option<MmsAddress> {
        let from = self
            .originator
            .as_deref()
            .filter(|_| self.kind == MessageType::ForwardRequest)?;
        let inner = from
            .rsplit_once('<')
            .map_or(from, |(_, rest)| rest.split('>').next().unwrap_or_default());
        let address = MmsAddress::new(inner.trim()).ok()?;
        let is_number = address.user().starts_with('+') && address.user().len() > SUBSCRIBER_DIGITS;
        Some(address).filter(|_| !is_number)
    }

    /// Whether both are copies of one request: the same number, and what that number was made of as far as it is stored.
    pub fn is_copy_of(&self, other: &Self) -> bool {
        let ids = |of: &Self| [&of.transaction_id, &of.message_id].map(OpaqueId::bare);
        self.repeat == other.repeat && self.kind == other.kind && self.source == other.source && ids(self) == ids(other)
    }

    /// What a response from `peer` to this transaction ID brings; `None` is the received one.
    pub fn asked(&self, peer: &PeerName, transaction_id: Option<&OpaqueId>) -> TransactionKey {
        TransactionKey::Asked {
            peer: peer.clone(),
            kind: self.kind,
            transaction_id: transaction_id.unwrap_or(&self.transaction_id).bare(),
        }
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

impl Leg {
    /// The peer that is asked in it.
    pub fn asked(&self) -> Option<&PeerName> {
        match &self.at {
            Place::Destination { peer, .. } => Some(peer),
            Place::Aside(_) => None,
        }
    }

    /// That of the outgoing message.
    pub fn ordinal(&self) -> Option<Ordinal> {
        match self.at {
            Place::Destination { ordinal, .. } => Some(ordinal),
            Place::Aside(_) => None,
        }
    }

    /// Where its recipients go, or would have gone.
    pub fn next_hop(&self) -> NextHop {
        match &self.at {
            Place::Destination { peer, .. } => NextHop::Peer(peer.clone()),
            Place::Aside(next_hop) => next_hop.clone(),
        }
    }

    /// The peer among its [next hop](Self::next_hop).
    pub fn peer(&self) -> Option<&PeerName> {
        match &self.at {
            Place::Destination { peer, .. } => Some(peer),
            Place::Aside(next_hop) => next_hop.peer(),
        }
    }

    /// Recipients whose fate is decided without asking a next hop: held, discarded, refused.
    pub fn aside(next_hop: NextHop, recipients: Vec<Recipient>, state: LegState) -> Self {
        Self::new(Place::Aside(next_hop), recipients, state)
    }

    pub fn new(at: Place, recipients: Vec<Recipient>, state: LegState) -> Self {
        Self {
            at,
            transaction_id: None,
            recipients,
            state,
            repeats: 0,
            told: Vec::new(),
        }
    }
}

impl Cause {
    /// Whether a bounce is in place: it tells of mail that was not delivered, not of what a far end says of a message.
    pub fn is_of_transport(self) -> bool {
        matches!(self, Self::Refused | Self::Unreachable | Self::Expired | Self::NoRoute)
    }
}

impl Answer {
    /// The status of a request that was accepted (TS 23.140, 8.4.1).
    pub const OK: &'static str = "Ok";
    /// One peer was seen to write the number of TS 32.298 instead.
    pub const OK_AS_A_NUMBER: &'static str = "0";

    pub fn ok(at: Timestamp) -> Self {
        Self {
            status: Self::OK.into(),
            text: None,
            at,
            host: None,
        }
    }

    /// Whether the request was accepted, as `RequestStatus::read` reads it: peers differ in case, and some put blanks,
    /// quotes and hyphens in.
    pub fn is_ok(&self) -> bool {
        let noise = |c: &char| c.is_ascii_whitespace() || matches!(c, '"' | '-' | '_');
        let plain: String = self.status.chars().filter(|c| !noise(c)).collect();
        [Self::OK, Self::OK_AS_A_NUMBER]
            .iter()
            .any(|ok| plain.eq_ignore_ascii_case(ok))
    }
}
