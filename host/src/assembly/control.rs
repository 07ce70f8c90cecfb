//! The operator's door of a running relay: what its desk is told of the rooms, and how it reaches them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use tokio::sync::{Mutex, mpsc};

use crate::control::audit::Entry;
use crate::control::cdr::RecordFiles;
use crate::control::http::{SOCKET, Socket};
use crate::control::peers::{Down, HostDown, Pause, Peer, Sending, read_pauses};
use crate::control::relay::{Listening, PlugIn, Running};
use crate::control::routes::{Route, Routed, Step};
use crate::control::tables::Table;
use crate::control::{BoxFuture, Desk, Kind, Known, Live, Order, Problem};
use crate::delivery::{Delivered, PeerStanding};
use crate::message::{PeerName, Timestamp};
use crate::relay::Relay;
use crate::routing::Side;
use crate::spool::{Operator, Spool};
use crate::vitals::{Standing, Vitals};

use super::metrics::Life;
use super::record_files::OfRunning;
use super::route::explain;
use super::tables::Current;

/// Open as long as this lives, through the drain as well.
pub(crate) struct Door {
    live: Arc<InRooms>,
    desk: Arc<Desk>,
    socket: Arc<Socket>,
    #[expect(dead_code, reason = "serves until it is dropped")]
    serving: Standing,
}

/// What the desk of a running relay looks at.
pub(crate) struct Seen {
    relay: Arc<Relay>,
    database: Arc<dyn Spool>,
    life: Life,
    current: Arc<Mutex<Current>>,
    listeners: Vec<(SocketAddr, Side)>,
    console: Option<SocketAddr>,
    orders: Option<mpsc::Sender<Order>>,
}

struct InRooms {
    seen: Seen,
    since: Timestamp,
    draining: AtomicBool,
}

impl Seen {
    /// `at`: where it listens, and where its console does.
    pub fn of(
        (relay, database): (&Arc<Relay>, &Arc<dyn Spool>),
        life: Life,
        current: &Arc<Mutex<Current>>,
        (listeners, console): (Vec<(SocketAddr, Side)>, Option<SocketAddr>),
        orders: Option<mpsc::Sender<Order>>,
    ) -> Self {
        Self {
            relay: Arc::clone(relay),
            database: Arc::clone(database),
            life,
            current: Arc::clone(current),
            listeners,
            console,
            orders,
        }
    }
}

impl Door {
    pub fn open(folder: &Path, seen: Seen, vitals: &Arc<Vitals>) -> anyhow::Result<Self> {
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
        let (answers, open) = (Arc::clone(&desk), Arc::clone(&socket));
        let serving = vitals.keep("control socket", move || {
            let (socket, desk) = (Arc::clone(&open), Arc::clone(&answers));
            async move { socket.serve(desk).await }
        });
        Ok(Self {
            live,
            desk,
            socket,
            serving,
        })
    }

    /// The relay takes no more messages.
    pub fn drain(&self) {
        self.live.draining.store(true, Ordering::Relaxed);
    }

    /// Nobody is let in any more, and whoever asked before has had the answer.
    pub async fn close(self) {
        self.socket.close().await;
    }

    pub async fn note(&self, entry: Entry) {
        if let Err(error) = self.desk.note(entry).await {
            tracing::error!(event = "audit-not-written", "the audit cannot be written: {error}");
        }
    }
}

/// Peers that were paused before the relay ended stay so.
pub(crate) fn take_up_pauses(folder: &Path, relay: &Relay) -> anyhow::Result<()> {
    let now = relay.clock.now();
    let pauses = read_pauses(folder).context("it is not known which peers are paused")?;
    for (name, pause) in pauses.iter().filter(|(_, pause)| !pause.is_over(now)) {
        if let Ok(peer) = PeerName::new(name) {
            tracing::warn!(%peer, by = pause.by, reason = pause.reason, event = "peer-paused", "peer is paused: nothing is sent to it");
            relay.delivery.pause(&peer, pause.until.map(|until| until.0));
        }
    }
    Ok(())
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
            console,
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
            console: console.map(|address| address.to_string()),
            unwell: life.troubles(),
            plugins: chain.links.iter().map(plugin).collect(),
        }
    }

    fn peers(&self) -> Vec<Peer> {
        let delivery = &self.seen.relay.delivery;
        let counts: std::collections::HashMap<PeerName, Delivered> = delivery.counts().into_iter().collect();
        let standings = delivery.standings().into_iter();
        standings
            .map(|standing| peer(&standing, counts.get(&standing.peer)))
            .collect()
    }

    fn pause(&self, peer: &PeerName, pause: Option<&Pause>) {
        let delivery = &self.seen.relay.delivery;
        match pause {
            Some(pause) => {
                tracing::warn!(%peer, by = pause.by, reason = pause.reason, event = "peer-paused", "peer is paused: nothing is sent to it");
                delivery.pause(peer, pause.until.map(|until| until.0));
            }
            None => delivery.resume(peer),
        }
    }

    fn route<'a>(&'a self, asked: &'a Route) -> BoxFuture<'a, Result<Routed, Problem>> {
        Box::pin(async move {
            let relay = &self.seen.relay;
            // Not held meanwhile: DNS may take its time.
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
                // Boxed: loading is the deepest future of all, and the compiler gives up on what holds it as a whole.
                true => Box::pin(self.seen.relay.replace_tables(&mut current)).await,
                false => Ok(()),
            }
        })
    }

    fn record_files(&self) -> Option<Arc<dyn RecordFiles>> {
        let files = self.seen.life.charging_files()?;
        Some(Arc::new(OfRunning(files)))
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

fn peer(standing: &PeerStanding, counts: Option<&Delivered>) -> Peer {
    let down = standing.down.as_ref().map(|down| Down {
        since: down.since.into(),
        said: down.said.clone(),
        again: down.again.map(Into::into),
    });
    let hosts_down = standing.hosts_down.iter().map(|host| HostDown {
        host: host.host.clone(),
        since: host.since.into(),
        said: host.said.clone(),
    });
    let sending = standing.running.iter().map(|running| Sending {
        id: running.id.clone(),
        since: running.since.into(),
        host: running.host.clone(),
        waits_for: running.waits_for.clone(),
        waits_since: running.waits_since.into(),
    });
    let counts = counts.copied().unwrap_or_default();
    Peer {
        name: standing.peer.to_string(),
        down,
        hosts_down: hosts_down.collect(),
        sending: sending.collect(),
        delivered: counts.delivered,
        deferred: counts.deferred,
        given_up: counts.failed,
        ..Peer::default()
    }
}
