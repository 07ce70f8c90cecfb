//! The journey of one message, from the end of its data to the receipt.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::message::{Content, Field, Incoming, Message, Outgoing, OutgoingId, PeerName, Recipient, Refusal};
use crate::pipeline::{Chain, Destination, Effects, Passage};
use crate::protocol::mm4;
use crate::routing::{self, Split};
use crate::spool::{Acceptance, Receipt, SpoolError};

use super::Relay;
use super::outcomes;

impl Relay {
    /// Carries one message: read it, run the arrival plug-ins, route it, run the departure plug-ins, commit
    /// everything that it causes, hand it to delivery. An error means that nothing has happened, and that the sender
    /// still owns the message.
    pub async fn carry(&self, incoming: Incoming) -> Result<Receipt, Refusal> {
        let _room = self.room_for(&incoming.content).await;
        let message = Arc::new(read(incoming, self.mm4_limits()).await?);
        self.refuse_loops(&message)?;

        let chain = self.catalogue.chain();
        let mut effects = Effects::default();
        let acceptance = match chain.arrive(Arc::clone(&message), &mut effects).await {
            Passage::Go {
                message: arrived,
                routes,
            } => self.depart(&chain, &message, arrived, routes, effects).await?,
            Passage::Hold { reason } => held(&message, reason),
            Passage::Discard { reason } => discarded(&message, &reason, effects),
            Passage::Refuse(refusal) => return Err(refusal),
        };

        let outgoing = acceptance.outgoing.clone();
        self.observer.accepted(&acceptance);
        let receipt = self.spool.commit(acceptance).await.map_err(storage)?;
        for outgoing in outgoing {
            self.delivery.enqueue(outgoing);
        }
        Ok(receipt)
    }

    fn refuse_loops(&self, message: &Message) -> Result<(), Refusal> {
        let evidence = mm4::loop_evidence(&message.header, &self.name, self.hop_limit);
        evidence.map_or(Ok(()), |evidence| Err(Refusal::Loop { evidence }))
    }

    /// Routes what arrived, runs the departure plug-ins for each destination, and gathers what is to be committed.
    async fn depart(
        &self,
        chain: &Chain,
        received: &Message,
        arrived: Arc<Message>,
        routes: BTreeMap<u32, PeerName>,
        mut effects: Effects,
    ) -> Result<Acceptance, Refusal> {
        let split = self.split(&arrived, &routes);
        let mut gathered = Gathered::new(received);
        for (recipient, refusal) in split.unrouted {
            tracing::warn!(message = %received.id, "a plug-in left a recipient without a route: {refusal}");
            gathered.fail(&arrived, no_route(), vec![recipient], refusal);
        }
        for routing::Destination { peer, recipients } in split.destinations {
            let bound = with_recipients(&arrived, &recipients);
            match chain.depart(bound, self.destination(&peer), &mut effects).await {
                Passage::Go { message, .. } => gathered.send(&message, peer, self.trace(received)),
                Passage::Hold { reason } => gathered.hold(recipients, reason),
                Passage::Discard { reason } => log_discard(received, &reason),
                Passage::Refuse(refusal) if refusal.is_temporary() => return Err(refusal),
                Passage::Refuse(refusal) => gathered.fail(&arrived, peer, recipients, refusal),
            }
        }
        gathered.settle(effects, chain).await
    }

    /// Which recipients go to which peer: where a plug-in sent them, else where routing says. What `RCPT` said may have
    /// changed meanwhile, because a plug-in gave a recipient another address.
    fn split(&self, arrived: &Message, routes: &BTreeMap<u32, PeerName>) -> Split {
        self.routing.load().split(&arrived.envelope.recipients, |recipient| {
            // A plug-in can name a peer that is not configured: then routing decides.
            routes
                .get(&recipient.id)
                .filter(|peer| self.peers.contains_key(peer))
                .cloned()
        })
    }

    fn destination(&self, peer: &PeerName) -> Destination {
        self.peers.get(peer).cloned().unwrap_or_default()
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

/// Reads a message; off this thread when its bytes have to come from a disk.
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

/// What the destinations of one message came to.
struct Gathered<'a> {
    received: &'a Message,
    sent: Vec<Outgoing>,
    failed: Vec<(Outgoing, Refusal)>,
    held: Option<(Vec<Recipient>, String)>,
    ordinal: u32,
}

impl<'a> Gathered<'a> {
    fn new(received: &'a Message) -> Self {
        Self {
            received,
            sent: Vec::new(),
            failed: Vec::new(),
            held: None,
            ordinal: 0,
        }
    }

    fn send(&mut self, message: &Message, peer: PeerName, trace: Field) {
        let outgoing = self.outgoing(message, peer, trace);
        self.sent.push(outgoing);
    }

    fn fail(&mut self, message: &Arc<Message>, peer: PeerName, recipients: Vec<Recipient>, refusal: Refusal) {
        let bound = with_recipients(message, &recipients);
        let trace = Field::build("X-Mm4relay-Not-Sent", peer.as_str());
        let outgoing = self.outgoing(&bound, peer, trace);
        self.failed.push((outgoing, refusal));
    }

    fn hold(&mut self, recipients: Vec<Recipient>, reason: String) {
        let (held, reasons) = self.held.get_or_insert_with(|| (Vec::new(), reason.clone()));
        held.extend(recipients);
        if *reasons != reason {
            reasons.push_str("; ");
            reasons.push_str(&reason);
        }
    }

    fn outgoing(&mut self, message: &Message, peer: PeerName, trace: Field) -> Outgoing {
        self.ordinal += 1;
        Outgoing {
            id: OutgoingId {
                message: self.received.id,
                ordinal: self.ordinal,
            },
            peer,
            source: self.received.origin.peer.clone(),
            received_at: self.received.origin.received_at,
            envelope: message.envelope.clone(),
            rope: mm4::serialise(message, trace),
            header: Some(Arc::new(message.header.clone())),
            attempts: 0,
        }
    }

    /// One reply for all of them: a refusal only when every destination was refused. The refused ones among others
    /// become failed deliveries, which outcome plug-ins are told of at once.
    async fn settle(self, mut effects: Effects, chain: &Chain) -> Result<Acceptance, Refusal> {
        let nothing_goes = self.sent.is_empty() && self.held.is_none();
        if let (true, Some((_, refusal))) = (nothing_goes, self.failed.first()) {
            return Err(refusal.clone());
        }
        for (outgoing, refusal) in &self.failed {
            effects.add(outcomes::tell_refused(chain, outgoing, refusal).await);
        }
        let mut acceptance = acceptance(self.received, effects);
        acceptance.outgoing = self.sent;
        acceptance.failed = self
            .failed
            .into_iter()
            .map(|(outgoing, why)| (outgoing, why.to_string()))
            .collect();
        if let Some((recipients, reason)) = self.held {
            acceptance.envelope.recipients = as_received(self.received, recipients);
            acceptance.hold = Some(reason);
        }
        Ok(acceptance)
    }
}

/// The message with only these recipients; the same message when they are all that it has.
fn with_recipients(message: &Arc<Message>, recipients: &[Recipient]) -> Arc<Message> {
    if message.envelope.recipients == recipients {
        return Arc::clone(message);
    }
    let mut bound = Message::clone(message);
    bound.envelope.recipients = recipients.to_vec();
    Arc::new(bound)
}

/// Held recipients under their received addresses: the chain will run anew for them.
fn as_received(received: &Message, held: Vec<Recipient>) -> Vec<Recipient> {
    let original = |id: u32| received.envelope.recipients.iter().find(|r| r.id == id).cloned();
    held.into_iter()
        .map(|recipient| original(recipient.id).unwrap_or(recipient))
        .collect()
}

fn acceptance(received: &Message, effects: Effects) -> Acceptance {
    Acceptance {
        id: received.id,
        origin: received.origin.clone(),
        envelope: received.envelope.clone(),
        content: received.content.clone(),
        outgoing: Vec::new(),
        failed: Vec::new(),
        hold: None,
        charging: effects.charging,
        kv: effects.kv,
        journey: effects.journey,
    }
}

/// Parked as received. What plug-ins asked for is dropped: they will be asked anew when it is released.
fn held(received: &Message, reason: String) -> Acceptance {
    tracing::warn!(message = %received.id, "held: {reason}");
    Acceptance {
        hold: Some(reason),
        ..acceptance(received, Effects::default())
    }
}

fn discarded(received: &Message, reason: &str, effects: Effects) -> Acceptance {
    log_discard(received, reason);
    acceptance(received, effects)
}

fn log_discard(received: &Message, reason: &str) {
    tracing::warn!(message = %received.id, "discarded: {reason}");
}

fn storage(error: SpoolError) -> Refusal {
    Refusal::Storage {
        reason: error.to_string(),
    }
}

/// The destination's name for recipients that have none.
fn no_route() -> PeerName {
    PeerName::new("no-route").unwrap_or_else(|_| unreachable!("a legal name"))
}

impl Relay {
    /// Waits until there is room for a message whose bytes are not in memory, and takes it: reading and adapting it
    /// will. Small messages have been counted by intake, and need nothing here.
    async fn room_for(&self, content: &Content) -> Option<tokio::sync::SemaphorePermit<'_>> {
        if content.is_in_memory() {
            return None;
        }
        let blocks = u32::try_from(content.size().div_ceil(super::ROOM_BLOCK)).unwrap_or(u32::MAX);
        self.room.acquire_many(blocks.clamp(1, super::ROOM_BLOCKS)).await.ok()
    }
}
