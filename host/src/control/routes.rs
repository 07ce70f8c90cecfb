//! Where a number goes, as the running relay sees it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ask, Desk, Method, Problem, Who};

/// Where a recipient would go, and what each step of routing found. DNS is asked; no message is sent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Route {
    /// A number, or an address with a domain.
    pub recipient: String,
    /// The peer or relay-server that would send to it; without it, nobody's rights are looked at.
    #[serde(default)]
    pub from: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Routed {
    /// It goes somewhere; else the last step has the reply that the sender would hear.
    pub goes: bool,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    pub step: String,
    pub found: String,
}

impl Ask for Route {
    type Answer = Routed;
    const NAME: &'static str = "route";
    const ABOUT: &'static str = "Where a recipient would go, and why, with who can be reached now";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/route";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<Routed, Problem> {
        desk.live("knows who can be reached now")?.route(&self).await
    }
}
