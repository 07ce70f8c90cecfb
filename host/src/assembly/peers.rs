//! From a peer's profile to the options of delivery.

use std::cell::LazyCell;
use std::sync::Arc;

use super::certificates::Certificates;
use super::name_servers::NameServers;
use crate::config;
use crate::delivery::{Addresses, Host, Hosts, PeerOptions, Schedule, SystemAddresses, Tls};
use crate::message::{TlsTo, UnknownDomain};
use crate::protocol::mm4;

/// The options of each peer. The name servers are looked up only if one of the peers needs them.
pub(crate) fn peer_options<'a>(
    peers: impl Iterator<Item = &'a config::Peer>,
    relay: &config::Relay,
    certificates: &Certificates,
) -> Vec<PeerOptions> {
    let name_servers = LazyCell::new(|| Arc::new(NameServers::new(&relay.name_servers)));
    let system: Arc<dyn Addresses> = Arc::new(SystemAddresses);
    let of_peer = |peer: &config::Peer| PeerOptions {
        hosts: match &peer.mx {
            Some(domain) => Hosts::Mx {
                domain: domain.clone(),
                records: Arc::<NameServers>::clone(&name_servers),
                unknown_fails: peer.unknown_domain == UnknownDomain::Fail,
            },
            None => Hosts::Fixed(peer.hosts.iter().map(host).collect()),
        },
        addresses: match relay.name_servers.is_empty() {
            true => Arc::clone(&system),
            false => Arc::<NameServers>::clone(&name_servers),
        },
        ..options(peer, &relay.name, certificates)
    };
    peers.map(of_peer).collect()
}

fn host(host: &config::Host) -> Host {
    Host {
        address: host.at.to_string(),
        priority: host.priority,
        weight: host.weight,
    }
}

fn options(peer: &config::Peer, our_name: &str, certificates: &Certificates) -> PeerOptions {
    let tls = certificates.towards(&peer.name).map(|config| Tls {
        config,
        required: peer.tls.to == TlsTo::Required,
        name: peer.tls.name.clone(),
    });
    PeerOptions {
        hello: peer.smtp.hello,
        extensions: peer.smtp.extensions.clone(),
        tls,
        login: certificates.login(&peer.name),
        max_message_size: peer.max_message_size,
        rate: peer.rate,
        sessions: peer.sessions as usize,
        idle: peer.idle,
        timeouts: peer.timeouts,
        schedule: Schedule::new(peer.retry.steps()),
        give_up_after: peer.give_up,
        convert: Some(mm4::seven_bit),
        ..PeerOptions::new(
            peer.name.clone(),
            Vec::new(),
            peer.smtp.helo_name.as_deref().unwrap_or(our_name),
        )
    }
}
