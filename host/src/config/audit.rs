//! `[audit]`: how long it is known who changed what.

use std::time::Duration;

use super::file::Section;
use super::forms::duration;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// `keep`: entries are removed when they are older. Default: they stay until somebody removes them.
    pub keep: Option<Duration>,
}

impl Audit {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        Self {
            keep: s.optional("keep", duration(SECOND..=4000 * DAY)),
        }
    }
}
