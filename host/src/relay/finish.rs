//! The second place where the chain runs: messages that were accepted before their chain had run to its end.
//!
//! They are in the spool as received: messages whose sender could wait no longer, and messages that an operator
//! released. The journey is the same, but no sender waits: a longer time limit applies, a refusal leaves the message in
//! the queue as failed, and a deferral makes it wait. The result is committed in the transaction that ends the waiting,
//! so a crash between any two steps leaves either a message that still waits, or everything that it caused.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{self, JoinError, JoinSet};

use crate::message::{
    Change, Incoming, Leg, LegState, MessageId, MessageType, NextHop, Piece, QueueId, Refusal, Rope, TransactionChange,
};
use crate::pipeline::Concerned;
use crate::spool::{Acceptance, Finish, Hold, Leased, Room, SpoolError, Unfinished};
use crate::transactions::{self, Noted, What};

use super::Relay;
use super::components::{self, Parts};
use super::gathered::nothing;
use super::plugin_outcomes;
use super::run::{Run, why};
use super::stored_header::HeaderIn;
use crate::sync::lock;

/// How often the spool is asked for messages. An operator's `queue release` is noticed at the next time.
const LOOK: Duration = Duration::from_secs(1);

/// How many journeys run at the same time. Senders that wait take precedence: their journeys do not count here, and
/// there are more instances of plug-ins than this.
const AT_ONCE: usize = 16;

/// The time limit for one run. Each call of a plug-in has limits of its own, so this bounds a long chain, and not a
/// loop.
const BUDGET: Duration = Duration::from_secs(10 * 60);

/// How long a deferred message waits before its next run; each further deferral doubles it, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// After so many panics over one message, the message is held for an operator and not tried again.
const MOST_PANICS: u32 = 5;

/// What is known of a journey if it panics.
struct Journey {
    incoming: Incoming,
    /// Earlier runs that were deferred.
    attempts: u32,
    arrived: bool,
}

/// The journeys under way. Dropping this stops them, which loses nothing: none has had an effect yet.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<()>,
    messages: HashMap<task::Id, Journey>,
    /// How often the relay has panicked over each message that still waits, since the start.
    panics: HashMap<MessageId, u32>,
}

impl Relay {
    /// Finishes unfinished messages until the task is aborted.
    pub(crate) async fn keep_finishing(self: Arc<Self>) {
        let mut under_way = UnderWay::default();
        loop {
            self.take_up(&mut under_way).await;
            tokio::select! {
                biased;
                Some(ended) = under_way.tasks.join_next_with_id() => self.ended(&mut under_way, ended).await,
                () = self.unfinished.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Begins journeys for the messages that are due, as far as there is room.
    async fn take_up(self: &Arc<Self>, under_way: &mut UnderWay) {
        let room = AT_ONCE.saturating_sub(under_way.tasks.len());
        if room == 0 || self.store.inbox.room() == Room::None {
            return;
        }
        match self.store.inbox.unfinished(self.clock.now(), room).await {
            Ok(found) => {
                for unfinished in found {
                    under_way.start(Arc::clone(self), unfinished);
                }
            }
            Err(error) => tracing::error!(event = "spool-not-read", "unfinished messages cannot be read: {error}"),
        }
    }

    async fn ended(&self, under_way: &mut UnderWay, ended: Result<(task::Id, ()), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let Some(journey) = under_way.messages.remove(&id) else {
            return;
        };
        let message = journey.incoming.id;
        match ended {
            Ok(_) => drop(under_way.panics.remove(&message)),
            // A panic is a bug of the relay. The message must not be tried again at once, nor for ever.
            Err(error) => {
                let panics = under_way.panics.entry(message).or_default();
                *panics += 1;
                let finish = match *panics {
                    MOST_PANICS.. => held_after(*panics, journey, &error),
                    _ => self.again(journey.attempts, format!("a bug of the relay: {error}")),
                };
                self.record(message, finish, Vec::new()).await;
            }
        }
        self.store.inbox.give_back(Leased::Unfinished(message));
    }

    pub(super) async fn finish(&self, unfinished: Unfinished) {
        let (id, attempts) = (unfinished.incoming.id, unfinished.attempts);
        let run = Run::again(self.catalogue.on_duty(), &unfinished, self.clock.now());
        let came_to = tokio::time::timeout(BUDGET, self.journey(unfinished.incoming.clone(), &run)).await;
        let finish = match came_to {
            Ok(Ok(acceptance)) => {
                self.observer.accepted(&acceptance);
                Finish::Done(Box::new(acceptance))
            }
            Ok(Err(refusal)) if refusal.is_temporary() => self.again(attempts, why(&refusal)),
            Ok(Err(refusal)) => self.refused(&unfinished.incoming, &refusal, &run).await,
            Err(_) => self.again(attempts, format!("its plug-ins were not done within {BUDGET:?}")),
        };
        if let Finish::Done(acceptance) = &finish
            && let Some(opens) = &acceptance.opens
        {
            lock(&run.noted).extend(What::of_opening(opens));
        }
        let noted = std::mem::take(&mut *lock(&run.noted));
        self.record(id, finish, noted).await;
    }

    /// The result of a refusal after the 250: the sender is told in the way of MM4, and outcome plug-ins are told too.
    async fn refused(&self, incoming: &Incoming, refusal: &Refusal, run: &Run) -> Finish {
        let (answer, cause) = transactions::of_refusal(refusal, self.clock.now());
        let rope = Rope {
            pieces: vec![Piece::Received(0..incoming.content.size())],
            content: incoming.content.clone(),
        };
        let id = QueueId::AsReceived(incoming.id);
        let header = HeaderIn::Rope(&rope, id).read().await;
        let kind = MessageType::of(&header);
        let concerned = Concerned {
            id,
            source: incoming.origin.source.clone(),
            next_hop: NextHop::Nowhere,
            sender: incoming.envelope.sender.clone(),
            kind,
            received_at: incoming.origin.received_at,
            size: incoming.content.size(),
            // What an earlier run asked for on arrival, for other recipients, is kept.
            refused_late: (!run.arrived).then(|| plugin_outcomes::late_refusal(&answer)),
        };
        let recipients = incoming.envelope.recipients.clone();
        let header = HeaderIn::Memory(&header);
        let mut told = plugin_outcomes::tell_refused(&run.chain, &concerned, &recipients, header, refusal).await;
        let rope = &rope;
        let known = None;
        components::add(&mut told.appends, Parts { id, kind, rope, known }).await;
        let legs = vec![Leg::aside(
            NextHop::Nowhere,
            recipients,
            LegState::Failed { answer, cause },
        )];
        Finish::Failed {
            reason: refusal.to_string(),
            changes: vec![TransactionChange {
                id: incoming.id,
                change: Change::Legs { legs },
            }],
            appends: told.appends,
            kv: told.kv,
        }
    }

    /// Commits the result, and only then counts it and hands it to delivery.
    async fn record(&self, id: MessageId, finish: Finish, noted: Vec<Noted>) {
        let outgoing = match &finish {
            Finish::Done(acceptance) => acceptance.outgoing.clone(),
            Finish::Again { reason, .. } => {
                tracing::warn!(message = %id, event = "message-unfinished", "still unfinished: {reason}");
                Vec::new()
            }
            Finish::Failed { reason, .. } => {
                tracing::warn!(message = %id, event = "refused-late", "refused after it was accepted, and kept for an operator: {reason}");
                Vec::new()
            }
        };
        let destinations = outgoing.len();
        match self.store.inbox.finish(id, finish).await {
            Ok(()) => {
                self.transactions.counts.note(noted);
                tracing::debug!(message = %id, destinations, "taken from the spool through its plug-ins");
                self.enqueue_all(outgoing);
                self.news.notify_one();
            }
            Err(SpoolError::Gone(_)) => {
                tracing::info!(message = %id, "dropped by an operator while it was in its plug-ins");
            }
            Err(error @ (SpoolError::Moved(_) | SpoolError::Repeat(_))) => {
                tracing::debug!(message = %id, "its journey is made again: {error}");
            }
            Err(error) => {
                tracing::error!(message = %id, event = "outcome-not-recorded", "unfinished still, because the spool did not take what it came to: {error}");
                // The message is still due, and would come again at once without this pause.
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    fn again(&self, attempts: u32, reason: String) -> Finish {
        let due = self.clock.now().plus(pause(attempts));
        Finish::Again { due, reason }
    }
}

impl UnderWay {
    fn start(&mut self, relay: Arc<Relay>, unfinished: Unfinished) {
        let journey = Journey {
            incoming: unfinished.incoming.clone(),
            attempts: unfinished.attempts,
            arrived: unfinished.arrived,
        };
        let task = self.tasks.spawn(async move { relay.finish(unfinished).await });
        self.messages.insert(task.id(), journey);
    }
}

/// Holds the message as received, with everything that it was told so far. An operator releases it once the bug is
/// fixed.
fn held_after(panics: u32, journey: Journey, error: &JoinError) -> Finish {
    let id = journey.incoming.id;
    let reason = format!("the relay panicked over it {panics} times, a bug: {error}");
    tracing::error!(message = %id, event = "message-held", "held: {reason}");
    let hold = Hold {
        arrived: journey.arrived,
        ..Hold::parked(reason)
    };
    Finish::Done(Box::new(Acceptance {
        hold: Some(hold),
        ..nothing(journey.incoming)
    }))
}

/// The pause before the next run, after so many runs that were deferred.
fn pause(attempts: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(2u32.saturating_pow(attempts))
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let seconds: Vec<u64> = (0..11).map(|attempts| pause(attempts).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }
}
