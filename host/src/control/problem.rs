//! Why something was not done, for people and for programs.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spool::SpoolError;

/// Why it was not done. In HTTP it is a problem of RFC 9457.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem it is: a word that stays.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, in words, with names.
    pub detail: String,
    /// Where several things are wrong: each of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The question cannot be read, or contradicts itself.
    Unreadable,
    /// No verb has that path.
    NoSuchVerb,
    /// A peer of that name is neither configured nor in the queue.
    UnknownPeer,
    UnknownPlugIn,
    /// No output of charging records has that name, or there is none at all.
    UnknownOutput,
    /// Nothing of that id is there.
    UnknownId,
    /// It is there, and not in a state in which that can be done.
    WrongState,
    /// Nobody knows who asks: there is no token, or it is good for nothing.
    Unauthorized,
    /// Too many bad tokens have come from this address.
    TooManyTries,
    /// Nobody of the name is here that was asked for.
    OtherHost,
    /// This role may not.
    Forbidden,
    /// The key was used for another question, or its first use is under way.
    IdempotencyKey,
    /// Only a running relay does that.
    NotRunning,
    /// The configuration has problems, and nothing was changed.
    Configuration,
    /// The version of a plug-in does not go live; the running one stays.
    VersionRefused,
    /// It goes on, and had not come to an end when the answer was due.
    NotYet,
    /// The store cannot do it.
    Store,
    /// A bug.
    Internal,
}

impl Kind {
    fn status(self) -> u16 {
        match self {
            Self::Unreadable => 400,
            Self::Unauthorized => 401,
            Self::TooManyTries => 429,
            Self::OtherHost => 421,
            Self::Forbidden => 403,
            Self::NoSuchVerb | Self::UnknownPeer | Self::UnknownPlugIn | Self::UnknownOutput | Self::UnknownId => 404,
            Self::WrongState | Self::IdempotencyKey | Self::NotRunning => 409,
            Self::Configuration | Self::VersionRefused => 422,
            Self::NotYet => 504,
            Self::Store => 503,
            Self::Internal => 500,
        }
    }
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            status: kind.status(),
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// `there is no peer x; there are: a, b`.
    pub(super) fn unknown(kind: Kind, what: &str, name: &str, known: &[String]) -> Self {
        let others = match known {
            [] => "there is none at all".to_owned(),
            known => format!("there are: {}", known.join(", ")),
        };
        Self::new(kind, format!("there is no {what} {name}; {others}"))
    }

    /// Everything that is wrong with a configuration that was to be applied.
    pub fn configuration(errors: Vec<String>) -> Self {
        let detail = "the configuration is not reloaded, the running one stays";
        Self {
            errors,
            ..Self::new(Kind::Configuration, detail)
        }
    }

    /// Everything that is wrong with files that were to be taken.
    pub fn files(errors: Vec<String>) -> Self {
        Self {
            errors,
            ..Self::new(Kind::Configuration, "nothing is taken, what runs stays")
        }
    }

    pub(super) fn not_running(what: &str) -> Self {
        Self::new(
            Kind::NotRunning,
            format!("no relay runs here: only a running one {what}"),
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}

impl From<SpoolError> for Problem {
    fn from(error: SpoolError) -> Self {
        Self::new(Kind::Store, error.to_string())
    }
}
