//! The message that an outcome is about.

use mm4relay_engine::LateRefusal;

use crate::message::{MessageType, MmsAddress, NextHop, Outgoing, QueueId, Source, Timestamp};

/// What plug-ins are shown, on an outcome, of a message besides its header and recipients.
#[derive(Clone, Debug)]
pub struct Concerned {
    pub id: QueueId,
    pub source: Source,
    pub next_hop: NextHop,
    /// The envelope sender.
    pub sender: Option<MmsAddress>,
    /// `None` where only the header has it.
    pub kind: Option<MessageType>,
    pub received_at: Timestamp,
    /// The size in octets as the next hop gets the message, so that both ends of an exchange record the same number: plug-ins
    /// and the relay's own trace field change the size. Of a message that was never sent, the size as received.
    pub size: u64,
    /// The refusal of the whole message after its 250. What plug-ins asked for on its arrival was not kept.
    pub refused_late: Option<LateRefusal>,
}

impl Concerned {
    pub fn of(outgoing: &Outgoing) -> Self {
        Self {
            id: outgoing.id.into(),
            source: outgoing.source.clone(),
            next_hop: outgoing.next_hop.clone(),
            sender: outgoing.envelope.sender.clone(),
            kind: outgoing.kind,
            received_at: outgoing.received_at,
            size: outgoing.rope.size(),
            refused_late: None,
        }
    }
}
