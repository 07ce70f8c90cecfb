//! Delivery: from the spool to the next hop, over SMTP.
//!
//! Each peer has a queue and connections of its own, so that a peer that does not answer does not hold up the others.
//! The room promises:
//!
//! - A message is in the spool until its outcome is recorded there. Memory only makes delivery faster: a message is
//!   handed over straight after its commit, or leased from the spool when there was no room for it.
//! - One message is never sent twice at once, and never sent again once its end is recorded.
//! - A reply answers a question that had been asked when it arrived, or none: see
//!   [`Dialogue`](crate::protocol::smtp::Dialogue).
//! - Replies decide: after 2xx the message was taken, after 4xx it waits ([`Schedule`]), after 5xx it fails; for each
//!   recipient separately where the peer answers so. When a connection is lost before the end of data, nothing is
//!   decided, and the peer's next host is tried at once; when it is lost after it, the result is unknown, and the same
//!   host is asked again later.
//! - A peer whose hosts accept no session (no connection, no greeting, a greeting of 4xx or 5xx, 421) is down.
//!   Everything for it waits in the spool, and one message at a time tests whether it is back. That fails no message.
//! - A message that expires or is too old is given up in time, whatever keeps it waiting.
//! - A next hop that stalls, hangs up or sends garbage costs its own message and one connection.
//!
//! What is where:
//!
//! - `peer`, `worker`, `queue`, `reach`: one peer at work, its workers, what is given to them, and whether the peer can
//!   be reached
//! - `client`, `greet`, `session`, `script`, `body`: the SMTP client, from the connection to the body
//! - `fate`, `settle`, `report`: what an attempt decided, its records, and who is told
//! - `hosts`, `addresses`, `retry`, `pacing`: which host is tried, when again, and how fast
//! - `options`, `counts`, `standing`, `running`: the configuration, and what operators see

mod addresses;
mod body;
mod client;
mod counts;
mod fate;
mod greet;
mod hosts;
mod network;
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
mod written;

use std::collections::{BTreeMap, HashMap};
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
pub use network::{Network, SystemNetwork, Transport};
pub use options::{Convert, PeerOptions, Tls};
pub use report::{Caused, DeliveryReport, Ended, FailedRecipient, OutcomeSink};
pub use retry::Schedule;
pub use standing::{Down, HostDown, PeerStanding, RunningAttempt};
pub use written::{Extent, MayEnd};

use crate::clock::SharedClock;
use crate::message::{Outgoing, PeerName, Rate, Timestamp};
use crate::spool::{Leased, Queue, Room};
use crate::vitals::{Standing, Vitals};
use peer::Peer;

/// All peers at work.
pub struct Delivery {
    /// Peers by name. A peer that was removed from the configuration stays here with a stopped queue. If it comes back,
    /// its messages in flight are still known. Ordered, so that whatever is done for each peer is done in the same order
    /// each time.
    peers: ArcSwap<BTreeMap<PeerName, Arc<Peer>>>,
    refills: Mutex<Vec<Standing>>,
    watching: Mutex<Option<Standing>>,
    vitals: Arc<Vitals>,
    spool: Arc<dyn Queue>,
    clock: SharedClock,
    outcomes: Arc<dyn OutcomeSink>,
    busy: watch::Sender<usize>,
}

/// How often the spool is asked for due messages.
const TICK: Duration = Duration::from_secs(1);

impl Delivery {
    /// Starts delivery to all peers; messages that are in the spool already are taken up at once. It stops when
    /// `shutdown` becomes true or its sender is gone: then nothing new begins, and [`Delivery::drained`] waits for the
    /// rest.
    ///
    /// Must be called within a Tokio runtime.
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

    /// Adds new peers, and continues with the others under their changed options.
    ///
    /// Must be called within a Tokio runtime, and not twice at once.
    pub fn set_peers(&self, options: Vec<PeerOptions>) {
        let mut peers = BTreeMap::clone(&self.peers.load());
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

    /// Stops sending to these peers, except messages that are being sent. The others stay in the spool until the peer
    /// is added again.
    pub fn remove_peers(&self, names: &[PeerName]) {
        let peers = self.peers.load();
        for peer in names.iter().filter_map(|name| peers.get(name)) {
            peer.stop();
        }
    }

    /// Stops sending to this peer, except messages that are being sent, until the time comes or
    /// [`resume`](Self::resume) is called. Messages for it are accepted and wait in the spool; none is given up for its
    /// age meanwhile.
    pub fn pause(&self, name: &PeerName, until: Option<Timestamp>) {
        if let Some(peer) = self.peers.load().get(name) {
            peer.pause(until);
        }
    }

    /// As a pause, and what waits beside the queue is let go of as well: connections that are kept open, and messages that
    /// wait for their turn under a rate. [`PeerStanding::under_way`] says when nothing is left.
    pub fn drain(&self, name: &PeerName, until: Option<Timestamp>) {
        if let Some(peer) = self.peers.load().get(name) {
            peer.drain(until);
        }
    }

    /// Ends a pause, or a drain.
    pub fn resume(&self, name: &PeerName) {
        if let Some(peer) = self.peers.load().get(name) {
            peer.resume();
        }
    }

    /// Limits the rate to this peer until the time comes, whatever is configured. `None` restores the configured rate.
    pub fn limit(&self, name: &PeerName, limit: Option<(Rate, Option<Timestamp>)>) {
        if let Some(peer) = self.peers.load().get(name) {
            peer.limit(limit);
        }
    }

    /// Reads again from the spool what these peers are to be sent, because an operator has changed it there. Messages
    /// that are being sent are not affected.
    pub fn reconsider(&self, names: &[PeerName]) {
        let peers = self.peers.load();
        for peer in names.iter().filter_map(|name| peers.get(name)) {
            peer.queue().reconsider();
            peer.dispatch();
        }
    }

    /// Whether none of the peer's hosts talked to us at the last try. Cheap: called for every recipient.
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

    /// Takes a message whose commit has just succeeded. It never waits and never fails: a message that cannot be taken
    /// now is leased from the spool when its turn comes.
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

    /// The counts of each peer since the start.
    pub fn counts(&self) -> Vec<(PeerName, Delivered)> {
        let peers = self.peers.load();
        let counts = peers.iter().map(|(name, peer)| (name.clone(), peer.counts.read()));
        counts.collect()
    }

    /// The state of each peer, by name.
    pub fn standings(&self) -> Vec<PeerStanding> {
        let mut standings: Vec<PeerStanding> = self.peers.load().values().map(|peer| peer.standing()).collect();
        standings.sort_by(|one, other| one.peer.cmp(&other.peer));
        standings
    }

    /// Waits until no message is being sent or recorded. Must be called after shutdown.
    pub async fn drained(&self) {
        // An error means that every peer is gone, which is drained too.
        let _ = self.busy.subscribe().wait_for(|busy| *busy == 0).await;
    }

    async fn run(delivery: Weak<Self>, mut shutdown: watch::Receiver<bool>) {
        let Some(delivery) = delivery.upgrade() else { return };
        tokio::select! {
            biased;
            () = delivery.watch_spool() => {}
            _ = shutdown.wait_for(|stop| *stop) => {}
        }
        delivery.vitals.end();
        for peer in delivery.peers.load().values() {
            peer.stop();
        }
        delivery.refills.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Once a second: finds the peers that have messages due, and those to try again.
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
            let relays = self.spool.relays();
            for peer in self.peers.load().values() {
                peer.suspend(suspended);
                peer.share_among(relays);
                peer.heed_limit();
                peer.heed_drain();
                if !suspended {
                    peer.give_up_overdue().await;
                }
                peer.tell_slow();
                peer.queue().reach.probe(Instant::now());
                peer.dispatch();
            }
        }
    }

    /// Tries a peer at once when an operator has asked for that since the last time.
    fn heed(&self, counts: Vec<(PeerName, u64)>, asked: &mut HashMap<PeerName, u64>) {
        for (name, count) in counts {
            let before = asked.insert(name.clone(), count);
            if let Some(peer) = self.peers.load().get(&name).filter(|_| before != Some(count)) {
                peer.queue().reach.try_now();
            }
        }
    }
}
