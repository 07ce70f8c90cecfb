//! Which network a telephone number belongs to, for plug-ins that ask without a message.

use super::trust::Role;
use super::{Circumstances, NetworkId, Route, Routing, plain};
use crate::message::{MmsAddress, PeerName, Refusal};

/// The network of a number. At least one of the fields is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    /// The network named by the table of ported numbers or by DNS; else by a domain of the peer, or for a Relay/Server
    /// by one of ours.
    pub network: Option<NetworkId>,
    /// What the table or DNS named, if it is no peer's domain.
    pub domain: Option<String>,
    /// The peer that a message would go to.
    pub peer: Option<PeerName>,
}

impl Routing {
    /// Which network a number belongs to. `None`: no step knows the number. A number that was ported to a network
    /// without an agreement is known, and has no peer.
    ///
    /// # Errors
    /// DNS does not answer.
    pub fn whose(&self, number: &MmsAddress, now: &dyn Circumstances) -> Result<Option<Whose>, Refusal> {
        let mut named = None;
        let peer = match self.search(None, number, now, &mut |_, _| {}, &mut named) {
            Ok(Route::Peer(peer)) => Some(peer),
            Err(refusal @ Refusal::Numbering { .. }) => return Err(refusal),
            Ok(Route::PlugIns | Route::System(_) | Route::Postmaster) | Err(_) => None,
        };
        let named = named.filter(|named| self.named(named).is_none());
        let named_network = named.as_deref().and_then(network);
        let domain = match named_network {
            Some(network) => Some(network.to_string()),
            None => named.map(|domain| plain(&domain).into_owned()),
        };
        let whose = Whose {
            network: named_network.or_else(|| self.network_of_peer(peer.as_ref()?)),
            domain,
            peer,
        };
        Ok((whose != Whose::default()).then_some(whose))
    }

    fn network_of_peer(&self, name: &PeerName) -> Option<NetworkId> {
        if self.role(name) == Some(Role::Inside) {
            let mut own = self.own_networks.iter();
            // With several networks of our own, nothing says which one the number belongs to.
            return own.next().copied().filter(|_| own.next().is_none());
        }
        let peer = self.peers.iter().find(|peer| peer.name == *name)?;
        peer.domains.iter().find_map(|domain| network(domain))
    }
}

/// The network whose codes are in a value of the table, an answer of DNS, or a domain.
fn network(value: &str) -> Option<NetworkId> {
    NetworkId::read(value).or_else(|| NetworkId::of_domain(&plain(value)))
}
