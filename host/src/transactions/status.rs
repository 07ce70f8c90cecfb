//! Failures in the words of a response.

use crate::message::{Answer, Cause, Change, Ordinal, RecipientId, Refusal, Timestamp};
use crate::protocol::mm4;

/// The answer to a refusal of the relay itself. The text reveals no more than the peer may know.
pub fn of_refusal(refusal: &Refusal, at: Timestamp) -> (Answer, Cause) {
    let (text, cause) = match refusal {
        Refusal::NoRoute { .. } => (Some("no route to the recipient".to_owned()), Cause::NoRoute),
        Refusal::ByPlugin { text, .. } => (Some(text.clone()), Cause::Rejected),
        Refusal::ThirdParty { .. } => (Some("nothing is carried to that network".to_owned()), Cause::NoRoute),
        Refusal::Loop { .. } => (Some("the message loops".to_owned()), Cause::NoRoute),
        // For these, the sender gets the status alone.
        Refusal::UnknownClient { .. }
        | Refusal::NotProven { .. }
        | Refusal::TooFast { .. }
        | Refusal::SenderNotAllowed { .. }
        | Refusal::UnclearOriginator { .. }
        | Refusal::NotAsked { .. }
        | Refusal::NobodyServes { .. }
        | Refusal::Numbering { .. }
        | Refusal::BadAddress { .. }
        | Refusal::TooManyRecipients { .. }
        | Refusal::TooLarge { .. }
        | Refusal::HeaderTooLarge { .. }
        | Refusal::LineTooLong { .. }
        | Refusal::BareLineEnd
        | Refusal::NulOctet
        | Refusal::NestedTooDeep { .. }
        | Refusal::NoHeader
        | Refusal::BadHeader { .. }
        | Refusal::NotMm4
        | Refusal::Contradiction { .. }
        | Refusal::UnknownMessageType { .. }
        | Refusal::MissingHeader { .. }
        | Refusal::BrokenMime { .. }
        | Refusal::PluginFailed { .. }
        | Refusal::Deferred { .. }
        | Refusal::Storage { .. }
        | Refusal::NoSpace
        | Refusal::StoreFailed
        | Refusal::StoreAway
        | Refusal::Unsettled
        | Refusal::Stopping => (None, Cause::Rejected),
    };
    let answer = Answer {
        status: mm4::Cause::of_refusal(refusal).request_status().name().into(),
        text,
        at,
        host: None,
    };
    (answer, cause)
}

/// How a failed delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending<'a> {
    /// The deciding reply; `None` when there was none.
    pub code: Option<u16>,
    /// Subject and detail (RFC 3463).
    pub enhanced: Option<(u16, u16)>,
    pub text: &'a str,
    /// The host that replied, or was tried last.
    pub host: Option<&'a str>,
    /// A time limit ended it: the next hop was not reached, or never took the message.
    pub given_up: bool,
    /// The limit was the message's own `X-Mms-Expiry`, and not `give-up` of the next hop.
    pub expired: bool,
    pub at: Timestamp,
}

/// The answer for a message that a next hop refused, or did not take in time.
pub fn of_delivery(ending: &Ending<'_>) -> (Answer, Cause) {
    let (cause, why) = match ending {
        Ending { expired: true, .. } => (Cause::Expired, mm4::Cause::Expired),
        Ending { given_up: true, .. } => (Cause::Unreachable, mm4::Cause::Network),
        Ending { code, enhanced, .. } => (Cause::Refused, mm4::Cause::of_reply(code.unwrap_or(554), *enhanced)),
    };
    let answer = Answer {
        status: why.request_status().name().into(),
        text: Some(line(&reply(ending))),
        at: ending.at,
        host: ending.host.map(str::to_owned),
    };
    (answer, cause)
}

/// The reply as it came, with its codes; the relay's own words have none.
fn reply(ending: &Ending<'_>) -> String {
    let text = ending.text;
    match (ending.code, ending.enhanced) {
        (Some(code), Some((subject, detail))) if !ending.given_up => {
            format!("{code} {}.{subject}.{detail} {text}", code / 100)
        }
        (Some(code), None) if !ending.given_up => format!("{code} {text}"),
        _ => text.to_owned(),
    }
}

/// Recipients of one leg that failed: one change for all that failed alike, so that one bounce covers them.
pub fn refused(ordinal: Ordinal, failed: impl Iterator<Item = (Vec<RecipientId>, (Answer, Cause))>) -> Vec<Change> {
    let mut alike: Vec<(Vec<RecipientId>, (Answer, Cause))> = Vec::new();
    for (recipients, why) in failed {
        match alike.iter_mut().find(|(_, known)| *known == why) {
            Some((known, _)) => known.extend(recipients),
            None => alike.push((recipients, why)),
        }
    }
    let change = |(recipients, (answer, cause))| Change::Refused {
        ordinal,
        recipients,
        answer,
        cause,
    };
    alike.into_iter().map(change).collect()
}

/// The answer for a recipient that a next hop's mail system bounced after taking the message.
pub(super) fn of_bounce(failed: &mm4::RecipientStatus, at: Timestamp) -> (Answer, Cause) {
    let why = failed.cause();
    let cause = match why {
        mm4::Cause::Expired => Cause::Unreachable,
        mm4::Cause::BadMessage
        | mm4::Cause::UnknownRecipient
        | mm4::Cause::NotAllowed
        | mm4::Cause::Network
        | mm4::Cause::Content
        | mm4::Cause::Unsupported
        | mm4::Cause::UnknownMessage
        | mm4::Cause::Unspecified
        | mm4::Cause::NoResponse
        | mm4::Cause::Discarded => Cause::Refused,
    };
    let answer = Answer {
        status: why.request_status().name().into(),
        text: failed.diagnostic.as_deref().map(line),
        at,
        host: None,
    };
    (answer, cause)
}

/// The status for a delivery report.
pub(super) fn mm_status(answer: &Answer, cause: Cause) -> mm4::MmStatus {
    let why = match cause {
        Cause::Expired => mm4::Cause::Expired,
        Cause::NoAnswer => mm4::Cause::NoResponse,
        Cause::Unreachable => mm4::Cause::Network,
        Cause::NoRoute => mm4::Cause::UnknownRecipient,
        // The next hop or a plug-in rejected the message.
        Cause::Refused | Cause::Rejected | Cause::AnsweredNo => {
            let status = mm4::RequestStatus::read(&answer.status).unwrap_or(mm4::RequestStatus::Unspecified);
            mm4::Cause::of_status(status).unwrap_or(mm4::Cause::Unspecified)
        }
    };
    why.mm_status()
}

/// Subject and detail of the status in a bounce (RFC 3463).
pub(super) fn enhanced(answer: &Answer, cause: Cause) -> (u16, u16) {
    // The next hop's own code takes precedence (RFC 3464, 2.3.4).
    if let (Cause::Refused, Some(said)) = (cause, answer.text.as_deref().and_then(codes)) {
        return said;
    }
    match (cause, mm4::RequestStatus::read(&answer.status)) {
        // Delivery time expired.
        (Cause::Expired | Cause::Unreachable, _) => (4, 7),
        // Bad destination system address.
        (Cause::NoRoute, _) => (1, 2),
        (_, Some(mm4::RequestStatus::SendingAddressUnresolved)) => (1, 1),
        (_, Some(mm4::RequestStatus::ServiceDenied)) => (7, 1),
        (_, Some(mm4::RequestStatus::ContentNotAccepted)) => (6, 0),
        (
            _,
            None
            | Some(
                mm4::RequestStatus::Ok
                | mm4::RequestStatus::Unspecified
                | mm4::RequestStatus::MessageFormatCorrupt
                | mm4::RequestStatus::MessageNotFound
                | mm4::RequestStatus::NetworkProblem
                | mm4::RequestStatus::UnsupportedMessage,
            ),
        ) => (0, 0),
    }
}

/// Subject and detail in a reply such as `550 5.7.26 not from there`.
fn codes(reply: &str) -> Option<(u16, u16)> {
    let mut words = reply.split(' ');
    words.next().filter(|code| code.len() == 3 && code.starts_with('5'))?;
    let mut numbers = words.next()?.split('.').map(|number| number.parse().ok());
    match (numbers.next()?, numbers.next()?, numbers.next()?, numbers.next()) {
        (Some(5), Some(subject), Some(detail), None) => Some((subject, detail)),
        _ => None,
    }
}

/// One line of a peer's text, for a header.
fn line(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' });
    plain.take(200).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(7);

    fn ending(code: Option<u16>, enhanced: Option<(u16, u16)>) -> Ending<'static> {
        Ending {
            code,
            enhanced,
            text: "no",
            host: None,
            given_up: false,
            expired: false,
            at: AT,
        }
    }

    #[test]
    fn every_ending_has_its_status_in_a_response_a_report_and_a_bounce() {
        let late = Ending {
            given_up: true,
            ..ending(Some(450), None)
        };
        let cases = [
            (
                ending(Some(550), Some((1, 1))),
                "Error-sending-address-unresolved",
                "Unreachable",
                (1, 1),
            ),
            (
                ending(Some(554), Some((7, 1))),
                "Error-service-denied",
                "Rejected",
                (7, 1),
            ),
            (
                ending(Some(552), Some((3, 4))),
                "Error-content-not-accepted",
                "Rejected",
                (3, 4),
            ),
            (
                ending(Some(552), None),
                "Error-content-not-accepted",
                "Rejected",
                (6, 0),
            ),
            (late, "Error-network-problem", "Unreachable", (4, 7)),
            (
                Ending { expired: true, ..late },
                "Error-network-problem",
                "Expired",
                (4, 7),
            ),
        ];
        for (ending, status, report, bounce) in cases {
            let (answer, cause) = of_delivery(&ending);
            assert_eq!(answer.status, status, "{ending:?}");
            assert_eq!(mm_status(&answer, cause).name(), report, "{ending:?}");
            assert_eq!(enhanced(&answer, cause), bounce, "{ending:?}");
            assert!(cause.is_of_transport());
        }
    }

    #[test]
    fn what_is_refused_here_says_no_more_than_the_peer_may_know() {
        let failed = Refusal::PluginFailed {
            plugin: "secret".into(),
            reason: "trap at 0x1234".into(),
        };
        let (answer, cause) = of_refusal(&failed, AT);
        assert_eq!((answer.status.as_str(), answer.text), ("Error-unspecified", None));
        assert!(!cause.is_of_transport());
        let no_route = Refusal::NoRoute {
            recipient: "+15555550199".into(),
        };
        let (answer, cause) = of_refusal(&no_route, AT);
        assert_eq!(answer.status, "Error-sending-address-unresolved");
        assert!(!answer.text.unwrap_or_default().contains("5555"));
        assert_eq!(cause, Cause::NoRoute);
    }

    #[test]
    fn a_reply_becomes_one_short_line() {
        let hostile = format!("a\r\nBcc: x \u{fc}{}", "y".repeat(500));
        let text = line(&hostile);
        assert!(
            text.len() <= 200 && text.is_ascii() && !text.contains(['\r', '\n']),
            "{text}"
        );
    }
}
