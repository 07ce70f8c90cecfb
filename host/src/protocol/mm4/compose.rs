//! Messages that the relay writes: responses and delivery reports (TS 23.140, 8.4.1 and 8.4.2).
//!
//! Lines are short and end in CRLF, octets are ASCII, and no text from outside can break a line. IDs are the exception:
//! they are echoed exactly as received, whatever their length and octets. The caller makes the envelope.

use bytes::Bytes;

use super::{MmStatus, StatusExtension, dates, fold, headers, unverified};
use crate::message::{Field, MessageId, MessageType, MmsAddress, OpaqueId, Timestamp};

/// The author of a message: the same for all messages of a relay, except for id and time.
#[derive(Clone, Copy, Debug)]
pub struct Author<'a> {
    /// The relay's own id of this message, from which `Message-ID` is made.
    pub id: MessageId,
    /// The relay's host name.
    pub our_name: &'a str,
    /// The relay's system address, for `From` and `Sender`. The response to a report goes there.
    pub system: &'a MmsAddress,
    pub at: Timestamp,
    pub body: Body,
}

/// The body of a response. The standard knows none; some peers refuse a message without one (554).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Body {
    #[default]
    Empty,
    /// One line: the status.
    OneLine,
}

/// A response to one of the three requests.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The type of the request.
    pub request: MessageType,
    /// The version of the request as received, if it had one.
    pub version: Option<&'a str>,
    /// Exactly as received.
    pub transaction_id: &'a OpaqueId,
    /// Exactly as received. The response to a read-reply report has none, whatever this says.
    pub message_id: &'a OpaqueId,
    /// [`RequestStatus::name`](super::RequestStatus::name), or the status of a peer's response, which passes on as it
    /// is.
    pub status: &'a str,
    pub text: Option<&'a str>,
    /// See [`Pdu::answer_to`](super::Pdu::answer_to).
    pub to: &'a MmsAddress,
}

/// A delivery report on a message that this relay took and could not deliver.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryReport<'a> {
    /// The version of the message as received, if it had one.
    pub version: Option<&'a str>,
    /// A new transaction ID of the relay.
    pub transaction_id: &'a OpaqueId,
    /// The ID of the message, exactly as received.
    pub message_id: &'a OpaqueId,
    /// The recipient of the message.
    pub from: &'a str,
    /// The originator of the message, as its `From` had it.
    pub to: &'a str,
    pub status: MmStatus,
    pub extension: Option<StatusExtension>,
    pub text: Option<&'a str>,
    /// Whether the relay wants a response.
    pub ack_request: bool,
    /// Whether the originator's user agent asked for it, and may see it.
    pub for_user: bool,
}

/// Writes the response; `None` when `request` is no request: responses are not answered.
pub fn response(author: &Author<'_>, response: &Response<'_>) -> Option<Bytes> {
    let kind = response.request.response()?;
    let mut out = Draft::new(author);
    out.line("To", response.to.as_str());
    out.pdu(kind, response.version, response.transaction_id);
    if kind != MessageType::ReadReplyReportResponse {
        out.exact(headers::MESSAGE_ID, response.message_id);
    }
    out.line(headers::REQUEST_STATUS_CODE, response.status);
    if let Some(text) = response.text {
        out.line(headers::STATUS_TEXT, text);
    }
    Some(out.finish(author.body, response.status))
}

/// Writes the report.
pub fn delivery_report(author: &Author<'_>, report: &DeliveryReport<'_>) -> Bytes {
    let yes_no = |yes: bool| if yes { "Yes" } else { "No" };
    let mut out = Draft::default();
    out.line("From", report.from);
    out.head(author);
    out.line("To", report.to);
    out.pdu(
        MessageType::DeliveryReportRequest,
        report.version,
        report.transaction_id,
    );
    out.exact(headers::MESSAGE_ID, report.message_id);
    out.line(headers::MM_STATUS_CODE, report.status.name());
    if let Some(extension) = report.extension {
        out.line(headers::MM_STATUS_EXTENSION, extension.name());
    }
    if let Some(text) = report.text {
        out.line(headers::STATUS_TEXT, text);
    }
    out.line(headers::ACK_REQUEST, yes_no(report.ack_request));
    out.line(headers::FORWARD_TO_ORIGINATOR_UA, yes_no(report.for_user));
    out.line(headers::ORIGINATOR_SYSTEM, author.system.as_str());
    out.finish(author.body, report.status.name())
}

/// The longest value that is written, in characters. Longer ones are cut.
const MAX_VALUE: usize = 480;

/// A header under construction.
#[derive(Default)]
pub(super) struct Draft(Vec<u8>);

impl Draft {
    /// Begins a message whose `From` is the relay's own address.
    pub fn new(author: &Author<'_>) -> Self {
        let mut out = Self::default();
        out.line("From", author.system.as_str());
        out.head(author);
        out
    }

    fn head(&mut self, author: &Author<'_>) {
        self.line("Sender", author.system.as_str());
        self.line("Date", &dates::written(author.at));
        self.line("Message-ID", &format!("<{}@{}>", author.id, author.our_name));
    }

    fn pdu(&mut self, kind: MessageType, version: Option<&str>, transaction_id: &OpaqueId) {
        let version = version.map(headers::unquoted).filter(|version| !version.is_empty());
        self.line(headers::VERSION, version.unwrap_or(unverified::OWN_VERSION));
        self.line(headers::MESSAGE_TYPE, kind.name());
        self.exact(headers::TRANSACTION_ID, transaction_id);
    }

    /// Adds a field in short lines of ASCII: control characters become blanks, text beyond ASCII becomes encoded words.
    pub fn line(&mut self, name: &str, value: &str) {
        let value: String = one_line(value).chars().take(MAX_VALUE).collect();
        match fold::field(name, &value) {
            Ok(field) => self.0.extend_from_slice(field.raw()),
            // The value was cut, so it cannot be too long. Were it so all the same, an empty field does less harm than
            // none.
            Err(_) => self.exact(name, &OpaqueId::default()),
        }
    }

    /// Adds a field with the octets of the ID as received, except those that would end the line.
    pub fn exact(&mut self, name: &str, id: &OpaqueId) {
        let mut octets = id.octets().trim_ascii().to_vec();
        for octet in octets.iter_mut().filter(|octet| matches!(octet, b'\r' | b'\n' | b'\0')) {
            *octet = b' ';
        }
        self.0.extend_from_slice(Field::exact(name, &octets).raw());
    }

    /// Adds octets that are known to be whole lines.
    pub fn lines(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }

    pub fn octets(self) -> Bytes {
        self.0.into()
    }

    fn finish(mut self, body: Body, line: &str) -> Bytes {
        self.lines(b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n");
        if body == Body::OneLine {
            self.lines(format!("{}\r\n", ascii(line)).as_bytes());
        }
        self.octets()
    }
}

/// The text with a blank in place of every character that could end a line.
fn one_line(text: &str) -> String {
    let blank = |c: char| if c.is_control() && c != '\t' { ' ' } else { c };
    text.trim().chars().map(blank).collect()
}

/// The text on one line in ASCII, cut to what fits into a line.
pub(super) fn ascii(text: &str) -> String {
    let known = |c: char| if c.is_ascii() { c } else { '?' };
    one_line(text).chars().take(MAX_VALUE).map(known).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::samples::read_bytes;
    use std::sync::LazyLock;

    use super::super::{Pdu, RequestStatus};
    use super::*;

    pub const AT: Timestamp = Timestamp(1_795_298_400_123);

    pub fn system() -> MmsAddress {
        MmsAddress::new("mm4relay@mms.hub.example").unwrap()
    }

    pub fn author(system: &MmsAddress, body: Body) -> Author<'_> {
        Author {
            id: MessageId(77),
            our_name: "relay.hub.example",
            system,
            at: AT,
            body,
        }
    }

    /// A transaction ID and a message ID.
    static IDS: LazyLock<[OpaqueId; 2]> = LazyLock::new(|| ["\"t1@mms.a.example\"".into(), "\"k1\"".into()]);

    fn answer<'a>(to: &'a MmsAddress, text: Option<&'a str>) -> Response<'a> {
        Response {
            request: MessageType::ForwardRequest,
            version: Some("6.3.0"),
            transaction_id: &IDS[0],
            message_id: &IDS[1],
            status: RequestStatus::ServiceDenied.name(),
            text,
            to,
        }
    }

    fn text(bytes: Bytes) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn a_response_says_what_the_standard_wants_and_no_more() {
        let (system, to) = (system(), MmsAddress::new("PostMaster@mms.a.example").unwrap());
        let written = response(&author(&system, Body::Empty), &answer(&to, Some("not from here"))).unwrap();
        assert_eq!(
            text(written),
            "From: mm4relay@mms.hub.example\r\nSender: mm4relay@mms.hub.example\r\n\
             Date: Sat, 21 Nov 2026 22:00:00 +0000\r\nMessage-ID: <000000000002D@relay.hub.example>\r\n\
             To: PostMaster@mms.a.example\r\nX-Mms-3GPP-MMS-Version: 6.3.0\r\nX-Mms-Message-Type: MM4_forward.RES\r\n\
             X-Mms-Transaction-ID: \"t1@mms.a.example\"\r\nX-Mms-Message-ID: \"k1\"\r\n\
             X-Mms-Request-Status-Code: Error-service-denied\r\nX-Mms-Status-Text: not from here\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
        );
    }

    #[test]
    fn the_response_to_a_read_reply_report_has_no_message_id() {
        let (system, to) = (system(), MmsAddress::new("x@a.example").unwrap());
        let of = |request| Response {
            request,
            version: None,
            ..answer(&to, None)
        };
        let author = author(&system, Body::OneLine);
        let read = text(response(&author, &of(MessageType::ReadReplyReportRequest)).unwrap());
        assert!(!read.contains("X-Mms-Message-ID"));
        assert!(read.contains("\r\nX-Mms-3GPP-MMS-Version: 5.5.0\r\n"));
        assert!(read.ends_with("\r\n\r\nError-service-denied\r\n"));
        let delivery = text(response(&author, &of(MessageType::DeliveryReportRequest)).unwrap());
        assert!(delivery.contains("MM4_delivery_report.RES\r\n") && delivery.contains("X-Mms-Message-ID: \"k1\"\r\n"));
        for kind in [MessageType::ForwardResponse, MessageType::Other] {
            assert!(response(&author, &of(kind)).is_none(), "{kind:?}");
        }
    }

    #[test]
    fn a_delivery_report_comes_from_the_recipient_and_reads_back() {
        let system = system();
        let report = DeliveryReport {
            version: None,
            transaction_id: &"relay-9".into(),
            message_id: &IDS[1],
            from: "+15555550201/TYPE=PLMN",
            to: "\"J\u{f6}rg\" <+15555550100/TYPE=PLMN>",
            status: MmStatus::Expired,
            extension: Some(StatusExtension::RejectionByOtherRs),
            text: Some("given up after 3 days"),
            ack_request: true,
            for_user: true,
        };
        let written = delivery_report(&author(&system, Body::Empty), &report);
        assert!(written.is_ascii());
        let message = read_bytes(&written).unwrap();
        let pdu = Pdu::of(&message.header);
        assert_eq!(message.kind, MessageType::DeliveryReportRequest);
        assert_eq!(pdu.from().unwrap().as_str(), "+15555550201/TYPE=PLMN");
        assert_eq!(pdu.recipients()[0].as_str(), "+15555550100/TYPE=PLMN");
        assert_eq!(pdu.mm_status(), Some(MmStatus::Expired));
        assert_eq!(pdu.mm_status_extension(), Some(StatusExtension::RejectionByOtherRs));
        assert_eq!(pdu.message_id().as_ref(), Some(&IDS[1]));
        assert_eq!(
            (pdu.ack_request(), pdu.forward_to_originator_ua()),
            (Some(true), Some(true))
        );
        assert_eq!(pdu.answer_to(), Some(system));
        assert!(pdu.missing().is_empty(), "{:?}", pdu.missing());
    }

    #[test]
    fn nothing_from_outside_breaks_a_line() {
        let (system, to) = (system(), MmsAddress::new("x@a.example").unwrap());
        let long = "\u{fc}".repeat(5_000);
        for bad in [
            "a\r\nBcc: x",
            "a\nb",
            "\0",
            "\r\n\r\n",
            "\u{85}\u{2028}",
            long.as_str(),
            &"x".repeat(5_000),
        ] {
            let hostile = Response {
                transaction_id: &bad.into(),
                message_id: &bad.into(),
                status: bad,
                version: Some(bad),
                ..answer(&to, Some(bad))
            };
            let written = response(&author(&system, Body::OneLine), &hostile).unwrap();
            let lines = text(written);
            assert_eq!(lines.matches('\n').count(), lines.matches("\r\n").count());
            let (header, _) = lines.split_once("\r\n\r\n").unwrap();
            let names: Vec<&str> = header
                .lines()
                .filter(|line| !line.starts_with([' ', '\t']))
                .map(|line| line.split(':').next().unwrap())
                .collect();
            assert_eq!(names.len(), 13, "{names:?}");
            let others = header.lines().filter(|line| !line.contains("-ID:"));
            assert!(others.into_iter().all(|line| line.len() <= 998 && line.is_ascii()));
        }
    }
}
