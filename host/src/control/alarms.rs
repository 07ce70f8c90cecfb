//! What somebody should see to.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ask, Desk, Method, Problem, When, Who};
use crate::message::Visible;

/// What is wrong at this moment, the most severe first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alarms {}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RaisedAlarms {
    pub alarms: Vec<RaisedAlarm>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct RaisedAlarm {
    /// A word that stays: `peer-down`.
    pub alarm: String,
    /// The peer, plug-in, output or table that it is about; empty for the relay as a whole.
    pub about: String,
    /// `critical` or `warning`.
    pub severity: String,
    pub since: When,
    /// What is wrong, in words. Numbers are masked.
    pub said: String,
    /// What somebody can do about it.
    pub remedy: String,
    /// Of the relays that share a store, the one at which it is wrong; `None` where the store is its own.
    #[serde(default)]
    pub relay: Option<String>,
}

impl Ask for Alarms {
    type Answer = RaisedAlarms;
    const NAME: &'static str = "alarms";
    const ABOUT: &'static str = "What is wrong at this moment, since when, and what to do about it";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/alarms";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<RaisedAlarms, Problem> {
        let alarms = desk.live("raises alarms")?.alarms();
        Ok(RaisedAlarms { alarms })
    }
}

/// The lines of `mm4relay alarms`.
impl fmt::Display for RaisedAlarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = match self.about.as_str() {
            "" => String::new(),
            about => format!(" {about}"),
        };
        let relay = self
            .relay
            .as_ref()
            .map_or_else(String::new, |relay| format!("  at relay {relay}"));
        write!(
            f,
            "{}  {}{about}  since {}{relay}",
            self.severity, self.alarm, self.since
        )?;
        write!(f, "\n    {}\n    {}", Visible(&self.said), self.remedy)
    }
}
