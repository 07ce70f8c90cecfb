//! Which messages are given up, and when: by age, by expiry, and by how long the peer could be sent to. A pause stops
//! the clock of age.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::Peer;
use crate::delivery::queue::Job;
use crate::delivery::settle::{self, Attempt};
use crate::message::{Outgoing, Timestamp};
use crate::sync::lock;

/// A pause that an operator has set: nothing new begins.
#[derive(Clone, Copy)]
pub(super) struct Pause {
    until: Option<Timestamp>,
    drain: Drain,
}

/// How far a peer is on its way to having nothing under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Drain {
    NotAsked,
    Asked,
    /// And the log says so.
    Over,
}

/// How long messages that are too old at the relay's start are tried before they are given up. If the peer's longest
/// wait is shorter, that applies.
const AFTER_START: Duration = Duration::from_secs(600);

/// How many messages are given up at a time.
const OVERDUE: usize = 256;

impl Peer {
    /// Begins nothing new until the time comes, or [`resume`](Self::resume) is called.
    pub fn pause(&self, until: Option<Timestamp>) {
        *lock(&self.paused) = Some(Pause {
            until,
            drain: Drain::NotAsked,
        });
        self.queue().suspend(true);
    }

    /// As [`pause`](Self::pause), and lets go of connections that wait for a message, and of messages that wait for their
    /// turn under a rate: what is being sent is the last.
    pub fn drain(&self, until: Option<Timestamp>) {
        *lock(&self.paused) = Some(Pause {
            until,
            drain: Drain::Asked,
        });
        {
            let mut queue = self.queue();
            queue.suspend(true);
            queue.dismiss_idle();
        }
        self.look_at_pace_again();
    }

    /// Whether what has not begun is to be left.
    pub fn is_draining(&self) -> bool {
        lock(&self.paused).is_some_and(|pause| pause.drain != Drain::NotAsked)
    }

    /// Says in the log when nothing is under way any more.
    pub fn heed_drain(&self) {
        let nothing_left = self.under_way() == 0;
        let mut paused = lock(&self.paused);
        let Some(pause) = paused.as_mut().filter(|pause| pause.drain == Drain::Asked) else {
            return;
        };
        if nothing_left {
            pause.drain = Drain::Over;
            info!(peer = %self.options().name, event = "peer-drained", "nothing is under way to the peer any more");
        }
    }

    /// Ends a pause. Messages that became too old meanwhile get time for an attempt.
    pub fn resume(&self) {
        if lock(&self.paused).take().is_some() {
            *lock(&self.started) = self.clock.now();
            info!(peer = %self.options().name, event = "peer-resumed", "peer is sent to again: its pause is over");
        }
    }

    /// Suspends the queue while the spool cannot record outcomes.
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

    /// When the message is given up: at its expiry, or when it is too old.
    pub fn over_at(&self, outgoing: &Outgoing) -> Timestamp {
        let aged = outgoing.received_at.plus(self.options().give_up_after);
        let aged = aged.max(self.gives_up_from());
        outgoing.expires_at.map_or(aged, |expires| expires.min(aged))
    }

    /// The time before which nothing is given up for its age. Messages that were too old when the relay started get
    /// time for an attempt first, because the clock may have been wrong; so do those that became too old during a
    /// pause.
    fn gives_up_from(&self) -> Timestamp {
        if self.is_paused() {
            return Timestamp(u64::MAX);
        }
        let options = self.options();
        let time = AFTER_START.min(options.give_up_after).min(options.schedule.longest());
        lock(&self.started).plus(time)
    }

    /// The time of reception up to which a message is too old at `now`.
    fn aged(&self, now: Timestamp) -> Timestamp {
        // Nothing is too old yet. The store must not be asked for messages that would be given back.
        if now < self.gives_up_from() {
            return Timestamp(0);
        }
        now.minus(self.options().give_up_after)
    }

    async fn bury(self: &Arc<Self>, job: Job) {
        let attempt = Attempt::none(&job.outgoing);
        settle::spawn(Arc::clone(self), job, attempt).await;
    }

    /// Gives up messages that are too old or expired, whatever keeps them from being sent.
    pub async fn give_up_overdue(self: &Arc<Self>) {
        let now = self.clock.now();
        let waiting = self.queue().take_overdue(|outgoing| now >= self.over_at(outgoing));
        for job in waiting {
            self.bury(job).await;
        }
        if self.is_stopping() {
            return;
        }
        let name = &self.options().name;
        let overdue = self.spool.lease_overdue(name, now, self.aged(now), OVERDUE).await;
        if let Err(error) = &overdue {
            warn!(peer = %name, %error, event = "spool-not-read", "cannot read from the spool which deliveries are overdue");
        }
        let is_over = |outgoing: &Outgoing| now >= self.over_at(outgoing);
        let jobs = self.queue().review(overdue.unwrap_or_default(), is_over);
        for job in jobs {
            self.bury(job).await;
        }
    }
}
