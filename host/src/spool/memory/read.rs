//! Work that the memory store gives out.

use std::sync::Arc;

use super::super::model::State;
use super::super::{PendingEvent, Unfinished};
use super::Memory;
use crate::message::{Incoming, MessageId, Outgoing, OutgoingId, Rope};

impl Memory {
    pub(super) fn outgoing_of(self: &Arc<Self>, state: &State, id: OutgoingId) -> Option<Outgoing> {
        let row = state.outgoing.get(&id)?;
        self.stored(state, row.outgoing.clone()).map(|outgoing| Outgoing {
            said: row.reason.clone(),
            ..outgoing
        })
    }

    pub(super) fn event_of(self: &Arc<Self>, state: &State, id: u64) -> Option<PendingEvent> {
        let event = state.events.get(&id)?;
        Some(PendingEvent {
            id,
            outgoing: self.stored(state, event.outgoing.clone())?,
            outcome: event.outcome.clone(),
            attempts: event.attempts,
        })
    }

    /// Its bytes are in the store; its age is that of the message.
    fn stored(self: &Arc<Self>, state: &State, outgoing: Outgoing) -> Option<Outgoing> {
        let message = state.messages.get(&outgoing.id.message)?;
        Some(Outgoing {
            received_at: message.since,
            rope: Rope {
                content: self.content(outgoing.id.message, message.size),
                pieces: outgoing.rope.pieces,
            },
            header: None,
            parts: None,
            ..outgoing
        })
    }

    pub(super) fn unfinished_of(self: &Arc<Self>, state: &State, id: MessageId) -> Option<Unfinished> {
        let message = state.messages.get(&id)?;
        let wait = message.hold.as_ref()?;
        Some(Unfinished {
            incoming: Incoming {
                id,
                origin: message.origin.clone(),
                envelope: message.envelope.clone(),
                content: self.content(id, message.size),
            },
            attempts: wait.attempts,
            arrived: message.arrived,
            ordinals: message.ordinals,
            past: message.past.clone(),
            released: message.released,
        })
    }
}
