//! `[monitoring]`: metrics and health over HTTP.

use std::net::SocketAddr;

use super::file::Section;
use super::forms::{host_name, listen};

/// Where a running relay tells how it is. Without the section it does so nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitoring {
    /// `listen`: default 127.0.0.1:9464. Nobody is asked who they are: what is not loopback is open to its network.
    pub listen: SocketAddr,
    /// `hosts`: names under which it is asked, besides addresses and `localhost`. Default none. A request that names
    /// another host is refused, because it may come from a page in somebody's browser (DNS rebinding).
    pub hosts: Vec<String>,
}

impl Monitoring {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let default = SocketAddr::from(([127, 0, 0, 1], 9464));
        Self {
            listen: s.optional("listen", listen).unwrap_or(default),
            hosts: s.list("hosts", host_name),
        }
    }
}
