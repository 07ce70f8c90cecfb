//! `[[peer]]`: a party that may send to this relay, and to which the relay sends.

mod hosts;
mod login;
mod pace;
mod speech;

use std::collections::HashSet;
use std::time::Duration;

use ipnet::IpNet;

use super::Folders;
use super::file::Section;
use super::forms::{NAME, choice, count, domain, duration, network, peer_name, size, yes_or_no};
use crate::message::{ContentClass, MmsAddress, PeerName, Quirk, Rate, Timeouts, TlsTo, UnknownDomain};

pub use hosts::Host;
pub use login::{Login, LoginTo};
pub use pace::{Retry, Sends};
pub use speech::{Identity, Mm4, PeerTls, Smtp};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Another operator's MMSE, a hub, or an MMS Relay/Server of our own MMSE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub name: PeerName,
    /// Domains whose recipients go to this peer, unless the domain is one of our own. In lower case.
    pub domains: Vec<String>,
    /// Default false: with Relay/Servers of our own, the peer reaches their subscribers only. A hub's traffic with
    /// third parties is carried, in both directions.
    pub hub: bool,
    /// Its hosts. Empty when `mx` names them, and for a peer without domain and route, which only sends.
    pub hosts: Vec<Host>,
    /// A domain whose MX records name the hosts (RFC 5321, 5.1), instead of `hosts`.
    pub mx: Option<String>,
    /// `unknown-domain`: what becomes of its messages when the domain in `mx` does not exist. Default: they wait.
    pub unknown_domain: UnknownDomain,
    /// Addresses from which this peer may connect. Empty: it only receives, or it may connect from anywhere and proves
    /// its identity.
    pub from: Vec<IpNet>,
    /// `[peer.login]`: the peer may send only after AUTH. Default: its address identifies it.
    pub login: Option<Login>,
    /// One of our own MMSE: a `[[relay-server]]`, or a peer that lists one of our own domains.
    pub inside: bool,
    /// `login-to`: the login that the relay uses at the peer's hosts. Default: none.
    pub login_to: Option<LoginTo>,
    /// `sessions`: connections to the peer at the same time. Default 10: considerate towards a system of unknown size.
    pub sessions: u32,
    /// The rate of messages to the peer. Default: no limit but the peer's own pace.
    pub rate: Option<Rate>,
    /// The largest message that the peer takes, in octets on the wire. Default: unknown.
    pub max_message_size: Option<u64>,
    /// The largest image that the peer takes, in octets after decoding. Default: that of the content class, else
    /// unknown.
    pub max_image_size: Option<u64>,
    /// In pixels. The default is chosen as for `max_image_size`.
    pub max_image_width: Option<u32>,
    pub max_image_height: Option<u32>,
    /// What the peer's subscribers can display.
    pub content_class: Option<ContentClass>,
    /// The largest message that is accepted from the peer, in octets. Default: that of `[limits]`.
    pub message_size: Option<u64>,
    /// The longest line of such a message in octets, without its CRLF. Default: that of `[limits]`.
    pub line_length: Option<u32>,
    pub sends: Sends,
    pub mm4: Mm4,
    pub smtp: Smtp,
    pub tls: PeerTls,
    pub quirks: Vec<Quirk>,
    pub retry: Retry,
    /// `give-up`: the age at which a message is given up. Default 3 days: a peer that is down over a weekend loses
    /// nothing.
    pub give_up: Duration,
    pub timeouts: Timeouts,
    /// `answer-within`: how long the peer may have to wait for our answer to its end of data. A chain that takes longer
    /// is stopped, and runs anew from the spool. Default 15 s: a peer that gets no answer hangs up and sends the
    /// message again (RFC 1047), some after 30 s, although RFC 5321, 4.5.3.2.6 asks for 10 min.
    pub answer_within: Duration,
    /// `idle`: how long an unused connection is kept. Default 30 s: well below the 5 minutes after which peers close it
    /// (RFC 5321, 4.5.3.2.7), and long enough for reuse in normal traffic.
    pub idle: Duration,
}

/// Names and domains that earlier peers have.
pub(super) struct Taken<'a> {
    pub(super) own_domains: &'a [String],
    pub(super) folders: &'a Folders<'a>,
    pub(super) names: HashSet<PeerName>,
    pub(super) domains: HashSet<String>,
    /// Names that peers log in with.
    pub(super) logins: HashSet<String>,
}

/// `domains`: each belongs to one peer.
fn domains(s: &mut Section<'_>, taken: &mut Taken<'_>) -> Vec<String> {
    s.list("domains", |value| {
        let domain = domain(value)?;
        // Several of our own Relay/Servers may share an own domain: it identifies them, and routes nothing.
        if !taken.domains.insert(domain.clone()) && !taken.own_domains.contains(&domain) {
            return Err("a domain that is listed only once: a recipient there has one next hop".to_owned());
        }
        Ok(domain)
    })
}

/// `from`: each network once.
fn from(s: &mut Section<'_>) -> Vec<IpNet> {
    let mut seen = HashSet::new();
    s.list("from", |value| {
        let network = network(value)?;
        match seen.insert(network) {
            true => Ok(network),
            false => Err("an address or a network that is listed only once".to_owned()),
        }
    })
}

impl Peer {
    /// `None` when the peer has no name; with any other problem, later sections may still refer to it.
    pub(super) fn read(s: &mut Section<'_>, taken: &mut Taken<'_>) -> Option<Self> {
        let name = s.required("name", NAME, peer_name);
        if name.as_ref().is_some_and(|name| !taken.names.insert(name.clone())) {
            s.refuse("name", "a name that no other peer has");
        }
        let domains = domains(s, taken);
        let abroad = domains.iter().any(|domain| !taken.own_domains.contains(domain));
        let (hosts, mx) = hosts::read(s, abroad);
        let content_class: Option<ContentClass> = s.optional("content-class", choice);
        let pixels = content_class.and_then(ContentClass::pixels);
        let quirks = s.list("quirks", choice);
        let peer = Self {
            inside: domains.iter().any(|domain| taken.own_domains.contains(domain)),
            domains,
            hub: s.optional("hub", yes_or_no).unwrap_or(false),
            hosts,
            mx,
            unknown_domain: s.optional("unknown-domain", choice).unwrap_or_default(),
            from: from(s),
            login: s.optional_section("login", |s| Login::read(s, taken)).flatten(),
            login_to: s
                .optional_section("login-to", |s| LoginTo::read(s, taken.folders))
                .flatten(),
            sessions: s.optional("sessions", count(1..=1000)).unwrap_or(10),
            rate: s.optional("rate", pace::rate),
            max_message_size: s.optional("max-message-size", size(1..=1 << 30)),
            max_image_size: s
                .optional("max-image-size", size(1..=1 << 30))
                .or(content_class.map(ContentClass::octets)),
            max_image_width: s
                .optional("max-image-width", count(1..=65_535))
                .or(pixels.map(|(width, _)| width)),
            max_image_height: s
                .optional("max-image-height", count(1..=65_535))
                .or(pixels.map(|(_, height)| height)),
            content_class,
            message_size: s.optional("message-size", size(1 << 10..=256 << 20)),
            line_length: s.optional("line-length", count(998..=1_000_000)),
            sends: Sends::read(s),
            mm4: Mm4::read(s),
            smtp: Smtp::read(s, &quirks),
            tls: s.section("tls", |s| PeerTls::read(s, taken.folders)),
            quirks,
            retry: s.section("retry", Retry::read),
            give_up: s.optional("give-up", duration(MINUTE..=30 * DAY)).unwrap_or(3 * DAY),
            timeouts: s.section("timeouts", pace::timeouts),
            idle: s.optional("idle", duration(SECOND..=HOUR)).unwrap_or(30 * SECOND),
            answer_within: s
                .optional("answer-within", duration(Duration::from_millis(100)..=5 * MINUTE))
                .unwrap_or(15 * SECOND),
            name: name?,
        };
        if peer.login_to.is_some() && peer.tls.to != TlsTo::Required {
            s.refuse(
                "login-to",
                "tls.to = \"required\" beside it: a password goes nowhere but to whom it is for",
            );
        }
        Some(peer)
    }

    /// Whether an address is in one of its domains.
    pub fn has_domain_of(&self, address: &MmsAddress) -> bool {
        let domain = address.domain().unwrap_or_default();
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        self.domains.iter().any(|own| own.eq_ignore_ascii_case(domain))
    }

    /// Whether the peer's address alone does not identify it.
    pub fn proves_itself(&self) -> bool {
        self.login.is_some() || self.tls.client_ca.is_some()
    }

    /// Passwords and certificates are accepted over TLS only, which the relay must then offer.
    pub(super) fn check_proofs(s: &mut Section<'_>, has_tls: bool) {
        const EXPECTED: &str = "a section [tls] in this file: the relay has to offer TLS for it";
        if has_tls {
            return;
        }
        if s.has("login") {
            s.refuse("login", EXPECTED);
        }
        s.look_into("tls", |s| {
            if s.has("client-ca") {
                s.refuse("client-ca", EXPECTED);
            }
        });
    }

    /// Whether anything can be sent to it.
    pub fn takes_messages(&self) -> bool {
        !self.hosts.is_empty() || self.mx.is_some()
    }

    pub fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }
}
