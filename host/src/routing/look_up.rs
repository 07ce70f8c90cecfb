//! The steps of a look-up, from an address to its route, each with an explanation.

use std::fmt;

use super::servers::ServerEntry;
use super::steps::Found;
use super::told::{Step, Subject, Told, subject};
use super::trust::Role;
use super::{Circumstances, Route, Routing, Target, plain};
use crate::message::{MmsAddress, PeerName, Refusal};

impl Routing {
    /// The route of `address`, whoever sends to it.
    pub fn route(&self, address: &MmsAddress, now: &dyn Circumstances) -> Result<Route, Refusal> {
        self.look_up(None, address, now, &mut |_, _| {})
    }

    /// Like [`route`](Self::route), for a message from `source`, with an explanation of each step.
    pub(super) fn look_up(
        &self,
        source: Option<&PeerName>,
        address: &MmsAddress,
        now: &dyn Circumstances,
        told: Told<'_>,
    ) -> Result<Route, Refusal> {
        self.search(source, address, now, told, &mut None)
    }

    /// Like [`look_up`](Self::look_up). Sets `named` to what the table of ported numbers or DNS says about the number,
    /// if one of them is asked and knows it; the last one counts.
    pub(super) fn search(
        &self,
        source: Option<&PeerName>,
        address: &MmsAddress,
        now: &dyn Circumstances,
        told: Told<'_>,
        named: &mut Option<String>,
    ) -> Result<Route, Refusal> {
        let ours = self.ourselves(address, told);
        if let Some(route) = ours.or_else(|| self.another_of_ours(source?, address, told)) {
            return Ok(route);
        }
        let foreign = address.domain().is_some_and(|domain| !self.is_own(domain));
        // After the step by domain, a number in another operator's domain is that operator's business.
        let mut theirs = false;
        for step in self.order.iter().copied() {
            let mut say = |what: fmt::Arguments<'_>| told(Some(step), what);
            if theirs && !step.goes_by_domain() {
                say(format_args!("passed over: the address has somebody else's domain"));
                continue;
            }
            let found = match (step, subject(address)) {
                (Step::Domain, _) => self.by_domain(address, foreign, &mut say),
                (Step::MccMnc, _) => self.by_network(address, foreign, &mut say),
                (_, Subject::Code(_) | Subject::Word(_)) if foreign => {
                    say(format_args!("passed over: it belongs to the network of its domain"));
                    Found::Next
                }
                (Step::Ranges, subject) => self.by_range(subject, &mut say),
                (_, Subject::Word(_)) => {
                    say(format_args!("passed over: this is no number"));
                    Found::Next
                }
                (Step::Subscribers, Subject::Number(key) | Subject::Code(key)) => self.by_subscriber(key, &mut say),
                (Step::Portability, Subject::Number(key) | Subject::Code(key)) => {
                    self.by_portability(key, named, &mut say)
                }
                (Step::Enum, Subject::Number(key) | Subject::Code(key)) => {
                    self.by_enum(key, address, now, named, &mut say)
                }
            };
            theirs |= foreign && step == Step::Domain;
            match found {
                Found::Next => {}
                Found::Nobody => break,
                Found::Later(refusal) => return Err(refusal),
                Found::Range(row) => match &self.targets[row] {
                    Target::Route(Route::Peer(peer)) => return self.to(peer, source, address, now, told),
                    Target::Route(route) => return Ok(route.clone()),
                    Target::Servers(group) => return self.to_one_of(group, source, address, now, told),
                },
                Found::Peer(peer) => return self.to(&peer, source, address, now, told),
            }
        }
        Err(Refusal::NoRoute {
            recipient: address.to_string(),
        })
    }

    /// The postmaster of an own domain, of the relay's host name, or of none (RFC 5321, 4.5.1).
    pub fn is_postmaster(&self, address: &MmsAddress) -> bool {
        let here = |domain: &str| self.is_own(domain) || *plain(domain) == *self.relay_name;
        address.local_part().eq_ignore_ascii_case("postmaster") && address.domain().is_none_or(here)
    }

    /// Our system address, with or without a tag, and the postmaster of every own domain, who must be reachable (RFC
    /// 5321, 4.5.1).
    fn ourselves(&self, address: &MmsAddress, told: Told<'_>) -> Option<Route> {
        if self.is_postmaster(address) {
            told(None, format_args!("the postmaster of this relay"));
            return Some(Route::Postmaster);
        }
        if !address.domain().is_some_and(|domain| self.is_own(domain)) {
            return None;
        }
        let tag = self.system.as_ref()?.read(address)?;
        match &tag {
            Some(tag) => told(
                None,
                format_args!(
                    "our system address, tagged for {} by {}: to this relay itself",
                    tag.relay_server, tag.node
                ),
            ),
            None => told(None, format_args!("our system address: to this relay itself")),
        }
        Some(Route::System(tag))
    }

    /// A message of one of our Relay/Servers to the system address of another. All of them may share one address, which
    /// then does not identify the recipient; the request that is answered does.
    fn another_of_ours(&self, source: &PeerName, address: &MmsAddress, told: Told<'_>) -> Option<Route> {
        let own = address.domain().is_some_and(|domain| self.is_own(domain));
        let is_word = matches!(subject(address), Subject::Word(word) if self.prefixes.find(&word).is_none());
        let answers = own && is_word && self.role(source) == Some(Role::Inside);
        answers.then(|| {
            told(
                None,
                format_args!("no number, in a domain of our own: a system address of one of our relay-servers"),
            );
            Route::System(None)
        })
    }

    /// The peer that was found, or the one that takes its messages now.
    fn to(
        &self,
        peer: &PeerName,
        source: Option<&PeerName>,
        address: &MmsAddress,
        now: &dyn Circumstances,
        told: Told<'_>,
    ) -> Result<Route, Refusal> {
        let Some(server) = self.servers.find(peer) else {
            return Ok(Route::Peer(peer.clone()));
        };
        if !server.drain || server.failover.is_some() {
            return self.to_server(server, source, address, now, told);
        }
        // Another Relay/Server may serve the range of the number.
        let range = self.row_of(&subject(address));
        match range.map(|row| &self.targets[row]) {
            Some(Target::Servers(group)) => {
                told(None, format_args!("{peer} drains: another of its range is taken"));
                self.to_one_of(group, source, address, now, told)
            }
            _ => self.to_server(server, source, address, now, told),
        }
    }

    fn to_one_of(
        &self,
        group: &[PeerName],
        source: Option<&PeerName>,
        address: &MmsAddress,
        now: &dyn Circumstances,
        told: Told<'_>,
    ) -> Result<Route, Refusal> {
        let chosen = self.servers.choose(group, address.user(), &mut |what| told(None, what));
        // When all of them drain, the first may have a stand-in.
        let server = chosen.or_else(|| group.iter().find_map(|name| self.servers.find(name)));
        match server {
            Some(server) => self.to_server(server, source, address, now, told),
            None => Err(nobody(address)),
        }
    }

    fn to_server(
        &self,
        server: &ServerEntry,
        source: Option<&PeerName>,
        address: &MmsAddress,
        now: &dyn Circumstances,
        told: Told<'_>,
    ) -> Result<Route, Refusal> {
        let is_unreachable = |peer: &PeerName| now.is_unreachable(peer);
        let taken = self
            .servers
            .stand_in(server, source, is_unreachable, &mut |what| told(None, what));
        taken
            .map(|server| Route::Peer(server.name.clone()))
            .ok_or_else(|| nobody(address))
    }
}

fn nobody(address: &MmsAddress) -> Refusal {
    Refusal::NobodyServes {
        recipient: address.to_string(),
    }
}
