//! What the operator's file says, and what it means.
//!
//! [`Config::load`] reads the whole file whatever is wrong with it, and either returns a configuration that makes
//! sense as a whole or every problem at once: the key, what stands there, and what would be right. A configuration
//! does not change; reloading makes another one.
//!
//! The keys, their defaults and bounds are described in `docs/configuration.md`.

mod charging_output;
mod console;
mod file;
mod forms;
mod ledger;
mod limits;
mod listening;
mod manifest;
mod name_servers;
mod peer;
mod places;
mod plugin;
mod problem;
mod recording;
mod relay_server;
mod renamed;
mod routing;
mod tls;
mod transactions;
mod units;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use charging_output::{ChargingFormat, ChargingOutput};
pub use console::Console;
pub use ledger::Ledger;
pub use limits::Limits;
pub use listening::overlap;
pub use manifest::{Language, MANIFEST, Manifest};
pub use peer::{Host, HostPort, Identity, Mm4, Peer, PeerTls, Retry, Smtp};
pub use places::Places;
pub use plugin::{Plugin, PluginBreaker, PluginLimits, PluginSigning, PluginWhen};
pub use problem::{Found, Problem, Problems};
pub use recording::Recording;
pub use relay_server::RelayServer;
pub use renamed::Renamed;
pub use routing::{Dialling, Numbering, OnFailure, Routing, Step};
pub use tls::ServerTls;
pub use transactions::Transactions;
pub use units::{show_duration, show_size};

use self::file::{Report, Section};
use self::forms::{
    HOST_NAME, NAME, PREFIX, count, domain, host_name, listen, local_part, mailbox, name, node, prefix, system_address,
    text, yes_or_no,
};
use self::peer::Taken;
use self::problem::one_of;
use crate::message::{MmsAddress, PeerName, SystemAddress};

/// A whole configuration. Paths are resolved: relative ones start at the folder of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub relay: Relay,
    pub limits: Limits,
    pub transactions: Transactions,
    pub ledger: Ledger,
    /// With it, the relay offers STARTTLS to those who connect.
    pub tls: Option<ServerTls>,
    /// `[console]`; without it there is none.
    pub console: Option<Console>,
    pub routing: Routing,
    /// The `[[peer]]`s, and behind them what each `[[relay-server]]` is as a peer.
    pub peers: Vec<Peer>,
    pub relay_servers: Vec<RelayServer>,
    pub routes: Vec<Route>,
    pub tables: Vec<Table>,
    pub plugin_signing: PluginSigning,
    /// In the order of the chain.
    pub plugins: Vec<Plugin>,
    /// `[recording]`; nothing is recorded without it.
    pub recording: Option<Recording>,
    /// Keys that stand in the file under old names: to be told to whoever runs or checks it.
    pub renamed: Vec<Renamed>,
    pub charging_outputs: Vec<ChargingOutput>,
}

/// `[relay]`: who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Our host name: in the greeting, in EHLO, in `Received`, and what loops are recognised by. In lower case.
    pub name: String,
    /// The domains of our own MMSE, in lower case: a recipient there is routed by number.
    pub domains: Vec<String>,
    /// Where to listen. Never empty. With `inside_listen`, for other operators only.
    pub listen: Vec<SocketAddr>,
    /// `inside-listen`: where to listen for our own Relay/Servers, and for nobody else. Default: they come to `listen`
    /// like everybody.
    pub inside_listen: Vec<SocketAddr>,
    /// `name-servers`: who is asked for mail exchangers, for the addresses of hosts, and for numbers. Empty: the system.
    pub name_servers: Vec<SocketAddr>,
    /// `system-address`: whom other operators' systems answer. Default `mm4relay@` and the first of `domains`; absent
    /// only when there is none.
    pub system_address: Option<SystemAddress>,
    /// `postmaster`: who reads what is sent to the postmaster of our domains: an address in the domain of a peer. `None`: it is
    /// held for an operator.
    pub postmaster: Option<MmsAddress>,
    /// `node`: which of several relays with one system address this is. Default: the first label of `name`.
    pub node: String,
    /// `spool`: the folder of the durable store. Default `spool`.
    pub spool: PathBuf,
    /// `plugin-folder`: where the files of plug-ins are. Default `plugins`.
    pub plugin_folder: PathBuf,
    /// `hop-limit`: `Received` fields that a message may come with; one more counts as a loop. Default 50, as Postfix and Stalwart have
    /// it: RFC 5321, 6.3 asks for 100 on the open Internet, and between operators there are three or four hops.
    pub hop_limit: u32,
    /// `pass-limit`: how often one message may go to the same recipients at the same next hop, and come back here. Default
    /// 3: one pass, one more where a Relay/Server of our own sends on through the relay, and one to spare.
    pub pass_limit: u32,
    /// `hold-after-deferrals`: a message that plug-ins defer so often is accepted and held for an operator. Default 10:
    /// several hours of most peers' retries, and well before they give up.
    pub hold_after_deferrals: u32,
}

/// `[[route]]`: addresses in our own domains. Of several prefixes the longest wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `prefix`: with a leading `+`, the beginning of a number; without, a whole code. Or `local-part`: a word, in lower case.
    pub prefix: String,
    pub to: RouteTo,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTo {
    Peer(PeerName),
    /// `plugins = true`: taken at `RCPT`, because a plug-in will give it another address or a peer.
    PlugIns,
}

/// `[[table]]`: a look-up table, for plug-ins and for routing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub file: PathBuf,
}

/// Where relative paths start, and whether what they name must exist.
struct Folders<'a> {
    base: &'a Path,
    plugins: PathBuf,
    must_exist: bool,
}

impl Config {
    /// Reads `path`. The files that it names must exist; what is in them is checked when they are loaded.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        Self::examine(path).whole()
    }

    /// Logs each key that stands in `path` under its old name.
    pub fn warn_of_renamed(&self, path: &Path) {
        for renamed in &self.renamed {
            tracing::warn!(file = %path.display(), event = "config-key-renamed", "{renamed}");
        }
    }

    /// Reads a text as if it stood in a file in the folder `base`, and looks at no other file.
    pub fn parse(text: &str, base: &Path) -> Result<Self, Problems> {
        read(text, &base.join("relay.toml"), false).whole()
    }

    /// As [`load`](Self::load), but returns what could be read beside the problems, so that everything else that the file
    /// names can be looked at too. To be looked at, not to be run.
    pub fn examine(path: &Path) -> Examined {
        match std::fs::read_to_string(path) {
            Ok(text) => read(&text, path, true),
            Err(error) => {
                let report = Report::new("");
                let expected = "a configuration file, in UTF-8";
                report.note(None, "", Found::NoFile(error.to_string()), expected);
                Examined {
                    file: path.to_owned(),
                    config: Self::empty(),
                    problems: report.finish(),
                    places: Places::default(),
                }
            }
        }
    }

    fn empty() -> Self {
        Self {
            relay: Relay {
                name: String::new(),
                domains: Vec::new(),
                listen: Vec::new(),
                inside_listen: Vec::new(),
                name_servers: Vec::new(),
                system_address: None,
                postmaster: None,
                node: String::new(),
                spool: PathBuf::new(),
                plugin_folder: PathBuf::new(),
                hop_limit: 0,
                pass_limit: 0,
                hold_after_deferrals: 0,
            },
            limits: Limits::default(),
            transactions: Transactions::default(),
            ledger: Ledger::default(),
            tls: None,
            console: None,
            routing: Routing::default(),
            peers: Vec::new(),
            relay_servers: Vec::new(),
            routes: Vec::new(),
            tables: Vec::new(),
            plugin_signing: PluginSigning::default(),
            plugins: Vec::new(),
            recording: None,
            renamed: Vec::new(),
            charging_outputs: Vec::new(),
        }
    }
}

/// What a file says, as far as it could be read.
#[derive(Clone, Debug)]
pub struct Examined {
    pub file: PathBuf,
    pub config: Config,
    /// In the order of the lines; empty when the configuration makes sense as a whole.
    pub problems: Vec<Problem>,
    pub places: Places,
}

impl Examined {
    fn whole(self) -> Result<Config, Problems> {
        match self.problems.is_empty() {
            true => Ok(self.config),
            false => Err(Problems {
                file: self.file,
                list: self.problems,
            }),
        }
    }
}

/// Relative paths in `text` start at the folder of `file`.
fn read(text: &str, file: &Path, must_exist: bool) -> Examined {
    let base = file.parent().unwrap_or(Path::new(""));
    let report = Report::new(text);
    let (table, errors) = toml::de::DeTable::parse_recoverable(text);
    let (config, places) = match errors.is_empty() {
        true => {
            let mut config = report.root(table.get_ref(), |root| config(root, base, must_exist));
            config.renamed = report.renamed();
            (config, Places::of(text, table.get_ref()))
        }
        false => (Config::empty(), Places::default()),
    };
    // What the parser made of the rest may be nonsense: its own complaints come alone.
    for error in errors {
        let at = error.span().map(|span| span.start);
        report.note(at, "", Found::NotToml, error.message().replace('\n', ", "));
    }
    Examined {
        file: file.to_owned(),
        config,
        problems: report.finish(),
        places,
    }
}

fn config(root: &mut Section<'_>, base: &Path, must_exist: bool) -> Config {
    let relay = root.section("relay", |s| relay(s, base));
    let folders = Folders {
        base,
        plugins: relay.plugin_folder.clone(),
        must_exist,
    };
    let limits = root.section("limits", Limits::read);
    let transactions = root.section("transactions", Transactions::read);
    let ledger = root.section("ledger", Ledger::read);
    let console = root.optional_section("console", Console::read);
    let tls = root.optional_section("tls", |s| ServerTls::read(s, &folders));
    listening::refuse_twice(root, &relay, console.as_ref());
    let mut taken = Taken {
        own_domains: &relay.domains,
        folders: &folders,
        names: HashSet::new(),
        domains: HashSet::new(),
    };
    let peers = root.sections("peer", |s| Peer::read(s, &mut taken));
    let mut peers: Vec<Peer> = peers.into_iter().flatten().collect();
    let mut relay_servers = Vec::new();
    for (server, peer) in root
        .sections("relay-server", |s| RelayServer::read(s, &mut taken, &relay))
        .into_iter()
        .flatten()
    {
        relay_servers.push(server);
        peers.push(peer);
    }
    root.again("relay-server", |s| RelayServer::check(s, &relay_servers));
    root.again("relay", |s| check_postmaster(s, &peers));
    let served = relay_servers.iter().flat_map(|server| server.numbers.iter().cloned());
    let mut prefixes = served.collect();
    let routes = root.sections("route", |s| route(s, &peers, &mut prefixes));
    let mut names = HashSet::new();
    let tables = root.sections("table", |s| table(s, &folders, &mut names));
    let tables: Vec<Table> = tables.into_iter().flatten().collect();
    let routing = root.section("routing", |s| Routing::read(s, &tables));
    let plugin_signing = root.section("plugin-signing", PluginSigning::read);
    let mut names = HashSet::new();
    let plugins = root.sections("plugin", |s| Plugin::read(s, &folders, &peers, &mut names));
    let plugins: Vec<Plugin> = plugins.into_iter().flatten().collect();
    let recording = match root.has("recording") {
        true => root.section("recording", |s| Recording::read(s, base, &plugins)),
        false => None,
    };
    let mut names = HashSet::new();
    let outputs = root.sections("charging-output", |s| ChargingOutput::read(s, base, &peers, &mut names));
    Config {
        charging_outputs: outputs.into_iter().flatten().collect(),
        limits,
        transactions,
        ledger,
        tls: tls.flatten(),
        console,
        routing,
        peers,
        relay_servers,
        routes: routes.into_iter().flatten().collect(),
        tables,
        plugin_signing,
        plugins,
        recording,
        renamed: Vec::new(),
        relay,
    }
}

fn relay(s: &mut Section<'_>, base: &Path) -> Relay {
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

/// What is for the postmaster goes to a peer like any message: only the domains of peers lead somewhere for sure.
fn check_postmaster(s: &mut Section<'_>, peers: &[Peer]) {
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

/// What a route is for: `prefix` or `local-part`.
fn route_key(s: &mut Section<'_>, taken: &mut HashSet<String>) -> Option<String> {
    let word = s.optional("local-part", local_part);
    let (key, read) = match (s.has("local-part"), s.has("prefix")) {
        (true, false) => ("local-part", word),
        (false, _) => ("prefix", s.required("prefix", PREFIX, prefix)),
        (true, true) => {
            s.refuse("local-part", "either prefix or local-part, not both");
            ("prefix", s.optional("prefix", prefix))
        }
    };
    if read.as_ref().is_some_and(|read| !taken.insert(read.clone())) {
        s.refuse(
            key,
            format!(
                "a {key} that no other route has, nor a relay-server among its {}",
                match key {
                    "prefix" => "numbers",
                    _ => "local-parts",
                }
            ),
        );
    }
    read
}

fn route(s: &mut Section<'_>, peers: &[Peer], taken: &mut HashSet<String>) -> Option<Route> {
    let prefix = route_key(s, taken);
    let peer = s.optional("peer", |value| {
        let name = value.as_str().unwrap_or_default();
        let known = || peers.iter().map(|peer| peer.name.as_str()).collect::<Vec<_>>();
        let peer = peers.iter().find(|peer| peer.name.as_str() == name);
        let peer = peer.ok_or_else(|| format!("the name of a peer: {}", one_of(name, &known())))?;
        match peer.takes_messages() {
            true => Ok(peer.name.clone()),
            false => Err("a peer that has hosts, where messages can go".to_owned()),
        }
    });
    let plug_ins = s.optional("plugins", yes_or_no);
    let to = match (peer, plug_ins) {
        (Some(_), Some(true)) => {
            s.refuse("plugins", "either peer or plugins = true, not both");
            None
        }
        (Some(peer), _) => Some(RouteTo::Peer(peer)),
        (None, Some(true)) => Some(RouteTo::PlugIns),
        (None, _) => {
            if !s.has("peer") {
                s.refuse("peer", "the name of a peer, or plugins = true");
            }
            None
        }
    };
    Some(Route {
        prefix: prefix?,
        to: to?,
    })
}

fn table(s: &mut Section<'_>, folders: &Folders<'_>, taken: &mut HashSet<String>) -> Option<Table> {
    const FILE: &str = "the path of a CSV file, such as \"tables/ported.csv\"";
    let name = s.required("name", NAME, name).map(|name| name.to_string());
    if name.as_ref().is_some_and(|name| !taken.insert(name.clone())) {
        s.refuse("name", "a name that no other table has");
    }
    let file = s.required("file", FILE, text(FILE)).map(|file| folders.base.join(file));
    let file = file.map(|file| folders.existing(s, "file", file, "a table that exists"));
    Some(Table {
        name: name?,
        file: file?,
    })
}

impl Folders<'_> {
    /// `file`. When it is not there and must be, refuses `key`, and says where the file was looked for; what refers to it
    /// by its name is right all the same.
    fn existing(&self, s: &mut Section<'_>, key: &'static str, file: PathBuf, expected: &str) -> PathBuf {
        if self.must_exist && !file.is_file() {
            let exists = file.exists();
            let file = file.display();
            s.refuse(
                key,
                match exists {
                    true => format!("{expected}; {file} is no regular file"),
                    false => format!("{expected}; there is no file {file}"),
                },
            );
        }
        file
    }

    fn existing_folder(&self, s: &mut Section<'_>, key: &'static str, folder: PathBuf) -> PathBuf {
        if self.must_exist && !folder.is_dir() {
            s.refuse(
                key,
                format!("a folder that exists; there is no folder {}", folder.display()),
            );
        }
        folder
    }
}

#[cfg(test)]
mod tests;
