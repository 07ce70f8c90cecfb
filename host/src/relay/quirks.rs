//! What a peer's habits change in what is sent to it, behind all plug-ins.

use std::collections::HashSet;
use std::sync::Arc;

use crate::message::{Message, PeerName};
use crate::protocol::mm4;

/// The peers with quirks that touch the bytes. Each is an exception to bytes leaving as they came, and listed as such in
/// `docs/architecture.md`.
pub(crate) struct Quirks {
    pub(crate) without_type: HashSet<PeerName>,
}

impl Quirks {
    /// The message as `peer` takes it.
    pub(super) fn suit(&self, mut message: Arc<Message>, peer: &PeerName) -> Arc<Message> {
        if self.without_type.contains(peer) {
            mm4::without_types(Arc::make_mut(&mut message));
        }
        message
    }
}
