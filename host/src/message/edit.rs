//! Edits: what a plug-in wants changed, once it has passed the boundary's checks.
//!
//! Everything here is legal by construction: a string that could break the wire cannot become one of these types.

use bytes::Bytes;

use super::{Illegal, MmsAddress, PeerName};

/// One change to a message. See `wit/types.wit` for what each means.
#[derive(Clone, Debug)]
pub enum Edit {
    SetHeader {
        name: HeaderName,
        value: HeaderValue,
    },
    RemoveHeader(HeaderName),
    SetOriginator(MmsAddress),
    SetRecipient {
        id: u32,
        address: MmsAddress,
    },
    AddRecipient(MmsAddress),
    DropRecipient(u32),
    Route {
        recipient: u32,
        peer: PeerName,
    },
    ReplacePart {
        id: u32,
        body: NewBody,
        name: Option<HeaderValue>,
    },
    RemovePart(u32),
    AddPart {
        body: NewBody,
        name: Option<HeaderValue>,
        content_id: Option<HeaderValue>,
    },
}

/// A new part's body, before transfer encoding.
#[derive(Clone, Debug)]
pub struct NewBody {
    /// A whole Content-Type value: `text/plain; charset=utf-8`.
    pub media_type: HeaderValue,
    pub bytes: Bytes,
}

/// A header name that a plug-in may set or remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderName(String);

/// A header value: no control characters but tab, at most 16,384 octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderValue(String);

/// Headers that carry the identity or the structure of the message: the same in all charging records of one MM
/// (TS 32.298), or the business of the relay alone.
const PROTECTED: [&str; 8] = [
    "X-Mms-Message-ID",
    "X-Mms-Transaction-ID",
    "X-Mms-Message-Type",
    "Received",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Return-Path",
];

const MAX_HEADER_NAME: usize = 76;
const MAX_HEADER_VALUE: usize = 16_384;

impl HeaderName {
    pub fn new(text: &str) -> Result<Self, Illegal> {
        if text.is_empty() || text.len() > MAX_HEADER_NAME {
            return Err(Illegal(format!(
                "a header name of {} octets: 1 to {MAX_HEADER_NAME} are legal",
                text.len()
            )));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
            return Err(Illegal(format!(
                "header name {text:?}: visible ASCII characters without a colon are legal"
            )));
        }
        if let Some(name) = PROTECTED.iter().find(|name| name.eq_ignore_ascii_case(text)) {
            return Err(Illegal(format!("header {name} must not be changed by a plug-in")));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl HeaderValue {
    pub fn new(text: &str) -> Result<Self, Illegal> {
        if text.len() > MAX_HEADER_VALUE {
            return Err(Illegal(format!(
                "a header value of {} octets is longer than {MAX_HEADER_VALUE}",
                text.len()
            )));
        }
        if let Some(bad) = text.chars().find(|c| c.is_control() && *c != '\t') {
            return Err(Illegal(format!(
                "a header value must not hold the character U+{:04X}",
                bad as u32
            )));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_could_start_a_new_header_is_refused() {
        for text in ["a\r\nBcc: x", "a\nb", "a\rb", "a\0b", "\u{85}"] {
            assert!(HeaderValue::new(text).is_err(), "{text:?}");
        }
        assert!(HeaderValue::new("a\tb ü").is_ok());
        assert!(HeaderValue::new(&"v".repeat(16_384)).is_ok());
        assert!(HeaderValue::new(&"v".repeat(16_385)).is_err());
    }

    #[test]
    fn the_identity_of_a_message_cannot_be_edited() {
        for name in ["x-mms-message-id", "X-MMS-TRANSACTION-ID", "content-type", "received"] {
            assert!(
                HeaderName::new(name).unwrap_err().0.contains("must not be changed"),
                "{name}"
            );
        }
        assert!(HeaderName::new("X-Mms-Originator-R/S-Delivery-Report").is_ok());
        assert!(HeaderName::new("To:").is_err());
    }
}
