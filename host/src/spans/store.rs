//! In front of the store: what is committed and recorded there makes the spans of a message.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Kind, Naming, Sink, Span, SpanValue};
use crate::clock::SharedClock;
use crate::message::{Content, Masked, MessageId, NextHop, Outgoing, PeerName, Step, Timestamp};
use crate::spool::{
    Acceptance, BoxFuture, DeliveryResult, Finish, Inbox, Leased, Leases, Outcome, Queue, Receipt, Room, Space,
    SpoolError, Unfinished,
};

/// Makes spans, for a share of the messages.
#[derive(Clone)]
pub struct Teller {
    pub sink: Arc<Sink>,
    pub naming: Naming,
    /// Of a hundred messages.
    pub percent: u32,
    pub clock: SharedClock,
}

/// What is told of a message that is taken, before it is known whether that succeeds.
struct Taking {
    id: MessageId,
    source: String,
    received_at: Timestamp,
    octets: u64,
    kind: Option<String>,
    steps: Vec<Step>,
    /// The request that it says something of.
    about: Option<MessageId>,
    goes_to: Vec<NextHop>,
}

impl Taking {
    fn of(acceptance: &Acceptance) -> Self {
        Self {
            id: acceptance.id,
            source: acceptance.origin.source.to_string(),
            received_at: acceptance.origin.received_at,
            octets: acceptance.content.size(),
            kind: acceptance.says.as_ref().map(|says| says.kind.clone()),
            steps: acceptance.journey.clone(),
            about: acceptance
                .changes
                .first()
                .map(|change| change.id)
                .filter(|id| *id != acceptance.id),
            goes_to: acceptance
                .outgoing
                .iter()
                .map(|outgoing| outgoing.next_hop.clone())
                .collect(),
        }
    }
}

impl Teller {
    fn wants(&self, message: MessageId) -> bool {
        self.naming.is_among(message, self.percent)
    }

    fn span(&self, message: MessageId, what: &str, name: String) -> Span {
        Span {
            trace: self.naming.trace(message),
            id: self.naming.span(message, what),
            parent: Some(self.naming.root(message)),
            name,
            kind: Kind::Internal,
            start: 0,
            end: 0,
            attributes: Vec::new(),
            links: Vec::new(),
            error: None,
        }
    }

    /// A message was taken: it as a whole, each plug-in, the commit.
    fn taken(&self, of: Taking, commit: Duration) {
        let now = nanos(self.clock.now());
        let committed = now.saturating_sub(as_nanos(commit));
        let (trace, root) = (self.naming.trace(of.id), self.naming.root(of.id));
        let next_hops: Vec<String> = of.goes_to.iter().map(ToString::to_string).collect();
        let mut attributes = vec![
            ("mm4relay.message", SpanValue::Text(of.id.to_string())),
            ("mm4relay.source", SpanValue::Text(of.source)),
            ("mm4relay.octets", SpanValue::Number(of.octets)),
            ("mm4relay.next_hops", SpanValue::Text(next_hops.join(", "))),
        ];
        attributes.extend(of.kind.clone().map(|kind| ("mm4relay.type", SpanValue::Text(kind))));
        let about = of
            .about
            .map(|request| (self.naming.trace(request), self.naming.root(request)));
        self.sink.take(Span {
            parent: None,
            kind: Kind::Server,
            start: nanos(of.received_at),
            end: now,
            attributes,
            links: about.into_iter().collect(),
            ..self.span(of.id, "message", "message".to_owned())
        });
        self.plugins(of.id, &of.steps, committed);
        self.sink.take(Span {
            start: committed,
            end: now,
            ..self.span(of.id, "commit", "commit".to_owned())
        });
        if let Some(request) = of.about {
            let name = of.kind.unwrap_or_else(|| "message about it".to_owned());
            self.sink.take(Span {
                start: nanos(of.received_at),
                end: now,
                links: vec![(trace, root)],
                ..self.span(request, &format!("heard {}", of.id), name)
            });
        }
    }

    /// One behind the other, up to the commit: how long each took is known, and their order.
    fn plugins(&self, message: MessageId, steps: &[Step], committed: u64) {
        let took = |step: &Step| step.micros.saturating_mul(1000);
        let mut start = committed.saturating_sub(steps.iter().map(took).sum());
        for (at, step) in steps.iter().enumerate() {
            let end = start.saturating_add(took(step));
            let did: Vec<String> = step.did.iter().map(|did| Masked(did).to_string()).collect();
            self.sink.take(Span {
                start,
                end,
                attributes: vec![
                    ("mm4relay.occasion", SpanValue::Text(step.occasion.clone())),
                    ("mm4relay.did", SpanValue::Text(did.join("; "))),
                    ("mm4relay.body_octets_read", SpanValue::Number(step.body_octets_read)),
                ],
                ..self.span(message, &format!("plug-in {at}"), format!("plug-in {}", step.plugin))
            });
            start = end;
        }
    }

    /// What an attempt came to. The span reaches from the message's receipt, or the attempt before, to now: in the queue and
    /// on the wire.
    fn recorded(&self, of: &Outcome, begun: Timestamp) {
        let reply = of.reply.as_deref().map(|reply| Masked(reply).to_string());
        let (became, error) = match &of.result {
            DeliveryResult::Delivered => ("delivered", None),
            DeliveryResult::Deferred { .. } => ("deferred", None),
            _ => ("given up", Some(reply.clone().unwrap_or_default())),
        };
        let mut attributes = vec![
            ("mm4relay.became", SpanValue::Text(became.to_owned())),
            ("mm4relay.attempts", SpanValue::Number(of.attempts.into())),
        ];
        attributes.extend(reply.map(|reply| ("mm4relay.reply", SpanValue::Text(reply))));
        let id = of.id;
        self.sink.take(Span {
            id: self.naming.delivery(id.message, id.ordinal, of.attempts),
            kind: Kind::Client,
            start: nanos(begun),
            end: nanos(self.clock.now()),
            attributes,
            error,
            ..self.span(id.message, "", format!("delivery {}", id.ordinal))
        });
    }
}

fn nanos(at: Timestamp) -> u64 {
    at.0.saturating_mul(1_000_000)
}

fn as_nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The inbox, with what is committed told.
pub struct ToldInbox {
    pub store: Arc<dyn Inbox>,
    pub teller: Teller,
}

impl Space for ToldInbox {
    fn room(&self) -> Room {
        self.store.room()
    }

    fn is_failed(&self) -> bool {
        self.store.is_failed()
    }
}

impl Leases for ToldInbox {
    fn give_back(&self, leased: Leased) {
        self.store.give_back(leased);
    }

    fn renew(&self) -> BoxFuture<'_, Result<(), SpoolError>> {
        self.store.renew()
    }
}

impl Inbox for ToldInbox {
    fn next_id(&self) -> MessageId {
        self.store.next_id()
    }

    fn commit(&self, acceptance: Acceptance) -> BoxFuture<'_, Result<Receipt, SpoolError>> {
        if !self.teller.wants(acceptance.id) {
            return self.store.commit(acceptance);
        }
        let (taking, begun) = (Taking::of(&acceptance), Instant::now());
        Box::pin(async move {
            let receipt = self.store.commit(acceptance).await?;
            self.teller.taken(taking, begun.elapsed());
            Ok(receipt)
        })
    }

    fn unfinished(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Unfinished>, SpoolError>> {
        self.store.unfinished(now, limit)
    }

    fn finish(&self, id: MessageId, finish: Finish) -> BoxFuture<'_, Result<(), SpoolError>> {
        self.store.finish(id, finish)
    }

    fn received(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, SpoolError>> {
        self.store.received(id)
    }
}

/// The queue, with what is recorded told.
pub struct ToldQueue {
    pub store: Arc<dyn Queue>,
    pub teller: Teller,
}

impl Space for ToldQueue {
    fn room(&self) -> Room {
        self.store.room()
    }

    fn is_failed(&self) -> bool {
        self.store.is_failed()
    }
}

impl Leases for ToldQueue {
    fn give_back(&self, leased: Leased) {
        self.store.give_back(leased);
    }

    fn renew(&self) -> BoxFuture<'_, Result<(), SpoolError>> {
        self.store.renew()
    }
}

impl Queue for ToldQueue {
    fn lease<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>> {
        self.store.lease(peer, now, limit)
    }

    fn lease_overdue<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        aged: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>> {
        self.store.lease_overdue(peer, now, aged, limit)
    }

    fn record(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SpoolError>> {
        let message = outcome.id.message;
        if !self.teller.wants(message) {
            return self.store.record(outcome);
        }
        Box::pin(async move {
            let told = outcome.clone();
            self.store.record(outcome).await?;
            self.teller.recorded(&told, message.at());
            Ok(())
        })
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Vec<(PeerName, Timestamp)>, SpoolError>> {
        self.store.next_due()
    }

    fn retries_asked(&self) -> BoxFuture<'_, Result<Vec<(PeerName, u64)>, SpoolError>> {
        self.store.retries_asked()
    }
}
