//! What each step of a look-up finds, and its explanation.

use std::fmt;

use super::told::Subject;
use super::{Circumstances, EnumAnswer, NamedTable, NetworkId, OnSilence, Route, Routing, Target, plain};
use crate::message::{MmsAddress, PeerName, Refusal};

/// The result of a step.
pub(super) enum Found {
    /// A peer by name; or one of our Relay/Servers, for which another may stand in.
    Peer(PeerName),
    /// The row of a range, with what is configured for it.
    Range(usize),
    /// Nothing: the next step decides.
    Next,
    /// No peer can take it, and no other step is tried.
    Nobody,
    /// The step cannot decide now.
    Later(Refusal),
}

/// The network that something belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Network {
    Own,
    Peer(PeerName),
    Unknown,
}

impl Routing {
    pub(super) fn by_domain(
        &self,
        address: &MmsAddress,
        foreign: bool,
        say: &mut dyn FnMut(fmt::Arguments<'_>),
    ) -> Found {
        let Some(domain) = address.domain().map(plain) else {
            say(format_args!("the address has no domain: it counts as one of ours"));
            return Found::Next;
        };
        if !foreign {
            say(format_args!("{domain} is one of our own"));
            return Found::Next;
        }
        match self.by_domain.get(&*domain) {
            Some(peer) => {
                say(format_args!("{domain} is a domain of {peer}"));
                Found::Peer(peer.clone())
            }
            None => {
                say(format_args!("{domain} is no peer's domain"));
                Found::Next
            }
        }
    }

    pub(super) fn by_network(
        &self,
        address: &MmsAddress,
        foreign: bool,
        say: &mut dyn FnMut(fmt::Arguments<'_>),
    ) -> Found {
        let domain = address.domain().map(plain);
        let network = domain.as_deref().and_then(NetworkId::of_domain);
        let Some(network) = network.filter(|_| foreign) else {
            say(format_args!("the domain names no other mobile network by its codes"));
            return Found::Next;
        };
        self.of_network(network, say).map_or(Found::Next, Found::Peer)
    }

    fn of_network(&self, network: NetworkId, say: &mut dyn FnMut(fmt::Arguments<'_>)) -> Option<PeerName> {
        let peer = self.by_network.get(&network).cloned();
        match &peer {
            Some(peer) => say(format_args!("network {network} is a domain of {peer}")),
            None => say(format_args!("network {network} is no peer's")),
        }
        peer
    }

    pub(super) fn by_subscriber(&self, number: &str, say: &mut dyn FnMut(fmt::Arguments<'_>)) -> Found {
        let Some(value) = self.row(self.subscribers.as_ref(), number, say) else {
            return Found::Next;
        };
        // The table was compared with the configuration when it was loaded.
        self.named(value).map_or(Found::Next, Found::Peer)
    }

    /// A number that was ported to a network without an agreement has no route, because its former network cannot
    /// deliver to it.
    pub(super) fn by_portability(
        &self,
        number: &str,
        named: &mut Option<String>,
        say: &mut dyn FnMut(fmt::Arguments<'_>),
    ) -> Found {
        let Some(value) = self.row(self.portability.as_ref(), number, say) else {
            return Found::Next;
        };
        *named = Some(value.to_owned());
        match self.network_of(value, say) {
            Network::Own => Found::Next,
            Network::Peer(peer) => Found::Peer(peer),
            Network::Unknown => Found::Nobody,
        }
    }

    pub(super) fn by_range(&self, subject: Subject<'_>, say: &mut dyn FnMut(fmt::Arguments<'_>)) -> Found {
        let Some(row) = self.row_of(&subject) else {
            match subject {
                Subject::Number(_) => say(format_args!("no range begins this number")),
                Subject::Code(_) | Subject::Word(_) => say(format_args!("no code or local part is exactly this")),
            }
            return Found::Next;
        };
        let prefix = self.prefixes.key(row);
        match &self.targets[row] {
            Target::Route(Route::Peer(peer)) => say(format_args!("{prefix} is a route to {peer}")),
            Target::Route(_) => say(format_args!("{prefix} is left to plug-ins")),
            Target::Servers(group) => {
                say(format_args!(
                    "{prefix} is served by {} of our relay-servers",
                    group.len()
                ));
            }
        }
        Found::Range(row)
    }

    /// The row of `prefixes` for an address in our own domains.
    pub(super) fn row_of(&self, subject: &Subject<'_>) -> Option<usize> {
        match subject {
            Subject::Number(number) => self.prefixes.find_longest_beginning(number),
            Subject::Code(code) => self.prefixes.find(code),
            Subject::Word(word) => self.prefixes.find(word),
        }
    }

    pub(super) fn by_enum(
        &self,
        number: &str,
        address: &MmsAddress,
        now: &dyn Circumstances,
        named: &mut Option<String>,
        say: &mut dyn FnMut(fmt::Arguments<'_>),
    ) -> Found {
        let Some(on_silence) = self.numbering else {
            say(format_args!("passed over: no [routing.enum] is configured"));
            return Found::Next;
        };
        if !number.starts_with('+') {
            say(format_args!("passed over: only numbers with + are in E.164"));
            return Found::Next;
        }
        match now.enum_answer(number) {
            EnumAnswer::Nothing => {
                say(format_args!("DNS has no mms:mailto for the number"));
                Found::Next
            }
            EnumAnswer::Domain(domain) => {
                say(format_args!("DNS says {domain}"));
                *named = Some(domain.clone());
                match self.network_of(&domain, say) {
                    Network::Peer(peer) => Found::Peer(peer),
                    // All steps that know our own numbers have been tried, or will be.
                    Network::Own | Network::Unknown => Found::Next,
                }
            }
            EnumAnswer::Silence(reason) if on_silence == OnSilence::Next => {
                say(format_args!(
                    "DNS did not answer ({reason}): the next step, as configured"
                ));
                Found::Next
            }
            EnumAnswer::Silence(reason) => {
                say(format_args!(
                    "DNS did not answer ({reason}): the sender tries again later"
                ));
                Found::Later(Refusal::Numbering {
                    recipient: address.to_string(),
                    reason,
                })
            }
        }
    }

    /// The value of the row for `number`, if there is one.
    fn row<'a>(
        &self,
        table: Option<&'a NamedTable>,
        number: &str,
        say: &mut dyn FnMut(fmt::Arguments<'_>),
    ) -> Option<&'a str> {
        let Some(NamedTable { name, table }) = table else {
            say(format_args!("passed over: no table is configured"));
            return None;
        };
        let value = table.lookup(number);
        match value {
            Some(value) => say(format_args!("table {name}, row {number},{value}")),
            None => say(format_args!("table {name} has no row for {number}")),
        }
        value
    }

    /// The network that a portability row or an ENUM record names: a peer by name, a network by its codes, or a domain.
    pub(super) fn network_of(&self, value: &str, say: &mut dyn FnMut(fmt::Arguments<'_>)) -> Network {
        if let Some(peer) = self.named(value) {
            return Network::Peer(peer);
        }
        let domain = plain(value);
        let network = NetworkId::read(value).or_else(|| NetworkId::of_domain(&domain));
        if self.own_domains.contains(&*domain) || network.is_some_and(|network| self.own_networks.contains(&network)) {
            say(format_args!("that is our own network"));
            return Network::Own;
        }
        if let Some(peer) = self.by_domain.get(&*domain) {
            say(format_args!("{domain} is a domain of {peer}"));
            return Network::Peer(peer.clone());
        }
        match network {
            Some(network) => self.of_network(network, say).map_or(Network::Unknown, Network::Peer),
            None => {
                say(format_args!("{value} is nobody's"));
                Network::Unknown
            }
        }
    }

    pub(super) fn named(&self, name: &str) -> Option<PeerName> {
        self.roles.get_key_value(name).map(|(name, _)| name.clone())
    }
}
