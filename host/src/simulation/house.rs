//! The relay of a story: the street of rooms as a running relay has it, over the simulated network, disk and DNS, by the
//! story's clock.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::disk::Store;
use super::net::{Net, Outward};
use super::operators::hosts;
use super::plugin::PlugIn;
use super::story::Terms as Agreed;
use super::world::{Life, World, WorldClock, held};
use super::{Which, operators::LETTERS};
use crate::assembly::{
    Certificates, Findings, Rooms, directory, intake_options, keep_leases, next_hops, peer_options, terms,
};
use crate::clock::SharedClock;
use crate::config::Config;
use crate::delivery::{Addresses, Delivery, Exchangers, Hosts, MxRecords, NoRecords, PeerOptions};
use crate::intake;
use crate::message::{PeerName, Timeouts, Timestamp};
use crate::pipeline::script::{NoServices, engine};
use crate::relay::intake_handler::{Door, KnownCertificates};
use crate::relay::{Directory, NoObserver, Relay};
use crate::routing::Side;
use crate::spool::memory::{Memory, MemorySpool};
use crate::spool::{Facets, Leases, Node, Refusals, Spool as _};
use crate::transactions::{Terms, Transactions};
use crate::versions::Catalogue;
use crate::vitals::{Standing, Vitals};

/// What one configuration comes to; made once for all stories.
pub(super) struct Ground {
    config: Config,
    directory: Arc<Directory>,
    terms: Terms,
    /// On the system's network.
    peers: Vec<PeerOptions>,
}

/// How long a message is tried.
pub(super) const GIVE_UP: Duration = Duration::from_secs(180);

/// Impatient, so that stories are short.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    greeting: Duration::from_secs(20),
    command: Duration::from_secs(20),
    data: Duration::from_secs(20),
    block: Duration::from_secs(20),
    end_of_data: Duration::from_secs(40),
};

impl Ground {
    /// To be called outside of any runtime.
    pub(super) fn of(agreed: Agreed) -> &'static Self {
        static GROUNDS: OnceLock<[Ground; 3]> = OnceLock::new();
        let grounds = GROUNDS.get_or_init(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                [
                    Self::with("").await,
                    Self::with("mode = \"pre-acknowledge\"\n").await,
                    Self::with("refuse-with = \"response\"\n").await,
                ]
            })
        });
        &grounds[agreed as usize]
    }

    async fn with(keys: &str) -> Self {
        let peers = LETTERS.map(|letter| {
            let hosts: Vec<String> = hosts(letter).iter().map(|host| format!("\"{host}\"")).collect();
            let from: Vec<String> = super::operators::hosts(letter).iter().map(|host| format!("\"{}\"", host.ip())).collect();
            let keys = if letter == 'a' { keys } else { "" };
            format!(
                "[[peer]]\nname = \"operator-{letter}\"\ndomains = [\"mms.{letter}.example\"]\nfrom = [{}]\nhosts = [{}]\n\
                 retry = {{ first = \"5 s\", longest = \"30 s\" }}\ngive-up = \"{} s\"\nanswer-within = \"5 s\"\n\
                 response-within = \"30 s\"\n{keys}\n",
                from.join(", "),
                hosts.join(", "),
                GIVE_UP.as_secs(),
            )
        });
        let text = format!(
            "[relay]\nname = \"mm4.hub.example\"\ndomains = [\"mms.hub.example\"]\nlisten = [\"127.0.0.1:0\"]\n\
             spool = \"spool\"\n{}",
            peers.concat()
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("relay.toml");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(&file).unwrap();
        let certificates = Certificates::load(&config, &mut Findings::default(), SystemTime::UNIX_EPOCH);
        Self {
            peers: peer_options(next_hops(&config), &config.relay, &certificates),
            terms: terms(&config).unwrap(),
            directory: directory(config.clone(), &file).await.unwrap(),
            config,
        }
    }

    fn peers(&self, world: &Arc<World>, net: &Arc<Net>, which: Which) -> Vec<PeerOptions> {
        let names = Arc::new(Names(Arc::clone(world), world.life(which)));
        let network = Arc::new(Outward::of(net, which));
        let simulated = |options: PeerOptions| PeerOptions {
            hosts: match options.name.as_str() {
                "operator-c" => Hosts::Mx {
                    domain: "mms.c.example".into(),
                    records: Arc::clone(&names) as Arc<dyn MxRecords>,
                    unknown_fails: false,
                },
                _ => options.hosts,
            },
            addresses: Arc::clone(&names) as Arc<dyn Addresses>,
            network: Arc::clone(&network) as _,
            timeouts: TIMEOUTS,
            ..options
        };
        self.peers.iter().cloned().map(simulated).collect()
    }
}

/// DNS knows operator C, and nobody else is asked for.
struct Names(Arc<World>, Arc<Life>);

impl Names {
    fn speak(&self) -> bool {
        let until = held(&self.0.weather).no_names_until;
        until.is_none_or(|until| until <= self.0.now())
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulated DNS")
    }
}

impl Addresses for Names {
    fn of<'a>(&'a self, _: &'a str, _: Duration) -> crate::spool::BoxFuture<'a, Result<Vec<IpAddr>, String>> {
        Box::pin(async move {
            self.0.next_step(&self.1).await;
            match self.speak() {
                true => Ok(hosts('c').iter().map(|host| host.ip()).collect()),
                false => Err("nobody answers".into()),
            }
        })
    }
}

impl MxRecords for Names {
    fn exchangers<'a>(&'a self, _: &'a str) -> crate::spool::BoxFuture<'a, Result<Exchangers, NoRecords>> {
        Box::pin(async move {
            self.0.next_step(&self.1).await;
            match self.speak() {
                true => Ok(Exchangers {
                    names: vec![(10, "mx.c.example".into())],
                    life: Duration::from_secs(60),
                }),
                false => Err(NoRecords::Silence("nobody answers".into())),
            }
        })
    }
}

struct NoCertificates;

impl KnownCertificates for NoCertificates {
    fn peers_of(&self, _: &[CertificateDer<'static>]) -> Vec<PeerName> {
        Vec::new()
    }
}

/// The relay from a start to its end.
pub(super) struct Program {
    pub(super) relay: Arc<Relay>,
    pub(super) memory: Arc<MemorySpool>,
    pub(super) vitals: Arc<Vitals>,
    world: Arc<World>,
    net: Arc<Net>,
    which: Which,
    stop_intake: watch::Sender<bool>,
    stop_delivery: watch::Sender<bool>,
    events: Standing,
    standing: Vec<Standing>,
    listener: JoinHandle<()>,
}

impl Program {
    pub(super) async fn start(
        (world, net): (&Arc<World>, &Arc<Net>),
        memory: &Arc<Memory>,
        ground: &Ground,
        which: Which,
    ) -> Self {
        let clock: SharedClock = Arc::new(WorldClock(Arc::clone(world)));
        let memory = memory.relay(Node::new(which as u64).unwrap());
        let store = Store::new(world, Arc::clone(&memory), &world.is_born(which));
        let facets = Facets {
            inbox: Arc::clone(&store) as _,
            queue: Arc::clone(&store) as _,
            requests: Arc::clone(&store) as _,
            events: Arc::clone(&store) as _,
            values: Arc::clone(&store) as _,
        };
        let plug_in = Arc::new(PlugIn(Arc::clone(world)));
        let catalogue = Catalogue::scripted(engine(), Arc::new(NoServices), plug_in).await;
        let transactions = Transactions::new(
            Arc::clone(&facets.requests),
            Arc::clone(&facets.inbox),
            Arc::clone(&clock),
            ground.terms.clone(),
        );
        let rooms = Rooms {
            directory: Arc::clone(&ground.directory),
            transactions: Arc::new(transactions),
            news: Arc::<Notify>::default(),
            catalogue,
            gates: Arc::default(),
            store: facets.clone(),
            clock: Arc::clone(&clock),
            refusals: Refusals::nowhere(),
        };
        let (vitals, outcomes) = (Arc::<Vitals>::default(), Arc::new(rooms.outcomes()));
        let (told, stored) = (Arc::clone(&outcomes), Arc::clone(&facets.events));
        let events = vitals.keep("outcomes", move || Arc::clone(&told).keep_telling(Arc::clone(&stored)));
        let (stop_delivery, delivery_stops) = watch::channel(false);
        let queue = Arc::clone(&facets.queue);
        let delivery = Delivery::start(ground.peers(world, net, which), queue, clock, outcomes, delivery_stops);
        let relay = Relay::of(&ground.config, rooms, delivery, Arc::new(NoObserver), Arc::default());
        let relay = Arc::new(relay);
        let (finishing, telling) = (Arc::clone(&relay), Arc::clone(&relay));
        let standing = vec![
            vitals.keep("unfinished messages", move || Arc::clone(&finishing).keep_finishing()),
            vitals.keep("transactions", move || Arc::clone(&telling).keep_telling()),
            keep_leases(&vitals, Arc::clone(&store) as Arc<dyn Leases>),
        ];
        let (stop_intake, intake_stops) = watch::channel(false);
        let door = Door {
            relay: Arc::clone(&relay),
            side: Side::Both,
            certificates: Arc::new(NoCertificates),
        };
        let options = Arc::new(intake_options(&ground.config));
        let listener = tokio::spawn(intake::serve(
            net.listen(which.address()),
            options,
            Arc::new(door),
            intake_stops,
        ));
        Self {
            relay,
            memory,
            vitals,
            world: Arc::clone(world),
            net: Arc::clone(net),
            which,
            stop_intake,
            stop_delivery,
            events,
            standing,
            listener,
        }
    }

    /// As a reload of a running relay changes its peers.
    pub(super) fn reload(&self, ground: &Ground) {
        let peers = ground.peers(&self.world, &self.net, self.which);
        self.relay.delivery.set_peers(peers);
        self.relay.directory.store(Arc::clone(&ground.directory));
        self.relay.transactions.agree(ground.terms.clone());
        self.relay.reloaded.notify_one();
    }

    /// Tasks that have died.
    pub(super) fn troubles(&self) -> Vec<String> {
        let mut troubles = self.vitals.troubles();
        troubles.extend(self.relay.delivery.vitals().troubles());
        troubles
    }

    pub(super) fn pause(&self, letter: char, until: Timestamp) {
        let name = PeerName::new(&format!("operator-{letter}")).unwrap();
        self.relay.delivery.pause(&name, Some(until));
    }

    pub(super) fn resume_all(&self) {
        for letter in LETTERS {
            let name = PeerName::new(&format!("operator-{letter}")).unwrap();
            self.relay.delivery.resume(&name);
        }
    }

    /// As a running relay drains. False when it does not come to an end.
    pub(super) async fn drain(self) -> bool {
        let draining = async move {
            self.vitals.end();
            let _ = self.stop_intake.send(true);
            let _ = self.listener.await;
            drop(self.standing);
            let _ = self.stop_delivery.send(true);
            self.relay.delivery.drained().await;
            drop(self.events);
            self.memory.close().await;
        };
        timeout(Duration::from_secs(180), draining).await.is_ok()
    }
}
