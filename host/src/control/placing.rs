//! Verbs that put another version of a plug-in in the place of the running one.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::plugins::Attempt;
use super::{Ask, Desk, Kind, Method, Problem, Role, Who};

/// Seconds that the relay has for a load, when nobody says, and at the most.
const WAIT: u64 = 120;
const LONGEST_WAIT: u64 = 3600;

/// Load this version of a plug-in. It goes through every step that a version goes through, and takes the place of the running
/// one, or does not and leaves everything as it was. While that lasts, `plugins` shows its steps.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadVersion {
    pub plugin: String,
    /// The component, in base64.
    pub component: String,
    /// Its signature, as `plugin sign` writes it into FILE.sig.
    #[serde(default)]
    pub signature: Option<String>,
    /// For how long the answer waits. Default 120, at most 3600. A load that takes longer goes on.
    #[serde(default)]
    pub seconds: Option<u64>,
}

/// Load the version of a plug-in that ran before the running one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    pub plugin: String,
    /// As for a load.
    #[serde(default)]
    pub seconds: Option<u64>,
}

/// Which version runs now.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct VersionPlaced {
    /// The SHA-256 of the component that ran.
    pub before: Option<String>,
    /// Of the one that runs.
    pub after: String,
    /// How it was loaded; `None`: it ran already.
    pub attempt: Option<Attempt>,
    /// For so long it is watched, and rolled back if it fails clearly more often.
    pub watched_seconds: f64,
}

/// A component to be placed, and its signature. `None`: the version before the running one.
pub type ToPlace = Option<(Bytes, Option<String>)>;

impl Ask for LoadVersion {
    type Answer = VersionPlaced;
    const NAME: &'static str = "plugin-load";
    const ABOUT: &'static str = "Load another version of a plug-in";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/plugins/{plugin}/load";
    const ROLE: Role = Role::Administrator;
    /// A component of 95 MiB in base64, half as much again as the usual limit of a component.
    const MOST_OCTETS: usize = 128 << 20;

    /// Which version it is, instead of the version.
    fn noted_question(&self) -> serde_json::Result<Value> {
        let component = STANDARD.decode(&self.component).unwrap_or_default();
        Ok(serde_json::json!({
            "plugin": self.plugin,
            "digest": mm4relay_engine::digest(&component),
            "octets": component.len(),
            "signed": self.signature.is_some(),
        }))
    }

    async fn answer(self, desk: &Desk, _: &Who) -> Result<VersionPlaced, Problem> {
        let component = STANDARD.decode(&self.component).map_err(|error| {
            let detail = format!("component is not base64 (RFC 4648, 4): {error}");
            Problem::new(Kind::Unreadable, detail)
        })?;
        place(
            desk,
            &self.plugin,
            Some((component.into(), self.signature)),
            self.seconds,
        )
        .await
    }
}

impl Ask for RollBack {
    type Answer = VersionPlaced;
    const NAME: &'static str = "plugin-rollback";
    const ABOUT: &'static str = "Load the version of a plug-in that ran before the running one";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/plugins/{plugin}/rollback";
    const ROLE: Role = Role::Administrator;

    async fn answer(self, desk: &Desk, _: &Who) -> Result<VersionPlaced, Problem> {
        place(desk, &self.plugin, None, self.seconds).await
    }
}

async fn place(desk: &Desk, plugin: &str, what: ToPlace, seconds: Option<u64>) -> Result<VersionPlaced, Problem> {
    desk.refuse_other_plugins(&[plugin.to_owned()])?;
    let seconds = seconds.unwrap_or(WAIT);
    if !(1..=LONGEST_WAIT).contains(&seconds) {
        let detail = format!("seconds is {seconds}: expected 1 to {LONGEST_WAIT}");
        return Err(Problem::new(Kind::Unreadable, detail));
    }
    let live = desk.live("loads a version")?;
    live.place_version(plugin.to_owned(), what, Duration::from_secs(seconds))
        .await
}
