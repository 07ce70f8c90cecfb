//! The period of the ledger that is examined.

use crate::message::MessageId;

/// Messages received at or after the first time, and before the last.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    pub from: MessageId,
    pub to: MessageId,
}
