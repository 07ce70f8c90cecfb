//! One peer at work: workers that send, and the refill that feeds them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::counts::Counts;
use super::fate::{Answer, Fate, Verdict};
use super::greet::Unreachable;
use super::hosts::{self, KnownHosts, NoHosts};
use super::pacing::Pacing;
use super::queue::{Job, Limits, Next, Queue};
use super::session::{Failure, Session};
use super::settle::Attempt;
use super::worker::{Connection, Worker};
use super::{OutcomeSink, PeerOptions};
use crate::clock::SharedClock;
use crate::message::{Masked, OutgoingId};
use crate::protocol::smtp::Reply;
use crate::spool::Spool;

pub(super) struct Peer {
    options: ArcSwap<PeerOptions>,
    pub spool: Arc<dyn Spool>,
    pub clock: SharedClock,
    pub outcomes: Arc<dyn OutcomeSink>,
    queue: Mutex<Queue>,
    /// Wakes the refill.
    refill: Notify,
    hosts: ArcSwap<KnownHosts>,
    /// When hosts were last found dead.
    dead: Mutex<HashMap<String, Instant>>,
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

struct Doubt {
    host: String,
    since: Instant,
}

/// A host that was found dead is tried after the others for this long.
const DEAD_FOR: Duration = Duration::from_secs(60);

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
        spool: Arc<dyn Spool>,
        clock: SharedClock,
        outcomes: Arc<dyn OutcomeSink>,
        busy: watch::Sender<usize>,
    ) -> Arc<Self> {
        let limits = Limits::of(&options);
        Arc::new(Self {
            queue: Mutex::new(Queue::new(limits)),
            refill: Notify::new(),
            hosts: ArcSwap::from_pointee(KnownHosts::new(options.hosts.clone())),
            dead: Mutex::default(),
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

    pub fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }

    /// What is configured now. An attempt that is under way goes on with what it began with.
    pub fn options(&self) -> Arc<PeerOptions> {
        self.options.load_full()
    }

    /// Goes on with other options, also after its queue was stopped. What is in flight stays so; open connections carry
    /// no further message.
    pub fn change(self: &Arc<Self>, options: PeerOptions) {
        let known = KnownHosts::new(options.hosts.clone());
        lock(&self.dead).retain(|host, _| known.may_be(host));
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
            let Some((limit, except)) = self.queue().begin_refill() else {
                continue;
            };
            let now = self.clock.now();
            let due = self.spool.due(&self.options().name, now, limit, &except).await;
            if let Err(error) = &due {
                warn!(peer = %self.options().name, %error, "the spool did not say what is due");
            }
            self.queue().end_refill(limit, due.ok());
            self.dispatch();
        }
    }

    /// One attempt at one message; `None` when it was not made, because the peer has enough sessions.
    pub async fn attempt(self: &Arc<Self>, job: &Job, session: &mut Option<Connection>) -> Option<Attempt> {
        let outgoing = &job.outgoing;
        if self.clock.now() >= outgoing.over_at(self.options().give_up_after) {
            let answer = Answer::ours("its time was over before it could be sent");
            let fates = Fate::all(&outgoing.envelope, Verdict::Later, &answer);
            return Some(Attempt { host: None, fates });
        }
        let wanted = self.doubt(outgoing.id);
        if let Some(open) = session.take()
            && wanted.as_ref().is_none_or(|host| *host == open.session.host)
            && let Some(attempt) = self.send(job, open, session).await
        {
            return Some(attempt);
        }
        self.attempt_hosts(job, wanted, session).await
    }

    /// Tries host after host on new connections, until one has an answer.
    async fn attempt_hosts(
        self: &Arc<Self>,
        job: &Job,
        wanted: Option<String>,
        keep: &mut Option<Connection>,
    ) -> Option<Attempt> {
        let outgoing = &job.outgoing;
        let mut last = (None, Answer::ours("the peer has no hosts"), Verdict::Later);
        let mut reached = false;
        let options = self.options();
        let hosts = match self.hosts(&options, wanted.as_deref()).await {
            Ok(hosts) => hosts,
            Err((verdict, answer)) => {
                warn!(peer = %options.name, reason = %answer, "nobody says where the peer's hosts are");
                if verdict == Verdict::Never {
                    let fates = Fate::all(&outgoing.envelope, verdict, &answer);
                    return Some(Attempt { host: None, fates });
                }
                last.1 = answer;
                Vec::new()
            }
        };
        for host in &hosts {
            self.queue().opening();
            let opened = Session::open(host, &options).await;
            if self.queue().opened(opened.is_ok()) {
                self.dispatch();
            }
            match opened {
                Ok(session) => {
                    reached = true;
                    lock(&self.dead).remove(host);
                    let open = Connection::new(session, &options, self);
                    let lost = Answer::ours("the connection was lost before the end of the message");
                    last = (Some(host.clone()), lost, Verdict::Later);
                    if let Some(attempt) = self.send(job, open, keep).await {
                        return Some(attempt);
                    }
                }
                Err(Unreachable { reply, reason }) => {
                    lock(&self.dead).insert(host.clone(), Instant::now());
                    warn!(peer = %options.name, host, reason = %Masked(&reason), "host does not talk to us");
                    // Only a peer all of whose hosts refuse for good has refused for good.
                    let refused = reply.as_ref().is_some_and(Reply::is_permanent);
                    let verdict = match last {
                        (Some(_), _, Verdict::Later) => Verdict::Later,
                        _ if refused => Verdict::Never,
                        _ => Verdict::Later,
                    };
                    let answer = reply.as_ref().map_or_else(|| Answer::ours(reason), Answer::of);
                    last = (Some(host.clone()), answer, verdict);
                }
            }
        }
        if !reached && wanted.is_none() {
            if self.queue().is_crowded(Instant::now() + CROWDED_FOR) {
                return None;
            }
            self.unreachable();
        }
        let (host, answer, verdict) = last;
        let fates = Fate::all(&outgoing.envelope, verdict, &answer);
        Some(Attempt { host, fates })
    }

    /// Sends over an open session, and keeps it when it can be used again. `None` when the server cannot have taken the
    /// message, and another host may be tried.
    async fn send(&self, job: &Job, mut open: Connection, keep: &mut Option<Connection>) -> Option<Attempt> {
        let outgoing = &job.outgoing;
        let host = open.session.host.clone();
        let fates = match open.session.send(outgoing, &self.options()).await {
            Ok(fates) => {
                lock(&self.doubtful).remove(&outgoing.id);
                let options = self.options();
                if open.session.is_usable(&options) && Arc::ptr_eq(&options, &open.options) {
                    *keep = Some(open);
                } else {
                    open.session.quit(&options).await;
                }
                fates
            }
            Err(Failure::Lost { reason, stale }) => {
                if !stale {
                    warn!(id = %outgoing.id, host, reason = %Masked(&reason), "lost the connection before the end of the message");
                }
                return None;
            }
            Err(Failure::Unknown { reason }) => {
                self.remember_doubt(outgoing.id, &host);
                let answer = Answer::ours(format!("nobody knows whether it was taken: {reason}"));
                Fate::all(&outgoing.envelope, Verdict::Later, &answer)
            }
        };
        let host = Some(host);
        Some(Attempt { host, fates })
    }

    /// The hosts to try, in order; only the one that may have the message already, when there is one.
    async fn hosts(&self, options: &PeerOptions, wanted: Option<&str>) -> Result<Vec<String>, NoHosts> {
        if let Some(host) = wanted {
            return Ok(vec![host.to_owned()]);
        }
        let known = self.hosts.load_full();
        let all = known.all().await?;
        let mut dead = lock(&self.dead);
        dead.retain(|_, since| since.elapsed() < DEAD_FOR);
        Ok(hosts::order(all, |host| dead.contains_key(host), options.random))
    }

    /// Waits for the message's turn under the peer's rate, without holding a connection for longer than one is kept.
    /// False when nothing is to be begun any more.
    pub async fn pace(&self, connection: &mut Option<Connection>) -> bool {
        let now = Instant::now();
        let Some(turn) = lock(&self.pacing).as_mut().map(|pacing| pacing.reserve(now)) else {
            return true;
        };
        let options = self.options();
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

    fn unreachable(&self) {
        let random = (self.options().random)();
        let wait = |failures| self.options().schedule.wait(failures, random);
        self.queue().unreachable(Instant::now(), wait);
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

/// What a lock guards here stays whole even when a holder panics: it is changed by single calls.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
