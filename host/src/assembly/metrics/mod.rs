//! The pages of monitoring: the counters of all rooms, gathered at each request.
//!
//! The rooms count, and do not know who collects the numbers. Here each number gets its name and labels: one file for
//! each group, and one line in [`Shown::of`]. Labels are names from the configuration, versions of plug-ins, and fixed
//! words; never a subscriber's number.

mod alarms;
mod callers;
mod charging;
mod form;
mod life;
mod outside;
mod plugins;
mod rollouts;
mod rooms;
mod spans;
mod transactions;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::Context;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::config;
use crate::delivery::Delivery;
use crate::message::NextHop;
use crate::monitoring::{self, Health, Names, Pages, Visitors};
use crate::spans::Sink;
use crate::spool::{Depths, Operator, Spool, SpoolError};
use crate::vitals::{Standing, Vitals};

pub(crate) use self::life::Life;
use super::alarms::Alarms;
use super::charging_files::ChargingFiles;
use crate::relay::Relay;
use crate::rollout::Participant;

/// The prefix of every name.
const PREFIX: &str = "mm4relay";

/// Monitoring at work. It answers while this lives, also during the drain.
pub struct Monitoring {
    shown: Arc<Shown>,
    address: SocketAddr,
    #[expect(dead_code, reason = "serves until it is dropped")]
    serving: Standing,
}

impl Monitoring {
    pub async fn start(asked: &config::Monitoring, shown: Shown, vitals: &Arc<Vitals>) -> anyhow::Result<Self> {
        let listen = asked.listen;
        let listener = TcpListener::bind(listen).await;
        let listener =
            Arc::new(listener.with_context(|| format!("metrics and health cannot be listened for on {listen}"))?);
        let address = listener.local_addr()?;
        let names = Names::new("[monitoring]", asked.hosts.iter().cloned());
        let shown = Arc::new(shown);
        let pages = Arc::clone(&shown) as Arc<dyn Pages>;
        let serve = move || {
            monitoring::serve(
                Arc::clone(&listener),
                Arc::clone(&pages),
                names.clone(),
                Visitors::default(),
            )
        };
        let serving = vitals.keep("monitoring", serve);
        Ok(Self {
            shown,
            address,
            serving,
        })
    }

    /// The address, with the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Announces that the relay takes no more messages.
    pub fn drain(&self) {
        self.shown.draining.store(true, Ordering::Relaxed);
    }
}

/// What only some relays have.
#[derive(Default)]
pub struct Configured {
    pub files: Option<Arc<ChargingFiles>>,
    pub spans: Option<Arc<Sink>>,
    pub rollouts: Option<Arc<Participant>>,
}

/// The pages of one relay.
pub struct Shown {
    spool: Arc<dyn Operator>,
    rooms: Registry,
    /// Knows every peer.
    delivery: Weak<Delivery>,
    /// The peers that were shown before: their series continue with 0.
    seen: Mutex<BTreeSet<NextHop>>,
    draining: AtomicBool,
    life: Life,
    /// Counting the messages in the spool reads all of them, so requests take turns.
    turn: tokio::sync::Mutex<()>,
}

impl Shown {
    /// The pages of a relay. Every room that counts has its line here.
    pub fn of(
        (relay, database): (&Relay, &Arc<dyn Spool>),
        life: Life,
        configured: Configured,
        alarms: &Arc<Alarms>,
    ) -> Self {
        let mut rooms = Registry::with_prefix(PREFIX);
        let mut add = |room: Box<dyn Collector>| rooms.register_collector(room);
        add(Box::new(rooms::Clock(Arc::clone(&relay.steady))));
        add(Box::new(rooms::Intake(Arc::clone(&relay.counts))));
        add(Box::new(callers::Clients(Arc::clone(&relay.callers))));
        add(Box::new(rooms::Outgoing(Arc::downgrade(&relay.delivery))));
        add(Box::new(transactions::Requests(Arc::downgrade(&relay.transactions))));
        add(Box::new(outside::OutsideCalls(Arc::clone(&relay.gates))));
        add(Box::new(plugins::Plugins(Arc::downgrade(&relay.catalogue))));
        add(Box::new(life.clone()));
        add(Box::new(alarms::Raised(Arc::clone(alarms))));
        if let Some(files) = configured.files {
            add(Box::new(charging::ChargingOutputs(files)));
        }
        if let Some(sink) = configured.spans {
            add(Box::new(spans::Told(sink)));
        }
        if let Some(participant) = configured.rollouts {
            add(Box::new(rollouts::Rollouts(participant)));
        }
        Self {
            spool: Arc::clone(database) as Arc<dyn Operator>,
            rooms,
            delivery: Arc::downgrade(&relay.delivery),
            seen: Mutex::default(),
            draining: AtomicBool::new(false),
            life,
            turn: tokio::sync::Mutex::default(),
        }
    }

    async fn gather(&self) -> Result<String, String> {
        let _turn = self.turn.lock().await;
        let mut text = String::new();
        encode_registry(&mut text, &self.rooms).map_err(|error| error.to_string())?;
        let spool = Arc::clone(&self.spool);
        let counting = tokio::task::spawn_blocking(move || spool.depths());
        let depths = counting.await.map_err(|error| error.to_string())?;
        match depths {
            Ok(depths) => {
                let mut lying = Registry::with_prefix(PREFIX);
                lying.register_collector(Box::new(rooms::Lying(self.with_empty_ones(depths))));
                encode_registry(&mut text, &lying).map_err(|error| error.to_string())?;
            }
            // The depths are unknown then. Another metric shows that the store has failed.
            Err(SpoolError::Failed(_)) => {}
            Err(error) => return Err(error.to_string()),
        }
        encode_eof(&mut text).map_err(|error| error.to_string())?;
        Ok(text)
    }
}

impl Shown {
    /// Adds a 0 for each peer without messages: a series that ends would look like a failed scrape.
    fn with_empty_ones(&self, mut depths: Depths) -> Depths {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(delivery) = self.delivery.upgrade() {
            seen.extend(delivery.counts().into_iter().map(|(peer, _)| NextHop::Peer(peer)));
        }
        for rows in [&mut depths.waiting, &mut depths.failed] {
            let mut all: BTreeMap<_, _> = seen.iter().map(|peer| (peer.clone(), 0)).collect();
            all.extend(rows.drain(..));
            seen.extend(all.keys().cloned());
            rows.extend(all);
        }
        depths
    }
}

impl Pages for Shown {
    fn metrics(&self) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send + '_>> {
        Box::pin(self.gather())
    }

    fn health(&self) -> Health {
        let troubles = self.life.troubles();
        match self.draining.load(Ordering::Relaxed) {
            true => Health::Draining,
            false if troubles.is_empty() => Health::Well,
            false => Health::Unwell(troubles),
        }
    }
}

/// A room that a collector reads, without keeping the relay alive.
type Watched<T> = Weak<T>;
