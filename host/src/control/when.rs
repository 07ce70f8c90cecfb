//! Times, as people and programs read them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::message::Timestamp;

/// A time. In JSON as RFC 3339, with milliseconds, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct When(pub Timestamp);

impl From<Timestamp> for When {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

/// To the second, for lines of commands.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match at(self.0) {
            Some(time) => write!(f, "{time:.0}"),
            None => f.write_str("?"),
        }
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
        match at(self.0) {
            Some(time) => to.collect_str(&format_args!("{time:.3}")),
            None => to.serialize_str("?"),
        }
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

fn at(time: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(i64::try_from(time.0).ok()?).ok()
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
    }
}
