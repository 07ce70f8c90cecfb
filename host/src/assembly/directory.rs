//! Makes a [`Directory`] from a configuration and its tables: routes, destinations, and the terms for each peer.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::findings::Findings;
use crate::config::{self, Code, Config, RouteTo};
use crate::message::{Choice, ContentClass, MmsAddress, PeerName, Quirk, UnknownTypes};
use crate::numbering::{self, Numbering};
use crate::pipeline::Destination;
use crate::relay::directory::{Directory, Face};
use crate::relay::logins::Logins;
use crate::relay::quirks::Quirks;
use crate::relay::rates::Rates;
use crate::relay::sender::SenderProfile;
use crate::routing::{Dialling, NamedTable, OnSilence, PeerEntry, Plan, Role, Route, Routing, ServerEntry, Step};
use crate::tables::Tables;

/// Makes the directory. Answers of DNS are kept from the generation `before`, if the configuration of ENUM is the same.
/// `None` when it cannot be made; problems, also rows of routing tables that lead nowhere, are added to `found`.
pub(super) fn directory(
    config: &Config,
    tables: &Tables,
    before: Option<&Directory>,
    found: &mut Findings,
) -> Option<Directory> {
    let kept = before.and_then(|before| before.numbering.clone());
    let numbering = numbering(config, kept)
        .map_err(|error| found.problem(Code::RoutingUnusable, "routing.enum", format!("{error:#}")));
    let routing =
        routing(config, tables).map_err(|error| found.problem(Code::RoutingUnusable, "route", format!("{error:#}")));
    let routing = routing.ok()?;
    let takes = |name: &str| {
        config
            .peers
            .iter()
            .any(|peer| peer.name.as_str() == name && peer.takes_messages())
    };
    for bad in routing.bad_values(takes) {
        let table = config.tables.iter().find(|table| table.name == bad.table);
        found.bad_values(&bad, table.map_or(Path::new(""), |table| &table.file));
    }
    Some(Directory {
        numbering: numbering.ok()?,
        routing,
        destinations: destinations(config),
        senders: senders(config),
        logins: Arc::new(logins(config)),
        quirks: quirks(config),
        face: face(config),
        postmaster: postmaster(config),
        answer_within: config
            .peers
            .iter()
            .map(|peer| (peer.name.clone(), peer.answer_within))
            .collect(),
    })
}

fn numbering(config: &Config, kept: Option<Arc<Numbering>>) -> anyhow::Result<Option<Arc<Numbering>>> {
    let Some(wanted) = &config.routing.numbering else {
        return Ok(None);
    };
    let options = numbering::Options {
        suffix: wanted.suffix.clone(),
        servers: match wanted.servers.is_empty() {
            true => config.relay.name_servers.clone(),
            false => wanted.servers.clone(),
        },
        time_out: wanted.time_out,
        keep_at_least: wanted.keep_at_least,
        keep_at_most: wanted.keep_at_most,
    };
    if let Some(kept) = kept.filter(|kept| *kept.options() == options) {
        return Ok(Some(kept));
    }
    let made = Numbering::new(options).context("routing.enum")?;
    Ok(Some(Arc::new(made)))
}

/// The routes of a configuration.
fn routing(config: &Config, tables: &Tables) -> anyhow::Result<Routing> {
    let peer = |peer: &config::Peer| PeerEntry {
        name: peer.name.clone(),
        domains: peer.domains.clone(),
        from: peer.from.clone(),
        proves_itself: peer.proves_itself(),
        role: match () {
            () if peer.inside => Role::Inside,
            () if peer.hub => Role::Hub,
            () => Role::Outside,
        },
        single_recipients: peer.has(Quirk::OneRecipientPerTransaction),
    };
    let server = |server: &config::RelayServer| ServerEntry {
        name: server.name.clone(),
        numbers: server.numbers.clone(),
        weight: server.weight,
        failover: server.failover.clone(),
        drain: server.drain,
    };
    let route = |route: &config::Route| {
        let to = match &route.to {
            RouteTo::Peer(peer) => Route::Peer(peer.clone()),
            RouteTo::PlugIns => Route::PlugIns,
        };
        (route.prefix.clone(), to)
    };
    let named = |name: &Option<String>| {
        let name = name.clone()?;
        let table = tables.get(&name)?.clone();
        Some(NamedTable { name, table })
    };
    let on_silence = config
        .routing
        .numbering
        .as_ref()
        .map(|numbering| match numbering.on_failure {
            config::OnFailure::Defer => OnSilence::Defer,
            config::OnFailure::Next => OnSilence::Next,
        });
    Ok(Routing::new(Plan {
        own_domains: config.relay.domains.clone(),
        peers: config.peers.iter().map(peer).collect(),
        servers: config.relay_servers.iter().map(server).collect(),
        prefixes: config.routes.iter().map(route).collect(),
        order: config.routing.order.iter().copied().map(step).collect(),
        subscribers: named(&config.routing.subscribers),
        portability: named(&config.routing.portability),
        numbering: on_silence,
        system: config.relay.system_address.clone(),
        dialling: dialling(&config.routing.dialling),
        relay_name: config.relay.name.clone(),
        inner_hosts: inner_hosts(config),
    })?)
}

fn dialling(dialling: &config::Dialling) -> Dialling {
    Dialling {
        country_code: dialling.country_code.clone(),
        national_prefix: dialling.national_prefix.clone(),
        international_prefixes: dialling.international_prefixes.clone(),
    }
}

/// The host names of our own Relay/Servers.
fn inner_hosts(config: &Config) -> Vec<String> {
    let servers = config.peers.iter().filter(|peer| peer.inside);
    servers
        .flat_map(|peer| &peer.hosts)
        .map(|host| host.at.host.clone())
        .collect()
}

/// The next hop of mail for the postmaster. The configuration has checked that a peer has the domain.
fn postmaster(config: &Config) -> Option<(MmsAddress, PeerName)> {
    let address = config.relay.postmaster.clone()?;
    let peer = config.peers.iter().find(|peer| peer.has_domain_of(&address))?;
    Some((address, peer.name.clone()))
}

fn step(step: config::Step) -> Step {
    match step {
        config::Step::Domain => Step::Domain,
        config::Step::Subscribers => Step::Subscribers,
        config::Step::Portability => Step::Portability,
        config::Step::Ranges => Step::Ranges,
        config::Step::MccMnc => Step::MccMnc,
        config::Step::Enum => Step::Enum,
    }
}

fn destinations(config: &Config) -> HashMap<PeerName, Destination> {
    let destination = |peer: &config::Peer| Destination {
        peer: peer.name.to_string(),
        domain: peer.domains.first().cloned().unwrap_or_default(),
        inside: peer.inside,
        content_class: peer.content_class.map(ContentClass::word).map(str::to_owned),
        max_message_size: peer.max_message_size,
        max_image_size: peer.max_image_size,
        max_image_width: peer.max_image_width,
        max_image_height: peer.max_image_height,
    };
    let peers = config.peers.iter().filter(|peer| peer.takes_messages());
    peers.map(|peer| (peer.name.clone(), destination(peer))).collect()
}

/// The terms of each peer: its profile, and `[limits]` for what that leaves out.
fn senders(config: &Config) -> HashMap<PeerName, SenderProfile> {
    let profile = |peer: &config::Peer| SenderProfile {
        message: peer.message_size.unwrap_or(config.limits.message_size),
        line: peer.line_length.unwrap_or(config.limits.line_length).into(),
        tls_required: peer.tls.from_required,
        rates: Rates {
            connections: peer.sends.connections,
            messages: peer.sends.messages,
            octets: peer.sends.octets,
        },
        login_required: peer.login.is_some(),
        certificate_required: peer.tls.client_ca.is_some(),
        talks_early: peer.has(Quirk::TalksEarly),
        mends_line_ends: peer.has(Quirk::BareLineEnds),
        unknown_types_pass: peer.mm4.unknown_types == UnknownTypes::Pass,
    };
    let peers = config.peers.iter();
    peers.map(|peer| (peer.name.clone(), profile(peer))).collect()
}

fn logins(config: &Config) -> Logins {
    let logins = config.peers.iter().filter_map(|peer| {
        let login = peer.login.as_ref()?;
        Some((login.name.clone(), peer.name.clone(), login.hash.clone()))
    });
    Logins::new(logins)
}

/// The peers whose quirks change octets.
fn quirks(config: &Config) -> Quirks {
    let peers = config.peers.iter().filter(|peer| peer.has(Quirk::ToWithoutType));
    Quirks {
        without_type: peers.map(|peer| peer.name.clone()).collect(),
    }
}

fn face(config: &Config) -> Face {
    Face {
        system: config.relay.system_address.clone(),
        node: config.relay.node.clone(),
    }
}
