//! What happened to a message.

mod json;
mod text;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::queue::Entry;
use super::words::precise_time as time;
use super::{Ask, Desk, Kind, Method, Problem, Who};

/// Everything that is known about a message. Whoever looks is noted in its history.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Trace {
    /// `X-Mms-Message-ID` or `X-Mms-Transaction-ID`, with or without quotes; or an id of the relay, as in its log.
    pub id: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Traced {
    /// Requests, in the order in which they came: one, and the reports about its message.
    pub requests: Vec<Value>,
    /// A message that was refused at the end of its data.
    pub refused: Option<Value>,
    /// What is in the queue under an id that no request is known of.
    pub queue: Vec<Entry>,
    /// All of it, for people.
    pub text: String,
}

impl Ask for Trace {
    type Answer = Traced;
    const NAME: &'static str = "trace";
    const ABOUT: &'static str = "What happened to a message: hops, plug-ins, deliveries, responses, records, times";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/trace/{id}";

    async fn answer(self, desk: &Desk, who: &Who) -> Result<Traced, Problem> {
        let (by, peers) = (who.at(desk.now()), desk.standings());
        desk.blocking(move |store| {
            let traces = store.trace(&self.id, &by)?;
            if traces.requests.is_empty() && traces.queue.is_empty() && traces.refused.is_none() {
                return Err(unknown(&self.id));
            }
            let refused = traces.refused.as_ref().map(serde_json::to_value).transpose();
            Ok(Traced {
                requests: traces.requests.iter().map(json::of).collect(),
                refused: refused.map_err(|error| Problem::new(Kind::Internal, format!("a bug: {error}")))?,
                queue: traces.queue.iter().map(|entry| Entry::of(entry, &peers)).collect(),
                text: text::of(&traces, &peers),
            })
        })
        .await
    }
}

fn unknown(id: &str) -> Problem {
    let detail = format!(
        "nothing is known of {id}: a request is forgotten when its message has expired, at the earliest after \
         `[transactions] keep` (3 days unless configured), and what is no request when it has left the queue; what was \
         refused, when ten thousand others have been since"
    );
    Problem::new(Kind::UnknownId, detail)
}
