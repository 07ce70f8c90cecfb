//! From recipient to peer, and from connection to peer: pure look-ups, in [tables](crate::tables) that were read
//! before.
//!
//! A recipient goes through the steps of `[routing] order` until one of them has an answer ([`look_up`]). In one of our
//! own domains, or without a domain, it goes by its number: tables, ranges, ENUM. In another operator's domain it goes
//! by that domain. A domain that belongs to nobody has no route, whatever the number before it: mail for one operator's
//! network must not end up in a third one. Several of our own Relay/Servers may serve one range ([`servers`]).
//!
//! A *number* is international, and ranges are prefixes of it. A *code* (`2020`) and a *local part* that is a word
//! (`news`) belong to the network of their domain: ours match exactly, in our own domains and without a domain.
//!
//! Around our own MMSE there is a boundary ([`trust`]): who may speak for whom ([`dialling`] lists the spellings), who
//! carries for whom, and which host names stay inside. Plug-ins may ask for the network of a number without any message
//! ([`whose`]).
//!
//! No look-up waits or asks another system: the answers of DNS, and the peers that cannot be reached, are handed in
//! ([`Circumstances`]).

mod dialling;
mod look_up;
mod network;
mod servers;
mod split;
mod steps;
mod talkers;
mod told;
mod trust;
mod whose;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ipnet::IpNet;

pub use dialling::Dialling;
pub use network::NetworkId;
pub use servers::ServerEntry;
pub use split::{Destination, Split};
pub use told::{Step, Told};
pub use trust::{Role, Side};
pub use whose::Whose;

use self::servers::Servers;
use crate::message::{PeerName, SystemAddress, SystemTag};
use crate::tables::Table;
use crate::tables::rows::{Builder, Rows};

/// A peer as routing knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerEntry {
    pub name: PeerName,
    /// The peer's domains. One that is also our own serves to recognise the peer's messages only.
    pub domains: Vec<String>,
    /// Addresses from which this peer may connect.
    pub from: Vec<IpNet>,
    /// A peer without addresses, which may connect from anywhere and proves its identity by other means.
    pub proves_itself: bool,
    pub role: Role,
    /// It takes one recipient at a time.
    pub single_recipients: bool,
}

/// Everything that routes are made of.
#[derive(Clone, Debug)]
pub struct Plan {
    pub own_domains: Vec<String>,
    /// When two have the same domain, the earlier one counts.
    pub peers: Vec<PeerEntry>,
    /// Those of the peers that are Relay/Servers of our own MMSE.
    pub servers: Vec<ServerEntry>,
    /// Prefixes of international numbers, which begin with `+`; and codes and local parts, which match exactly, without
    /// regard to case. Of two equal ones the later counts.
    pub prefixes: Vec<(String, Route)>,
    pub order: Vec<Step>,
    /// From number to the name of a peer.
    pub subscribers: Option<NamedTable>,
    /// From number to a network's id, a domain or the name of a peer.
    pub portability: Option<NamedTable>,
    /// `None`: ENUM is not asked.
    pub numbering: Option<OnSilence>,
    pub system: Option<SystemAddress>,
    /// How originators' numbers are read.
    pub dialling: Dialling,
    /// The relay's host name. The postmaster can be reached there too.
    pub relay_name: String,
    /// Host names of our own Relay/Servers, which must not appear outside.
    pub inner_hosts: Vec<String>,
}

/// A table with its name in the configuration.
#[derive(Clone, Debug)]
pub struct NamedTable {
    pub name: String,
    pub table: Arc<Table>,
}

/// What becomes of a recipient when DNS does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSilence {
    /// It is refused for the moment.
    Defer,
    /// Routing goes on as if DNS did not know the number.
    Next,
}

/// Where a recipient goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Peer(PeerName),
    /// None yet: a plug-in must give the recipient another address, or a peer.
    PlugIns,
    /// The relay itself: our system address, with its tag if it has one.
    System(Option<SystemTag>),
    /// A person: the postmaster of an own domain.
    Postmaster,
}

/// Facts about the outside world that routing needs.
pub trait Circumstances {
    /// Whether none of a peer's hosts accepts a session. Called for our own Relay/Servers.
    fn is_unreachable(&self, peer: &PeerName) -> bool;

    /// The answer of ENUM about a number.
    fn enum_answer(&self, number: &str) -> EnumAnswer;
}

/// The answer of ENUM about a number (RFC 6116).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnumAnswer {
    /// The domain of its MMSE (RFC 4355, 4: enumservice `mms:mailto`).
    Domain(String),
    /// The number has no such record.
    Nothing,
    /// DNS gave no answer, and why.
    Silence(String),
}

/// Circumstances in which every peer can be reached, and DNS knows nothing.
pub struct AllReachable;

impl Circumstances for AllReachable {
    fn is_unreachable(&self, _: &PeerName) -> bool {
        false
    }

    fn enum_answer(&self, _: &str) -> EnumAnswer {
        EnumAnswer::Nothing
    }
}

/// All look-ups of one configuration. Memory: 37 octets for each prefix besides its text, and the tables.
#[derive(Debug)]
pub struct Routing {
    own_domains: HashSet<String>,
    own_networks: HashSet<NetworkId>,
    by_domain: HashMap<String, PeerName>,
    by_network: HashMap<NetworkId, PeerName>,
    prefixes: Rows,
    /// The targets of `prefixes`, row by row.
    targets: Vec<Target>,
    peers: Vec<PeerEntry>,
    roles: HashMap<PeerName, Role>,
    /// The peers that take one recipient at a time.
    single: HashSet<PeerName>,
    servers: Servers,
    order: Vec<Step>,
    subscribers: Option<NamedTable>,
    portability: Option<NamedTable>,
    numbering: Option<OnSilence>,
    system: Option<SystemAddress>,
    dialling: Dialling,
    relay_name: String,
    inner_hosts: HashSet<String>,
}

/// The target of a range of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Route(Route),
    /// One of these Relay/Servers; not empty.
    Servers(Vec<PeerName>),
}

/// The prefixes have more than 4 GiB of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the prefixes of all routes together are longer than 4 GiB, or one is longer than 255 octets")]
pub struct TooManyPrefixes;

impl Plan {
    /// Peers, and routes by domain and prefix, with every step in its usual order.
    pub fn simple(
        own_domains: impl IntoIterator<Item = String>,
        peers: Vec<PeerEntry>,
        prefixes: impl IntoIterator<Item = (String, Route)>,
    ) -> Self {
        Self {
            own_domains: own_domains.into_iter().collect(),
            peers,
            servers: Vec::new(),
            prefixes: prefixes.into_iter().collect(),
            order: Step::ALL.to_vec(),
            subscribers: None,
            portability: None,
            numbering: None,
            system: None,
            dialling: Dialling::default(),
            relay_name: String::new(),
            inner_hosts: Vec::new(),
        }
    }
}

impl Routing {
    pub fn new(plan: Plan) -> Result<Self, TooManyPrefixes> {
        let own_domains: HashSet<_> = plan
            .own_domains
            .iter()
            .map(|domain| plain(domain).into_owned())
            .collect();
        let (mut by_domain, mut by_network) = (HashMap::new(), HashMap::new());
        for peer in &plan.peers {
            for domain in peer.domains.iter().map(|domain| plain(domain).into_owned()) {
                if own_domains.contains(&domain) {
                    continue;
                }
                if let Some(network) = NetworkId::of_domain(&domain) {
                    by_network.entry(network).or_insert_with(|| peer.name.clone());
                }
                by_domain.entry(domain).or_insert_with(|| peer.name.clone());
            }
        }
        let servers = Servers::new(plan.servers);
        let mut sorted: BTreeMap<_, _> = plan
            .prefixes
            .into_iter()
            .map(|(prefix, route)| (prefix.to_ascii_lowercase(), Target::Route(route)))
            .collect();
        for prefix in servers.prefixes() {
            sorted.insert(prefix.to_ascii_lowercase(), Target::Servers(servers.of_range(prefix)));
        }
        let mut builder = Builder::with_capacity(sorted.len(), sorted.keys().map(String::len).sum());
        let mut targets = Vec::with_capacity(sorted.len());
        for (prefix, target) in sorted {
            builder.push(&prefix, "").map_err(|_| TooManyPrefixes)?;
            targets.push(target);
        }
        Ok(Self {
            own_networks: own_domains
                .iter()
                .filter_map(|domain| NetworkId::of_domain(domain))
                .collect(),
            own_domains,
            by_domain,
            by_network,
            prefixes: builder.finish(),
            targets,
            roles: plan.peers.iter().map(|peer| (peer.name.clone(), peer.role)).collect(),
            single: plan
                .peers
                .iter()
                .filter(|peer| peer.single_recipients)
                .map(|peer| peer.name.clone())
                .collect(),
            peers: plan.peers,
            servers,
            order: plan.order,
            subscribers: plan.subscribers,
            portability: plan.portability,
            numbering: plan.numbering,
            system: plan.system,
            dialling: plan.dialling,
            relay_name: plain(&plan.relay_name).into_owned(),
            inner_hosts: plan.inner_hosts.iter().map(|host| plain(host).into_owned()).collect(),
        })
    }

    /// Rows of the routing tables whose value leads nowhere. `takes` says whether a name is that of a peer that
    /// messages can be sent to.
    pub fn bad_values(&self, takes: impl Fn(&str) -> bool) -> Vec<BadValues> {
        let network = |value: &str| {
            let label = |label: &str| {
                !label.is_empty()
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            };
            let domain = value.contains('.') && plain(value).split('.').all(label);
            takes(value) || NetworkId::read(value).is_some() || domain
        };
        let subscribers = bad_values(
            self.subscribers.as_ref(),
            &takes,
            "the name of a relay-server or peer that has hosts",
        );
        let portability = bad_values(
            self.portability.as_ref(),
            network,
            "a network such as 999-02, a domain, or the name of a peer that has hosts",
        );
        subscribers.into_iter().chain(portability).collect()
    }

    /// Whether a domain is one of ours, in any spelling.
    pub fn is_own(&self, domain: &str) -> bool {
        let domain = plain(domain);
        let network = || NetworkId::of_domain(&domain);
        self.own_domains.contains(&*domain) || network().is_some_and(|network| self.own_networks.contains(&network))
    }
}

/// Rows of one table whose values mean nothing there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadValues {
    pub table: String,
    /// Keys and values: the first 20, in the order of the keys.
    pub rows: Vec<(String, String)>,
    /// How many further ones there are.
    pub more: usize,
    pub expected: &'static str,
}

fn bad_values(named: Option<&NamedTable>, good: impl Fn(&str) -> bool, expected: &'static str) -> Option<BadValues> {
    const REPORTED: usize = 20;
    let NamedTable { name, table } = named?;
    // A million rows have a handful of different values.
    let mut known: HashMap<&str, bool> = HashMap::new();
    let mut wrong = table
        .iter()
        .filter(|(_, value)| !*known.entry(value).or_insert_with(|| good(value)))
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let rows: Vec<_> = wrong.by_ref().take(REPORTED).collect();
    (!rows.is_empty()).then(|| BadValues {
        table: name.clone(),
        rows,
        more: wrong.count(),
        expected,
    })
}

/// Domains compare without regard to case and to the dot at their end.
fn plain(domain: &str) -> Cow<'_, str> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    match domain.bytes().any(|octet| octet.is_ascii_uppercase()) {
        true => Cow::Owned(domain.to_ascii_lowercase()),
        false => Cow::Borrowed(domain),
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod mmse_tests;
