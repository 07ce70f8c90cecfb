//! The SMTP envelope: whom the message is from and for, as far as this relay is concerned.

use super::MmsAddress;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// `None` is the null sender `<>`: nobody to bounce to (RFC 5321, 4.5.5).
    pub sender: Option<MmsAddress>,
    /// One per accepted `RCPT TO`, in order.
    pub recipients: Vec<Recipient>,
}

/// One recipient that is ours to act on. Those that only stand in `To` belong to other networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Stable over the whole journey: plug-ins name recipients by it.
    pub id: u32,
    pub address: MmsAddress,
}
