//! `[relay]`: the relay itself.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use super::file::Section;
use super::forms::{HOST_NAME, count, domain, host_name, listen, mailbox, network, node, system_address, text};
use super::{Peer, name_servers};
use crate::message::{MmsAddress, SystemAddress};

/// `[relay]`: the relay itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Our host name: in the greeting, in EHLO, in `Received`, and for the detection of loops. In lower case.
    pub name: String,
    /// The domains of our own MMSE, in lower case: recipients there are routed by number.
    pub domains: Vec<String>,
    /// The addresses to listen on. Never empty. With `inside_listen`, for other operators only.
    pub listen: Vec<SocketAddr>,
    /// `inside-listen`: addresses to listen on for our own Relay/Servers only. Default: they use `listen` like other
    /// peers.
    pub inside_listen: Vec<SocketAddr>,
    /// `listen-tls`: addresses to listen on for clients that begin with TLS (RFC 8314, 3), in addition to `listen` and
    /// for the same clients. Default: none.
    pub listen_tls: Vec<SocketAddr>,
    /// `balancers`: load balancers in front of `listen` and the other listeners, which announce the client by the PROXY
    /// protocol. Default: none.
    pub balancers: Vec<IpNet>,
    /// `name-servers`: the name servers for mail exchangers, hosts and numbers. Empty: those of the system.
    pub name_servers: Vec<SocketAddr>,
    /// `system-address`: the address that other operators' systems answer to. Default `mm4relay@` with the first of
    /// `domains`; missing only when there is no domain.
    pub system_address: Option<SystemAddress>,
    /// `postmaster`: the person who reads mail to the postmaster of our domains: an address in the domain of a peer.
    /// `None`: such mail is held for an operator.
    pub postmaster: Option<MmsAddress>,
    /// `node`: the name of this relay among those with one system address. Default: the first label of `name`.
    pub node: String,
    /// `spool`: the folder of the durable store. Default `spool`.
    pub spool: PathBuf,
    /// `plugin-folder`: the folder of the plug-ins' files. Default `plugins`.
    pub plugin_folder: PathBuf,
    /// `hop-limit`: the most `Received` fields of a message; more count as a loop. Default 50, as in Postfix and
    /// Stalwart: RFC 5321, 6.3 asks for 100 on the open Internet, but between operators there are three or four hops.
    pub hop_limit: u32,
    /// `pass-limit`: how often one message may go to the same recipients at the same next hop, and come back here.
    /// Default 3: one pass, another where a Relay/Server of our own sends on through the relay, and one in reserve.
    pub pass_limit: u32,
    /// `hold-after-deferrals`: a message that plug-ins defer so often is accepted and held for an operator. Default 10:
    /// several hours of most peers' retries, and well before they give up.
    pub hold_after_deferrals: u32,
}

impl Relay {
    pub(super) fn read(s: &mut Section<'_>, base: &Path) -> Relay {
        let path = |path: Option<String>, default: &str| base.join(path.as_deref().unwrap_or(default));
        let name = s.required("name", HOST_NAME, host_name).unwrap_or_default();
        let domains = s.list("domains", domain);
        let legal = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
        let first_label = name.split('.').next().unwrap_or_default().chars().filter(legal);
        let read = Relay {
            system_address: match s.optional("system-address", |value| system_address(value, &domains)) {
                Some(address) => Some(address),
                None => domains
                    .first()
                    .and_then(|domain| SystemAddress::new(&format!("mm4relay@{domain}")).ok()),
            },
            postmaster: s.optional("postmaster", mailbox),
            node: s
                .optional("node", node)
                .unwrap_or_else(|| first_label.take(32).collect()),
            name,
            domains,
            listen: s.list("listen", listen),
            inside_listen: s.list("inside-listen", listen),
            listen_tls: s.list("listen-tls", listen),
            balancers: s.list("balancers", network),
            name_servers: name_servers::read(s, "name-servers", "then the system is asked"),
            spool: path(s.optional("spool", text("the path of a folder")), "spool"),
            plugin_folder: path(s.optional("plugin-folder", text("the path of a folder")), "plugins"),
            hop_limit: s.optional("hop-limit", count(1..=1000)).unwrap_or(50),
            pass_limit: s.optional("pass-limit", count(1..=100)).unwrap_or(3),
            hold_after_deferrals: s.optional("hold-after-deferrals", count(1..=10_000)).unwrap_or(10),
        };
        if !s.has_items("domains") {
            s.refuse("domains", "at least one domain, such as mms.mnc001.mcc999.gprs");
        }
        if !s.has_items("listen") {
            s.refuse("listen", "at least one ADDRESS:PORT, such as 0.0.0.0:25");
        }
        read
    }

    /// Mail for the postmaster goes to a peer like other mail, because only peers' domains certainly lead somewhere.
    pub(super) fn check_postmaster(s: &mut Section<'_>, peers: &[Peer]) {
        let Some(address) = MmsAddress::new(s.peek("postmaster"))
            .ok()
            .filter(|address| address.domain().is_some())
        else {
            return;
        };
        let leads = |peer: &&Peer| !peer.inside && peer.takes_messages() && peer.has_domain_of(&address);
        if !peers.iter().any(|peer| leads(&peer)) {
            s.refuse("postmaster", "an address in a domain of a [[peer]] that has hosts");
        }
    }
}
