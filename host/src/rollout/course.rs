//! What relays on one store know of the versions of a plug-in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::Timestamp;

/// How many versions that ran everywhere are known besides the running one.
pub const BEFORE_MAX: usize = 5;

/// Everything about one plug-in. It begins with the first roll-out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Course {
    /// The version that relays run, but for those that a roll-out says something else to. `None` until a roll-out was
    /// prepared everywhere for the first time: until then each relay runs what is in its file.
    pub live: Option<Version>,
    /// Versions that ran everywhere before, the last one first.
    pub before: Vec<Version>,
    /// By digest. No relay loads them.
    pub barred: BTreeMap<String, Bar>,
    /// The roll-out that is under way, or the last one.
    pub rollout: Option<Rollout>,
}

/// A version, as any relay can load it: its octets are in the store under its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Version {
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// The text of its signature file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Why a version may not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bar {
    pub why: String,
    /// Where it was found out.
    pub relay: String,
    #[serde(with = "millis")]
    pub at: Timestamp,
}

/// One version on its way to all relays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rollout {
    /// Roll-outs of a plug-in are counted from 1.
    pub number: u64,
    pub version: Version,
    /// The version that every relay ran when this began.
    pub replaces: Version,
    /// The plug-in's settings at the relay that began it. Others have to have the same, unless `own_settings`.
    pub settings: Value,
    /// Each relay configures it with its own settings, whatever others have.
    pub own_settings: bool,
    /// Who asked for it, and at which relay.
    pub by: String,
    pub from: String,
    #[serde(with = "millis")]
    pub begun: Timestamp,
    pub phase: Phase,
    /// When this phase began.
    #[serde(with = "millis")]
    pub since: Timestamp,
    /// How far each relay is.
    pub relays: BTreeMap<String, HowFar>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Phase {
    Preparing,
    /// This relay alone shows messages to it.
    Canary {
        relay: String,
    },
    Rest,
    /// It runs everywhere.
    Done,
    /// It was live nowhere.
    Refused {
        relay: String,
        step: String,
        why: String,
    },
    /// All relays return to the version before.
    Back {
        relay: String,
        why: String,
    },
}

/// How far one relay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum HowFar {
    /// It has been known since then to be among those that have to prepare the version.
    Preparing {
        #[serde(with = "millis")]
        since: Timestamp,
    },
    /// It could show messages to the version at once, since then.
    Ready {
        #[serde(with = "millis")]
        since: Timestamp,
    },
    /// It does, and watches it until then.
    Watching {
        #[serde(with = "millis")]
        until: Timestamp,
    },
    /// It does, and the watch is over.
    Stood,
    /// It runs the version before again.
    GoneBack,
}

impl Phase {
    /// Whether nothing follows by itself.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Done | Self::Refused { .. } | Self::Back { .. })
    }

    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Canary { .. } => "canary",
            Self::Rest => "rest",
            Self::Done => "done",
            Self::Refused { .. } => "refused",
            Self::Back { .. } => "back",
        }
    }
}

impl HowFar {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preparing { .. } => "preparing",
            Self::Ready { .. } => "ready",
            Self::Watching { .. } => "watching",
            Self::Stood => "stood",
            Self::GoneBack => "gone-back",
        }
    }
}

impl Rollout {
    pub fn progress(&self, relay: &str) -> Option<HowFar> {
        self.relays.get(relay).copied()
    }
}

impl Course {
    /// The roll-out that is under way.
    pub fn under_way(&self) -> Option<&Rollout> {
        self.rollout.as_ref().filter(|rollout| !rollout.phase.is_over())
    }

    /// The digests of everything that a relay may have to load.
    pub fn needed(&self) -> impl Iterator<Item = &str> {
        let rollout = self.rollout.iter().flat_map(|it| [&it.version, &it.replaces]);
        let all = self.live.iter().chain(&self.before).chain(rollout);
        all.map(|version| version.digest.as_str())
    }
}

/// Times as numbers.
mod millis {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::message::Timestamp;

    pub fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(time.0)
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Timestamp, D::Error> {
        u64::deserialize(from).map(Timestamp)
    }
}
