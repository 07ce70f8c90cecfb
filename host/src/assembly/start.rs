//! Building the rooms from a configuration, reloading what can be reloaded, and draining.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};

use crate::clock::{SharedClock, SteadyClock};
use crate::config::{self, Config, Examined};
use crate::delivery::Delivery;
use crate::intake;
use crate::routing::Side;
use crate::spool::{Facets, Inbox, Spool};
use crate::transactions::Terms;
use crate::versions::Watched;
use crate::vitals::{Standing, Vitals};

use super::certificates::Certificates;
use super::charging_files::ChargingFiles;
use super::findings::Findings;
use super::metrics::{Console, Shown};
use super::peers::peer_options;
use super::plugins;
use super::prepare::{Asking, Beside, prepare};
use super::rooms::{Rooms, next_hops, open_spool};
use super::tables::Current;
use crate::relay::directory::Directory;
use crate::relay::intake_handler::Door;
use crate::relay::standing;
use crate::relay::{Nobody, Observer, Relay};

/// What a start can be given besides the configuration.
pub struct Setup {
    pub observer: Arc<dyn Observer>,
    /// Puts something in front of where messages come into the spool. `None`: nothing stands there.
    pub inbox: Option<InFrontOfInbox>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            observer: Arc::new(Nobody),
            inbox: None,
        }
    }
}

pub type InFrontOfInbox = Box<dyn FnOnce(Arc<dyn Inbox>) -> Arc<dyn Inbox> + Send>;

/// A relay at work.
pub struct Running {
    relay: Arc<Relay>,
    database: Arc<dyn Spool>,
    /// What runs. Locked while a change is made, so that changes go one after the other.
    current: Arc<Mutex<Current>>,
    certificates: Certificates,
    listeners: Vec<Listening>,
    /// What happens with outcomes while messages are still delivered.
    events: Standing,
    /// The other tasks that stand behind no message that is under way.
    standing: Vec<Standing>,
    stop_intake: watch::Sender<bool>,
    stop_delivery: watch::Sender<bool>,
    console: Option<Console>,
    charging_files: Option<Arc<ChargingFiles>>,
    vitals: Arc<Vitals>,
}

/// A listener at work.
struct Listening {
    address: SocketAddr,
    side: Side,
    /// Open as long as this lives: a task that has to begin anew goes on with it.
    socket: Arc<TcpListener>,
    task: Standing,
}

/// The process cannot go on, and whoever supervises it should start another.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Died(pub String);

impl Running {
    /// Starts everything, as the configuration in `file` says. When this returns, the relay listens, and delivers what its
    /// spool held.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration and what it names, as [`Findings`]; or what the system does not give.
    pub async fn start(file: &Path, setup: Setup) -> anyhow::Result<Self> {
        let mut prepared = prepare(Config::examine(file), Asking::Start).await?;
        prepared.found.log();
        let config = prepared.examined.config.clone();
        config.warn_of_renamed(file);
        let steady = Arc::new(SteadyClock::default());
        let clock = Arc::clone(&steady) as SharedClock;
        let database = open_spool(&config, Arc::clone(&clock), &prepared.found)?;
        let store = Facets::of(&database);
        let store = match setup.inbox {
            Some(in_front) => Facets {
                inbox: in_front(Arc::clone(&store.inbox)),
                ..store
            },
            None => store,
        };
        // Boxed: loading is the deepest future of all, and the compiler gives up on what holds it as a whole.
        let (rooms, recorder) = Box::pin(Rooms::load(&prepared, store, clock)).await?;
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
        let watch = relay.catalogue.watch(&vitals).await;
        let mut standing = vec![watch.context("the folders of the plug-ins cannot be watched")?];
        let (finishing, telling) = (Arc::clone(&relay), Arc::clone(&relay));
        standing.push(vitals.keep("unfinished messages", move || Arc::clone(&finishing).keep_finishing()));
        standing.push(vitals.keep("transactions", move || Arc::clone(&telling).keep_telling()));
        standing.push(watch_writer(&vitals, &database));
        let charging_files = ChargingFiles::of(&config, &database, &relay.clock);
        if let Some(files) = charging_files.clone() {
            standing.push(vitals.keep("charging files", move || Arc::clone(&files).keep_writing()));
        }
        let (looking, folder) = (Arc::clone(&relay), config.relay.spool.clone());
        standing.push(vitals.keep("how it stands", move || {
            Arc::clone(&looking).keep_standing(folder.clone())
        }));
        let watched = Watched::new().context("the folders of the tables cannot be watched")?;
        let (stop_intake, intake_stops) = watch::channel(false);
        let sockets = prepared.sockets.listen(&mut prepared.found);
        if !prepared.found.is_empty() {
            return Err(prepared.found.into());
        }
        let listeners = serve(sockets, &config, &certificates, &relay, &intake_stops, &vitals)?;
        let console = match &config.console {
            Some(console) => {
                let shown = Shown::of(&relay, &database, &vitals, charging_files.clone());
                Some(Console::start(console, shown, &vitals).await?)
            }
            None => None,
        };
        let current = Arc::new(Mutex::new(Current {
            config,
            tables: prepared.tables,
            recorder,
            found: prepared.found.blank(),
        }));
        standing.push(keep_tables(&vitals, &relay, watched, &current));
        let looked_at = Arc::clone(&current);
        standing.push(vitals.keep("dates of certificates", move || {
            keep_looking_at_certificates(Arc::clone(&looked_at))
        }));
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
            console,
            charging_files,
            vitals,
        })
    }

    /// Where its console listens, if it has one.
    pub fn console_address(&self) -> Option<SocketAddr> {
        self.console.as_ref().map(Console::address)
    }

    /// Where it listens, for whom, and with the ports that the system chose.
    pub fn addresses(&self) -> impl Iterator<Item = (SocketAddr, Side)> {
        self.listeners
            .iter()
            .map(|listening| (listening.address, listening.side))
    }

    /// Waits until it cannot go on.
    pub async fn died(&self) -> Died {
        let why = tokio::select! {
            why = self.vitals.failed() => why,
            why = self.relay.delivery.vitals().failed() => why,
        };
        Died(why)
    }

    /// Reads the configuration again, and applies name servers, peers, Relay/Servers, routes, tables, certificates and
    /// plug-ins: all of them, or, when anything is wrong, none. What needs a restart is named in the log.
    ///
    /// # Errors
    /// Everything that is wrong, as a start with this configuration would say it.
    pub async fn reload(&self, file: &Path) -> Result<(), Findings> {
        let mut current = self.current.lock().await;
        let console = self.console.as_ref().map(Console::address);
        let listening = self.addresses().map(|(address, _)| address).chain(console);
        let asking = Asking::Reload(Beside {
            tables: current.tables.clone(),
            directory: self.relay.directory.load_full(),
            listening: listening.collect(),
        });
        let read = prepare(Config::examine(file), asking.clone()).await?;
        // What takes a restart stays as it is; the rest must be good with that too.
        let mut prepared = match with_what_stays(&read.examined.config, &current.config) {
            None => read,
            Some(config) => {
                let examined = Examined {
                    config,
                    ..read.examined
                };
                prepare(examined, asking).await?
            }
        };
        let config = prepared.examined.config;
        let recorder = plugins::recorder(&config, current.recorder.clone());
        let recorder = recorder.map_err(|error| prepared.found.problem("recording.folder", format!("{error:#}")));
        let recorder = recorder.unwrap_or_default();
        let (tables, directory) = (&prepared.tables.tables, &prepared.directory);
        // Boxed for the reason that a start has.
        Box::pin(
            self.relay
                .replace_plugins(&config, tables, directory, recorder.as_ref(), &mut prepared.found),
        )
        .await?;
        prepared.found.log();
        config.warn_of_renamed(file);
        self.certificates.take_over(prepared.certificates);
        self.change_peers(&current.config, &config, prepared.directory, prepared.terms)
            .await;
        *current = Current {
            config,
            tables: prepared.tables,
            recorder,
            found: prepared.found.blank(),
        };
        self.relay.reloaded.notify_one();
        Ok(())
    }

    /// Nobody is routed to before messages for it can be delivered, and nobody stops before it is routed to no more.
    async fn change_peers(&self, old: &Config, new: &Config, directory: Arc<Directory>, terms: Terms) {
        let before = |peer: &config::Peer| next_hops(old).find(|old| old.name == peer.name);
        let others_are_asked = new.relay.name_servers != old.relay.name_servers;
        let is_changed = |peer: &&config::Peer| others_are_asked || before(peer) != Some(peer);
        let changed: Vec<_> = next_hops(new).filter(is_changed).collect();
        for peer in &changed {
            let what = if before(peer).is_some() { "changed" } else { "added" };
            tracing::info!(peer = %peer.name, event = "peer-changed", "peer {what}");
        }
        let delivery = &self.relay.delivery;
        delivery.set_peers(peer_options(changed.into_iter(), &new.relay, &self.certificates));
        self.relay.replace_directory(directory);
        self.relay.transactions.agree(terms);
        let gone = next_hops(old).filter(|old| next_hops(new).all(|peer| peer.name != old.name));
        let gone: Vec<_> = gone.map(|peer| peer.name.clone()).collect();
        delivery.remove_peers(&gone);
        for peer in gone {
            match self.relay.store.queue.next_due().await {
                Ok(due) if due.iter().any(|(waiting, _)| *waiting == peer) => {
                    tracing::warn!(%peer, event = "peer-removed", "peer removed: what waits for it stays in the spool, until it is added again or dropped");
                }
                _ => tracing::info!(%peer, event = "peer-removed", "peer removed: nothing waits for it"),
            }
        }
    }

    /// Stops taking messages, lets what is under way finish, and closes the spool.
    pub async fn drain(self) {
        let folder = self.current.lock().await.config.relay.spool.clone();
        if let Some(console) = &self.console {
            console.drain();
        }
        self.vitals.end();
        let _ = self.stop_intake.send(true);
        for Listening { socket, task, .. } in self.listeners {
            drop(socket);
            task.ended().await;
        }
        // Whatever they were doing starts anew next time, or is in the spool already.
        drop(self.standing);
        let _ = self.stop_delivery.send(true);
        self.relay.delivery.drained().await;
        drop(self.events);
        // Behind the last outcome, so that its records leave with this run.
        if let Some(files) = self.charging_files {
            files.finish().await;
        }
        standing::forget(&folder);
        self.database.close().await;
    }
}

/// Nothing that the relay does makes sense without the thread that writes the spool, and it cannot begin anew.
fn watch_writer(vitals: &Arc<Vitals>, database: &Arc<dyn Spool>) -> Standing {
    const LOOK: Duration = Duration::from_secs(1);
    let (watched, database) = (Arc::clone(vitals), Arc::clone(database));
    vitals.keep("watch of the spool", move || {
        let (vitals, database) = (Arc::clone(&watched), Arc::clone(&database));
        async move {
            while !database.is_closed() {
                tokio::time::sleep(LOOK).await;
            }
            vitals.fail("the thread that writes the spool has ended".into());
            std::future::pending().await
        }
    })
}

fn keep_tables(vitals: &Arc<Vitals>, relay: &Arc<Relay>, watched: Watched, current: &Arc<Mutex<Current>>) -> Standing {
    let (relay, current) = (Arc::clone(relay), Arc::clone(current));
    let first = std::sync::Mutex::new(Some(watched));
    vitals.keep("tables", move || {
        let watched = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (relay, current) = (Arc::clone(&relay), Arc::clone(&current));
        async move {
            match watched.map_or_else(Watched::new, Ok) {
                Ok(watched) => relay.keep_tables(watched, current).await,
                Err(error) => tracing::error!(
                    event = "tables-not-watched",
                    "the folders of the tables cannot be watched: {error}"
                ),
            }
        }
    })
}

/// `read`, with what a reload does not change as it runs. `None` when that makes no difference. What differs is named in
/// the log.
fn with_what_stays(read: &Config, running: &Config) -> Option<Config> {
    let same = |what: &str, same: bool| {
        if !same {
            tracing::warn!(
                event = "restart-needed",
                "{what} changed in the configuration: that takes a restart"
            );
        }
    };
    let relay = config::Relay {
        name_servers: read.relay.name_servers.clone(),
        ..running.relay.clone()
    };
    same("[relay]", read.relay == relay);
    same("[limits]", read.limits == running.limits);
    same("[tls]", read.tls.is_some() == running.tls.is_some());
    same("[console]", read.console == running.console);
    same("[[charging-output]]", read.charging_outputs == running.charging_outputs);
    let config = Config {
        relay,
        console: running.console.clone(),
        limits: running.limits.clone(),
        charging_outputs: running.charging_outputs.clone(),
        ..read.clone()
    };
    (config != *read).then_some(config)
}

/// Says twice a day which certificates are about to expire, or have: nothing else happens on that day that would say so.
async fn keep_looking_at_certificates(current: Arc<Mutex<Current>>) {
    const EVERY: Duration = Duration::from_secs(12 * 60 * 60);
    loop {
        tokio::time::sleep(EVERY).await;
        let current = current.lock().await;
        let (config, mut found) = (current.config.clone(), current.found.blank());
        drop(current);
        let looking = tokio::task::spawn_blocking(move || {
            Certificates::load(&config, &mut found, SystemTime::now());
            found.log();
        });
        if let Err(error) = looking.await {
            tracing::error!(
                event = "certificates-not-read",
                "certificates cannot be looked at: {error}"
            );
        }
    }
}

fn serve(
    sockets: Vec<(TcpListener, Side)>,
    config: &Config,
    certificates: &Certificates,
    relay: &Arc<Relay>,
    stop: &watch::Receiver<bool>,
    vitals: &Arc<Vitals>,
) -> anyhow::Result<Vec<Listening>> {
    let options = Arc::new(intake::Options {
        tls: certificates.server(),
        ..intake_options(config)
    });
    let mut listeners = Vec::new();
    for (socket, side) in sockets {
        let socket = Arc::new(socket);
        let address = socket.local_addr()?;
        let (relay, options, stop) = (Arc::clone(relay), Arc::clone(&options), stop.clone());
        // Weak, so that the socket closes when the relay stops, and not only when all of its sessions have ended.
        let open = Arc::downgrade(&socket);
        let task = vitals.keep(format!("listener {address}"), move || {
            let (relay, open) = (Arc::clone(&relay), open.clone());
            let (options, stop) = (Arc::clone(&options), stop.clone());
            async move {
                if let Some(socket) = open.upgrade() {
                    intake::serve(socket, options, Arc::new(Door { relay, side }), stop).await;
                }
            }
        });
        listeners.push(Listening {
            address,
            side,
            socket,
            task,
        });
    }
    Ok(listeners)
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
        reserved: limits.sessions_reserved as usize,
        useless: limits.useless_commands,
        before_mail: limits.before_mail,
        errors: limits.errors_per_session,
        idle: limits.idle,
        transaction: limits.transaction,
        octets_per_second: limits.data_rate,
        ..intake::Options::new(config.relay.name.clone(), config.relay.spool.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::PeerOptions;
    use crate::message::PeerName;
    use crate::protocol::mm4;

    const SMALLEST: &str = "[relay]\nname = \"r.example\"\ndomains = [\"r.example\"]\nlisten = [\"127.0.0.1:0\"]\n\
                            [[peer]]\nname = \"b\"\ndomains = [\"b.example\"]\nhosts = [\"127.0.0.1:2525\"]\n";

    fn config() -> Config {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.toml");
        std::fs::write(&path, SMALLEST).unwrap();
        Config::load(&path).unwrap()
    }

    #[test]
    fn the_documented_defaults_of_intake_are_what_runs_when_the_configuration_says_nothing() {
        let (runs, documented) = (intake_options(&config()), intake::Options::new("r.example", "spool"));
        let numbers = |it: &intake::Options| {
            let sizes = [it.message, it.header, it.line, it.drain, it.octets_per_second];
            let counts = [it.recipients, it.errors, it.framing_errors, it.useless];
            let sessions = [it.sessions, it.sessions_per_source, it.reserved, it.memory_message];
            let times = [
                it.greet_delay,
                it.idle,
                it.command,
                it.before_mail,
                it.transaction,
                it.farewell,
            ];
            (sizes, counts, sessions, times)
        };
        assert_eq!(numbers(&runs), numbers(&documented));
    }

    #[test]
    fn the_documented_defaults_of_reading_and_of_delivery_are_what_runs_too() {
        let config = config();
        assert_eq!(crate::assembly::rooms::mm4_limits(&config), mm4::Limits::default());
        let certificates = Certificates::load(&config, &mut Findings::default(), SystemTime::now());
        let runs = peer_options(next_hops(&config), &config.relay, &certificates);
        let documented = PeerOptions::new(PeerName::new("b").unwrap(), Vec::new(), "r.example");
        let numbers = |it: &PeerOptions| {
            let counts = [it.sessions, it.messages_per_connection as usize, it.hot_messages];
            (counts, it.idle, it.give_up_after, it.rate, it.max_message_size)
        };
        assert_eq!(numbers(&runs[0]), numbers(&documented));
        assert_eq!(runs[0].timeouts, documented.timeouts);
    }
}
