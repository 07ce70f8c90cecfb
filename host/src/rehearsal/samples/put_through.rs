//! One message through a chain, as in a relay, without one.

use std::sync::Arc;

use mm4relay_engine::Occasion;

use super::{Case, snapshot};
use crate::message::{Header, KvWrite, Message, NextHop, QueueId, Refusal};
use crate::pipeline::{Chain, Concerned, Effects, OutcomeTold, Passage, TellOutcome};

/// A case that is ready to run through a chain, any number of times.
pub struct Rehearsal {
    message: Arc<Message>,
    next_hop: NextHop,
    occasion: Occasion,
    /// The message that an outcome is about.
    concerned: Concerned,
    header: Arc<Header>,
}

/// What a chain did with a case.
pub enum Rehearsed {
    Passed(Passage, Effects),
    Told(OutcomeTold),
}

impl Rehearsal {
    /// Reads the case.
    pub fn of(case: &Case) -> anyhow::Result<Self> {
        let message = Arc::new(case.read_message()?);
        let next_hop = NextHop::new(&case.next_hop())?;
        let concerned = Concerned {
            id: QueueId::of(message.id, 1),
            source: message.origin.source.clone(),
            next_hop: next_hop.clone(),
            sender: message.envelope.sender.clone(),
            kind: Some(message.kind),
            received_at: message.origin.received_at,
            size: message.content.size(),
            refused_late: case.refused_late()?,
        };
        Ok(Self {
            header: Arc::new(message.header.clone()),
            occasion: case.occasion()?,
            message,
            next_hop,
            concerned,
        })
    }

    /// The occasion of the case.
    pub fn occasion(&self) -> &Occasion {
        &self.occasion
    }

    /// Runs the case through the chain once.
    pub async fn run(&self, chain: &Chain) -> Rehearsed {
        let mut effects = Effects::default();
        let message = Arc::clone(&self.message);
        let passage = match &self.occasion {
            Occasion::Arrival => {
                let next_hops = std::slice::from_ref(&self.next_hop);
                chain.arrive(message, next_hops, &mut effects).await
            }
            Occasion::Departure(destination) => chain.depart(message, destination.clone(), &mut effects).await,
            Occasion::Outcome(outcome) => {
                let tell = TellOutcome {
                    concerned: &self.concerned,
                    recipients: self.message.envelope.recipients.clone(),
                    header: Arc::clone(&self.header),
                    answers: None,
                    outcome: outcome.clone(),
                    only: None,
                };
                return Rehearsed::Told(chain.tell(tell).await);
            }
        };
        Rehearsed::Passed(passage, effects)
    }
}

impl Rehearsed {
    /// The result for people.
    pub fn text(&self) -> String {
        match self {
            Self::Passed(passage, effects) => snapshot::passage(passage, effects),
            Self::Told(told) => snapshot::told(told),
        }
    }

    pub(super) fn effects(&self) -> &Effects {
        match self {
            Self::Passed(_, effects) => effects,
            Self::Told(told) => &told.effects,
        }
    }

    /// The values that the relay would have committed.
    pub(super) fn kept(&self) -> &[KvWrite] {
        match self {
            Self::Passed(Passage::Go { .. } | Passage::Discard { .. }, effects) => &effects.kv,
            Self::Passed(Passage::Hold(_) | Passage::Refuse(_), _) => &[],
            Self::Told(told) => &told.effects.kv,
        }
    }

    /// Why the plug-in failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Passed(Passage::Refuse(Refusal::Deferred { reason, .. }), _) => Some(reason),
            Self::Passed(..) => None,
            Self::Told(told) => told.failed.first().map(|(_, reason)| reason.as_str()),
        }
    }
}
