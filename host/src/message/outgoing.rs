//! A message bound for one next hop.

use std::sync::Arc;

use super::{Envelope, Header, MessageType, NextHop, OutgoingId, Rope, Source, Timestamp};

/// What delivery works on: one destination of one message.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub id: OutgoingId,
    /// [`NextHop::Nowhere`] only of what is given up from the beginning.
    pub next_hop: NextHop,
    pub source: Source,
    /// When it was received; for a message whose chain ran from the spool, when that had ended. Its age, at which it is
    /// given up, counts from here: a next hop is not to blame for the time in which a message was held.
    pub received_at: Timestamp,
    /// The sender, and the recipients that go to this next hop.
    pub envelope: Envelope,
    /// The bytes to send, before dot-stuffing.
    pub rope: Rope,
    /// What it is. `None` where nobody said: in a row that an earlier version stored, whose header says it.
    pub kind: Option<MessageType>,
    /// How often the relay has sent it before, because no response came. Plug-ins were told of its delivery then.
    pub repeats: u32,
    /// The header of what is sent, where it is in memory: it saves reading it, and decides nothing.
    pub header: Option<Arc<Header>>,
    /// Attempts that have failed so far.
    pub attempts: u32,
    /// What was said at the last of them, and by whom: for people.
    pub said: Option<String>,
    /// When it is of no use any more, if it says so (`X-Mms-Expiry`).
    pub expires_at: Option<Timestamp>,
}

impl Outgoing {
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires| expires <= now)
    }
}
