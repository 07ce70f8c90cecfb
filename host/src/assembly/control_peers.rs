//! What the operator's door shows of peers: their state, and what they have sent and received.

use std::collections::{BTreeMap, HashMap};

use crate::control::peers::{Down, HostDown, Peer, Sending};
use crate::control::traffic::{AllTraffic, PeerTraffic};
use crate::delivery::{Delivered, PeerStanding, TOOK};
use crate::message::PeerName;
use crate::relay::Relay;

/// Every next hop, without the messages for it in the store.
pub(super) fn standing(relay: &Relay) -> Vec<Peer> {
    let counts: HashMap<PeerName, Delivered> = relay.delivery.counts().into_iter().collect();
    let standings = relay.delivery.standings().into_iter();
    standings
        .map(|standing| peer(&standing, counts.get(&standing.peer)))
        .collect()
}

pub(super) fn traffic(relay: &Relay, disk_free: Option<u64>) -> AllTraffic {
    let mut peers = BTreeMap::<String, PeerTraffic>::new();
    for (source, came) in relay.counts.by_source() {
        let peer = peers.entry(source.to_string()).or_default();
        (peer.accepted, peer.refused, peer.put_off) = (came.accepted, came.refused, came.deferred);
    }
    for (name, went) in relay.delivery.counts() {
        let peer = peers.entry(name.to_string()).or_default();
        (peer.delivered, peer.deferred, peer.given_up) = (went.delivered, went.deferred, went.failed);
        peer.took = went.took.to_vec();
    }
    let named = peers.into_iter().map(|(name, peer)| PeerTraffic { name, ..peer });
    AllTraffic {
        at: relay.clock.now().into(),
        took_bounds: TOOK.to_vec(),
        peers: named.collect(),
        disk_free,
    }
}

fn peer(standing: &PeerStanding, counts: Option<&Delivered>) -> Peer {
    let down = standing.down.as_ref().map(|down| Down {
        since: down.since.into(),
        said: down.said.clone(),
        again: down.again.map(Into::into),
    });
    let hosts_down = standing.hosts_down.iter().map(|host| HostDown {
        host: host.host.clone(),
        since: host.since.into(),
        said: host.said.clone(),
    });
    let sending = standing.running.iter().map(|running| Sending {
        id: running.id.clone(),
        since: running.since.into(),
        host: running.host.clone(),
        waits_for: running.waits_for.clone(),
        waits_since: running.waits_since.into(),
    });
    let counts = counts.copied().unwrap_or_default();
    Peer {
        name: standing.peer.to_string(),
        down,
        hosts_down: hosts_down.collect(),
        sending: sending.collect(),
        under_way: standing.under_way as u64,
        delivered: counts.delivered,
        deferred: counts.deferred,
        given_up: counts.failed,
        ..Peer::default()
    }
}
