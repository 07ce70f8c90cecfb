//! What is known of a message before its content comes: who sends it, and from whom to whom it is.

use tokio::time::Instant;

use super::handler::SenderTerms;
use crate::message::Envelope;

/// What the client said of itself.
#[derive(Clone, Debug)]
pub(super) struct Hello {
    pub(super) name: String,
    pub(super) extended: bool,
}

/// A message of which only the envelope is known.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) hello: Hello,
    pub(super) terms: SenderTerms,
    pub(super) envelope: Envelope,
    /// The SIZE of MAIL.
    pub(super) declared: Option<u64>,
    pub(super) started: Instant,
}
