//! From a peer's profile to what delivery must know of it.

use std::sync::Arc;

use super::certificates::Certificates;
use super::exchangers::SystemNameServers;
use crate::config;
use crate::delivery::{Host, Hosts, MxRecords, PeerOptions, Schedule, Tls};
use crate::message::TlsTo;
use crate::protocol::mm4;

/// One for each peer. The name servers are looked for only when one of them wants them.
pub(super) fn peer_options<'a>(
    peers: impl Iterator<Item = &'a config::Peer>,
    our_name: &str,
    certificates: &Certificates,
) -> Vec<PeerOptions> {
    let mut name_servers = None;
    let mut all = Vec::new();
    for peer in peers {
        let hosts = match &peer.mx {
            Some(domain) => Hosts::Mx {
                domain: domain.clone(),
                records: name_servers
                    .get_or_insert_with(|| Arc::new(SystemNameServers::new()) as Arc<dyn MxRecords>)
                    .clone(),
            },
            None => Hosts::Fixed(peer.hosts.iter().map(host).collect()),
        };
        all.push(options(peer, hosts, our_name, certificates));
    }
    all
}

fn host(host: &config::Host) -> Host {
    Host {
        address: host.at.to_string(),
        priority: host.priority,
        weight: host.weight,
    }
}

fn options(peer: &config::Peer, hosts: Hosts, our_name: &str, certificates: &Certificates) -> PeerOptions {
    let tls = certificates.towards(&peer.name).map(|config| Tls {
        config,
        required: peer.tls.to == TlsTo::Required,
        name: peer.tls.name.clone(),
    });
    PeerOptions {
        hosts,
        hello: peer.smtp.hello,
        extensions: peer.smtp.extensions.clone(),
        tls,
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
