//! One peer at work: workers that send, and the refill that feeds them. `peer/attempt.rs` has one attempt at one
//! message, `peer/overdue.rs` has what is given up without an attempt.

mod attempt;
mod busy;
mod doubts;
mod overdue;
mod rate;
mod rooms;

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;
use tracing::{info, warn};

use self::busy::Busy;
use self::doubts::Doubts;
use self::overdue::Pause;
use self::rate::Limit;
use self::rooms::Rooms;
use super::counts::Counts;
use super::hosts::KnownHosts;
use super::pacing::Pacing;
use super::queue::{Limits, Queue};
use super::running::Running;
use super::standing::{PeerStanding, RunningAttempt, Standing};
use super::{OutcomeSink, PeerOptions};
use crate::clock::SharedClock;
use crate::message::{OutgoingId, Timestamp};
use crate::spool::{self, Leased};
use crate::sync::lock;

pub(super) struct Peer {
    options: ArcSwap<PeerOptions>,
    pub spool: Arc<dyn spool::Queue>,
    pub clock: SharedClock,
    pub outcomes: Arc<dyn OutcomeSink>,
    queue: Mutex<Queue>,
    /// Wakes the refill.
    refill: Notify,
    hosts: ArcSwap<KnownHosts>,
    standing: Standing,
    /// Attempts that are under way.
    running: Mutex<HashMap<OutgoingId, Arc<Running>>>,
    /// The largest number of recipients in one transaction, by host.
    rooms: Rooms,
    /// Since when messages could be sent to the peer, by the relay's clock: the start, or the end of the last pause.
    started: Mutex<Timestamp>,
    paused: Mutex<Option<Pause>>,
    pacing: Mutex<Option<Pacing>>,
    limit: Mutex<Option<Limit>>,
    /// Relays that send to it, this one among them.
    relays: AtomicU32,
    /// Wakes workers that wait for their turn, because the peer's rate has changed.
    paced_anew: watch::Sender<()>,
    /// True while nothing new may begin.
    stopping: watch::Sender<bool>,
    doubts: Doubts,
    /// Permits for records under way. Beyond them, workers wait for the spool.
    pub recording: Arc<Semaphore>,
    pub counts: Counts,
    pub busy: Busy,
}

/// A peer's queue, locked. Messages that leave the queue are given back to the spool when the lock is released.
pub(super) struct Locked<'a> {
    queue: MutexGuard<'a, Queue>,
    spool: &'a dyn spool::Queue,
}

impl Deref for Locked<'_> {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        &self.queue
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Queue {
        &mut self.queue
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        for id in self.queue.take_given_back() {
            self.spool.give_back(Leased::Outgoing(id));
        }
    }
}

/// How old an attempt must be to be shown; most are over before anybody could read of them.
const SHOWN_AFTER: Duration = Duration::from_secs(2);

/// How old an attempt must be to get a log line.
const SLOW: Duration = Duration::from_secs(30);

/// The most records under way at once: far more than one flush to disk takes along.
const MAX_RECORDING: usize = 1024;

impl Peer {
    pub fn new(
        options: PeerOptions,
        spool: Arc<dyn spool::Queue>,
        clock: SharedClock,
        outcomes: Arc<dyn OutcomeSink>,
        busy: watch::Sender<usize>,
    ) -> Arc<Self> {
        let limits = Limits::of(&options, 1);
        Arc::new(Self {
            queue: Mutex::new(Queue::new(limits)),
            refill: Notify::new(),
            hosts: ArcSwap::from_pointee(KnownHosts::new(options.hosts.clone())),
            standing: Standing::new(options.name.clone()),
            running: Mutex::default(),
            rooms: Rooms::default(),
            started: Mutex::new(clock.now()),
            paused: Mutex::default(),
            pacing: Mutex::new(options.rate.map(Pacing::new)),
            limit: Mutex::default(),
            relays: AtomicU32::new(1),
            paced_anew: watch::Sender::new(()),
            stopping: watch::Sender::new(false),
            doubts: Doubts::default(),
            recording: Arc::new(Semaphore::new(MAX_RECORDING)),
            counts: Counts::default(),
            options: ArcSwap::from_pointee(options),
            spool,
            clock,
            outcomes,
            busy: Busy::among(busy),
        })
    }

    pub fn queue(&self) -> Locked<'_> {
        Locked {
            queue: lock(&self.queue),
            spool: &*self.spool,
        }
    }

    /// The present options. An attempt under way continues with those that it began with.
    pub fn options(&self) -> Arc<PeerOptions> {
        self.options.load_full()
    }

    /// Continues with other options, also after the queue was stopped. Messages in flight stay in flight; open
    /// connections carry no further message.
    pub fn change(self: &Arc<Self>, options: PeerOptions) {
        let known = KnownHosts::new(options.hosts.clone());
        self.standing.keep(|host| known.may_be(host));
        self.rooms.forget_all();
        self.hosts.store(Arc::new(known));
        let limits = Limits::of(&options, self.relays());
        let old = self.options.swap(Arc::new(options));
        if self.options().rate != old.rate {
            self.rate_has_changed();
        }
        self.stopping.send_replace(false);
        self.queue().go_on(limits);
        self.dispatch();
    }

    /// Stops: nothing new begins from now on.
    pub fn stop(&self) {
        self.queue().stop();
        self.stopping.send_replace(true);
    }

    /// Whether nothing new may begin.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    pub fn wake_refill(&self) {
        if self.queue().wants_refill() {
            self.refill.notify_one();
        }
    }

    /// Feeds the queue from the spool, for as long as the relay runs.
    pub async fn refill(self: Arc<Self>) {
        loop {
            self.refill.notified().await;
            let Some(limit) = self.queue().begin_refill() else {
                continue;
            };
            let now = self.clock.now();
            let due = self.spool.lease(&self.options().name, now, limit).await;
            if let Err(error) = &due {
                warn!(peer = %self.options().name, %error, event = "spool-not-read", "cannot read from the spool which deliveries are due");
            }
            self.queue().end_refill(limit, due.ok());
            self.dispatch();
        }
    }

    /// Registers an attempt for as long as it lasts.
    pub fn begin(&self, id: OutgoingId) -> Arc<Running> {
        let running = Arc::new(Running::begin());
        lock(&self.running).insert(id, Arc::clone(&running));
        running
    }

    pub fn end(&self, id: OutgoingId) {
        lock(&self.running).remove(&id);
    }

    /// The state of the peer. An attempt is shown once it has taken some time.
    pub fn standing(&self) -> PeerStanding {
        let now = self.clock.now();
        let again = self
            .queue()
            .reach
            .next_probe()
            .map(|at| now.plus(at.saturating_duration_since(Instant::now())));
        let running = lock(&self.running);
        let long = running.iter().filter(|(_, running)| running.age() >= SHOWN_AFTER);
        let long = long.map(|(id, running)| RunningAttempt::of(*id, running, now));
        let mut long: Vec<RunningAttempt> = long.collect();
        long.sort_by(|one, other| one.id.cmp(&other.id));
        PeerStanding {
            under_way: self.under_way(),
            ..self.standing.shown(again, long)
        }
    }

    /// Workers, and outcomes that are being recorded. A worker counts in the queue before it has begun.
    fn under_way(&self) -> usize {
        let workers = self.queue().workers();
        workers.max(self.busy.here())
    }

    /// Writes a log line, once, for each attempt that takes long.
    pub fn tell_slow(&self) {
        let running = lock(&self.running);
        for (id, running) in running.iter().filter(|(_, running)| running.is_slow(SLOW)) {
            let place = running.place();
            let (peer, host, waits_for) = (&self.options().name, place.host, place.waits_for);
            info!(%id, %peer, host, waits_for, s = running.age().as_secs(), event = "delivery-slow", "still being sent");
        }
    }
}
