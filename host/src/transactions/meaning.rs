//! The meaning of an arriving message to open requests.

mod request;
mod response;

use crate::message::{
    Answer, Answered, Change, Leg, LegState, Message, MmsAddress, Mode, OpaqueId, Ordinal, PeerName, Recipient,
    Timestamp, Transaction, TransactionChange,
};
use crate::spool::SpoolError;

use super::{Alone, Repeat, Response, Speakers, Transactions, Unasked, What};
pub use request::expiry;
pub(super) use response::is_ours;

/// What a message is to open requests.
pub enum Meaning {
    /// A request. It is carried onward, and stored until it is answered or forgotten.
    Question(Box<Question>),
    /// A response to a stored request.
    Reply(Box<Reply>),
    /// It is accepted and carried nowhere: it repeats what was heard before, or is of no use to anybody.
    Heard(Heard),
    /// It answers a request that its sender was not asked. It is carried like other mail, but not to the peer that
    /// asked.
    Unasked(Unasked),
    /// None of these. It is carried like other mail.
    Nothing,
}

/// A request on its way through the relay.
pub struct Question {
    /// The transaction as it is stored, or as it will be when this message opens it.
    pub transaction: Transaction,
    standing: Standing,
    /// Earlier requests with the same message ID, of any sender.
    pub(super) passes: Vec<Transaction>,
    /// For a report: the peer that sent the message that the report is about.
    home: Option<PeerName>,
    /// For a report: it is about a message that its sender was not asked to take.
    unasked: Option<Unasked>,
}

/// The history of a request when it arrives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The request is new.
    New,
    /// It was accepted before, and continues from the spool.
    Resumed,
    /// It was carried before, and is sent again to next hops that have not answered.
    Again,
}

/// A response that belongs to a request.
pub struct Reply {
    pub of: Transaction,
    ordinal: Ordinal,
    answer: Answer,
    /// The transaction ID that the asking peer gave, if the request was sent onward under another one.
    pub transaction_id: Option<OpaqueId>,
    /// The guard that keeps two journeys from answering one request; held until this one is committed.
    pub alone: Option<Alone>,
}

/// Why a message is carried nowhere.
pub struct Heard {
    pub changes: Vec<TransactionChange>,
    /// For the log.
    pub why: String,
    /// The event to count.
    pub what: Option<What>,
}

/// Where a message goes.
pub enum Way {
    /// Each recipient goes where routing says; or all go to `home`, the peer that sent the message a report is about.
    Routed { home: Option<PeerName> },
    /// To this peer, and to this recipient only, if there is one.
    To {
        peer: PeerName,
        recipient: Option<MmsAddress>,
    },
    /// Nowhere: the journey ends here.
    Nowhere,
}

impl Meaning {
    pub fn way(&self) -> Way {
        match self {
            Self::Question(question) => Way::Routed {
                home: question.home.clone(),
            },
            Self::Reply(reply) => reply.way(),
            Self::Heard(_) => Way::Nowhere,
            Self::Unasked(_) | Self::Nothing => Way::Routed { home: None },
        }
    }

    /// Whether the message goes nowhere, because only the relay itself needed it.
    pub fn ends_here(&self) -> bool {
        matches!(self.way(), Way::Nowhere)
    }

    /// The request that this message answers, if it is a response.
    pub fn answers(&self) -> Option<Answered> {
        match self {
            Self::Reply(reply) => Some(reply.of.answered()),
            _ => None,
        }
    }

    /// The peers that must not get the message, because they asked somebody else.
    pub fn unasked(&self) -> Option<&Unasked> {
        match self {
            Self::Question(question) => question.unasked.as_ref(),
            Self::Unasked(unasked) => Some(unasked),
            Self::Reply(_) | Self::Heard(_) | Self::Nothing => None,
        }
    }
}

impl Question {
    /// The transaction to open for the outgoing `legs`.
    pub fn opens(&self, legs: Vec<Leg>) -> Option<Transaction> {
        if self.standing != Standing::New {
            return None;
        }
        let mut opened = self.transaction.clone();
        opened.apply(&Change::Legs { legs });
        Some(opened)
    }

    /// The changes of an open transaction by these `legs`.
    pub fn changes(&self, legs: Vec<Leg>, now: Timestamp) -> Vec<TransactionChange> {
        let change = match self.standing {
            Standing::New => return Vec::new(),
            Standing::Resumed => Change::Legs { legs },
            Standing::Again => Change::CameAgain { at: now },
        };
        vec![TransactionChange {
            id: self.transaction.id,
            change,
        }]
    }

    /// The leg in which recipients at `peer` were asked before.
    pub(super) fn before(&self, peer: &PeerName, recipients: &[Recipient]) -> Option<&Leg> {
        let addresses = |list: &[Recipient]| list.iter().map(|r| r.address.clone()).collect::<Vec<_>>();
        let legs = &self.transaction.legs;
        let same = |leg: &&Leg| leg.asked() == Some(peer) && addresses(&leg.recipients) == addresses(recipients);
        legs.iter().filter(|_| self.is_again()).find(same)
    }

    /// Whether this peer was asked before, for whichever recipients.
    pub(super) fn has_asked(&self, peer: &PeerName) -> bool {
        self.transaction.asked_legs().any(|(_, asked)| asked == peer)
    }

    pub(super) fn is_again(&self) -> bool {
        self.standing == Standing::Again
    }

    /// The event to count when the request is carried. New requests are counted when they are opened.
    pub fn what(&self) -> Option<What> {
        self.is_again().then_some(What::Repeat(Repeat::Forwarded))
    }

    pub(super) fn is_taken_over(&self) -> bool {
        self.transaction.mode == Mode::PreAcknowledge
    }
}

impl Reply {
    pub fn changes(&self) -> Vec<TransactionChange> {
        let mut changes = vec![Change::Leg {
            ordinal: self.ordinal,
            state: LegState::Answered {
                answer: self.answer.clone(),
            },
        }];
        if self.of.passes_on() {
            changes.push(Change::Told {
                answer: self.answer.clone(),
            });
        }
        let id = self.of.id;
        changes
            .into_iter()
            .map(|change| TransactionChange { id, change })
            .collect()
    }

    /// The event to count for the response.
    pub fn what(&self) -> What {
        let is_late = self
            .leg()
            .is_some_and(|leg| matches!(leg.state, LegState::TimedOut { .. }));
        What::Response(match () {
            () if self.of.passes_on() => Response::PassedOn,
            () if is_late => Response::Late,
            () => Response::Kept,
        })
    }

    /// The leg whose next hop sent this response.
    pub fn leg(&self) -> Option<&Leg> {
        self.of.leg(self.ordinal)
    }

    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    fn way(&self) -> Way {
        match self.of.passes_on() {
            true => Way::To {
                peer: self.of.source.clone(),
                recipient: self.of.answer_to.clone(),
            },
            false => Way::Nowhere,
        }
    }
}

impl Transactions {
    /// Looks up the meaning of `message`, which comes from one of `speakers`.
    pub async fn meaning(&self, message: &Message, speakers: &Speakers) -> Result<Meaning, SpoolError> {
        match (message.kind.request(), message.kind.response()) {
            (Some(request), _) => self.response(message, request, speakers).await,
            (_, Some(_)) => self.request(message, speakers).await,
            (None, None) => self.foreign(message, speakers).await,
        }
    }
}
