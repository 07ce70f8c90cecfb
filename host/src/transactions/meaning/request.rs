//! An arriving request: it is new, continues from the spool, or is a repeat.

use std::io;

use crate::message::{
    Change, Message, MessageType, Mode, PeerName, RefuseWith, ResponseState, Timestamp, Transaction, TransactionChange,
    TransactionKey,
};
use crate::protocol::mm4::{self, Pdu};
use crate::spool::SpoolError;
use crate::transactions::{Repeat, Speakers, Transactions, What};

use super::{Heard, Meaning, Question, Standing};

/// Larger messages are decoded in another thread: decoding takes a few milliseconds for each MiB.
const DIGEST_IN_PLACE: u64 = 256 << 10;

/// The longest believed time from reception to expiry: nothing is stored for years.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(60 * 24 * 60 * 60);

impl Transactions {
    pub(super) async fn request(&self, message: &Message, speakers: &Speakers) -> Result<Meaning, SpoolError> {
        let body = digest(message, mm4::body_digest).await?;
        let mut opened = self.opened(message, speakers.recognised(), body);
        let mut known = self.known(&opened).await?;
        if let Some(other) = known.as_ref().filter(|known| known.body != opened.body)
            && digest(message, mm4::octets_digest).await? != other.body
        {
            // The message is carried in any case, so nothing is lost.
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

    /// The transaction of a new request; its legs are not known yet.
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
            response: ResponseState::NotSent,
            revision: 0,
            next: None,
            records: Vec::new(),
        }
    }

    /// The request itself, if it continues from the spool; else the latest request of which it is a copy.
    async fn known(&self, opened: &Transaction) -> Result<Option<Transaction>, SpoolError> {
        let mut found = self.requests.find(&TransactionKey::Repeat(opened.repeat)).await?;
        found.retain(|known| known.is_copy_of(opened));
        let own = found.iter().position(|known| known.id == opened.id);
        Ok((!found.is_empty()).then(|| found.swap_remove(own.unwrap_or(0))))
    }

    /// How a copy of an earlier request goes on: like the request, or not at all.
    fn repeated(&self, before: Transaction) -> Result<Transaction, Heard> {
        let delivered = before.unanswered().next().is_some();
        let came_to = match before.mode {
            _ if before.answer().is_some() => Repeat::Answered,
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

    /// Whether the asking peer wants a refusal as a response.
    pub fn refuses_with_response(&self, question: &Question) -> bool {
        let asked = &question.transaction;
        let peer = self.terms.load().peer(&asked.source);
        asked.wants.response && question.standing == Standing::New && peer.refuse_with == RefuseWith::Response
    }
}

/// Computes a digest, in another thread when that takes long or waits for a disk.
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

/// The latest time that the sender can have meant as the message's expiry. `None` for a time before reception: nobody
/// sends what is useless already, but clocks are wrong.
pub fn expiry(message: &Message) -> Option<Timestamp> {
    let (pdu, received_at) = (Pdu::of(&message.header), message.origin.received_at);
    let latest = pdu.expiry()?.latest(pdu.date(), received_at);
    (latest > received_at).then_some(latest)
}

/// The peer that sent the message which a report is about, if the reporting peer was asked to take it.
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
