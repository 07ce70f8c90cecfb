//! Building the rooms from a configuration, reloading what can be reloaded, and draining.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use mm4relay_engine::{Engine, EngineOptions, Services};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::clock::{SharedClock, SystemClock};
use crate::config::{self, Config, RouteTo};
use crate::delivery::{Delivery, PeerOptions, Schedule};
use crate::intake;
use crate::message::PeerName;
use crate::pipeline::loading::history::History;
use crate::pipeline::{Catalogue, Destination, KvSource, PluginServices, Seeds, WatchGuard};
use crate::protocol::mm4;
use crate::routing::{PeerEntry, Route, Routing};
use crate::spool::sqlite::{self, SqliteSpool};
use crate::spool::{BoxFuture, Careless, Spool};

use super::deferrals::Deferrals;
use super::numbers::RoutedNumbers;
use super::outcomes::Outcomes;
use super::{Nobody, Observer, ROOM_BLOCKS, Relay, chain, tables};

/// What a start can be given besides the configuration.
pub struct Setup {
    pub observer: Arc<dyn Observer>,
    /// For tests of the tests: see the hidden flag of `run`.
    pub acknowledge_before_commit: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            observer: Arc::new(Nobody),
            acknowledge_before_commit: false,
        }
    }
}

/// A relay at work.
pub struct Running {
    relay: Arc<Relay>,
    database: Arc<SqliteSpool>,
    /// The configuration that the rooms were built from.
    config: Config,
    addresses: Vec<SocketAddr>,
    listeners: Vec<JoinHandle<()>>,
    events: JoinHandle<()>,
    finishing: JoinHandle<()>,
    stop_intake: watch::Sender<bool>,
    stop_delivery: watch::Sender<bool>,
    _watch: WatchGuard,
}

impl Running {
    /// Starts everything. When this returns, the relay listens, and delivers what its spool held.
    pub async fn start(config: Config, setup: Setup) -> anyhow::Result<Self> {
        let clock: SharedClock = Arc::new(SystemClock);
        let database = open_spool(&config)?;
        let spool = trusted(&database, &setup);
        let routing = Arc::new(routing(&config)?);
        let catalogue = load_catalogue(&config, services(&config, &spool, &clock, &routing)?).await?;

        let outcomes = Arc::new(Outcomes {
            catalogue: Arc::clone(&catalogue),
            clock: Arc::clone(&clock),
        });
        let events = tokio::spawn(Arc::clone(&outcomes).keep_telling(Arc::clone(&spool)));
        let (stop_delivery, delivery_stops) = watch::channel(false);
        let peers = config.peers.iter().filter(|peer| peer.takes_messages());
        let delivery = Delivery::start(
            peers.map(|peer| peer_options(peer, &config.relay.name)).collect(),
            Arc::clone(&spool),
            Arc::clone(&clock),
            outcomes,
            delivery_stops,
        );

        let relay = Arc::new(Relay {
            name: config.relay.name.clone(),
            hop_limit: config.relay.hop_limit,
            limits: mm4_limits(&config),
            routing: ArcSwap::new(routing),
            peers: destinations(&config),
            answer_within: answer_within(&config),
            deferrals: Deferrals::new(config.relay.hold_after_deferrals),
            unfinished: Notify::new(),
            catalogue: Arc::clone(&catalogue),
            spool,
            delivery,
            clock,
            room: Semaphore::new(ROOM_BLOCKS as usize),
            observer: setup.observer,
        });
        let watch = catalogue
            .watch()
            .await
            .context("the folders of the plug-ins cannot be watched")?;
        let finishing = tokio::spawn(Arc::clone(&relay).keep_finishing());
        let (stop_intake, intake_stops) = watch::channel(false);
        let (addresses, listeners) = listen(&config, &relay, &intake_stops).await?;
        Ok(Self {
            relay,
            database,
            config,
            addresses,
            listeners,
            events,
            finishing,
            stop_intake,
            stop_delivery,
            _watch: watch,
        })
    }

    /// Where it listens, with the ports that the system chose.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Reads the configuration again, and applies tables, routes and plug-ins: all of them, or, when anything is wrong,
    /// none. What needs a restart is named in the log.
    pub async fn reload(&self, path: &Path) -> anyhow::Result<()> {
        let config = Config::load(path)?;
        let new_routing = Arc::new(routing(&self.with_running_peers(&config)?)?);
        let services = services(&config, &self.relay.spool, &self.relay.clock, &new_routing)?;
        let specs = chain::specs(&config)?;
        if let Err(error) = self.relay.catalogue.replace(specs, services).await {
            bail!("plug-ins:\n{error}");
        }
        self.relay.routing.store(new_routing);
        let same = |what: &str, same: bool| {
            if !same {
                tracing::warn!("{what} changed in the configuration: that takes a restart");
            }
        };
        same("[relay]", config.relay == self.config.relay);
        same("[limits]", config.limits == self.config.limits);
        same("[[peer]]", config.peers == self.config.peers);
        Ok(())
    }

    /// The new routes between the peers that are running: what nobody can deliver yet must not be accepted.
    fn with_running_peers(&self, config: &Config) -> anyhow::Result<Config> {
        for route in &config.routes {
            if let RouteTo::Peer(peer) = &route.to
                && !self.config.peers.iter().any(|running| running.name == *peer)
            {
                let prefix = &route.prefix;
                bail!("route {prefix} leads to {peer}, which is not running yet: that takes a restart");
            }
        }
        Ok(Config {
            relay: self.config.relay.clone(),
            peers: self.config.peers.clone(),
            ..config.clone()
        })
    }

    /// Stops taking messages, lets what is under way finish, and closes the spool.
    pub async fn drain(self) {
        let _ = self.stop_intake.send(true);
        for listener in self.listeners {
            let _ = listener.await;
        }
        // Whatever it was doing starts anew next time, or is in the spool already.
        self.finishing.abort();
        let _ = self.stop_delivery.send(true);
        self.relay.delivery.drained().await;
        self.events.abort();
        self.database.close().await;
    }
}

fn open_spool(config: &Config) -> anyhow::Result<Arc<SqliteSpool>> {
    let folder = &config.relay.spool;
    SqliteSpool::open(folder, sqlite::Options::default()).with_context(|| format!("spool {}", folder.display()))
}

/// The spool as the rooms see it.
fn trusted(database: &Arc<SqliteSpool>, setup: &Setup) -> Arc<dyn Spool> {
    let spool = Arc::clone(database) as Arc<dyn Spool>;
    if !setup.acknowledge_before_commit {
        return spool;
    }
    tracing::error!("MESSAGES WILL BE LOST: this relay acknowledges before it commits, to test a test");
    Arc::new(Careless(spool))
}

/// Plug-ins' durable values, from the spool.
struct StoredValues(Arc<dyn Spool>);

impl KvSource for StoredValues {
    fn get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        Box::pin(async move { self.0.kv_get(plugin, key).await.map_err(|error| error.to_string()) })
    }
}

/// What plug-ins get from the relay, with the tables and routes as they are now.
fn services(
    config: &Config,
    spool: &Arc<dyn Spool>,
    clock: &SharedClock,
    routing: &Arc<Routing>,
) -> anyhow::Result<Arc<dyn Services>> {
    Ok(Arc::new(PluginServices {
        tables: tables::load(config)?,
        kv: Arc::new(StoredValues(Arc::clone(spool))),
        clock: Arc::clone(clock),
        numbering: Arc::new(RoutedNumbers::new(Arc::clone(routing), &config.peers)),
        seeds: Seeds::new()?,
    }))
}

async fn load_catalogue(config: &Config, services: Arc<dyn Services>) -> anyhow::Result<Arc<Catalogue>> {
    let cache_dir = Some(config.relay.spool.join("compiled"));
    let engine = Engine::new(EngineOptions {
        cache_dir,
        ..EngineOptions::default()
    })?;
    if !engine.page_map_scan() {
        tracing::warn!("this kernel has no page-map scan (Linux 6.7): each plug-in call costs about twice as much");
    }
    let history = History::open(&config.relay.spool);
    Catalogue::open(engine, services, chain::specs(config)?, history)
        .await
        .context("plug-ins")
}

fn routing(config: &Config) -> anyhow::Result<Routing> {
    let entry = |peer: &config::Peer| PeerEntry {
        name: peer.name.clone(),
        domains: peer.domains.clone(),
        from: peer.from.clone(),
    };
    let route = |route: &config::Route| {
        let to = match &route.to {
            RouteTo::Peer(peer) => Route::Peer(peer.clone()),
            RouteTo::PlugIns => Route::PlugIns,
        };
        (route.prefix.clone(), to)
    };
    let peers = config.peers.iter().map(entry).collect();
    Ok(Routing::new(
        config.relay.domains.clone(),
        peers,
        config.routes.iter().map(route),
    )?)
}

fn destinations(config: &Config) -> HashMap<PeerName, Destination> {
    let destination = |peer: &config::Peer| Destination {
        peer: peer.name.to_string(),
        domain: peer.domains.first().cloned().unwrap_or_default(),
        inside: false,
        content_class: None,
        max_message_size: peer.max_message_size,
        max_image_size: peer.max_image_size,
        max_image_width: peer.max_image_width,
        max_image_height: peer.max_image_height,
    };
    // A peer without hosts only sends: nothing can go there.
    let peers = config.peers.iter().filter(|peer| peer.takes_messages());
    peers.map(|peer| (peer.name.clone(), destination(peer))).collect()
}

fn answer_within(config: &Config) -> HashMap<PeerName, Duration> {
    let peers = config.peers.iter();
    peers.map(|peer| (peer.name.clone(), peer.answer_within)).collect()
}

fn mm4_limits(config: &Config) -> mm4::Limits {
    mm4::Limits {
        header_octets: config.limits.header_size,
        nesting: config.limits.nesting,
        ..mm4::Limits::default()
    }
}

fn peer_options(peer: &config::Peer, our_name: &str) -> PeerOptions {
    let hosts = peer.hosts.iter().map(ToString::to_string).collect();
    PeerOptions {
        sessions: peer.sessions as usize,
        idle: peer.idle,
        timeouts: peer.timeouts,
        schedule: Schedule::new(peer.retry.steps()),
        give_up_after: peer.give_up,
        convert: Some(mm4::seven_bit),
        ..PeerOptions::new(peer.name.clone(), hosts, our_name)
    }
}

async fn listen(
    config: &Config,
    relay: &Arc<Relay>,
    stop: &watch::Receiver<bool>,
) -> anyhow::Result<(Vec<SocketAddr>, Vec<JoinHandle<()>>)> {
    let options = Arc::new(intake_options(config));
    let (mut addresses, mut listeners) = (Vec::new(), Vec::new());
    for address in &config.relay.listen {
        let listener = bind(*address).with_context(|| format!("cannot listen on {address}"))?;
        addresses.push(listener.local_addr()?);
        let served = intake::serve(listener, Arc::clone(&options), Arc::clone(relay), stop.clone());
        listeners.push(tokio::spawn(served));
    }
    Ok((addresses, listeners))
}

/// A listener whose queue holds a burst of connections: with the usual 128, a thousand peers that come at once wait for
/// seconds.
fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    const BACKLOG: u32 = 4096;
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn intake_options(config: &Config) -> intake::Options {
    let limits = &config.limits;
    intake::Options {
        budget: intake::MemoryBudget::new(usize::try_from(limits.memory).unwrap_or(usize::MAX)),
        message: limits.message_size,
        header: limits.header_size,
        line: limits.line_length.into(),
        recipients: limits.recipients,
        sessions: limits.sessions as usize,
        sessions_per_source: limits.sessions_per_source as usize,
        errors: limits.errors_per_session,
        idle: limits.idle,
        transaction: limits.transaction,
        octets_per_second: limits.data_rate,
        ..intake::Options::new(config.relay.name.clone(), config.relay.spool.clone())
    }
}
