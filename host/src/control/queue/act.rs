//! Acting on messages in the queue.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Named;
use super::choose::{Chosen, all_of, one_of, parted, state_of, unclear};
use super::id::in_queue;
use crate::control::{Ask, Desk, Kind, Known, Method, Problem, Role, Who};
use crate::message::{NextHop, PeerName, QueueId};
use crate::spool::{Filter, Operator, QueueState, Selection};

/// Try again now; failed messages wait again.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Retry {
    pub ids: Vec<Named>,
    /// Instead of ids: everything that waits for this peer.
    pub peer: Option<String>,
    /// With a peer: what was given up for it instead. Its senders were told so, and do not hear of the new attempt.
    pub failed: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Retried {
    /// So many entries will be tried.
    pub retried: u64,
}

impl Ask for Retry {
    type Answer = Retried;
    const NAME: &'static str = "queue-retry";
    const ABOUT: &'static str = "Try messages again now; what was given up waits again";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/queue/retry";
    const ROLE: Role = Role::Operator;
    const COUNTS: &'static str = "retried";

    async fn answer(self, desk: &Desk, who: &Who) -> Result<Retried, Problem> {
        let (known, by) = (desk.known(), who.at(desk.now()));
        desk.blocking(move |store| {
            let retried = match Chosen::of(&self.ids, self.peer.as_deref())? {
                Chosen::Peer(name) => {
                    let next_hop = NextHop::new(name).map_err(|error| unclear(&error.to_string()))?;
                    let peer = reachable(&next_hop, &next_hop, known.as_ref())?;
                    store.retry(all_of(peer, self.failed), &by)?
                }
                Chosen::Ids(ids) => {
                    let ids = in_queue(store, ids)?;
                    can_be_retried(store, &ids, known.as_ref())?;
                    store.retry(Selection::Ids(&ids), &by)?
                }
            };
            let retried = retried as u64;
            Ok(Retried { retried })
        })
        .await
    }
}

fn can_be_retried(store: &dyn Operator, ids: &[QueueId], known: Option<&Known>) -> Result<(), Problem> {
    for id in ids {
        let Some(details) = store.show(*id)? else { continue };
        if let Some(next_hop) = &details.entry.next_hop {
            reachable(id, next_hop, known)?;
        }
        if details.entry.state == QueueState::Held {
            let detail = format!("{id} is held: `mm4relay queue release` carries it on");
            return Err(Problem::new(Kind::WrongState, detail));
        }
    }
    Ok(())
}

/// What has no next hop, or one that nobody knows, would wait for ever.
fn reachable<'a>(
    what: &dyn fmt::Display,
    next_hop: &'a NextHop,
    known: Option<&Known>,
) -> Result<&'a PeerName, Problem> {
    let Some(peer) = next_hop.peer() else {
        let detail =
            format!("{what} has no next hop to try; its sender has to send it again once there is a route, or drop it");
        return Err(Problem::new(Kind::WrongState, detail));
    };
    if let Some(known) = known {
        one_of(Kind::UnknownPeer, "peer", peer.as_str(), &known.peers)?;
    }
    Ok(peer)
}

/// Carry held messages on: through the plug-ins as they are now, from the beginning, as received.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Release {
    /// Also those that the plug-ins refused after they were accepted.
    pub ids: Vec<Named>,
    /// Instead of ids: every held message; with `past`, those that these plug-ins hold.
    pub all: bool,
    /// As `all`, of those that came from this peer or are held on their way to it.
    pub peer: Option<String>,
    /// As `all`, of those that this plug-in holds.
    pub plugin: Option<String>,
    /// Plug-ins that are not to be called for them, on arrival and departure.
    pub past: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Released {
    pub released: u64,
    /// Of the ids that were named: those that are not held.
    pub not_held: Vec<Named>,
}

impl Ask for Release {
    type Answer = Released;
    const NAME: &'static str = "queue-release";
    const ABOUT: &'static str = "Carry held messages on, past plug-ins if wanted";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/queue/release";
    const ROLE: Role = Role::Operator;
    const COUNTS: &'static str = "released";

    async fn answer(self, desk: &Desk, who: &Who) -> Result<Released, Problem> {
        desk.refuse_other_plugins(&self.past)?;
        desk.refuse_other_plugins(self.plugin.as_slice())?;
        let (known, by) = (desk.known().map(|known| known.peers), who.at(desk.now()));
        desk.blocking(move |store| {
            let ways = [
                !self.ids.is_empty(),
                self.all,
                self.peer.is_some(),
                self.plugin.is_some(),
            ];
            if ways.into_iter().filter(|way| *way).count() != 1 {
                return Err(unclear("which ones? Name ids, or a peer, or a plug-in, or all"));
            }
            let (ids, not_held) = self.named(store)?;
            let ids = match (&self.peer, &self.plugin) {
                (None, None) if self.all => store.held(None, &self.past)?,
                (None, None) => ids,
                (None, Some(plugin)) => held_by(store, plugin)?,
                (Some(peer), _) => {
                    if let Some(known) = &known {
                        one_of(Kind::UnknownPeer, "peer", peer, known)?;
                    }
                    let peer = PeerName::new(peer).map_err(|error| unclear(&error.to_string()))?;
                    store.held(Some(&peer), &self.past)?
                }
            };
            let released = store.release(&ids, &self.past, &by)? as u64;
            Ok(Released { released, not_held })
        })
        .await
    }
}

impl Release {
    /// The entries that are named, and the ids that name none that can be released.
    fn named(&self, store: &dyn Operator) -> Result<(Vec<QueueId>, Vec<Named>), Problem> {
        let (mut held, mut others) = (Vec::new(), Vec::new());
        for id in &self.ids {
            let entry = id.as_received();
            let kept_back = |state| entry.destination().is_none() || state == QueueState::Held;
            match state_of(store, entry)?.is_some_and(kept_back) {
                true => held.push(entry),
                // Of a message by its own id, what an operator keeps back on its way out.
                false if matches!(id, Named::Message(_)) => match kept_back_of(store, entry)? {
                    entries if entries.is_empty() => others.push(*id),
                    entries => held.extend(entries),
                },
                false => others.push(*id),
            }
        }
        Ok((held, others))
    }
}

/// The destinations of a message that an operator keeps back.
fn kept_back_of(store: &dyn Operator, of: QueueId) -> Result<Vec<QueueId>, Problem> {
    let entries = store.entries_of(of.message())?;
    Ok(parted(store, &entries, |state| state == QueueState::Held)?.0)
}

/// Only what is known to be held by it.
fn held_by(store: &dyn Operator, plugin: &str) -> Result<Vec<QueueId>, Problem> {
    let held = Filter {
        state: Some(QueueState::Held),
        limit: i64::MAX as usize,
        ..Filter::default()
    };
    let held = store.list(&held)?.into_iter();
    let its = held.filter(|entry| entry.holders.iter().any(|holder| holder.plugin == plugin));
    Ok(its.map(|entry| entry.id).collect())
}

/// Forget messages for good.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Drop {
    pub ids: Vec<Named>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Dropped {
    pub dropped: u64,
}

impl Ask for Drop {
    type Answer = Dropped;
    const NAME: &'static str = "queue-drop";
    const ABOUT: &'static str = "Forget messages for good; no outcome is told";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/queue/drop";
    const ROLE: Role = Role::Operator;
    const COUNTS: &'static str = "dropped";

    async fn answer(self, desk: &Desk, who: &Who) -> Result<Dropped, Problem> {
        let by = who.at(desk.now());
        desk.blocking(move |store| {
            let ids = in_queue(store, &self.ids)?;
            let dropped = store.remove(&ids, &by)? as u64;
            Ok(Dropped { dropped })
        })
        .await
    }
}

impl Desk {
    pub(in crate::control) fn refuse_other_plugins(&self, names: &[String]) -> Result<(), Problem> {
        let Some(known) = self.known() else { return Ok(()) };
        let mut names = names.iter();
        names.try_for_each(|name| one_of(Kind::UnknownPlugIn, "plug-in", name, &known.plugins))
    }
}
