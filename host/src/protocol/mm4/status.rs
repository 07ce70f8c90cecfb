//! Reasons of failure, mapped to MM4: from a refusal or an SMTP reply to a status.

use super::unverified::STATUSES;
use super::values::{MmStatus, RequestStatus};
use crate::message::Refusal;

/// Why a request was not carried out. The table in [`super::unverified`] gives the statuses of MM4 for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The message cannot be read, or lacks a mandatory field.
    BadMessage,
    /// A recipient's address leads nowhere.
    UnknownRecipient,
    /// The peer or the sender lacks the right.
    NotAllowed,
    /// A network, a queue or a disk failed, or the next hop was not reached.
    Network,
    /// The size, the type or the matter of the content.
    Content,
    /// A message type or version that the next hop does not know.
    Unsupported,
    /// A report about an unknown message.
    UnknownMessage,
    Unspecified,
    /// The message waited until the relay gave up.
    Expired,
    /// The next hop took the request, and did not respond.
    NoResponse,
    /// The message was discarded, and its sender must be told.
    Discarded,
}

impl Cause {
    /// The status for a response.
    pub fn request_status(self) -> RequestStatus {
        self.line().map_or(RequestStatus::Unspecified, |(_, status, _)| *status)
    }

    /// The status for a delivery report.
    pub fn mm_status(self) -> MmStatus {
        self.line().map_or(MmStatus::Indeterminate, |(_, _, status)| *status)
    }

    /// The cause of the relay's own refusal.
    pub fn of_refusal(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::UnknownClient { .. }
            | Refusal::NotProven { .. }
            | Refusal::SenderNotAllowed { .. }
            | Refusal::UnclearOriginator { .. }
            | Refusal::ThirdParty { .. }
            | Refusal::NotAsked { .. } => Self::NotAllowed,
            Refusal::NoRoute { .. } | Refusal::BadAddress { .. } => Self::UnknownRecipient,
            Refusal::TooLarge { .. } => Self::Content,
            Refusal::HeaderTooLarge { .. }
            | Refusal::LineTooLong { .. }
            | Refusal::BareLineEnd
            | Refusal::NulOctet
            | Refusal::NestedTooDeep { .. }
            | Refusal::NoHeader
            | Refusal::BadHeader { .. }
            | Refusal::NotMm4
            | Refusal::Contradiction { .. }
            | Refusal::MissingHeader { .. }
            | Refusal::BrokenMime { .. } => Self::BadMessage,
            Refusal::UnknownMessageType { .. } => Self::Unsupported,
            // 552 concerns the size or the matter of the content (RFC 5321, 4.2.3).
            Refusal::ByPlugin { code: 552, .. } => Self::Content,
            Refusal::ByPlugin { .. } => Self::NotAllowed,
            Refusal::PluginFailed { .. } => Self::Unspecified,
            Refusal::TooManyRecipients { .. }
            | Refusal::TooFast { .. }
            | Refusal::Loop { .. }
            | Refusal::Deferred { .. }
            | Refusal::NobodyServes { .. }
            | Refusal::Numbering { .. }
            | Refusal::Storage { .. }
            | Refusal::NoSpace
            | Refusal::StoreFailed
            | Refusal::StoreAway
            | Refusal::Unsettled
            | Refusal::Stopping => Self::Network,
        }
    }

    /// The cause of a next hop's refusal: by the enhanced code of its reply (RFC 3463), as `subject` and `detail`, else
    /// by the code alone (RFC 5321, 4.2.3).
    pub fn of_reply(code: u16, enhanced: Option<(u16, u16)>) -> Self {
        match enhanced {
            // A subject of 0 says nothing.
            None | Some((0, _)) => Self::of_code(code),
            Some((1, 7 | 8)) => Self::NotAllowed,
            Some((1, _) | (2, 0 | 1 | 4)) => Self::UnknownRecipient,
            Some((2, 3) | (3, 4)) => Self::Content,
            Some((2..=4, _)) => Self::Network,
            Some((5, _)) => Self::Unspecified,
            Some((6, 0)) => Self::BadMessage,
            Some((6, _)) => Self::Content,
            Some((7, _)) => Self::NotAllowed,
            Some(_) => Self::Unspecified,
        }
    }

    /// The cause that a far end's response gives; `None` for `Ok`.
    pub fn of_status(status: RequestStatus) -> Option<Self> {
        if status == RequestStatus::Ok {
            return None;
        }
        STATUSES
            .iter()
            .find(|(_, known, _)| *known == status)
            .map(|(cause, ..)| *cause)
    }

    fn of_code(code: u16) -> Self {
        match code {
            400..=499 => Self::Network,
            550 | 551 | 553 => Self::UnknownRecipient,
            552 => Self::Content,
            521 | 530 | 534 | 535 | 538 => Self::NotAllowed,
            _ => Self::Unspecified,
        }
    }

    fn line(self) -> Option<&'static (Self, RequestStatus, MmStatus)> {
        STATUSES.iter().find(|(cause, ..)| *cause == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_enhanced_code_decides_and_the_code_where_there_is_none() {
        let cases = [
            (550, None, Cause::UnknownRecipient),
            (550, Some((1, 1)), Cause::UnknownRecipient),
            (550, Some((1, 2)), Cause::UnknownRecipient),
            (550, Some((2, 1)), Cause::UnknownRecipient),
            (550, Some((7, 1)), Cause::NotAllowed),
            (553, Some((1, 8)), Cause::NotAllowed),
            (552, None, Cause::Content),
            (552, Some((3, 4)), Cause::Content),
            (552, Some((2, 3)), Cause::Content),
            (552, Some((2, 2)), Cause::Network),
            (554, None, Cause::Unspecified),
            (554, Some((0, 0)), Cause::Unspecified),
            (554, Some((4, 6)), Cause::Network),
            (554, Some((6, 0)), Cause::BadMessage),
            (554, Some((6, 3)), Cause::Content),
            (501, None, Cause::Unspecified),
            (530, None, Cause::NotAllowed),
            (451, None, Cause::Network),
        ];
        for (code, enhanced, expected) in cases {
            assert_eq!(Cause::of_reply(code, enhanced), expected, "{code} {enhanced:?}");
        }
    }

    #[test]
    fn a_refusal_has_its_status() {
        let status = |refusal: Refusal| Cause::of_refusal(&refusal).request_status().name();
        assert_eq!(
            status(Refusal::NoRoute {
                recipient: "+999".into()
            }),
            "Error-sending-address-unresolved"
        );
        assert_eq!(status(Refusal::TooLarge { limit: 1 }), "Error-content-not-accepted");
        assert_eq!(status(Refusal::Stopping), "Error-network-problem");
        assert_eq!(
            status(Refusal::UnknownMessageType { name: "x".into() }),
            "Error-unsupported-message"
        );
        let by_plugin = |code| Refusal::ByPlugin {
            plugin: "p".into(),
            code,
            text: String::new(),
        };
        assert_eq!(status(by_plugin(554)), "Error-service-denied");
        assert_eq!(status(by_plugin(552)), "Error-content-not-accepted");
    }

    #[test]
    fn every_cause_has_its_line_and_every_error_leads_back_to_one() {
        for (cause, status, mm_status) in STATUSES {
            assert_eq!((cause.request_status(), cause.mm_status()), (status, mm_status));
            let back = Cause::of_status(status).unwrap();
            assert_eq!(back.request_status(), status);
        }
        assert_eq!(Cause::of_status(RequestStatus::Ok), None);
        assert_eq!(Cause::Expired.mm_status(), MmStatus::Expired);
    }
}
