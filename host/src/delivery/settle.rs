//! From what an attempt decided to what the spool records.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tracing::{error, info, warn};

use super::fate::{self, Answer, Entry, Fate, Rest};
use super::peer::Peer;
use super::queue::Job;
use super::{DeliveryReport, Ended, FailedRecipient};
use crate::message::{Masked, Timestamp};
use crate::spool::{DeliveryResult, Outcome, SpoolError};

/// What one attempt came to.
#[derive(Debug)]
pub(super) struct Attempt {
    pub host: Option<String>,
    pub fates: Vec<Fate>,
}

/// Between tries of a record that the spool does not take.
const RECORD_AGAIN: Duration = Duration::from_secs(1);

/// Tries once the relay is to end: an end that does not come is followed by a kill.
const TRIES_AT_THE_END: u32 = 10;

/// Records what became of `job` beside the worker, which goes on with the next message: a flush to disk takes longer
/// than a message. Waits only when too many records are under way.
pub(super) async fn spawn(peer: Arc<Peer>, job: Job, attempt: Attempt) {
    let permit = peer.recording.clone().acquire_owned().await.ok();
    peer.busy.send_modify(|busy| *busy += 1);
    tokio::spawn(Settling { peer, permit }.run(job, attempt));
}

struct Settling {
    peer: Arc<Peer>,
    #[expect(dead_code, reason = "held until the record is made")]
    permit: Option<OwnedSemaphorePermit>,
}

impl Settling {
    async fn run(self, job: Job, attempt: Attempt) {
        let (peer, now) = (&self.peer, self.peer.clock.now());
        let mut fates = attempt.fates;
        let outgoing = &job.outgoing;
        if now >= outgoing.over_at(peer.options().give_up_after) {
            let attempts = attempts(&job, &attempt.host);
            let minutes = now.0.saturating_sub(outgoing.received_at.0) / 60_000;
            let time = match minutes {
                0..120 => format!("{minutes} min"),
                120..2_880 => format!("{} h", minutes / 60),
                _ => format!("{} days", minutes / 1_440),
            };
            let why = match outgoing.has_expired(now) {
                true => format!("expired after {attempts} attempts"),
                false => format!("given up after {attempts} attempts in {time}"),
            };
            fates = fate::give_up(fates, &why);
        }
        for entry in fate::entries(fates) {
            self.log(&job, attempt.host.as_deref(), &entry);
            let mut outcome = Outcome {
                id: outgoing.id,
                result: self.result(&job, &entry, attempt.host.as_deref(), now),
                reply: said(attempt.host.as_deref(), &entry),
                changes: Vec::new(),
                charging: Vec::new(),
                kv: Vec::new(),
                event: None,
            };
            if let Some(report) = report(&job, &attempt.host, &entry, now) {
                let caused = peer.outcomes.decide(outgoing, &report).await;
                (outcome.charging, outcome.kv, outcome.event) = (caused.charging, caused.kv, caused.event);
                outcome.changes = caused.changes;
                if caused.drops
                    && let DeliveryResult::Failed { reason } = outcome.result
                {
                    outcome.result = DeliveryResult::Dropped { reason };
                }
            }
            if !self.record(outcome).await {
                // The spool is closed: what was not recorded is sent again after the restart.
                return;
            }
        }
        peer.queue().settled(outgoing.id, job.leased);
    }

    fn result(&self, job: &Job, entry: &Entry, host: Option<&str>, now: Timestamp) -> DeliveryResult {
        let attempts = attempts(job, &host);
        match &entry.rest {
            Rest::Done => DeliveryResult::Delivered,
            Rest::Dead => DeliveryResult::Failed {
                reason: reason(host, entry.failed.first()),
            },
            Rest::Doomed(remaining) => DeliveryResult::Partly {
                remaining: remaining.clone(),
                due: now,
                attempts,
                reason: "the other recipients were delivered".into(),
            },
            Rest::Waiting(waiting) => {
                let options = self.peer.options();
                let next = now.plus(options.schedule.wait(attempts, (options.random)()));
                // A message that will be too old by then fails when it is, not at its next turn.
                let due = next.min(job.outgoing.over_at(options.give_up_after));
                let reason = reason(host, waiting.first());
                let remaining: Vec<u32> = waiting.iter().map(|fate| fate.id).collect();
                match remaining.len() == job.outgoing.envelope.recipients.len() {
                    true => DeliveryResult::Deferred { due, attempts, reason },
                    false => DeliveryResult::Partly {
                        remaining,
                        due,
                        attempts,
                        reason,
                    },
                }
            }
        }
    }

    /// Until the record is made, the message stays in flight, and is not sent again. `false` when it never will be.
    async fn record(&self, outcome: Outcome) -> bool {
        let (mut said, mut last_tries) = (false, TRIES_AT_THE_END);
        loop {
            match self.peer.spool.record(outcome.clone()).await {
                Ok(()) => {
                    self.peer.counts.note(&outcome.result);
                    return true;
                }
                Err(SpoolError::Closed) => return false,
                Err(error) if self.peer.is_stopping() && last_tries == 0 => {
                    error!(id = %outcome.id, %error, "the relay ends, and what became of a message is not recorded: it will be sent again");
                    return false;
                }
                Err(error) if !said => {
                    warn!(id = %outcome.id, %error, "what became of a message is not recorded yet");
                    said = true;
                }
                Err(_) => {}
            }
            last_tries -= u32::from(self.peer.is_stopping());
            tokio::time::sleep(RECORD_AGAIN).await;
        }
    }

    fn log(&self, job: &Job, host: Option<&str>, entry: &Entry) {
        let (id, peer) = (job.outgoing.id, &job.outgoing.peer);
        // Peers repeat the numbers of recipients in their replies.
        let reply = |fates: &[Fate]| fates.first().map(|fate| Masked(&fate.answer.to_string()).to_string());
        if let Some(reply) = reply(&entry.delivered) {
            info!(%id, %peer, host, reply, recipients = entry.delivered.len(), "delivered");
        }
        if let Some(reply) = reply(&entry.failed) {
            info!(%id, %peer, host, reply, recipients = entry.failed.len(), "failed");
        }
        if let Rest::Waiting(waiting) = &entry.rest {
            let attempts = attempts(job, &host);
            info!(%id, %peer, host, reply = reply(waiting), recipients = waiting.len(), attempts, "deferred");
        }
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        self.peer.busy.send_modify(|busy| *busy -= 1);
    }
}

/// What the outcome plug-ins are told; `None` when nothing is decided yet.
fn report(job: &Job, host: &Option<String>, entry: &Entry, now: Timestamp) -> Option<DeliveryReport> {
    let first = entry.delivered.first().or(entry.failed.first())?;
    let Answer {
        code, enhanced, text, ..
    } = first.answer.clone();
    let ended = |given_up| match given_up {
        true if job.outgoing.has_expired(now) => Ended::Expired,
        true => Ended::GivenUp,
        false => Ended::Refused,
    };
    let failed = entry.failed.iter().map(|fate| FailedRecipient {
        id: fate.id,
        code: fate.answer.code,
        enhanced: fate.answer.enhanced,
        text: fate.answer.text.clone(),
        ended: ended(fate.answer.given_up),
    });
    Some(DeliveryReport {
        delivered: entry.delivered.iter().map(|fate| fate.id).collect(),
        failed: failed.collect(),
        host: host.clone(),
        code,
        enhanced,
        text,
        attempts: attempts(job, host),
        decided_at: now,
    })
}

/// Attempts so far; one without a host was none.
fn attempts<T>(job: &Job, host: &Option<T>) -> u32 {
    job.outgoing.attempts.saturating_add(u32::from(host.is_some()))
}

/// The reply that decided, or the last one; those of the others are in the log.
fn said(host: Option<&str>, entry: &Entry) -> Option<String> {
    let waiting = match &entry.rest {
        Rest::Waiting(waiting) => waiting.first(),
        _ => None,
    };
    let fate = entry.failed.first().or(waiting).or(entry.delivered.first())?;
    Some(reason(host, Some(fate)))
}

fn reason(host: Option<&str>, fate: Option<&Fate>) -> String {
    let answer = fate.map(|fate| fate.answer.to_string()).unwrap_or_default();
    match host {
        Some(host) => format!("{host}: {answer}"),
        None => answer,
    }
}
