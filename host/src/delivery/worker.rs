//! A worker of a peer, and the connection that it keeps while there is something to send.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::error;

use super::PeerOptions;
use super::fate::Fate;
use super::peer::Peer;
use super::queue::{Job, Next, Turn};
use super::running::Running;
use super::session::Session;
use super::settle::{self, Withheld};
use crate::message::{Outgoing, OutgoingId, RecipientId, Timestamp};
use crate::spool::{DeliveryResult, Outcome, Room};
use crate::vitals::{Panicked, caught};

/// A greeted session, counted while it lasts.
pub(super) struct Connection {
    pub session: Session,
    /// The peer's options when the session was opened. With other options a new session is needed.
    pub options: Arc<PeerOptions>,
    #[expect(dead_code, reason = "counts the session until it is dropped")]
    live: Live,
}

struct Live(Arc<Peer>);

impl Peer {
    /// Starts the workers that the queue asks for, and a refill when it runs low.
    pub fn dispatch(self: &Arc<Self>) {
        loop {
            let next = self.queue().dispatch();
            let Next::Start(job) = next else { break };
            let worker = Worker::new(self.clone());
            tokio::spawn(worker.run(job));
        }
        self.wake_refill();
    }
}

/// What is known of an attempt that ends in a panic, in which the message itself is lost from memory.
struct Tried {
    id: OutgoingId,
    attempts: u32,
    /// When the message is given up.
    over: Timestamp,
}

impl Tried {
    fn of(job: &Job, peer: &Peer) -> Self {
        Self {
            id: job.outgoing.id,
            attempts: job.outgoing.attempts.saturating_add(1),
            over: peer.over_at(&job.outgoing),
        }
    }

    /// Handles a panic over a message as a failed attempt: the message waits longer each time, is given up in time, and
    /// an operator sees why. Otherwise the same message would be tried at once, for ever.
    async fn put_off(self, peer: &Peer, panicked: &Panicked) {
        let options = peer.options();
        let wait = options.schedule.wait(self.attempts, (options.random)());
        let reason = panicked.to_string();
        error!(id = %self.id, peer = %options.name, attempts = self.attempts, event = "delivery-panicked", "deferred: {reason}");
        let outcome = Outcome {
            id: self.id,
            result: DeliveryResult::Deferred {
                due: peer.clock.now().plus(wait).min(self.over),
                attempts: self.attempts,
                reason: reason.clone(),
            },
            reply: Some(reason),
            attempts: self.attempts,
            ended: Vec::new(),
            changes: Vec::new(),
            appends: Vec::new(),
            kv: Vec::new(),
            event: None,
        };
        // If this cannot be recorded, the message comes again from the spool as it was.
        if peer.spool.record(outcome.clone()).await.is_ok() {
            peer.counts.note(&outcome.result, Duration::ZERO);
        }
        peer.queue().settled(self.id);
    }
}

/// How a worker's turn ended.
enum Went {
    On,
    /// The relay stops, the peer was removed, or nothing can be recorded.
    Stopping,
    /// The peer has as many sessions as it wants.
    Crowded,
}

/// One slot of the peer's concurrency. It sends message after message, over one connection while that lasts.
pub(super) struct Worker {
    peer: Arc<Peer>,
    /// The message that is being sent.
    sending: Option<OutgoingId>,
}

impl Worker {
    pub fn new(peer: Arc<Peer>) -> Self {
        peer.busy.begin();
        Self { peer, sending: None }
    }

    pub async fn run(mut self, first: Job) {
        let mut session = None;
        let mut next = Some(first);
        while let Some(job) = next {
            let id = job.outgoing.id;
            self.sending = Some(id);
            let running = self.peer.begin(id);
            let tried = Tried::of(&job, &self.peer);
            let went_on = caught(self.deliver(job, &mut session, &running)).await;
            self.peer.end(id);
            self.sending = None;
            let went_on = match went_on {
                Ok(went_on) => went_on,
                Err(panicked) => {
                    // The state of the session is unknown after a panic.
                    session = None;
                    tried.put_off(&self.peer, &panicked).await;
                    Went::On
                }
            };
            match went_on {
                Went::On => {}
                Went::Stopping => break,
                Went::Crowded => return,
            }
            let turn = self.peer.queue().next(session.is_some());
            self.peer.wake_refill();
            next = match turn {
                Turn::Send(job) => Some(job),
                Turn::Wait(work) => self.wait(work, &mut session).await,
                Turn::Leave => None,
            };
        }
        if let Some(open) = session {
            open.session.quit(&self.peer.options()).await;
        }
    }

    /// Delivers one message, in as many transactions as the host requires. Each is recorded before the next begins, so
    /// that what was delivered is not delivered again, whatever happens then.
    async fn deliver(&self, job: Job, session: &mut Option<Connection>, running: &Arc<Running>) -> Went {
        let (mut rest, mut progressed) = (Vec::new(), false);
        let mut outgoing = job.outgoing.clone();
        loop {
            if !self.peer.pace(&outgoing, session).await {
                self.put_back(job, &rest, &outgoing);
                return Went::Stopping;
            }
            if self.peer.spool.room() == Room::None {
                self.peer.queue().suspend(true);
                self.put_back(job, &rest, &outgoing);
                return Went::Stopping;
            }
            let attempt = match self.peer.attempt(&outgoing, session, running).await {
                Ok(attempt) => attempt,
                Err(withheld) => {
                    if withheld == Withheld::NotOurs {
                        self.peer.queue().suspend(true);
                    }
                    self.put_back(job, &rest, &outgoing);
                    return match withheld {
                        Withheld::Crowded => Went::Crowded,
                        Withheld::NotOurs => Went::Stopping,
                    };
                }
            };
            let attempt = attempt.after(rest, progressed);
            let Some(next) = attempt.next_transaction(&job.outgoing) else {
                settle::spawn(self.peer.clone(), job, attempt).await;
                return Went::On;
            };
            rest = attempt.waiting();
            progressed = true;
            if !settle::record_progress(&self.peer, &job, attempt).await {
                return Went::Stopping;
            }
            outgoing = next;
        }
    }

    /// Puts a message back with the remaining recipients.
    fn put_back(&self, mut job: Job, rest: &[Fate], now: &Outgoing) {
        let is_left = |id: RecipientId| {
            rest.iter().any(|fate| fate.id == id) || now.envelope.recipients.iter().any(|r| r.id == id)
        };
        job.outgoing
            .envelope
            .recipients
            .retain(|recipient| is_left(recipient.id));
        self.peer.queue().put_back(job);
    }

    /// Keeps the connection open for a while and waits for a message. If one comes just as the connection ends, it is
    /// returned all the same.
    async fn wait(&self, mut work: oneshot::Receiver<Job>, connection: &mut Option<Connection>) -> Option<Job> {
        let open = connection.as_mut()?;
        tokio::select! {
            biased;
            job = timeout(self.peer.options().idle, &mut work) => if let Ok(job) = job { return job.ok() },
            () = open.session.broken() => *connection = None,
        }
        work.close();
        work.try_recv().ok()
    }
}

impl Connection {
    /// Takes over the count of a session that was just opened.
    pub fn new(session: Session, options: &Arc<PeerOptions>, peer: &Arc<Peer>) -> Self {
        let (options, live) = (options.clone(), Live(peer.clone()));
        Self { session, options, live }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.queue().reach.session_ended();
    }
}

/// Frees the slot, even when the worker panics.
impl Drop for Worker {
    fn drop(&mut self) {
        // The worker panicked. The message is in the spool, and comes again from there after a second at the earliest.
        if let Some(id) = self.sending {
            self.peer.end(id);
            self.peer.queue().settled(id);
        }
        self.peer.queue().worker_left();
        self.peer.busy.end();
        // A message may have arrived since the last look at the queue.
        if tokio::runtime::Handle::try_current().is_ok() {
            self.peer.dispatch();
        }
    }
}
