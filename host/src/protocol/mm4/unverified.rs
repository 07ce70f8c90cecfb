//! What is remembered of TS 23.140 and its neighbours, and not verified in a source that could be read.
//!
//! Everything of that kind is here and nowhere else, so that one correction corrects the relay. Nothing here decides
//! whether a message passes: names that are missed pass unread, values that are missed pass as received. The same list
//! for people is in `docs/mm4.md`.

use super::headers as h;
use super::status::Cause;
use super::values::{MmStatus, RequestStatus, StatusExtension};
use crate::message::MessageType;

/// Field names of Release 6. The values of the first are remembered too; they stand in
/// [`ContentClass`](crate::message::ContentClass), because operators write them as well.
pub const CONTENT_CLASS: &str = "X-Mms-Content-Class";
pub const DRM_CONTENT: &str = "X-Mms-Drm-Content";
/// One implementation writes it so; from memory it is `X-Mms-Adaptations`. Both are read.
pub const ADAPTATION_ALLOWED: &str = "X-Mms-Adaptation-Allowed";
pub(super) const ADAPTATION_ALSO_CALLED: (&str, &[&str]) = (ADAPTATION_ALLOWED, &["X-Mms-Adaptations"]);

/// The slash is legal in a field name (RFC 5322, 3.6.8), and not everywhere that headers pass: some leave it out.
pub(super) const ORIGINATOR_RS_ALSO_CALLED: (&str, &[&str]) = (
    h::ORIGINATOR_RS_DELIVERY_REPORT,
    &["X-Mms-Originator-RS-Delivery-Report"],
);

/// What the relay says in `X-Mms-3GPP-MMS-Version` when the peer did not say its own: every live peer seen says this.
/// How versions are negotiated (8.4.6) is remembered only: the same major version, or `Error-unsupported-message`. No
/// peer was seen to refuse one, and the relay refuses none.
pub const OWN_VERSION: &str = "5.5.0";

/// Values of `X-Mms-MM-Status-Extension`: TS 33.128 has the two, their spelling on MM4 is remembered.
pub(super) const STATUS_EXTENSIONS: [(StatusExtension, &str); 2] = [
    (StatusExtension::RejectionByRecipient, "Rejection-By-MMS-Recipient"),
    (StatusExtension::RejectionByOtherRs, "Rejection-By-Other-RS"),
];

/// The first release, by its major version, that knows an MM status; what is not here all know. A user agent behind an
/// older Relay/Server is shown a report without a status when it gets a word that neither knows. `Unreachable` is in
/// TS 33.128 and in the list of OMA's version 1.3, and not in those of 1.1 and 1.2, which are of Release 5's time.
pub(super) const STATUS_SINCE: [(MmStatus, u32, MmStatus); 1] = [
    // What is not known to have arrived is the nearest.
    (MmStatus::Unreachable, 6, MmStatus::Indeterminate),
];

/// The first release that knows `X-Mms-MM-Status-Extension`.
pub(super) const STATUS_EXTENSION_SINCE: u32 = 6;

/// Which status when: what a response says (8.4.1.4), and what a delivery report says when it is too late for a
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
    // From here on no received status leads back to the cause: the first line with a status does.
    (Cause::Expired, RequestStatus::NetworkProblem, MmStatus::Expired),
    (
        Cause::NoResponse,
        RequestStatus::NetworkProblem,
        MmStatus::Indeterminate,
    ),
    (Cause::Discarded, RequestStatus::ServiceDenied, MmStatus::Rejected),
];

/// The fields that each type must have (8.4.4). The relay refuses only what lacks the IDs, see [`read`](super::read());
/// [`Pdu::missing`](super::Pdu::missing) tells the rest.
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
