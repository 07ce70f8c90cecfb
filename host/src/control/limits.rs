//! Verbs about how fast a peer is sent to, for a while.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ask, Desk, Kind, Method, Problem, Role, When, Who, kept};
use crate::message::{PeerName, Rate, Timestamp};

/// A peer is sent to no faster than this, whatever is configured.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub struct Limit {
    /// `20/s`, `600/min`.
    pub rate: String,
    pub since: When,
    /// When it ends by itself; `None`: when somebody lifts it.
    pub until: Option<When>,
    pub reason: String,
    pub by: String,
}

impl Limit {
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until.0 <= now)
    }

    /// For the relay; `None` when somebody else wrote the file.
    pub fn rate(&self) -> Option<Rate> {
        self.rate.parse().ok()
    }
}

/// Send to a peer no faster than this for a while, in the place of the rate that is configured. Survives a restart.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LimitPeer {
    pub peer: String,
    /// So many messages in a time: `20/s`, `600/min`.
    pub rate: String,
    /// For so many seconds; without it, until somebody lifts it.
    #[serde(default)]
    pub seconds: Option<u64>,
    /// For those who come after.
    pub reason: String,
}

/// Send to a peer as fast as the configuration says again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UnlimitPeer {
    pub peer: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LimitChanged {
    pub before: Option<Limit>,
    pub after: Option<Limit>,
}

impl Ask for LimitPeer {
    type Answer = LimitChanged;
    const NAME: &'static str = "peer-limit";
    const ABOUT: &'static str = "Send to a peer no faster than this for a while";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/peers/{peer}/limit";
    const ROLE: Role = Role::Operator;

    async fn answer(self, desk: &Desk, who: &Who) -> Result<LimitChanged, Problem> {
        let unreadable = |why: String| Problem::new(Kind::Unreadable, why);
        if self.reason.trim().is_empty() {
            return Err(unreadable("a limit has a reason, for those who come after".to_owned()));
        }
        self.rate
            .parse::<Rate>()
            .map_err(|why| unreadable(format!("{:?} is no rate: {why}", self.rate)))?;
        let now = desk.now();
        let until = When::ends(now, self.seconds)?;
        let limit = Limit {
            rate: self.rate,
            since: now.into(),
            until,
            reason: self.reason,
            by: who.name.clone(),
        };
        desk.change_limit(&self.peer, Some(limit)).await
    }
}

impl Ask for UnlimitPeer {
    type Answer = LimitChanged;
    const NAME: &'static str = "peer-unlimit";
    const ABOUT: &'static str = "Send to a peer as fast as the configuration says again";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/peers/{peer}/unlimit";
    const ROLE: Role = Role::Operator;

    async fn answer(self, desk: &Desk, _: &Who) -> Result<LimitChanged, Problem> {
        let changed = desk.change_limit(&self.peer, None).await?;
        match changed.before {
            Some(_) => Ok(changed),
            None => Err(Problem::new(
                Kind::WrongState,
                format!("{} is under no limit of an operator", self.peer),
            )),
        }
    }
}

impl Desk {
    async fn change_limit(&self, name: &str, after: Option<Limit>) -> Result<LimitChanged, Problem> {
        let peer = self.next_hop(name)?;
        let _turn = self.changing.lock().await;
        let (mut limits, now) = (read_limits(&self.folder)?, self.now());
        limits.retain(|_, limit| !limit.is_over(now));
        let before = match &after {
            Some(limit) => limits.insert(name.to_owned(), limit.clone()),
            None => limits.remove(name),
        };
        kept::write(&self.folder, FILE, &limits)?;
        if let Some(live) = &self.live {
            live.limit(&peer, after.as_ref());
        }
        Ok(LimitChanged { before, after })
    }

    /// A peer that something can be sent to.
    pub(super) fn next_hop(&self, name: &str) -> Result<PeerName, Problem> {
        let peer = PeerName::new(name).map_err(|error| Problem::new(Kind::UnknownPeer, error.to_string()))?;
        match self.known() {
            Some(known) if !known.next_hops.iter().any(|known| known == name) => Err(Problem::unknown(
                Kind::UnknownPeer,
                "peer to send to",
                name,
                &known.next_hops,
            )),
            _ => Ok(peer),
        }
    }
}

/// In the state folder.
const FILE: &str = "limited.json";

/// The limits that were asked for, by peer; some may be over.
///
/// # Errors
/// The file is there and cannot be read.
pub fn read_limits(folder: &Path) -> std::io::Result<BTreeMap<String, Limit>> {
    kept::read(folder, FILE)
}
