//! One peer at work: workers that send, and the refill that feeds them.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::counts::Counts;
use super::fate::{Answer, Fate, Verdict};
use super::greet::Unreachable;
use super::hosts::{self, KnownHosts, NoHosts};
use super::pacing::Pacing;
use super::queue::{Job, Limits, Next, Queue};
use super::running::Running;
use super::session::{Failure, How, Sent, Session};
use super::settle::{self, Attempt};
use super::standing::{PeerStanding, RunningAttempt, Standing};
use super::worker::{Connection, Worker};
use super::{OutcomeSink, PeerOptions};
use crate::clock::SharedClock;
use crate::message::{Outgoing, OutgoingId, Timestamp};
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
    /// How many recipients hosts take in one transaction, and when that was learnt.
    rooms: Mutex<HashMap<String, (usize, Instant)>>,
    /// Since when it can be sent to, by the relay's clock: the start, or the end of the last pause.
    started: Mutex<Timestamp>,
    paused: Mutex<Option<Pause>>,
    pacing: Mutex<Option<Pacing>>,
    /// True while nothing new is to be begun.
    stopping: watch::Sender<bool>,
    /// Messages whose last attempt ended in doubt, and the host that may have them.
    doubtful: Mutex<HashMap<OutgoingId, Doubt>>,
    /// Records that may be under way at once: past that, workers wait for the spool.
    pub recording: Arc<Semaphore>,
    pub counts: Counts,
    /// Workers and records under way.
    pub busy: watch::Sender<usize>,
}

/// A peer's queue, locked. What leaves it is given back to the spool when the lock is.
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

/// What a round of hosts came to.
#[derive(Default)]
struct Met {
    /// One of them talked to us, and lost the message on the way.
    talked: bool,
    /// One of them closed the session when it was open: 421.
    closed: bool,
}

/// Nothing is begun, because an operator wants it so.
#[derive(Clone, Copy)]
struct Pause {
    until: Option<Timestamp>,
}

struct Doubt {
    host: String,
    since: Instant,
}

/// What was learnt about a host's room is asked anew after this long: it may take more by then.
const ROOM_FOR: Duration = Duration::from_secs(3600);

/// What is too old already when the relay starts is tried for this long before it is given up, or for as long as the peer is
/// left alone at the most, if that is less.
const AFTER_START: Duration = Duration::from_secs(600);

/// Attempts are shown when they have taken this long: others are over before anybody has read of them.
const SHOWN_AFTER: Duration = Duration::from_secs(2);

/// Attempts get a line in the log when they have taken this long.
const SLOW: Duration = Duration::from_secs(30);

/// Messages that are given up at a time.
const OVERDUE: usize = 256;

/// For this long only the host that may have a message is asked to take it again; then a double is better than a loss.
const DOUBT_FOR: Duration = Duration::from_secs(4 * 3600);

/// Doubts that are remembered. Past that, a doubtful message may go to another host.
const MAX_DOUBTS: usize = 10_000;

/// A peer that refused one more session is not asked for one for this long.
const CROWDED_FOR: Duration = Duration::from_secs(60);

/// Far above what a flush to disk gathers.
const MAX_RECORDING: usize = 1024;

impl Peer {
    pub fn new(
        options: PeerOptions,
        spool: Arc<dyn spool::Queue>,
        clock: SharedClock,
        outcomes: Arc<dyn OutcomeSink>,
        busy: watch::Sender<usize>,
    ) -> Arc<Self> {
        let limits = Limits::of(&options);
        Arc::new(Self {
            queue: Mutex::new(Queue::new(limits)),
            refill: Notify::new(),
            hosts: ArcSwap::from_pointee(KnownHosts::new(options.hosts.clone())),
            standing: Standing::new(options.name.clone()),
            running: Mutex::default(),
            rooms: Mutex::default(),
            started: Mutex::new(clock.now()),
            paused: Mutex::default(),
            pacing: Mutex::new(options.rate.map(Pacing::new)),
            stopping: watch::Sender::new(false),
            doubtful: Mutex::default(),
            recording: Arc::new(Semaphore::new(MAX_RECORDING)),
            counts: Counts::default(),
            options: ArcSwap::from_pointee(options),
            spool,
            clock,
            outcomes,
            busy,
        })
    }

    pub fn queue(&self) -> Locked<'_> {
        Locked {
            queue: lock(&self.queue),
            spool: &*self.spool,
        }
    }

    /// What is configured now. An attempt that is under way goes on with what it began with.
    pub fn options(&self) -> Arc<PeerOptions> {
        self.options.load_full()
    }

    /// Goes on with other options, also after its queue was stopped. What is in flight stays so; open connections carry
    /// no further message.
    pub fn change(self: &Arc<Self>, options: PeerOptions) {
        let known = KnownHosts::new(options.hosts.clone());
        self.standing.keep(|host| known.may_be(host));
        lock(&self.rooms).clear();
        self.hosts.store(Arc::new(known));
        let limits = Limits::of(&options);
        let old = self.options.swap(Arc::new(options));
        let rate = self.options().rate;
        if rate != old.rate {
            *lock(&self.pacing) = rate.map(Pacing::new);
        }
        self.stopping.send_replace(false);
        self.queue().go_on(limits);
        self.dispatch();
    }

    /// Nothing new is begun.
    pub fn stop(&self) {
        self.queue().stop();
        self.stopping.send_replace(true);
    }

    /// Begins nothing new until the time comes, or [`resume`](Self::resume) is called.
    pub fn pause(&self, until: Option<Timestamp>) {
        *lock(&self.paused) = Some(Pause { until });
        self.queue().suspend(true);
    }

    /// Ends a pause. What became too old meanwhile is given time for an attempt.
    pub fn resume(&self) {
        if lock(&self.paused).take().is_some() {
            *lock(&self.started) = self.clock.now();
            info!(peer = %self.options().name, event = "peer-resumed", "peer is sent to again: its pause is over");
        }
    }

    /// Nothing is begun while the spool cannot record what becomes of it, or while the peer is paused.
    pub fn suspend(&self, suspended: bool) {
        let pause = *lock(&self.paused);
        let over = pause
            .and_then(|pause| pause.until)
            .is_some_and(|until| until <= self.clock.now());
        if over {
            self.resume();
        }
        self.queue().suspend(suspended || self.is_paused());
    }

    fn is_paused(&self) -> bool {
        lock(&self.paused).is_some()
    }

    /// Whether nothing new is to be begun.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Starts the workers that the queue asks for, and the refill when it runs low.
    pub fn dispatch(self: &Arc<Self>) {
        loop {
            let next = self.queue().dispatch();
            let Next::Start(job) = next else { break };
            let worker = Worker::new(self.clone());
            tokio::spawn(worker.run(job));
        }
        self.wake_refill();
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
                warn!(peer = %self.options().name, %error, event = "spool-not-read", "the spool did not say what is due");
            }
            self.queue().end_refill(limit, due.ok());
            self.dispatch();
        }
    }

    /// When it is given up: see [`Outgoing::over_at`]. What was too old when the relay started is given time for an attempt
    /// first: perhaps only the clock was wrong. So is what grew too old while the peer was paused.
    pub fn over_at(&self, outgoing: &Outgoing) -> Timestamp {
        let options = self.options();
        let aged = outgoing.received_at.plus(options.give_up_after);
        let time = AFTER_START.min(options.give_up_after).min(options.schedule.longest());
        let aged = match self.is_paused() {
            true => Timestamp(u64::MAX),
            false => aged.max(lock(&self.started).plus(time)),
        };
        outgoing.expires_at.map_or(aged, |expires| expires.min(aged))
    }

    /// One attempt at one message; `None` when it was not made, because the peer has enough sessions.
    pub async fn attempt(
        self: &Arc<Self>,
        outgoing: &Outgoing,
        session: &mut Option<Connection>,
        running: &Arc<Running>,
    ) -> Option<Attempt> {
        if self.clock.now() >= self.over_at(outgoing) {
            return Some(Attempt::none(outgoing));
        }
        let wanted = self.doubt(outgoing.id);
        if let Some(open) = session.take()
            && wanted.as_ref().is_none_or(|host| *host == open.session.host)
            && let Ok(attempt) = self.send(outgoing, open, session, running).await
        {
            return Some(attempt);
        }
        self.attempt_hosts(outgoing, wanted, session, running).await
    }

    /// Tries host after host on new connections, until one has an answer. A host that does not talk to us decides nothing
    /// about the message, whatever it says: with the last of them, the peer is down.
    async fn attempt_hosts(
        self: &Arc<Self>,
        outgoing: &Outgoing,
        wanted: Option<String>,
        keep: &mut Option<Connection>,
        running: &Arc<Running>,
    ) -> Option<Attempt> {
        let options = self.options();
        let hosts = self.hosts(&options, wanted.as_deref()).await;
        self.standing
            .hosts_known(hosts.as_ref().map(drop).map_err(|(_, why)| why));
        let mut last = (None, Answer::ours("the peer has no hosts"));
        let hosts = match hosts {
            Ok(hosts) => hosts,
            Err((Verdict::Never, answer)) => {
                return Some(Attempt::all(None, &outgoing.envelope, Verdict::Never, &answer));
            }
            Err((_, answer)) => {
                last.1 = answer;
                Vec::new()
            }
        };
        let mut met = Met::default();
        for host in &hosts {
            let lost = match self.open(host, &options, running).await {
                Ok(open) => self.send(outgoing, open, keep, running).await,
                Err(Unreachable(answer)) => Err((None, answer)),
            };
            let (how, answer) = match lost {
                Ok(attempt) => return Some(attempt),
                Err(lost) => lost,
            };
            met.note(how);
            // A peer that has sessions enough is not down.
            let is_enough = answer.code.is_some() && self.queue().has_sessions();
            if matches!(how, None | Some(How::Closing)) && !is_enough {
                self.standing.host_is_down(host, &answer, self.clock.now());
            }
            last = (Some(host.clone()), answer);
        }
        let (host, answer) = last;
        let mut attempt = Attempt::all(host.clone(), &outgoing.envelope, Verdict::Later, &answer);
        if met.talked || wanted.is_some() {
            return Some(attempt);
        }
        if self.is_crowded() {
            return met.closed.then_some(attempt);
        }
        attempt.again = Some(self.unreachable(host.as_deref(), &answer));
        Some(attempt)
    }

    async fn open(
        self: &Arc<Self>,
        host: &str,
        options: &Arc<PeerOptions>,
        running: &Arc<Running>,
    ) -> Result<Connection, Unreachable> {
        self.queue().opening();
        let opened = Session::open(host, options, running).await;
        let back = self.queue().opened(opened.is_ok());
        let session = opened?;
        self.standing.host_is_up(host);
        self.standing.peer_is_up();
        if back {
            self.dispatch();
        }
        Ok(Connection::new(session, options, self))
    }

    /// Sends over an open session, and keeps it when it can be used again. An error when the server cannot have taken the
    /// message, and another host may be tried.
    async fn send(
        &self,
        outgoing: &Outgoing,
        mut open: Connection,
        keep: &mut Option<Connection>,
        running: &Arc<Running>,
    ) -> Result<Attempt, (Option<How>, Answer)> {
        let host = open.session.host.clone();
        let options = self.options();
        running.goes_to(&host);
        open.session.serves(Some(running));
        let sent = open.session.send(outgoing, self.room(&host), &options).await;
        let fates = match sent {
            Ok(Sent { fates, room }) => {
                lock(&self.doubtful).remove(&outgoing.id);
                if let Some(room) = room {
                    self.learn_room(&host, room);
                }
                open.session.serves(None);
                if open.session.is_usable(&options) && Arc::ptr_eq(&options, &open.options) {
                    *keep = Some(open);
                } else {
                    open.session.quit(&options).await;
                }
                fates
            }
            Err(Failure::Lost { how, answer }) => {
                if how != How::Stale {
                    let (peer, reason) = (&options.name, answer.with_step());
                    info!(id = %outgoing.id, %peer, host, reason = reason.as_str(), event = "session-broken", "lost the session before the end of the message");
                }
                return Err((Some(how), answer));
            }
            Err(Failure::Unknown { reason }) => {
                self.remember_doubt(outgoing.id, &host);
                let answer = Answer::ours(format!("nobody knows whether it was taken: {reason}"));
                Fate::all(&outgoing.envelope, Verdict::Later, &answer)
            }
        };
        Ok(Attempt::new(Some(host), fates))
    }

    /// The hosts to try, in order; only the one that may have the message already, when there is one.
    async fn hosts(&self, options: &PeerOptions, wanted: Option<&str>) -> Result<Vec<String>, NoHosts> {
        if let Some(host) = wanted {
            return Ok(vec![host.to_owned()]);
        }
        let known = self.hosts.load_full();
        let all = known.all().await?;
        Ok(hosts::order(all, |host| self.standing.is_dead(host), options.random))
    }

    /// How many recipients a host takes in one transaction, as far as it has shown.
    fn room(&self, host: &str) -> Option<usize> {
        let rooms = lock(&self.rooms);
        let (room, since) = rooms.get(host)?;
        (since.elapsed() < ROOM_FOR).then_some(*room)
    }

    fn learn_room(&self, host: &str, room: usize) {
        let before = lock(&self.rooms).insert(host.to_owned(), (room, Instant::now()));
        if before.is_none_or(|(before, _)| before != room) {
            let peer = &self.options().name;
            info!(%peer, host, recipients = room, event = "limit-learnt", "takes no more recipients in one transaction");
        }
    }

    fn is_crowded(&self) -> bool {
        let mut queue = self.queue();
        let knew = queue.is_held_back();
        let crowded = queue.is_crowded(Instant::now() + CROWDED_FOR);
        drop(queue);
        if crowded && !knew {
            info!(peer = %self.options().name, event = "limit-learnt", "takes no more sessions at the same time");
        }
        crowded
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

    /// How it stands. Attempts are shown when they have taken some time.
    pub fn standing(&self) -> PeerStanding {
        let now = self.clock.now();
        let again = self
            .queue()
            .next_probe()
            .map(|at| now.plus(at.saturating_duration_since(Instant::now())));
        let running = lock(&self.running);
        let long = running.iter().filter(|(_, running)| running.age() >= SHOWN_AFTER);
        let long = long.map(|(id, running)| RunningAttempt::of(*id, running, now));
        let mut long: Vec<RunningAttempt> = long.collect();
        long.sort_by(|one, other| one.id.cmp(&other.id));
        self.standing.shown(again, long)
    }

    /// One line for each attempt that takes long.
    pub fn tell_slow(&self) {
        let running = lock(&self.running);
        for (id, running) in running.iter().filter(|(_, running)| running.is_slow(SLOW)) {
            let place = running.place();
            let (peer, host, waits_for) = (&self.options().name, place.host, place.waits_for);
            info!(%id, %peer, host, waits_for, s = running.age().as_secs(), event = "delivery-slow", "still being sent");
        }
    }

    async fn bury(self: &Arc<Self>, job: Job) {
        let attempt = Attempt::none(&job.outgoing);
        settle::spawn(Arc::clone(self), job, attempt).await;
    }

    /// Gives up what is too old, or of no use any more, whatever keeps it from being sent.
    pub async fn give_up_overdue(self: &Arc<Self>) {
        let now = self.clock.now();
        let waiting = self.queue().take_overdue(|outgoing| now >= self.over_at(outgoing));
        for job in waiting {
            self.bury(job).await;
        }
        let options = self.options();
        let aged = now.minus(options.give_up_after);
        if self.is_stopping() {
            return;
        }
        let overdue = self.spool.lease_overdue(&options.name, now, aged, OVERDUE).await;
        if let Err(error) = &overdue {
            warn!(peer = %options.name, %error, event = "spool-not-read", "the spool did not say what is overdue");
        }
        let is_over = |outgoing: &Outgoing| now >= self.over_at(outgoing);
        let jobs = self.queue().review(overdue.unwrap_or_default(), is_over);
        for job in jobs {
            self.bury(job).await;
        }
    }

    /// Waits for the message's turn under the peer's rate, without holding a connection for longer than one is kept.
    /// False when nothing is to be begun any more.
    pub async fn pace(&self, outgoing: &Outgoing, connection: &mut Option<Connection>) -> bool {
        let now = Instant::now();
        let Some(turn) = lock(&self.pacing).as_mut().map(|pacing| pacing.reserve(now)) else {
            return true;
        };
        let options = self.options();
        // What is of no use any more does not wait for its turn.
        let left = self.over_at(outgoing).since(self.clock.now());
        let turn = turn.min(now + left);
        if turn.duration_since(now) > options.idle
            && let Some(open) = connection.take()
        {
            open.session.quit(&options).await;
        }
        let mut stopping = self.stopping.subscribe();
        tokio::select! {
            () = sleep_until(turn) => true,
            _ = stopping.wait_for(|stop| *stop) => false,
        }
    }

    /// For how long the peer is left alone.
    fn unreachable(&self, host: Option<&str>, why: &Answer) -> Duration {
        let random = (self.options().random)();
        let wait = |failures| self.options().schedule.wait(failures, random);
        let (now, mut queue) = (Instant::now(), self.queue());
        queue.unreachable(now, wait);
        let wait = queue
            .next_probe()
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        drop(queue);
        self.standing.peer_is_down(host, why, self.clock.now(), wait);
        wait
    }

    fn doubt(&self, id: OutgoingId) -> Option<String> {
        let mut doubtful = lock(&self.doubtful);
        let doubt = doubtful.get(&id)?;
        if doubt.since.elapsed() < DOUBT_FOR && self.hosts.load().may_be(&doubt.host) {
            return Some(doubt.host.clone());
        }
        doubtful.remove(&id);
        None
    }

    fn remember_doubt(&self, id: OutgoingId, host: &str) {
        let mut doubtful = lock(&self.doubtful);
        if doubtful.len() >= MAX_DOUBTS {
            doubtful.retain(|_, doubt| doubt.since.elapsed() < DOUBT_FOR);
        }
        if doubtful.len() < MAX_DOUBTS {
            let (host, since) = (host.to_owned(), Instant::now());
            doubtful.entry(id).or_insert(Doubt { host, since });
        }
    }
}

impl Met {
    /// `None`: it did not talk to us.
    fn note(&mut self, how: Option<How>) {
        self.closed |= how == Some(How::Closing);
        self.talked |= how.is_some_and(|how| how != How::Closing);
    }
}
