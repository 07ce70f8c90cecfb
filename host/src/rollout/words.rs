//! Roll-outs in words, for logs, the audit and people.

use std::collections::BTreeSet;
use std::fmt;

use super::course::{HowFar, Phase, Rollout};
use super::steps::Statement;

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preparing => f.write_str("every relay prepares it"),
            Self::Canary { relay } => write!(f, "relay {relay} alone shows messages to it"),
            Self::Rest => f.write_str("the other relays show messages to it"),
            Self::Done => f.write_str("all relays run it"),
            Self::Refused { relay, step, why } => write!(f, "relay {relay} refused it at {step}: {why}"),
            Self::Back { relay, why } => write!(f, "all relays go back, since at relay {relay}: {why}"),
        }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::Refused { step, why } => write!(f, "refused at {step}: {why}"),
            Self::Shows { watch } => write!(f, "shows messages to it, watched for {watch:?}"),
            Self::Stood => f.write_str("the watch is over"),
            Self::Tripped { why } => write!(f, "it failed in traffic: {why}"),
            Self::Restarted => f.write_str("started again, and runs the version before"),
            Self::GoneBack => f.write_str("runs the version before again"),
        }
    }
}

impl Phase {
    /// Whether somebody should see to it.
    pub(super) fn is_bad(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Back { .. })
    }
}

impl Rollout {
    /// Whether it is over, and every relay that lives has gone back if that is how it ended.
    pub fn is_settled(&self, living: &BTreeSet<String>) -> bool {
        let gone_back = |relay: &String| self.progress(relay) == Some(HowFar::GoneBack);
        match &self.phase {
            Phase::Back { .. } => living.iter().all(gone_back),
            phase => phase.is_over(),
        }
    }
}
