//! An arriving response: for a leg that was asked, repeated, unasked, or for no known request.

use crate::message::{Answer, LegState, Message, MessageType, MmsAddress, PeerName, Recipient, TransactionKey};
use crate::protocol::mm4::{self, Pdu};
use crate::spool::SpoolError;
use crate::transactions::{Response, Speakers, Terms, Transactions, What};

use super::{Heard, Meaning, Reply};

impl Transactions {
    pub(super) async fn response(
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

    /// The meaning of a response from `speaker`; `None` when that peer was not asked with its transaction ID.
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
        // Of several legs, one that waits. Their IDs collide only when one was asked before the relay knew of the
        // other.
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

    /// A response without a known request: it is carried by its recipient, unless that is the relay itself.
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

/// Whether the address is that of the relay itself, and not of a Relay/Server behind it.
pub(in crate::transactions) fn is_ours(terms: &Terms, address: &MmsAddress) -> bool {
    let known = |tag: &crate::message::SystemTag| terms.peers.contains_key(&tag.relay_server);
    let tag = terms.system.read(address);
    tag.is_some_and(|tag| !tag.as_ref().is_some_and(known))
}
