//! What is known of a message before its content comes: the client, and the envelope.

use tokio::time::Instant;

use super::handler::SenderTerms;
use crate::message::Envelope;

/// What the client said about itself.
#[derive(Clone, Debug)]
pub(super) struct Hello {
    pub(super) name: String,
    pub(super) extended: bool,
}

/// A message of which only the envelope has come.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) hello: Hello,
    pub(super) terms: SenderTerms,
    pub(super) envelope: Envelope,
    /// The SIZE parameter of MAIL.
    pub(super) declared: Option<u64>,
    pub(super) started: Instant,
}
