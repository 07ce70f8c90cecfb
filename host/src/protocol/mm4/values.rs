//! The value lists of MM4 headers (TS 23.140, 8.4.4), read as tolerantly as real peers require.
//!
//! Values are compared without regard to case, blanks, quotes, hyphens and underscores, with the standard's spelling
//! and with others met in the field. The relay uses the parsed value for decisions and charging, and sends on the value
//! as received. Numbers for charging are those of TS 32.298.

use super::headers as h;
use super::unverified::{
    ADAPTATION_ALLOWED, DRM_CONTENT, OWN_VERSION, STATUS_EXTENSION_SINCE, STATUS_EXTENSIONS, STATUS_SINCE,
};
use crate::message::{Answer, Choice, ContentClass};

/// `X-Mms-Request-Status-Code`: the outcome of a request, in its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestStatus {
    Ok,
    Unspecified,
    ServiceDenied,
    MessageFormatCorrupt,
    /// Any address that could not be resolved. The name says sending address, but it is used for recipients too.
    SendingAddressUnresolved,
    MessageNotFound,
    NetworkProblem,
    ContentNotAccepted,
    UnsupportedMessage,
}

/// `X-Mms-MM-Status-Code`: the fate of a message, in its delivery report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MmStatus {
    Retrieved,
    Forwarded,
    Expired,
    Rejected,
    Deferred,
    Unrecognised,
    Indeterminate,
    /// Not in old releases.
    Unreachable,
}

/// `X-Mms-MM-Status-Extension`: who rejected the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatusExtension {
    RejectionByRecipient,
    RejectionByOtherRs,
}

/// `X-Mms-Read-Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadStatus {
    Read,
    DeletedWithoutBeingRead,
}

/// `X-Mms-Message-Class`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageClass {
    Personal,
    Advertisement,
    Informational,
    Auto,
}

/// `X-Mms-Priority`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Priority {
    Low,
    Normal,
    High,
}

/// `X-Mms-Sender-Visibility`. No peer was seen to send it; without it the sender is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visibility {
    Show,
    Hide,
}

/// `X-Mms-3GPP-MMS-Version`: major, minor and service, the last two 0 when the peer left them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub service: u32,
}

/// The spellings of each value. The first is the standard's, and the one that the relay writes.
const REQUEST_STATUSES: [(RequestStatus, &str); 11] = [
    (RequestStatus::Ok, Answer::OK),
    // Used by a test client.
    (RequestStatus::Ok, Answer::OK_AS_A_NUMBER),
    (RequestStatus::Unspecified, "Error-unspecified"),
    (RequestStatus::ServiceDenied, "Error-service-denied"),
    (RequestStatus::MessageFormatCorrupt, "Error-message-format-corrupt"),
    (
        RequestStatus::SendingAddressUnresolved,
        "Error-sending-address-unresolved",
    ),
    (RequestStatus::MessageNotFound, "Error-message-not-found"),
    (RequestStatus::NetworkProblem, "Error-network-problem"),
    (RequestStatus::ContentNotAccepted, "Error-content-not-accepted"),
    (RequestStatus::ContentNotAccepted, "Error-content-not-accept"),
    (RequestStatus::UnsupportedMessage, "Error-unsupported-message"),
];

const MM_STATUSES: [(MmStatus, &str); 10] = [
    (MmStatus::Retrieved, "Retrieved"),
    (MmStatus::Forwarded, "Forwarded"),
    (MmStatus::Forwarded, "ForwardedToMMBox"),
    (MmStatus::Expired, "Expired"),
    (MmStatus::Rejected, "Rejected"),
    (MmStatus::Deferred, "Deferred"),
    (MmStatus::Unrecognised, "Unrecognised"),
    (MmStatus::Unrecognised, "Unrecognized"),
    (MmStatus::Indeterminate, "Indeterminate"),
    (MmStatus::Unreachable, "Unreachable"),
];

/// Vendors' names for the values of [`STATUS_EXTENSIONS`].
const MORE_EXTENSIONS: [(StatusExtension, &str); 2] = [
    (StatusExtension::RejectionByRecipient, "Rejected-by-recipient"),
    (StatusExtension::RejectionByOtherRs, "Rejected-by-other-MMSC"),
];

const READ_STATUSES: [(ReadStatus, &str); 2] = [
    (ReadStatus::Read, "Read"),
    (ReadStatus::DeletedWithoutBeingRead, "Deleted without being read"),
];

const CLASSES: [(MessageClass, &str); 4] = [
    (MessageClass::Personal, "Personal"),
    (MessageClass::Advertisement, "Advertisement"),
    (MessageClass::Informational, "Informational"),
    (MessageClass::Auto, "Auto"),
];

const PRIORITIES: [(Priority, &str); 3] = [
    (Priority::Low, "Low"),
    (Priority::Normal, "Normal"),
    (Priority::High, "High"),
];

const VISIBILITIES: [(Visibility, &str); 2] = [(Visibility::Show, "Show"), (Visibility::Hide, "Hide")];

impl RequestStatus {
    /// Reads a status code. Every other error, among them OMA's names on MM1 (`Error-permanent-...`), counts as the
    /// code that its name ends with, else as [`RequestStatus::Unspecified`]. `None` for a value that is neither `Ok`
    /// nor an error.
    pub fn read(value: &str) -> Option<Self> {
        let bare = bare(value);
        let Some(rest) = bare.strip_prefix("error").or_else(|| bare.strip_prefix("err")) else {
            return found(&REQUEST_STATUSES, &bare);
        };
        let rest = rest.strip_prefix("transient").unwrap_or(rest);
        let rest = rest.strip_prefix("permanent").unwrap_or(rest);
        found(&REQUEST_STATUSES, &format!("error{rest}")).or(Some(Self::Unspecified))
    }

    pub fn name(self) -> &'static str {
        name(&REQUEST_STATUSES, self)
    }

    /// `RequestStatusCodeType` of TS 32.298.
    pub fn charging_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Unspecified => 4,
            Self::ServiceDenied => 30,
            Self::MessageFormatCorrupt => 31,
            Self::SendingAddressUnresolved => 32,
            Self::MessageNotFound => 33,
            Self::NetworkProblem => 34,
            Self::ContentNotAccepted => 35,
            Self::UnsupportedMessage => 36,
        }
    }

    /// The status for a request that several next hops answered: the worst, which is the one most likely to recur when
    /// the request is repeated. `None` when there are no statuses.
    pub fn worst(statuses: impl IntoIterator<Item = Self>) -> Option<Self> {
        const FROM_GOOD_TO_BAD: [RequestStatus; 9] = [
            RequestStatus::Ok,
            RequestStatus::NetworkProblem,
            RequestStatus::Unspecified,
            RequestStatus::MessageNotFound,
            RequestStatus::UnsupportedMessage,
            RequestStatus::MessageFormatCorrupt,
            RequestStatus::ContentNotAccepted,
            RequestStatus::SendingAddressUnresolved,
            RequestStatus::ServiceDenied,
        ];
        statuses
            .into_iter()
            .max_by_key(|status| FROM_GOOD_TO_BAD.iter().position(|one| one == status))
    }
}

impl MmStatus {
    pub fn read(value: &str) -> Option<Self> {
        found(&MM_STATUSES, &bare(value))
    }

    pub fn name(self) -> &'static str {
        name(&MM_STATUSES, self)
    }

    /// `MMStatusCodeType` of TS 32.298, which has no number for the last two.
    pub fn charging_code(self) -> Option<u8> {
        match self {
            Self::Retrieved => Some(0),
            Self::Forwarded => Some(1),
            Self::Expired => Some(2),
            Self::Rejected => Some(3),
            Self::Deferred => Some(4),
            Self::Unrecognised => Some(5),
            Self::Indeterminate | Self::Unreachable => None,
        }
    }

    /// The status to tell a peer of this version: the same, or the nearest one that its release knows. A peer that does
    /// not state its version counts as [`OWN_VERSION`], which the relay then writes.
    pub fn known_to(self, version: Option<&str>) -> Self {
        let newer = |(status, since, _): &&(Self, u32, Self)| *status == self && major(version) < *since;
        STATUS_SINCE.iter().find(newer).map_or(self, |(_, _, older)| *older)
    }

    /// Whether a later report about the same recipient is to be expected.
    pub fn is_final(self) -> bool {
        self != Self::Deferred
    }
}

impl StatusExtension {
    pub fn read(value: &str) -> Option<Self> {
        let bare = bare(value);
        found(&STATUS_EXTENSIONS, &bare).or_else(|| found(&MORE_EXTENSIONS, &bare))
    }

    pub fn name(self) -> &'static str {
        name(&STATUS_EXTENSIONS, self)
    }
}

impl StatusExtension {
    /// Like [`MmStatus::known_to`]; `None` where the release does not know the field.
    pub fn known_to(self, version: Option<&str>) -> Option<Self> {
        (major(version) >= STATUS_EXTENSION_SINCE).then_some(self)
    }
}

/// The major version. An unreadable version counts as the relay's own.
fn major(version: Option<&str>) -> u32 {
    let said = version.and_then(Version::read);
    said.or_else(|| Version::read(OWN_VERSION))
        .map_or(0, |version| version.major)
}

impl ReadStatus {
    pub fn read(value: &str) -> Option<Self> {
        found(&READ_STATUSES, &bare(value))
    }

    pub fn name(self) -> &'static str {
        name(&READ_STATUSES, self)
    }

    /// The number in `MMStatusCodeType` of TS 32.298.
    pub fn charging_code(self) -> u8 {
        match self {
            Self::Read => 6,
            Self::DeletedWithoutBeingRead => 7,
        }
    }
}

impl MessageClass {
    pub fn read(value: &str) -> Option<Self> {
        found(&CLASSES, &bare(value))
    }

    pub fn name(self) -> &'static str {
        name(&CLASSES, self)
    }

    /// `MessageClass` of TS 32.298.
    pub fn charging_code(self) -> u8 {
        self as u8
    }
}

impl Priority {
    pub fn read(value: &str) -> Option<Self> {
        found(&PRIORITIES, &bare(value))
    }

    pub fn name(self) -> &'static str {
        name(&PRIORITIES, self)
    }

    /// `PriorityType` of TS 32.298.
    pub fn charging_code(self) -> u8 {
        self as u8
    }
}

impl Visibility {
    pub fn read(value: &str) -> Option<Self> {
        found(&VISIBILITIES, &bare(value))
    }

    pub fn name(self) -> &'static str {
        name(&VISIBILITIES, self)
    }
}

impl ContentClass {
    /// Reads `X-Mms-Content-Class`, whose words are those of the configuration.
    pub fn read(value: &str) -> Option<Self> {
        let value = bare(value);
        let known = Self::WORDS.iter().find(|(word, _)| bare(word) == value);
        known.map(|(_, class)| *class)
    }
}

impl Version {
    /// Reads up to three numbers with dots between them. A fourth one, and anything behind it, is ignored.
    pub fn read(value: &str) -> Option<Self> {
        let bare = bare(value);
        let mut numbers = bare.split('.').map(|number| number.parse().ok());
        Some(Self {
            major: numbers.next()??,
            minor: numbers.next().unwrap_or(Some(0))?,
            service: numbers.next().unwrap_or(Some(0))?,
        })
    }
}

/// The longest value that is compared with a list, in octets.
const MAX_VALUE_OCTETS: usize = 80;

/// The value in the form in which it is compared.
fn bare(value: &str) -> String {
    if value.len() > MAX_VALUE_OCTETS {
        return String::new();
    }
    let noise = |c: &char| c.is_ascii_whitespace() || matches!(c, '"' | '-' | '_');
    value
        .chars()
        .filter(|c| !noise(c))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

fn found<T: Copy>(table: &[(T, &str)], bare_value: &str) -> Option<T> {
    table
        .iter()
        .find(|(_, spelling)| bare(spelling) == bare_value)
        .map(|(value, _)| *value)
}

/// The standard's spelling of a value of this field; `None` when the field has no list, or the list lacks the value.
pub(super) fn in_standard_spelling(field: &str, value: &str) -> Option<&'static str> {
    fn of<T: Copy + PartialEq>(table: &[(T, &'static str)], value: &str) -> Option<&'static str> {
        found(table, &bare(value)).map(|known| name(table, known))
    }
    const YES_OR_NO: [(bool, &str); 2] = [(true, "Yes"), (false, "No")];
    match field {
        h::ACK_REQUEST
        | h::DELIVERY_REPORT
        | h::ORIGINATOR_RS_DELIVERY_REPORT
        | h::FORWARD_TO_ORIGINATOR_UA
        | h::READ_REPLY
        | DRM_CONTENT
        | ADAPTATION_ALLOWED => h::yes_no(value).map(|yes| name(&YES_OR_NO, yes)),
        h::REQUEST_STATUS_CODE => of(&REQUEST_STATUSES, value),
        h::MM_STATUS_CODE => of(&MM_STATUSES, value),
        h::MM_STATUS_EXTENSION => of(&STATUS_EXTENSIONS, value),
        h::READ_STATUS => of(&READ_STATUSES, value),
        h::MESSAGE_CLASS => of(&CLASSES, value),
        h::PRIORITY => of(&PRIORITIES, value),
        h::SENDER_VISIBILITY => of(&VISIBILITIES, value),
        _ => None,
    }
}

fn name<T: PartialEq>(table: &[(T, &'static str)], value: T) -> &'static str {
    table
        .iter()
        .find(|(known, _)| *known == value)
        .map_or("", |(_, spelling)| spelling)
}

#[cfg(test)]
mod tests;
