//! Looking at the queue.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Named;
use super::entry::{Entry, Shown};
use super::id::in_queue;
use super::shape::shape_of;
use crate::control::peers::Peer;
use crate::control::{Ask, Desk, Kind, Method, Problem, When, Who};
use crate::message::{NextHop, QueueId};
use crate::spool::{Filter, Operator, QueueEntry, QueueState};

/// Entries of the queue, in the order of their ids: those for which everything holds that is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct List {
    /// The next hop.
    pub peer: Option<String>,
    /// `waiting`, `failed`, `held`, `unfinished` or `awaiting`.
    pub state: Option<String>,
    /// The peer that it came from.
    pub source: Option<String>,
    /// Digits of a number that stands in the sender or in a recipient.
    pub number: Option<String>,
    /// Digits of a number that stands in a recipient.
    pub to: Option<String>,
    /// A plug-in that holds it.
    pub plugin: Option<String>,
    /// Words that stand in the reason, in any case.
    pub reason: Option<String>,
    /// Only what is stuck for this reason, as `queue-groups` writes it; empty for what has none.
    pub alike: Option<String>,
    /// Received at this time or later.
    pub since: Option<When>,
    /// Received before this time.
    pub before: Option<When>,
    /// Only what stands behind this id: `next` of the page before.
    pub after: Option<Named>,
    /// At most so many; 1,000 unless it says otherwise, which is the most.
    pub limit: Option<usize>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Page {
    pub entries: Vec<Entry>,
    /// Where the next page begins: give it as `after`. `None` when this is the last one. A page may be short, and
    /// even empty, and not be the last: one answer looks at so many entries and no more.
    pub next: Option<String>,
}

impl Ask for List {
    type Answer = Page;
    const NAME: &'static str = "queue-list";
    const ABOUT: &'static str =
        "What waits, what failed, what is held: found by peer, state, number, plug-in, reason or time";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/queue";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<Page, Problem> {
        if let Some(plugin) = &self.plugin {
            desk.refuse_other_plugins(std::slice::from_ref(plugin))?;
        }
        let known = desk.known().map(|known| known.peers).unwrap_or_default();
        let peers = desk.standings();
        desk.blocking(move |store| self.page(store, known, &peers)).await
    }
}

impl List {
    /// Entries of an answer at the most, and entries that one answer looks at.
    pub const MOST: usize = 1000;
    pub(super) const LOOKED_AT: usize = 20_000;

    fn page(&self, store: &dyn Operator, known: Vec<String>, peers: &[Peer]) -> Result<Page, Problem> {
        let limit = self.limit.unwrap_or(Self::MOST).clamp(1, Self::MOST);
        let named = self.peer.as_deref().map(|peer| next_hop_in(store, peer, known));
        let mut filter = Filter {
            next_hop: named.transpose()?,
            state: self.state()?,
            after: self.after.map(Named::last),
            limit: limit + 1,
        };
        let (mut entries, mut looked_at) = (Vec::<QueueEntry>::new(), 0);
        loop {
            let looked = store.list(&filter)?;
            let is_last = looked.len() < filter.limit;
            looked_at += looked.len();
            let at = looked.last().map(|entry| entry.id).or(filter.after);
            entries.extend(looked.into_iter().filter(|entry| self.wants(entry)));
            // One more tells whether there is a next page.
            let next = match entries.len() > limit {
                true => entries.get(limit - 1).map(|last| last.id),
                false if !is_last && looked_at >= Self::LOOKED_AT => at,
                false if is_last => None,
                false => {
                    filter.after = at;
                    filter.limit = Self::MOST;
                    continue;
                }
            };
            entries.truncate(limit);
            return Ok(Page {
                entries: entries.iter().map(|entry| Entry::of(entry, peers)).collect(),
                next: next.map(|id: QueueId| id.to_string()),
            });
        }
    }

    fn state(&self) -> Result<Option<QueueState>, Problem> {
        let Some(word) = self.state.as_deref() else {
            return Ok(None);
        };
        let wrong = || {
            let detail = format!("{word} is no state: there are waiting, failed, held, unfinished and awaiting");
            Problem::new(Kind::Unreadable, detail)
        };
        QueueState::from_word(word).map(Some).ok_or_else(wrong)
    }

    fn wants(&self, entry: &QueueEntry) -> bool {
        let received = When(entry.received_at);
        self.source
            .as_ref()
            .is_none_or(|source| entry.source.to_string() == *source)
            && self.number.as_ref().is_none_or(|number| has_number(entry, number))
            && self.to.as_ref().is_none_or(|number| is_to(entry, number))
            && self
                .plugin
                .as_ref()
                .is_none_or(|name| entry.holders.iter().any(|it| it.plugin == *name))
            && self.reason.as_ref().is_none_or(|words| has_reason(entry, words))
            && self.alike.as_ref().is_none_or(|alike| shape_of(entry) == *alike)
            && self.since.is_none_or(|since| since <= received)
            && self.before.is_none_or(|before| received < before)
    }
}

fn has_number(entry: &QueueEntry, number: &str) -> bool {
    let from = entry.envelope.sender.as_ref();
    is_to(entry, number) || from.is_some_and(|from| has_digits(from.as_str(), number))
}

fn is_to(entry: &QueueEntry, number: &str) -> bool {
    let mut to = entry.envelope.recipients.iter();
    to.any(|to| has_digits(to.address.as_str(), number))
}

/// Whether these digits stand in an address, before its domain.
pub(in crate::control) fn has_digits(address: &str, number: &str) -> bool {
    let digits = |of: &str| of.chars().filter(char::is_ascii_digit).collect::<String>();
    let (wanted, user) = (digits(number), address.split('@').next().unwrap_or_default());
    !wanted.is_empty() && digits(user).contains(&wanted)
}

fn has_reason(entry: &QueueEntry, words: &str) -> bool {
    let reasons = entry.holders.iter().map(|holder| holder.reason.as_str());
    let words = words.to_lowercase();
    let mut reasons = reasons.chain(entry.reason.as_deref());
    reasons.any(|reason| reason.to_lowercase().contains(&words))
}

/// A next hop by its name: one of the configuration, or one that something in the queue is for.
pub(super) fn next_hop_in(store: &dyn Operator, name: &str, mut known: Vec<String>) -> Result<NextHop, Problem> {
    let next_hop = NextHop::new(name).map_err(|error| Problem::new(Kind::UnknownPeer, error.to_string()))?;
    if known.iter().any(|known| known == name) {
        return Ok(next_hop);
    }
    // Goes through the whole queue, so it is asked last.
    let queued = store.next_hops()?;
    if queued.contains(&next_hop) {
        return Ok(next_hop);
    }
    known.extend(queued.iter().map(NextHop::to_string));
    known.sort();
    known.dedup();
    Err(Problem::unknown(Kind::UnknownPeer, "peer", name, &known))
}

/// Everything that is known about a message in the queue.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Show {
    pub id: Named,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ShownAll {
    pub entries: Vec<Shown>,
}

impl Ask for Show {
    type Answer = ShownAll;
    const NAME: &'static str = "queue-show";
    const ABOUT: &'static str = "Everything that is known about a message in the queue: envelope, plug-ins, header";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/queue/{id}";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<ShownAll, Problem> {
        let peers = desk.standings();
        desk.blocking(move |store| {
            let mut entries = Vec::new();
            for id in in_queue(store, &[self.id])? {
                entries.extend(store.show(id)?.iter().map(|details| Shown::of(details, &peers)));
            }
            match entries.is_empty() {
                // It left meanwhile.
                true => Err(Problem::new(
                    Kind::UnknownId,
                    format!("{} is not in the queue", self.id),
                )),
                false => Ok(ShownAll { entries }),
            }
        })
        .await
    }
}
