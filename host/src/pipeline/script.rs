//! A chain without WebAssembly that follows a script, for tests of the code around the chain.
//!
//! The script stands in for one plug-in that records charging: each successful call asks for one record, with the
//! occasion and the type of message.

use std::sync::{Arc, OnceLock};

use mm4relay_engine::{
    BoxFuture, Engine, EngineOptions, Level, Network, NoOutside, Occasion, Outcome, Outside, Services, Subject, Table,
    Verdict,
};

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
    fn judge<'a>(&'a self, occasion: &'a Occasion, source: &'a Source) -> BoxFuture<'a, Result<Verdict, String>>;

    /// What it does when it is told of an outcome; the error is why it failed.
    fn hear(&self, _outcome: &Occasion) -> Result<(), String> {
        Ok(())
    }
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
pub(super) async fn run(
    script: &dyn Script,
    message: &Arc<Message>,
    occasion: &Occasion,
    effects: &mut Effects,
) -> Passage {
    let judged = script.judge(occasion, &message.origin.source).await;
    let done = judged.and_then(|verdict| came_to(NAME, verdict, message, occasion));
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

/// A script asks for nothing.
pub(crate) struct NoServices;

impl Services for NoServices {
    fn now_ms(&self) -> u64 {
        0
    }

    fn table(&self, _: &str) -> Option<Arc<dyn Table>> {
        None
    }

    fn kv_get<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        Box::pin(async { Ok(None) })
    }

    fn random_seed(&self) -> [u8; 32] {
        [0; 32]
    }

    fn network<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Network>, String>> {
        Box::pin(async { Ok(None) })
    }

    fn outside(&self) -> &dyn Outside {
        &NoOutside
    }

    fn log(&self, _: &str, _: &str, _: Level, _: &str) {}
}

/// No script runs WebAssembly, so all share one engine.
pub(crate) fn engine() -> Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let options = EngineOptions {
        max_instances: 1,
        ..EngineOptions::default()
    };
    ENGINE.get_or_init(|| Engine::new(options).unwrap()).clone()
}
