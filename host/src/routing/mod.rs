//! From recipient to peer, and from connection to peer: pure look-ups.
//!
//! A recipient goes by its domain when that is a peer's. In one of our own domains, or without any, it goes by its
//! number: the route with the longest prefix. A domain that is nobody's has no route, whatever the number before it:
//! what was meant for somebody else's network must not end up in a third one.

mod rows;
mod table;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;

pub use table::{BadRow, MAX_KEY_OCTETS, MAX_VALUE_OCTETS, Table, TableError, Tables};

use self::rows::{Builder, Rows};
use crate::message::{AddressKind, MmsAddress, PeerName, Recipient, Refusal};

/// What routing knows of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerEntry {
    pub name: PeerName,
    /// One of our own is for recognising the peer's messages only.
    pub domains: Vec<String>,
    /// Addresses that may speak as this peer.
    pub from: Vec<IpNet>,
}

/// Where a recipient goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Peer(PeerName),
    /// A plug-in will give it another address, or a peer.
    PlugIns,
}

/// One next hop, with its recipients in the order of the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub peer: PeerName,
    pub recipients: Vec<Recipient>,
}

/// A message's recipients, by next hop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// In the order in which the envelope first names each.
    pub destinations: Vec<Destination>,
    /// Recipients that have no next hop.
    pub unrouted: Vec<(Recipient, Refusal)>,
}

/// All look-ups of one configuration. Memory: 37 octets for each prefix besides its text.
#[derive(Debug)]
pub struct Routing {
    own_domains: HashSet<String>,
    by_domain: HashMap<String, PeerName>,
    prefixes: Rows,
    /// Beside `prefixes`, row by row.
    routes: Vec<Route>,
    peers: Vec<PeerEntry>,
}

/// More prefixes than fit: 4 GiB of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the prefixes of all routes together are longer than 4 GiB, or one is longer than 255 octets")]
pub struct TooManyPrefixes;

impl Routing {
    /// `prefixes` are the beginnings of numbers, as routes compare them. When two are equal the later counts; when two
    /// peers have one domain, the earlier does.
    pub fn new(
        own_domains: impl IntoIterator<Item = String>,
        peers: Vec<PeerEntry>,
        prefixes: impl IntoIterator<Item = (String, Route)>,
    ) -> Result<Self, TooManyPrefixes> {
        let own_domains: HashSet<_> = own_domains.into_iter().map(|domain| plain(&domain)).collect();
        let mut by_domain = HashMap::new();
        for peer in &peers {
            for domain in peer.domains.iter().map(|domain| plain(domain)) {
                if !own_domains.contains(&domain) {
                    by_domain.entry(domain).or_insert_with(|| peer.name.clone());
                }
            }
        }
        let sorted: BTreeMap<_, _> = prefixes.into_iter().collect();
        let mut builder = Builder::with_capacity(sorted.len(), sorted.keys().map(String::len).sum());
        let mut routes = Vec::with_capacity(sorted.len());
        for (prefix, route) in sorted {
            builder.push(&prefix, "").map_err(|_| TooManyPrefixes)?;
            routes.push(route);
        }
        Ok(Self {
            own_domains,
            by_domain,
            prefixes: builder.finish(),
            routes,
            peers,
        })
    }

    /// Where `address` goes.
    pub fn route(&self, address: &MmsAddress) -> Result<Route, Refusal> {
        let domain = address.domain().map(plain);
        let route = match domain.filter(|domain| !self.own_domains.contains(domain)) {
            Some(domain) => self.by_domain.get(&domain).cloned().map(Route::Peer),
            None => self.by_number(address),
        };
        route.ok_or_else(|| Refusal::NoRoute {
            recipient: address.to_string(),
        })
    }

    /// The peer that a connection from `remote` speaks for, once the envelope sender's domain is known.
    ///
    /// Candidates are the peers that list the address. Of several, the one with the sender's domain; if that does not
    /// tell (a null sender, a hub that speaks for many), the one with the smallest network, and the first of equals.
    pub fn peer_for(&self, remote: IpAddr, sender_domain: Option<&str>) -> Option<PeerName> {
        // A listener on [::] sees IPv4 clients in mapped form.
        let remote = remote.to_canonical();
        let sender_domain = sender_domain.map(plain);
        let rank = |peer: &&PeerEntry| {
            let networks = peer.from.iter().filter(|network| network.contains(&remote));
            let smallest = networks.map(IpNet::prefix_len).max()?;
            let has_domain = |sender: &String| peer.domains.iter().any(|domain| plain(domain) == *sender);
            Some((sender_domain.as_ref().is_some_and(has_domain), smallest))
        };
        let ranked = self.peers.iter().filter_map(|peer| Some((rank(&peer)?, peer)));
        // `max_by_key` would return the last of equals.
        let first_best = ranked.reduce(|best, next| if next.0 > best.0 { next } else { best });
        first_best.map(|(_, peer)| peer.name.clone())
    }

    /// Groups recipients by next hop. `chosen` is the peer that a plug-in routed a recipient to, if one did. A
    /// recipient that was left to plug-ins, and that none of them took, has no next hop.
    pub fn split(&self, recipients: &[Recipient], chosen: impl Fn(&Recipient) -> Option<PeerName>) -> Split {
        let mut split = Split::default();
        for recipient in recipients {
            let routed = match chosen(recipient) {
                Some(peer) => Ok(Route::Peer(peer)),
                None => self.route(&recipient.address),
            };
            match routed {
                Ok(Route::Peer(peer)) => split.add(peer, recipient.clone()),
                Ok(Route::PlugIns) => {
                    let recipient_text = recipient.address.to_string();
                    let refusal = Refusal::NoRoute {
                        recipient: recipient_text,
                    };
                    split.unrouted.push((recipient.clone(), refusal));
                }
                Err(refusal) => split.unrouted.push((recipient.clone(), refusal)),
            }
        }
        split
    }

    fn by_number(&self, address: &MmsAddress) -> Option<Route> {
        match address.kind() {
            AddressKind::Number | AddressKind::ShortCode => {
                let row = self.prefixes.find_longest_beginning(address.user())?;
                Some(self.routes[row].clone())
            }
            AddressKind::Email | AddressKind::Other => None,
        }
    }
}

impl Split {
    fn add(&mut self, peer: PeerName, recipient: Recipient) {
        // There are few next hops in one message, mostly one: looking through them costs less than a map.
        match self
            .destinations
            .iter_mut()
            .find(|destination| destination.peer == peer)
        {
            Some(destination) => destination.recipients.push(recipient),
            None => self.destinations.push(Destination {
                peer,
                recipients: vec![recipient],
            }),
        }
    }
}

/// Domains compare without regard to case and to the dot at their end.
fn plain(domain: &str) -> String {
    domain.strip_suffix('.').unwrap_or(domain).to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
