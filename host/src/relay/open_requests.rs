//! What a message means to open requests, and what of it is stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::message::{
    Edit, End, LegState, Message, MessageType, MmsAddress, NextHop, PeerName, RecipientEnd, RecipientId, Refusal,
    Source,
};
use crate::pipeline::Effects;
use crate::protocol::mm4;
use crate::routing::{Side, Split};
use crate::spool::{Acceptance, Expect};
use crate::transactions::{self, Answers, Heard, Hop, Meaning, Onward, Speakers, Way, What};

use super::Relay;
use super::gathered::{CameTo, acceptance, everybody};
use super::plugin_outcomes;
use super::run::{Run, storage};
use super::sender::SenderProfile;
use crate::sync::lock;

impl Relay {
    /// What the message means to open requests. A message of the relay itself belongs to the request that it is about.
    pub(super) async fn meaning(&self, message: &Message, run: &Run) -> Result<Meaning, Refusal> {
        let Source::Peer(peer) = &message.origin.source else {
            return Ok(Meaning::Nothing);
        };
        let speakers = self.speakers(message, peer);
        let mut meaning = self.transactions.meaning(message, &speakers).await.map_err(storage)?;
        match &mut meaning {
            Meaning::Question(question) => *lock(&run.opened) = question.opens(Vec::new()),
            Meaning::Reply(reply) => *lock(&run.alone) = reply.alone.take(),
            Meaning::Unasked(_) | Meaning::Heard(_) | Meaning::Nothing => {}
        }
        Ok(meaning)
    }

    /// The peers that may have sent the message. A null sender does not tell which of the peers at its address speaks.
    fn speakers(&self, message: &Message, recognised: &PeerName) -> Speakers {
        let mut others = Vec::new();
        if message.envelope.sender.is_none() {
            let directory = self.directory.load();
            let here = directory.routing.peers_at(Side::Both, message.origin.remote.ip());
            // A peer that must prove its identity is not recognised by its address alone.
            let proves = |peer: &PeerName| directory.senders.get(peer).is_some_and(SenderProfile::proves_itself);
            others.extend(here.filter(|peer| *peer != recognised && !proves(peer)).cloned());
        }
        Speakers::new(recognised.clone(), others)
    }

    /// Refuses an answer that would reach a peer that asked somebody else, or the relay, which asked somebody else for
    /// that peer.
    pub(super) fn refuse_unasked(&self, message: &Message, meaning: &Meaning, split: &Split) -> Result<(), Refusal> {
        let Some(unasked) = meaning.unasked() else {
            return Ok(());
        };
        let reaches = split.destinations.iter().any(|to| unasked.askers.contains(&to.peer));
        if !reaches && split.system.is_empty() {
            return Ok(());
        }
        let kind = match message.kind {
            MessageType::Other => "a bounce",
            kind => kind.name(),
        };
        let what = What::Unasked(Answers::of(message.kind));
        self.transactions.counts.note(what.from_source(&message.origin.source));
        let about = unasked.of;
        Err(Refusal::NotAsked { kind, about })
    }

    /// An acceptance that carries the message nowhere, and only records it.
    pub(super) fn heard(&self, message: &Message, heard: Heard, run: &Run) -> Acceptance {
        lock(&run.noted).extend(heard.what.and_then(|what| what.from_source(&message.origin.source)));
        let kind = message.kind.name();
        tracing::info!(message = %message.id, peer = %message.origin.source, kind, event = "not-carried", "taken and not carried: {}", heard.why);
        Acceptance {
            changes: heard.changes,
            ended: RecipientEnd::all(&message.envelope.recipients, End::Taken),
            ..acceptance(message, Effects::default())
        }
    }

    /// Where the message would go if no plug-in changed it: plug-ins are told so on arrival, and selected by it. Empty
    /// when no plug-in asks.
    pub(super) async fn next_hops(&self, message: &Arc<Message>, meaning: &Meaning, run: &Run) -> Vec<NextHop> {
        if run.chain.links.is_empty() {
            return Vec::new();
        }
        if let Meaning::Reply(reply) = meaning {
            return vec![NextHop::Peer(reply.of.source.clone())];
        }
        for recipient in &message.envelope.recipients {
            self.ask_for(&message.origin.source, &recipient.address).await;
        }
        let bound = self.bound(meaning, Arc::clone(message), &BTreeMap::new(), run);
        let destinations = bound.map(|(_, split)| split.destinations).unwrap_or_default();
        let mut next_hops: Vec<NextHop> = destinations.into_iter().map(|to| to.peer.into()).collect();
        // A peer that takes one recipient at a time has a destination for each.
        next_hops.dedup();
        next_hops
    }

    /// Where the message goes. A response goes to the peer that asked, at the address that it gave.
    pub(super) fn bound(
        &self,
        meaning: &Meaning,
        arrived: Arc<Message>,
        routes: &BTreeMap<RecipientId, PeerName>,
        run: &Run,
    ) -> Result<(Arc<Message>, Split), Refusal> {
        let way = match &run.own {
            Some(own) => Way::To {
                peer: own.peer.clone(),
                recipient: None,
            },
            None => meaning.way(),
        };
        match way {
            Way::Nowhere => Ok((arrived, Split::default())),
            Way::To { peer, recipient } if self.takes_messages(&peer) => {
                let readdressed = readdressed(arrived, recipient)?;
                let split = self.split(&readdressed, &all_to(&peer, &readdressed));
                Ok((readdressed, split))
            }
            Way::Routed { home: Some(home) } if self.takes_messages(&home) => {
                let mut homewards = all_to(&home, &arrived);
                homewards.extend(routes.clone());
                let split = self.split(&arrived, &homewards);
                Ok((arrived, split))
            }
            Way::To { .. } | Way::Routed { .. } => {
                let split = self.split(&arrived, routes);
                Ok((arrived, split))
            }
        }
    }

    /// How the message goes to one of its next hops; `None` when nothing is sent there.
    pub(super) async fn onward(&self, meaning: &Meaning, hop: &Hop<'_>) -> Result<Option<Onward>, Refusal> {
        match meaning {
            Meaning::Question(question) => self.transactions.onward(question, hop).await,
            Meaning::Reply(reply) => Ok(Some(Onward {
                transaction_id: reply.transaction_id.clone(),
                ..Onward::default()
            })),
            Meaning::Unasked(_) | Meaning::Heard(_) | Meaning::Nothing => Ok(Some(Onward::default())),
        }
    }

    /// Whether the answer of `peer` to this request comes to this relay, if it is sent to the address in the request.
    pub(super) fn answer_leads_back(&self, meaning: &Meaning, peer: &PeerName) -> bool {
        let Meaning::Question(question) = meaning else {
            return true;
        };
        let asked = &question.transaction;
        let Some(address) = &asked.answer_to else {
            return true;
        };
        let directory = self.directory.load();
        let now = directory.now(&self.delivery);
        directory.routing.admit_before_data(peer, address, &now).is_ok()
    }

    /// Turns a refusal into a response, for a request whose peer agreed to that while its sender waits.
    pub(super) fn refuse_with_response(
        &self,
        message: &Message,
        meaning: &Meaning,
        refusal: Refusal,
        run: &Run,
    ) -> Result<CameTo, Refusal> {
        let answers = match meaning {
            Meaning::Question(question) => run.sender_waits && self.transactions.refuses_with_response(question),
            _ => false,
        };
        if refusal.is_temporary() || !answers {
            return Err(refusal);
        }
        tracing::info!(message = %message.id, peer = %message.origin.source, event = "refused-with-response", "refused with a response: {refusal}");
        let (answer, cause) = transactions::of_refusal(&refusal, self.clock.now());
        let legs = everybody(message, LegState::Failed { answer, cause });
        let refused = Acceptance {
            ended: RecipientEnd::all(&message.envelope.recipients, End::Refused),
            ..acceptance(message, Effects::default())
        };
        Ok((refused, legs))
    }

    /// Adds the transaction and its changes to what is to be committed.
    pub(super) async fn remember(&self, meaning: &Meaning, (mut acceptance, legs): CameTo, run: &Run) -> Acceptance {
        match (&run.own, meaning) {
            (Some(own), _) => {
                acceptance.changes = own.changes.clone();
                acceptance.expects = vec![own.expect];
            }
            (None, Meaning::Question(question)) => {
                acceptance.changes = question.changes(legs.clone(), self.clock.now());
                acceptance.opens = question.opens(legs);
                lock(&run.noted).extend(
                    question
                        .what()
                        .and_then(|what| what.from_source(&acceptance.origin.source)),
                );
            }
            // A held response is looked at anew when it is released.
            (None, Meaning::Reply(reply)) if acceptance.hold.is_none() => {
                let told = plugin_outcomes::tell_response(&run.chain, reply).await;
                acceptance.appends.extend(told.appends);
                acceptance.kv.extend(told.kv);
                acceptance.changes = reply.changes();
                acceptance.expects = vec![Expect::unchanged(&reply.of)];
                lock(&run.noted).extend(reply.what().from_source(&acceptance.origin.source));
            }
            _ => {}
        }
        acceptance
    }
}

impl Relay {
    fn takes_messages(&self, peer: &PeerName) -> bool {
        self.directory.load().destinations.contains_key(peer)
    }
}

fn all_to(peer: &PeerName, message: &Message) -> BTreeMap<RecipientId, PeerName> {
    let recipients = &message.envelope.recipients;
    recipients.iter().map(|r| (r.id, peer.clone())).collect()
}

/// Returns the response addressed to the peer that asked: the recipient is replaced in the envelope, and in the header
/// where it stood.
fn readdressed(message: Arc<Message>, recipient: Option<MmsAddress>) -> Result<Arc<Message>, Refusal> {
    let (Some(address), [only]) = (recipient, message.envelope.recipients.as_slice()) else {
        return Ok(message);
    };
    // An address without a domain leads nowhere in a command (RFC 5321, 4.1.1.3), so the recipient keeps its domain.
    let loses_domain = address.domain().is_none() && only.address.domain().is_some();
    if only.address == address || loses_domain {
        return Ok(message);
    }
    let edit = Edit::SetRecipient { id: only.id, address };
    let edited = mm4::apply(Message::clone(&message), &[edit]).map_err(|error| Refusal::BadAddress {
        text: only.address.to_string(),
        reason: error.to_string(),
    })?;
    Ok(Arc::new(edited))
}
