//! The options of delivery to a peer.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio_rustls::rustls::ClientConfig;

use super::{Addresses, Host, Hosts, Network, Schedule, SystemAddresses, SystemNetwork};
use crate::message::{Extension, Hello, PeerName, Rate, Timeouts};
use crate::protocol::smtp::AuthCredentials;

/// Converts a message with octets above 127 into one without, for a next hop without 8BITMIME (RFC 6152, 3).
pub type Convert = fn(&Bytes) -> Result<Bytes, String>;

/// One next hop.
#[derive(Clone, Debug)]
pub struct PeerOptions {
    pub name: PeerName,
    pub hosts: Hosts,
    /// The name in our EHLO: our own domain.
    pub helo: String,
    /// How a session begins.
    pub hello: Hello,
    /// Extensions that may be used when the peer offers them.
    pub extensions: Vec<Extension>,
    /// `None`: TLS is never used.
    pub tls: Option<Tls>,
    /// The login to use once TLS is on; configured together with required TLS. It may be replaced at any time; new
    /// connections use the new one.
    pub login: Option<Arc<ArcSwap<AuthCredentials>>>,
    /// The largest message that the peer takes, in octets; larger ones fail without being sent.
    pub max_message_size: Option<u64>,
    /// The rate of attempts, over all connections.
    pub rate: Option<Rate>,
    /// The most connections at the same time, each with one message at a time.
    pub sessions: usize,
    /// How many messages a connection carries before it is replaced. Some servers refuse an endless one.
    pub messages_per_connection: u32,
    /// How long a connection without work is kept.
    pub idle: Duration,
    /// The most messages that wait in memory. Others wait in the spool alone, which costs one read.
    pub hot_messages: usize,
    /// Octets of messages that wait in memory.
    pub hot_octets: u64,
    pub timeouts: Timeouts,
    /// The waits after failed attempts of a message, and after failures to reach the peer at all.
    pub schedule: Schedule,
    /// The age at which a message is given up.
    pub give_up_after: Duration,
    /// Resolves the names of the hosts.
    pub addresses: Arc<dyn Addresses>,
    /// Who opens the connections to them.
    pub network: Arc<dyn Network>,
    /// Without it, a message with octets above 127 fails at a peer without 8BITMIME: 5.6.3.
    pub convert: Option<Convert>,
    /// Uniform in 0 to 1; spreads the waits.
    pub random: fn() -> f64,
}

/// Encryption towards a peer (RFC 3207).
#[derive(Clone, Debug)]
pub struct Tls {
    /// Trusted authorities and our certificate. It may be replaced at any time; new connections use the new one.
    pub config: Arc<ArcSwap<ClientConfig>>,
    /// Nothing is sent without TLS. Otherwise TLS is used when it is available, without checking the certificate (RFC
    /// 7435).
    pub required: bool,
    /// The name that the certificate must be valid for; `None`: the name of the host.
    pub name: Option<String>,
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

impl PeerOptions {
    /// A peer with every default, and these hosts in this order.
    pub fn new(name: PeerName, hosts: Vec<String>, helo: impl Into<String>) -> Self {
        let host = |(priority, address)| Host {
            address,
            priority,
            weight: 1,
        };
        Self {
            name,
            hosts: Hosts::Fixed((0..).zip(hosts).map(host).collect()),
            helo: helo.into(),
            hello: Hello::default(),
            extensions: vec![Extension::Pipelining, Extension::EightBitMime, Extension::Size],
            tls: None,
            login: None,
            max_message_size: None,
            rate: None,
            sessions: 10,
            messages_per_connection: 10_000,
            idle: 30 * SECOND,
            hot_messages: 1_000,
            hot_octets: 16 << 20,
            timeouts: Timeouts::default(),
            schedule: Schedule::default(),
            give_up_after: 3 * DAY,
            addresses: Arc::new(SystemAddresses),
            network: Arc::new(SystemNetwork),
            convert: None,
            random: fastrand::f64,
        }
    }
}
