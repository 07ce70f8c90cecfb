//! Telling outcome plug-ins what became of a message, at once and, after a failure, again later.

use std::sync::Arc;
use std::time::Duration;

use mm4relay_engine::{Delivery, LateRefusal, Outcome, Response};
use tokio::sync::Notify;

use crate::clock::SharedClock;
use crate::delivery::{Caused, DeliveryReport, Ended, OutcomeSink};
use crate::message::{
    Answer, Change, Header, LegState, MessageType, Ordinal, Outgoing, QueueId, Recipient, RecipientId, Refusal, Source,
    TransactionChange,
};
use crate::pipeline::{Chain, Concerned, Effects, OutcomeTold, TellOutcome};
use crate::spool::{BoxFuture, Events, Leased, NewEvent, PendingEvent, Settlement};
use crate::transactions::{self, Ending, Reply, Transactions};
use crate::versions::Catalogue;

use super::components::{self, Parts};
use super::stored_header::HeaderIn;
use super::stored_outcome::{self, Untold};

/// The delay before a failed plug-in is told again; each further failure doubles it.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// After so many attempts the relay writes a fallback record instead, so that no event goes unrecorded.
const MAX_ATTEMPTS: u32 = 10;
/// How often the spool is asked for pending events.
const LOOK: Duration = Duration::from_secs(1);
const BATCH: usize = 100;

/// A decided fate, with the recipients that share it.
struct Fate {
    outcome: Outcome,
    recipients: Vec<Recipient>,
}

/// Tells plug-ins of outcomes.
pub struct Outcomes {
    pub catalogue: Arc<Catalogue>,
    pub transactions: Arc<Transactions>,
    /// Wakes the task that sends responses, reports and bounces.
    pub news: Arc<Notify>,
    pub clock: SharedClock,
}

impl OutcomeSink for Outcomes {
    /// Tells all plug-ins. Those that fail are told again by a stored event.
    fn decide<'a>(&'a self, outgoing: &'a Outgoing, report: &'a DeliveryReport) -> BoxFuture<'a, Caused> {
        Box::pin(async move {
            let chain = self.catalogue.on_duty();
            let mut effects = Effects::default();
            let mut untold = Vec::new();
            // A request that the relay sends again has been charged before.
            let asked_again = was_taken_before(outgoing);
            let fates = match asked_again || !chain.wants_outcomes() {
                true => Vec::new(),
                false => fates(outgoing, report),
            };
            let concerned = Concerned::of(outgoing);
            for fate in fates {
                let header = HeaderIn::of(outgoing).read().await;
                let told = tell(&chain, &concerned, header, &fate, None, Some(&self.transactions)).await;
                effects.add(told.effects);
                let left: Vec<String> = told.failed.into_iter().map(|(plugin, _)| plugin).collect();
                if !left.is_empty() {
                    untold.push(Untold::new(&fate, left));
                }
            }
            components::add(&mut effects.appends, Parts::of(outgoing)).await;
            let event = (!untold.is_empty()).then(|| NewEvent {
                outcome: stored_outcome::write(&untold),
                due: self.clock.now().plus(FIRST_RETRY),
            });
            if !report.failed.is_empty() {
                self.news.notify_one();
            }
            Caused {
                appends: effects.appends,
                kv: effects.kv,
                event,
                changes: self.changes(outgoing, report),
                drops: !report.failed.is_empty() && (was_taken_before(outgoing) || is_answer(outgoing).await),
            }
        })
    }
}

impl Outcomes {
    /// What the fate changes in the transaction of the message, if it carried a request.
    fn changes(&self, outgoing: &Outgoing, report: &DeliveryReport) -> Vec<TransactionChange> {
        let (ordinal, at) = (outgoing.id.ordinal, report.decided_at);
        let mut changes = Vec::new();
        if !report.delivered.is_empty() {
            let state = LegState::Delivered { at };
            let due = at.plus(self.transactions.response_within(&outgoing.next_hop));
            changes.extend([Change::Leg { ordinal, state }, Change::Await { due }]);
        }
        if was_taken_before(outgoing) && !report.failed.is_empty() {
            let state = LegState::TimedOut { at };
            changes.push(Change::Leg { ordinal, state });
        }
        let failed = report
            .failed
            .iter()
            .filter(|_| !was_taken_before(outgoing))
            .map(|failed| {
                let why = transactions::of_delivery(&Ending {
                    code: failed.code,
                    enhanced: failed.enhanced.map(|code| (code.subject, code.detail)),
                    text: &failed.text,
                    host: report.host.as_deref(),
                    given_up: failed.ended != Ended::Refused,
                    expired: failed.ended == Ended::Expired,
                    at,
                });
                (vec![failed.id], why)
            });
        changes.extend(transactions::refused(ordinal, failed));
        let id = outgoing.id.message;
        changes
            .into_iter()
            .map(|change| TransactionChange { id, change })
            .collect()
    }

    /// Works on pending events until the task is aborted.
    pub async fn keep_telling(self: Arc<Self>, spool: Arc<dyn Events>) {
        loop {
            match spool.pending_events(self.clock.now(), BATCH).await {
                Ok(events) => {
                    let mut settled = 0;
                    for event in &events {
                        settled += usize::from(self.tell_again(event, &*spool).await);
                    }
                    if settled == BATCH {
                        continue;
                    }
                }
                Err(error) => tracing::error!(event = "spool-not-read", "pending outcomes cannot be read: {error}"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Returns whether the event is settled. Otherwise it has a new time.
    async fn tell_again(&self, event: &PendingEvent, spool: &dyn Events) -> bool {
        let settlement = match stored_outcome::read(&event.outcome) {
            Ok(untold) => self.settle(event, &untold).await,
            Err(error) => {
                tracing::error!(message = %event.outgoing.id, event = "spool-damaged", "a stored outcome cannot be read, and is dropped: {error}");
                Settlement::Done {
                    appends: Vec::new(),
                    kv: Vec::new(),
                }
            }
        };
        let settled = spool.settle_event(event.id, settlement).await;
        spool.give_back(Leased::Event(event.id));
        match settled {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(message = %event.outgoing.id, event = "outcome-not-recorded", "an outcome could not be settled: {error}");
                false
            }
        }
    }

    /// The remaining plug-ins succeed together or are all told again: what only some of them asked for is dropped, so
    /// that nothing is recorded twice.
    async fn settle(&self, event: &PendingEvent, untold: &[Untold]) -> Settlement {
        let chain = self.catalogue.on_duty();
        let mut effects = Effects::default();
        let concerned = Concerned::of(&event.outgoing);
        for left in untold {
            let fate = left.fate();
            let mut told = tell(
                &chain,
                &concerned,
                HeaderIn::of(&event.outgoing).read().await,
                &fate,
                Some(&left.plugins),
                Some(&self.transactions),
            )
            .await;
            if !told.failed.is_empty() {
                if event.attempts + 1 < MAX_ATTEMPTS {
                    let wait = FIRST_RETRY * 2u32.saturating_pow(event.attempts + 1);
                    return Settlement::Again {
                        due: self.clock.now().plus(wait),
                    };
                }
                told.fallback(&concerned, &fate.outcome);
            }
            effects.add(told.effects);
        }
        components::add(&mut effects.appends, Parts::of(&event.outgoing)).await;
        Settlement::Done {
            appends: effects.appends,
            kv: effects.kv,
        }
    }
}

/// Tells all plug-ins, once, that a destination was refused before the message was accepted. Fallback records stand in
/// for plug-ins that fail.
pub async fn tell_refused(
    chain: &Chain,
    concerned: &Concerned,
    recipients: &[Recipient],
    header: HeaderIn<'_>,
    refusal: &Refusal,
) -> Effects {
    if !chain.wants_outcomes() {
        return Effects::default();
    }
    let delivery = Delivery {
        peer: concerned.next_hop.to_string(),
        host: String::new(),
        code: 0,
        text: cut(&refusal.to_string()),
        attempts: 0,
    };
    let fate = Fate {
        outcome: Outcome::Failed(delivery),
        recipients: recipients.to_vec(),
    };
    let mut told = tell(chain, concerned, header.read().await, &fate, None, None).await;
    told.fallback(concerned, &fate.outcome);
    told.effects
}

/// What plug-ins are told of a message that was refused after its 250.
pub fn late_refusal(answer: &Answer) -> LateRefusal {
    LateRefusal {
        status: answer.status.clone(),
        text: answer.text.as_deref().map(cut),
    }
}

/// Tells all plug-ins that a request was answered. Fallback records stand in for plug-ins that fail.
pub async fn tell_response(chain: &Chain, reply: &Reply) -> Effects {
    let (of, leg, answer) = (&reply.of, reply.leg(), reply.answer());
    let Some(leg) = leg.filter(|_| chain.wants_outcomes()) else {
        return Effects::default();
    };
    let concerned = Concerned {
        id: QueueId::of(of.id, leg.ordinal().map_or(0, Ordinal::get)),
        source: of.source.clone().into(),
        next_hop: leg.next_hop(),
        sender: of.sender.clone(),
        kind: Some(of.kind),
        received_at: of.received_at,
        // The message has left the spool.
        size: 0,
        refused_late: None,
    };
    let header = Arc::new(transactions::header(of));
    let fate = Fate {
        outcome: Outcome::Response(Response {
            peer: leg.next_hop().to_string(),
            status: answer.status.clone(),
            text: answer.text.as_deref().map(cut),
        }),
        recipients: leg.recipients.clone(),
    };
    let mut told = tell(chain, &concerned, header, &fate, None, None).await;
    told.fallback(&concerned, &fate.outcome);
    told.effects
}

/// The fates in a report: the delivered recipients, and the failed ones, grouped by reason.
fn fates(outgoing: &Outgoing, report: &DeliveryReport) -> Vec<Fate> {
    let recipient = |id: &RecipientId| outgoing.envelope.recipients.iter().find(|r| r.id == *id).cloned();
    let delivery = |code: Option<u16>, text: &str| Delivery {
        peer: outgoing.next_hop.to_string(),
        host: report.host.clone().unwrap_or_default(),
        code: code.unwrap_or(0),
        text: cut(text),
        attempts: report.attempts,
    };
    let mut fates = Vec::new();
    if !report.delivered.is_empty() {
        let outcome = Outcome::Delivered(delivery(report.code, &report.text));
        fates.push(Fate {
            outcome,
            recipients: report.delivered.iter().filter_map(recipient).collect(),
        });
    }
    for failed in &report.failed {
        let delivery = delivery(failed.code, &failed.text);
        let outcome = match failed.ended {
            Ended::Refused => Outcome::Failed(delivery),
            Ended::GivenUp | Ended::Expired => Outcome::Expired(delivery),
        };
        match fates.iter_mut().find(|fate| fate.outcome == outcome) {
            Some(fate) => fate.recipients.extend(recipient(&failed.id)),
            None => fates.push(Fate {
                outcome,
                recipients: recipient(&failed.id).into_iter().collect(),
            }),
        }
    }
    fates
}

/// Tells plug-ins of a fate. With `transactions`, a response is told together with the request that it answers.
async fn tell(
    chain: &Chain,
    concerned: &Concerned,
    header: Arc<Header>,
    fate: &Fate,
    only: Option<&[String]>,
    transactions: Option<&Transactions>,
) -> OutcomeTold {
    let recipients = fate.recipients.clone();
    let answers = match (transactions, concerned.source.peer(), concerned.next_hop.peer()) {
        (Some(transactions), Some(source), Some(next_hop)) => transactions.answered(&header, source, next_hop).await,
        _ => None,
    };
    chain
        .tell(TellOutcome {
            concerned,
            recipients,
            header,
            answers,
            outcome: fate.outcome.clone(),
            only,
        })
        .await
}

/// Whether the next hop took the message, and is sent it again because it has not answered. What becomes of such a repeat says
/// nothing against the first one: that it is refused, or cannot be delivered in time, counts as no answer.
fn was_taken_before(outgoing: &Outgoing) -> bool {
    outgoing.repeats > 0
}

/// Whether nobody waits for the fate of the message: it is a response, or a message of the relay itself.
async fn is_answer(outgoing: &Outgoing) -> bool {
    if outgoing.source == Source::Relay {
        return true;
    }
    let kind = match outgoing.kind {
        Some(kind) => Some(kind),
        None => MessageType::of(&*HeaderIn::of(outgoing).read().await),
    };
    kind.is_some_and(|kind| kind.request().is_some())
}

/// Cut to 512 octets, as the contract says.
fn cut(text: &str) -> String {
    let end = (0..=text.len().min(512))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    text[..end].to_owned()
}

impl Untold {
    fn new(fate: &Fate, plugins: Vec<String>) -> Self {
        Self {
            outcome: fate.outcome.clone(),
            recipients: fate.recipients.clone(),
            plugins,
        }
    }

    fn fate(&self) -> Fate {
        Fate {
            outcome: self.outcome.clone(),
            recipients: self.recipients.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reply_is_cut_at_a_character() {
        assert_eq!(cut(&"ü".repeat(300)).len(), 512);
        assert_eq!(cut(&format!("a{}", "ü".repeat(300))).len(), 511);
    }
}
