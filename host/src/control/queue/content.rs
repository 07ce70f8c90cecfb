//! A message itself, as a file for other programs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Named;
use super::id::in_queue;
use crate::control::{Ask, Desk, Kind, Method, Problem, Role, Who};
use crate::message::QueueId;
use crate::spool::ContentOf;

/// A message in the queue as it would be sent, or as it was received, octet for octet, in pieces.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GetContent {
    pub id: Named,
    /// As it was received, before any plug-in.
    #[serde(default)]
    pub received: bool,
    /// Only what stands behind so many octets: `next` of the piece before.
    #[serde(default)]
    pub from: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Portion {
    pub id: String,
    /// Of the whole message.
    pub octets: u64,
    /// In base64: at most 1 MiB.
    pub content: String,
    /// Where the next piece begins: give it as `from`. `None` when this is the last one.
    pub next: Option<u64>,
}

impl Ask for GetContent {
    type Answer = Portion;
    const NAME: &'static str = "queue-content";
    const ABOUT: &'static str = "A message in the queue, octet for octet; who looked is in the audit";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/queue/{id}/content";
    const ROLE: Role = Role::Operator;
    const LOOKS_ARE_NOTED: bool = true;
    const REVEALS: bool = true;

    async fn answer(self, desk: &Desk, _: &Who) -> Result<Portion, Problem> {
        desk.blocking(move |store| {
            let ids = in_queue(store, &[self.id])?;
            let of = match (self.received, ids.as_slice()) {
                (_, []) => return Err(gone(self.id)),
                (true, [first, ..]) => ContentOf::Received(first.message()),
                (false, [one]) => ContentOf::Entry(*one),
                (false, several) => return Err(ambiguous(self.id, several)),
            };
            let from = self.from.unwrap_or_default();
            let (octets, total) = store.content(of, from, MOST)?.ok_or_else(|| gone(self.id))?;
            let next = from.saturating_add(octets.len() as u64);
            Ok(Portion {
                id: self.id.to_string(),
                octets: total,
                content: STANDARD.encode(&octets),
                next: (next < total && !octets.is_empty()).then_some(next),
            })
        })
        .await
    }
}

/// In one answer.
const MOST: u64 = 1 << 20;

impl Portion {
    /// The octets of this piece.
    ///
    /// # Errors
    /// The relay sent something else.
    pub fn decoded(&self) -> Result<Vec<u8>, Problem> {
        let wrong = |error| Problem::new(Kind::Internal, format!("no base64 in the relay's answer: {error}"));
        STANDARD.decode(&self.content).map_err(wrong)
    }
}

fn gone(id: Named) -> Problem {
    Problem::new(Kind::UnknownId, format!("{id} is not in the queue"))
}

fn ambiguous(id: Named, several: &[QueueId]) -> Problem {
    let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
    let detail = format!(
        "{id} goes out more than once: name one of {}, or ask for it as received",
        ids.join(", ")
    );
    Problem::new(Kind::Unreadable, detail)
}
