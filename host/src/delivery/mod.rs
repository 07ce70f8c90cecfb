//! Delivery: from the spool to the next hop, over SMTP.
//!
//! Each peer has a queue and connections of its own, so that one that does not answer holds up no other. What the room
//! promises:
//!
//! - A message is in the spool until what became of it is recorded there. Memory only makes it faster: a message is
//!   handed over straight after its commit, or leased from the spool when there was no room for it.
//! - One message is never sent twice at once, and never sent again once its end is recorded.
//! - A reply answers a question that had been asked when it came, or nothing: see
//!   [`Dialogue`](crate::protocol::smtp::Dialogue).
//! - Replies decide: 2xx takes, 4xx waits ([`Schedule`]), 5xx fails, each recipient for itself where the peer answers
//!   each for itself. A connection that is lost before the end of data decides nothing, and the peer's next host is
//!   tried at once; lost after it, nobody knows, and the same host is asked again later.
//! - A peer whose hosts do not talk to us (no connection, no greeting, a greeting of 4xx or 5xx, 421) is down, and left
//!   alone: everything for it waits in the spool, and one message at a time tries the door. That fails no message.
//! - What expires or is too old is given up in time, whatever keeps it waiting.
//! - A next hop that stalls, hangs up or talks garbage costs its own message and one connection.

mod addresses;
mod body;
mod client;
mod counts;
mod fate;
mod greet;
mod hosts;
mod options;
mod pacing;
mod peer;
mod queue;
mod reach;
mod report;
mod retry;
mod running;
mod script;
mod session;
mod settle;
mod standing;

#[cfg(test)]
pub(crate) mod tests;
mod worker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::warn;

pub use addresses::{Addresses, SystemAddresses};
pub use client::{Client, ClientError};
pub use counts::{Delivered, TOOK};
pub use hosts::{Exchangers, Host, Hosts, MxRecords, NoRecords};
pub use options::{Convert, PeerOptions, Tls};
pub use report::{Caused, DeliveryReport, Ended, FailedRecipient, OutcomeSink};
pub use retry::Schedule;
pub use standing::{Down, HostDown, PeerStanding, RunningAttempt};

use crate::clock::SharedClock;
use crate::message::{Outgoing, PeerName, Rate, Timestamp};
use crate::spool::{Leased, Queue, Room};
use crate::vitals::{Standing, Vitals};
use peer::Peer;

/// All peers at work.
pub struct Delivery {
    /// Peers by name. A peer that was removed from the configuration stays here with a stopped queue: should it come back, it is
    /// still known what is in flight for it.
    peers: ArcSwap<HashMap<PeerName, Arc<Peer>>>,
    refills: Mutex<Vec<Standing>>,
    watching: Mutex<Option<Standing>>,
    vitals: Arc<Vitals>,
    spool: Arc<dyn Queue>,
    clock: SharedClock,
    outcomes: Arc<dyn OutcomeSink>,
    busy: watch::Sender<usize>,
}

/// How often the spool is asked what is due.
const TICK: Duration = Duration::from_secs(1);

impl Delivery {
    /// Starts delivery to all peers; what the spool holds already is taken up at once. It stops when `shutdown` turns
    /// true or its sender is gone: nothing new is begun then, and [`Delivery::drained`] waits for the rest.
    ///
    /// To be called within a Tokio runtime.
    pub fn start(
        options: Vec<PeerOptions>,
        spool: Arc<dyn Queue>,
        clock: SharedClock,
        outcomes: Arc<dyn OutcomeSink>,
        shutdown: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let delivery = Arc::new(Self {
            peers: ArcSwap::default(),
            refills: Mutex::default(),
            watching: Mutex::default(),
            vitals: Arc::default(),
            spool,
            clock,
            outcomes,
            busy: watch::channel(0).0,
        });
        delivery.set_peers(options);
        let run = {
            let delivery = Arc::downgrade(&delivery);
            move || Self::run(delivery.clone(), shutdown.clone())
        };
        let watching = delivery.vitals.keep("delivery", run);
        *delivery.watching.lock().unwrap_or_else(PoisonError::into_inner) = Some(watching);
        delivery
    }

    /// The standing tasks of delivery.
    pub fn vitals(&self) -> &Arc<Vitals> {
        &self.vitals
    }

    /// Adds those that are new, and goes on with the others under what has changed for them.
    ///
    /// To be called within a Tokio runtime, and not twice at once.
    pub fn set_peers(&self, options: Vec<PeerOptions>) {
        let mut peers = HashMap::clone(&self.peers.load());
        for options in options {
            match peers.get(&options.name) {
                Some(peer) => peer.change(options),
                None => {
                    let peer = self.start_peer(options);
                    peers.insert(peer.options().name.clone(), peer);
                }
            }
        }
        self.peers.store(Arc::new(peers));
    }

    /// Sends these nothing more, except what is being sent. The rest stays in the spool until they are added again.
    pub fn remove_peers(&self, names: &[PeerName]) {
        let peers = self.peers.load();
        for peer in names.iter().filter_map(|name| peers.get(name)) {
            peer.stop();
        }
    }

    /// Sends this peer nothing more, except what is being sent, until the time comes or [`resume`](Self::resume) is called.
    /// What is for it is taken, and waits in the spool; nothing of it is given up for its age meanwhile.
    pub fn pause(&self, name: &PeerName, until: Option<Timestamp>) {
        if let Some(peer) = self.peers.load().get(name) {
            peer.pause(until);
        }
    }

    /// Ends a pause.
    pub fn resume(&self, name: &PeerName) {
        if let Some(peer) = self.peers.load().get(name) {
            peer.resume();
        }
    }

    /// Sends this peer no faster than this until the time comes, whatever is configured; `None`: as it is configured again.
    pub fn limit(&self, name: &PeerName, limit: Option<(Rate, Option<Timestamp>)>) {
        if let Some(peer) = self.peers.load().get(name) {
            peer.limit(limit);
        }
    }

    /// Looks into the spool again for what these peers are to be sent: an operator has changed it there. What is being sent is
    /// sent to its end.
    pub fn reconsider(&self, names: &[PeerName]) {
        let peers = self.peers.load();
        for peer in names.iter().filter_map(|name| peers.get(name)) {
            peer.queue().reconsider();
            peer.dispatch();
        }
    }

    /// Whether none of the peer's hosts talked to us when we last tried. Cheap: asked for every recipient.
    pub fn is_unreachable(&self, peer: &PeerName) -> bool {
        let peers = self.peers.load();
        peers.get(peer).is_some_and(|peer| peer.queue().reach.is_unreachable())
    }

    fn start_peer(&self, options: PeerOptions) -> Arc<Peer> {
        let (spool, clock, outcomes) = (self.spool.clone(), self.clock.clone(), self.outcomes.clone());
        let peer = Peer::new(options, spool, clock, outcomes, self.busy.clone());
        let mut refills = self.refills.lock().unwrap_or_else(PoisonError::into_inner);
        let refilled = peer.clone();
        let name = format!("refill of {}", peer.options().name);
        refills.push(self.vitals.keep(name, move || refilled.clone().refill()));
        peer
    }

    /// Takes a message whose commit has just succeeded. It never waits and never fails: what cannot be taken now is in
    /// the spool, and leased from there when its turn comes.
    pub fn enqueue(&self, outgoing: Outgoing) {
        let peers = self.peers.load();
        let Some(peer) = outgoing.next_hop.peer().and_then(|peer| peers.get(peer)) else {
            warn!(id = %outgoing.id, peer = %outgoing.next_hop, event = "peer-unknown", "no such peer to deliver to: the message waits in the spool");
            self.spool.give_back(Leased::Outgoing(outgoing.id));
            return;
        };
        peer.queue().hand_over(outgoing);
        peer.dispatch();
    }

    /// What delivery to each peer has come to since the start.
    pub fn counts(&self) -> Vec<(PeerName, Delivered)> {
        let peers = self.peers.load();
        let counts = peers.iter().map(|(name, peer)| (name.clone(), peer.counts.read()));
        counts.collect()
    }

    /// How each peer stands now, by name.
    pub fn standings(&self) -> Vec<PeerStanding> {
        let mut standings: Vec<PeerStanding> = self.peers.load().values().map(|peer| peer.standing()).collect();
        standings.sort_by(|one, other| one.peer.cmp(&other.peer));
        standings
    }

    /// Waits until no message is being sent or recorded. To be called after shutdown.
    pub async fn drained(&self) {
        // An error means that every peer is gone, which is drained too.
        let _ = self.busy.subscribe().wait_for(|busy| *busy == 0).await;
    }

    async fn run(delivery: Weak<Self>, mut shutdown: watch::Receiver<bool>) {
        let Some(delivery) = delivery.upgrade() else { return };
        tokio::select! {
            () = delivery.watch_spool() => {}
            _ = shutdown.wait_for(|stop| *stop) => {}
        }
        delivery.vitals.end();
        for peer in delivery.peers.load().values() {
            peer.stop();
        }
        delivery.refills.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Once a second: who has messages due, and whom to try again.
    async fn watch_spool(&self) {
        let mut asked = HashMap::new();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = self.clock.now();
            match self.spool.next_due().await {
                Ok(due) => {
                    let due = due.into_iter().filter(|(_, due)| *due <= now);
                    let peers = self.peers.load();
                    for peer in due.filter_map(|(name, _)| peers.get(&name)) {
                        peer.queue().there_is_more();
                    }
                }
                Err(error) => warn!(%error, event = "spool-not-read", "the spool did not say who has messages due"),
            }
            match self.spool.retries_asked().await {
                Ok(counts) => self.heed(counts, &mut asked),
                Err(error) => {
                    warn!(%error, event = "spool-not-read", "the spool did not say which peers an operator wants to be tried")
                }
            }
            let suspended = self.spool.room() == Room::None;
            for peer in self.peers.load().values() {
                peer.suspend(suspended);
                peer.heed_limit();
                if !suspended {
                    peer.give_up_overdue().await;
                }
                peer.tell_slow();
                peer.queue().reach.probe(Instant::now());
                peer.dispatch();
            }
        }
    }

    /// Tries a peer at once when an operator has asked for it since the last look.
    fn heed(&self, counts: Vec<(PeerName, u64)>, asked: &mut HashMap<PeerName, u64>) {
        for (name, count) in counts {
            let before = asked.insert(name.clone(), count);
            if let Some(peer) = self.peers.load().get(&name).filter(|_| before != Some(count)) {
                peer.queue().reach.try_now();
            }
        }
    }
}
