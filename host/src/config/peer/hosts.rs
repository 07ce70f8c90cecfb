//! The hosts of a peer.

use std::collections::HashSet;
use std::fmt;

use toml::de::DeValue;

use crate::config::HostPort;
use crate::config::file::{Read, Section};
use crate::config::forms::{count, domain, host_port};

/// One host of a peer, with its place among the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub at: HostPort,
    /// Hosts with lower numbers are tried first. Default: the place in the list, so that such hosts are tried in its
    /// order.
    pub priority: u16,
    /// The share of new connections among hosts of one priority (RFC 2782). Default 1.
    pub weight: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(f)
    }
}

const KEYS: [&str; 3] = ["host", "priority", "weight"];
const TABLE: &str = "HOST:PORT, or a table such as { host = \"mms.a.example:25\", priority = 10, weight = 5 }";

/// Reads `hosts` and `mx`. A peer with a domain of its own has exactly one of them.
pub(super) fn read(s: &mut Section<'_>, has_own_domain: bool) -> (Vec<Host>, Option<String>) {
    let mut place = 0;
    let mut seen = HashSet::new();
    let hosts = s.list("hosts", |value| {
        place += 1;
        let host = host(value, place)?;
        match seen.insert(host.at.clone()) {
            true => Ok(host),
            false => Err(format!("a host that is listed only once: {} stands before it", host.at)),
        }
    });
    let mx = s.optional("mx", domain);
    match (s.has_items("hosts"), s.has("mx")) {
        (true, true) => s.refuse("mx", "either hosts or mx, not both"),
        (false, false) if has_own_domain => s.refuse(
            "hosts",
            "at least one HOST:PORT, where messages for the peer's domains go, or mx",
        ),
        _ => {}
    }
    (hosts, mx)
}

/// One item of `hosts`, at `place` in the list: text, or a table.
fn host(value: &DeValue<'_>, place: u16) -> Read<Host> {
    let DeValue::Table(table) = value else {
        let (at, priority, weight) = (host_port(value)?, place, 1);
        return Ok(Host { at, priority, weight });
    };
    if table.keys().any(|key| !KEYS.contains(&key.get_ref().as_ref())) {
        return Err(format!("{TABLE}, and no other key"));
    }
    let number = |key: &str, lowest, default| match table.get(key) {
        Some(found) => count(lowest..=65_535)(found.get_ref())
            .map(|number| number as u16)
            .map_err(|expected| format!("{key}: {expected}")),
        None => Ok(default),
    };
    let at = table.get("host").ok_or(TABLE)?;
    Ok(Host {
        at: host_port(at.get_ref()).map_err(|expected| format!("host: {expected}"))?,
        priority: number("priority", 0, place)?,
        weight: number("weight", 1, 1)?,
    })
}
