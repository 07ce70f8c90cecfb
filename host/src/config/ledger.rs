//! `[ledger]`: how long the ends of messages are recorded.

use std::time::Duration;

use super::file::Section;
use super::forms::duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// How long a message is in the ledger, from its reception. Default 40 days: a month, and time to settle it.
    pub keep: Duration,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { keep: 40 * DAY }
    }
}

impl Ledger {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            keep: s.optional("keep", duration(DAY..=800 * DAY)).unwrap_or(default.keep),
        }
    }
}
