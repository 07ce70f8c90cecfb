//! What delivery must know about a peer.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio_rustls::rustls::ClientConfig;

use super::{Addresses, Host, Hosts, Schedule, SystemAddresses};
use crate::message::{Extension, Hello, PeerName, Rate, Timeouts};
use crate::protocol::smtp::AuthCredentials;

/// Makes a message with octets above 127 into one without, for a next hop that does not take them (RFC 6152, 3).
pub type Convert = fn(&Bytes) -> Result<Bytes, String>;

/// One next hop.
#[derive(Clone, Debug)]
pub struct PeerOptions {
    pub name: PeerName,
    pub hosts: Hosts,
    /// What we call ourselves in EHLO: our own domain.
    pub helo: String,
    /// How a session begins.
    pub hello: Hello,
    /// Extensions that may be used, when they are offered.
    pub extensions: Vec<Extension>,
    /// `None`: never.
    pub tls: Option<Tls>,
    /// What to log in with, once TLS is on. It goes with TLS that is required. May be replaced at any time; new connections
    /// use it.
    pub login: Option<Arc<ArcSwap<AuthCredentials>>>,
    /// Octets of a message that the peer takes; larger ones fail without being sent.
    pub max_message_size: Option<u64>,
    /// Attempts in a time, over all connections.
    pub rate: Option<Rate>,
    /// Connections at the same time, and so messages at the same time.
    pub sessions: usize,
    /// Messages over one connection, before it is closed and another one opened. Some servers refuse an endless one.
    pub messages_per_connection: u32,
    /// How long a connection without work is kept.
    pub idle: Duration,
    /// Messages that wait in memory. Those beyond wait in the spool alone, and lose nothing but a read.
    pub hot_messages: usize,
    /// Octets of messages that wait in memory.
    pub hot_octets: u64,
    pub timeouts: Timeouts,
    /// Waits after a failed attempt of a message, and after each failure to reach the peer at all.
    pub schedule: Schedule,
    /// A message that has been under way for this long fails.
    pub give_up_after: Duration,
    /// Who knows the addresses of its hosts.
    pub addresses: Arc<dyn Addresses>,
    /// Without it, a message with octets above 127 fails at a peer without 8BITMIME: 5.6.3.
    pub convert: Option<Convert>,
    /// Uniform in 0 to 1; spreads the waits.
    pub random: fn() -> f64,
}

/// Encryption towards a peer (RFC 3207).
#[derive(Clone, Debug)]
pub struct Tls {
    /// What to trust, and what to show. May be replaced at any time; new connections use it.
    pub config: Arc<ArcSwap<ClientConfig>>,
    /// Nothing is sent without it. Otherwise it is used when it can be had, whoever is at the other end (RFC 7435).
    pub required: bool,
    /// The name that the certificate has to be good for; `None`: the name of the host.
    pub name: Option<String>,
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

impl PeerOptions {
    /// A peer with every default, whose hosts are tried in this order.
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
            convert: None,
            random: fastrand::f64,
        }
    }
}
