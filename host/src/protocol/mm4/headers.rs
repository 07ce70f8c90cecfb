//! The names of MM4 header fields, and the parsing of their simplest values (TS 23.140, 8.4.4).
//!
//! Names are compared without regard to case: real peers write `-ID` and `-Id` in one conversation. Names that are
//! quoted from memory, and not verified, are in [`unverified`](super::unverified).

use std::borrow::Cow;

use crate::message::{Field, Header};

/// `X-Mms-3GPP-MMS-Version`: `6.16.0`.
pub const VERSION: &str = "X-Mms-3GPP-MMS-Version";
pub const MESSAGE_TYPE: &str = "X-Mms-Message-Type";
pub const TRANSACTION_ID: &str = "X-Mms-Transaction-ID";
pub const MESSAGE_ID: &str = "X-Mms-Message-ID";
/// `Yes` or `No`: whether the sender wants a response.
pub const ACK_REQUEST: &str = "X-Mms-Ack-Request";
/// The address for the response.
pub const ORIGINATOR_SYSTEM: &str = "X-Mms-Originator-System";
pub const REQUEST_STATUS_CODE: &str = "X-Mms-Request-Status-Code";
pub const STATUS_TEXT: &str = "X-Mms-Status-Text";
pub const MM_STATUS_CODE: &str = "X-Mms-MM-Status-Code";
pub const MM_STATUS_EXTENSION: &str = "X-Mms-MM-Status-Extension";
pub const READ_STATUS: &str = "X-Mms-Read-Status";
pub const MESSAGE_CLASS: &str = "X-Mms-Message-Class";
pub const PRIORITY: &str = "X-Mms-Priority";
pub const EXPIRY: &str = "X-Mms-Expiry";
pub const DELIVERY_REPORT: &str = "X-Mms-Delivery-Report";
/// `Yes` or `No`: whether the originator's Relay/Server wants a report for itself. The slash belongs to the name.
pub const ORIGINATOR_RS_DELIVERY_REPORT: &str = "X-Mms-Originator-R/S-Delivery-Report";
/// `Yes` or `No`, in a delivery report: whether the originator's user agent may see it.
pub const FORWARD_TO_ORIGINATOR_UA: &str = "X-Mms-Forward-To-Originator-UA";
pub const READ_REPLY: &str = "X-Mms-Read-Reply";
/// `Show` or `Hide`.
pub const SENDER_VISIBILITY: &str = "X-Mms-Sender-Visibility";
pub const FORWARD_COUNTER: &str = "X-Mms-Forward-Counter";
pub const PREVIOUSLY_SENT_BY: &str = "X-Mms-Previously-Sent-By";
pub const PREVIOUSLY_SENT_DATE: &str = "X-Mms-Previously-Sent-Date-and-Time";
pub const APPLIC_ID: &str = "X-Mms-Applic-ID";
pub const REPLY_APPLIC_ID: &str = "X-Mms-Reply-Applic-ID";
pub const AUX_APPLIC_INFO: &str = "X-Mms-Aux-Applic-Info";

/// Other names of a field, tried in order where the standard's name is missing or empty: names that peers use on MM4,
/// and names of the same element on MM1 (OMA-TS-MMS_ENC, 7.3), which appear where a Relay/Server copies its MM1 header.
/// The relay looks up every field through this table, and plug-ins can too: `message.field`.
///
/// `X-Mms-MMS-Version` is not in the table. Peers send it beside the version of 3GPP, and it is the version of MM1.
pub(super) const ALSO_CALLED: [(&str, &[&str]); 10] = [
    // Used by a test client.
    (VERSION, &["X-Mms-3GPP-Version"]),
    // Used on MM1, and by Mbuni on MM4.
    (READ_REPLY, &["X-Mms-Read-Report"]),
    // Used on MM1, and by VectorCore on MM4.
    (MM_STATUS_CODE, &["X-Mms-Status"]),
    // Used by a gateway in Python.
    (READ_STATUS, &["X-Mms-MM-Read-Status"]),
    // Used on MM1.
    (REQUEST_STATUS_CODE, &["X-Mms-Response-Status"]),
    (STATUS_TEXT, &["X-Mms-Response-Text"]),
    (PREVIOUSLY_SENT_DATE, &["X-Mms-Previously-Sent-Date"]),
    // Used by several implementations of MM1.
    (AUX_APPLIC_INFO, &["X-Mms-Aux-Applic-ID"]),
    super::unverified::ORIGINATOR_RS_ALSO_CALLED,
    super::unverified::ADAPTATION_ALSO_CALLED,
];

/// All names of the field that [`value`] would try for `name`, which may be any of them.
pub fn spellings(name: &str) -> impl Iterator<Item = &str> {
    let is_it = |known: &str| known.eq_ignore_ascii_case(name);
    let row = ALSO_CALLED
        .iter()
        .find(|(known, others)| is_it(known) || others.iter().any(|other| is_it(other)));
    let (first, others) = row.map_or((name, &[][..]), |(known, others)| (*known, *others));
    std::iter::once(first).chain(others.iter().copied())
}

/// The standard's spelling of the name, if the relay knows the field.
pub(super) fn in_standard_spelling(name: &str) -> &str {
    let name = spellings(name).next().unwrap_or(name);
    let known = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name));
    known.copied().unwrap_or(name)
}

/// The fields whose values mean more than text to the relay.
const KNOWN: [&str; 17] = [
    VERSION,
    MESSAGE_TYPE,
    TRANSACTION_ID,
    MESSAGE_ID,
    ACK_REQUEST,
    REQUEST_STATUS_CODE,
    MM_STATUS_CODE,
    MM_STATUS_EXTENSION,
    READ_STATUS,
    MESSAGE_CLASS,
    PRIORITY,
    DELIVERY_REPORT,
    ORIGINATOR_RS_DELIVERY_REPORT,
    FORWARD_TO_ORIGINATOR_UA,
    READ_REPLY,
    SENDER_VISIBILITY,
    super::unverified::DRM_CONTENT,
];

/// The field for `name`: the first of that name which is not empty, else the first under another name for it.
pub fn field<'h>(header: &'h Header, name: &str) -> Option<&'h Field> {
    let said = |name: &str| {
        let mut fields = header.fields.iter().filter(|field| field.is(name));
        fields.find(|field| !field.value().is_empty())
    };
    spellings(name).find_map(said)
}

/// The value of [`field`].
pub fn value<'h>(header: &'h Header, name: &str) -> Option<Cow<'h, str>> {
    field(header, name).map(Field::value)
}

/// `Yes` and `No` in whatever case, with the blanks and quotes that peers put around them; `None` for anything else.
pub fn yes_no(value: &str) -> Option<bool> {
    match unquoted(value) {
        yes if yes.eq_ignore_ascii_case("yes") => Some(true),
        no if no.eq_ignore_ascii_case("no") => Some(false),
        _ => None,
    }
}

/// A word without the blanks and double quotes that peers put around it. IDs are [compared in the same
/// way](crate::message::OpaqueId::bare).
pub fn unquoted(value: &str) -> &str {
    value.trim_matches(|c: char| c.is_ascii_whitespace() || c == '"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_under_every_name_that_peers_give_it() {
        for (name, others) in ALSO_CALLED {
            for spelled in std::iter::once(&name).chain(others) {
                let header = |value: &str| Header {
                    fields: vec![Field::build(name, ""), Field::build(&spelled.to_lowercase(), value)],
                };
                for asked in std::iter::once(&name).chain(others) {
                    assert_eq!(value(&header("x"), asked).as_deref(), Some("x"), "{asked} in {spelled}");
                    assert_eq!(value(&header(""), asked), None);
                }
            }
        }
        let both = Header {
            fields: vec![Field::build("X-Mms-Read-Report", "Yes"), Field::build(READ_REPLY, "No")],
        };
        assert_eq!(
            value(&both, READ_REPLY).as_deref(),
            Some("No"),
            "the standard's name comes first"
        );
        assert_eq!(value(&both, "X-Mms-MMS-Version"), None);
    }

    #[test]
    fn no_name_stands_for_two_fields() {
        let mut names: Vec<String> = ALSO_CALLED
            .iter()
            .flat_map(|(name, others)| std::iter::once(name).chain(*others))
            .map(|name| name.to_lowercase())
            .collect();
        names.sort();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "{names:?}");
    }

    #[test]
    fn yes_and_no_are_read_in_any_case_and_nothing_else_is() {
        assert_eq!(yes_no("YES "), Some(true));
        assert_eq!(yes_no("\"no\""), Some(false));
        for other in ["", "true", "1", "Yes, please"] {
            assert_eq!(yes_no(other), None, "{other:?}");
        }
    }
}
