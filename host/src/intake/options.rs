//! The options of a listener: its name, its limits, its time-outs.

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
    /// The name by which the relay greets.
    pub host_name: String,
    /// The TLS configuration for STARTTLS. It may be replaced at any time; new sessions use the new one.
    pub tls: Option<Arc<ArcSwap<ServerConfig>>>,
    /// Load balancers that speak the PROXY protocol. Connections from these addresses must begin with its header; from
    /// elsewhere a header is an unknown command.
    pub balancers: Vec<IpNet>,
    /// The TLS handshake comes before the greeting (RFC 8314, 3).
    pub tls_at_once: bool,
    /// The folder for messages that do not stay in memory. They are files without names there until they are committed
    /// or refused.
    pub folder: PathBuf,
    /// The memory for messages, in octets, shared with everybody who holds their contents. A message that finds no room
    /// in it goes to a file.
    pub budget: MemoryBudget,
    /// The largest message that stays in memory, in octets. Default 1 MiB: nearly all of MMS is smaller, and one such
    /// message in each of 64 sessions fits the default budget.
    pub memory_message: usize,

    /// The largest message in octets, announced as SIZE. Default 5 MiB. A peer may have a limit of its own:
    /// `SenderTerms`.
    pub message: u64,
    /// The largest header in octets, with its empty line. Default 100 KiB, as in Postfix.
    pub header: u64,
    /// The longest line of a message in octets, without its CRLF. Default 16,384: real peers send a whole SMIL
    /// presentation on one line. A peer may have a limit of its own.
    pub line: u64,
    /// How many octets of a refused message are read in search of its end, so that the peer can hear the reason. After
    /// them the connection is closed. Default 64 MiB.
    pub drain: u64,
    /// The most recipients of a message. Default 1000; RFC 5321, 4.5.3.1.8 wants at least 100.
    pub recipients: u32,

    /// The most sessions at once. Default 1000: each costs a file descriptor and some 20 KiB.
    pub sessions: usize,
    /// The most sessions at once from one address. Default 500.
    pub sessions_per_source: usize,
    /// Sessions that are kept free for each peer, so that no peer can take all. Default 10. All reserves together are
    /// at most half of `sessions`.
    pub reserved: usize,
    /// The protocol error that ends a session with 421. Default the 20th. Refused recipients and messages do not count.
    pub errors: u32,
    /// The command since the last message that ends a session with 421, when none of them brought a message nearer
    /// (NOOP, RSET, VRFY, HELP, EHLO, HELO and MAIL do not). Default the 100th, as in Postfix.
    pub useless: u32,
    /// The command line with a bare CR, bare LF or NUL that ends a session. Default the 3rd: no mailer sends any.
    pub framing_errors: u32,

    /// How long the greeting is delayed to detect clients that do not wait for it. Default zero, because peers are
    /// known.
    pub greet_delay: Duration,
    /// Silence after which a session ends, and how far a message may fall behind `octets_per_second`. Default 5 minutes
    /// (RFC 5321, 4.5.3.2.7).
    pub idle: Duration,
    /// The longest time from the greeting, or the last message, to MAIL. Default 10 minutes: twice `idle`, whatever
    /// commands the client sends meanwhile.
    pub before_mail: Duration,
    /// The longest time from the first octet of a command line to its last. Default 1 minute.
    pub command: Duration,
    /// The longest time from MAIL to the end of data. Default 1 hour: the largest message at 12 kbit/s.
    pub transaction: Duration,
    /// The slowest pace at which a message may arrive. Default 500 octets a second, as in Postfix.
    pub octets_per_second: u64,
    /// How long sessions may finish their transactions after the listener has stopped. Default 30 seconds.
    pub farewell: Duration,
}

/// The longest command line in octets, CRLF included: far above the 512 of RFC 5321, 4.5.3.1.4 with all extensions.
pub(super) const COMMAND_OCTETS: usize = 4096;

/// How many octets of a longer line are read in search of its end.
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
