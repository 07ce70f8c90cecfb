//! The end of each recipient of an accepted message.

use super::{Recipient, RecipientId};

/// How the relay's work for one recipient ended. Every accepted recipient has exactly one end, or is still in the
/// queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// The next hop said 250.
    Delivered,
    /// The next hop, a plug-in, or a check of the relay refused the recipient for good; or there is no next hop.
    Refused,
    /// Delivery was given up: it took too long, or the message expired.
    Expired,
    /// The next hop took the message, and its mail system returned it later.
    Bounced,
    /// A plug-in discarded the message or removed the recipient; or another recipient is the same mailbox.
    Discarded,
    /// An operator dropped the message from the queue.
    Dropped,
    /// The message was for the relay itself and went nowhere: an answer to a question of the relay, a copy of a request that
    /// is not sent again, or a bounce.
    Taken,
}

impl End {
    pub const ALL: [Self; 7] = [
        Self::Delivered,
        Self::Refused,
        Self::Expired,
        Self::Bounced,
        Self::Discarded,
        Self::Dropped,
        Self::Taken,
    ];

    /// The name in `mm4relay ledger` and in the documentation.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Bounced => "bounced",
            Self::Discarded => "discarded",
            Self::Dropped => "dropped",
            Self::Taken => "taken",
        }
    }
}

/// A recipient with its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecipientEnd {
    pub recipient: RecipientId,
    pub end: End,
}

impl RecipientEnd {
    /// Gives all these recipients the same end.
    pub fn all(recipients: &[Recipient], end: End) -> Vec<Self> {
        let ids = recipients.iter().map(|recipient| recipient.id);
        ids.map(|recipient| Self { recipient, end }).collect()
    }
}
