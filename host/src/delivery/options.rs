//! What delivery must know about a peer.

use std::time::Duration;

use bytes::Bytes;

use super::Schedule;
use crate::message::{PeerName, Timeouts};

/// Makes a message with octets above 127 into one without, for a next hop that does not take them (RFC 6152, 3).
pub type Convert = fn(&Bytes) -> Result<Bytes, String>;

/// One next hop.
#[derive(Clone, Debug)]
pub struct PeerOptions {
    pub name: PeerName,
    /// `name:port` or `address:port`, tried in this order.
    pub hosts: Vec<String>,
    /// What we call ourselves in EHLO: our own domain.
    pub helo: String,
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
    /// Without it, a message with octets above 127 fails at a peer without 8BITMIME: 5.6.3.
    pub convert: Option<Convert>,
    /// Uniform in 0 to 1; spreads the waits.
    pub random: fn() -> f64,
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

impl PeerOptions {
    /// A peer with every default.
    pub fn new(name: PeerName, hosts: Vec<String>, helo: impl Into<String>) -> Self {
        Self {
            name,
            hosts,
            helo: helo.into(),
            sessions: 20,
            messages_per_connection: 10_000,
            idle: 30 * SECOND,
            hot_messages: 1_000,
            hot_octets: 16 << 20,
            timeouts: Timeouts::default(),
            schedule: Schedule::default(),
            give_up_after: 3 * DAY,
            convert: None,
            random: fastrand::f64,
        }
    }
}
