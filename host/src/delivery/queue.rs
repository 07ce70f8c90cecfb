//! One peer's queue in memory: messages that wait, messages under way, and idle workers. No I/O, no clock.
//!
//! The spool holds every message; the queue holds those that are worked on. A message enters straight after its commit,
//! or by a refill from the spool, and leaves when its outcome is recorded. Either way it is leased from the spool, so
//! no message enters twice; when it leaves, its lease is given back.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::PeerOptions;
use super::reach::Reach;
use crate::message::{Outgoing, OutgoingId};

/// A message to be sent, leased from the spool.
#[derive(Debug)]
pub(super) struct Job {
    pub outgoing: Outgoing,
}

#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<Job>,
    /// Octets that the waiting messages keep in memory.
    octets: u64,
    limits: Limits,
    /// Messages that this relay holds: they wait, are being sent, or are being recorded.
    in_flight: HashSet<OutgoingId>,
    /// The spool has due messages that are not in flight, as far as is known.
    more: bool,
    /// A refill from the spool is under way.
    refilling: bool,
    /// Messages whose lease is over, for [`Queue::take_given_back`].
    given_back: Vec<OutgoingId>,
    workers: usize,
    /// Idle workers, each with an open connection; the one that has been idle longest first.
    idle: Vec<oneshot::Sender<Job>>,
    /// Whether the peer can be reached, and how many sessions it wants.
    pub reach: Reach,
    stopping: bool,
    /// The spool may be unable to record outcomes, so nothing begins.
    suspended: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub messages: usize,
    pub octets: u64,
    pub workers: usize,
}

/// What a worker does next.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "moved once for each message, and never kept")]
pub(super) enum Turn {
    Send(Job),
    /// Wait with the connection open; the next message comes through this channel.
    Wait(oneshot::Receiver<Job>),
    Leave,
}

/// What to do about waiting messages.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "moved once for each message, and never kept")]
pub(super) enum Next {
    Nothing,
    /// Start a worker with this message. The worker is counted already.
    Start(Job),
}

impl Limits {
    /// One relay's share, where several send to the peer: never less than one session.
    pub fn of(options: &PeerOptions, relays: u32) -> Self {
        Self {
            messages: options.hot_messages,
            octets: options.hot_octets,
            workers: (options.sessions / relays.max(1) as usize).max(1),
        }
    }
}

/// The most messages leased from the spool at a time: enough to keep the workers busy, few enough to hold.
const LEASE: usize = 256;

impl Queue {
    pub fn new(limits: Limits) -> Self {
        Self {
            waiting: VecDeque::new(),
            octets: 0,
            limits,
            in_flight: HashSet::new(),
            more: false,
            refilling: false,
            given_back: Vec::new(),
            workers: 0,
            idle: Vec::new(),
            reach: Reach::default(),
            stopping: false,
            suspended: false,
        }
    }

    /// Takes a message straight after its commit, unless there is no room or the peer cannot be reached: then it waits
    /// in the spool.
    pub fn hand_over(&mut self, outgoing: Outgoing) {
        if self.in_flight.contains(&outgoing.id) {
            return;
        }
        let octets = self.octets.saturating_add(in_memory(&outgoing));
        let full = self.waiting.len() >= self.limits.messages || octets > self.limits.octets;
        if full || self.is_at_rest() {
            self.more = true;
            self.given_back.push(outgoing.id);
            return;
        }
        self.let_in(outgoing);
    }

    /// Gives a waiting message to an idle worker, or asks for a new one. Call it until there is nothing to do.
    pub fn dispatch(&mut self) -> Next {
        while let Some(job) = self.take() {
            let Some(job) = self.give_to_idle(job) else { continue };
            if self.workers < self.reach.workers(self.limits.workers) {
                self.workers += 1;
                return Next::Start(job);
            }
            self.put_back(job);
            break;
        }
        Next::Nothing
    }

    /// Gives the message to the worker that was busy last, because the peer will close that connection last. Returns
    /// the message when no worker is idle.
    fn give_to_idle(&mut self, mut job: Job) -> Option<Job> {
        while let Some(idle) = self.idle.pop() {
            match idle.send(job) {
                Ok(()) => return None,
                Err(gone) => job = gone,
            }
        }
        Some(job)
    }

    /// The next message for a worker; `None` when there is none, or none may be tried now.
    pub fn take(&mut self) -> Option<Job> {
        if self.is_at_rest() {
            return None;
        }
        let job = self.waiting.pop_front()?;
        self.octets -= in_memory(&job.outgoing);
        Some(job)
    }

    /// What a worker does after a message. A worker with a connection may keep it and wait.
    pub fn next(&mut self, has_session: bool) -> Turn {
        if self.workers > self.limits.workers {
            return Turn::Leave;
        }
        if let Some(job) = self.take() {
            return Turn::Send(job);
        }
        if !has_session || self.is_at_rest() || self.reach.is_unreachable() {
            return Turn::Leave;
        }
        self.idle.retain(|idle| !idle.is_closed());
        let (sender, receiver) = oneshot::channel();
        self.idle.push(sender);
        Turn::Wait(receiver)
    }

    /// Puts back a message that was not tried.
    pub fn put_back(&mut self, job: Job) {
        if self.stopping || self.reach.is_left_alone() {
            self.leave(job.outgoing.id);
            self.more = true;
            return;
        }
        self.octets += in_memory(&job.outgoing);
        self.waiting.push_front(job);
    }

    pub fn workers(&self) -> usize {
        self.workers
    }

    pub fn worker_left(&mut self) {
        self.workers -= 1;
    }

    /// Whether to ask the spool for more messages, and for how many.
    pub fn begin_refill(&mut self) -> Option<usize> {
        if !self.more || self.is_at_rest() || !self.is_low() || self.refilling {
            return None;
        }
        self.refilling = true;
        let room = self.limits.messages.saturating_sub(self.waiting.len());
        Some(room.clamp(1, LEASE))
    }

    /// Takes the answer of the spool; `None` when it could not answer.
    pub fn end_refill(&mut self, asked: usize, due: Option<Vec<Outgoing>>) {
        self.refilling = false;
        let Some(due) = due else {
            // The next refill waits until the spool says again that messages are due.
            self.more = false;
            return;
        };
        self.more = due.len() >= asked;
        if self.stopping || self.reach.is_left_alone() {
            self.more = true;
            self.given_back.extend(due.iter().map(|outgoing| outgoing.id));
            return;
        }
        for outgoing in due {
            self.let_in(outgoing);
        }
    }

    /// Removes the waiting messages that are overdue. They stay in flight until they are settled.
    pub fn take_overdue(&mut self, is_over: impl Fn(&Outgoing) -> bool) -> Vec<Job> {
        if !self.waiting.iter().any(|job| is_over(&job.outgoing)) {
            return Vec::new();
        }
        let (over, waiting) = self.waiting.drain(..).partition(|job| is_over(&job.outgoing));
        self.waiting = waiting;
        self.octets = self.waiting.iter().map(|job| in_memory(&job.outgoing)).sum();
        Vec::from(over)
    }

    /// Takes messages that the spool reports as overdue and that nobody worked on. Those that are over are in flight
    /// from now on.
    pub fn review(&mut self, overdue: Vec<Outgoing>, is_over: impl Fn(&Outgoing) -> bool) -> Vec<Job> {
        let (over, not): (Vec<Outgoing>, Vec<Outgoing>) = overdue.into_iter().partition(is_over);
        self.given_back.extend(not.iter().map(|outgoing| outgoing.id));
        self.in_flight.extend(over.iter().map(|outgoing| outgoing.id));
        over.into_iter().map(|outgoing| Job { outgoing }).collect()
    }

    /// The spool reports due messages.
    pub fn there_is_more(&mut self) {
        self.more = true;
    }

    pub fn wants_refill(&self) -> bool {
        self.more && self.is_low()
    }

    /// Records that the outcome of a message is stored: its lease ends.
    pub fn settled(&mut self, id: OutgoingId) {
        self.leave(id);
    }

    /// The leases that have ended since the last call.
    pub fn take_given_back(&mut self) -> Vec<OutgoingId> {
        std::mem::take(&mut self.given_back)
    }

    fn leave(&mut self, id: OutgoingId) {
        self.in_flight.remove(&id);
        self.given_back.push(id);
    }

    /// Records that a worker could not reach the peer. Waiting messages go back to the spool. `wait` gives the pause
    /// after so many failures in a row.
    pub fn unreachable(&mut self, now: Instant, wait: impl FnOnce(u32) -> Duration) {
        if self.reach.failed(now, wait) {
            self.return_all();
        }
    }

    /// While the spool may be unable to record outcomes, nothing begins.
    pub fn suspend(&mut self, suspended: bool) {
        self.suspended = suspended;
    }

    /// Workers that wait for a message with an open connection leave.
    pub fn dismiss_idle(&mut self) {
        self.idle.clear();
    }

    /// Workers that are too many end with what they are sending; those without work, now.
    pub fn limit(&mut self, limits: Limits) {
        if limits.workers < self.limits.workers {
            self.idle.clear();
        }
        self.limits = limits;
    }

    /// Begins again after [`Queue::stop`], or continues with other limits. A peer that was left alone is tried at once,
    /// because it may have other hosts now.
    pub fn go_on(&mut self, limits: Limits) {
        self.limits = limits;
        self.stopping = false;
        self.more = true;
        self.idle.clear();
        self.reach.begin_anew();
    }

    /// Gives the waiting messages back to the spool, because an operator has changed some of them there.
    pub fn reconsider(&mut self) {
        self.return_all();
        self.more = true;
    }

    /// Begins nothing new. The waiting messages are in the spool.
    pub fn stop(&mut self) {
        self.stopping = true;
        self.return_all();
        self.idle.clear();
    }

    fn return_all(&mut self) {
        for job in std::mem::take(&mut self.waiting) {
            self.leave(job.outgoing.id);
            self.more = true;
        }
        self.octets = 0;
    }

    fn let_in(&mut self, outgoing: Outgoing) {
        self.in_flight.insert(outgoing.id);
        self.octets += in_memory(&outgoing);
        self.waiting.push_back(Job { outgoing });
    }

    fn is_low(&self) -> bool {
        self.waiting.len() <= self.limits.messages / 4
    }

    /// Whether nothing may begin.
    fn is_at_rest(&self) -> bool {
        self.stopping || self.suspended || self.reach.is_left_alone()
    }
}

fn in_memory(outgoing: &Outgoing) -> u64 {
    if outgoing.rope.content.is_in_memory() {
        outgoing.rope.content.size()
    } else {
        0
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
