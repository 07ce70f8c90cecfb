//! From the decisions of an attempt to the records in the spool.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tracing::{error, info, warn};

use super::fate::{self, Answer, Entry, Fate, Rest, Verdict};
use super::peer::Peer;
use super::queue::Job;
use super::{Caused, DeliveryReport, Ended, FailedRecipient};
use crate::message::{Envelope, Masked, Outgoing, RecipientId, Timestamp};
use crate::spool::{DeliveryResult, Outcome, SpoolError};
use crate::vitals::caught;

/// The result of one attempt.
#[derive(Debug)]
pub(super) struct Attempt {
    pub host: Option<String>,
    /// A host was contacted, or was to be, in this attempt.
    was_made: bool,
    pub fates: Vec<Fate>,
    /// When the peer is tried again, if that overrides the message's own schedule.
    pub again: Option<Duration>,
    /// An earlier transaction of the same attempt delivered something, so the remaining recipients have not failed.
    progressed: bool,
}

/// Why an attempt came to nothing that could be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Withheld {
    /// It was not made: the peer has enough sessions.
    Crowded,
    /// Another relay may have the message by now. No host took it from this one.
    NotOurs,
}

/// The pause between attempts at a record that the spool does not accept.
const RECORD_AGAIN: Duration = Duration::from_secs(1);

/// How many attempts at a record are made while the relay stops. A stop that takes too long is followed by a kill.
const TRIES_AT_THE_END: u32 = 10;
impl Attempt {
    pub fn new(host: Option<String>, fates: Vec<Fate>) -> Self {
        Self {
            was_made: host.is_some(),
            host,
            fates,
            again: None,
            progressed: false,
        }
    }

    /// The same verdict for every recipient.
    pub fn all(host: Option<String>, envelope: &Envelope, verdict: Verdict, answer: &Answer) -> Self {
        Self::new(host, Fate::all(envelope, verdict, answer))
    }

    /// The result without an attempt, because the message's time is over. The last reply is still the reason.
    pub fn none(outgoing: &Outgoing) -> Self {
        let said = outgoing.said.as_deref().unwrap_or("it was not tried");
        let (host, said) = match said.split_once(": ") {
            Some((host, said)) if is_host(host) => (Some(host.to_owned()), said),
            _ => (None, said),
        };
        Self {
            was_made: false,
            ..Self::all(host, &outgoing.envelope, Verdict::Later, &Answer::ours(said))
        }
    }

    /// Completes an attempt whose earlier transactions left these recipients waiting.
    pub fn after(mut self, rest: Vec<Fate>, progressed: bool) -> Self {
        self.fates.extend(rest);
        self.progressed = progressed;
        self
    }

    /// The message for the recipients that the host had no room for in this transaction.
    pub fn next_transaction(&self, of: &Outgoing) -> Option<Outgoing> {
        let is_next = |id: RecipientId| {
            self.fates
                .iter()
                .any(|fate| fate.id == id && fate.verdict == Verdict::Next)
        };
        let mut next = of.clone();
        next.envelope.recipients.retain(|recipient| is_next(recipient.id));
        (!next.envelope.recipients.is_empty()).then_some(next)
    }

    /// Recipients that wait for another attempt.
    pub fn waiting(&self) -> Vec<Fate> {
        let waiting = self.fates.iter().filter(|fate| fate.verdict == Verdict::Later);
        waiting.cloned().collect()
    }
}

/// Whether the text has the form of a host, `name:port`.
fn is_host(text: &str) -> bool {
    let port = text.rsplit_once(':').map(|(_, port)| port);
    port.is_some_and(|port| port.parse::<u16>().is_ok()) && !text.contains(' ')
}

/// Records the outcome of `job` in a task of its own, so that the worker goes on with the next message: a flush to disk
/// takes longer than a message. Waits only while too many records are under way.
pub(super) async fn spawn(peer: Arc<Peer>, job: Job, attempt: Attempt) {
    let permit = peer.recording.clone().acquire_owned().await.ok();
    peer.busy.begin();
    tokio::spawn(Settling { peer, permit }.run(job, attempt));
}

/// Records the result of one of several transactions. The message stays in flight. Returns `false` when nothing can be
/// recorded any more.
pub(super) async fn record_progress(peer: &Arc<Peer>, job: &Job, attempt: Attempt) -> bool {
    let decided = |fate: &Fate| matches!(fate.verdict, Verdict::Taken | Verdict::Never);
    if !attempt.fates.iter().any(decided) {
        return true;
    }
    peer.busy.begin();
    let settling = Settling {
        peer: Arc::clone(peer),
        permit: None,
    };
    settling.record_all(job, attempt).await
}

struct Settling {
    peer: Arc<Peer>,
    #[expect(dead_code, reason = "held until the record is made")]
    permit: Option<OwnedSemaphorePermit>,
}

/// Facts that all records of one attempt share.
struct Context<'a> {
    job: &'a Job,
    host: Option<&'a str>,
    /// Attempts so far, this one included.
    attempts: u32,
    /// How many of them have failed. An attempt that delivered something has not.
    failures: u32,
    again: Option<Duration>,
    /// Waiting recipients are tried again as after a first failure.
    progressed: bool,
    now: Timestamp,
}

impl Settling {
    async fn run(self, job: Job, attempt: Attempt) {
        if self.record_all(&job, attempt).await {
            self.peer.queue().settled(job.outgoing.id);
        }
    }

    /// Returns `false` when the spool is closed. What was not recorded is sent again after the restart.
    async fn record_all(&self, job: &Job, attempt: Attempt) -> bool {
        let (peer, now) = (&self.peer, self.peer.clock.now());
        let outgoing = &job.outgoing;
        let was_tried = u32::from(attempt.was_made);
        let goes_on = attempt.progressed || attempt.fates.iter().any(|fate| fate.verdict == Verdict::Next);
        let context = Context {
            job,
            host: attempt.host.as_deref(),
            attempts: outgoing.attempts.saturating_add(was_tried),
            failures: outgoing.attempts.saturating_add(if goes_on { 0 } else { was_tried }),
            again: attempt.again,
            progressed: attempt.progressed,
            now,
        };
        let mut fates = attempt.fates;
        if now >= peer.over_at(outgoing) {
            fates = fate::give_up(fates, &context.why_given_up());
        }
        for entry in fate::entries(fates) {
            context.log(&entry);
            let mut outcome = Outcome {
                id: outgoing.id,
                result: self.result(&context, &entry),
                reply: context.said(&entry),
                attempts: context.attempts,
                ended: Vec::new(),
                changes: Vec::new(),
                appends: Vec::new(),
                kv: Vec::new(),
                event: None,
            };
            if let Some(report) = context.report(&entry) {
                outcome.ended = report.ends_of(outgoing);
                let caused = self.caused(outgoing, &report).await;
                (outcome.appends, outcome.kv, outcome.event) = (caused.appends, caused.kv, caused.event);
                outcome.changes = caused.changes;
                if caused.drops
                    && let DeliveryResult::Failed { reason } = outcome.result
                {
                    outcome.result = DeliveryResult::Dropped { reason };
                }
            }
            if !self.record(outcome).await {
                return false;
            }
        }
        true
    }

    /// What the fate causes. If deciding that panics, the fate is recorded alone, because a delivered message must not
    /// be sent again.
    async fn caused(&self, outgoing: &Outgoing, report: &DeliveryReport) -> Caused {
        let caused = caught(self.peer.outcomes.decide(outgoing, report)).await;
        caused.unwrap_or_else(|panicked| {
            error!(id = %outgoing.id, event = "outcome-panicked", "recorded without what it causes, neither charged nor told: {panicked}");
            Caused::default()
        })
    }

    fn result(&self, context: &Context<'_>, entry: &Entry) -> DeliveryResult {
        let attempts = context.failures;
        match &entry.rest {
            Rest::Done => DeliveryResult::Delivered,
            Rest::Dead => DeliveryResult::Failed {
                reason: context.reason(entry.failed.first()),
            },
            Rest::Doomed(remaining) => DeliveryResult::Partly {
                remaining: remaining.clone(),
                due: context.now,
                attempts,
                reason: "the other recipients were delivered".into(),
            },
            Rest::Waiting(waiting) => {
                let due = self.due(context, waiting);
                let reason = context.reason(waiting.first());
                let remaining: Vec<RecipientId> = waiting.iter().map(|fate| fate.id).collect();
                match entry.delivered.is_empty() && entry.failed.is_empty() {
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

    /// When the waiting recipients are tried again.
    fn due(&self, context: &Context<'_>, waiting: &[Fate]) -> Timestamp {
        let options = self.peer.options();
        if waiting.iter().any(|fate| fate.verdict == Verdict::Next) {
            return context.now;
        }
        let failures = if context.progressed { 1 } else { context.failures };
        let wait = context.again;
        let wait = wait.unwrap_or_else(|| options.schedule.wait(failures, (options.random)()));
        // A message that becomes too old before its next attempt is given up at that time.
        context.now.plus(wait).min(self.peer.over_at(&context.job.outgoing))
    }

    /// Records an outcome. Until it succeeds, the message stays in flight and is not sent again. Returns `false` when
    /// it never will.
    async fn record(&self, outcome: Outcome) -> bool {
        let (mut said, mut last_tries) = (false, TRIES_AT_THE_END);
        loop {
            match self.peer.spool.record(outcome.clone()).await {
                Ok(()) => {
                    let took = self.peer.clock.now().since(outcome.id.message.at());
                    self.peer.counts.note(&outcome.result, took);
                    return true;
                }
                Err(SpoolError::Closed) => return false,
                // The record took too long, and another relay has leased the message. That relay records its outcome.
                Err(SpoolError::NotOurs(_)) => {
                    warn!(id = %outcome.id, event = "not-ours", "what became of a message is not recorded: another relay works on it by now");
                    return true;
                }
                Err(error) if self.peer.is_stopping() && last_tries == 0 => {
                    error!(id = %outcome.id, %error, event = "outcome-lost", "the relay ends, and what became of a message is not recorded: it will be sent again");
                    return false;
                }
                Err(error) if !said => {
                    warn!(id = %outcome.id, %error, event = "outcome-not-recorded", "what became of a message is not recorded yet");
                    said = true;
                }
                Err(_) => {}
            }
            last_tries -= u32::from(self.peer.is_stopping());
            tokio::time::sleep(RECORD_AGAIN).await;
        }
    }
}

impl Context<'_> {
    fn why_given_up(&self) -> String {
        let outgoing = &self.job.outgoing;
        let attempts = match self.attempts {
            1 => "1 attempt".to_owned(),
            attempts => format!("{attempts} attempts"),
        };
        let seconds = self.now.since(outgoing.received_at).as_secs();
        let time = match seconds {
            0..120 => format!("{seconds} s"),
            120..7_200 => format!("{} min", seconds / 60),
            7_200..172_800 => format!("{} h", seconds / 3_600),
            _ => format!("{} days", seconds / 86_400),
        };
        match outgoing.has_expired(self.now) {
            true => format!("expired after {attempts} in {time}"),
            false => format!("given up after {attempts} in {time}"),
        }
    }

    fn log(&self, entry: &Entry) {
        let (id, peer, host) = (self.job.outgoing.id, &self.job.outgoing.next_hop, self.host);
        let attempts = self.attempts;
        // Peers repeat recipients' numbers in their replies.
        let reply = |fates: &[Fate]| fates.first().map(|fate| Masked(&fate.answer.with_step()).to_string());
        if let Some(reply) = reply(&entry.delivered) {
            info!(%id, %peer, host, reply, recipients = entry.delivered.len(), attempts, event = "delivered", "delivered");
        }
        if let Some(reply) = reply(&entry.failed) {
            warn!(%id, %peer, host, reply, recipients = entry.failed.len(), attempts, event = "delivery-failed", "failed");
        }
        if let Rest::Waiting(waiting) = &entry.rest {
            info!(%id, %peer, host, reply = reply(waiting), recipients = waiting.len(), attempts, event = "deferred", "deferred");
        }
    }

    /// The report for outcome plug-ins; `None` when nothing is decided yet.
    fn report(&self, entry: &Entry) -> Option<DeliveryReport> {
        let first = entry.delivered.first().or(entry.failed.first())?;
        let Answer {
            code, enhanced, text, ..
        } = first.answer.clone();
        let ended = |given_up| match given_up {
            true if self.job.outgoing.has_expired(self.now) => Ended::Expired,
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
            host: self.host.map(str::to_owned),
            code,
            enhanced,
            text,
            attempts: self.attempts,
            decided_at: self.now,
        })
    }

    /// The deciding reply, or the last one. The log has those of the other recipients.
    fn said(&self, entry: &Entry) -> Option<String> {
        let waiting = match &entry.rest {
            Rest::Waiting(waiting) => waiting.first(),
            _ => None,
        };
        let fate = entry.failed.first().or(waiting).or(entry.delivered.first())?;
        Some(self.reason(Some(fate)))
    }

    fn reason(&self, fate: Option<&Fate>) -> String {
        fate.map(|fate| fate.answer.at(self.host)).unwrap_or_default()
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        self.peer.busy.end();
    }
}
