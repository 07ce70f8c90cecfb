//! What an arriving message is to the requests that are open.

use std::io;

use crate::message::{
    Answer, Answered, Change, Leg, LegState, Message, MessageType, MmsAddress, Mode, OpaqueId, Ordinal, PeerName,
    Recipient, RefuseWith, Timestamp, Transaction, TransactionChange, TransactionKey,
};
use crate::protocol::mm4::{self, Pdu};
use crate::spool::SpoolError;

use super::{Alone, Repeat, Response, Speakers, Terms, Transactions, Unasked, What};

/// Larger messages are decoded off the message path's threads: decoding is a few milliseconds for each MiB.
const DIGEST_IN_PLACE: u64 = 256 << 10;

/// An expiry later than this after reception is not believed: nothing is remembered for years.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(60 * 24 * 60 * 60);

/// What a message is to the requests that are open.
pub enum Meaning {
    /// It asks: a request, which is carried onward and remembered.
    Question(Box<Question>),
    /// It answers a request that is remembered.
    Reply(Box<Reply>),
    /// It is taken, and carried nowhere: it was heard before, or is for nobody.
    Heard(Heard),
    /// It answers a request that its sender was not asked: it is carried like any mail, but not to whoever asked.
    Unasked(Unasked),
    /// Nothing: it is carried like any mail.
    Nothing,
}

/// A request on its way through the relay.
pub struct Question {
    /// The transaction as it is stored, or as it will be when this message opens it.
    pub transaction: Transaction,
    standing: Standing,
    /// Earlier passes of a message with this ID, whoever sent it.
    pub(super) passes: Vec<Transaction>,
    /// Of a report: who sent the message that it is about.
    home: Option<PeerName>,
    /// Of a report: it is about a message that its sender was not asked to take.
    unasked: Option<Unasked>,
}

/// Where a request stands when it comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The request is seen for the first time.
    New,
    /// It was accepted, and goes on from the spool.
    Resumed,
    /// It was carried before, and is asked again where no answer has come from.
    Again,
}

/// A response that belongs to a request.
pub struct Reply {
    pub of: Transaction,
    ordinal: Ordinal,
    answer: Answer,
    /// Under which the one who asked knows it, when it was asked onward with another one.
    pub transaction_id: Option<OpaqueId>,
    /// The guard that keeps two journeys from answering one request; held until this one is committed.
    pub alone: Option<Alone>,
}

/// Why a message is carried nowhere.
pub struct Heard {
    pub changes: Vec<TransactionChange>,
    /// For the log.
    pub why: String,
    /// What the metrics count it as.
    pub what: Option<What>,
}

/// Where a message goes.
pub enum Way {
    /// Each recipient goes where routing says; or all go to `home`, the peer that sent the message a report is about.
    Routed { home: Option<PeerName> },
    /// To this peer, and to no other recipient than this one, if there is one.
    To {
        peer: PeerName,
        recipient: Option<MmsAddress>,
    },
    /// No further.
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

    /// The request that this message answers, if it is a response to one.
    pub fn answers(&self) -> Option<Answered> {
        match self {
            Self::Reply(reply) => Some(reply.of.answered()),
            _ => None,
        }
    }

    /// Whom the message must not reach, because they asked somebody else.
    pub fn unasked(&self) -> Option<&Unasked> {
        match self {
            Self::Question(question) => question.unasked.as_ref(),
            Self::Unasked(unasked) => Some(unasked),
            Self::Reply(_) | Self::Heard(_) | Self::Nothing => None,
        }
    }
}

impl Question {
    /// A transaction to be opened, for what goes out as `legs`.
    pub fn opens(&self, legs: Vec<Leg>) -> Option<Transaction> {
        if self.standing != Standing::New {
            return None;
        }
        let mut opened = self.transaction.clone();
        opened.apply(&Change::Legs { legs });
        Some(opened)
    }

    /// What `legs` change in a transaction that is open already.
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

    /// The leg that recipients at `peer` were asked in before.
    pub(super) fn before(&self, peer: &PeerName, recipients: &[Recipient]) -> Option<&Leg> {
        let addresses = |list: &[Recipient]| list.iter().map(|r| r.address.clone()).collect::<Vec<_>>();
        let legs = &self.transaction.legs;
        let same = |leg: &&Leg| leg.asked() == Some(peer) && addresses(&leg.recipients) == addresses(recipients);
        legs.iter().filter(|_| self.is_again()).find(same)
    }

    fn is_again(&self) -> bool {
        self.standing == Standing::Again
    }

    /// What the request counts as when it is carried; new ones are counted when they are opened.
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

    /// What the metrics count the response as.
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

    /// The one that answers.
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
    /// Looks what `message`, which is from one of `speakers`, is to the requests that are open.
    pub async fn meaning(&self, message: &Message, speakers: &Speakers) -> Result<Meaning, SpoolError> {
        match (message.kind.request(), message.kind.response()) {
            (Some(request), _) => self.response(message, request, speakers).await,
            (_, Some(_)) => self.request(message, speakers).await,
            (None, None) => self.foreign(message, speakers).await,
        }
    }

    async fn request(&self, message: &Message, speakers: &Speakers) -> Result<Meaning, SpoolError> {
        let body = digest(message, mm4::body_digest).await?;
        let mut opened = self.opened(message, speakers.recognised(), body);
        let mut known = self.known(&opened).await?;
        if let Some(other) = known.as_ref().filter(|known| known.body != opened.body)
            && digest(message, mm4::octets_digest).await? != other.body
        {
            // Whatever it is, it is not lost.
            tracing::warn!(message = %message.id, like = %other.id, event = "request-raised", "raised: the same IDs as an earlier request, and another body");
            opened.like = Some(other.id);
            opened.repeat = mm4::salted(opened.repeat, opened.body);
            known = self.known(&opened).await?;
        }
        let (transaction, standing) = match known.filter(|known| known.id == message.id || !known.came_to_nothing()) {
            None => (opened, Standing::New),
            Some(own) if own.id == message.id => (own, Standing::Resumed),
            Some(before) => match self.repeated(before) {
                Ok(before) => (before, Standing::Again),
                Err(heard) => return Ok(Meaning::Heard(heard)),
            },
        };
        let key = TransactionKey::Message {
            message_id: transaction.message_id.bare(),
        };
        let passes = self.requests.find(&key).await?;
        let home = home(message, speakers.recognised(), &passes);
        let unasked = match passes.is_empty() {
            true => self.unasked_report(message, &self.passes_read_otherwise(message).await?, speakers),
            false => self.unasked_report(message, &passes, speakers),
        };
        Ok(Meaning::Question(Box::new(Question {
            transaction,
            standing,
            passes,
            home,
            unasked,
        })))
    }

    /// As it is remembered when nobody has seen it before; the legs are not known yet.
    fn opened(&self, message: &Message, source: &PeerName, body: u128) -> Transaction {
        let pdu = Pdu::of(&message.header);
        let (terms, received_at) = (self.terms.load(), message.origin.received_at);
        let sender = message.envelope.sender.clone();
        let forget_at = received_at.plus(terms.keep);
        Transaction {
            id: message.id,
            kind: message.kind,
            source: source.clone(),
            transaction_id: pdu.transaction_id().unwrap_or_default(),
            message_id: pdu.message_id().unwrap_or_default(),
            version: pdu.value(mm4::headers::VERSION).map(Into::into),
            answer_to: pdu.answer_to_or(sender.as_ref()),
            sender,
            originator: message.header.value("From").map(Into::into),
            wants: pdu.wants(),
            mode: terms.peer(source).mode,
            received_at,
            forget_at: expiry(message).map_or(forget_at, |expiry| expiry.min(received_at.plus(LONGEST)).max(forget_at)),
            repeat: mm4::repeat_key(message),
            body,
            like: None,
            legs: Vec::new(),
            answer: None,
            again: false,
            revision: 0,
            next: None,
            records: Vec::new(),
        }
    }

    /// The request itself, if it goes on from the spool; else the last that it is a copy of.
    async fn known(&self, opened: &Transaction) -> Result<Option<Transaction>, SpoolError> {
        let mut found = self.requests.find(&TransactionKey::Repeat(opened.repeat)).await?;
        found.retain(|known| known.is_copy_of(opened));
        let own = found.iter().position(|known| known.id == opened.id);
        Ok((!found.is_empty()).then(|| found.swap_remove(own.unwrap_or(0))))
    }

    /// What a copy of an earlier request comes to: it goes on as that did, or it was heard before.
    fn repeated(&self, before: Transaction) -> Result<Transaction, Heard> {
        let delivered = before.unanswered().next().is_some();
        let came_to = match before.mode {
            _ if before.answer.is_some() => Repeat::Answered,
            Mode::PreAcknowledge => Repeat::TakenOver,
            Mode::Transparent if before.wants.response && delivered => return Ok(before),
            Mode::Transparent if before.wants.response => Repeat::Waiting,
            Mode::Transparent => Repeat::Unasked,
        };
        let why = match came_to {
            Repeat::Answered => "a repeat of a request that was answered: it gets that answer again",
            Repeat::Forwarded => "a repeat that goes on",
            Repeat::TakenOver => "a repeat of a request that the relay has taken over",
            Repeat::Waiting => "a repeat of a request that still waits to be delivered",
            Repeat::Unasked => "a copy of a request that asks for no answer",
        };
        let change = Change::CameAgain { at: self.clock.now() };
        Err(Heard {
            changes: vec![TransactionChange { id: before.id, change }],
            why: format!("{why} (message {})", before.id),
            what: Some(What::Repeat(came_to)),
        })
    }

    /// Whether the peer that asked wants to hear of a refusal by a response.
    pub fn refuses_with_response(&self, question: &Question) -> bool {
        let asked = &question.transaction;
        let peer = self.terms.load().peer(&asked.source);
        asked.wants.response && question.standing == Standing::New && peer.refuse_with == RefuseWith::Response
    }

    async fn response(
        &self,
        message: &Message,
        request: MessageType,
        speakers: &Speakers,
    ) -> Result<Meaning, SpoolError> {
        for speaker in speakers.iter() {
            if let Some(meaning) = self.response_of(message, request, speaker).await? {
                return Ok(meaning);
            }
        }
        let unasked = self.unasked_response(message, request, speakers).await?;
        Ok(unasked.map_or_else(|| self.stray(message), Meaning::Unasked))
    }

    /// What a response is if it comes from `speaker`; `None` when that peer was not asked with its transaction ID.
    async fn response_of(
        &self,
        message: &Message,
        request: MessageType,
        speaker: &PeerName,
    ) -> Result<Option<Meaning>, SpoolError> {
        let pdu = Pdu::of(&message.header);
        let transaction_id = pdu.transaction_id().unwrap_or_default().bare();
        let key = TransactionKey::Asked {
            peer: speaker.clone(),
            kind: request,
            transaction_id: transaction_id.clone(),
        };
        let alone = self.alone(&key).await;
        let found = self.requests.find(&key).await?;
        let legs = found
            .iter()
            .filter_map(|of| of.leg_asked(speaker, &transaction_id).map(|leg| (of, leg)))
            .filter_map(|(of, leg)| Some((of, leg, leg.ordinal()?)));
        // Of several, the one that waits; their IDs collide only when one was asked before the relay knew of the other.
        let Some((of, leg, ordinal)) = legs.min_by_key(|(_, leg, _)| matches!(leg.state, LegState::Answered { .. }))
        else {
            return Ok(None);
        };
        if matches!(leg.state, LegState::Answered { .. }) {
            return Ok(Some(Meaning::Heard(Heard {
                changes: Vec::new(),
                why: format!("a second response to message {}", of.id),
                what: Some(What::Response(Response::Second)),
            })));
        }
        let text = |name| pdu.value(name).map(std::borrow::Cow::into_owned);
        let answer = Answer {
            status: text(mm4::headers::REQUEST_STATUS_CODE).unwrap_or_else(|| "Error-unspecified".into()),
            text: text(mm4::headers::STATUS_TEXT),
            at: self.clock.now(),
            host: None,
        };
        Ok(Some(Meaning::Reply(Box::new(Reply {
            ordinal,
            transaction_id: leg.transaction_id.is_some().then(|| of.transaction_id.clone()),
            of: of.clone(),
            answer,
            alone: Some(alone),
        }))))
    }

    /// A response that belongs to nothing known here: carried by its recipient, unless that is the relay itself.
    fn stray(&self, message: &Message) -> Meaning {
        let terms = self.terms.load();
        let ours = |recipient: &Recipient| is_ours(&terms, &recipient.address);
        if message.envelope.recipients.iter().all(ours) {
            return Meaning::Heard(Heard {
                changes: Vec::new(),
                why: "a response to no request that is known here".into(),
                what: Some(What::Response(Response::Stray)),
            });
        }
        Meaning::Nothing
    }
}

/// Takes the digest on another thread where it takes long, or waits for a disk.
async fn digest(message: &Message, of: fn(&Message) -> io::Result<u128>) -> Result<u128, SpoolError> {
    let digest = if message.content.is_in_memory() && message.content.size() <= DIGEST_IN_PLACE {
        of(message)
    } else {
        let message = message.clone();
        let digesting = tokio::task::spawn_blocking(move || of(&message));
        digesting.await.map_err(io::Error::other).flatten()
    };
    digest.map_err(|error| SpoolError::Unfit(error.to_string()))
}

/// The relay itself, and not a Relay/Server that it speaks for.
pub(super) fn is_ours(terms: &Terms, address: &MmsAddress) -> bool {
    let known = |tag: &crate::message::SystemTag| terms.peers.contains_key(&tag.relay_server);
    let tag = terms.system.read(address);
    tag.is_some_and(|tag| !tag.as_ref().is_some_and(known))
}

/// When the message is of no use any more, as late as its sender can have meant it. One that had passed before the message
/// came is not believed: nobody sends what is of no use, but clocks are wrong.
pub fn expiry(message: &Message) -> Option<Timestamp> {
    let (pdu, received_at) = (Pdu::of(&message.header), message.origin.received_at);
    let latest = pdu.expiry()?.latest(pdu.date(), received_at);
    (latest > received_at).then_some(latest)
}

/// Who sent the message that a report is about, if the reporting peer was asked to take it.
fn home(report: &Message, source: &PeerName, passes: &[Transaction]) -> Option<PeerName> {
    let reports = [MessageType::DeliveryReportRequest, MessageType::ReadReplyReportRequest];
    if !reports.contains(&report.kind) {
        return None;
    }
    let asked = |of: &&Transaction| {
        of.kind == MessageType::ForwardRequest && of.legs.iter().any(|leg| leg.peer() == Some(source))
    };
    passes.iter().find(asked).map(|of| of.source.clone())
}
