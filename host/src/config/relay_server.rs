//! `[[relay-server]]`: the MMS Relay/Servers of our own MMSE. Each is also a peer, and has the numbers that it serves.

use std::collections::HashSet;

use super::Relay;
use super::file::Section;
use super::forms::{count, local_part, peer_name, prefix, yes_or_no};
use super::peer::{Peer, Taken};
use super::problem::one_of;
use crate::message::{PeerName, SystemTag};

/// The keys that a Relay/Server of our own has besides those of a peer, which are in the peer of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayServer {
    pub name: PeerName,
    /// Prefixes of the numbers that it serves, whole codes, and its `local-parts`, words in lower case. Several
    /// Relay/Servers may serve the same numbers.
    pub numbers: Vec<String>,
    /// `weight`: its weight among those that serve the same numbers. Default 1.
    pub weight: u32,
    /// `failover`: the Relay/Server that takes its new messages while it drains or cannot be reached. `None`, written
    /// `queue`: they wait for it. Default `queue`, because the subscriber's mailbox is there and nowhere else.
    pub failover: Option<PeerName>,
    /// `drain`: it gets no new messages; responses and reports still reach it. Default false.
    pub drain: bool,
}

/// The word, which is no name, for messages that wait.
const QUEUE: &str = "queue";

impl RelayServer {
    /// Reads the section, including the keys of a peer. `None` when it has no name.
    pub(super) fn read(s: &mut Section<'_>, taken: &mut Taken<'_>, relay: &Relay) -> Option<(Self, Peer)> {
        let mut seen = HashSet::new();
        let mut once = |read: String, what: &str| match seen.insert(read.clone()) {
            true => Ok(read),
            false => Err(format!("a {what} that is listed only once")),
        };
        let mut numbers = s.list("numbers", |value| once(prefix(value)?, "prefix"));
        numbers.extend(s.list("local-parts", |value| once(local_part(value)?, "local part")));
        let failover = s.optional("failover", |value| match value.as_str() {
            Some(QUEUE) => Ok(None),
            _ => peer_name(value).map(Some).map_err(|_| FAILOVER.to_owned()),
        });
        let weight = s.optional("weight", count(1..=1000)).unwrap_or(1);
        let drain = s.optional("drain", yes_or_no).unwrap_or(false);
        let mut peer = Peer::read(s, taken)?;
        peer.inside = true;
        if peer.domains.iter().any(|domain| !relay.domains.contains(domain)) {
            s.refuse("domains", "domains of our own: those of [relay], which is the default");
        }
        if peer.domains.is_empty() {
            peer.domains.clone_from(&relay.domains);
        }
        if !peer.takes_messages() && !s.has("hosts") {
            s.refuse("hosts", "at least one HOST:PORT, where its messages go");
        }
        if peer.name.as_str() == QUEUE {
            s.refuse("name", "another name: queue has a meaning in failover");
        }
        let tag = SystemTag {
            node: relay.node.clone(),
            relay_server: peer.name.clone(),
        };
        if let Some(Err(error)) = relay.system_address.as_ref().map(|system| system.tagged(&tag)) {
            s.refuse("name", format!("a name that fits into our system address: {error}"));
        }
        let read = Self {
            name: peer.name.clone(),
            numbers,
            weight,
            failover: failover.flatten(),
            drain,
        };
        Some((read, peer))
    }

    /// Checks the section when all have been read: `all` are those that could be.
    pub(super) fn check(s: &mut Section<'_>, all: &[Self]) {
        let own = s.peek("name").to_owned();
        let failover = s.peek("failover").to_owned();
        if failover.is_empty() || failover == QUEUE {
            return;
        }
        let others: Vec<_> = all
            .iter()
            .map(|server| server.name.as_str())
            .filter(|name| *name != own)
            .collect();
        if !others.contains(&failover.as_str()) {
            let expected = match others.as_slice() {
                [] => "queue: there is no other relay-server that could stand in".to_owned(),
                others => format!(
                    "queue, or the name of another relay-server: {}",
                    one_of(&failover, others)
                ),
            };
            s.refuse("failover", expected);
        }
    }
}

const FAILOVER: &str = "the name of another relay-server, or queue";
