//! Attempts to load a version, as the [history](super::history) has them.

use serde::{Deserialize, Serialize};

use super::AskedFor;

/// One attempt to load a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub number: u64,
    /// `start`, `reload`, `file`, `rollback` or `roll-out`.
    pub cause: Cause,
    /// What an operator asked for, where the file came from the relay itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<AskedFor>,
    pub digest: String,
    /// When it began, in RFC 3339.
    pub began: String,
    pub steps: Vec<Step>,
    pub verdict: Verdict,
    /// Why the version is not live.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// What caused an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The relay was started.
    Start,
    /// The configuration was read again.
    Reload,
    /// The file was replaced.
    File,
    /// The version that was rolled back to is loaded with the present settings and tables.
    Rollback,
    /// All relays are to run it.
    RollOut,
}

/// A completed step, in the order of [`super`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub step: String,
    /// Milliseconds since the attempt began.
    pub after_ms: f64,
    pub said: String,
}

/// The state of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    UnderWay,
    Live,
    Refused,
    RolledBack,
}
