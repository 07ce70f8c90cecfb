//! A chain without WebAssembly that follows a script, for tests of the code around the chain.
//!
//! The script stands in for one plug-in that records charging: each successful call asks for one record, with the
//! occasion and the type of message.

use std::sync::Arc;

use mm4relay_engine::{Occasion, Outcome, Subject, Verdict};

use super::chain::{Chain, Passage, came_to};
use super::effects::Effects;
use super::subject::View;
use super::when::Sides;
use crate::message::{Append, Message, Refusal, Source, StreamName};

/// The name of the plug-in.
pub(crate) const NAME: &str = "script";

/// The decisions of the plug-in.
pub(crate) trait Script: Send + Sync + 'static {
    /// Its verdict on arrival and on departure, or the reason why it failed. A failed call defers the message.
    fn judge(&self, occasion: &Occasion, source: &Source) -> Result<Verdict, String>;
}

impl Chain {
    /// A chain with only this script.
    pub(crate) fn scripted(script: Arc<dyn Script>) -> Self {
        Self {
            script: Some(script),
            ..Self::default()
        }
    }
}

/// The run on arrival and on departure.
pub(super) fn run(script: &dyn Script, message: &Arc<Message>, occasion: &Occasion, effects: &mut Effects) -> Passage {
    let done = script
        .judge(occasion, &message.origin.source)
        .and_then(|verdict| came_to(NAME, verdict, message, occasion));
    match done {
        Ok((_, passage)) => {
            let view = View::whole(Arc::clone(message), Sides::default());
            effects.appends.push(record(occasion, &view));
            passage
        }
        Err(reason) => Passage::Refuse(Refusal::Deferred {
            plugin: NAME.into(),
            reason,
        }),
    }
}

/// The record that a call asks for.
pub(super) fn record(occasion: &Occasion, view: &View) -> Append {
    let kind = serde_json::to_value(view.summary().message_type).unwrap();
    let at = match occasion {
        Occasion::Arrival => "arrival".to_owned(),
        Occasion::Departure(destination) => format!("departure to {}", destination.peer),
        Occasion::Outcome(Outcome::Delivered(delivery)) => format!("delivered to {}", delivery.peer),
        Occasion::Outcome(Outcome::Failed(delivery)) => format!("failed at {}", delivery.peer),
        Occasion::Outcome(Outcome::Expired(delivery)) => format!("given up at {}", delivery.peer),
        Occasion::Outcome(Outcome::Response(response)) => format!("answered by {}", response.peer),
    };
    Append {
        stream: StreamName::CHARGING,
        plugin: NAME.into(),
        version: "1.0.0".into(),
        record: serde_json::json!({ "at": at, "type": kind }),
        when_answered: false,
    }
}
