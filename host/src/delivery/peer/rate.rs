//! The rate to a peer: the configured one, or one that an operator has set for a while.

use std::sync::atomic::Ordering;

use tokio::time::{Instant, sleep_until};
use tracing::info;

use super::Peer;
use crate::delivery::pacing::Pacing;
use crate::delivery::queue::Limits;
use crate::delivery::worker::Connection;
use crate::message::{Outgoing, Rate, Timestamp};
use crate::sync::lock;

/// An operator's rate, in the place of the configured one.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    rate: Rate,
    until: Option<Timestamp>,
}

impl Peer {
    /// Limits the rate until the time comes, whatever is configured; `None` restores the configured rate.
    pub fn limit(&self, limit: Option<(Rate, Option<Timestamp>)>) {
        *lock(&self.limit) = limit.map(|(rate, until)| Limit { rate, until });
        self.pace_anew();
    }

    /// Tells waiting workers that another rate is configured.
    pub(super) fn rate_has_changed(&self) {
        if lock(&self.limit).is_none() {
            self.pace_anew();
        }
    }

    fn pace_anew(&self) {
        let limit = lock(&self.limit).map(|limit| limit.rate);
        let rate = limit.or(self.options().rate);
        let share = |rate: Rate| Rate {
            per: rate.per * self.relays(),
            ..rate
        };
        *lock(&self.pacing) = rate.map(share).map(Pacing::new);
        self.look_at_pace_again();
    }

    /// Wakes everybody who waits for a turn.
    pub(super) fn look_at_pace_again(&self) {
        self.paced_anew.send_replace(());
    }

    /// So many relays send to it now: what is configured for the peer is theirs together.
    pub fn share_among(&self, relays: u32) {
        if self.relays.swap(relays.max(1), Ordering::Relaxed) != relays.max(1) {
            let limits = Limits::of(&self.options(), self.relays());
            self.queue().limit(limits);
            self.pace_anew();
        }
    }

    pub(super) fn relays(&self) -> u32 {
        self.relays.load(Ordering::Relaxed)
    }

    /// Ends an operator's rate when its time is over.
    pub fn heed_limit(&self) {
        let limit = *lock(&self.limit);
        let until = limit.and_then(|limit| limit.until);
        if until.is_some_and(|until| until <= self.clock.now()) {
            self.limit(None);
            info!(peer = %self.options().name, event = "peer-limit-over", "peer is sent to at the configured rate again");
        }
    }

    /// Waits for the message's turn under the peer's rate. Meanwhile holds a connection no longer than an idle one.
    /// Returns false when nothing new may begin.
    pub async fn pace(&self, outgoing: &Outgoing, connection: &mut Option<Connection>) -> bool {
        let (mut stopping, mut anew) = (self.stopping.subscribe(), self.paced_anew.subscribe());
        loop {
            if self.is_draining() {
                return false;
            }
            let now = Instant::now();
            let Some(turn) = lock(&self.pacing).as_mut().map(|pacing| pacing.reserve(now)) else {
                return true;
            };
            let options = self.options();
            // A message that expires does not wait for its turn.
            let left = self.over_at(outgoing).since(self.clock.now());
            let turn = turn.min(now + left);
            if turn.duration_since(now) > options.idle
                && let Some(open) = connection.take()
            {
                open.session.quit(&options).await;
            }
            tokio::select! {
                biased;
                () = sleep_until(turn) => return true,
                _ = stopping.wait_for(|stop| *stop) => return false,
                // The rate has changed, or there is none any more, or the peer is to be drained.
                _ = anew.changed() => {}
            }
        }
    }
}
