//! Who holds a message, for the operator who is to decide about it.

use std::fmt;

use super::PeerName;

/// A plug-in because of which a message stays in the spool as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its name in the configuration.
    pub plugin: String,
    pub rule: HoldRule,
    /// The next hop on whose departure it was; `None` on arrival, or when several were tried.
    pub to: Option<PeerName>,
    /// What it said, or how it failed.
    pub reason: String,
}

/// Why a plug-in's doing holds the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldRule {
    /// Its verdict was `hold`.
    Verdict,
    /// It failed, and its `on-failure` is `hold`.
    Failure,
    /// It failed with `on-failure = "defer"` as often as `hold-after-deferrals` allows.
    Deferrals,
}

impl HoldRule {
    /// The word for it in exported JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verdict => "verdict",
            Self::Failure => "on-failure",
            Self::Deferrals => "hold-after-deferrals",
        }
    }
}

/// `plug-in scanner, by its verdict on departure to operator-b`.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plug-in {}, ", self.plugin)?;
        match self.rule {
            HoldRule::Verdict => f.write_str("by its verdict")?,
            HoldRule::Failure => f.write_str("by on-failure = \"hold\"")?,
            HoldRule::Deferrals => f.write_str("by hold-after-deferrals")?,
        }
        match (&self.to, self.rule) {
            (Some(peer), _) => write!(f, " on departure to {peer}"),
            (None, HoldRule::Deferrals) => Ok(()),
            (None, HoldRule::Verdict | HoldRule::Failure) => f.write_str(" on arrival"),
        }
    }
}
