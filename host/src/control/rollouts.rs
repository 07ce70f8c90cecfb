//! Verbs about versions that go to all relays on a store.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ask, Desk, Method, Problem, Role, When, Who};

/// What all relays that share this relay's store run of each plug-in, and the roll-outs of other versions.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRollouts {}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AllRollouts {
    /// Whether relays share a store. Where they do not, versions are each relay's own, and nothing else is said here.
    pub shared: bool,
    /// The relay that answers.
    pub relay: String,
    /// The relays that live.
    pub relays: Vec<String>,
    /// Of each plug-in that was ever rolled out.
    pub plugins: Vec<RolledOut>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RolledOut {
    pub plugin: String,
    /// The digest of the version that all relays run, but for those that a roll-out says something else to. `None`: each
    /// runs what is in its file.
    pub live: Option<String>,
    /// Versions that all ran before, the last one first: `plugin rollback` goes to the first.
    pub before: Vec<String>,
    pub barred: Vec<BarredVersion>,
    /// The roll-out that is under way, or the last one.
    pub rollout: Option<RolloutAtWork>,
}

/// A version that failed in traffic, or was called back. No relay loads it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BarredVersion {
    pub digest: String,
    pub why: String,
    /// Where that was found out.
    pub relay: String,
    pub at: When,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RolloutAtWork {
    /// Roll-outs of a plug-in are counted.
    pub number: u64,
    pub digest: String,
    /// What all ran when it began.
    pub replaces: String,
    /// Who asked for it, and at which relay.
    pub by: String,
    pub from: String,
    pub begun: When,
    /// `preparing`, `canary`, `rest`, `done`, `refused` or `back`.
    pub phase: String,
    /// The same in words, with the relay and the reason.
    pub said: String,
    pub since: When,
    pub relays: Vec<RelayInRollout>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RelayInRollout {
    pub relay: String,
    /// `preparing`, `ready`, `watching`, `stood` or `gone-back`.
    pub progress: String,
    /// Whether it lives, by the clock of the store.
    pub lives: bool,
}

impl Ask for ListRollouts {
    type Answer = AllRollouts;
    const NAME: &'static str = "plugin-rollouts";
    const ABOUT: &'static str = "What all relays on the store run of each plug-in, and how roll-outs go";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/rollouts";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<AllRollouts, Problem> {
        Ok(desk.live("takes part in roll-outs")?.rollouts())
    }
}

/// Let a version be rolled out again that failed in traffic, or was called back.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unbar {
    pub plugin: String,
    /// Its digest, or the beginning of it.
    pub digest: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Unbarred {
    pub digest: String,
}

impl Ask for Unbar {
    type Answer = Unbarred;
    const NAME: &'static str = "plugin-unbar";
    const ABOUT: &'static str = "Let a version be rolled out again that was barred";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/plugins/{plugin}/unbar";
    const ROLE: Role = Role::Administrator;

    async fn answer(self, desk: &Desk, who: &Who) -> Result<Unbarred, Problem> {
        let live = desk.live("takes part in roll-outs")?;
        let digest = live.unbar(self.plugin, self.digest, who.name.clone()).await?;
        Ok(Unbarred { digest })
    }
}
