//! How it ends for the recipients of an accepted message.

use super::{Recipient, RecipientId};

/// The end of one recipient. Every accepted recipient comes to exactly one, or is still in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// The next hop said 250.
    Delivered,
    /// The next hop, a plug-in, or a check of the relay refused it for good; or it has no next hop.
    Refused,
    /// Given up: it took too long, or the message expired.
    Expired,
    /// The next hop took it, and sent it back later.
    Bounced,
    /// A plug-in discarded the message or took the recipient off it; or another recipient is the same mailbox.
    Discarded,
    /// An operator dropped it from the queue.
    Dropped,
    /// The relay took the message for itself, and carried it nowhere: an answer to what it had asked, or a bounce.
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

    /// As in `mm4relay ledger` and in the documentation.
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

/// A recipient whose end is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecipientEnd {
    pub recipient: RecipientId,
    pub end: End,
}

impl RecipientEnd {
    /// The same end for all of these.
    pub fn all(recipients: &[Recipient], end: End) -> Vec<Self> {
        let ids = recipients.iter().map(|recipient| recipient.id);
        ids.map(|recipient| Self { recipient, end }).collect()
    }
}
