//! Who may speak as whom: asked of every message that comes in, and again of every message that goes out.
//!
//! A plug-in can make an address of ours out of one that was a stranger's when it came: by adding a country code, by
//! renaming a domain, by setting a header field. So the right is not asked of what was received alone. [`Entitled`] is the
//! proof that it was asked of exactly these octets: it has no other constructor, and what goes out is made of nothing else
//! ([`gathered`](super::gathered)).

use std::sync::Arc;

use crate::message::{Message, Recipient, Refusal};
use crate::protocol::mm4;
use crate::transactions::{self, Onward};

use super::directory::Directory;

/// A message whose source may speak for everybody whom it claims to be from.
#[derive(Clone)]
pub(super) struct Entitled(Arc<Message>);

impl Directory {
    /// Asks for the right of the message's source to every address that some receiver takes for the originator: the
    /// envelope's sender, and those of [`mm4::originators()`]. What the relay says itself, and what comes from inside, may.
    ///
    /// # Errors
    /// One of them is not the source's to use, or cannot be understood.
    pub(super) fn entitled(&self, message: Arc<Message>) -> Result<Entitled, Refusal> {
        let source = message.origin.source.peer();
        if !self.routing.must_prove(source) {
            return Ok(Entitled(message));
        }
        let claimed = mm4::originators(&message.header);
        if let Some((field, why)) = claimed.unclear {
            return Err(Refusal::UnclearOriginator { field, why });
        }
        for address in message.envelope.sender.iter().chain(&claimed.addresses) {
            self.routing.may_originate(source, address)?;
        }
        Ok(Entitled(message))
    }
}

impl Entitled {
    pub(super) fn message(&self) -> &Arc<Message> {
        &self.0
    }

    /// The message with only these recipients: whom it is for says nothing of whom it is from.
    pub(super) fn with_recipients(&self, recipients: &[Recipient]) -> Self {
        if self.0.envelope.recipients == recipients {
            return self.clone();
        }
        let mut bound = Message::clone(&self.0);
        bound.envelope.recipients = recipients.to_vec();
        Self(Arc::new(bound))
    }

    /// The message with what the relay writes in its own name: it claims that for itself, not for the source.
    pub(super) fn dressed(&self, onward: &Onward) -> Self {
        transactions::dressed(&self.0, onward).map_or_else(|| self.clone(), |dressed| Self(Arc::new(dressed)))
    }
}
