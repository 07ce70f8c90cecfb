//! Delivery: from the spool to the next hop, over SMTP.
//!
//! Each peer has its queue, its connections and its own bad days. What the room promises:
//!
//! - A message is in the spool until what became of it is recorded there. Memory only makes it faster: a message is
//!   handed over straight after its commit, or leased from the spool when there was no room for it.
//! - One message is never sent twice at once, and never sent again once its end is recorded.
//! - Replies decide: 2xx takes, 4xx waits ([`Schedule`]), 5xx fails, each recipient for itself where the peer answers
//!   each for itself. A connection that is lost before the end of data decides nothing, and the peer's next host is
//!   tried at once; lost after it, nobody knows, and the same host is asked again later.
//! - A peer whose hosts do not talk to us (no connection, no greeting, a greeting of 4xx or 5xx) is left alone:
//!   everything for it waits in the spool, and one message at a time tries the door. A 5xx greeting fails that one
//!   message; it does not fail all that wait.
//! - A next hop that stalls, hangs up or talks garbage costs its own message and one connection.

mod body;
mod client;
mod fate;
mod options;
mod peer;
mod queue;
mod report;
mod retry;
mod session;
mod settle;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::warn;

pub use client::{Client, ClientError};
pub use options::{Convert, PeerOptions};
pub use report::{Caused, DeliveryReport, FailedRecipient, OutcomeSink};
pub use retry::Schedule;

use crate::clock::SharedClock;
use crate::message::{Outgoing, PeerName};
use crate::spool::Spool;
use peer::Peer;

/// All peers at work.
pub struct Delivery {
    peers: HashMap<PeerName, Arc<Peer>>,
    busy: watch::Receiver<usize>,
}

/// How often the spool is asked what is due.
const TICK: Duration = Duration::from_secs(1);

/// Ticks between two rounds of forgetting.
const TICKS_PER_AGE: u64 = 60;

impl Delivery {
    /// Starts delivery to all peers; what the spool holds already is taken up at once. It stops when `shutdown` turns
    /// true or its sender is gone: nothing new is begun then, and [`Delivery::drained`] waits for the rest.
    ///
    /// To be called within a Tokio runtime.
    pub fn start(
        options: Vec<PeerOptions>,
        spool: Arc<dyn Spool>,
        clock: SharedClock,
        outcomes: Arc<dyn OutcomeSink>,
        shutdown: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let (busy_sender, busy) = watch::channel(0);
        let new_peer = |options: PeerOptions| {
            let name = options.name.clone();
            let (clock, outcomes) = (clock.clone(), outcomes.clone());
            let peer = Peer::new(options, spool.clone(), clock, outcomes, busy_sender.clone());
            (name, peer)
        };
        let peers = options.into_iter().map(new_peer).collect();
        let delivery = Arc::new(Self { peers, busy });
        tokio::spawn(delivery.clone().run(spool, clock, shutdown));
        delivery
    }

    /// Takes a message whose commit has just succeeded. It never waits and never fails: what cannot be taken now is in
    /// the spool, and leased from there when its turn comes.
    pub fn enqueue(&self, outgoing: Outgoing) {
        let Some(peer) = self.peers.get(&outgoing.peer) else {
            warn!(id = %outgoing.id, peer = %outgoing.peer, "no such peer to deliver to: the message waits in the spool");
            return;
        };
        peer.queue().hand_over(outgoing);
        peer.dispatch();
    }

    /// Waits until no message is being sent or recorded. To be called after shutdown.
    pub async fn drained(&self) {
        // An error means that every peer is gone, which is drained too.
        let _ = self.busy.clone().wait_for(|busy| *busy == 0).await;
    }

    async fn run(self: Arc<Self>, spool: Arc<dyn Spool>, clock: SharedClock, mut shutdown: watch::Receiver<bool>) {
        let refills: Vec<_> = self
            .peers
            .values()
            .map(|peer| tokio::spawn(peer.clone().refill()))
            .collect();
        tokio::select! {
            () = self.watch_spool(spool, clock) => {}
            _ = shutdown.wait_for(|stop| *stop) => {}
        }
        for peer in self.peers.values() {
            peer.queue().stop();
        }
        for refill in refills {
            refill.abort();
        }
    }

    /// Once a second: who has messages due, and whom to try again.
    async fn watch_spool(&self, spool: Arc<dyn Spool>, clock: SharedClock) {
        let mut asked = HashMap::new();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for tick in 1u64.. {
            ticks.tick().await;
            let now = clock.now();
            match spool.next_due().await {
                Ok(due) => {
                    let due = due.into_iter().filter(|(_, due)| *due <= now);
                    for peer in due.filter_map(|(name, _)| self.peers.get(&name)) {
                        peer.queue().there_is_more();
                    }
                }
                Err(error) => warn!(%error, "the spool did not say who has messages due"),
            }
            match spool.retries_asked().await {
                Ok(counts) => self.heed(counts, &mut asked),
                Err(error) => warn!(%error, "the spool did not say which peers an operator wants to be tried"),
            }
            for peer in self.peers.values() {
                peer.queue().probe(Instant::now());
                if tick % TICKS_PER_AGE == 0 {
                    peer.queue().age();
                }
                peer.dispatch();
            }
        }
    }

    /// Tries a peer at once when an operator has asked for it since the last look.
    fn heed(&self, counts: Vec<(PeerName, u64)>, asked: &mut HashMap<PeerName, u64>) {
        for (name, count) in counts {
            let before = asked.insert(name.clone(), count);
            if let Some(peer) = self.peers.get(&name).filter(|_| before != Some(count)) {
                peer.queue().try_now();
            }
        }
    }
}
