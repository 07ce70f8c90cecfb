//! `[[scanner]]`: scanners that look for viruses and the like in parts, when a plug-in asks.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::HostPort;
use super::file::{Read, Section};
use super::forms::{NAME, choice, count, duration, host_port, name, size};
use crate::message::Choice;

const MIB: u64 = 1 << 20;
const MILLISECOND: Duration = Duration::from_millis(1);

/// A scanner, by the name that plug-ins use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanner {
    pub name: String,
    /// `kind`.
    pub speaks: ScannerSpeaks,
    pub address: ScannerAddress,
    /// `time`: for one call. Default 5 s; the plug-in's own time limit ends it as well.
    pub time: Duration,
    /// `size`: the largest part in octets, decoded. Default 25 MiB, the default of clamd.
    pub size: u64,
    /// `concurrent`: calls at the same time; as many more may wait. Default 10, the default number of threads of clamd.
    pub concurrent: u32,
    pub breaker: OutsideBreaker,
}

/// `address`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScannerAddress {
    Tcp(HostPort),
    Unix(PathBuf),
}

/// The protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScannerSpeaks {
    Clamd,
    /// ICAP (RFC 3507), with the name of the service.
    Icap {
        service: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScannerKind {
    Clamd,
    Icap,
}

impl Choice for ScannerKind {
    const WORDS: &'static [(&'static str, Self)] = &[("clamd", Self::Clamd), ("icap", Self::Icap)];
}

/// When a scanner or service is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideBreaker {
    /// `failures`: the number in a row after which it is left alone. Default 5.
    pub failures: u32,
    /// `first`: the first pause. Default 1 s.
    pub first: Duration,
    /// `longest`: the limit to which the pause doubles. Default 1 min.
    pub longest: Duration,
}

impl OutsideBreaker {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let pause = || duration(MILLISECOND..=Duration::from_secs(3_600));
        let failures = s.optional("failures", count(1..=1_000_000));
        let first = s.optional("first", pause());
        let longest = s.optional("longest", pause());
        let breaker = Self {
            failures: failures.unwrap_or(5),
            first: first.unwrap_or(Duration::from_secs(1)),
            longest: longest.unwrap_or(Duration::from_secs(60)),
        };
        if breaker.first > breaker.longest {
            match first.is_some() {
                true => s.refuse("first", "a time not above longest, which is 1 min unless it is set"),
                false => s.refuse("longest", "a time not below first, which is 1 s unless it is set"),
            }
        }
        breaker
    }
}

const KIND: &str = "\"clamd\" or \"icap\"";
const SERVICE: &str = "the name of the ICAP server's service, as it stands behind the host in its URL: \"avscan\"";

impl Scanner {
    pub(super) fn read(s: &mut Section<'_>, taken: &mut HashSet<String>) -> Option<Self> {
        let name = s.required("name", NAME, name).map(|name| name.to_string());
        if name.as_ref().is_some_and(|name| !taken.insert(name.clone())) {
            s.refuse("name", "a name that no other scanner has");
        }
        let kind = s.required("kind", KIND, choice::<ScannerKind>);
        let service = s.optional("service", service);
        let speaks = kind.and_then(|kind| speaks(s, kind, service));
        let address = s.required("address", ADDRESS, address);
        let time = s.optional("time", duration(MILLISECOND..=Duration::from_secs(60)));
        let size = s.optional("size", size(1 << 10..=256 * MIB));
        let concurrent = s.optional("concurrent", count(1..=1_000));
        let breaker = s.section("breaker", OutsideBreaker::read);
        Some(Self {
            name: name?,
            speaks: speaks?,
            address: address?,
            time: time.unwrap_or(Duration::from_secs(5)),
            size: size.unwrap_or(25 * MIB),
            concurrent: concurrent.unwrap_or(10),
            breaker,
        })
    }
}

fn speaks(s: &mut Section<'_>, kind: ScannerKind, service: Option<String>) -> Option<ScannerSpeaks> {
    match (kind, service) {
        (ScannerKind::Clamd, None) => Some(ScannerSpeaks::Clamd),
        (ScannerKind::Icap, Some(service)) => Some(ScannerSpeaks::Icap { service }),
        (ScannerKind::Clamd, Some(_)) => {
            s.refuse(
                "service",
                "nothing: clamd has no services, a server of kind = \"icap\" has",
            );
            None
        }
        (ScannerKind::Icap, None) => {
            if !s.has("service") {
                s.refuse("service", SERVICE);
            }
            None
        }
    }
}

const ADDRESS: &str = "HOST:PORT, or the whole path of a Unix socket, such as \"/run/clamav/clamd.ctl\"";

fn address(value: &DeValue<'_>) -> Read<ScannerAddress> {
    match value.as_str() {
        Some(path) if path.starts_with('/') => Ok(ScannerAddress::Unix(path.into())),
        _ => host_port(value)
            .map(ScannerAddress::Tcp)
            .map_err(|_| ADDRESS.to_owned()),
    }
}

fn service(value: &DeValue<'_>) -> Read<String> {
    let is_legal = |name: &str| {
        let legal = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~/?&=".contains(&octet);
        (1..=200).contains(&name.len()) && !name.starts_with('/') && name.bytes().all(legal)
    };
    let name = value.as_str().filter(|name| is_legal(name));
    name.map(str::to_owned).ok_or_else(|| SERVICE.to_owned())
}
