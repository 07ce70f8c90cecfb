//! Spans of messages, for a collector that speaks OpenTelemetry: where the time of a message went, one tree for each.
//!
//! Whatever is durable passes one of two verbs of the store, so two decorators in front of it ([`store`]) see all that there is
//! to tell: the commit of a message with what its plug-ins did, and what became of each delivery. The rooms on the way know
//! nothing of it.
//!
//! Nobody carries a context along. The identity of a trace comes of the relay's name and the message's id, and that of a span
//! of what it is about ([`ids`]), so a delivery after a restart, or by another relay, still finds its tree. A response has a
//! tree of its own and a link to that of its request, which has a span for it with a link back.
//!
//! Spans wait in a queue with a bound, and what comes on top is dropped and counted ([`Sink`]): no message waits for a
//! collector. [`export`] carries them away. Nothing in a span is a subscriber's number.

pub mod export;
mod ids;
mod otlp;
pub mod store;

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

pub use ids::{Naming, SpanId, TraceId};

/// Spans that wait to be carried away.
const WAITING: usize = 4096;

/// Something that took a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub trace: TraceId,
    pub id: SpanId,
    pub parent: Option<SpanId>,
    pub name: String,
    pub kind: Kind,
    /// Nanoseconds since 1970.
    pub start: u64,
    pub end: u64,
    pub attributes: Vec<(&'static str, SpanValue)>,
    pub links: Vec<(TraceId, SpanId)>,
    /// Why it came to nothing.
    pub error: Option<String>,
}

/// On which side of a conversation, as OpenTelemetry has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Internal,
    Server,
    Client,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpanValue {
    Text(String),
    Number(u64),
}

/// Takes spans, and never waits.
#[derive(Debug)]
pub struct Sink {
    waiting: mpsc::Sender<Span>,
    counts: Counts,
}

/// What became of spans, since the start.
#[derive(Debug, Default)]
pub struct Counts {
    sent: AtomicU64,
    dropped: AtomicU64,
}

impl Sink {
    /// And what is to be carried away.
    pub fn new() -> (Self, mpsc::Receiver<Span>) {
        let (waiting, carried) = mpsc::channel(WAITING);
        let sink = Self {
            waiting,
            counts: Counts::default(),
        };
        (sink, carried)
    }

    pub fn take(&self, span: Span) {
        if self.waiting.try_send(span).is_err() {
            self.counts.note_dropped(1);
        }
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl Counts {
    /// Taken by the collector.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Nobody has them: too many waited, or the collector did not take them.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn note_sent(&self, spans: u64) {
        self.sent.fetch_add(spans, Ordering::Relaxed);
    }

    fn note_dropped(&self, spans: u64) {
        self.dropped.fetch_add(spans, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageId;

    #[test]
    fn spans_that_nobody_carries_away_are_dropped_and_counted() {
        let (sink, _carried) = Sink::new();
        let naming = Naming::of("mm4.hub.example");
        let span = Span {
            trace: naming.trace(MessageId(1)),
            id: naming.root(MessageId(1)),
            parent: None,
            name: "message".into(),
            kind: Kind::Server,
            start: 1,
            end: 2,
            attributes: Vec::new(),
            links: Vec::new(),
            error: None,
        };
        for _ in 0..WAITING + 3 {
            sink.take(span.clone());
        }
        assert_eq!((sink.counts().sent(), sink.counts().dropped()), (0, 3));
    }
}
