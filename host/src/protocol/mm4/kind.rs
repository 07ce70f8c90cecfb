//! The type of a message: the one place where `X-Mms-Message-Type` is read (TS 23.140, 8.4.4).
//!
//! Arrival, departure, outcome, transactions, notifications and recordings all use this function. So a message cannot
//! be a forward request to one of them and something else to another.

use super::headers;
use crate::message::{Header, MessageType};

impl MessageType {
    /// Reads the type from a header. [`MessageType::Other`] for a type that TS 23.140 does not name; `None` when the
    /// field is missing or empty.
    ///
    /// Names are compared without regard to case, and without the blanks and double quotes around them: peers write all
    /// of these.
    pub fn of(header: &Header) -> Option<Self> {
        let name = headers::value(header, headers::MESSAGE_TYPE)?;
        let name = headers::unquoted(&name);
        (!name.is_empty()).then(|| Self::of_name(name).unwrap_or(Self::Other))
    }

    /// The type of this name; `None` for a name that TS 23.140 does not have.
    pub fn of_name(name: &str) -> Option<Self> {
        let mut names = Self::NAMES.iter();
        names
            .find(|(_, known)| known.eq_ignore_ascii_case(name))
            .map(|(kind, _)| *kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Field;

    fn of(value: &str) -> Option<MessageType> {
        MessageType::of(&Header {
            fields: vec![Field::build("x-mms-MESSAGE-type", value)],
        })
    }

    #[test]
    fn every_type_is_read_in_every_spelling() {
        for (kind, name) in MessageType::NAMES {
            let quoted = format!("\"{name}\"");
            for spelled in [
                name,
                &name.to_lowercase(),
                &name.to_uppercase(),
                &quoted,
                &format!("  {quoted} "),
            ] {
                assert_eq!(of(spelled), Some(kind), "{spelled:?}");
            }
        }
    }

    #[test]
    fn another_type_is_other_and_an_empty_field_says_nothing() {
        assert_eq!(of("MM4_capability_negotiation.REQ"), Some(MessageType::Other));
        assert_eq!(of(""), None);
        assert_eq!(of("\"\""), None);
        assert_eq!(MessageType::of(&Header::default()), None);
    }
}
