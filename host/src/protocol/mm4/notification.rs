//! Delivery status notifications that arrive (RFC 3464): the next hop's mail system says that it could not deliver a
//! message that it had taken.
//!
//! Parsing is linear, without recursion, and within the limits of [`read`](super::read()), which must have let the
//! message pass. What cannot be read is left out.

use std::io;

use mail_parser::decoders::{base64::base64_decode, quoted_printable::quoted_printable_decode};

use super::entity::Raw;
use super::{Cause, Limits, Pdu, headers};
use crate::message::{Field, Header, Message, MessageType, MmsAddress, OpaqueId, Part, Piece, TransferEncoding};

/// A notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryStatus {
    /// One entry for each recipient that the notification is about.
    pub recipients: Vec<RecipientStatus>,
    pub returned: Returned,
}

/// The fate of one recipient (RFC 3464, 2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientStatus {
    /// `Final-Recipient`, else `Original-Recipient`.
    pub address: Option<MmsAddress>,
    /// The address that the message was sent to, if the notification says so.
    pub original: Option<MmsAddress>,
    pub action: Action,
    /// Class, subject and detail (RFC 3463).
    pub status: Option<(u16, u16, u16)>,
    /// `Diagnostic-Code` without its type: most often the reply of a next hop.
    pub diagnostic: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    Failed,
    Delayed,
    Delivered,
    Relayed,
    Expanded,
    #[default]
    Unknown,
}

/// What the notification returns of the original message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Returned {
    pub kind: Option<MessageType>,
    /// `X-Mms-Message-ID`, as it stands there, quotes included.
    pub message_id: Option<OpaqueId>,
    /// `X-Mms-Transaction-ID`, as it stands there.
    pub transaction_id: Option<OpaqueId>,
    /// `Message-ID` (RFC 5322), without its brackets.
    pub rfc_message_id: Option<String>,
}

/// Reads a message as a notification; `None` when it is none. Reads at most `limits.header_octets` of each of the two
/// relevant parts; blocks on the disk when the content is not in memory.
pub fn delivery_status(message: &Message, limits: &Limits) -> io::Result<Option<DeliveryStatus>> {
    let mut raw = Raw::default();
    message.header.fields.iter().for_each(|field| raw.note(field.raw()));
    if !raw.read("text/plain").is_ok_and(|top| top.is_delivery_report()) {
        return Ok(None);
    }
    let start_of = |media_types: &[&str]| {
        let part = message
            .parts
            .iter()
            .find(|part| media_types.contains(&part.media_type.as_str()));
        part.map_or(Ok(Vec::new()), |part| start(message, part, limits))
    };
    let statuses = start_of(&["message/delivery-status", "message/global-delivery-status"])?;
    let header = start_of(&[
        "text/rfc822-headers",
        "message/rfc822",
        "message/global-headers",
        "message/global",
    ])?;
    Ok(Some(DeliveryStatus {
        recipients: recipients(&statuses, limits),
        returned: returned(&header, limits),
    }))
}

impl RecipientStatus {
    /// The cause of the failure, by its status.
    pub fn cause(&self) -> Cause {
        let (class, subject, detail) = self.status.unwrap_or_default();
        match (class, subject, detail) {
            // Delivery time expired (RFC 3463, 3.5).
            (_, 4, 7) => Cause::Expired,
            _ => Cause::of_reply(class * 100, Some((subject, detail))),
        }
    }
}

/// The beginning of a part's body, decoded; as many octets as the relay allows for a header.
fn start(message: &Message, part: &Part, limits: &Limits) -> io::Result<Vec<u8>> {
    let octets = match &part.body {
        Piece::New(bytes) => bytes.slice(..bytes.len().min(limits.header_octets as usize)),
        Piece::Received(range) => {
            let end = range.end.min(range.start.saturating_add(limits.header_octets));
            message.content.read(range.start..end)?
        }
    };
    // The standard allows neither of these encodings for the three types; some systems use them all the same.
    let decoded = match part.encoding {
        TransferEncoding::Base64 => base64_decode(&octets[..octets.len() / 4 * 4]),
        TransferEncoding::QuotedPrintable => quoted_printable_decode(&octets),
        TransferEncoding::Identity | TransferEncoding::Unknown => None,
    };
    Ok(decoded.unwrap_or_else(|| octets.to_vec()))
}

fn recipients(text: &[u8], limits: &Limits) -> Vec<RecipientStatus> {
    let mut recipients = Vec::new();
    for group in groups(text, limits) {
        // Each field stands once (RFC 3464, 2.3). One that occurs with two values counts as missing.
        let value = |name: &str| {
            let mut fields = group.iter().filter(|field| field.is(name));
            let first = &fields.next()?.octets;
            let is_same = fields.all(|other| other.octets.eq_ignore_ascii_case(first));
            is_same.then(|| String::from_utf8_lossy(first))
        };
        let address = |name| value(name).and_then(|value| address(&value));
        let is_recipient = ["Final-Recipient", "Original-Recipient", "Action"]
            .iter()
            .any(|name| value(name).is_some());
        if is_recipient {
            recipients.push(RecipientStatus {
                address: address("Final-Recipient").or_else(|| address("Original-Recipient")),
                original: address("Original-Recipient"),
                action: value("Action").map_or(Action::Unknown, |value| action(&value)),
                status: value("Status").and_then(|value| status(&value)),
                diagnostic: value("Diagnostic-Code").map(|code| typed(&code).to_owned()),
            });
        }
    }
    recipients
}

/// Reads the returned header as any other header, because a bounce is matched by the same facts under which the request
/// was stored. A header with two types or IDs returns nothing, because readers would differ about it.
fn returned(octets: &[u8], limits: &Limits) -> Returned {
    let fields = groups(octets, limits).into_iter().next().unwrap_or_default();
    let header = Header {
        fields: fields
            .iter()
            .map(|field| Field::exact(&field.name, &field.octets))
            .collect(),
    };
    let identity = [headers::MESSAGE_TYPE, headers::TRANSACTION_ID, headers::MESSAGE_ID];
    if super::contradicted(&header).is_some_and(|name| identity.contains(&name)) {
        return Returned::default();
    }
    let pdu = Pdu::of(&header);
    Returned {
        kind: MessageType::of(&header),
        message_id: pdu.message_id(),
        transaction_id: pdu.transaction_id(),
        rfc_message_id: headers::value(&header, "Message-ID").map(|id| id.trim_matches(['<', '>']).to_owned()),
    }
}

/// The address out of `rfc822; +15555550201/TYPE=PLMN@mms.b.example`.
fn address(value: &str) -> Option<MmsAddress> {
    MmsAddress::new(typed(value).trim_matches(['<', '>'])).ok()
}

/// The value behind the type and its semicolon; all of it when there is no semicolon.
fn typed(value: &str) -> &str {
    value.split_once(';').map_or(value, |(_, rest)| rest).trim()
}

fn action(value: &str) -> Action {
    let word = value.split([' ', '\t', '(']).next().unwrap_or_default();
    match word.to_ascii_lowercase().as_str() {
        "failed" => Action::Failed,
        "delayed" => Action::Delayed,
        "delivered" => Action::Delivered,
        "relayed" => Action::Relayed,
        "expanded" => Action::Expanded,
        _ => Action::Unknown,
    }
}

/// Reads a status, `5.1.1`, with or without a comment behind it.
fn status(value: &str) -> Option<(u16, u16, u16)> {
    let word = value.split([' ', '\t', '(']).next()?;
    let mut numbers = word.split('.').map(|number| number.parse().ok());
    let (class, subject, detail) = (numbers.next()??, numbers.next()??, numbers.next()??);
    ((2..=5).contains(&class) && numbers.next().is_none()).then_some((class, subject, detail))
}

struct NamedValue {
    name: String,
    octets: Vec<u8>,
}

impl NamedValue {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// The fields in groups, which empty lines separate. Lines that are no fields, and fields beyond the limit, are passed
/// over.
fn groups(text: &[u8], limits: &Limits) -> Vec<Vec<NamedValue>> {
    let mut groups: Vec<Vec<NamedValue>> = Vec::new();
    let (mut fields, mut begun, mut continues) = (0, false, false);
    for line in text.split(|octet| *octet == b'\n') {
        let end = line
            .iter()
            .rposition(|octet| *octet != b'\r')
            .map_or(0, |last| last + 1);
        let line = &line[..end];
        if line.is_empty() {
            (begun, continues) = (false, false);
            continue;
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            let last = groups
                .last_mut()
                .and_then(|group| group.last_mut())
                .filter(|_| continues);
            if let Some(field) = last {
                field.octets.extend_from_slice(line);
            }
            continue;
        }
        continues = false;
        let Some(colon) = memchr::memchr(b':', line).filter(|_| fields < limits.fields) else {
            continue;
        };
        fields += 1;
        if !begun {
            groups.push(Vec::new());
            begun = true;
        }
        continues = true;
        if let Some(group) = groups.last_mut() {
            group.push(NamedValue {
                name: String::from_utf8_lossy(&line[..colon]).trim().to_owned(),
                octets: line[colon + 1..].to_owned(),
            });
        }
    }
    for field in groups.iter_mut().flatten() {
        field.octets = field.octets.trim_ascii().to_owned();
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::super::samples::{MULTIPART, incoming, read_text};
    use super::super::{Foreign, read};
    use super::*;

    fn limits() -> Limits {
        Limits {
            notifications: Foreign::Pass,
            ..Limits::default()
        }
    }

    fn of(text: &str) -> Option<DeliveryStatus> {
        let message = read(incoming(text.as_bytes()), &limits()).unwrap();
        delivery_status(&message, &limits()).unwrap()
    }

    fn notification(status: &str, returned_type: &str, returned: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mta.b.example (Mail Delivery System)\r\nTo: PostMaster@mms.a.example\r\n\
             Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"4Z.1/mta.b.example\"\r\n\r\n\
             This is a MIME-encapsulated message.\r\n\r\n--4Z.1/mta.b.example\r\nContent-Description: Notification\r\n\
             Content-Type: text/plain; charset=us-ascii\r\n\r\nI'm sorry.\r\n\r\n--4Z.1/mta.b.example\r\n\
             Content-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n{status}\r\n\
             --4Z.1/mta.b.example\r\nContent-Type: {returned_type}\r\n\r\n{returned}\r\n--4Z.1/mta.b.example--\r\n"
        )
    }

    const STATUS: &str = "Reporting-MTA: dns; mta.b.example\r\nX-Postfix-Queue-ID: 4Z\r\nArrival-Date: x\r\n\r\n\
        Final-Recipient: rfc822; +15555550201/TYPE=PLMN@mms.b.example\r\nOriginal-Recipient: rfc822;+15555550201\r\n\
        Action: failed\r\nStatus: 5.1.1 (no such user)\r\nRemote-MTA: dns; mmsc.b.example\r\n\
        Diagnostic-Code: smtp; 550 5.1.1\r\n    no such\r\n\tuser\r\n\r\n\
        Final-Recipient: RFC822; <+15555550202/TYPE=PLMN@mms.b.example>\r\nAction: Delayed\r\nStatus: 4.4.1\r\n";

    #[test]
    fn a_notification_says_what_became_of_each_recipient_and_of_which_message() {
        for (returned_type, returned) in [
            ("message/rfc822", MULTIPART),
            ("text/rfc822-headers", MULTIPART.split_once("\r\n\r\n").unwrap().0),
        ] {
            let found = of(&notification(STATUS, returned_type, returned)).unwrap();
            let [failed, delayed] = &found.recipients[..] else {
                panic!("{found:?}")
            };
            assert_eq!(
                failed.address.as_ref().unwrap().as_str(),
                "+15555550201/TYPE=PLMN@mms.b.example"
            );
            assert_eq!(failed.original.as_ref().unwrap().as_str(), "+15555550201");
            assert_eq!((failed.action, failed.status), (Action::Failed, Some((5, 1, 1))));
            assert_eq!(failed.diagnostic.as_deref(), Some("550 5.1.1    no such\tuser"));
            assert_eq!(failed.cause(), Cause::UnknownRecipient);
            assert_eq!((delayed.action, delayed.status), (Action::Delayed, Some((4, 4, 1))));
            assert_eq!(delayed.address.as_ref().unwrap().user(), "+15555550202");
            assert_eq!(found.returned.kind, Some(MessageType::ForwardRequest));
            assert_eq!(found.returned.message_id, Some("\"k1\"".into()));
            assert_eq!(found.returned.transaction_id, Some("\"t1\"".into()));
            assert_eq!(found.returned.rfc_message_id, None);
        }
    }

    #[test]
    fn other_messages_are_no_notifications() {
        let message = read_text(MULTIPART).unwrap();
        assert_eq!(delivery_status(&message, &limits()).unwrap(), None);
    }

    #[test]
    fn what_is_broken_is_left_out() {
        let odd = "no field\r\n continued\r\n\r\n\r\nAction: who knows\r\nStatus: 5.x.1\r\nFinal-Recipient: rfc822;\r\n\r\n: x\r\n";
        let found = of(&notification(
            odd,
            "text/rfc822-headers",
            "Message-Id: <r1@a.example>\r\nX: y",
        ))
        .unwrap();
        assert_eq!(found.recipients, [RecipientStatus::default()]);
        assert_eq!(found.recipients[0].cause(), Cause::Unspecified);
        assert_eq!(found.returned.rfc_message_id.as_deref(), Some("r1@a.example"));
        assert_eq!(found.returned.message_id, None);
        let empty = "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n";
        assert_eq!(of(empty), Some(DeliveryStatus::default()));
    }

    #[test]
    fn encoded_parts_are_read_too() {
        let text = notification(
            "",
            "text/rfc822-headers; x=y\r\nContent-Transfer-Encoding: base64",
            "WC1NbXMtTWVzc2FnZS1JRDogazENCg==",
        );
        assert_eq!(of(&text).unwrap().returned.message_id, Some("k1".into()));
        let text = notification(
            "",
            "text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable",
            "X-Mms-Message-ID: k=31",
        );
        assert_eq!(of(&text).unwrap().returned.message_id, Some("k1".into()));
    }

    #[test]
    fn no_more_is_read_than_the_limits_allow() {
        let many = "Final-Recipient: rfc822; +1555\r\n\r\n".repeat(4_000);
        let found = of(&notification(&many, "text/rfc822-headers", &"X: y\r\n".repeat(40_000))).unwrap();
        assert_eq!(found.recipients.len(), 1_000);
        let long = format!("Subject: {}\r\nX-Mms-Message-ID: k1\r\n", "x".repeat(200_000));
        assert_eq!(
            of(&notification("", "text/rfc822-headers", &long))
                .unwrap()
                .returned
                .message_id,
            None
        );
    }

    #[test]
    fn our_own_bounce_is_read() {
        use super::super::compose::tests::{author, system};
        use super::super::{Body, Bounce, FailedRecipient, bounce};
        let (system, to) = (system(), MmsAddress::new("x@a.example").unwrap());
        let message = read_text(MULTIPART).unwrap();
        let recipient = FailedRecipient {
            address: &to,
            status: (4, 7),
            diagnostic: None,
            next_hop: None,
        };
        let bytes = bounce(
            &author(&system, Body::Empty),
            &Bounce {
                to: &to,
                received_at: message.origin.received_at,
                recipients: &[recipient],
                returned: &message.header,
            },
        );
        let found = of(std::str::from_utf8(&bytes).unwrap()).unwrap();
        assert_eq!(found.recipients[0].cause(), Cause::Expired);
        assert_eq!(found.recipients[0].address.as_ref(), Some(&to));
        assert_eq!(found.returned.transaction_id, Some("\"t1\"".into()));
    }
}
