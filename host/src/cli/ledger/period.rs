//! Times as operators write them, and as they are shown.

use std::str::FromStr;

use crate::ledger::compare::LegFacts;
use crate::message::{MessageId, Timestamp};

/// A day (its beginning, UTC) or a point in time with its offset.
#[derive(Clone, Copy, Debug)]
pub struct Moment(pub Timestamp);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = || {
            let day: jiff::civil::Date = text.parse().ok()?;
            Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        };
        let at = text.parse::<jiff::Timestamp>().ok().or_else(day);
        at.and_then(|at| u64::try_from(at.as_millisecond()).ok())
            .map(|at| Self(Timestamp(at)))
            .ok_or_else(|| "a day such as 2026-11-01, or a time such as 2026-11-01T12:00:00Z, is expected".into())
    }
}

/// The time of a message's id, as shown.
pub fn shown(id: MessageId) -> String {
    let at = jiff::Timestamp::from_microsecond(i64::try_from(id.0).unwrap_or(i64::MAX));
    at.map_or_else(|_| "?".into(), |at| format!("{at:.3}"))
}

/// The period whose records are compared.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Times {
    pub fn hold(self, said: &LegFacts) -> bool {
        let at = Timestamp(u64::try_from(said.at).unwrap_or_default().saturating_mul(1000));
        at >= self.from && at < self.to
    }
}
