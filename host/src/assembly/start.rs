//! A running relay: building the rooms from a configuration, and draining them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::{Mutex, mpsc, watch};

use crate::clock::{SharedClock, SteadyClock};
use crate::config::Config;
use crate::control::Order;
use crate::control::audit::Entry;
use crate::delivery::Delivery;
use crate::routing::Side;
use crate::spool::{BoxFuture, Facets, Inbox, Spool};
use crate::versions::Watched;
use crate::vitals::{Standing, Vitals};

use super::alarms::{self, Alarms};
use super::audit_kept;
use super::certificates::Certificates;
use super::charging_files::ChargingFiles;
use super::control::{Door as ControlDoor, Seen};
use super::control_configuration::note_generation;
use super::listeners::{Listening, serve};
use super::members::Members;
use super::metrics::{Configured, Life, Monitoring, Shown};
use super::noted::Notes;
use super::peers::peer_options;
use super::prepare::{Asking, prepare};
use super::rooms::{Rooms, next_hops, open_spool};
use super::spans::Spans;
use super::tables::Current;
use super::tasks;
use crate::relay::{NoObserver, Observer, Relay};

/// What a start may be given besides the configuration.
pub struct Setup {
    pub observer: Arc<dyn Observer>,
    /// Wraps the inbox of the spool. `None`: it is used as it is.
    pub inbox: Option<InFrontOfInbox>,
    /// A store to use instead of that in the spool's folder.
    #[cfg(test)]
    pub store: Option<Arc<dyn Spool>>,
    /// Where orders from the door go, to whoever runs the relay.
    pub orders: Option<mpsc::Sender<Order>>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            observer: Arc::new(NoObserver),
            inbox: None,
            #[cfg(test)]
            store: None,
            orders: None,
        }
    }
}

pub type InFrontOfInbox = Box<dyn FnOnce(Arc<dyn Inbox>) -> Arc<dyn Inbox> + Send>;

/// A relay at work.
pub struct Running {
    pub(super) relay: Arc<Relay>,
    database: Arc<dyn Spool>,
    /// The running configuration. Locked during a change, so that changes happen one after the other.
    pub(super) current: Arc<Mutex<Current>>,
    pub(super) certificates: Certificates,
    listeners: Vec<Listening>,
    /// The task that tells plug-ins of outcomes, which must go on while messages are still delivered.
    events: Standing,
    /// The other tasks, which no message under way depends on.
    standing: Vec<Standing>,
    stop_intake: watch::Sender<bool>,
    stop_delivery: watch::Sender<bool>,
    pub(super) monitoring: Option<Monitoring>,
    control: ControlDoor,
    charging_files: Option<Arc<ChargingFiles>>,
    vitals: Arc<Vitals>,
}

/// The process cannot go on, and its supervisor should start another.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Died(pub String);

fn in_front(store: Facets, of_inbox: Option<InFrontOfInbox>) -> Facets {
    match of_inbox {
        Some(in_front) => Facets {
            inbox: in_front(Arc::clone(&store.inbox)),
            ..store
        },
        None => store,
    }
}

impl Setup {
    /// The store that it is given, if it is.
    fn given(&self) -> Option<Arc<dyn Spool>> {
        #[cfg(test)]
        return self.store.clone();
        #[cfg(not(test))]
        None
    }
}

async fn monitoring(config: &Config, shown: Shown, vitals: &Arc<Vitals>) -> anyhow::Result<Option<Monitoring>> {
    match &config.monitoring {
        Some(asked) => Ok(Some(Monitoring::start(asked, shown, vitals).await?)),
        None => Ok(None),
    }
}

impl Running {
    /// Starts everything, by the configuration in `file`. When this returns, the relay listens, and delivers what its
    /// spool held.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration and what it names, as [`Findings`](super::Findings); or what the
    /// system refuses.
    ///
    /// Boxed, as are `reload` and `drain`: a crate that awaits an `async fn` of another crate compiles its body again, with
    /// the bodies of everything that it awaits. That would be the whole relay, in the lab and in each test program.
    pub fn start(file: &Path, setup: Setup) -> BoxFuture<'_, anyhow::Result<Self>> {
        Box::pin(Self::begin(file, setup))
    }

    async fn begin(file: &Path, setup: Setup) -> anyhow::Result<Self> {
        let mut prepared = prepare(Config::examine(file), Asking::Start).await?;
        prepared.found.log();
        let config = prepared.examined.config.clone();
        config.warn_of_renamed(file);
        let steady = Arc::new(SteadyClock::default());
        let clock = Arc::clone(&steady) as SharedClock;
        let given = setup.given();
        let database = match given {
            Some(database) => database,
            None => open_spool(&config, Arc::clone(&clock), &prepared.found)?,
        };
        let store = in_front(Facets::of(&database), setup.inbox);
        let spans = Spans::of(&config);
        let store = match &spans {
            Some(spans) => spans.in_front(store, &clock),
            None => store,
        };
        // Boxed: the future of loading is so deep that the compiler could not handle its containers.
        let shared = Arc::clone(&database).rollouts();
        let pins = super::rollouts::pins(shared.as_deref(), &config).await?;
        let (rooms, recorder) = Box::pin(Rooms::load(&prepared, store, clock, pins)).await?;
        let certificates = prepared.certificates;
        let vitals = Arc::<Vitals>::default();
        let outcomes = Arc::new(rooms.outcomes());
        let (told, stored) = (Arc::clone(&outcomes), Arc::clone(&rooms.store.events));
        let events = vitals.keep("outcomes", move || Arc::clone(&told).keep_telling(Arc::clone(&stored)));
        let (stop_delivery, delivery_stops) = watch::channel(false);
        let sends_to = peer_options(next_hops(&config), &config.relay, &certificates);
        let (stored, told) = (Arc::clone(&rooms.store.queue), Arc::clone(&rooms.clock));
        let delivery = Delivery::start(sends_to, stored, told, outcomes, delivery_stops);

        let relay = Arc::new(Relay::of(&config, rooms, delivery, setup.observer, steady));
        super::wishes::take_up_wishes(&config.relay.spool, &relay)?;
        let charging_files = ChargingFiles::of(&config, &database, &relay.clock);
        let mut standing = tasks::begin(&vitals, &relay, &database, charging_files.as_ref()).await?;
        standing.extend(spans.as_ref().map(|spans| spans.carry(&vitals)));
        let participant = shared.map(|shared| super::rollouts::participant(shared, &relay, &config));
        standing.extend(
            participant
                .as_ref()
                .map(|participant| super::rollouts::takes_part(participant, &vitals)),
        );
        let watched = Watched::new().context("the folders of the tables cannot be watched")?;
        let (stop_intake, intake_stops) = watch::channel(false);
        let sockets = prepared.sockets.listen(&mut prepared.found);
        if !prepared.found.is_empty() {
            return Err(prepared.found.into());
        }
        let listeners = serve(sockets, &config, &certificates, &relay, &intake_stops, &vitals)?;
        note_generation(&prepared.examined, &*relay.clock);
        let members = Arc::new(Members::of(&*database));
        let life = Life::of(&relay, &database, &vitals, charging_files.clone(), Arc::clone(&members));
        let alarms = Arc::<Alarms>::default();
        let configured = Configured {
            files: charging_files.clone(),
            spans: spans.map(|spans| spans.sink),
            rollouts: participant.clone(),
        };
        let shown = Shown::of((&relay, &database), life.clone(), configured, &alarms);
        let monitoring = monitoring(&config, shown, &vitals).await?;
        let (folder, over_tcp) = (config.relay.spool.clone(), config.control.clone());
        let current = Arc::new(Mutex::new(Current {
            config,
            tables: prepared.tables,
            recorder,
            found: prepared.found.blank(),
        }));
        standing.push(audit_kept::keep(&vitals, (&relay, &database), &current));
        let (raised, own) = (Arc::clone(&alarms), database.own_name().map(str::to_owned));
        let raised = move || raised.shown(own.as_deref());
        standing.extend(members.keep(&vitals, (&relay, &database), &current, raised));
        standing.extend(tasks::keep_current(
            &vitals,
            &relay,
            watched,
            &current,
            Notes::of(&relay, &database),
        ));
        standing.extend(alarms.watch(
            &alarms::Seen {
                relay: Arc::clone(&relay),
                database: Arc::clone(&database),
                life: life.clone(),
                files: charging_files.clone(),
                current: Arc::clone(&current),
            },
            &vitals,
        ));
        let at = listeners.iter().map(|it| (it.address, it.side)).collect();
        let at = (at, monitoring.as_ref().map(Monitoring::address));
        let seen = Seen::of(
            (&relay, &database),
            (life, alarms),
            (&current, participant),
            at,
            (file, setup.orders),
        );
        let over_tcp = over_tcp.as_ref().map(|control| (control, certificates.door()));
        let control = ControlDoor::open(&folder, over_tcp, seen, &vitals).await?;
        Ok(Self {
            relay,
            database,
            current,
            certificates,
            listeners,
            events,
            standing,
            stop_intake,
            stop_delivery,
            monitoring,
            control,
            charging_files,
            vitals,
        })
    }

    /// Lets two tasks handle one request at the same time, so that only the store keeps them apart.
    #[cfg(test)]
    pub(super) fn without_desks(&self) {
        self.relay.transactions.open_desks();
    }

    /// The address of monitoring, if there is any.
    pub fn monitoring_address(&self) -> Option<SocketAddr> {
        self.monitoring.as_ref().map(Monitoring::address)
    }

    /// The address of the door over TCP, if it is open.
    pub fn door_address(&self) -> Option<SocketAddr> {
        self.control.address()
    }

    /// The configuration of the log.
    pub async fn log(&self) -> crate::config::Log {
        self.current.lock().await.config.log.clone()
    }

    /// The listening addresses with their sides, and with the ports that the system chose.
    pub fn addresses(&self) -> impl Iterator<Item = (SocketAddr, Side)> {
        let plain = self.listeners.iter().filter(|listening| !listening.tls_at_once);
        plain.map(|listening| (listening.address, listening.side))
    }

    /// The addresses where clients begin with TLS.
    pub fn addresses_with_tls(&self) -> impl Iterator<Item = (SocketAddr, Side)> {
        let encrypted = self.listeners.iter().filter(|listening| listening.tls_at_once);
        encrypted.map(|listening| (listening.address, listening.side))
    }

    /// Records in the audit what was not requested at the door.
    pub async fn note(&self, entry: Entry) {
        self.control.note(entry).await;
    }

    /// Waits until the relay cannot go on.
    pub async fn died(&self) -> Died {
        let why = tokio::select! {
            why = self.vitals.failed() => why,
            why = self.relay.delivery.vitals().failed() => why,
        };
        Died(why)
    }

    /// Stops accepting messages, lets those under way finish, and closes the spool.
    pub fn drain(self) -> BoxFuture<'static, ()> {
        Box::pin(self.end())
    }

    async fn end(self) {
        if let Some(monitoring) = &self.monitoring {
            monitoring.drain();
        }
        self.control.drain();
        self.vitals.end();
        let _ = self.stop_intake.send(true);
        for Listening { socket, task, .. } in self.listeners {
            drop(socket);
            task.ended().await;
        }
        // Whatever these tasks were doing is in the spool, or starts anew next time.
        drop(self.standing);
        let _ = self.stop_delivery.send(true);
        self.relay.delivery.drained().await;
        drop(self.events);
        // After the last outcome, so that all records are in closed files.
        if let Some(files) = self.charging_files {
            files.finish().await;
        }
        self.control.close().await;
        self.database.close().await;
    }
}
