//! Verbs about plug-ins: what runs and how it does, the breaker, and switching one off.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ask, Desk, Kind, Method, Problem, Role, When, Who, kept};

/// The plug-ins of the running relay, in the order of the chain.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlugIns {}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AllPlugIns {
    pub plugins: Vec<PlugInAtWork>,
}

/// What runs of one plug-in, and what it has come to since that version went live here.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlugInAtWork {
    pub name: String,
    pub version: String,
    /// SHA-256 of the component.
    pub digest: String,
    /// Set while an operator keeps messages from it.
    pub off: Option<Off>,
    /// `closed`, `open` or `probing`, for everybody.
    pub breaker: String,
    /// The peers for which alone it is not closed.
    pub breaker_of_peers: BTreeMap<String, String>,
    /// Calls that succeeded: `pass`, `edit`, `refuse`, `hold`, `discard`.
    pub verdicts: BTreeMap<String, u64>,
    /// Calls that failed, by what went wrong.
    pub failures: BTreeMap<String, u64>,
    /// Messages for which the breaker was open.
    pub not_called: u64,
    /// Versions that are kept, the last to go live first: the first is the running one, `rollback` goes to the second.
    pub versions: Vec<Version>,
    /// Why its file is not loaded until it is replaced, when it was rolled back.
    pub barred: Option<String>,
    /// The last attempt to load a version: `live`, `refused`, `rolled-back` or `under-way`.
    pub last_attempt: Option<Attempt>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Version {
    pub version: String,
    pub digest: String,
    /// RFC 3339.
    pub since: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// Attempts are counted through all plug-ins and restarts.
    pub number: u64,
    pub digest: String,
    /// RFC 3339.
    pub began: String,
    pub verdict: String,
    /// Why, when it is not live.
    pub why: String,
    /// What it went through so far, in this order.
    pub steps: Vec<LoadStep>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LoadStep {
    pub step: String,
    /// Milliseconds since the attempt began.
    pub after_ms: f64,
    pub said: String,
}

/// No message is shown to a plug-in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Off {
    pub since: When,
    pub reason: String,
    pub by: String,
}

impl Ask for PlugIns {
    type Answer = AllPlugIns;
    const NAME: &'static str = "plugins";
    const ABOUT: &'static str = "What runs of each plug-in, what its calls came to, its breaker, and its versions";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/plugins";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<AllPlugIns, Problem> {
        let mut plugins = desk.live("has plug-ins at work")?.plugins();
        let mut off = read_switched_off(&desk.folder)?;
        for plugin in &mut plugins {
            plugin.off = off.remove(&plugin.name);
        }
        Ok(AllPlugIns { plugins })
    }
}

/// Call a plug-in again at once, for everybody, although it has failed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetBreaker {
    pub plugin: String,
}

/// Where it stands for everybody, and for the peers for which alone it is not closed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct BreakerChanged {
    pub before: String,
    pub before_of_peers: BTreeMap<String, String>,
    pub after: String,
}

impl Ask for ResetBreaker {
    type Answer = BreakerChanged;
    const NAME: &'static str = "plugin-breaker-reset";
    const ABOUT: &'static str = "Call a plug-in again at once, although it has failed";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/plugins/{plugin}/breaker-reset";
    const ROLE: Role = Role::Operator;

    async fn answer(self, desk: &Desk, _: &Who) -> Result<BreakerChanged, Problem> {
        desk.refuse_other_plugins(std::slice::from_ref(&self.plugin))?;
        let live = desk.live("has a breaker")?;
        let find = || live.plugins().into_iter().find(|plugin| plugin.name == self.plugin);
        let before = find().unwrap_or_default();
        live.reset_breaker(&self.plugin);
        Ok(BreakerChanged {
            before: before.breaker,
            before_of_peers: before.breaker_of_peers,
            after: find().unwrap_or_default().breaker,
        })
    }
}

/// Show no message to a plug-in until it is switched on again: the chain goes on as if it were not there. Messages under way
/// keep the chain that they began with. Survives a restart.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchOff {
    pub plugin: String,
    /// For those who come after.
    pub reason: String,
}

/// Show messages to a plug-in again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchOn {
    pub plugin: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Switched {
    pub before: Option<Off>,
    pub after: Option<Off>,
}

impl Ask for SwitchOff {
    type Answer = Switched;
    const NAME: &'static str = "plugin-off";
    const ABOUT: &'static str = "Show no message to a plug-in until it is switched on again";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/plugins/{plugin}/off";
    const ROLE: Role = Role::Administrator;

    async fn answer(self, desk: &Desk, who: &Who) -> Result<Switched, Problem> {
        desk.refuse_other_plugins(std::slice::from_ref(&self.plugin))?;
        if self.reason.trim().is_empty() {
            let detail = "what is switched off has a reason, for those who come after";
            return Err(Problem::new(Kind::Unreadable, detail));
        }
        let off = Off {
            since: desk.now().into(),
            reason: self.reason,
            by: who.name.clone(),
        };
        desk.switch(&self.plugin, Some(off)).await
    }
}

impl Ask for SwitchOn {
    type Answer = Switched;
    const NAME: &'static str = "plugin-on";
    const ABOUT: &'static str = "Show messages to a plug-in again";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/plugins/{plugin}/on";
    const ROLE: Role = Role::Administrator;

    async fn answer(self, desk: &Desk, _: &Who) -> Result<Switched, Problem> {
        let switched = desk.switch(&self.plugin, None).await?;
        match switched.before {
            Some(_) => Ok(switched),
            None => Err(Problem::new(
                Kind::WrongState,
                format!("{} is not switched off", self.plugin),
            )),
        }
    }
}

impl Desk {
    async fn switch(&self, plugin: &str, after: Option<Off>) -> Result<Switched, Problem> {
        let _turn = self.changing.lock().await;
        let mut off = read_switched_off(&self.folder)?;
        let before = match &after {
            Some(why) => off.insert(plugin.to_owned(), why.clone()),
            None => off.remove(plugin),
        };
        kept::write(&self.folder, FILE, &off)?;
        if let Some(live) = &self.live {
            live.switch_off(off.into_keys().collect());
        }
        Ok(Switched { before, after })
    }
}

/// In the state folder.
const FILE: &str = "switched-off.json";

/// The plug-ins that are switched off, by name.
///
/// # Errors
/// The file is there and cannot be read.
pub fn read_switched_off(folder: &Path) -> std::io::Result<BTreeMap<String, Off>> {
    kept::read(folder, FILE)
}
