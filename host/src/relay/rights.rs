//! The right to speak as an originator: checked on every message that comes in, and again on every message that goes
//! out.
//!
//! A plug-in can turn a stranger's address into one of ours: by adding a country code, by renaming a domain, by setting
//! a header field. So a check of the received message is not enough. [`Entitled`] is the proof that the check was made
//! on exactly these octets: it has no other constructor, and outgoing messages are made from nothing else
//! ([`gathered`](super::gathered)).

use std::sync::Arc;

use crate::message::{Message, Recipient, Refusal};
use crate::protocol::mm4;
use crate::transactions::{self, Onward};

use super::directory::Directory;

/// A message whose source may speak for every originator that the message names.
#[derive(Clone)]
pub(super) struct Entitled(Arc<Message>);

impl Directory {
    /// Checks that the message's source may use every address that some receiver takes for the originator: the
    /// envelope's sender, and those of [`mm4::originators()`]. The relay itself, and peers inside, may use any.
    ///
    /// # Errors
    /// The source may not use one of them, or one cannot be read with certainty.
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

    /// The message with only these recipients, which do not affect the originator.
    pub(super) fn with_recipients(&self, recipients: &[Recipient]) -> Self {
        if self.0.envelope.recipients == recipients {
            return self.clone();
        }
        let mut bound = Message::clone(&self.0);
        bound.envelope.recipients = recipients.to_vec();
        Self(Arc::new(bound))
    }

    /// The message with the fields that the relay writes in its own name: it speaks for itself there, and not for the
    /// source.
    pub(super) fn amended(&self, onward: &Onward) -> Self {
        transactions::amended(&self.0, onward).map_or_else(|| self.clone(), |amended| Self(Arc::new(amended)))
    }
}
