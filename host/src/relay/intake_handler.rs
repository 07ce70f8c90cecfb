//! What intake asks before there is a message: who may talk, whose message it is, where a recipient would go.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::intake::{Handler, Party, RefusedMessage, SenderTerms, Welcome};
use crate::message::{Incoming, MessageId, MmsAddress, PeerName, Refusal, Timestamp};
use crate::protocol::smtp::Reply;
use crate::routing::Side;
use crate::spool::{BoxFuture, Receipt, Refused, Room};

use super::Relay;

/// One listener's view of the relay: who is known depends on the side of the house on which it stands.
pub(crate) struct Door {
    pub(crate) relay: Arc<Relay>,
    pub(crate) side: Side,
}

impl Door {
    fn peer(&self, remote: SocketAddr, domain: Option<&str>) -> Result<PeerName, Refusal> {
        let directory = self.relay.directory.load();
        let peer = directory.routing.peer_for(self.side, remote.ip(), domain);
        peer.ok_or(Refusal::UnknownClient {
            remote: remote.ip().to_string(),
        })
    }
}

impl Handler for Door {
    fn party(&self, remote: SocketAddr) -> Option<Party> {
        let directory = self.relay.directory.load();
        let mut peers = directory.routing.peers_at(self.side, remote.ip());
        let name = peers.next()?.clone();
        let peers = 1 + peers.count();
        Some(Party { name, peers })
    }

    fn peers(&self) -> usize {
        self.relay.directory.load().routing.count_peers(self.side)
    }

    /// Only addresses that belong to some peer may talk at all: this is no open relay.
    fn greet(&self, remote: SocketAddr) -> Result<Welcome, Refusal> {
        self.peer(remote, None)?;
        if self.relay.store.inbox.is_failed() {
            return Err(Refusal::StoreFailed);
        }
        let directory = self.relay.directory.load();
        let may_be = directory.routing.peers_at(self.side, remote.ip());
        let terms = may_be.filter_map(|peer| directory.senders.get(peer));
        let widest = |a: Welcome, b: &SenderProfile| Welcome {
            message: a.message.max(Some(b.message)),
            talks_early: a.talks_early || b.talks_early,
        };
        Ok(terms.fold(Welcome::default(), widest))
    }

    /// Which peer is talking: of those that may come from this address, the one whose domain the sender has. It must be
    /// allowed to speak for that sender.
    fn sender(&self, remote: SocketAddr, sender: Option<&MmsAddress>) -> Result<SenderTerms, Refusal> {
        if self.relay.store.inbox.is_failed() {
            return Err(Refusal::StoreFailed);
        }
        if self.relay.store.inbox.room() != Room::Ample {
            return Err(Refusal::NoSpace);
        }
        let peer = self.peer(remote, sender.and_then(|sender| sender.domain()))?;
        let directory = self.relay.directory.load();
        if let Some(sender) = sender {
            directory.routing.may_originate(&peer, sender)?;
        }
        let Some(profile) = directory.senders.get(&peer) else {
            return Ok(SenderTerms::new(peer));
        };
        Ok(SenderTerms {
            message: Some(profile.message),
            line: Some(profile.line),
            tls_required: profile.tls_required,
            ..SenderTerms::new(peer)
        })
    }

    fn recipient(&self, source: &PeerName, address: &MmsAddress) -> Result<(), Refusal> {
        let directory = self.relay.directory.load();
        let now = directory.now(&self.relay.delivery);
        match directory.routing.admit_before_data(source, address, &now) {
            Err(Refusal::NoRoute { .. }) if self.relay.has_home(source, address) => Ok(()),
            admitted => admitted,
        }
    }

    fn look_up<'a>(&'a self, source: &'a PeerName, recipient: &str) -> Option<BoxFuture<'a, ()>> {
        let address = MmsAddress::new(recipient).ok()?;
        let directory = self.relay.directory.load();
        let asked = directory.to_be_asked(Some(source), &address);
        let now = directory.now(&self.relay.delivery);
        let is_lost = || {
            let admitted = directory.routing.admit_before_data(source, &address, &now);
            matches!(admitted, Err(Refusal::NoRoute { .. }))
        };
        if asked.is_none() && !is_lost() {
            return None;
        }
        Some(Box::pin(async move {
            if let Some((numbering, number)) = asked {
                numbering.ask(&number).await;
            }
            self.relay.look_for_home(source, &address).await;
        }))
    }

    fn next_id(&self) -> MessageId {
        self.relay.store.inbox.next_id()
    }

    fn now(&self) -> Timestamp {
        self.relay.clock.now()
    }

    fn carry(&self, incoming: Incoming) -> BoxFuture<'_, Result<Receipt, Refusal>> {
        Box::pin(self.relay.carry(incoming))
    }

    fn refused(&self, message: &RefusedMessage, refusal: &Refusal, reply: &Reply) {
        let from = message.from.as_ref().map(MmsAddress::to_string);
        self.relay.refusals.note(Refused {
            id: message.id.to_string(),
            at: self.relay.clock.now().0,
            peer: message.peer.to_string(),
            remote: message.remote.to_string(),
            helo: message.helo.clone(),
            from: from.unwrap_or_default(),
            to: message.to.iter().map(MmsAddress::to_string).collect(),
            recipients: message.recipients as u64,
            reply: reply.to_string(),
            reason: refusal.to_string(),
        });
    }
}

/// What holds for messages that come from a peer.
pub(crate) struct SenderProfile {
    pub(crate) message: u64,
    pub(crate) line: u64,
    pub(crate) tls_required: bool,
    pub(crate) talks_early: bool,
    pub(crate) unknown_types_pass: bool,
}
