//! The rooms of a configuration, made one by one, before any of them works.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use mm4relay_engine::{Allocation, Engine, EngineOptions, Services};
use tokio::sync::{Notify, Semaphore};

use crate::clock::{SharedClock, SteadyClock};
use crate::config::{self, Code, Config, SharedSpool};
use crate::delivery::Delivery;
use crate::outside::Gates;
use crate::pipeline::engine_options;
use crate::protocol::mm4;
use crate::rehearsal::recording::Recorder;
use crate::spool::{self, Facets, Refusals, Spool};
use crate::transactions::Transactions;
use crate::versions::Catalogue;
use crate::versions::history::History;

use super::findings::Findings;
use super::outside::Neighbours;
use super::plugins;
use super::prepare::Prepared;
use super::services::services;
use super::shared_store;
use crate::relay::deferrals::Deferrals;
use crate::relay::directory::Directory;
use crate::relay::homes::Homes;
use crate::relay::logins::Guesses;
use crate::relay::plugin_outcomes::Outcomes;
use crate::relay::rates::Sent;
use crate::relay::{Observer, ROOM_BLOCKS, Relay};

/// The rooms of a relay.
pub(crate) struct Rooms {
    pub(crate) directory: Arc<Directory>,
    pub(crate) transactions: Arc<Transactions>,
    pub(crate) news: Arc<Notify>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) gates: Arc<Gates>,
    pub(crate) store: Facets,
    pub(crate) clock: SharedClock,
    pub(crate) refusals: Refusals,
}

impl Rooms {
    /// Makes the rooms, and returns the recorder of the plug-ins too. Of plug-ins in `pins` the version with this digest is
    /// loaded, whatever their files hold.
    ///
    /// # Errors
    /// What is wrong with the plug-ins, among others.
    pub(crate) async fn load(
        prepared: &Prepared,
        store: Facets,
        clock: SharedClock,
        pins: BTreeMap<String, String>,
    ) -> anyhow::Result<(Self, Option<Arc<Recorder>>)> {
        let config = &prepared.examined.config;
        let directory = Arc::clone(&prepared.directory);
        let recorder = plugins::recorder(config, None)?;
        let gates = Arc::<Gates>::default();
        let outside = Neighbours::of(config, &gates)?;
        let given = services(&prepared.tables.tables, &store.values, &clock, &directory, outside)?;
        let catalogue = load_catalogue(config, (given, pins), recorder.as_ref(), &prepared.found).await?;
        let transactions = Transactions::new(
            Arc::clone(&store.requests),
            Arc::clone(&store.inbox),
            Arc::clone(&clock),
            prepared.terms.clone(),
        );
        let rooms = Self {
            directory,
            transactions: Arc::new(transactions),
            news: Arc::default(),
            catalogue,
            gates,
            store,
            clock,
            refusals: Refusals::start(&config.relay.spool).context("no thread for refusals")?,
        };
        Ok((rooms, recorder))
    }

    pub(crate) fn outcomes(&self) -> Outcomes {
        Outcomes {
            catalogue: Arc::clone(&self.catalogue),
            transactions: Arc::clone(&self.transactions),
            news: Arc::clone(&self.news),
            clock: Arc::clone(&self.clock),
        }
    }
}

impl Relay {
    pub(crate) fn of(
        config: &Config,
        rooms: Rooms,
        delivery: Arc<Delivery>,
        observer: Arc<dyn Observer>,
        steady: Arc<SteadyClock>,
    ) -> Self {
        Self {
            name: config.relay.name.clone(),
            hop_limit: config.relay.hop_limit,
            pass_limit: config.relay.pass_limit,
            limits: mm4_limits(config),
            directory: ArcSwap::new(rooms.directory),
            deferrals: Deferrals::new(config.relay.hold_after_deferrals),
            homes: Homes::default(),
            sent: Sent::default(),
            callers: Arc::default(),
            guesses: Guesses::default(),
            unfinished: Notify::new(),
            transactions: rooms.transactions,
            news: rooms.news,
            reloaded: Notify::new(),
            catalogue: rooms.catalogue,
            gates: rooms.gates,
            store: rooms.store,
            delivery,
            clock: rooms.clock,
            steady,
            counts: Arc::default(),
            refusals: rooms.refusals,
            room: Semaphore::new(ROOM_BLOCKS as usize),
            observer,
        }
    }
}

#[expect(clippy::result_large_err, reason = "made once, at a start")]
pub(crate) fn open_spool(config: &Config, clock: SharedClock, found: &Findings) -> Result<Arc<dyn Spool>, Findings> {
    if let Some(shared) = &config.shared_spool {
        return open_shared(config, shared, clock).map_err(|error| {
            let mut found = found.blank();
            found.problem(Code::SpoolUnusable, "spool.hosts", format!("{error:#}"));
            found
        });
    }
    let options = spool::Options {
        node: spool::Node::default(),
        reserve: config.limits.disk_reserve,
        ledger: config.ledger.keep,
        clock,
    };
    spool::open(&config.relay.spool, options).map_err(|error| {
        let mut found = found.blank();
        found.problem(Code::SpoolUnusable, "relay.spool", error);
        found
    })
}

fn open_shared(config: &Config, shared: &SharedSpool, clock: SharedClock) -> anyhow::Result<Arc<dyn Spool>> {
    let database = shared_store::database(shared)?;
    Ok(spool::open_shared(
        &database,
        &config.relay.node,
        &config.relay.spool,
        (clock, config.ledger.keep),
    )?)
}

async fn load_catalogue(
    config: &Config,
    (services, pins): (Arc<dyn Services>, BTreeMap<String, String>),
    recorder: Option<&Arc<Recorder>>,
    found: &Findings,
) -> anyhow::Result<Arc<Catalogue>> {
    let cache_dir = Some(plugins::cache(&config.relay.spool));
    let engine = Engine::new(EngineOptions {
        cache_dir,
        ..engine_options()
    })?;
    if !engine.page_map_scan() {
        tracing::warn!(
            event = "slow-sandboxes",
            "this kernel has no page-map scan (Linux 6.7): each plug-in call costs about twice as much"
        );
    }
    match engine.allocation() {
        Allocation::Pool(instances) if instances == EngineOptions::default().max_instances => {}
        Allocation::Pool(instances) => tracing::warn!(
            instances,
            event = "slow-sandboxes",
            "the address space (ulimit -v) holds a smaller pool of sandboxes only: fewer calls at the same time"
        ),
        Allocation::OnDemand(instances) => tracing::warn!(
            instances,
            event = "slow-sandboxes",
            "the address space (ulimit -v) holds no pool of sandboxes: each call reserves its own, which is slower"
        ),
    }
    let history = History::open(&config.relay.spool);
    let catalogue = Catalogue::open(
        engine.clone(),
        services,
        plugins::specs(config, recorder).await?,
        (history, pins),
    )
    .await;
    engine.give_way();
    catalogue.map_err(|error| {
        let mut found = found.blank();
        found.plugins(&error);
        found.into()
    })
}

/// The peers that something can be sent to; the others only send.
pub(crate) fn next_hops(config: &Config) -> impl Iterator<Item = &config::Peer> {
    config.peers.iter().filter(|peer| peer.takes_messages())
}

pub(crate) fn mm4_limits(config: &Config) -> mm4::Limits {
    mm4::Limits {
        header_octets: config.limits.header_size,
        nesting: config.limits.nesting,
        ..mm4::Limits::default()
    }
}
