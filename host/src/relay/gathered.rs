//! What becomes of the destinations of one message, and the one acceptance that is made of all of them.

use std::sync::Arc;

use crate::message::{
    Answer, Append, End, Field, Holder, Incoming, Leg, LegState, Message, NextHop, OpaqueId, Ordinal, Outgoing,
    OutgoingId, PeerName, Place, Recipient, RecipientEnd, RecipientId, Refusal, Timestamp,
};
use crate::pipeline::{Concerned, Effects};
use crate::protocol::mm4;
use crate::spool::{Acceptance, Hold};
use crate::transactions::{self, Onward};

use super::components::{self, Parts};
use super::plugin_outcomes;
use super::rights::Entitled;
use super::run::Run;
use super::stored_header::HeaderIn;

/// The results of the destinations so far.
pub(super) struct Gathered<'a> {
    received: &'a Message,
    run: &'a Run,
    now: Timestamp,
    /// What the arrival plug-ins asked for, and the departure plug-ins of every destination that is not held.
    pub(super) effects: Effects,
    sent: Vec<Outgoing>,
    failed: Vec<(Outgoing, Refusal)>,
    discarded: bool,
    /// Recipients whose copy the relay keeps for itself.
    taken: Vec<RecipientEnd>,
    /// Mail for the postmaster is among the held destinations.
    has_letters: bool,
    held: Option<(Vec<Recipient>, Vec<Holder>)>,
    /// A leg for each destination, if the message is a request.
    legs: Vec<Leg>,
    /// The ordinal of the last destination so far.
    ordinal: Option<Ordinal>,
}

/// The reason for holding mail for the postmaster when no person is configured: an operator reads it.
const FOR_POSTMASTER: &str = "mail for the postmaster, to be read by an operator: postmaster of [relay] is not set";

/// What is to be committed, and a leg for each destination.
pub(super) type CameTo = (Acceptance, Vec<Leg>);

impl<'a> Gathered<'a> {
    pub(super) fn new(received: &'a Message, run: &'a Run, now: Timestamp, effects: Effects) -> Self {
        Self {
            received,
            run,
            now,
            effects,
            sent: Vec::new(),
            failed: Vec::new(),
            discarded: false,
            taken: Vec::new(),
            has_letters: false,
            held: None,
            legs: Vec::new(),
            ordinal: run.ordinals,
        }
    }

    /// The ordinal that the next destination gets.
    pub(super) fn next_ordinal(&self) -> Ordinal {
        self.ordinal.map_or(Ordinal::FIRST, Ordinal::next)
    }

    pub(super) fn discard(&mut self, peer: PeerName, recipients: Vec<Recipient>, reason: &str) {
        log_discard(self.received, reason);
        self.discarded = true;
        self.legs.push(Leg::aside(peer.into(), recipients, taken(self.now)));
    }

    /// Records that nothing goes out for these recipients, because the relay itself needed the message: a response that it
    /// waited for, or a copy of a request whose next hop owes no answer. They count as handled, so that `settle` does not
    /// refuse the whole message.
    pub(super) fn take(&mut self, recipients: &[Recipient]) {
        self.taken.extend(RecipientEnd::all(recipients, End::Taken));
    }

    pub(super) fn send(&mut self, message: &Entitled, peer: PeerName, onward: Onward, trace: Field) {
        let outgoing = self.outgoing(&message.amended(&onward), peer.into(), trace);
        self.remember(&outgoing, onward.transaction_id, LegState::Waiting);
        self.sent.push(outgoing);
    }

    /// Gives up a destination. The outgoing message is kept as it would have been sent, because an operator may retry
    /// it.
    pub(super) fn fail(
        &mut self,
        message: &Entitled,
        next_hop: NextHop,
        recipients: Vec<Recipient>,
        refusal: Refusal,
        trace: Field,
    ) {
        let bound = message.with_recipients(&recipients);
        let outgoing = self.outgoing(&bound, next_hop, trace);
        let (answer, cause) = transactions::of_refusal(&refusal, self.now);
        self.remember(&outgoing, None, LegState::Failed { answer, cause });
        self.failed.push((outgoing, refusal));
    }

    pub(super) fn hold(&mut self, peer: PeerName, recipients: Vec<Recipient>, holder: Holder) {
        self.legs
            .push(Leg::aside(peer.into(), recipients.clone(), taken(self.now)));
        let (held, holders) = self.held.get_or_insert_default();
        held.extend(recipients);
        holders.push(holder);
    }

    /// Holds mail for the postmaster that no configured person reads, for an operator.
    pub(super) fn hold_for_postmaster(&mut self, recipients: Vec<Recipient>) {
        if recipients.is_empty() {
            return;
        }
        self.legs
            .push(Leg::aside(NextHop::Nowhere, recipients.clone(), taken(self.now)));
        self.held.get_or_insert_default().0.extend(recipients);
        self.has_letters = true;
    }

    /// The hold, with the reasons of all who asked for it.
    fn hold_of(&self, holders: Vec<Holder>) -> Hold {
        let by_plugins = holders.clone();
        let hold = Hold::by(holders);
        match (self.has_letters, by_plugins.is_empty()) {
            (false, _) => hold,
            (true, true) => Hold::parked(FOR_POSTMASTER),
            (true, false) => Hold {
                reason: format!("{FOR_POSTMASTER}; {}", hold.reason),
                ..hold
            },
        }
    }

    fn remember(&mut self, outgoing: &Outgoing, transaction_id: Option<OpaqueId>, state: LegState) {
        let recipients = outgoing.envelope.recipients.clone();
        let ordinal = outgoing.id.ordinal;
        let at = match outgoing.next_hop.clone() {
            NextHop::Peer(peer) => Place::Destination { ordinal, peer },
            NextHop::Nowhere => Place::Unroutable { ordinal },
        };
        self.legs.push(Leg {
            transaction_id,
            ..Leg::new(at, recipients, state)
        });
    }

    /// Makes an outgoing message. This is the one place that does, and it takes the proof that the source may send it.
    fn outgoing(&mut self, message: &Entitled, next_hop: NextHop, trace: Field) -> Outgoing {
        let message = message.message();
        let ordinal = self.next_ordinal();
        self.ordinal = Some(ordinal);
        Outgoing {
            id: OutgoingId {
                message: self.received.id,
                ordinal,
            },
            next_hop,
            source: self.received.origin.source.clone(),
            received_at: self.run.since,
            envelope: message.envelope.clone(),
            rope: mm4::serialise(message, trace),
            kind: Some(message.kind),
            repeats: 0,
            header: Some(Arc::new(message.header.clone())),
            parts: Some(mm4::sizes(&message.parts).into()),
            attempts: 0,
            said: None,
            expires_at: transactions::expiry(self.received),
        }
    }

    /// Makes one answer for all destinations: a refusal only when every destination was refused. Otherwise the refused
    /// ones become failed deliveries, of which outcome plug-ins are told at once. When all are held, the whole message
    /// is held, as if an arrival plug-in had done so.
    pub(super) async fn settle(mut self) -> Result<CameTo, Refusal> {
        let handled = self.discarded || !self.taken.is_empty();
        let nothing_goes = self.sent.is_empty() && self.held.is_none() && !handled;
        if let (true, Some((_, refusal))) = (nothing_goes, self.failed.first()) {
            return Err(refusal.clone());
        }
        let something_happens = handled || !self.sent.is_empty() || !self.failed.is_empty();
        if let (Some((_, holders)), false) = (&self.held, something_happens) {
            let (whole, _) = held(self.received, self.hold_of(holders.clone()), self.run, self.now);
            return Ok((whole, self.legs));
        }
        for (outgoing, refusal) in &self.failed {
            let mut told = plugin_outcomes::tell_refused(
                &self.run.chain,
                &Concerned::of(outgoing),
                &outgoing.envelope.recipients,
                HeaderIn::of(outgoing),
                refusal,
            )
            .await;
            components::add(&mut told.appends, Parts::of(outgoing)).await;
            self.effects.add(told);
        }
        let hold = self.held.as_ref().map(|(_, holders)| self.hold_of(holders.clone()));
        name_destination(&mut self.effects.appends, &self.legs);
        let mut acceptance = acceptance(self.received, self.effects);
        acceptance.outgoing = self.sent;
        acceptance.ended = self.taken;
        acceptance.failed = self
            .failed
            .into_iter()
            .map(|(outgoing, why)| (outgoing, why.to_string()))
            .collect();
        if let (Some((recipients, _)), Some(hold)) = (self.held, hold) {
            let hold = Hold { arrived: true, ..hold };
            log_hold(self.received, &hold, recipients.len(), self.run);
            acceptance.envelope.recipients = as_received(self.received, recipients);
            acceptance.hold = Some(hold);
        }
        Ok((acceptance, self.legs))
    }
}

/// Arrival plug-ins make their records before routing. When the message goes to one peer only, the records name that
/// peer.
fn name_destination(records: &mut [Append], legs: &[Leg]) {
    let mut peers = legs.iter().filter_map(Leg::peer);
    let Some(first) = peers.next() else {
        return;
    };
    if peers.any(|peer| peer != first) {
        return;
    }
    for fields in records.iter_mut().filter_map(|entry| entry.record.as_object_mut()) {
        let named = fields.entry("destination-peer").or_insert(serde_json::Value::Null);
        if named.is_null() {
            *named = first.as_str().into();
        }
    }
}

/// The message with each recipient once: plug-ins may have given two recipients the same address.
pub(super) fn once_each(message: Arc<Message>) -> Arc<Message> {
    let mut envelope = message.envelope.clone();
    envelope.once_each();
    if envelope == message.envelope {
        return message;
    }
    let mut once = Message::clone(&message);
    once.envelope = envelope;
    Arc::new(once)
}

/// The held recipients under their received addresses, because the chain runs anew for them.
fn as_received(received: &Message, held: Vec<Recipient>) -> Vec<Recipient> {
    let original = |id: RecipientId| received.envelope.recipients.iter().find(|r| r.id == id).cloned();
    held.into_iter()
        .map(|recipient| original(recipient.id).unwrap_or(recipient))
        .collect()
}

/// The arrived message without the recipients that arrival plug-ins added. In a run for recipients that an earlier run
/// held, the added ones have got their copy, and those that were held count as recipients of the received message.
pub(super) fn only_received(received: &Message, mut arrived: Arc<Message>) -> Arc<Message> {
    let known = |id: RecipientId| received.envelope.recipients.iter().any(|r| r.id == id);
    if !arrived.envelope.recipients.iter().all(|r| known(r.id)) {
        Arc::make_mut(&mut arrived).envelope.recipients.retain(|r| known(r.id));
    }
    arrived
}

pub(super) fn acceptance(received: &Message, effects: Effects) -> Acceptance {
    Acceptance {
        appends: effects.appends,
        kv: effects.kv,
        journey: effects.journey,
        ..nothing(Incoming {
            id: received.id,
            origin: received.origin.clone(),
            envelope: received.envelope.clone(),
            content: received.content.clone(),
        })
    }
}

/// An acceptance that causes nothing.
pub(super) fn nothing(incoming: Incoming) -> Acceptance {
    let Incoming {
        id,
        origin,
        envelope,
        content,
    } = incoming;
    Acceptance {
        id,
        origin,
        envelope,
        content,
        outgoing: Vec::new(),
        failed: Vec::new(),
        hold: None,
        ended: Vec::new(),
        appends: Vec::new(),
        kv: Vec::new(),
        journey: Vec::new(),
        says: None,
        opens: None,
        changes: Vec::new(),
        expects: Vec::new(),
    }
}

pub(super) fn is_for_later(acceptance: &Acceptance) -> bool {
    acceptance.hold.as_ref().is_some_and(|hold| hold.due().is_some())
}

/// Holds the message as received. What plug-ins asked for is dropped, because they run anew after the release. A peer
/// that asked for a response gets `Ok`.
pub(super) fn held(received: &Message, hold: Hold, run: &Run, now: Timestamp) -> CameTo {
    let hold = Hold {
        arrived: run.arrived,
        ..hold
    };
    log_hold(received, &hold, received.envelope.recipients.len(), run);
    let held = Acceptance {
        hold: Some(hold),
        ..acceptance(received, Effects::default())
    };
    (held, everybody(received, taken(now)))
}

pub(super) fn discarded(received: &Message, reason: &str, effects: Effects, now: Timestamp) -> CameTo {
    log_discard(received, reason);
    (acceptance(received, effects), everybody(received, taken(now)))
}

/// One leg for all recipients, without a next hop.
pub(super) fn everybody(received: &Message, state: LegState) -> Vec<Leg> {
    let recipients = received.envelope.recipients.clone();
    vec![Leg::aside(NextHop::Nowhere, recipients, state)]
}

/// What the relay answers in the place of a next hop, because a plug-in wants the message to look delivered.
fn taken(at: Timestamp) -> LegState {
    LegState::Answered { answer: Answer::ok(at) }
}

fn log_hold(received: &Message, hold: &Hold, recipients: usize, run: &Run) {
    let by: Vec<String> = hold.holders().iter().map(ToString::to_string).collect();
    let (by, reason, released) = (by.join("; "), &hold.reason, run.released);
    let message = received.id;
    match released {
        0 => tracing::warn!(%message, recipients, by, event = "message-held", "held: {reason}"),
        _ => {
            tracing::warn!(%message, recipients, by, released, event = "message-held", "held again after its release: {reason}")
        }
    }
}

fn log_discard(received: &Message, reason: &str) {
    tracing::warn!(message = %received.id, event = "message-discarded", "discarded: {reason}");
}
