//! What an operator names.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::control::{Kind, Problem};
use crate::message::{MessageId, Ordinal, OutgoingId, QueueId};
use crate::spool::Operator;

/// An entry of the queue (`001K0T5A45ZN0-1`), or a message with everything of it that is there (`001K0T5A45ZN0`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    Entry(QueueId),
    Message(MessageId),
}

impl Named {
    /// The entry that can be held.
    pub(super) fn as_received(self) -> QueueId {
        match self {
            Self::Entry(id) => id,
            Self::Message(message) => QueueId::AsReceived(message),
        }
    }

    /// Where a list goes on that has come to here.
    pub(super) fn last(self) -> QueueId {
        match self {
            Self::Entry(id) => id,
            Self::Message(message) => QueueId::Destination(OutgoingId {
                message,
                ordinal: Ordinal::LAST,
            }),
        }
    }
}

/// The entries that are named. Nothing is done to any when one of the names means nothing.
pub(super) fn in_queue(store: &dyn Operator, named: &[Named]) -> Result<Vec<QueueId>, Problem> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for id in named {
        let entries = match id {
            Named::Entry(id) => store.show(*id)?.map(|_| *id).into_iter().collect(),
            Named::Message(message) => store.entries_of(*message)?,
        };
        match entries.is_empty() {
            true => missing.push(id.to_string()),
            false => found.extend(entries),
        }
    }
    let detail = match missing.as_slice() {
        [] => return Ok(found),
        [one] => format!("{one} is not in the queue"),
        many => format!("{} are not in the queue", many.join(", ")),
    };
    Err(Problem::new(Kind::UnknownId, detail))
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = match text.contains('-') {
            true => text.parse().map(Self::Entry),
            false => text.parse().map(Self::Message),
        };
        read.map_err(|error| error.to_string())
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(id) => id.fmt(f),
            Self::Message(id) => id.fmt(f),
        }
    }
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Named {
    fn schema_name() -> Cow<'static, str> {
        "Named".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A message's id, as in its 250; or one of its entries: with a dash and the destination's number",
            "examples": ["001K0T5A45ZN0", "001K0T5A45ZN0-1"],
        })
    }
}
