//! Keeping messages back, and sending them elsewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Named;
use super::choose::{Chosen, all_of, next_hops_of, one_of, parted, unclear};
use super::id::in_queue;
use crate::control::{Ask, Desk, Kind, Method, Problem, Role, Who};
use crate::message::PeerName;
use crate::spool::{By, Operator, QueueState, Selection};

/// Keep messages back that wait: they are not sent, not given up, and do not expire, until they are released or dropped.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KeepBack {
    pub ids: Vec<Named>,
    /// For those who come after.
    pub reason: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct KeptBack {
    pub held: u64,
    /// Of those that were named: what did not wait.
    pub not_waiting: Vec<String>,
}

impl Ask for KeepBack {
    type Answer = KeptBack;
    const NAME: &'static str = "queue-hold";
    const ABOUT: &'static str = "Keep messages back that wait, until they are released or dropped";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/queue/hold";
    const ROLE: Role = Role::Operator;
    const COUNTS: &'static str = "held";

    async fn answer(self, desk: &Desk, who: &Who) -> Result<KeptBack, Problem> {
        if self.reason.trim().is_empty() {
            return Err(unclear("a hold has a reason, for those who come after"));
        }
        let (reason, by) = (format!("held by {}: {}", who.name, self.reason), who.at(desk.now()));
        let (held, peers) = desk
            .blocking(move |store| {
                let ids = in_queue(store, &self.ids)?;
                let (waiting, others) = parted(store, &ids, |state| {
                    matches!(state, QueueState::Waiting | QueueState::Unfinished)
                })?;
                let peers = next_hops_of(store, &waiting)?;
                let held = store.hold(&waiting, &reason, &by)? as u64;
                let not_waiting = others.iter().map(ToString::to_string).collect();
                Ok((KeptBack { held, not_waiting }, peers))
            })
            .await?;
        desk.reconsider(&peers);
        Ok(held)
    }
}

/// Send messages to another peer than routing chose: what waits, was given up, or is kept back on its way out. They are sent
/// as they are, made for the peer before: departure plug-ins run no more. Requests among them are answered by the other peer.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Reroute {
    pub ids: Vec<Named>,
    /// Instead of ids: everything that waits for this peer.
    pub peer: Option<String>,
    /// With a peer: what was given up for it instead.
    pub failed: bool,
    /// The peer that is to be sent to.
    pub to: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Rerouted {
    /// So many entries go there now. Left alone is what has no next hop at all, what was delivered, and what went there
    /// anyhow.
    pub rerouted: u64,
}

impl Ask for Reroute {
    type Answer = Rerouted;
    const NAME: &'static str = "queue-reroute";
    const ABOUT: &'static str = "Send what waits for one peer through another instead";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/queue/reroute";
    const ROLE: Role = Role::Operator;
    const COUNTS: &'static str = "rerouted";

    async fn answer(self, desk: &Desk, who: &Who) -> Result<Rerouted, Problem> {
        let to = PeerName::new(&self.to).map_err(|error| unclear(&error.to_string()))?;
        if let Some(known) = desk.known() {
            one_of(Kind::UnknownPeer, "peer to send to", &self.to, &known.next_hops)?;
        }
        let by = who.at(desk.now());
        let (rerouted, mut peers, to) = desk
            .blocking(move |store| {
                let (rerouted, peers) = self.make(store, &to, &by)?;
                Ok((Rerouted { rerouted }, peers, to))
            })
            .await?;
        peers.push(to);
        desk.reconsider(&peers);
        Ok(rerouted)
    }
}

impl Reroute {
    fn make(&self, store: &dyn Operator, to: &PeerName, by: &By) -> Result<(u64, Vec<PeerName>), Problem> {
        let name = match Chosen::of(&self.ids, self.peer.as_deref())? {
            Chosen::Peer(name) => name,
            Chosen::Ids(ids) => {
                let ids = in_queue(store, ids)?;
                let peers = next_hops_of(store, &ids)?;
                return Ok((store.reroute(Selection::Ids(&ids), to, by)? as u64, peers));
            }
        };
        let from = super::find::next_hop_in(store, name, vec![name.to_owned()])?;
        let Some(from) = from.peer() else {
            return Err(unclear(&format!(
                "{name} is no peer: what has no next hop cannot be sent"
            )));
        };
        if from == to {
            return Err(unclear(&format!("what is for {to} goes there already")));
        }
        let moved = store.reroute(all_of(from, self.failed), to, by)? as u64;
        Ok((moved, vec![from.clone()]))
    }
}
