//! The header of a message that may have left memory.

use std::sync::Arc;

use crate::message::{Header, Outgoing, QueueId, Rope};
use crate::transactions;

/// Where the header of a message can be read.
#[derive(Clone, Copy)]
pub enum HeaderIn<'a> {
    Memory(&'a Arc<Header>),
    /// In the bytes of this outgoing message.
    Rope(&'a Rope, QueueId),
}

impl<'a> HeaderIn<'a> {
    pub fn of(outgoing: &'a Outgoing) -> Self {
        match &outgoing.header {
            Some(header) => Self::Memory(header),
            None => Self::Rope(&outgoing.rope, outgoing.id.into()),
        }
    }

    pub async fn read(self) -> Arc<Header> {
        match self {
            Self::Memory(header) => Arc::clone(header),
            Self::Rope(rope, id) => Arc::new(stored_header(rope.clone(), id).await),
        }
    }
}

async fn stored_header(rope: Rope, id: QueueId) -> Header {
    match transactions::read_header(rope).await {
        Ok(header) => header,
        Err(error) => {
            tracing::error!(message = %id, event = "spool-damaged", "the header of a stored message cannot be read: {error}");
            Header::default()
        }
    }
}
