//! Which peer a connection belongs to: by its address, and by what the client has proved.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{PeerEntry, Routing, Side, plain};
use crate::message::PeerName;

impl Routing {
    /// The peer that a connection from `remote` speaks for, once the domain of the envelope sender is known.
    ///
    /// Candidates are the peers that are known on this side and list the address. Among several, the one with the
    /// sender's domain is chosen; if that does not decide (a null sender, a hub that speaks for many), the one with the
    /// smallest network, and the first of equals.
    pub fn peer_for(&self, side: Side, remote: IpAddr, sender_domain: Option<&str>) -> Option<PeerName> {
        // A listener on [::] sees IPv4 clients in mapped form.
        let remote = remote.to_canonical();
        let sender_domain = sender_domain.map(plain);
        let rank = |peer: &&PeerEntry| {
            let networks = peer.from.iter().filter(|network| network.contains(&remote));
            let smallest = networks.map(IpNet::prefix_len).max()?;
            let has_domain = |sender: &Cow<'_, str>| peer.domains.iter().any(|domain| plain(domain) == *sender);
            Some((sender_domain.as_ref().is_some_and(has_domain), smallest))
        };
        let known = self.peers.iter().filter(|peer| side.knows(peer.role));
        let ranked = known.filter_map(|peer| Some((rank(&peer)?, peer)));
        // `max_by_key` would return the last of equals.
        let first_best = ranked.reduce(|best, next| if next.0 > best.0 { next } else { best });
        first_best.map(|(_, peer)| peer.name.clone())
    }

    /// The peers that a connection from `remote` may speak for.
    pub fn peers_at(&self, side: Side, remote: IpAddr) -> impl Iterator<Item = &PeerName> {
        let remote = remote.to_canonical();
        let here = move |peer: &&PeerEntry| peer.from.iter().any(|network| network.contains(&remote));
        let known = self.peers.iter().filter(move |peer| side.knows(peer.role));
        known.filter(here).map(|peer| &peer.name)
    }

    /// How many peers may come to this side at all.
    pub fn count_peers(&self, side: Side) -> usize {
        let comes = |peer: &&PeerEntry| side.knows(peer.role) && (!peer.from.is_empty() || peer.proves_itself);
        self.peers.iter().filter(comes).count()
    }

    /// The peers that a connection from `remote` may belong to, once it has given the proofs that they must give.
    pub fn may_come_from(&self, side: Side, remote: IpAddr) -> impl Iterator<Item = &PeerName> {
        let remote = remote.to_canonical();
        let from_there = move |peer: &&PeerEntry| match peer.from.is_empty() {
            true => peer.proves_itself,
            false => peer.from.iter().any(|network| network.contains(&remote)),
        };
        let known = self.peers.iter().filter(move |peer| side.knows(peer.role));
        known.filter(from_there).map(|peer| &peer.name)
    }

    /// Whether some peer may connect to this side from anywhere.
    pub fn lets_strangers_in(&self, side: Side) -> bool {
        let mut known = self.peers.iter().filter(|peer| side.knows(peer.role));
        known.any(|peer| peer.from.is_empty() && peer.proves_itself)
    }

    /// Among these peers the one with the envelope sender's domain, or the first.
    pub fn best_of<'a>(&self, proved: &'a [PeerName], sender_domain: Option<&str>) -> Option<&'a PeerName> {
        let domain = sender_domain.map(plain);
        let has_domain = |name: &&PeerName| {
            let entry = self.peers.iter().find(|peer| peer.name == **name);
            entry.is_some_and(|peer| peer.domains.iter().any(|own| Some(plain(own)) == domain))
        };
        proved.iter().find(has_domain).or(proved.first())
    }
}
