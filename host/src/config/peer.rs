//! `[[peer]]`: who may send to this relay, and whom it sends to.

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
    /// Recipients at these domains are this peer's, unless the domain is one of our own. In lower case.
    pub domains: Vec<String>,
    /// Default false: of an MMSE with Relay/Servers of its own, the peer reaches the subscribers of these only. A hub's
    /// traffic with third parties is carried, in both directions.
    pub hub: bool,
    /// Where to send. Empty when `mx` says it, and for a peer that has no domain and no route: it only sends.
    pub hosts: Vec<Host>,
    /// A domain whose MX records say where to send (RFC 5321, 5.1), instead of `hosts`.
    pub mx: Option<String>,
    /// `unknown-domain`: what becomes of its messages when `mx` does not exist. Default: they wait.
    pub unknown_domain: UnknownDomain,
    /// Addresses that may speak as this peer. Empty: it only receives, or may come from everywhere when it proves who it is.
    pub from: Vec<IpNet>,
    /// `[peer.login]`: what it sends is taken behind AUTH only. Default: its address says who it is.
    pub login: Option<Login>,
    /// One of our own MMSE: a `[[relay-server]]`, or a peer that lists one of our own domains.
    pub inside: bool,
    /// `login-to`: what the relay logs in with there. Default: nobody asks.
    pub login_to: Option<LoginTo>,
    /// `sessions`: connections to the peer at the same time. Default 10: polite to a system of unknown size.
    pub sessions: u32,
    /// Messages to the peer in a time, at most. Default: no limit but its own pace.
    pub rate: Option<Rate>,
    /// The largest message that the peer takes, in octets as they go over the wire. Default: no limit is known.
    pub max_message_size: Option<u64>,
    /// The largest image that the peer takes, in octets, decoded. Default: that of the content class; else no limit is
    /// known.
    pub max_image_size: Option<u64>,
    /// In pixels. Default as for the octets.
    pub max_image_width: Option<u32>,
    pub max_image_height: Option<u32>,
    /// What the peer's subscribers can show.
    pub content_class: Option<ContentClass>,
    /// The largest message that is taken from the peer, in octets. Default: that of `[limits]`.
    pub message_size: Option<u64>,
    /// Octets of a line of such a message, without its CRLF. Default: that of `[limits]`.
    pub line_length: Option<u32>,
    pub sends: Sends,
    pub mm4: Mm4,
    pub smtp: Smtp,
    pub tls: PeerTls,
    pub quirks: Vec<Quirk>,
    pub retry: Retry,
    /// `give-up`: age at which a message is given up. Default 3 days: a peer that is down over a weekend loses nothing.
    pub give_up: Duration,
    pub timeouts: Timeouts,
    /// `answer-within`: how long the peer may have to wait for our answer to the end of its data. Plug-ins that take
    /// longer are stopped, and start anew from the spool. Default 15 s: a peer that waits in silence hangs up one day
    /// and sends the message again (RFC 1047), some after 30 s although RFC 5321, 4.5.3.2.6 asks for 10 min.
    pub answer_within: Duration,
    /// `idle`: how long an unused connection is kept. Default 30 s: well under the 5 minutes after which peers close
    /// it (RFC 5321, 4.5.3.2.7), long enough to be reused in normal traffic.
    pub idle: Duration,
}

/// What the peers before this one have taken.
pub(super) struct Taken<'a> {
    pub(super) own_domains: &'a [String],
    pub(super) folders: &'a Folders<'a>,
    pub(super) names: HashSet<PeerName>,
    pub(super) domains: HashSet<String>,
    /// Names that peers log in with.
    pub(super) logins: HashSet<String>,
}

/// `domains`: each is one peer's.
fn domains(s: &mut Section<'_>, taken: &mut Taken<'_>) -> Vec<String> {
    s.list("domains", |value| {
        let domain = domain(value)?;
        // Several of our own Relay/Servers may share a domain of ours: it recognises them, and routes nothing.
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
    /// `None` when it has no name to call it by; every other problem leaves a peer that later sections may refer to.
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

    /// Whether its address alone does not say who it is.
    pub fn proves_itself(&self) -> bool {
        self.login.is_some() || self.tls.client_ca.is_some()
    }

    /// Passwords and certificates are taken over TLS only, which the relay has to offer then.
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
