//! The operator's door of a running relay: the rooms that its desk sees, and its access to them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio_rustls::rustls::ServerConfig;

use crate::alarms::Severity;
use crate::config::Control;
use crate::control::alarms::RaisedAlarm;
use crate::control::audit::Entry;
use crate::control::cdr::RecordFiles;
use crate::control::configuration::Compared;
use crate::control::http::{self, NamedHosts, SOCKET, Socket, Tcp};
use crate::control::limits::Limit;
use crate::control::peers::{Pause, Peer};
use crate::control::placing::{Placement, VersionPlaced};
use crate::control::plugins;
use crate::control::relay::{Listening, PlugIn, Running};
use crate::control::rollouts::AllRollouts;
use crate::control::routes::{Route, Routed, Step};
use crate::control::tables::Table;
use crate::control::traffic::AllTraffic;
use crate::control::{BoxFuture, Desk, Kind, Known, Live, Order, Problem};
use crate::message::{PeerName, Timestamp};
use crate::monitoring::Names;
use crate::pages::{self, Recent};
use crate::relay::Relay;
use crate::rollout::Participant;
use crate::routing::Side;
use crate::spool::{Operator, Spool};
use crate::vitals::{Standing, Vitals};

use super::alarms::Alarms;
use super::control_clients::named_clients;
use super::control_configuration::compare;
use super::metrics::Life;
use super::record_files::OfRunning;
use super::route::explain;
use super::tables::Current;
use super::wishes::{limit_peer, pause_peer};

/// The open door. It stays open while this lives, also during the drain.
pub(crate) struct Door {
    live: Arc<InRooms>,
    desk: Arc<Desk>,
    socket: Arc<Socket>,
    /// The address over TCP.
    address: Option<SocketAddr>,
    #[expect(dead_code, reason = "serve until they are dropped")]
    serving: Vec<Standing>,
}

/// The parts of a running relay that its desk uses.
pub(crate) struct Seen {
    relay: Arc<Relay>,
    database: Arc<dyn Spool>,
    life: Life,
    alarms: Arc<Alarms>,
    current: Arc<Mutex<Current>>,
    /// Where relays share a store.
    participant: Option<Arc<Participant>>,
    listeners: Vec<(SocketAddr, Side)>,
    monitoring: Option<SocketAddr>,
    orders: Option<mpsc::Sender<Order>>,
    /// The file of the configuration.
    file: PathBuf,
}

struct InRooms {
    seen: Seen,
    since: Timestamp,
    draining: AtomicBool,
}

impl Seen {
    /// `at` are the addresses of the listeners and of monitoring.
    pub fn of(
        (relay, database): (&Arc<Relay>, &Arc<dyn Spool>),
        (life, alarms): (Life, Arc<Alarms>),
        (current, participant): (&Arc<Mutex<Current>>, Option<Arc<Participant>>),
        (listeners, monitoring): (Vec<(SocketAddr, Side)>, Option<SocketAddr>),
        (file, orders): (&Path, Option<mpsc::Sender<Order>>),
    ) -> Self {
        Self {
            relay: Arc::clone(relay),
            database: Arc::clone(database),
            life,
            alarms,
            current: Arc::clone(current),
            participant,
            listeners,
            monitoring,
            orders,
            file: file.to_owned(),
        }
    }
}

impl Door {
    pub async fn open(
        folder: &Path,
        over_tcp: Option<(&Control, Option<Arc<ArcSwap<ServerConfig>>>)>,
        seen: Seen,
        vitals: &Arc<Vitals>,
    ) -> anyhow::Result<Self> {
        let socket = Socket::open(folder);
        let socket = Arc::new(socket.with_context(|| format!("{} cannot be made", folder.join(SOCKET).display()))?);
        let store = Arc::clone(&seen.database) as Arc<dyn Operator>;
        let live = Arc::new(InRooms {
            since: seen.relay.clock.now(),
            seen,
            draining: AtomicBool::new(false),
        });
        let desk = Desk::of_running(folder, store, Arc::clone(&live) as Arc<dyn Live>);
        let desk = Arc::new(desk);
        let recent = Arc::<Recent>::default();
        let routes = http::routes(Arc::clone(&desk)).merge(pages::routes(Arc::clone(&desk), Arc::clone(&recent)));
        let (answers, open) = (routes.clone(), Arc::clone(&socket));
        let serving = vitals.keep("control socket", move || {
            let (socket, routes) = (Arc::clone(&open), answers.clone());
            async move { socket.serve(routes).await }
        });
        let watched = Arc::clone(&desk);
        let watching = vitals.keep("traffic of the pages", move || {
            let (recent, desk) = (Arc::clone(&recent), Arc::clone(&watched));
            async move { recent.watch(&desk).await }
        });
        let (mut serving, mut address) = (vec![serving, watching], None);
        if let Some((control, tls)) = over_tcp {
            let tcp = Arc::new(open_tcp(control, tls).await?);
            address = Some(tcp.listener.local_addr()?);
            let desk = Arc::clone(&desk);
            serving.push(vitals.keep("door over TCP", move || {
                let (tcp, desk, routes) = (Arc::clone(&tcp), Arc::clone(&desk), routes.clone());
                async move { tcp.serve(desk, routes).await }
            }));
        }
        Ok(Self {
            live,
            desk,
            socket,
            address,
            serving,
        })
    }

    /// The address over TCP, with the port that the system chose.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Announces that the relay takes no more messages.
    pub fn drain(&self) {
        self.live.draining.store(true, Ordering::Relaxed);
    }

    /// Lets nobody in any more, and waits until earlier requests have been answered.
    pub async fn close(self) {
        self.socket.close().await;
    }

    pub async fn note(&self, entry: Entry) {
        if let Err(error) = self.desk.note(entry).await {
            tracing::error!(event = "audit-not-written", "the audit cannot be written: {error}");
        }
    }
}

async fn open_tcp(control: &Control, tls: Option<Arc<ArcSwap<ServerConfig>>>) -> anyhow::Result<Tcp> {
    let listen = control.listen;
    let listener = TcpListener::bind(listen).await;
    let listener = listener.with_context(|| format!("the door cannot listen on {listen} ([control] listen)"))?;
    let names = Names::new("[control]", control.hosts.iter().cloned());
    let hosts: NamedHosts = Arc::new(move |request| {
        let admitted = names.admit(request.version(), request.uri(), request.headers());
        admitted.map_err(|(_, why)| why.trim_end().to_owned())
    });
    Ok(Tcp {
        listener,
        tls,
        hosts,
        clients: named_clients(control),
    })
}

impl Live for InRooms {
    fn now(&self) -> Timestamp {
        self.seen.relay.clock.now()
    }

    fn known(&self) -> Known {
        let (directory, chain) = (self.seen.relay.directory.load(), self.seen.relay.catalogue.chain());
        let names = |of: Vec<&PeerName>| {
            let mut names: Vec<String> = of.into_iter().map(ToString::to_string).collect();
            names.sort();
            names.dedup();
            names
        };
        let next_hops: Vec<&PeerName> = directory.destinations.keys().collect();
        let everybody = next_hops.iter().copied().chain(directory.senders.keys()).collect();
        Known {
            peers: names(everybody),
            next_hops: names(next_hops),
            plugins: chain.links.iter().map(|link| link.plugin.name().to_owned()).collect(),
        }
    }

    fn running(&self) -> Running {
        let Seen {
            relay,
            life,
            listeners,
            monitoring,
            ..
        } = &self.seen;
        let chain = relay.catalogue.chain();
        let plugin = |link: &crate::pipeline::Link| PlugIn {
            name: link.plugin.name().to_owned(),
            version: link.plugin.description().version.clone(),
            digest: link.plugin.digest().to_owned(),
        };
        let listening = |(address, side): &(SocketAddr, Side)| Listening {
            address: address.to_string(),
            side: side.as_str().to_owned(),
        };
        Running {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: std::process::id(),
            since: self.since.into(),
            draining: self.draining.load(Ordering::Relaxed),
            listening: listeners.iter().map(listening).collect(),
            monitoring: monitoring.map(|address| address.to_string()),
            unwell: life.troubles(),
            plugins: chain.links.iter().map(plugin).collect(),
            relays: life.members.shown(),
        }
    }

    fn node(&self) -> Option<String> {
        self.seen.life.members.own().map(str::to_owned)
    }

    fn alarms(&self) -> Vec<RaisedAlarm> {
        let members = &self.seen.life.members;
        let mut alarms = self.seen.alarms.shown(members.own());
        alarms.extend(members.alarms_elsewhere());
        // Those that need action at once come first, from whichever relay.
        alarms.sort_by_key(|alarm| alarm.severity != Severity::Critical.as_str());
        alarms
    }

    fn traffic(&self) -> AllTraffic {
        super::control_peers::traffic(&self.seen.relay, self.seen.database.free())
    }

    fn peers(&self) -> Vec<Peer> {
        super::control_peers::standing(&self.seen.relay)
    }

    fn pause(&self, peer: &PeerName, pause: Option<&Pause>) {
        match pause {
            Some(pause) => pause_peer(&self.seen.relay, peer, pause),
            None => self.seen.relay.delivery.resume(peer),
        }
    }

    fn limit(&self, peer: &PeerName, limit: Option<&Limit>) {
        match limit {
            Some(limit) => limit_peer(&self.seen.relay, peer, limit),
            None => self.seen.relay.delivery.limit(peer, None),
        }
    }

    fn reconsider(&self, peers: &[PeerName]) {
        self.seen.relay.delivery.reconsider(peers);
    }

    fn plugins(&self) -> Vec<plugins::PlugInAtWork> {
        super::control_plugins::shown(&self.seen.relay.catalogue)
    }

    fn reset_breaker(&self, plugin: &str) {
        let chain = self.seen.relay.catalogue.chain();
        let named = chain.links.iter().filter(|link| link.plugin.name() == plugin);
        named.for_each(|link| link.plugin.breaker().reset());
    }

    fn place_version(
        &self,
        plugin: String,
        placement: Placement,
        within: Duration,
    ) -> BoxFuture<'_, Result<VersionPlaced, Problem>> {
        Box::pin(async move {
            let config = self.seen.current.lock().await.config.clone();
            let (relay, participant) = (Arc::clone(&self.seen.relay), self.seen.participant.clone());
            // In a task of its own, which runs to its end even if the client leaves: a refused version must be removed
            // again.
            let placing = tokio::spawn(async move {
                let named = config.plugins.iter().find(|known| known.name == plugin);
                let named = named.ok_or_else(|| {
                    Problem::new(Kind::UnknownPlugIn, format!("there is no plug-in {plugin} any more"))
                })?;
                if let Some(participant) = participant {
                    return super::rollouts::place(&participant, &plugin, placement, within).await;
                }
                let placing = (named, config.relay.spool.as_path());
                super::control_plugins::place(&relay.catalogue, placing, placement.what, within).await
            });
            let placed = placing.await;
            placed.unwrap_or_else(|error| Err(Problem::new(Kind::Internal, format!("a bug: {error}"))))
        })
    }

    fn rollouts(&self) -> AllRollouts {
        super::rollouts::shown(self.seen.participant.as_ref())
    }

    fn unbar(&self, plugin: String, digest: String, by: String) -> BoxFuture<'_, Result<String, Problem>> {
        let participant = self.seen.participant.as_ref();
        Box::pin(super::rollouts::unbar(participant, plugin, digest, by))
    }

    fn switch_off(&self, plugins: BTreeSet<String>) {
        self.seen.relay.catalogue.switch_off(plugins);
    }

    fn route<'a>(&'a self, asked: &'a Route) -> BoxFuture<'a, Result<Routed, Problem>> {
        Box::pin(async move {
            let relay = &self.seen.relay;
            // The lock is not held during the look-up, because DNS may take its time.
            let config = self.seen.current.lock().await.config.clone();
            let directory = relay.directory.load_full();
            let from = asked.from.as_deref();
            let explained = explain(&config, &directory, Some(&relay.delivery), &asked.recipient, from).await;
            let explained = explained.map_err(|why| Problem::new(Kind::Unreadable, why))?;
            let steps = explained.lines.into_iter().map(|(step, found)| Step { step, found });
            Ok(Routed {
                goes: !explained.refused,
                steps: steps.collect(),
            })
        })
    }

    fn tables(&self) -> BoxFuture<'_, Vec<Table>> {
        Box::pin(async { self.seen.current.lock().await.tables.shown() })
    }

    fn reload_tables(&self) -> BoxFuture<'_, Result<(), Vec<String>>> {
        Box::pin(async {
            let mut current = self.seen.current.lock().await;
            match current.tables.is_outdated() {
                // Boxed: the future of loading is so deep that the compiler could not handle its containers.
                true => Box::pin(self.seen.relay.replace_tables(&mut current)).await.map(|_| ()),
                false => Ok(()),
            }
        })
    }

    fn record_files(&self) -> Option<Arc<dyn RecordFiles>> {
        let files = self.seen.life.charging_files()?;
        Some(Arc::new(OfRunning(files)))
    }

    fn compare_configuration(&self, candidate: Option<String>) -> BoxFuture<'_, Compared> {
        let Seen {
            relay,
            current,
            listeners,
            monitoring,
            file,
            ..
        } = &self.seen;
        let listening = listeners.iter().map(|(address, _)| *address).chain(*monitoring);
        let listening = listening.collect();
        Box::pin(compare((relay, current), (file, candidate), listening))
    }

    fn order(&self, order: Order) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let nobody = || "this relay runs within another program, and takes no orders".to_owned();
            let orders = self.seen.orders.as_ref().ok_or_else(nobody)?;
            orders
                .send(order)
                .await
                .map_err(|_| "the relay ends already".to_owned())
        })
    }
}
