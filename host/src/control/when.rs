//! Times, as people and programs read them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Kind, Problem};
use crate::message::Timestamp;

/// A time. In JSON as RFC 3339, with milliseconds, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct When(pub Timestamp);

impl From<Timestamp> for When {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl When {
    /// The end of something that is asked for from now on for so many seconds; `None`: until somebody ends it.
    pub(super) fn ends(now: Timestamp, seconds: Option<u64>) -> Result<Option<Self>, Problem> {
        /// Ten years: whoever wants more wants no end.
        const LONGEST: u64 = 10 * 365 * 24 * 3600;
        match seconds {
            Some(seconds) if seconds > LONGEST => Err(Problem::new(
                Kind::Unreadable,
                format!("seconds is {seconds}: expected {LONGEST} at the most, or none for no end"),
            )),
            seconds => Ok(seconds.map(|seconds| Self(now.plus(Duration::from_secs(seconds))))),
        }
    }
}

/// To the second, for lines of commands.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}", at(self.0))
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no time: it is written as 2026-11-21T23:00:38Z");
        let time: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
        let millis = u64::try_from(time.as_millisecond()).map_err(|_| wrong())?;
        Ok(Self(Timestamp(millis)))
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:.3}", at(self.0)))
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for When {
    fn schema_name() -> Cow<'static, str> {
        "When".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// Of what lies behind the end of the calendar, that end: whatever is written can be read back.
fn at(time: Timestamp) -> jiff::Timestamp {
    let millis = i64::try_from(time.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_back_as_it_was_written() {
        let when = When(Timestamp(1_795_700_000_123));
        let text = serde_json::to_string(&when).unwrap();
        assert_eq!(text, "\"2026-11-26T13:33:20.123Z\"");
        assert_eq!(serde_json::from_str::<When>(&text).unwrap(), when);
        assert_eq!(when.to_string(), "2026-11-26T13:33:20Z");
        assert!("yesterday".parse::<When>().is_err());
        let never = serde_json::to_string(&When(Timestamp(u64::MAX))).unwrap();
        assert!(serde_json::from_str::<When>(&never).is_ok(), "{never}");
    }
}
