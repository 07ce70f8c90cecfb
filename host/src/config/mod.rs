//! The operator's file and its meaning.
//!
//! [`Config::load`] reads the whole file, and returns either a configuration that is valid as a whole or every problem
//! at once: the key, its value, and what would be right. A configuration never changes; reloading makes another one.
//!
//! `docs/configuration.md` describes the keys, their defaults and bounds.

mod agreed;
mod alarms;
mod audit;
mod charging_output;
mod code;
mod control;
mod file;
mod folders;
mod forms;
mod host_port;
mod included;
mod ledger;
mod limits;
mod listening;
mod log;
mod manifest;
mod monitoring;
mod name_servers;
mod peer;
mod places;
mod plugin;
mod problem;
mod recording;
mod relay;
mod relay_server;
mod renamed;
mod route;
mod routing;
mod scanner;
mod service;
mod spans;
mod spool;
mod table;
mod tls;

mod transactions;
mod units;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

pub use alarms::{AlarmWebhook, Alarms};
pub use audit::Audit;
pub use charging_output::{ChargingFormat, ChargingOutput};
pub use code::Code;
pub use control::{Control, ControlClients, ControlRole};
pub use host_port::HostPort;
pub use included::ReadFile;
pub use ledger::Ledger;
pub use limits::Limits;
pub use listening::overlap;
pub use log::{Log, LogFormat, LogTo};
pub use manifest::{Language, MANIFEST, Manifest};
pub use monitoring::Monitoring;
pub use peer::{Host, Identity, Login, LoginTo, Mm4, Peer, PeerTls, Retry, Sends, Smtp};
pub use places::{Place, Places};
pub use plugin::{Plugin, PluginBreaker, PluginLimits, PluginSigning, PluginWhen};
pub use problem::{Found, Problem, Problems};
pub use recording::Recording;
pub use relay::Relay;
pub use relay_server::RelayServer;
pub use renamed::Renamed;
pub use route::{Route, RouteTo};
pub use routing::{Dialling, Numbering, OnFailure, Routing, Step};
pub use scanner::{OutsideBreaker, Scanner, ScannerAddress, ScannerSpeaks};
pub use service::{Secret, Service};
pub use spans::Tracing;
pub use spool::{Durability, SharedSpool};
pub use table::Table;
pub use tls::ServerTls;

pub use transactions::Transactions;
pub use units::{parse_duration, show_duration, show_size};

use self::file::{Report, Section};
use self::folders::Folders;
use self::forms::text;
use self::included::{Refused, Text};
use self::peer::Taken;

/// A complete configuration. Paths are resolved: relative ones start at the folder of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub relay: Relay,
    pub limits: Limits,
    pub transactions: Transactions,
    pub ledger: Ledger,
    /// `[spool]` with `backend = "postgres"`; without it the store is in the folder of `[relay]`.
    pub shared_spool: Option<SharedSpool>,
    pub alarms: Alarms,
    pub log: Log,
    /// With it, the relay offers STARTTLS to clients.
    pub tls: Option<ServerTls>,
    /// `[monitoring]`; without it there is none.
    pub monitoring: Option<Monitoring>,
    /// `[control]`; without it the door is a socket in the spool's folder alone.
    pub control: Option<Control>,
    pub routing: Routing,
    /// The `[[peer]]`s, followed by a peer for each `[[relay-server]]`.
    pub peers: Vec<Peer>,
    pub relay_servers: Vec<RelayServer>,
    pub routes: Vec<Route>,
    pub tables: Vec<Table>,
    pub scanners: Vec<Scanner>,
    pub plugin_signing: PluginSigning,
    /// In the order of the chain.
    pub plugins: Vec<Plugin>,
    /// `[recording]`; nothing is recorded without it.
    pub recording: Option<Recording>,
    pub audit: Audit,
    /// `[tracing]`; no spans are made without it.
    pub tracing: Option<Tracing>,
    /// Keys under old names, to be reported to the operator.
    pub renamed: Vec<Renamed>,
    pub charging_outputs: Vec<ChargingOutput>,
}

impl Config {
    /// Reads `path`. The files that it names must exist; their content is checked when they are loaded.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        Self::examine(path).whole()
    }

    /// Logs each key that `path` has under its old name.
    pub fn warn_of_renamed(&self, path: &Path) {
        for renamed in &self.renamed {
            tracing::warn!(file = %path.display(), event = "config-key-renamed", "{renamed}");
        }
    }

    /// Reads a text as if it stood in a file in the folder `base`, without looking at other files.
    pub fn parse(text: &str, base: &Path) -> Result<Self, Problems> {
        read(&Text::of(text), Vec::new(), &base.join("relay.toml"), false).whole()
    }

    /// Like [`load`](Self::load), but returns what could be read together with the problems, so that the rest can be
    /// checked too. Such a configuration may be examined, and must not be run.
    pub fn examine(path: &Path) -> Examined {
        match std::fs::read_to_string(path) {
            Ok(own) => Self::examine_text(&own, path),
            Err(error) => Examined {
                file: path.to_owned(),
                sources: Vec::new(),
                config: Self::empty(),
                problems: vec![Problem::no_file(&error, "a configuration file, in UTF-8")],
                places: Places::default(),
            },
        }
    }

    /// As [`examine`](Self::examine), as if this text stood in the file at `path`.
    pub fn examine_text(own: &str, path: &Path) -> Examined {
        let (text, refused) = Text::with_included(own, path);
        read(&text, refused, path, true)
    }

    fn empty() -> Self {
        Self {
            relay: Relay {
                name: String::new(),
                domains: Vec::new(),
                listen: Vec::new(),
                inside_listen: Vec::new(),
                listen_tls: Vec::new(),
                balancers: Vec::new(),
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
            shared_spool: None,
            alarms: Alarms::default(),
            audit: Audit::default(),
            tracing: None,
            log: Log::default(),
            tls: None,
            monitoring: None,
            control: None,
            routing: Routing::default(),
            peers: Vec::new(),
            relay_servers: Vec::new(),
            routes: Vec::new(),
            tables: Vec::new(),
            scanners: Vec::new(),
            plugin_signing: PluginSigning::default(),
            plugins: Vec::new(),
            recording: None,
            renamed: Vec::new(),
            charging_outputs: Vec::new(),
        }
    }
}

/// The content of a file, as far as it could be read.
#[derive(Clone, Debug)]
pub struct Examined {
    pub file: PathBuf,
    /// It, and behind it what it includes, as they were read.
    pub sources: Vec<ReadFile>,
    pub config: Config,
    /// In the order of the lines; empty when the configuration is valid as a whole.
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

/// Reads a text. Relative paths start at the folder of `file`. `refused` are the problems of its includes.
fn read(text: &Text, refused: Refused, file: &Path, must_exist: bool) -> Examined {
    let base = file.parent().unwrap_or(Path::new(""));
    let report = Report::new(text);
    let (table, errors) = toml::de::DeTable::parse_recoverable(&text.whole);
    let (config, places) = match errors.is_empty() {
        true => {
            let mut config = report.root(table.get_ref(), |root| config(root, base, must_exist));
            config.renamed = report.renamed();
            (config, Places::of(text, table.get_ref()))
        }
        false => (Config::empty(), Places::default()),
    };
    // With invalid TOML, other problems may be nonsense, so those of the parser come alone.
    for error in errors {
        let at = error.span().map(|span| span.start);
        report.note(at, "", Found::NotToml, error.message().replace('\n', ", "));
    }
    Examined {
        file: file.to_owned(),
        sources: text.sources.clone(),
        config,
        problems: refused.into_iter().chain(report.finish()).collect(),
        places,
    }
}

fn config(root: &mut Section<'_>, base: &Path, must_exist: bool) -> Config {
    // The included files were appended before anything was read.
    root.list("include", text(included::PATTERN));
    let relay = root.section("relay", |s| Relay::read(s, base));
    let folders = Folders {
        base,
        plugins: relay.plugin_folder.clone(),
        must_exist,
    };
    let limits = root.section("limits", Limits::read);
    let transactions = root.section("transactions", Transactions::read);
    let monitoring = root.optional_section("monitoring", Monitoring::read);
    let control = root.optional_section("control", |s| Control::read(s, &folders));
    let tls = root.optional_section("tls", |s| ServerTls::read(s, &folders));
    listening::refuse_twice(root, &relay, monitoring.as_ref());
    let (peers, relay_servers) = peers(root, &relay, &folders);
    check_tls(root, &relay, tls.is_some());
    let served = relay_servers.iter().flat_map(|server| server.numbers.iter().cloned());
    let mut prefixes = served.collect();
    let routes = root.sections("route", |s| Route::read(s, &peers, &mut prefixes));
    let mut names = HashSet::new();
    let tables = root.sections("table", |s| Table::read(s, &folders, &mut names));
    let tables: Vec<Table> = tables.into_iter().flatten().collect();
    let mut names = HashSet::new();
    let scanners = root.sections("scanner", |s| Scanner::read(s, &mut names));
    let routing = root.section("routing", |s| Routing::read(s, &tables));
    let plugin_signing = root.section("plugin-signing", PluginSigning::read);
    let mut names = HashSet::new();
    let plugins = root.sections("plugin", |s| Plugin::read(s, &folders, &peers, &mut names));
    let plugins: Vec<Plugin> = plugins.into_iter().flatten().collect();
    let recording = root.optional_section("recording", |s| Recording::read(s, base, &plugins));
    let mut names = HashSet::new();
    let outputs = root.sections("charging-output", |s| ChargingOutput::read(s, base, &peers, &mut names));
    Config {
        charging_outputs: outputs.into_iter().flatten().collect(),
        limits,
        transactions,
        ledger: root.section("ledger", Ledger::read),
        shared_spool: root.section("spool", |s| SharedSpool::read(s, &folders)),
        alarms: root.section("alarms", |s| Alarms::read(s, base)),
        audit: root.section("audit", Audit::read),
        tracing: root.optional_section("tracing", |s| Tracing::read(s, base)).flatten(),
        log: root.section("log", |s| Log::read(s, base)),
        tls: tls.flatten(),
        monitoring,
        control,
        routing,
        peers,
        relay_servers,
        routes: routes.into_iter().flatten().collect(),
        tables,
        scanners: scanners.into_iter().flatten().collect(),
        plugin_signing,
        plugins,
        recording: recording.flatten(),
        renamed: Vec::new(),
        relay,
    }
}

/// Checks for keys that need TLS, which the relay must then offer.
fn check_tls(root: &mut Section<'_>, relay: &Relay, has_tls: bool) {
    for key in ["peer", "relay-server"] {
        root.again(key, |s| Peer::check_proofs(s, has_tls));
    }
    if !has_tls && !relay.listen_tls.is_empty() {
        root.look_into("relay", |s| {
            s.refuse("listen-tls", "a section [tls] in this file, with the certificate");
        });
    }
}

/// The `[[peer]]`s together with a peer for each `[[relay-server]]`, and the relay servers themselves.
fn peers(root: &mut Section<'_>, relay: &Relay, folders: &Folders<'_>) -> (Vec<Peer>, Vec<RelayServer>) {
    let taken = &mut Taken {
        own_domains: &relay.domains,
        folders,
        names: HashSet::new(),
        domains: HashSet::new(),
        logins: HashSet::new(),
    };
    let peers = root.sections("peer", |s| Peer::read(s, taken));
    let mut peers: Vec<Peer> = peers.into_iter().flatten().collect();
    let servers = root.sections("relay-server", |s| RelayServer::read(s, taken, relay));
    let (servers, as_peers): (Vec<_>, Vec<_>) = servers.into_iter().flatten().unzip();
    peers.extend(as_peers);
    root.again("relay-server", |s| RelayServer::check(s, &servers));
    root.again("relay", |s| Relay::check_postmaster(s, &peers));
    (peers, servers)
}

#[cfg(test)]
mod tests;
