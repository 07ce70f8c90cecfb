//! `[transactions]`: how long requests are remembered.

use std::time::Duration;

use super::file::Section;
use super::forms::duration;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transactions {
    /// From its reception on, a request is remembered for at least so long, and until its expiry if that is later: for
    /// responses and reports that come late, and for repeats. Default 3 days, as long as most peers try.
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
