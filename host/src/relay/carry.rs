//! The journey of one message, from the end of its data to the receipt.
//!
//! The chain can run in two places, and makes the same journey in both. While the sender waits, [`Relay::carry`] makes
//! it and commits the result. A message that took too long, or that an operator released, makes the journey from the
//! spool, where [`finish`](super::finish) starts it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::message::{
    End, Field, HoldRule, Holder, Incoming, Masked, Message, NextHop, Outgoing, PeerName, Recipient, RecipientId,
    Refusal, Source,
};
use crate::pipeline::{Destination, Effects, Passage};
use crate::protocol::mm4;
use crate::routing::{self, Split};
use crate::spool::{Acceptance, Hold, Receipt, SpoolError};
use crate::sync::lock;
use crate::transactions::{Hop, Meaning, What};

use super::Relay;
use super::deferrals::Deferred;
use super::gathered::{CameTo, Gathered, discarded, held, is_for_later, nothing, once_each, only_received};
use super::rights::Entitled;
use super::run::{Run, storage, why};

/// How long a sender waits for the answer to its end of data when the configuration no longer has its peer.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

impl Relay {
    /// Carries one message: makes the journey, commits everything that it causes, and hands what goes out to delivery.
    /// When the journey takes longer than the sender should wait, commits the message as received instead, and the
    /// journey is made anew from the spool. An error means that nothing has happened, and that the sender still owns
    /// the message.
    pub async fn carry(&self, incoming: Incoming) -> Result<Receipt, Refusal> {
        let source = incoming.origin.source.clone();
        let came_to = self.carry_uncounted(incoming).await;
        self.counts.note(&source, &came_to);
        came_to
    }

    async fn carry_uncounted(&self, incoming: Incoming) -> Result<Receipt, Refusal> {
        loop {
            let run = Run::first(self.catalogue.on_duty(), &incoming);
            let patience = self.patience(&incoming.origin.source);
            let acceptance = match tokio::time::timeout(patience, self.journey(incoming.clone(), &run)).await {
                Ok(came_to) => came_to?,
                Err(_) => self.for_later(incoming.clone(), patience, &run),
            };
            match self.commit(acceptance).await {
                // Another copy of the request was committed first, so this one is a repeat now; or the request that
                // this message answers has changed since the journey looked at it. The next journey sees the present
                // state.
                Err(SpoolError::Repeat(_) | SpoolError::Moved(_)) => continue,
                taken => {
                    let receipt = taken.map_err(storage)?;
                    self.transactions.counts.note(lock(&run.noted).drain(..));
                    return Ok(receipt);
                }
            }
        }
    }

    /// Commits, and only then hands over what goes out.
    pub(super) async fn commit(&self, acceptance: Acceptance) -> Result<Receipt, SpoolError> {
        let (outgoing, later) = (acceptance.outgoing.clone(), is_for_later(&acceptance));
        let is_due = acceptance.opens.as_ref().is_some_and(|opened| opened.next.is_some());
        let tells = is_due || !acceptance.changes.is_empty();
        let opening = acceptance.opens.as_ref().map(What::of_opening).unwrap_or_default();
        self.observer.accepted(&acceptance);
        let receipt = self.store.inbox.commit(acceptance).await?;
        self.transactions.counts.note(opening);
        self.enqueue_all(outgoing);
        if later {
            self.unfinished.notify_one();
        }
        if tells {
            self.news.notify_one();
        }
        Ok(receipt)
    }

    /// The journey, in either place: reads the message, looks up what it means to open requests, runs the arrival
    /// plug-ins, routes, runs the departure plug-ins, and gathers everything that the message causes. It has no effect
    /// outside, neither when it returns nor when it is dropped on the way.
    pub(super) async fn journey(&self, incoming: Incoming, run: &Run) -> Result<Acceptance, Refusal> {
        // Memory for a message that is not in memory yet. It is given back when the journey ends, before the commit,
        // which reads a large message in chunks.
        let _room = self.room_for(&incoming.content).await;
        let limits = self.mm4_limits(&incoming);
        let received = incoming.envelope.recipients.clone();
        let mut message = once_each(Arc::new(read(incoming, limits).await?));
        self.refuse_loops(&message)?;
        // The right to name this originator is checked twice: here, before any plug-in sees the message, and again on
        // what plug-ins made of it, where the message goes out.
        self.directory.load().entitled(Arc::clone(&message))?;
        let meaning = self.meaning(&message, run).await?;
        let says = Some(mm4::Pdu::of(&message.header).said(message.kind));
        if let Meaning::Heard(heard) = meaning {
            let acceptance = self.heard(&message, heard, run);
            return Ok(Acceptance { says, ..acceptance });
        }
        // Nobody else holds the message yet, so `make_mut` copies nothing.
        Arc::make_mut(&mut message).answers = meaning.answers().map(Arc::new);

        let mut effects = Effects::default();
        let next_hops = self.next_hops(&message, &meaning, run).await;
        effects.journey.extend(run.passed_over());
        let passage = run
            .called()
            .arrive(Arc::clone(&message), &next_hops, &mut effects)
            .await;
        if run.arrived {
            effects.forget_requests();
        }
        let came_to = match passage {
            Passage::Go {
                message: arrived,
                routes,
            } => self.depart(run, &message, &meaning, arrived, routes, effects).await,
            Passage::Hold(holder) => Ok(held(&message, Hold::by(vec![holder]), run, self.clock.now())),
            Passage::Discard { reason } => Ok(discarded(&message, &reason, effects, self.clock.now())),
            Passage::Refuse(refusal) => Err(refusal),
        };
        let came_to = came_to
            .or_else(|refusal| self.hold_if_deferred_too_often(&message, refusal, run))
            .or_else(|refusal| self.refuse_with_response(&message, &meaning, refusal, run));
        let mut acceptance = self.remember(&meaning, came_to?, run).await;
        acceptance.end_others(&received, End::Discarded);
        Ok(Acceptance { says, ..acceptance })
    }

    /// Hands messages to delivery. The caller must have committed them: otherwise a message could be sent of which the
    /// store knows nothing.
    pub(super) fn enqueue_all(&self, outgoing: Vec<Outgoing>) {
        for outgoing in outgoing {
            self.delivery.enqueue(outgoing);
        }
    }

    fn refuse_loops(&self, message: &Message) -> Result<(), Refusal> {
        let evidence = mm4::loop_evidence(&message.header, &self.name, self.pass_limit, self.hop_limit);
        evidence.map_or(Ok(()), |evidence| Err(Refusal::Loop { evidence }))
    }

    fn patience(&self, source: &Source) -> Duration {
        let directory = self.directory.load();
        let known = source
            .peer()
            .and_then(|peer| directory.answer_within.get(peer).copied());
        known.unwrap_or(ANSWER_WITHIN)
    }

    /// An acceptance of the message as received, which the spool gives out at once for a journey without a waiting
    /// sender.
    fn for_later(&self, incoming: Incoming, patience: Duration, run: &Run) -> Acceptance {
        let reason = format!("its plug-ins were not done within {patience:?}; its sender has been answered");
        tracing::warn!(message = %incoming.id, peer = %incoming.origin.source, event = "message-unfinished", "unfinished: {reason}");
        let hold = Hold::until(self.clock.now(), reason);
        Acceptance {
            hold: Some(hold),
            opens: lock(&run.opened).take(),
            ..nothing(incoming)
        }
    }

    /// Holds a message that the chain keeps deferring. Otherwise it would stay in its sender's queue, where no operator
    /// sees it.
    fn hold_if_deferred_too_often(&self, message: &Message, refusal: Refusal, run: &Run) -> Result<CameTo, Refusal> {
        let plugin = match &refusal {
            Refusal::Deferred { plugin, .. } if run.sender_waits => plugin.clone(),
            _ => return Err(refusal),
        };
        match self.deferrals.count(message) {
            Deferred::Again => Err(refusal),
            Deferred::TooOften { times } => {
                let holder = Holder {
                    plugin,
                    rule: HoldRule::Deferrals,
                    to: None,
                    reason: format!("deferred {times} times; the last time: {}", why(&refusal)),
                };
                Ok(held(message, Hold::by(vec![holder]), run, self.clock.now()))
            }
        }
    }

    /// Routes the arrived message, runs the departure plug-ins for each destination, and gathers what is to be
    /// committed.
    async fn depart(
        &self,
        run: &Run,
        received: &Message,
        meaning: &Meaning,
        arrived: Arc<Message>,
        routes: BTreeMap<RecipientId, PeerName>,
        effects: Effects,
    ) -> Result<CameTo, Refusal> {
        let arrived = once_each(match run.arrived {
            true => only_received(received, arrived),
            false => arrived,
        });
        self.ask_for_all(&arrived).await;
        let (arrived, mut split) = self.bound(meaning, arrived, &routes, run)?;
        let arrived = self.directory.load().entitled(arrived)?;
        self.refuse_unasked(received, meaning, &split)?;
        let letters = self.to_postmaster(&mut split);
        let several = split.destinations.len() > 1;
        let mut gathered = Gathered::new(received, run, self.clock.now(), effects);
        let nobodys = split.system.into_iter().map(|recipient| {
            let address = recipient.address.to_string();
            (recipient, Refusal::NoRoute { recipient: address })
        });
        let unrouted = split.unrouted.into_iter().chain(nobodys);
        self.give_up_unrouted(unrouted, &arrived, received, &mut gathered)?;
        gathered.hold_for_postmaster(letters);
        gathered.take(&kept(meaning, received, arrived.message()));
        for routing::Destination { peer, recipients } in split.destinations {
            let hop = Hop {
                peer: &peer,
                recipients: &recipients,
                ordinal: gathered.next_ordinal(),
                one_of_several: several,
                answer_leads_back: self.answer_leads_back(meaning, &peer),
            };
            let onward = match self.onward(meaning, &hop).await {
                Ok(Some(onward)) => onward,
                Ok(None) => {
                    gathered.take(&recipients);
                    continue;
                }
                Err(refusal) if refusal.is_temporary() => return Err(refusal),
                Err(refusal) => {
                    gathered.fail(&arrived, peer.into(), recipients, refusal, self.trace(received));
                    continue;
                }
            };
            let bound = Arc::clone(arrived.with_recipients(&recipients).message());
            let mut asked = Effects::default();
            match run.called().depart(bound, self.destination(&peer), &mut asked).await {
                Passage::Go { message, .. } => match self.leaving(message, &peer) {
                    Ok(message) => gathered.send(&message, peer, onward, self.trace(received)),
                    Err(refusal) => gathered.fail(&arrived, peer.into(), recipients, refusal, self.trace(received)),
                },
                Passage::Hold(holder) => {
                    // What plug-ins asked for in this run is dropped, because the chain runs anew after the release.
                    gathered.hold(peer, recipients, holder);
                    continue;
                }
                Passage::Discard { reason } => gathered.discard(peer, recipients, &reason),
                Passage::Refuse(refusal) if refusal.is_temporary() => return Err(refusal),
                Passage::Refuse(refusal) => {
                    gathered.fail(&arrived, peer.into(), recipients, refusal, self.trace(received));
                }
            }
            gathered.effects.add(asked);
        }
        gathered.settle().await
    }

    /// Queries DNS for what routing needs to know about these recipients.
    async fn ask_for_all(&self, arrived: &Message) {
        for recipient in &arrived.envelope.recipients {
            self.ask_for(&arrived.origin.source, &recipient.address).await;
        }
    }

    /// Gives up the recipients without a route. Returns an error when there may be a route later.
    fn give_up_unrouted(
        &self,
        unrouted: impl Iterator<Item = (Recipient, Refusal)>,
        arrived: &Entitled,
        received: &Message,
        gathered: &mut Gathered<'_>,
    ) -> Result<(), Refusal> {
        for (recipient, refusal) in unrouted {
            if refusal.is_temporary() {
                return Err(refusal);
            }
            let why = refusal.to_string();
            tracing::warn!(message = %received.id, event = "no-route", "a recipient has no next hop: {}", Masked(&why));
            let trace = self.trace(received);
            gathered.fail(arrived, NextHop::Nowhere, vec![recipient], refusal, trace);
        }
        Ok(())
    }

    /// The message as it goes out to `peer`, if its source may send it there.
    fn leaving(&self, message: Arc<Message>, peer: &PeerName) -> Result<Entitled, Refusal> {
        let (directory, id) = (self.directory.load(), message.id);
        let suited = directory.quirks.suit(message, peer);
        directory.entitled(directory.faced(suited, peer)).inspect_err(|refusal| {
            let why = refusal.to_string();
            tracing::warn!(message = %id, %peer, event = "originator-not-allowed", "not sent, a plug-in changed who it is from: {}", Masked(&why));
        })
    }

    /// Reroutes mail for the postmaster to the configured person. Returns the recipients whose mail must be held
    /// instead.
    fn to_postmaster(&self, split: &mut Split) -> Vec<Recipient> {
        let letters = std::mem::take(&mut split.postmaster);
        let directory = self.directory.load();
        let (Some((address, peer)), Some(first)) = (&directory.postmaster, letters.first()) else {
            return letters;
        };
        let person = Recipient {
            id: first.id,
            address: address.clone(),
        };
        split.destinations.push(routing::Destination {
            peer: peer.clone(),
            recipients: vec![person],
        });
        Vec::new()
    }

    /// Which recipients go to which peer: where a plug-in sent them, else where routing does. The result may differ
    /// from that at `RCPT`, because a plug-in may have given a recipient another address.
    pub(super) fn split(&self, arrived: &Message, routes: &BTreeMap<RecipientId, PeerName>) -> Split {
        let directory = self.directory.load();
        let chosen = |recipient: &Recipient| {
            let peer = routes.get(&recipient.id)?;
            if directory.destinations.contains_key(peer) {
                return Some(peer.clone());
            }
            // Without this line the author of the plug-in could not see why the route has no effect.
            tracing::warn!(message = %arrived.id, %peer, event = "plugin-route-unknown", "a plug-in sent a recipient to a peer that is not configured: routing decides instead");
            None
        };
        let (source, recipients) = (arrived.origin.source.peer(), &arrived.envelope.recipients);
        let now = directory.now(&self.delivery);
        directory.routing.split(source, recipients, chosen, &now)
    }

    fn destination(&self, peer: &PeerName) -> Destination {
        self.directory.load().destination(peer)
    }

    fn trace(&self, message: &Message) -> Field {
        mm4::received_line(
            &message.origin,
            &self.name,
            message.id,
            &message.envelope,
            self.clock.now(),
        )
    }
}

/// The recipients of a message that only the relay itself needed, without those that plug-ins took off it.
fn kept(meaning: &Meaning, received: &Message, arrived: &Message) -> Vec<Recipient> {
    if !meaning.ends_here() {
        return Vec::new();
    }
    let is_there = |recipient: &&Recipient| arrived.envelope.recipients.iter().any(|r| r.id == recipient.id);
    received.envelope.recipients.iter().filter(is_there).cloned().collect()
}

/// Reads a message; in another thread when its bytes come from a disk.
async fn read(incoming: Incoming, limits: mm4::Limits) -> Result<Message, Refusal> {
    if incoming.content.is_in_memory() {
        return mm4::read(incoming, &limits);
    }
    let reading = tokio::task::spawn_blocking(move || mm4::read(incoming, &limits));
    reading.await.unwrap_or_else(|error| {
        Err(Refusal::Storage {
            reason: error.to_string(),
        })
    })
}
