//! Verbs that put another version of a plug-in in the place of the running one.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::plugins::Attempt;
use super::rollouts::RolloutAtWork;
use super::{Ask, Desk, Kind, Method, Problem, Role, Who};

/// Seconds that the relay has for a load, when nobody says, and at the most.
const WAIT: u64 = 120;
const LONGEST_WAIT: u64 = 3600;

/// Load this version of a plug-in. Where relays share a store, it goes to all of them, as a roll-out, or to none. It goes through every step that a version goes through, and takes the place of the running
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
    /// Where relays share a store: each configures it with its own settings, also where those are not the settings of this
    /// relay.
    #[serde(default)]
    pub own_settings: bool,
}

/// Load the version of a plug-in that ran before the running one. Where relays share a store, all of them do, and the running
/// version is barred.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    pub plugin: String,
    /// As for a load.
    #[serde(default)]
    pub seconds: Option<u64>,
}

/// Which version runs now.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
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
    /// How it came to all relays, where they share a store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutAtWork>,
}

/// A component to be placed, and its signature. `None`: the version before the running one.
pub type ToPlace = Option<(Bytes, Option<String>)>;

/// What is to run instead, and who wants it so.
#[derive(Clone, Debug)]
pub struct Placement {
    pub what: ToPlace,
    /// Each of several relays configures it with its own settings.
    pub own_settings: bool,
    pub by: String,
}

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
            "own-settings": self.own_settings,
        }))
    }

    async fn answer(self, desk: &Desk, who: &Who) -> Result<VersionPlaced, Problem> {
        let component = STANDARD.decode(&self.component).map_err(|error| {
            let detail = format!("component is not base64 (RFC 4648, 4): {error}");
            Problem::new(Kind::Unreadable, detail)
        })?;
        let placement = Placement {
            what: Some((component.into(), self.signature)),
            own_settings: self.own_settings,
            by: who.name.clone(),
        };
        place(desk, &self.plugin, placement, self.seconds).await
    }
}

impl Ask for RollBack {
    type Answer = VersionPlaced;
    const NAME: &'static str = "plugin-rollback";
    const ABOUT: &'static str = "Load the version of a plug-in that ran before the running one";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/plugins/{plugin}/rollback";
    const ROLE: Role = Role::Administrator;

    async fn answer(self, desk: &Desk, who: &Who) -> Result<VersionPlaced, Problem> {
        let placement = Placement {
            what: None,
            own_settings: true,
            by: who.name.clone(),
        };
        place(desk, &self.plugin, placement, self.seconds).await
    }
}

async fn place(
    desk: &Desk,
    plugin: &str,
    placement: Placement,
    seconds: Option<u64>,
) -> Result<VersionPlaced, Problem> {
    desk.refuse_other_plugins(&[plugin.to_owned()])?;
    let seconds = seconds.unwrap_or(WAIT);
    if !(1..=LONGEST_WAIT).contains(&seconds) {
        let detail = format!("seconds is {seconds}: expected 1 to {LONGEST_WAIT}");
        return Err(Problem::new(Kind::Unreadable, detail));
    }
    let live = desk.live("loads a version")?;
    live.place_version(plugin.to_owned(), placement, Duration::from_secs(seconds))
        .await
}
