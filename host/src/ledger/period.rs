//! What part of the ledger is looked at.

use crate::message::MessageId;

/// Messages that came in from the first on, before the last.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    pub from: MessageId,
    pub to: MessageId,
}
