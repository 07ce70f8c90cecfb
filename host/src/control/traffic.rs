//! What comes in and goes out, peer by peer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ask, Desk, Method, Problem, When, Who};

/// What has come in and gone out since the relay started, and how long it took. Whoever asks twice has a rate.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Traffic {}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AllTraffic {
    pub at: When,
    /// The bounds of `took`, in milliseconds, in rising order.
    pub took_bounds: Vec<u64>,
    /// By name. What the relay writes itself comes from `mm4relay`.
    pub peers: Vec<PeerTraffic>,
    /// Octets that are free where the spool is, if somebody watches that.
    pub disk_free: Option<u64>,
}

/// Of one peer, since the relay started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PeerTraffic {
    pub name: String,
    /// Messages from it that were answered with 250, 5xx and 4xx at the end of their data.
    pub accepted: u64,
    pub refused: u64,
    pub put_off: u64,
    /// Outgoing messages: those that it took, attempts after which one waits for another, and those that were given up.
    pub delivered: u64,
    pub deferred: u64,
    pub given_up: u64,
    /// Of those delivered, how many took no longer than each bound, and longer than the one before it, from when they were
    /// received; the last took longer than all.
    pub took: Vec<u64>,
}

impl Ask for Traffic {
    type Answer = AllTraffic;
    const NAME: &'static str = "traffic";
    const ABOUT: &'static str = "What has come in and gone out since the relay started, by peer, and how long it took";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/traffic";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<AllTraffic, Problem> {
        Ok(desk.live("has traffic")?.traffic())
    }
}
