//! Verbs about the relay as a whole: how it is, reloading its configuration, ending it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::peers::Peer;
use super::{Ask, Desk, Kind, Method, Order, Problem, Role, When, Who};

/// How the relay is, in one answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Status {}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct State {
    /// `None` when no relay runs on this state folder.
    pub running: Option<Running>,
    pub queue: Depths,
    /// Next hops that are down or paused, or that have something waiting or failed.
    pub peers: Vec<Peer>,
}

/// A relay at work.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Running {
    pub version: String,
    pub process: u32,
    pub since: When,
    /// It takes no more messages, and ends when those under way are finished.
    pub draining: bool,
    pub listening: Vec<Listening>,
    /// Where it tells metrics and health.
    pub monitoring: Option<String>,
    /// Why it does not do, or not fully, what it should. Empty when all is well.
    pub unwell: Vec<String>,
    /// What runs, in the order of the chain.
    pub plugins: Vec<PlugIn>,
    /// The relays on a store that several share, this one among them, as this one knew them some seconds ago. Empty where the
    /// store is its own.
    #[serde(default)]
    pub relays: Vec<RelayOnStore>,
}

/// One of the relays that share a store.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RelayOnStore {
    /// Its `node`.
    pub name: String,
    pub number: u32,
    /// It has said a word within the last minute, and nobody has taken its work over.
    pub lives: bool,
    /// What it said of itself last; `None`: nothing yet.
    pub says: Option<RelaySays>,
    /// What it runs otherwise than most of them, in words.
    pub differs: Vec<String>,
}

/// What a relay lets the others on its store know.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RelaySays {
    /// Of its program.
    pub version: String,
    pub since: When,
    /// Hashes of what relays on one store must agree about.
    pub configuration: String,
    pub tables: String,
    /// Messages that it has accepted since its start, and those that it has delivered.
    pub accepted: u64,
    pub delivered: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Listening {
    pub address: String,
    /// `outside`, `inside` or `both`.
    pub side: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlugIn {
    pub name: String,
    pub version: String,
    /// SHA-256 of the component.
    pub digest: String,
}

/// How much lies in the store.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Depths {
    pub waiting: u64,
    pub failed: u64,
    pub held: u64,
    pub unfinished: u64,
    /// Outcomes that plug-ins must still be told.
    pub untold: u64,
    /// Requests that are remembered.
    pub requests: u64,
}

impl Ask for Status {
    type Answer = State;
    const NAME: &'static str = "status";
    const ABOUT: &'static str = "How the relay is: its health, its queue, peers that need a look";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/status";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<State, Problem> {
        let depths = desk.blocking(|store| Ok(store.depths()?)).await?;
        let mut peers = desk.peers(&depths)?;
        peers.retain(|peer| peer.needs_a_look());
        Ok(State {
            running: desk.live.as_ref().map(|live| live.running()),
            queue: Depths::of(&depths),
            peers,
        })
    }
}

impl Depths {
    fn of(depths: &crate::spool::Depths) -> Self {
        let sum = |of: &[(crate::message::NextHop, i64)]| of.iter().map(|(_, number)| count(*number)).sum();
        Self {
            waiting: sum(&depths.waiting),
            failed: sum(&depths.failed),
            held: count(depths.held),
            unfinished: count(depths.unfinished),
            untold: count(depths.untold),
            requests: count(depths.transactions),
        }
    }
}

/// Read the configuration again, and apply what can change while the relay runs: all of it, or nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reload {}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Done {}

impl Ask for Reload {
    type Answer = Done;
    const NAME: &'static str = "reload";
    const ABOUT: &'static str = "Read the configuration again and apply it: all of it or nothing";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/reload";
    const ROLE: Role = Role::Administrator;

    async fn answer(self, desk: &Desk, _: &Who) -> Result<Done, Problem> {
        let (told, heard) = oneshot::channel();
        desk.order(Order::Reload(told), "reloads").await?;
        match heard.await {
            Ok(Ok(())) => Ok(Done {}),
            Ok(Err(errors)) => Err(Problem::configuration(errors)),
            Err(_) => Err(Problem::new(
                Kind::WrongState,
                "the relay ends, and reloads nothing any more",
            )),
        }
    }
}

/// End: take no more messages, finish those under way, close the store. As SIGTERM does.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {}

impl Ask for Stop {
    type Answer = Done;
    const NAME: &'static str = "stop";
    const ABOUT: &'static str = "End the relay once the work under way is finished; the answer comes before that";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/stop";
    const ROLE: Role = Role::Administrator;

    async fn answer(self, desk: &Desk, _: &Who) -> Result<Done, Problem> {
        desk.order(Order::Stop, "can be stopped").await?;
        Ok(Done {})
    }
}

impl Desk {
    async fn order(&self, order: Order, what: &str) -> Result<(), Problem> {
        let taken = self.live(what)?.order(order).await;
        taken.map_err(|why| Problem::new(Kind::WrongState, why))
    }
}

pub(super) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
