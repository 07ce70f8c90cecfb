//! `[[peer]]`: who may send to this relay, and whom it sends to.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use ipnet::IpNet;

use super::file::Section;
use super::forms::{NAME, count, domain, duration, host_port, name, network, size};
use crate::message::PeerName;

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
    /// Where to send, tried in order. Empty only for a peer that has no domain and no route: it only sends.
    pub hosts: Vec<HostPort>,
    /// Addresses that may speak as this peer. Empty: it only receives.
    pub from: Vec<IpNet>,
    /// `sessions`: connections to the peer at the same time. Default 10: polite to a system of unknown size.
    pub sessions: u32,
    /// The largest message that the peer takes, in octets. Default: no limit is known.
    pub max_message_size: Option<u64>,
    /// The largest image that the peer takes, in octets, decoded. Default: no limit is known.
    pub max_image_size: Option<u64>,
    /// In pixels. Default: no limit is known.
    pub max_image_width: Option<u32>,
    pub max_image_height: Option<u32>,
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

/// `HOST:PORT`. The host is a name, or an address; an IPv6 address is printed in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    pub host: String,
    pub port: u16,
}

/// `retry`: the pauses before a deferred message is tried again are 1, 2, 5, 10, 20 and 40 times `first`, and then
/// `longest` each time; none is over `longest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Default 1 min: a phone's owner is waiting, and most failures are restarts.
    pub first: Duration,
    /// Default 1 h: a peer that has been away for long is asked no more often.
    pub longest: Duration,
}

/// `timeouts`: how long to wait for a peer. The defaults are those of RFC 5321, 4.5.3.2, where it names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection. Default 30 s: then the next host is tried.
    pub connect: Duration,
    /// For the greeting. Default 5 min.
    pub greeting: Duration,
    /// For the answer to EHLO, MAIL, RCPT and RSET. Default 5 min.
    pub command: Duration,
    /// For the answer to DATA. Default 2 min.
    pub data: Duration,
    /// For a block of the message to be taken. Default 3 min.
    pub block: Duration,
    /// For the answer to the final dot. Default 10 min: shorter ones make duplicates (RFC 1047).
    pub end_of_data: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: MINUTE,
            longest: HOUR,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: 30 * SECOND,
            greeting: 5 * MINUTE,
            command: 5 * MINUTE,
            data: 2 * MINUTE,
            block: 3 * MINUTE,
            end_of_data: 10 * MINUTE,
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// What the peers before this one have taken.
pub(super) struct Taken<'a> {
    pub(super) own_domains: &'a [String],
    pub(super) names: HashSet<PeerName>,
    pub(super) domains: HashSet<String>,
}

impl Peer {
    /// `None` when it has no name to call it by; every other problem leaves a peer that later sections may refer to.
    pub(super) fn read(s: &mut Section<'_>, taken: &mut Taken<'_>) -> Option<Self> {
        let name = s.required("name", NAME, name);
        if name.as_ref().is_some_and(|name| !taken.names.insert(name.clone())) {
            s.refuse("name", "a name that no other peer has");
        }
        let domains = s.list("domains", |value| {
            let domain = domain(value)?;
            // Several of our own Relay/Servers may share a domain of ours: it recognises them, and routes nothing.
            if !taken.domains.insert(domain.clone()) && !taken.own_domains.contains(&domain) {
                return Err("a domain that is listed only once: a recipient there has one next hop".to_owned());
            }
            Ok(domain)
        });
        let hosts = s.list("hosts", host_port);
        let abroad = domains.iter().any(|domain| !taken.own_domains.contains(domain));
        if abroad && !s.has_items("hosts") {
            s.refuse(
                "hosts",
                "at least one HOST:PORT, where messages for the peer's domains go",
            );
        }
        let peer = Self {
            domains,
            hosts,
            from: s.list("from", network),
            sessions: s.optional("sessions", count(1..=1000)).unwrap_or(10),
            max_message_size: s.optional("max-message-size", size(1..=1 << 30)),
            max_image_size: s.optional("max-image-size", size(1..=1 << 30)),
            max_image_width: s.optional("max-image-width", count(1..=65_535)),
            max_image_height: s.optional("max-image-height", count(1..=65_535)),
            retry: s.section("retry", Retry::read),
            give_up: s.optional("give-up", duration(MINUTE..=30 * DAY)).unwrap_or(3 * DAY),
            timeouts: s.section("timeouts", Timeouts::read),
            idle: s.optional("idle", duration(SECOND..=HOUR)).unwrap_or(30 * SECOND),
            answer_within: s
                .optional("answer-within", duration(Duration::from_millis(100)..=5 * MINUTE))
                .unwrap_or(15 * SECOND),
            name: name?,
        };
        Some(peer)
    }
}

impl Retry {
    /// The pauses after the first failure, the second, and so on; the last one repeats.
    pub fn steps(&self) -> Vec<Duration> {
        let growing = [1, 2, 5, 10, 20, 40].map(|factor| (self.first * factor).min(self.longest));
        growing.into_iter().chain([self.longest]).collect()
    }

    fn read(s: &mut Section<'_>) -> Self {
        let default = Self::default();
        let pause = || duration(Duration::from_millis(1)..=DAY);
        let retry = Self {
            first: s.optional("first", pause()).unwrap_or(default.first),
            longest: s.optional("longest", pause()).unwrap_or(default.longest),
        };
        if retry.first > retry.longest {
            match s.has("first") {
                true => s.refuse("first", "a time not above longest, which is 1 h unless it is set"),
                false => s.refuse("longest", "a time not below first, which is 1 min unless it is set"),
            }
        }
        retry
    }
}

impl Timeouts {
    fn read(s: &mut Section<'_>) -> Self {
        let default = Self::default();
        let wait = || duration(Duration::from_millis(1)..=HOUR);
        Self {
            connect: s.optional("connect", wait()).unwrap_or(default.connect),
            greeting: s.optional("greeting", wait()).unwrap_or(default.greeting),
            command: s.optional("command", wait()).unwrap_or(default.command),
            data: s.optional("data", wait()).unwrap_or(default.data),
            block: s.optional("block", wait()).unwrap_or(default.block),
            end_of_data: s.optional("end-of-data", wait()).unwrap_or(default.end_of_data),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_stay_there() {
        let minutes = |retry: Retry| retry.steps().iter().map(|step| step.as_secs() / 60).collect::<Vec<_>>();
        assert_eq!(minutes(Retry::default()), [1, 2, 5, 10, 20, 40, 60]);
        let short = Retry {
            first: 2 * MINUTE,
            longest: 15 * MINUTE,
        };
        assert_eq!(minutes(short), [2, 4, 10, 15, 15, 15, 15]);
    }
}
