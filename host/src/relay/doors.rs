//! What intake asks before there is a message: who may talk, whose message it is, where a recipient would go.

use std::net::SocketAddr;

use crate::intake::{Handler, SenderTerms};
use crate::message::{Incoming, MessageId, MmsAddress, PeerName, Refusal, Timestamp};
use crate::spool::{BoxFuture, Receipt};

use super::Relay;

impl Handler for Relay {
    /// Only addresses that belong to some peer may talk at all: this is no open relay.
    fn greet(&self, remote: SocketAddr) -> Result<(), Refusal> {
        let known = self.routing.load().peer_for(remote.ip(), None).is_some();
        known.then_some(()).ok_or(unknown(remote))
    }

    /// Which peer is talking: of those that may come from this address, the one whose domain the sender has.
    fn sender(&self, remote: SocketAddr, sender: Option<&MmsAddress>) -> Result<SenderTerms, Refusal> {
        let domain = sender.and_then(|sender| sender.domain());
        let peer = self.routing.load().peer_for(remote.ip(), domain);
        let peer = peer.ok_or(unknown(remote))?;
        Ok(SenderTerms::new(peer))
    }

    fn recipient(&self, _source: &PeerName, address: &MmsAddress) -> Result<(), Refusal> {
        self.routing.load().route(address).map(|_| ())
    }

    fn next_id(&self) -> MessageId {
        self.spool.next_id()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn carry(&self, incoming: Incoming) -> BoxFuture<'_, Result<Receipt, Refusal>> {
        Box::pin(Relay::carry(self, incoming))
    }
}

fn unknown(remote: SocketAddr) -> Refusal {
    Refusal::UnknownClient {
        remote: remote.ip().to_string(),
    }
}
