//! The SMTP envelope: whom the message is from and for, as far as this relay is concerned.

use super::{MmsAddress, RecipientId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// `None` is the null sender `<>`: nobody to bounce to (RFC 5321, 4.5.5).
    pub sender: Option<MmsAddress>,
    /// One per accepted `RCPT TO`, in order.
    pub recipients: Vec<Recipient>,
}

impl Envelope {
    /// With each address once, where it stood first: a server sends a message to a recipient once, however often it was
    /// named. The domain's case does not count (RFC 5321, 2.4).
    pub fn once_each(&mut self) {
        let mut seen = std::collections::HashSet::new();
        self.recipients
            .retain(|recipient| seen.insert(same_mailbox(recipient.address.as_str())));
    }
}

/// Equal for two spellings of one mailbox.
fn same_mailbox(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
        None => address.to_owned(),
    }
}

/// One recipient that is ours to act on. Those that only stand in `To` belong to other networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Stable over the whole journey: plug-ins name recipients by it.
    pub id: RecipientId,
    pub address: MmsAddress,
}
