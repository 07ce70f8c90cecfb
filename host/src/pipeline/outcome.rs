//! Telling plug-ins what became of a message.

use std::sync::Arc;

use mm4relay_engine::{Occasion, OccasionKind, Outcome, Subject};

use crate::message::{ChargingEntry, Header, Outgoing, Recipient};

use super::chain::{Chain, Effects, Link};
use super::subject::View;

/// An outcome to be told, and to whom.
pub struct TellOutcome<'a> {
    pub outgoing: &'a Outgoing,
    /// Those whose fate it is.
    pub recipients: Vec<Recipient>,
    pub header: Arc<Header>,
    pub outcome: Outcome,
    /// `None`: everybody who wants outcomes. Else only these: the others have been told before.
    pub only: Option<&'a [String]>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct OutcomeTold {
    /// What the plug-ins that succeeded asked for.
    pub effects: Effects,
    /// The plug-ins that failed, with the reason: to be told again.
    pub failed: Vec<(String, String)>,
}

impl Chain {
    /// Whether any plug-in asked for outcomes at all.
    pub fn wants_outcomes(&self) -> bool {
        let wants = |link: &Link| link.plugin.description().occasions.contains(&OccasionKind::Outcome);
        self.links.iter().any(wants)
    }

    /// The outcome run. Each plug-in is on its own here: a failed one does not keep the next from being told.
    pub async fn tell(&self, tell: TellOutcome<'_>) -> OutcomeTold {
        let mut told = OutcomeTold::default();
        let view = Arc::new(View::bare(tell.outgoing, tell.recipients, tell.header));
        let kind = view.summary().message_type;
        let occasion = Occasion::Outcome(tell.outcome);
        for link in &self.links {
            let name = link.plugin.name();
            let wanted = link.plugin.wants(occasion.kind(), kind, std::iter::empty());
            if !wanted || tell.only.is_some_and(|only| !only.iter().any(|n| n == name)) {
                continue;
            }
            let called = link.plugin.process(occasion.clone(), Arc::clone(&view) as _).await;
            match link.health.note(called) {
                Ok(judgement) => told.effects.keep(&link.plugin, judgement),
                Err(failure) => {
                    let message = tell.outgoing.id.to_string();
                    tracing::warn!(plugin = name, message, "plug-in failed to take an outcome: {failure}");
                    told.failed.push((name.to_owned(), failure.to_string()));
                }
            }
        }
        told
    }
}

impl OutcomeTold {
    /// Records that stand in for plug-ins that kept failing, so that no event goes unrecorded.
    pub fn fallback(&mut self, outgoing: &Outgoing, outcome: &Outcome) {
        for (plugin, reason) in std::mem::take(&mut self.failed) {
            let (result, delivery) = match outcome {
                Outcome::Delivered(delivery) => ("delivered", delivery),
                Outcome::Failed(delivery) => ("failed", delivery),
            };
            let recipients: Vec<&str> = outgoing
                .envelope
                .recipients
                .iter()
                .map(|r| r.address.as_str())
                .collect();
            let record = serde_json::json!({
                "record-type": "fallback",
                "outcome": result,
                "source-peer": outgoing.source.as_str(),
                "destination-peer": outgoing.peer.as_str(),
                "originator": outgoing.envelope.sender.as_ref().map(|sender| sender.as_str()),
                "recipients": recipients,
                "status-code": delivery.code.to_string(),
                "status-text": delivery.text,
                "reason": reason,
            });
            self.effects.charging.push(ChargingEntry {
                plugin,
                version: String::new(),
                record,
            });
        }
    }
}
