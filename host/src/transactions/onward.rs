//! How a request goes to one of its next hops.

use crate::message::{
    LegState, Message, MessageType, MmsAddress, OpaqueId, Ordinal, PeerName, Recipient, Refusal, SystemTag,
};
use crate::protocol::mm4::{self, Amendment};
use crate::spool::SpoolError;

use super::{Question, Terms, Transactions};

/// The fields in which the outgoing request differs from the received one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Onward {
    /// `None`: the received one.
    pub transaction_id: Option<OpaqueId>,
    /// `X-Mms-Originator-System`; `None`: as received.
    pub originator_system: Option<String>,
    /// `X-Mms-Ack-Request: Yes`, whatever was received, because the relay needs the response.
    pub asks_for_response: bool,
}

/// One next hop of a request.
pub struct Hop<'a> {
    pub peer: &'a PeerName,
    pub recipients: &'a [Recipient],
    /// The ordinal of the outgoing message.
    pub ordinal: Ordinal,
    /// The request has other next hops too.
    pub one_of_several: bool,
    /// An answer that this next hop sends to the address in the request reaches this relay.
    pub answer_leads_back: bool,
}

impl Transactions {
    /// How a request goes to `hop`; `None` when it was sent there and must not be repeated.
    ///
    /// Refuses a message that has gone to the same recipients at the same next hop too often: it is in a loop, possibly
    /// through a peer that deletes `Received`.
    pub async fn onward(&self, question: &Question, hop: &Hop<'_>) -> Result<Option<Onward>, Refusal> {
        let terms = self.terms.load();
        let mut onward = Onward {
            transaction_id: None,
            ..in_whose_name(&terms, question, hop)
        };
        if let Some(leg) = question.before(hop.peer, hop.recipients) {
            let is_open = matches!(
                leg.state,
                LegState::Delivered { .. } | LegState::TimedOut { .. } | LegState::Failed { .. }
            );
            onward.transaction_id.clone_from(&leg.transaction_id);
            return Ok(is_open.then_some(onward));
        }
        // A copy goes to nobody who was not asked: what was meant for this next hop is held, say, and goes there when it is
        // released. Its answer to the copy would belong to no leg.
        if question.is_again() && !question.has_asked(hop.peer) {
            return Ok(None);
        }
        refuse_rounds(question, hop, terms.pass_limit)?;
        // Where nobody answers, no answer has to be distinguished, and the message stays as it came.
        let answered = question.transaction.wants.response || onward.asks_for_response;
        let ambiguous = hop.one_of_several || onward.asks_for_response;
        if answered && (ambiguous || self.is_taken(question, hop).await.map_err(storage)?) {
            onward.transaction_id = Some(minted(&terms, question, hop));
        }
        Ok(Some(onward))
    }

    /// Whether another request is open at that peer under the same transaction ID: two Relay/Servers may both count
    /// from 001.
    async fn is_taken(&self, question: &Question, hop: &Hop<'_>) -> Result<bool, SpoolError> {
        let key = question.transaction.asked(hop.peer, None);
        let found = self.requests.find(&key).await?;
        Ok(found.iter().any(|other| other.id != question.transaction.id))
    }
}

/// The outgoing message; `None` when it goes unchanged.
pub fn amended(message: &Message, onward: &Onward) -> Option<Message> {
    let address = |text: &String| MmsAddress::new(text).ok();
    let amendments = [
        onward.transaction_id.clone().map(Amendment::TransactionId),
        onward
            .originator_system
            .as_ref()
            .and_then(address)
            .map(Amendment::OriginatorSystem),
        onward.asks_for_response.then_some(Amendment::AckRequest(true)),
    ];
    let mut amendments = amendments.iter().flatten().peekable();
    amendments.peek()?;
    let mut amended = message.clone();
    for amendment in amendments {
        if let Err(error) = mm4::amend(&mut amended, amendment) {
            tracing::warn!(message = %message.id, event = "header-kept", "a header field stays as it was: {error}");
        }
    }
    Some(amended)
}

fn in_whose_name(terms: &Terms, question: &Question, hop: &Hop<'_>) -> Onward {
    let asked = &question.transaction;
    if question.is_taken_over() {
        return Onward {
            transaction_id: None,
            originator_system: Some(terms.system.plain()),
            asks_for_response: true,
        };
    }
    // Inside, the address is replaced only if nobody else could reach it. An address of an outside peer stays, because
    // its answer is matched by the stored request.
    let needs_tag = terms.peer(&asked.source).inside && !(terms.peer(hop.peer).inside && hop.answer_leads_back);
    let tag = || SystemTag {
        node: terms.node.clone(),
        relay_server: asked.source.clone(),
    };
    let tagged = || terms.system.tagged(&tag()).unwrap_or_else(|_| terms.system.plain());
    Onward {
        originator_system: (needs_tag && asked.answer_to.is_some()).then(tagged),
        ..Onward::default()
    }
}

/// Passes are counted by peer and recipients, because `Received` fields can be deleted on the way.
fn refuse_rounds(question: &Question, hop: &Hop<'_>, limit: usize) -> Result<(), Refusal> {
    let asked = &question.transaction;
    let there = |leg: &&crate::message::Leg| {
        let same = |recipient: &Recipient| hop.recipients.iter().any(|r| r.address == recipient.address);
        leg.asked() == Some(hop.peer) && leg.recipients.iter().any(same)
    };
    let others = question
        .passes
        .iter()
        .filter(|pass| pass.id != asked.id && pass.kind == asked.kind && !pass.came_to_nothing());
    let passes = others.filter(|pass| pass.legs.iter().any(|leg| there(&leg))).count();
    if passes < limit || asked.kind != MessageType::ForwardRequest {
        return Ok(());
    }
    let id: String = asked.message_id.as_text().chars().take(80).collect();
    Err(Refusal::Loop {
        evidence: format!(
            "the message {} went to the same recipients {passes} times before, by another peer, under another transaction \
             ID or with other content each time",
            id.escape_debug()
        ),
    })
}

/// An ID of the relay's own. It is never given twice, and is quoted where the received one is, or where the peer knows
/// no other.
fn minted(terms: &Terms, question: &Question, hop: &Hop<'_>) -> OpaqueId {
    let asked = &question.transaction;
    let id = format!("{}-{}@{}", asked.id, hop.ordinal, terms.name);
    let quoted = asked.transaction_id.is_quoted() || terms.peer(hop.peer).ids_quoted;
    match quoted {
        true => format!("\"{id}\"").into(),
        false => id.into(),
    }
}

fn storage(error: SpoolError) -> Refusal {
    Refusal::Storage {
        reason: error.to_string(),
    }
}
