//! Changes to outgoing messages for the habits of a peer, after all plug-ins.

use std::collections::HashSet;
use std::sync::Arc;

use crate::message::{Message, PeerName};
use crate::protocol::mm4;

/// The peers whose quirks change octets. Each is an exception to the rule that bytes leave as they came, and is listed
/// in `docs/architecture.md`.
pub(crate) struct Quirks {
    pub(crate) without_type: HashSet<PeerName>,
}

impl Quirks {
    /// The message in the form that `peer` accepts.
    pub(super) fn suit(&self, mut message: Arc<Message>, peer: &PeerName) -> Arc<Message> {
        if self.without_type.contains(peer) {
            mm4::without_types(Arc::make_mut(&mut message));
        }
        message
    }
}
