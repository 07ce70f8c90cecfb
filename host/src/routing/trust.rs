//! The boundary around our own MMSE: which peer is known where, who may speak for whom, and who carries for whom.
//!
//! There is an inside when at least one peer is a Relay/Server of our own. Without one, the relay is a hub: it carries
//! between all its peers, and there is nobody whom an outside peer could pretend to be.

use super::steps::Network;
use super::told::Told;
use super::{AllReachable, Circumstances, EnumAnswer, NetworkId, Route, Routing, Step, Target, plain};
use crate::message::{MmsAddress, PeerName, Refusal, SystemTag};

/// The relation of a peer to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A Relay/Server of our own MMSE.
    Inside,
    /// Another operator.
    Outside,
    /// Another operator whose traffic with third operators we carry, in both directions.
    Hub,
}

/// The side of the boundary on which a listener stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Only our own Relay/Servers are known there.
    Inside,
    /// All peers but those are known there.
    Outside,
    /// The only listener: all peers are known there.
    Both,
}

impl Side {
    /// The word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Outside => "outside",
            Self::Both => "both",
        }
    }

    pub(super) fn knows(self, role: Role) -> bool {
        match self {
            Self::Inside => role == Role::Inside,
            Self::Outside => role != Role::Inside,
            Self::Both => true,
        }
    }
}

impl Routing {
    /// The route of a recipient of a message from `source`, if `source` may send to it. A `source` of `None` is the
    /// relay itself, or no particular peer.
    pub fn admit<'a>(
        &self,
        source: impl Into<Option<&'a PeerName>>,
        address: &MmsAddress,
        now: &dyn Circumstances,
    ) -> Result<Route, Refusal> {
        self.explain(source, address, now, &mut |_, _| {})
    }

    /// Like [`admit`](Self::admit), before the type of the message is known. A report goes to the peer that sent the
    /// message it is about, even when the number has moved since. So a number of ours that leads back to `source`, or
    /// on to a third network, is accepted here, and refused at the end of data unless the message is a report.
    pub fn admit_before_data(
        &self,
        source: &PeerName,
        address: &MmsAddress,
        now: &dyn Circumstances,
    ) -> Result<(), Refusal> {
        let may_have_moved = address.domain().is_none_or(|domain| self.is_own(domain));
        match self.admit(source, address, now) {
            Err(Refusal::Loop { .. } | Refusal::ThirdParty { .. }) if may_have_moved => Ok(()),
            admitted => admitted.map(|_| ()),
        }
    }

    /// Like [`admit`](Self::admit); `told` gets an explanation of every step.
    pub fn explain<'a>(
        &self,
        source: impl Into<Option<&'a PeerName>>,
        address: &MmsAddress,
        now: &dyn Circumstances,
        told: Told<'_>,
    ) -> Result<Route, Refusal> {
        let source = source.into();
        let route = self.look_up(source, address, now, told)?;
        if let (Some(source), Route::Peer(next)) = (source, &route) {
            self.refuse_return(source, next, address, told)?;
            self.refuse_transit(source, next, address, told)?;
        }
        Ok(route)
    }

    /// Whether the originators that `source` names are checked: there is an inside, and `source` is neither inside nor
    /// the relay itself (`None`). They are also checked for a peer that is no longer configured.
    pub fn must_prove<'a>(&self, source: impl Into<Option<&'a PeerName>>) -> bool {
        let is_foreign = |peer| self.has_inside() && !self.is_inside(peer);
        source.into().is_some_and(is_foreign)
    }

    /// Whether a message from `source` may name `address` as its originator. Only from inside may come an own domain, a
    /// domain below it, a host name of ours, and a number that one of our Relay/Servers serves, in any spelling and
    /// domain. The tables decide before the ranges whose a number is: one that was ported away may come from outside,
    /// and one that was ported to us may not. A code or a word belongs to its domain.
    ///
    /// # Errors
    /// It may not, or other readers may take the address for another one.
    pub fn may_originate<'a>(
        &self,
        source: impl Into<Option<&'a PeerName>>,
        address: &MmsAddress,
    ) -> Result<(), Refusal> {
        if !self.must_prove(source) {
            return Ok(());
        }
        if !address.is_unambiguous() {
            return Err(Refusal::BadAddress {
                text: address.to_string(),
                reason: "it can be read in several ways, and so is no originator".into(),
            });
        }
        let mut read = Some(address.clone());
        while let Some(claimed) = read {
            if self.is_of_ours(&claimed) {
                return Err(Refusal::SenderNotAllowed {
                    sender: address.to_string(),
                });
            }
            read = routed_on(&claimed);
        }
        Ok(())
    }

    /// Whether an originator is one of our own, in any reading of its address.
    fn is_of_ours(&self, address: &MmsAddress) -> bool {
        let ours = |domain: &str| self.is_ours_or_below(domain) || self.is_a_host_of_ours(domain);
        let numbers = self.dialling.readings(&address.local_part());
        address.domain().is_some_and(ours) || numbers.iter().any(|number| self.is_ours(number))
    }

    /// Whether a domain is one of our own or below one, and not a peer's.
    fn is_ours_or_below(&self, domain: &str) -> bool {
        if self.is_own(domain) {
            return true;
        }
        let domain = plain(domain);
        let mut rest = Some(&*domain);
        while let Some(suffix) = rest {
            if self.own_domains.contains(suffix) || self.by_domain.contains_key(suffix) {
                return self.own_domains.contains(suffix);
            }
            rest = suffix.split_once('.').map(|(_, rest)| rest);
        }
        false
    }

    fn is_a_host_of_ours(&self, domain: &str) -> bool {
        let domain = plain(domain);
        let literal = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        *domain == *self.relay_name || self.inner_hosts.contains(literal.unwrap_or(&*domain))
    }

    /// Whether a domain that a Relay/Server of ours writes names a host inside: below an own domain, a configured host,
    /// the Relay/Server's name in EHLO, an IP address, or a name without a dot. An own domain, in any spelling, does
    /// not.
    pub fn is_inner(&self, domain: &str, helo: &str) -> bool {
        let domain = plain(domain);
        let front = |domain: &str| domain.split_once("mnc").map(|(front, _)| front.to_owned());
        let spelled_otherwise = NetworkId::of_domain(&domain).is_some_and(|network| {
            let of_it = self
                .own_domains
                .iter()
                .filter(|own| NetworkId::of_domain(own) == Some(network));
            of_it.map(|own| front(own)).any(|own| own == front(&domain))
        });
        let host = self.inner_hosts.contains(&*domain)
            || *domain == *plain(helo)
            || !domain.contains('.')
            || domain.starts_with('[');
        !self.own_domains.contains(&*domain) && !spelled_otherwise && (host || self.is_ours_or_below(&domain))
    }

    /// The number for which ENUM must be asked before this recipient can be routed, if any.
    pub fn number_for_enum<'a>(&self, source: impl Into<Option<&'a PeerName>>, address: &MmsAddress) -> Option<String> {
        self.numbering?;
        let asked = Asked::default();
        let _ = self.look_up(source.into(), address, &asked, &mut |_, _| {});
        asked.0.take()
    }

    /// The Relay/Server that a tag of our system address names, also in another case, and also when it drains. `None`:
    /// no Relay/Server has that name any more.
    pub fn home(&self, tag: &SystemTag) -> Option<PeerName> {
        let server = self.servers.find_returned(&tag.relay_server)?;
        Some(server.name.clone())
    }

    /// The relation of a peer to us. `None`: it is not configured, or is the relay itself.
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

    /// Refuses a number that leads back to the Relay/Server that sent the message: it takes the number for another
    /// operator's, and we take it for its own.
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

    /// Refuses a message between two outside peers, unless one of them is a hub, or there is no inside.
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

/// The address to which a system that follows explicit routes in local parts would send this mail (RFC 5321, appendix
/// F.2, and RFC 1123, 5.3.5): `x%d@e`, `"x@d"@e` and `d!x@e` lead to `x@d`.
fn routed_on(address: &MmsAddress) -> Option<MmsAddress> {
    let local = address.local_part();
    let (user, domain) = match local.rsplit_once(['%', '@']) {
        Some((user, domain)) => (user, domain),
        None => local.split_once('!').map(|(domain, user)| (user, domain))?,
    };
    MmsAddress::new(&format!("{user}@{domain}")).ok()
}

/// Circumstances that record the number for which ENUM would be asked.
#[derive(Default)]
struct Asked(std::cell::Cell<Option<String>>);

impl Circumstances for Asked {
    fn is_unreachable(&self, peer: &PeerName) -> bool {
        AllReachable.is_unreachable(peer)
    }

    fn enum_answer(&self, number: &str) -> EnumAnswer {
        self.0.set(Some(number.to_owned()));
        EnumAnswer::Nothing
    }
}
