//! The boundary around our own MMSE: who is known where, who may speak for whom, and who carries for whom.
//!
//! There is an inside when at least one peer is a Relay/Server of our own. Without any, the relay is a hub: it carries
//! between all its peers, and there is nobody whom an outside peer could pretend to be.

use super::steps::Network;
use super::told::Told;
use super::{Calm, Circumstances, EnumAnswer, NetworkId, Route, Routing, Step, Target, plain};
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
    /// As the log says it.
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
    /// Where a recipient of a message from `source` goes, if `source` may send to it. `None` is the relay itself, or nobody
    /// in particular.
    pub fn admit<'a>(
        &self,
        source: impl Into<Option<&'a PeerName>>,
        address: &MmsAddress,
        now: &dyn Circumstances,
    ) -> Result<Route, Refusal> {
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
        let may_have_moved = address.domain().is_none_or(|domain| self.is_own(domain));
        match self.admit(source, address, now) {
            Err(Refusal::Loop { .. } | Refusal::ThirdParty { .. }) if may_have_moved => Ok(()),
            admitted => admitted.map(|_| ()),
        }
    }

    /// As [`admit`](Self::admit); `told` hears everything that was considered.
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

    /// Whether what `source` claims is looked at: there is an inside, and it is neither of it nor the relay itself
    /// (`None`). So is what a peer has sent that is not configured any more.
    pub fn must_prove<'a>(&self, source: impl Into<Option<&'a PeerName>>) -> bool {
        let is_foreign = |peer| self.has_inside() && !self.is_inside(peer);
        source.into().is_some_and(is_foreign)
    }

    /// Whether a message from `source` may name `address` as its originator. From inside only are claimed an own domain,
    /// what is below it, a host name of ours, and a number that one of our Relay/Servers serves, in whatever spelling and
    /// domain. Whose a number is, the tables say before its range: one that was ported away may well come from outside, and
    /// one that was ported to us may not. A code or a word is its domain's.
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

    /// Whether an originator is one of our own, for somebody who reads it in any way.
    fn is_of_ours(&self, address: &MmsAddress) -> bool {
        let ours = |domain: &str| self.is_ours_or_below(domain) || self.is_a_host_of_ours(domain);
        let numbers = self.dialling.readings(&address.local_part());
        address.domain().is_some_and(ours) || numbers.iter().any(|number| self.is_ours(number))
    }

    /// Whether a domain is one of our own or below one, and no peer's.
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

    /// Whether a domain that a Relay/Server of ours writes names a host inside: below an own domain, a configured host, what
    /// the Relay/Server calls itself behind EHLO, an address, or a name without a dot. An own domain does not, nor does
    /// another spelling of it.
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

    /// Whether ENUM has to be asked before this recipient can be routed.
    pub fn number_for_enum<'a>(&self, source: impl Into<Option<&'a PeerName>>, address: &MmsAddress) -> Option<String> {
        self.numbering?;
        let asked = Asked::default();
        let _ = self.look_up(source.into(), address, &asked, &mut |_, _| {});
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

/// Where a system that heeds explicit routing in local parts would send mail for this address (RFC 5321, appendix F.2, and
/// RFC 1123, 5.3.5): `x%d@e`, `"x@d"@e` and `d!x@e` lead to `x@d`.
fn routed_on(address: &MmsAddress) -> Option<MmsAddress> {
    let local = address.local_part();
    let (user, domain) = match local.rsplit_once(['%', '@']) {
        Some((user, domain)) => (user, domain),
        None => local.split_once('!').map(|(domain, user)| (user, domain))?,
    };
    MmsAddress::new(&format!("{user}@{domain}")).ok()
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
