//! A message bound for one next hop.

use std::sync::Arc;

use super::{Envelope, Header, MessageType, NextHop, OutgoingId, Rope, Source, Timestamp};

/// What delivery works on: one destination of one message.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub id: OutgoingId,
    /// The peer to deliver to. [`NextHop::Nowhere`] only for recipients without a route, which are given up at once.
    pub next_hop: NextHop,
    pub source: Source,
    /// When the message was received; for a message whose chain ran from the spool, when that run ended. The age at
    /// which delivery gives up counts from here: a next hop is not to blame for the time in which the message was held.
    pub received_at: Timestamp,
    /// The sender, and the recipients that go to this next hop.
    pub envelope: Envelope,
    /// The bytes to send, before dot-stuffing.
    pub rope: Rope,
    /// The type of the message. `None` only in a row that an earlier version stored: there, the header says it.
    pub kind: Option<MessageType>,
    /// How often the relay has sent the request before, because no response came. Plug-ins were told of its delivery
    /// the first time only.
    pub repeats: u32,
    /// The header of the outgoing message, where it is in memory. It saves reading the header from the spool, and
    /// decides nothing.
    pub header: Option<Arc<Header>>,
    /// Its parts, where they are known: they save reading the whole message, and decide nothing.
    pub parts: Option<Arc<[PartSize]>>,
    /// Attempts that have failed so far.
    pub attempts: u32,
    /// The reply to the last of them, and the host that gave it, to be shown to operators.
    pub said: Option<String>,
    /// When the message becomes useless, if it says so (`X-Mms-Expiry`).
    pub expires_at: Option<Timestamp>,
}

/// A part of a message as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartSize {
    /// In lower case, without parameters.
    pub media_type: String,
    /// Of the body, encoded.
    pub octets: u64,
}

impl Outgoing {
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires| expires <= now)
    }
}
