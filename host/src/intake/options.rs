//! What a listener is told: its name, its limits, its patience.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tokio_rustls::rustls::ServerConfig;

use super::MemoryBudget;

/// Limits are inclusive: what has exactly the size of a limit passes.
#[derive(Clone, Debug)]
pub struct Options {
    /// How the relay calls itself in its greeting.
    pub host_name: String,
    /// What STARTTLS is offered with. May be replaced at any time; new sessions use it.
    pub tls: Option<Arc<ArcSwap<ServerConfig>>>,
    /// Who says for others who they are: load balancers that speak the PROXY protocol. From there it has to be spoken, and
    /// from elsewhere it is not understood.
    pub balancers: Vec<IpNet>,
    /// The handshake comes before the greeting (RFC 8314, 3).
    pub tls_at_once: bool,
    /// Where messages that do not stay in memory lie, as files without names, until they are committed or refused.
    pub folder: PathBuf,
    /// Octets of memory for messages, shared with whoever holds their contents. A message that finds no room in it goes
    /// to a file.
    pub budget: MemoryBudget,
    /// Octets up to which a message stays in memory. Default 1 MiB: nearly all of MMS, and one such message in each
    /// of 64 sessions fits the default budget.
    pub memory_message: usize,

    /// Octets of a message, announced as SIZE. Default 5 MiB. A peer may have its own: `SenderTerms`.
    pub message: u64,
    /// Octets of a message's header with its empty line. Default 100 KiB, as in Postfix.
    pub header: u64,
    /// Octets of a message's line, without its CRLF. Default 16,384: real peers send a whole SMIL on one line. A peer may
    /// have its own.
    pub line: u64,
    /// Octets of a refused message that are still read in search of its end, so that the peer can hear why. Behind
    /// them the connection ends. Default 64 MiB.
    pub drain: u64,
    /// Recipients of a message. Default 1000; RFC 5321, 4.5.3.1.8 wants at least 100.
    pub recipients: u32,

    /// Sessions at once. Default 1000: each costs a file descriptor and some 20 KiB.
    pub sessions: usize,
    /// Sessions at once from one address. Default 500.
    pub sessions_per_source: usize,
    /// Sessions that are kept free for each peer, whatever the others take, so that no peer can take all. Default 10.
    /// All of them together are at most half of `sessions`.
    pub reserved: usize,
    /// The protocol error that ends a session, with 421. Default the 20th. Refused recipients and messages do not count.
    pub errors: u32,
    /// Commands that bring no message nearer (NOOP, RSET, VRFY, HELP, EHLO, HELO, and MAIL) since the last message: the one
    /// that ends a session, with 421. Default the 100th, as in Postfix.
    pub useless: u32,
    /// The command line with a bare CR, bare LF or NUL that ends a session. Default the 3rd: no mailer sends any.
    pub framing_errors: u32,

    /// How long the greeting waits for clients that cannot wait. Default zero, because peers are known.
    pub greet_delay: Duration,
    /// Silence after which a session ends. Default 5 minutes (RFC 5321, 4.5.3.2.7). Also how far a message may
    /// fall behind `octets_per_second`.
    pub idle: Duration,
    /// From the greeting, or the last message, to MAIL. Default 10 minutes: twice the silence that is borne, whatever the
    /// client says meanwhile.
    pub before_mail: Duration,
    /// From the first octet of a command line to its last. Default 1 minute.
    pub command: Duration,
    /// From MAIL to the end of data. Default 1 hour: the largest message over a line of 12 kbit/s.
    pub transaction: Duration,
    /// The least pace of a message. Default 500 octets a second, as in Postfix.
    pub octets_per_second: u64,
    /// How long sessions may go on with their transactions when the listener stops. Default 30 seconds.
    pub farewell: Duration,
}

/// The longest command line in octets, CRLF included: far above the 512 of RFC 5321, 4.5.3.1.4 with all extensions.
pub(super) const COMMAND_OCTETS: usize = 4096;

/// Octets of a longer one that are read in search of its end.
pub(super) const COMMAND_DRAIN_OCTETS: usize = 64 << 10;

impl Options {
    /// The defaults, with 64 MiB of memory for messages: those of `[limits]`, which a test compares.
    pub fn new(host_name: impl Into<String>, folder: impl Into<PathBuf>) -> Self {
        Self {
            host_name: host_name.into(),
            folder: folder.into(),
            budget: MemoryBudget::new(64 << 20),
            memory_message: 1 << 20,
            message: 5 << 20,
            header: 100 << 10,
            line: 16_384,
            drain: 64 << 20,
            recipients: 1000,
            sessions: 1000,
            sessions_per_source: 500,
            reserved: 10,
            errors: 20,
            useless: 100,
            framing_errors: 3,
            tls: None,
            tls_at_once: false,
            balancers: Vec::new(),
            greet_delay: Duration::ZERO,
            idle: Duration::from_secs(300),
            before_mail: Duration::from_secs(600),
            command: Duration::from_secs(60),
            transaction: Duration::from_secs(3600),
            octets_per_second: 500,
            farewell: Duration::from_secs(30),
        }
    }
}
