//! What is known of peers and numbers: made of one configuration and its tables, and replaced as a whole.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::config::{self, Config, RouteTo};
use crate::delivery::Delivery;
use crate::message::{Choice, ContentClass, Envelope, MmsAddress, PeerName, Quirk, Recipient, Refusal};
use crate::numbering::{self, Answer, Numbering};
use crate::pipeline::Destination;
use crate::routing::{
    Circumstances, Dialling, EnumAnswer, NamedTable, OnSilence, PeerEntry, Plan, Role, Route, Routing, ServerEntry,
    Step, Tables, Whose,
};

use super::doors::{SenderProfile, senders};
use super::face::Face;
use super::findings::Findings;
use super::quirks::Quirks;

/// One generation. A message asks for it at each step of its way, and may meet the next one at its next step.
pub struct Directory {
    pub(super) routing: Routing,
    /// What each peer can take, as departure plug-ins are told. Peers without hosts are not here: nothing can go there.
    pub(super) destinations: HashMap<PeerName, Destination>,
    /// What holds for messages of each peer.
    pub(super) senders: HashMap<PeerName, SenderProfile>,
    pub(super) quirks: Quirks,
    /// How long each peer may have to wait for the answer to its end of data.
    pub(super) answer_within: HashMap<PeerName, Duration>,
    /// How we look from outside.
    pub(super) face: Face,
    /// Who reads what is sent to the postmaster, and the peer through which that goes. `None`: an operator, in the queue.
    pub(super) postmaster: Option<(MmsAddress, PeerName)>,
    /// What DNS says of numbers, if it is asked.
    numbering: Option<Arc<Numbering>>,
}

impl Directory {
    /// What DNS said is kept from the generation `before`, if it is asked as it was. `None` when it cannot be made; what is
    /// wrong, rows of routing tables that lead nowhere too, is added to `found`.
    pub(super) fn new(config: &Config, tables: &Tables, before: Option<&Self>, found: &mut Findings) -> Option<Self> {
        let kept = before.and_then(|before| before.numbering.clone());
        let numbering = numbering(config, kept).map_err(|error| found.problem("routing.enum", format!("{error:#}")));
        let routing = routing(config, tables).map_err(|error| found.problem("route", format!("{error:#}")));
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
        Some(Self {
            numbering: numbering.ok()?,
            routing,
            destinations: destinations(config),
            senders: senders(config),
            quirks: Quirks::of(config),
            face: Face::of(config),
            postmaster: postmaster(config),
            answer_within: config
                .peers
                .iter()
                .map(|peer| (peer.name.clone(), peer.answer_within))
                .collect(),
        })
    }
}

impl Directory {
    /// Routing's view of the world.
    pub(super) fn now<'a>(&'a self, delivery: &'a Delivery) -> Now<'a> {
        Now {
            delivery: Some(delivery),
            numbering: self.numbering.as_deref(),
        }
    }

    /// The first domain of a peer to which something can be sent.
    pub(super) fn domain(&self, peer: &PeerName) -> Option<&str> {
        let destination = self.destinations.get(peer)?;
        Some(destination.domain.as_str()).filter(|domain| !domain.is_empty())
    }

    /// Whether a message is for the postmaster and nobody else: then it need not be MM4.
    pub(super) fn is_for_postmaster(&self, envelope: &Envelope) -> bool {
        let recipients = &envelope.recipients;
        let is_it = |recipient: &Recipient| self.routing.is_postmaster(&recipient.address);
        !recipients.is_empty() && recipients.iter().all(is_it)
    }

    pub fn routing(&self) -> &Routing {
        &self.routing
    }

    /// Where a recipient of a message from `source` would go, or of one from nobody in particular. DNS is asked if need
    /// be; every peer counts as reachable. `told` hears what each step found, by its name.
    pub async fn explain(
        &self,
        source: Option<&PeerName>,
        address: &MmsAddress,
        mut told: impl FnMut(&str, fmt::Arguments<'_>),
    ) -> Result<Route, Refusal> {
        let nobody = PeerName::no_route();
        let source = source.unwrap_or(&nobody);
        if let Some((numbering, number)) = self.to_be_asked(source, address) {
            numbering.ask(&number).await;
        }
        let now = Now {
            delivery: None,
            numbering: self.numbering.as_deref(),
        };
        self.routing.explain(source, address, &now, &mut |step, what| {
            told(step.map_or("", Step::name), what);
        })
    }

    /// Whose a number is. DNS is asked if need be.
    ///
    /// # Errors
    /// DNS does not answer.
    pub(super) async fn whose(&self, number: &MmsAddress) -> Result<Option<Whose>, Refusal> {
        if let Some((numbering, number)) = self.to_be_asked(&PeerName::no_route(), number) {
            numbering.ask(&number).await;
        }
        let now = Now {
            delivery: None,
            numbering: self.numbering.as_deref(),
        };
        self.routing.whose(number, &now)
    }

    /// Whom to ask, and for which number, before this recipient can be routed; `None` when nothing has to be asked.
    pub(super) fn to_be_asked(&self, source: &PeerName, address: &MmsAddress) -> Option<(Arc<Numbering>, String)> {
        let numbering = self.numbering.as_ref()?;
        let number = self.routing.number_for_enum(source, address)?;
        numbering
            .kept(&number)
            .is_none()
            .then(|| (Arc::clone(numbering), number))
    }
}

/// What routing is told of the world: delivery knows who can be reached, and DNS has been asked.
pub(super) struct Now<'a> {
    delivery: Option<&'a Delivery>,
    numbering: Option<&'a Numbering>,
}

impl Circumstances for Now<'_> {
    fn is_unreachable(&self, peer: &PeerName) -> bool {
        self.delivery.is_some_and(|delivery| delivery.is_unreachable(peer))
    }

    fn enum_answer(&self, number: &str) -> EnumAnswer {
        let kept = self.numbering.and_then(|numbering| numbering.kept(number));
        match kept {
            Some(Answer::Domain(domain)) => EnumAnswer::Domain(domain),
            Some(Answer::Nothing) => EnumAnswer::Nothing,
            Some(Answer::Silence(reason)) => EnumAnswer::Silence(reason),
            // It was asked, and has run out since.
            None => EnumAnswer::Silence("not asked yet".to_owned()),
        }
    }
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

/// The names of the hosts of our own Relay/Servers.
fn inner_hosts(config: &Config) -> Vec<String> {
    let servers = config.peers.iter().filter(|peer| peer.inside);
    servers
        .flat_map(|peer| &peer.hosts)
        .map(|host| host.at.host.clone())
        .collect()
}

/// Where mail for the postmaster goes. The configuration has checked that a peer has the domain.
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
