//! `[transactions]`: how long requests are stored.

use std::time::Duration;

use super::file::Section;
use super::forms::duration;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transactions {
    /// How long a request is stored at least, from its reception; until its expiry if that is later. It is needed for
    /// late responses and reports, and for repeats. Default 3 days, as long as most peers try.
    pub keep: Duration,
}

impl Default for Transactions {
    fn default() -> Self {
        Self { keep: 3 * DAY }
    }
}

impl Transactions {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            keep: s.optional("keep", duration(HOUR..=60 * DAY)).unwrap_or(default.keep),
        }
    }
}
