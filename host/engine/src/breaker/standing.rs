//! When a breaker opens, and its state.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When a breaker opens, and how long it stays open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerOptions {
    /// Failed calls in a row that open it; 0 counts as 1. Default 20: one bad message that its sender repeats does not
    /// get there before another call succeeds, and a broken plug-in does so within seconds. Calls that concern one peer
    /// count for that peer; see [`Breaker`](crate::Breaker).
    pub failures: u32,
    /// The time from opening to the first probe. Default 1 s: a short failure of something outside is over by then.
    pub first: Duration,
    /// Each failed probe doubles the pause, up to this limit. Default 60 s: a repair is noticed within a minute.
    pub longest: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        BreakerOptions {
            failures: 20,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
        }
    }
}

/// The state of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// The plug-in is called.
    Closed,
    /// The plug-in is not called, until the pause is over and a message comes.
    Open,
    /// The plug-in is being tried with one message.
    Probing,
}

/// The plug-in must not be called now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerOpen {
    /// The peer whose messages it fails on; `None` when it fails on those of several.
    pub peer: Option<String>,
    /// Until the next probe; `None` while one is under way.
    pub probe_in: Option<Duration>,
}

impl fmt::Display for BreakerOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.peer {
            Some(peer) => write!(
                f,
                "its breaker is open for peer {peer} after repeated failures, so it was not called; "
            )?,
            None => f.write_str("its breaker is open after repeated failures, so it was not called; ")?,
        }
        match self.probe_in {
            Some(pause) => write!(f, "it is tried again in {} ms", pause.as_millis()),
            None => f.write_str("it is being tried with another message"),
        }
    }
}
