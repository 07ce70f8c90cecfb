//! The identities of traces and spans (W3C Trace Context, 3.2.2), made of what they are about.

use std::fmt;

use ring::digest::{SHA256, digest};

use crate::message::{MessageId, Ordinal};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

/// Names what one relay, or several on one store, tell of.
#[derive(Clone, Debug)]
pub struct Naming {
    relay: String,
}

impl Naming {
    /// `relay`: what it calls itself.
    pub fn of(relay: &str) -> Self {
        Self {
            relay: relay.to_owned(),
        }
    }

    pub fn trace(&self, message: MessageId) -> TraceId {
        TraceId(self.made_of(message, "trace"))
    }

    /// The span of the message as a whole.
    pub fn root(&self, message: MessageId) -> SpanId {
        self.span(message, "message")
    }

    /// `what`: the word that tells it from the other spans of that message.
    pub fn span(&self, message: MessageId, what: &str) -> SpanId {
        SpanId(self.made_of(message, what))
    }

    /// Of one destination: its deliveries.
    pub fn delivery(&self, message: MessageId, ordinal: Ordinal, attempts: u32) -> SpanId {
        self.span(message, &format!("delivery {ordinal} {attempts}"))
    }

    /// Whether a message is among so many of a hundred: each relay that sees it decides alike.
    pub fn is_among(&self, message: MessageId, percent: u32) -> bool {
        let TraceId([first, second, ..]) = self.trace(message);
        u32::from(u16::from_be_bytes([first, second])) % 100 < percent
    }

    /// Never all zeros, but for a chance that nobody lives to see.
    fn made_of<const N: usize>(&self, message: MessageId, what: &str) -> [u8; N] {
        let text = format!("{}\n{}\n{what}", self.relay, message.0);
        let hash = digest(&SHA256, text.as_bytes());
        std::array::from_fn(|at| hash.as_ref().get(at).copied().unwrap_or_default())
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_one_trace_and_each_of_its_spans_an_identity_that_stays() {
        let (naming, again) = (Naming::of("mm4.hub.example"), Naming::of("mm4.hub.example"));
        let message = MessageId(1_790_000_000_000_000);
        assert_eq!(naming.trace(message), again.trace(message));
        assert_ne!(naming.trace(message), Naming::of("mm4.other.example").trace(message));
        assert_ne!(naming.root(message), naming.span(message, "commit"));
        assert_eq!(naming.trace(message).to_string().len(), 32);
        assert_eq!(naming.root(message).to_string().len(), 16);
    }

    #[test]
    fn a_share_of_messages_is_about_as_large_as_it_was_asked_for() {
        let naming = Naming::of("mm4.hub.example");
        let chosen = |percent| {
            (0..10_000)
                .filter(|id| naming.is_among(MessageId(*id), percent))
                .count()
        };
        assert_eq!((chosen(0), chosen(100)), (0, 10_000));
        assert!((2_000..3_000).contains(&chosen(25)), "{}", chosen(25));
    }
}
