//! Why a request failed, in the words of MM4: from a refusal or an SMTP reply to a status.

use super::unverified::STATUSES;
use super::values::{MmStatus, RequestStatus};
use crate::message::Refusal;

/// Why a request was not carried out. What each says on MM4 is in one table, [`super::unverified`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It cannot be read, or lacks what it must have.
    BadMessage,
    /// A recipient's address leads nowhere.
    UnknownRecipient,
    /// The peer or the sender may not.
    NotAllowed,
    /// A network, a queue or a disk failed, or the next hop was not reached.
    Network,
    /// Size, type or matter of the content.
    Content,
    /// A message type or version that the next hop does not know.
    Unsupported,
    /// A report about a message that nobody knows.
    UnknownMessage,
    Unspecified,
    /// It waited until it was given up.
    Expired,
    /// The next hop took it, and did not respond.
    NoResponse,
    /// It was dropped on purpose, and its sender is to know.
    Discarded,
}

impl Cause {
    /// What a response says.
    pub fn request_status(self) -> RequestStatus {
        self.line().map_or(RequestStatus::Unspecified, |(_, status, _)| *status)
    }

    /// What a delivery report says.
    pub fn mm_status(self) -> MmStatus {
        self.line().map_or(MmStatus::Indeterminate, |(_, _, status)| *status)
    }

    /// Why this relay does not take a request.
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
            // 552 is about the size or the matter of the content (RFC 5321, 4.2.3).
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
            | Refusal::Stopping => Self::Network,
        }
    }

    /// Why a next hop does not take a request: by its reply's enhanced code (RFC 3463), `subject` and `detail`, else by
    /// the code alone (RFC 5321, 4.2.3).
    pub fn of_reply(code: u16, enhanced: Option<(u16, u16)>) -> Self {
        match enhanced {
            // 0 says nothing.
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

    /// Why a far end refused, by what its response says; `None` for Ok.
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
