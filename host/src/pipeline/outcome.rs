//! Telling plug-ins what became of a message.

use std::sync::Arc;

use mm4relay_engine::{Judgement, Occasion, OccasionKind, Outcome, RecordType, Subject};

use crate::message::{Answered, Append, Header, Recipient, StreamName};

use super::chain::Chain;
use super::concerned::Concerned;
use super::effects::Effects;
use super::link::Link;
use super::meter::Counted;
use super::subject::View;
use super::when::Ends;

/// An outcome, and the plug-ins to tell.
pub struct TellOutcome<'a> {
    pub concerned: &'a Concerned,
    /// The recipients that share the outcome.
    pub recipients: Vec<Recipient>,
    pub header: Arc<Header>,
    /// For a response: the request that it answers.
    pub answers: Option<Answered>,
    pub outcome: Outcome,
    /// `None`: all plug-ins that want outcomes. Otherwise only these, because the others have been told before.
    pub only: Option<&'a [String]>,
}

/// The result of telling.
#[derive(Debug, Default)]
pub struct OutcomeTold {
    /// What the successful plug-ins asked for.
    pub effects: Effects,
    /// The failed plug-ins with the reason; they are to be told again.
    pub failed: Vec<(String, String)>,
    /// The message and its next hop, for records that stand in for those of failed plug-ins.
    message_id: String,
    recipients: Vec<String>,
    intra_mmse: bool,
}

impl Chain {
    fn has(&self, name: &str) -> bool {
        #[cfg(test)]
        if self.script.is_some() {
            return name == super::script::NAME;
        }
        self.links.iter().any(|link| link.plugin.name() == name)
    }

    /// Whether any plug-in asked for outcomes.
    pub fn wants_outcomes(&self) -> bool {
        #[cfg(test)]
        if self.script.is_some() {
            return true;
        }
        let wants = |link: &Link| link.plugin.description().occasions.contains(&OccasionKind::Outcome);
        self.links.iter().any(wants)
    }

    /// The outcome run. Each plug-in is independent here: the failure of one does not keep the next from being told.
    pub async fn tell(&self, tell: TellOutcome<'_>) -> OutcomeTold {
        let recipients = tell
            .recipients
            .iter()
            .map(|recipient| recipient.address.to_string())
            .collect();
        let mut told = OutcomeTold {
            recipients,
            ..OutcomeTold::default()
        };
        let ends = Ends {
            source: tell.concerned.source.as_str(),
            next_hops: std::slice::from_ref(&tell.concerned.next_hop),
        };
        let sides = self.links.first().map(|link| link.when.sides(ends)).unwrap_or_default();
        let view = Arc::new(View::bare(
            tell.concerned,
            tell.recipients,
            tell.header,
            tell.answers.as_ref(),
            sides,
        ));
        let summary = view.summary();
        let kind = summary.message_type;
        told.message_id = summary.message_id;
        told.intra_mmse = summary.intra_mmse;
        for gone in tell.only.unwrap_or_default().iter().filter(|name| !self.has(name)) {
            told.failed
                .push((gone.clone(), "it is not in the chain any more".into()));
        }
        // Either peer may be the cause of a plug-in's failure: the header comes from one, the reply from the other.
        let peers = [tell.concerned.source.as_str(), tell.concerned.next_hop.as_str()];
        let occasion = Occasion::Outcome(tell.outcome);
        #[cfg(test)]
        if let Some(script) = &self.script {
            match script.hear(&occasion) {
                Ok(()) => told.effects.appends.push(super::script::record(&occasion, &view)),
                Err(reason) => told.failed.push((super::script::NAME.to_owned(), reason)),
            }
            return told;
        }
        for link in &self.links {
            let name = link.plugin.name();
            if !link.when.admits(ends, kind) {
                continue;
            }
            let wanted = link.plugin.wants(occasion.kind(), kind, std::iter::empty());
            if !wanted {
                link.overlook(&occasion, || Arc::clone(&view));
            }
            if !wanted || tell.only.is_some_and(|only| !only.iter().any(|n| n == name)) {
                continue;
            }
            match link.tell(&occasion, &view, &peers, tell.concerned).await {
                Ok(judgement) => told.effects.keep(&link.plugin, judgement),
                Err(reason) => told.failed.push((name.to_owned(), reason)),
            }
        }
        told
    }
}

impl Link {
    /// Tells one plug-in, unless its breaker is open. The error says why it has not taken the outcome.
    async fn tell(
        &self,
        occasion: &Occasion,
        view: &Arc<View>,
        peers: &[&str],
        concerned: &Concerned,
    ) -> Result<Judgement, String> {
        let meter = &self.health.meter;
        let permit = self.plugin.breaker().admit(peers).map_err(|open| {
            meter.not_called();
            open.to_string()
        })?;
        let underway = meter.begin();
        let called = self.process(occasion, view).await;
        drop(underway);
        match self.health.note(called) {
            Ok(judgement) => {
                meter.judged(Counted::of(&judgement), &judgement);
                permit.succeeded();
                Ok(judgement)
            }
            Err(failure) => {
                meter.failed(failure.class, &failure.spent);
                permit.failed();
                let (plugin, message) = (self.plugin.name(), concerned.id.to_string());
                tracing::warn!(
                    plugin,
                    message,
                    event = "plugin-failed",
                    "plug-in failed to take an outcome: {failure}"
                );
                Err(failure.to_string())
            }
        }
    }
}

impl OutcomeTold {
    /// Adds records that stand in for those of plug-ins that kept failing, so that no event goes unrecorded.
    pub fn fallback(&mut self, concerned: &Concerned, outcome: &Outcome) {
        let (result, status, text) = match outcome {
            Outcome::Delivered(it) => ("delivered", it.code.to_string(), Some(&it.text)),
            Outcome::Failed(it) => ("failed", it.code.to_string(), Some(&it.text)),
            Outcome::Expired(it) => ("expired", it.code.to_string(), Some(&it.text)),
            Outcome::Response(it) => ("response", it.status.clone(), it.text.as_ref()),
        };
        for (plugin, reason) in std::mem::take(&mut self.failed) {
            let record = serde_json::json!({
                "record-type": RecordType::Fallback,
                "outcome": result,
                "message-id": self.message_id,
                "source-peer": concerned.source.as_str(),
                "destination-peer": concerned.next_hop.as_str(),
                "intra-mmse": self.intra_mmse,
                "originator": concerned.sender.as_ref().map(|sender| sender.as_str()),
                "recipients": self.recipients,
                "status-code": status,
                "status-text": text,
                "reason": reason,
            });
            self.effects.appends.push(Append {
                stream: StreamName::CHARGING,
                plugin,
                version: String::new(),
                record,
                when_answered: false,
            });
        }
    }
}
