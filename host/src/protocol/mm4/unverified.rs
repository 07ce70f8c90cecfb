//! What this code takes from TS 23.140 and its neighbours by memory, without a source that could be checked.
//!
//! All of that is in this file and nowhere else, so that one correction corrects the relay. Nothing here decides
//! whether a message passes: fields with names that are wrong here pass unread, values that are missing here pass as
//! received. `docs/mm4.md` has the same list for operators.

use super::headers as h;
use super::status::Cause;
use super::values::{MmStatus, RequestStatus, StatusExtension};
use crate::message::MessageType;

/// Field names of Release 6. The values of the first are from memory too; they are in
/// [`ContentClass`](crate::message::ContentClass), because the configuration uses them as well.
pub const CONTENT_CLASS: &str = "X-Mms-Content-Class";
pub const DRM_CONTENT: &str = "X-Mms-Drm-Content";
/// The name that one implementation uses; from memory it is `X-Mms-Adaptations`. Both are read.
pub const ADAPTATION_ALLOWED: &str = "X-Mms-Adaptation-Allowed";
pub(super) const ADAPTATION_ALSO_CALLED: (&str, &[&str]) = (ADAPTATION_ALLOWED, &["X-Mms-Adaptations"]);

/// The slash is legal in a field name (RFC 5322, 3.6.8), but some systems on the way do not accept it, and leave it
/// out.
pub(super) const ORIGINATOR_RS_ALSO_CALLED: (&str, &[&str]) = (
    h::ORIGINATOR_RS_DELIVERY_REPORT,
    &["X-Mms-Originator-RS-Delivery-Report"],
);

/// The relay's `X-Mms-3GPP-MMS-Version` when the peer did not state its own: every live peer that was seen uses this
/// value. The negotiation of versions (8.4.6) is from memory: the same major version, or `Error-unsupported-message`.
/// No peer was seen to refuse a version, and the relay refuses none.
pub const OWN_VERSION: &str = "5.5.0";

/// Values of `X-Mms-MM-Status-Extension`: TS 33.128 has both; their spelling on MM4 is from memory.
pub(super) const STATUS_EXTENSIONS: [(StatusExtension, &str); 2] = [
    (StatusExtension::RejectionByRecipient, "Rejection-By-MMS-Recipient"),
    (StatusExtension::RejectionByOtherRs, "Rejection-By-Other-RS"),
];

/// The first release, by its major version, that knows an MM status; all releases know the others. A user agent behind
/// an older Relay/Server shows a report without a status when it gets a word that neither knows. `Unreachable` is in TS
/// 33.128 and in the list of OMA's version 1.3, and not in those of 1.1 and 1.2, which date from Release 5.
pub(super) const STATUS_SINCE: [(MmStatus, u32, MmStatus); 1] = [
    // The nearest status: the message is not known to have arrived.
    (MmStatus::Unreachable, 6, MmStatus::Indeterminate),
];

/// The first release that knows `X-Mms-MM-Status-Extension`.
pub(super) const STATUS_EXTENSION_SINCE: u32 = 6;

/// The statuses for each cause: that of a response (8.4.1.4), and that of a delivery report when it is too late for a
/// response. `Unreachable` is in TS 33.128 and in OMA's list, and not in old releases of TS 23.140.
pub(super) const STATUSES: [(Cause, RequestStatus, MmStatus); 11] = [
    (
        Cause::BadMessage,
        RequestStatus::MessageFormatCorrupt,
        MmStatus::Rejected,
    ),
    (
        Cause::UnknownRecipient,
        RequestStatus::SendingAddressUnresolved,
        MmStatus::Unreachable,
    ),
    (Cause::NotAllowed, RequestStatus::ServiceDenied, MmStatus::Rejected),
    (Cause::Network, RequestStatus::NetworkProblem, MmStatus::Unreachable),
    (Cause::Content, RequestStatus::ContentNotAccepted, MmStatus::Rejected),
    (
        Cause::Unsupported,
        RequestStatus::UnsupportedMessage,
        MmStatus::Rejected,
    ),
    (
        Cause::UnknownMessage,
        RequestStatus::MessageNotFound,
        MmStatus::Indeterminate,
    ),
    (Cause::Unspecified, RequestStatus::Unspecified, MmStatus::Indeterminate),
    // The lines from here on are for writing only: a received status maps to the first line that has it.
    (Cause::Expired, RequestStatus::NetworkProblem, MmStatus::Expired),
    (
        Cause::NoResponse,
        RequestStatus::NetworkProblem,
        MmStatus::Indeterminate,
    ),
    (Cause::Discarded, RequestStatus::ServiceDenied, MmStatus::Rejected),
];

/// The fields that each type must have (8.4.4). The relay refuses only messages that lack the IDs, see
/// [`read`](super::read()); [`Pdu::missing`](super::Pdu::missing) lists the rest.
pub(super) fn mandatory(kind: MessageType) -> &'static [&'static str] {
    match kind {
        MessageType::ForwardRequest => &[
            h::VERSION,
            h::MESSAGE_TYPE,
            h::TRANSACTION_ID,
            h::MESSAGE_ID,
            "To",
            "From",
            "Sender",
            "Date",
            "Content-Type",
        ],
        MessageType::DeliveryReportRequest => &[
            h::VERSION,
            h::MESSAGE_TYPE,
            h::TRANSACTION_ID,
            h::MESSAGE_ID,
            "From",
            "To",
            "Sender",
            "Date",
            h::MM_STATUS_CODE,
        ],
        MessageType::ReadReplyReportRequest => &[
            h::VERSION,
            h::MESSAGE_TYPE,
            h::TRANSACTION_ID,
            h::MESSAGE_ID,
            "From",
            "To",
            "Sender",
            "Date",
            h::READ_STATUS,
        ],
        MessageType::ForwardResponse | MessageType::DeliveryReportResponse => &[
            h::VERSION,
            h::MESSAGE_TYPE,
            h::TRANSACTION_ID,
            h::MESSAGE_ID,
            h::REQUEST_STATUS_CODE,
            "Sender",
            "To",
        ],
        MessageType::ReadReplyReportResponse => &[
            h::VERSION,
            h::MESSAGE_TYPE,
            h::TRANSACTION_ID,
            h::REQUEST_STATUS_CODE,
            "Sender",
            "To",
        ],
        MessageType::Other => &[],
    }
}
