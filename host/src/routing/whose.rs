//! Whose a telephone number is, for those who ask without a message: plug-ins.

use super::trust::Role;
use super::{Circumstances, NetworkId, Route, Routing, plain};
use crate::message::{MmsAddress, PeerName, Refusal};

/// The network of a number. At least one of the fields is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    /// Named by the table of ported numbers or by DNS; else by a domain of the peer, or of ours for a Relay/Server.
    pub network: Option<NetworkId>,
    /// What the table or DNS said, where that is no peer's domain.
    pub domain: Option<String>,
    /// To whom a message would go.
    pub peer: Option<PeerName>,
}

impl Routing {
    /// `None`: nobody knows the number. A number that was ported to a network with which there is no agreement is known,
    /// and has no peer.
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
            // Of several networks of our own nobody says which one the number belongs to.
            return own.next().copied().filter(|_| own.next().is_none());
        }
        let peer = self.peers.iter().find(|peer| peer.name == *name)?;
        peer.domains.iter().find_map(|domain| network(domain))
    }
}

/// The network that a value of the table, an answer of DNS or a domain names by its codes.
fn network(value: &str) -> Option<NetworkId> {
    NetworkId::read(value).or_else(|| NetworkId::of_domain(&plain(value)))
}
