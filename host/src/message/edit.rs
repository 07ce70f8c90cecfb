//! Edits: the changes that a plug-in asked for, after the checks at its boundary.
//!
//! Every value here is legal by construction: a string that could break a line on the wire cannot become one of these
//! types.

use bytes::Bytes;

use super::{Illegal, MmsAddress, PartId, PeerName, RecipientId};

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
        id: RecipientId,
        address: MmsAddress,
    },
    AddRecipient(MmsAddress),
    DropRecipient(RecipientId),
    Route {
        recipient: RecipientId,
        peer: PeerName,
    },
    ReplacePart {
        id: PartId,
        body: NewBody,
        name: Option<HeaderValue>,
    },
    RemovePart(PartId),
    AddPart {
        body: NewBody,
        name: Option<HeaderValue>,
        content_id: Option<HeaderValue>,
    },
}

/// A new part's body, before transfer encoding.
#[derive(Clone, Debug)]
pub struct NewBody {
    pub media_type: MediaType,
    pub bytes: Bytes,
}

/// A header name that a plug-in may set or remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderName(String);

/// A header value: no control characters but tab, at most 16,384 octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderValue(String);

/// A whole Content-Type value of a leaf: `text/plain; charset=utf-8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType(HeaderValue);

/// Headers that plug-ins must not change: some identify the message and must be the same in all charging records of one
/// MM (TS 32.298), the others describe its structure or belong to the relay alone.
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
/// The limit that `wit/types.wit` states for the media type of a new body, in octets.
const MAX_MEDIA_TYPE: usize = 1_024;

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

impl MediaType {
    /// Reads what RFC 2045, 5.1 allows: `type/subtype`, both tokens, and parameters whose values are tokens or quoted
    /// strings. Refuses a multipart: its parts are parts of the message, and are added one by one.
    pub fn new(text: &str) -> Result<Self, Illegal> {
        let value = HeaderValue::new(text)?;
        let illegal = |why: &str| Err(Illegal(format!("media type {text:?}: {why}")));
        if text.len() > MAX_MEDIA_TYPE {
            return Err(Illegal(format!(
                "a media type of {} octets is longer than {MAX_MEDIA_TYPE}",
                text.len()
            )));
        }
        let (essence, mut rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        match essence.trim().split_once('/') {
            Some((kind, subtype)) if is_token(kind) && is_token(subtype) => {
                if kind.eq_ignore_ascii_case("multipart") {
                    return illegal("a multipart is no body of a part; add its parts one by one");
                }
            }
            _ => return illegal("type/subtype is expected, as in image/png (RFC 2045, 5.1)"),
        }
        while let Some(parameter) = rest.strip_prefix(';') {
            let Some(behind) = parameter_end(parameter) else {
                return illegal("a parameter is name=value or name=\"value\" (RFC 2045, 5.1)");
            };
            rest = behind;
        }
        match rest.is_empty() {
            true => Ok(Self(value)),
            false => illegal("parameters are separated by semicolons (RFC 2045, 5.1)"),
        }
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the part is a message of its own, or a notification about one.
    pub fn is_message(&self) -> bool {
        let kind = self.as_str().split('/').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("message")
    }
}

/// The text behind the parameter that `text` begins with; `None` when it begins with none.
fn parameter_end(text: &str) -> Option<&str> {
    let (name, value) = text.trim_start().split_once('=')?;
    if !is_token(name) {
        return None;
    }
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find([';', ' ', '\t']).unwrap_or(value.len());
        return is_token(&value[..end]).then(|| value[end..].trim_start());
    };
    let mut escaped = false;
    let end = quoted.bytes().position(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        other => other == b'"',
    })?;
    Some(quoted[end + 1..].trim_start())
}

/// Whether the text is a token of RFC 2045, 5.1.
fn is_token(text: &str) -> bool {
    let special = b"()<>@,;:\\\"/[]?=";
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !special.contains(&b))
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
    fn a_media_type_is_a_type_a_subtype_and_parameters() {
        for text in [
            "image/png",
            "application/vnd.wap.mms-message",
            "text/plain; charset=utf-8",
            "text/plain;charset=\"utf-8\" ; name=\"a;b \\\" gr\u{fc}n.txt\"",
            "message/rfc822",
        ] {
            assert!(MediaType::new(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "png",
            "not a type",
            "image/",
            "/png",
            "image/png/x",
            "image/p ng",
            "image/png charset=utf-8",
            "image/png;",
            "image/png; name",
            "image/png; name=",
            "image/png; na me=x",
            "image/png; name=\"x",
            "image/png; name=\"x\"y",
            "image/gr\u{fc}n",
            "image/png, text/plain",
            "<image/png>",
            "image/png\r\nBcc: x",
            "multipart/mixed; boundary=b",
            "Multipart/Related",
        ] {
            assert!(MediaType::new(text).is_err(), "{text:?}");
        }
        assert!(MediaType::new(&format!("text/{}", "x".repeat(1_024))).is_err());
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
