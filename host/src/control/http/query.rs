//! Fields out of a query, as the type that they are for wants them: text, numbers, `true` and `false`.

use std::str::FromStr;

use serde::de::value::{Error, MapDeserializer};
use serde::de::{self, DeserializeOwned, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// A value of `T` with these fields.
///
/// # Errors
/// Which field is wrong, and how.
pub(super) fn read<T: DeserializeOwned>(fields: Vec<(String, String)>) -> Result<T, Error> {
    let fields = fields.into_iter().map(|(name, text)| (name, Field(text)));
    T::deserialize(MapDeserializer::new(fields))
}

/// The text of one field.
struct Field(String);

impl Field {
    fn parsed<T: FromStr>(&self, what: &str) -> Result<T, Error> {
        let wrong = |_| de::Error::custom(format!("{:?} is no {what}", self.0));
        self.0.parse().map_err(wrong)
    }
}

impl IntoDeserializer<'_> for Field {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> de::Deserializer<'de> for Field {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.parsed("true or false")?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u64(self.parsed("whole number")?)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 u8 u16 u32 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::queue::List;

    fn asked(query: &str) -> Result<List, String> {
        read(form_urlencoded::parse(query.as_bytes()).into_owned().collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_query_is_read_as_the_fields_that_it_is_for() {
        let list = asked("peer=operator-b&limit=5&reason=mailbox+full&after=001K0T5A45ZN0-1").unwrap();
        assert_eq!(list.peer.as_deref(), Some("operator-b"));
        assert_eq!(list.limit, Some(5));
        assert_eq!(list.reason.as_deref(), Some("mailbox full"));
        assert!(list.after.is_some());
        assert_eq!(asked("limit=many").unwrap_err(), "\"many\" is no whole number");
        assert!(asked("colour=red").unwrap_err().contains("colour"));
        assert!(asked("limit=5&limit=6").is_err(), "one field, one value");
    }
}
