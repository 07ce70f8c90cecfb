//! `[limits]`: what one client may demand of the relay.

use std::time::Duration;

use super::file::Section;
use super::forms::{count, duration, rate, size};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Limits of intake. Sizes are in octets, as they come over the wire after dot-unstuffing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `message-size`: the largest message. Default 5 MiB: the largest that operators exchange is under 1 MiB, and
    /// base64 adds a third. A plug-in's memory and a session's temporary file grow with it. At most 256 MiB, which is
    /// the limit of the spool.
    pub message_size: u64,
    /// `header-size`: the header alone, because it is parsed in memory. Default 100 KiB: what Postfix takes.
    pub header_size: u64,
    /// `nesting`: MIME parts within each other. Default 100: real messages have 3, and parsers recurse.
    pub nesting: u32,
    /// `recipients`: of one message. Default 1000; never under 100 (RFC 5321, 4.5.3.1.8).
    pub recipients: u32,
    /// `line-length`: the longest line of a message in octets, without its CRLF. Default 16,384, and not the 998 of RFC
    /// 5322, 2.1.1: real peers send a whole SMIL presentation on one line, and mail security on the way adds long
    /// header lines.
    pub line_length: u32,
    /// `sessions`: connections at the same time. Default 1000: each costs some 20 KiB and a file descriptor.
    pub sessions: u32,
    /// `sessions-per-source`: connections from one address. Default 500: half, so that one peer leaves room for others.
    pub sessions_per_source: u32,
    /// `sessions-reserved`: connections that are kept free for each peer, so that no peer can take all from many
    /// addresses. Default 10; for all peers together at most half of `sessions`.
    pub sessions_reserved: u32,
    /// `useless-commands`: how many NOOP, RSET, EHLO and the like, and MAIL, a client may send since its last message.
    /// Default 100, as in Postfix.
    pub useless_commands: u32,
    /// `errors-per-session`: the protocol error that ends a session. Default the 20th: more than any slip needs.
    pub errors_per_session: u32,
    /// `idle`: silence before a session is closed. Default 5 min (RFC 5321, 4.5.3.2.7).
    pub idle: Duration,
    /// `before-mail`: the longest time from the greeting, or the last message, to MAIL, whatever commands come
    /// meanwhile. Default 10 min: twice `idle`, for clients that keep a connection for the next message.
    pub before_mail: Duration,
    /// `transaction`: from MAIL to the end of data. Default 1 h: the largest message over a line of 12 kbit/s.
    pub transaction: Duration,
    /// `data-rate`: the slowest rate at which a client may send, in octets a second. Default 500 B/s, as in Postfix: a
    /// slower client only occupies a session.
    pub data_rate: u64,
    /// `memory`: for the messages of all sessions together; a message that finds no room goes through a file. Default
    /// 64 MiB.
    pub memory: u64,
    /// `disk-reserve`: the free space on the spool's disk below which no message is accepted, so that outcomes of
    /// stored messages can still be recorded. Default 64 MiB, about the size to which the spool's log grows; at most a
    /// tenth of the disk.
    pub disk_reserve: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_size: 5 * MIB,
            header_size: 100 * KIB,
            nesting: 100,
            recipients: 1000,
            line_length: 16_384,
            sessions: 1000,
            sessions_per_source: 500,
            sessions_reserved: 10,
            useless_commands: 100,
            errors_per_session: 20,
            idle: Duration::from_secs(5 * 60),
            before_mail: Duration::from_secs(10 * 60),
            transaction: Duration::from_secs(60 * 60),
            data_rate: 500,
            memory: 64 * MIB,
            disk_reserve: 64 * MIB,
        }
    }
}

impl Limits {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let default = Self::default();
        let seconds = Duration::from_secs;
        let limits = Self {
            message_size: s
                .optional("message-size", size(KIB..=256 * MIB))
                .unwrap_or(default.message_size),
            header_size: s
                .optional("header-size", size(KIB..=16 * MIB))
                .unwrap_or(default.header_size),
            nesting: s.optional("nesting", count(1..=1000)).unwrap_or(default.nesting),
            recipients: s
                .optional("recipients", count(100..=100_000))
                .unwrap_or(default.recipients),
            line_length: s
                .optional("line-length", count(998..=1_000_000))
                .unwrap_or(default.line_length),
            sessions: s.optional("sessions", count(1..=1_000_000)).unwrap_or(default.sessions),
            sessions_per_source: s
                .optional("sessions-per-source", count(1..=1_000_000))
                .unwrap_or(default.sessions_per_source),
            sessions_reserved: s
                .optional("sessions-reserved", count(0..=10_000))
                .unwrap_or(default.sessions_reserved),
            useless_commands: s
                .optional("useless-commands", count(2..=1_000_000))
                .unwrap_or(default.useless_commands),
            errors_per_session: s
                .optional("errors-per-session", count(1..=10_000))
                .unwrap_or(default.errors_per_session),
            idle: s
                .optional("idle", duration(seconds(1)..=seconds(86_400)))
                .unwrap_or(default.idle),
            before_mail: s
                .optional("before-mail", duration(seconds(1)..=seconds(86_400)))
                .unwrap_or(default.before_mail),
            transaction: s
                .optional("transaction", duration(seconds(1)..=seconds(86_400)))
                .unwrap_or(default.transaction),
            data_rate: s.optional("data-rate", rate(1..=GIB)).unwrap_or(default.data_rate),
            memory: s.optional("memory", size(MIB..=1024 * GIB)).unwrap_or(default.memory),
            disk_reserve: s
                .optional("disk-reserve", size(MIB..=1024 * GIB))
                .unwrap_or(default.disk_reserve),
        };
        if limits.header_size > limits.message_size && s.has("header-size") {
            s.refuse(
                "header-size",
                "a size not above message-size: the header is part of the message",
            );
        }
        Self {
            // A default is reduced where it exceeds a configured value.
            header_size: limits.header_size.min(limits.message_size),
            sessions_per_source: limits.sessions_per_source.min(limits.sessions),
            ..limits
        }
    }
}
