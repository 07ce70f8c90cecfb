//! The configuration's file against what runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ask, Desk, Method, Problem, Who};

/// What a reload would change, and what is wrong with the file. Nothing is changed; plug-ins are not loaded for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compare {}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Compared {
    pub file: String,
    /// What is wrong with it, as `check` says it: a reload would change nothing then.
    pub problems: Vec<String>,
    /// What differs from what runs, one thing each. Empty when there is nothing to apply, or too much is wrong.
    pub changes: Vec<String>,
}

impl Ask for Compare {
    type Answer = Compared;
    const NAME: &'static str = "configuration-compare";
    const ABOUT: &'static str = "What a reload would change, and what is wrong with the configuration's file";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/configuration/compare";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<Compared, Problem> {
        Ok(desk.live("has a configuration at work")?.compare_configuration().await)
    }
}
