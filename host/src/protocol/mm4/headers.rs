//! The names of MM4 header fields, and how to read their simplest values (TS 23.140, 8.4.4).
//!
//! Names are compared without regard to case: real peers write `-ID` and `-Id` in one conversation. Names that are only
//! remembered, and not verified, are in [`unverified`](super::unverified).

/// `X-Mms-3GPP-MMS-Version`: `6.16.0`.
pub const VERSION: &str = "X-Mms-3GPP-MMS-Version";
pub const MESSAGE_TYPE: &str = "X-Mms-Message-Type";
pub const TRANSACTION_ID: &str = "X-Mms-Transaction-ID";
pub const MESSAGE_ID: &str = "X-Mms-Message-ID";
/// `Yes` or `No`: whether the sender wants a response.
pub const ACK_REQUEST: &str = "X-Mms-Ack-Request";
/// Where the response goes.
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

/// Other names that real peers give a field, tried in order when the right one is missing.
pub(super) const ALSO_CALLED: [(&str, &[&str]); 4] = [
    (VERSION, &["X-Mms-3GPP-Version"]),
    (MM_STATUS_CODE, &["X-Mms-Status"]),
    (READ_STATUS, &["X-Mms-MM-Read-Status"]),
    super::unverified::ADAPTATION_ALSO_CALLED,
];

/// `Yes` and `No` in whatever case, with the blanks and quotes that peers put around them; `None` for anything else.
pub fn yes_no(value: &str) -> Option<bool> {
    match normalised_id(value) {
        yes if yes.eq_ignore_ascii_case("yes") => Some(true),
        no if no.eq_ignore_ascii_case("no") => Some(false),
        _ => None,
    }
}

/// A message or transaction ID as it is compared: without the blanks and double quotes around it. Some peers quote
/// IDs and are answered without quotes. What goes on the wire is always the ID as received.
pub fn normalised_id(value: &str) -> &str {
    value.trim_matches(|c: char| c.is_ascii_whitespace() || c == '"')
}

/// Whether two IDs name the same message or transaction.
pub fn same_id(one: &str, other: &str) -> bool {
    normalised_id(one) == normalised_id(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_same_with_and_without_quotes_and_blanks() {
        assert!(same_id("\"t1@mms.a.example\"", " t1@mms.a.example "));
        assert!(same_id(" \" t1\" ", "t1"));
        assert!(!same_id("t1@mms.a.example", "T1@mms.a.example"), "ids are opaque");
        assert!(!same_id("t1.+15555550100", "t1.+15555550101"));
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
