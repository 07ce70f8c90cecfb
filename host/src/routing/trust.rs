//! The boundary around our own MMSE: who is known where, who may speak for whom, and who carries for whom.
//!
//! There is an inside when at least one peer is a Relay/Server of our own. Without any, the relay is a hub: it carries
//! between all its peers, and there is nobody whom an outside peer could pretend to be.

use super::look_up::{Told, number};
use super::steps::Network;
use super::{Calm, Circumstances, EnumAnswer, Route, Routing, Step, Target};
use crate::message::{MmsAddress, PeerName, Refusal, SystemTag};

/// What a peer is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A Relay/Server of our own MMSE.
    Inside,
    /// Another operator.
    Outside,
    /// Another operator whose traffic with third ones we carry, in both directions.
    Hub,
}

/// Where a listener stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Our own Relay/Servers are known there, and nobody else.
    Inside,
    /// Everybody but them is.
    Outside,
    /// The only one: everybody is.
    Both,
}

impl Side {
    pub(super) fn knows(self, role: Role) -> bool {
        match self {
            Self::Inside => role == Role::Inside,
            Self::Outside => role != Role::Inside,
            Self::Both => true,
        }
    }
}

impl Routing {
    /// Where a recipient of a message from `source` goes, if `source` may send to it.
    pub fn admit(&self, source: &PeerName, address: &MmsAddress, now: &dyn Circumstances) -> Result<Route, Refusal> {
        self.explain(source, address, now, &mut |_, _| {})
    }

    /// As [`admit`](Self::admit), before it is known what the message is. A report goes to whoever sent the message that
    /// it is about, also when the number has moved meanwhile. So a number of ours that leads back to `source`, or on to a
    /// third network, is taken here, and refused at the end of data to what is no report.
    pub fn admit_before_data(
        &self,
        source: &PeerName,
        address: &MmsAddress,
        now: &dyn Circumstances,
    ) -> Result<(), Refusal> {
        let foreign = address.domain().is_some_and(|domain| !self.is_own(domain));
        let may_have_moved = !foreign && number(address).is_some();
        match self.admit(source, address, now) {
            Err(Refusal::Loop { .. } | Refusal::ThirdParty { .. }) if may_have_moved => Ok(()),
            admitted => admitted.map(|_| ()),
        }
    }

    /// As [`admit`](Self::admit); `told` hears everything that was considered.
    pub fn explain(
        &self,
        source: &PeerName,
        address: &MmsAddress,
        now: &dyn Circumstances,
        told: Told<'_>,
    ) -> Result<Route, Refusal> {
        let route = self.look_up(Some(source), address, now, told)?;
        if let Route::Peer(next) = &route {
            self.refuse_return(source, next, address, told)?;
            self.refuse_transit(source, next, address, told)?;
        }
        Ok(route)
    }

    /// Whether a message from `source` may name `address` as its originator. An own domain, and a number that one of our
    /// Relay/Servers serves, are claimed from inside only. Whose a number is, the tables say before its range: one that
    /// was ported away may well come from outside, and one that was ported to us may not.
    pub fn may_originate(&self, source: &PeerName, address: &MmsAddress) -> Result<(), Refusal> {
        let checked = self.has_inside() && matches!(self.roles.get(source), Some(Role::Outside | Role::Hub));
        let own_domain = address.domain().is_some_and(|domain| self.is_own(domain));
        let own_number = || number(address).is_some_and(|number| self.is_ours(number));
        match checked && (own_domain || own_number()) {
            true => Err(Refusal::SenderNotAllowed {
                sender: address.to_string(),
            }),
            false => Ok(()),
        }
    }

    /// Whether ENUM has to be asked before this recipient can be routed.
    pub fn number_for_enum(&self, source: &PeerName, address: &MmsAddress) -> Option<String> {
        self.numbering?;
        let asked = Asked::default();
        let _ = self.look_up(Some(source), address, &asked, &mut |_, _| {});
        asked.0.take()
    }

    /// The Relay/Server that a tag of our system address names: also in another case, as it may come back, and also when
    /// it drains. `None`: there is none of that name any more.
    pub fn home(&self, tag: &SystemTag) -> Option<PeerName> {
        let server = self.servers.find_returned(&tag.relay_server)?;
        Some(server.name.clone())
    }

    /// What a peer is to us. `None`: it is not configured, or the relay itself.
    pub fn role(&self, peer: &PeerName) -> Option<Role> {
        self.roles.get(peer).copied()
    }

    /// Whether one of our own Relay/Servers serves the number, by the tables, else by its range.
    fn is_ours(&self, number: &str) -> bool {
        for step in &self.order {
            let network = match step {
                Step::Portability => self.portability.as_ref().and_then(|named| named.table.lookup(number)),
                Step::Subscribers => self.subscribers.as_ref().and_then(|named| named.table.lookup(number)),
                _ => None,
            };
            match network.map(|value| self.network_of(value, &mut |_| {})) {
                Some(Network::Own) => return true,
                Some(Network::Peer(peer)) => return self.is_inside(&peer),
                Some(Network::Unknown) => return false,
                None => {}
            }
        }
        let row = self.prefixes.find_longest_beginning(number);
        match row.map(|row| &self.targets[row]) {
            Some(Target::Servers(_)) => true,
            Some(Target::Route(Route::Peer(peer))) => self.is_inside(peer),
            _ => false,
        }
    }

    fn has_inside(&self) -> bool {
        !self.servers.is_empty() || self.peers.iter().any(|peer| peer.role == Role::Inside)
    }

    fn is_inside(&self, peer: &PeerName) -> bool {
        self.role(peer) == Some(Role::Inside)
    }

    /// Back to the Relay/Server that it comes from: it thinks that the number is somebody else's, and we that it is its.
    fn refuse_return(
        &self,
        source: &PeerName,
        next: &PeerName,
        address: &MmsAddress,
        told: Told<'_>,
    ) -> Result<(), Refusal> {
        if source != next || !self.is_inside(next) {
            return Ok(());
        }
        told(
            None,
            format_args!("refused: {source} sent it, and serves the number itself"),
        );
        Err(Refusal::Loop {
            evidence: format!("{source} sent it to {address}, which {source} serves itself"),
        })
    }

    /// Between two outside peers, unless one of them is a hub, or there is no inside.
    fn refuse_transit(
        &self,
        source: &PeerName,
        next: &PeerName,
        address: &MmsAddress,
        told: Told<'_>,
    ) -> Result<(), Refusal> {
        let outside = |peer| self.role(peer) == Some(Role::Outside);
        if !self.has_inside() || !outside(source) || !outside(next) {
            return Ok(());
        }
        told(
            None,
            format_args!("refused: {source} and {next} are both outside, and neither has hub = true"),
        );
        Err(Refusal::ThirdParty {
            recipient: address.to_string(),
        })
    }
}

/// Finds out which number ENUM would be asked for.
#[derive(Default)]
struct Asked(std::cell::Cell<Option<String>>);

impl Circumstances for Asked {
    fn is_unreachable(&self, peer: &PeerName) -> bool {
        Calm.is_unreachable(peer)
    }

    fn enum_answer(&self, number: &str) -> EnumAnswer {
        self.0.set(Some(number.to_owned()));
        EnumAnswer::Nothing
    }
}
