//! Verbs about requests: whom they are from and for, and what came of them. A request is remembered for longer than its
//! message is in the queue.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::queue::has_digits;
use super::{Ask, Desk, Kind, Method, Problem, When, Who};
use crate::message::{LegState, MessageId, Transaction, Visible};
use crate::spool::Operator;

/// Requests that are remembered, newest first: those for which everything holds that is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct FindRequests {
    /// The peer that asked.
    pub source: Option<String>,
    /// A peer that was asked.
    pub peer: Option<String>,
    /// Digits of a number that stands in the originator or in a recipient.
    pub number: Option<String>,
    /// Digits of a number that stands in a recipient.
    pub to: Option<String>,
    /// `open`: somebody is still to answer or to be sent to; `failed`: somebody will not get it; `timed-out`: nobody
    /// answered in time.
    pub state: Option<String>,
    /// Received at this time or later.
    pub since: Option<When>,
    /// Received before this time.
    pub before: Option<When>,
    /// Only what came before this one: `next` of the page before.
    pub after: Option<String>,
    /// At most so many; 100 unless it says otherwise, 1,000 at the most.
    pub limit: Option<usize>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RequestPage {
    pub requests: Vec<Request>,
    /// Where the next page begins: give it as `after`. `None` when this is the last one. A page may be short, and even
    /// empty, and not be the last: one answer looks at so many requests and no more.
    pub next: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Request {
    /// The relay's id of the message that carried it: `trace` tells all of it.
    pub id: String,
    /// `MM4_forward.REQ` and so on.
    pub kind: String,
    pub source: String,
    pub message_id: String,
    pub transaction_id: String,
    pub originator: Option<String>,
    pub received_at: When,
    /// From then on nothing is known of it any more.
    pub forgotten_at: When,
    /// What the peer that asked was answered, if it was.
    pub answer: Option<String>,
    pub legs: Vec<AskedLeg>,
}

/// One next hop of a request.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AskedLeg {
    pub peer: String,
    pub to: Vec<String>,
    /// How far it has come, in words.
    pub state: String,
}

impl Ask for FindRequests {
    type Answer = RequestPage;
    const NAME: &'static str = "requests";
    const ABOUT: &'static str = "Requests that are remembered, newest first, found by peer, number, state or time";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/requests";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<RequestPage, Problem> {
        desk.blocking(move |store| self.page(store)).await
    }
}

impl FindRequests {
    /// In one answer.
    pub const MOST: usize = 1000;
    /// Each is read as a whole: about 100 ms.
    const LOOKED_AT: usize = 10_000;
    /// What `state` takes.
    pub const STATES: [&'static str; 3] = ["open", "failed", "timed-out"];

    fn page(&self, store: &dyn Operator) -> Result<RequestPage, Problem> {
        let unreadable = |why: String| Problem::new(Kind::Unreadable, why);
        if let Some(word) = self.state.as_deref().filter(|word| !Self::STATES.contains(word)) {
            let states = Self::STATES.join(", ");
            return Err(unreadable(format!(
                "{word} is no state of a request: there are {states}"
            )));
        }
        let after = self.after.as_deref().map(str::parse::<MessageId>).transpose();
        let mut at = after.map_err(|error| unreadable(error.to_string()))?;
        let limit = self.limit.unwrap_or(100).clamp(1, Self::MOST);
        let (mut requests, mut looked_at) = (Vec::new(), 0);
        loop {
            let looked = store.requests(at, Self::MOST)?;
            let is_last = looked.len() < Self::MOST;
            for request in &looked {
                (at, looked_at) = (Some(request.id), looked_at + 1);
                // They come in the order of time: what is behind is older still.
                if self.since.is_some_and(|since| When(request.received_at) < since) {
                    return Ok(RequestPage { requests, next: None });
                }
                if self.wants(request) {
                    requests.push(Request::of(request));
                }
                if requests.len() == limit || looked_at == Self::LOOKED_AT {
                    let next = at.map(|id| id.to_string());
                    return Ok(RequestPage { requests, next });
                }
            }
            if is_last {
                return Ok(RequestPage { requests, next: None });
            }
        }
    }

    fn wants(&self, of: &Transaction) -> bool {
        let asked = |name: &String| of.asked_legs().any(|(_, peer)| peer.as_str() == *name);
        let is_to = |number: &String| {
            let mut to = of.legs.iter().flat_map(|leg| &leg.recipients);
            to.any(|to| has_digits(to.address.as_str(), number))
        };
        let is_from = |number: &String| {
            let sender = of.sender.as_ref().is_some_and(|from| has_digits(from.as_str(), number));
            sender || of.originator.as_ref().is_some_and(|from| has_digits(from, number))
        };
        self.source.as_ref().is_none_or(|source| of.source.as_str() == *source)
            && self.peer.as_ref().is_none_or(asked)
            && self.to.as_ref().is_none_or(is_to)
            && self
                .number
                .as_ref()
                .is_none_or(|number| is_to(number) || is_from(number))
            && self.before.is_none_or(|before| When(of.received_at) < before)
            && self.state.as_deref().is_none_or(|state| is_in(of, state))
    }
}

fn is_in(of: &Transaction, state: &str) -> bool {
    let mut legs = of.legs.iter().map(|leg| &leg.state);
    match state {
        "open" => legs.any(|state| matches!(state, LegState::Waiting | LegState::Delivered { .. })),
        "failed" => legs.any(|state| matches!(state, LegState::Failed { .. })),
        _ => legs.any(|state| matches!(state, LegState::TimedOut { .. })),
    }
}

impl Request {
    fn of(of: &Transaction) -> Self {
        let legs = of.legs.iter().map(|leg| AskedLeg {
            peer: leg.next_hop().to_string(),
            to: leg.recipients.iter().map(|to| to.address.as_str().to_owned()).collect(),
            state: leg.state.to_string(),
        });
        Self {
            id: of.id.to_string(),
            kind: of.kind.name().to_owned(),
            source: of.source.to_string(),
            message_id: of.message_id.to_string(),
            transaction_id: of.transaction_id.to_string(),
            originator: of.originator.clone(),
            received_at: of.received_at.into(),
            forgotten_at: of.forget_at.into(),
            answer: of.answer().map(ToString::to_string),
            legs: legs.collect(),
        }
    }
}

/// The lines of `mm4relay requests`.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, kind, source) = (&self.id, &self.kind, &self.source);
        write!(f, "{id}  {kind}  from {source}  received {}", self.received_at)?;
        if let Some(originator) = &self.originator {
            write!(f, "\n    {} ", Visible(originator))?;
        }
        for leg in &self.legs {
            write!(
                f,
                "\n    -> {} at {}: {}",
                leg.to.join(", "),
                leg.peer,
                Visible(&leg.state)
            )?;
        }
        match &self.answer {
            Some(answer) => write!(f, "\n    answered {}", Visible(answer)),
            None => Ok(()),
        }
    }
}
