//! The header of an MM4 message as typed values: every field of TS 23.140, 8.4.1 to 8.4.4.
//!
//! `None` stands for a field that is missing or unreadable; methods that return the standard's default instead say so.
//! Reading changes nothing: the relay sends on the octets as received.

use std::borrow::Cow;

use mail_parser::parsers::MessageStream;

use super::dates::{Date, Expiry};
use super::values::{
    MessageClass, MmStatus, Priority, ReadStatus, RequestStatus, StatusExtension, Version, Visibility,
};
use super::{addresses, headers, unverified};
use crate::message::{ContentClass, Field, Header, MessageType, MmsAddress, OpaqueId, Said, Wants};

/// A view of a header. Making one costs nothing; each method looks up its field.
#[derive(Clone, Copy, Debug)]
pub struct Pdu<'a>(&'a Header);

/// One step of the message's earlier way, counted from 1 (`X-Mms-Previously-Sent-By`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviouslySent {
    pub number: u32,
    pub address: MmsAddress,
    /// From the field `X-Mms-Previously-Sent-Date-and-Time` with the same number.
    pub date: Option<Date>,
}

/// Fields of every message.
impl<'a> Pdu<'a> {
    pub fn of(header: &'a Header) -> Self {
        Self(header)
    }

    /// [`MessageType::Other`] for a type that TS 23.140 does not name; `None` without `X-Mms-Message-Type`.
    pub fn kind(&self) -> Option<MessageType> {
        MessageType::of(self.0)
    }

    pub fn version(&self) -> Option<Version> {
        self.read(headers::VERSION, Version::read)
    }

    /// As received, quotes included.
    pub fn transaction_id(&self) -> Option<OpaqueId> {
        self.field(headers::TRANSACTION_ID).map(Field::id)
    }

    /// `X-Mms-Message-ID`, as [`Pdu::transaction_id`].
    pub fn message_id(&self) -> Option<OpaqueId> {
        self.field(headers::MESSAGE_ID).map(Field::id)
    }

    pub fn from(&self) -> Option<MmsAddress> {
        self.addresses("From").next()
    }

    /// `To` and `Cc`: all recipients, those of other networks too. The envelope says to which of them this copy goes.
    pub fn recipients(&self) -> Vec<MmsAddress> {
        self.addresses("To").chain(self.addresses("Cc")).collect()
    }

    pub fn sender(&self) -> Option<MmsAddress> {
        self.addresses("Sender").next()
    }

    /// When the message was submitted; in a report, when the reported event happened.
    pub fn date(&self) -> Option<Date> {
        self.read("Date", Date::read)
    }

    /// `X-Mms-Originator-System` as an address, whether or not anything can be sent to it.
    pub fn originator_system(&self) -> Option<MmsAddress> {
        self.addresses(headers::ORIGINATOR_SYSTEM).next()
    }

    /// Where a response goes: `X-Mms-Originator-System`, else `Sender`. An address without a domain cannot be routed,
    /// so one with a domain is preferred; and one of the form `system=...`, which a peer was seen to send, is no
    /// address. `None` when neither field has an address; then the envelope sender is what remains.
    pub fn answer_to(&self) -> Option<MmsAddress> {
        let candidates = || [self.originator_system(), self.sender()].into_iter().flatten();
        candidates()
            .find(|address| address.domain().is_some())
            .or_else(|| candidates().find(|address| !address.as_str().contains('=')))
    }

    /// Like [`answer_to`](Self::answer_to), with the envelope sender as the last choice. A routable address is
    /// preferred to one in the field that should have it.
    pub fn answer_to_or(&self, sender: Option<&MmsAddress>) -> Option<MmsAddress> {
        let stated = self.answer_to();
        let leads = |address: &&MmsAddress| address.domain().is_some();
        let best = stated.iter().chain(sender).find(leads).cloned();
        best.or(stated).or_else(|| sender.cloned())
    }

    /// What the message asks of its receiver. A missing or unreadable field asks for nothing.
    pub fn wants(&self) -> Wants {
        Wants {
            response: self.ack_request() == Some(true),
            delivery_report: self.delivery_report() == Some(true),
            read_reply: self.read_reply() == Some(true),
        }
    }

    pub fn ack_request(&self) -> Option<bool> {
        self.read(headers::ACK_REQUEST, headers::yes_no)
    }

    /// Decoded (RFC 2047).
    pub fn status_text(&self) -> Option<String> {
        self.text(headers::STATUS_TEXT)
    }

    pub fn applic_id(&self) -> Option<Cow<'a, str>> {
        self.value(headers::APPLIC_ID)
    }

    pub fn reply_applic_id(&self) -> Option<Cow<'a, str>> {
        self.value(headers::REPLY_APPLIC_ID)
    }

    pub fn aux_applic_info(&self) -> Option<Cow<'a, str>> {
        self.value(headers::AUX_APPLIC_INFO)
    }

    /// The fields that a message of this type must have, and lacks. The relay refuses no message for that, because real
    /// peers leave out many of them. [`read`](super::read()) lists what it does refuse.
    pub fn missing(&self) -> Vec<&'static str> {
        let mandatory = unverified::mandatory(self.kind().unwrap_or(MessageType::Other));
        let mandatory = mandatory.iter().copied();
        mandatory.filter(|name| self.value(name).is_none()).collect()
    }
}

/// Fields of `MM4_forward.REQ`.
impl<'a> Pdu<'a> {
    /// Decoded (RFC 2047); may be empty.
    pub fn subject(&self) -> Option<String> {
        self.text("Subject")
    }

    pub fn message_class(&self) -> Option<MessageClass> {
        self.read(headers::MESSAGE_CLASS, MessageClass::read)
    }

    pub fn priority(&self) -> Option<Priority> {
        self.read(headers::PRIORITY, Priority::read)
    }

    /// Whether to show the sender. Where the field is missing, which is always so in practice, the sender is shown.
    pub fn sender_visibility(&self) -> Option<Visibility> {
        self.read(headers::SENDER_VISIBILITY, Visibility::read)
    }

    pub fn expiry(&self) -> Option<Expiry> {
        self.read(headers::EXPIRY, Expiry::read)
    }

    pub fn delivery_report(&self) -> Option<bool> {
        self.read(headers::DELIVERY_REPORT, headers::yes_no)
    }

    /// Whether the originator's Relay/Server wants a delivery report for itself.
    pub fn originator_rs_delivery_report(&self) -> Option<bool> {
        self.read(headers::ORIGINATOR_RS_DELIVERY_REPORT, headers::yes_no)
    }

    pub fn read_reply(&self) -> Option<bool> {
        self.read(headers::READ_REPLY, headers::yes_no)
    }

    /// How many times the message was forwarded.
    pub fn forward_counter(&self) -> Option<u32> {
        self.read(headers::FORWARD_COUNTER, |value| headers::unquoted(value).parse().ok())
    }

    /// The earlier steps, by their numbers. Lines without a number or an address are passed over.
    pub fn previously_sent(&self) -> Vec<PreviouslySent> {
        let dates: Vec<(u32, Date)> = self
            .numbered(headers::PREVIOUSLY_SENT_DATE)
            .filter_map(|(number, rest)| Some((number, Date::read(&rest)?)))
            .collect();
        let mut all: Vec<PreviouslySent> = self
            .numbered(headers::PREVIOUSLY_SENT_BY)
            .filter_map(|(number, rest)| {
                Some(PreviouslySent {
                    number,
                    address: MmsAddress::new(rest.trim_matches(['<', '>'])).ok()?,
                    date: dates.iter().find(|(of, _)| *of == number).map(|(_, date)| *date),
                })
            })
            .collect();
        all.sort_by_key(|sent| sent.number);
        all
    }

    pub fn content_class(&self) -> Option<ContentClass> {
        self.read(unverified::CONTENT_CLASS, ContentClass::read)
    }

    /// Whether the message holds protected content.
    pub fn drm_content(&self) -> Option<bool> {
        self.read(unverified::DRM_CONTENT, headers::yes_no)
    }

    pub fn adaptation_allowed(&self) -> Option<bool> {
        self.read(unverified::ADAPTATION_ALLOWED, headers::yes_no)
    }
}

/// Fields of responses and reports.
impl Pdu<'_> {
    pub fn request_status(&self) -> Option<RequestStatus> {
        self.read(headers::REQUEST_STATUS_CODE, RequestStatus::read)
    }

    pub fn mm_status(&self) -> Option<MmStatus> {
        self.read(headers::MM_STATUS_CODE, MmStatus::read)
    }

    pub fn mm_status_extension(&self) -> Option<StatusExtension> {
        self.read(headers::MM_STATUS_EXTENSION, StatusExtension::read)
    }

    pub fn read_status(&self) -> Option<ReadStatus> {
        self.read(headers::READ_STATUS, ReadStatus::read)
    }

    /// Whether the originator's user agent may see this report.
    pub fn forward_to_originator_ua(&self) -> Option<bool> {
        self.read(headers::FORWARD_TO_ORIGINATOR_UA, headers::yes_no)
    }
}

/// The longest status, and the longest text of one, that is kept to be shown, in characters.
const MOST_SHOWN: (usize, usize) = (80, 200);

impl<'a> Pdu<'a> {
    /// A summary of the message for operators, by its type.
    pub fn said(&self, kind: MessageType) -> Said {
        let status = match kind {
            MessageType::ForwardRequest | MessageType::Other => None,
            MessageType::DeliveryReportRequest => self.value(headers::MM_STATUS_CODE),
            MessageType::ReadReplyReportRequest => self.value(headers::READ_STATUS),
            MessageType::ForwardResponse
            | MessageType::DeliveryReportResponse
            | MessageType::ReadReplyReportResponse => self.value(headers::REQUEST_STATUS_CODE),
        };
        let cut = |text: &str, most| text.chars().take(most).collect::<String>();
        let other = || self.stated(headers::MESSAGE_TYPE).unwrap_or_else(|| "a bounce".into());
        Said {
            kind: match kind {
                MessageType::Other => cut(&other(), MOST_SHOWN.0),
                kind => kind.name().to_owned(),
            },
            text: status
                .is_some()
                .then(|| self.status_text())
                .flatten()
                .map(|text| cut(&text, MOST_SHOWN.1)),
            status: status.map(|status| cut(&status, MOST_SHOWN.0)),
        }
    }

    /// The value of the field as received, under any of its names.
    pub fn value(&self, name: &str) -> Option<Cow<'a, str>> {
        self.field(name).map(Field::value)
    }

    /// The field as [`Pdu`]'s methods read it, as text: a value of a list in the standard's spelling, IDs and the
    /// version without blanks and quotes around them, and every other value as received. So is a value that its list
    /// does not have.
    pub fn stated(&self, name: &str) -> Option<String> {
        let field = self.field(name)?;
        let value = field.value();
        let stated = match headers::in_standard_spelling(name) {
            headers::MESSAGE_TYPE => {
                let kind = self.kind().filter(|kind| *kind != MessageType::Other);
                kind.map_or(&*value, |kind| kind.name())
            }
            headers::TRANSACTION_ID | headers::MESSAGE_ID => return Some(field.id().bare().as_text().to_owned()),
            headers::VERSION => headers::unquoted(&value),
            name => super::values::in_standard_spelling(name, &value).unwrap_or(&value),
        };
        Some(stated.to_owned())
    }

    fn field(&self, name: &str) -> Option<&'a Field> {
        headers::field(self.0, name)
    }

    fn read<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        read(&self.value(name)?)
    }

    fn text(&self, name: &str) -> Option<String> {
        let raw = self.field(name).or_else(|| self.0.first(name))?.raw();
        let mut value = Cow::Borrowed(&raw[memchr::memchr(b':', raw)? + 1..]);
        // A message without a body may lack its last line end, and mail-parser reads no text without one.
        if !value.ends_with(b"\n") {
            value.to_mut().extend_from_slice(b"\r\n");
        }
        match MessageStream::new(&value).parse_unstructured() {
            mail_parser::HeaderValue::Text(text) => Some(text.trim().to_owned()),
            _ => Some(String::new()),
        }
    }

    fn addresses(&self, name: &'a str) -> impl Iterator<Item = MmsAddress> + use<'a> {
        self.0.all(name).flat_map(addresses::listed)
    }

    /// The values of the form `n, rest`.
    fn numbered(&self, name: &'a str) -> impl Iterator<Item = (u32, String)> + use<'a> {
        headers::spellings(name)
            .flat_map(|name| self.0.all(name))
            .filter_map(|field| {
                let value = field.value();
                let (number, rest) = value.split_once(',')?;
                Some((headers::unquoted(number).parse().ok()?, rest.trim().to_owned()))
            })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn header(text: &str) -> Header {
        let fields = text.split_inclusive("\r\n").map(|line| {
            let raw = Bytes::copy_from_slice(line.as_bytes());
            Field::parse(raw).unwrap()
        });
        Header {
            fields: fields.collect(),
        }
    }

    #[test]
    fn a_forward_request_says_all_that_release_6_lets_it_say() {
        let header = header(
            "From: Ann <+15555550100/TYPE=PLMN@mms.a.example>\r\nTo: +15555550201/TYPE=PLMN, x@b.example\r\nCc: 2020\r\n\
             Sender: <+15555550100/TYPE=PLMN@mms.a.example>\r\nDate: Wed, 26 Jan 2022 00:17:43 +0200\r\n\
             Subject: =?utf-8?Q?gr=C3=BCn?=\r\nX-Mms-3GPP-MMS-Version: 6.10.0\r\nX-Mms-Message-Type: mm4_forward.req\r\n\
             X-Mms-Transaction-Id: \"t1@mms.a.example\"\r\nX-Mms-Message-Id: k1\r\nX-Mms-Message-Class: personal\r\n\
             X-Mms-Priority: HIGH\r\nX-Mms-Sender-Visibility: Hide\r\nX-Mms-Expiry: 600 \r\nX-Mms-Delivery-Report: Yes\r\n\
             X-Mms-Originator-R/S-Delivery-Report: No\r\nX-Mms-Read-Reply: no\r\nX-Mms-Ack-Request: \"Yes\"\r\n\
             X-Mms-Originator-System: system-user@mms.a.example\r\nX-Mms-Forward-Counter: 2\r\n\
             X-Mms-Previously-sent-by: 2, +15555550102/TYPE=PLMN\r\nX-Mms-Previously-sent-by: 1, ann@mail.example\r\n\
             X-Mms-Previously-sent-date-and-time: 2, Wed, 26 Jan 2022 00:17:43 GMT\r\nX-Mms-Applic-ID: org.a.game\r\n\
             X-Mms-Reply-Applic-ID: org.a.game2\r\nX-Mms-Aux-Applic-Info: x y\r\nX-Mms-Content-Class: image-rich\r\n\
             X-Mms-Drm-Content: No\r\nX-Mms-Adaptations: Yes\r\n",
        );
        let pdu = Pdu::of(&header);
        let texts = |addresses: Vec<MmsAddress>| addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(pdu.kind(), Some(MessageType::ForwardRequest));
        assert_eq!(pdu.from().unwrap().as_str(), "+15555550100/TYPE=PLMN@mms.a.example");
        assert_eq!(
            texts(pdu.recipients()),
            ["+15555550201/TYPE=PLMN", "x@b.example", "2020"]
        );
        assert_eq!(pdu.subject().as_deref(), Some("gr\u{fc}n"));
        assert_eq!(pdu.version().unwrap().major, 6);
        assert_eq!(pdu.transaction_id(), Some("\"t1@mms.a.example\"".into()));
        assert_eq!(pdu.message_id(), Some("k1".into()));
        assert_eq!(pdu.message_class(), Some(MessageClass::Personal));
        assert_eq!(pdu.priority(), Some(Priority::High));
        assert_eq!(pdu.sender_visibility(), Some(Visibility::Hide));
        assert_eq!(pdu.expiry(), Some(Expiry::After(std::time::Duration::from_secs(600))));
        assert_eq!(
            pdu.wants(),
            Wants {
                response: true,
                delivery_report: true,
                read_reply: false
            }
        );
        assert_eq!(pdu.originator_rs_delivery_report(), Some(false));
        assert_eq!(pdu.forward_counter(), Some(2));
        let sent = pdu.previously_sent();
        assert_eq!(sent.iter().map(|sent| sent.number).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(sent[0].address.as_str(), "ann@mail.example");
        assert!(sent[0].date.is_none() && sent[1].date.is_some());
        assert_eq!(pdu.applic_id().as_deref(), Some("org.a.game"));
        assert_eq!(pdu.reply_applic_id().as_deref(), Some("org.a.game2"));
        assert_eq!(pdu.aux_applic_info().as_deref(), Some("x y"));
        assert_eq!(pdu.content_class(), Some(ContentClass::ImageRich));
        assert_eq!((pdu.drm_content(), pdu.adaptation_allowed()), (Some(false), Some(true)));
        assert_eq!(pdu.missing(), ["Content-Type"]);
    }

    #[test]
    fn reports_and_responses_are_read_under_the_names_that_peers_give_their_fields() {
        let delivery = header(
            "X-Mms-Status: Unrecognized\r\nX-Mms-MM-Status-Extension: Rejection-by-Other-RS\r\nX-Mms-Forward-To-Originator-UA: Yes\r\n",
        );
        assert_eq!(Pdu::of(&delivery).mm_status(), Some(MmStatus::Unrecognised));
        assert_eq!(
            Pdu::of(&delivery).mm_status_extension(),
            Some(StatusExtension::RejectionByOtherRs)
        );
        assert_eq!(Pdu::of(&delivery).forward_to_originator_ua(), Some(true));
        let both = header("X-Mms-Status: Expired\r\nX-Mms-MM-Status-Code: Retrieved\r\n");
        assert_eq!(Pdu::of(&both).mm_status(), Some(MmStatus::Retrieved));
        let read = header("X-Mms-Read-Status: \r\nX-Mms-MM-Read-Status: Read\r\n");
        assert_eq!(Pdu::of(&read).read_status(), Some(ReadStatus::Read));
        let response = header("X-Mms-3GPP-Version: 5.5.0\r\nX-Mms-Request-Status-Code: Error- service-denied\r\nX-Mms-Status-Text: All is\r\n\tgood.\r\n".replace("\r\n\t", " ").as_str());
        assert_eq!(Pdu::of(&response).request_status(), Some(RequestStatus::ServiceDenied));
        assert_eq!(Pdu::of(&response).status_text().as_deref(), Some("All is good."));
        assert_eq!(Pdu::of(&response).version().unwrap().minor, 5);
    }

    #[test]
    fn a_response_goes_to_the_first_address_that_leads_somewhere() {
        let answer = |text: &str| Pdu::of(&header(text)).answer_to().map(|address| address.to_string());
        let system = "X-Mms-Originator-System: PostMaster@mms.a.example\r\n";
        let sender = "Sender: <+15555550100/TYPE=PLMN@mms.a.example>\r\n";
        assert_eq!(
            answer(&format!("{sender}{system}")).as_deref(),
            Some("PostMaster@mms.a.example")
        );
        assert_eq!(answer(sender).as_deref(), Some("+15555550100/TYPE=PLMN@mms.a.example"));
        // VectorCore's, which is no address.
        let odd = "X-Mms-Originator-System: system=mms.a.example;party=1\r\n";
        assert_eq!(
            answer(&format!("{odd}{sender}")).as_deref(),
            Some("+15555550100/TYPE=PLMN@mms.a.example")
        );
        assert_eq!(
            answer("X-Mms-Originator-System: PostMaster\r\n").as_deref(),
            Some("PostMaster")
        );
        assert_eq!(answer("From: +15555550100\r\n"), None);
        assert_eq!(answer(odd), None);
        let envelope = MmsAddress::new("+15555550100@mms.a.example").unwrap();
        let or = |text: &str| {
            Pdu::of(&header(text))
                .answer_to_or(Some(&envelope))
                .map(|address| address.to_string())
        };
        for nowhere in [
            "",
            odd,
            "X-Mms-Originator-System: undisclosed:;\r\n",
            "X-Mms-Originator-System: PostMaster\r\n",
        ] {
            assert_eq!(or(nowhere).as_deref(), Some(envelope.as_str()), "{nowhere}");
        }
        assert_eq!(or(system).as_deref(), Some("PostMaster@mms.a.example"));
    }

    #[test]
    fn what_a_field_states_is_in_the_words_of_the_standard() {
        let stated = |line: &str, name: &str| Pdu::of(&header(&format!("{line}\r\n"))).stated(name);
        let cases = [
            (
                "X-Mms-Message-Type: \"mm4_FORWARD.req\"",
                "x-mms-message-type",
                "MM4_forward.REQ",
            ),
            ("X-Mms-Message-Type: MM4_x.REQ", "X-Mms-Message-Type", "MM4_x.REQ"),
            ("X-Mms-Transaction-Id: \" t1\" ", "X-Mms-Transaction-ID", "t1"),
            ("X-Mms-3GPP-Version: \"5.5.0\"", "X-Mms-3GPP-MMS-Version", "5.5.0"),
            ("X-Mms-Read-Report: \"yes \"", "X-Mms-Read-Reply", "Yes"),
            ("X-Mms-Ack-Request: NO", "X-Mms-Ack-Request", "No"),
            ("X-Mms-Ack-Request: perhaps", "X-Mms-Ack-Request", "perhaps"),
            (
                "X-Mms-Request-Status-Code: Error- service-denied",
                "X-Mms-Request-Status-Code",
                "Error-service-denied",
            ),
            ("X-Mms-Request-Status-Code: 0", "X-Mms-Request-Status-Code", "Ok"),
            // It counts as another, and is not it.
            (
                "X-Mms-Request-Status-Code: Error-test-failed",
                "X-Mms-Request-Status-Code",
                "Error-test-failed",
            ),
            ("X-Mms-Status: unrecognized", "X-Mms-MM-Status-Code", "Unrecognised"),
            (
                "X-Mms-MM-Read-Status: Deletedwithoutbeingread",
                "X-Mms-Read-Status",
                "Deleted without being read",
            ),
            ("X-Mms-Priority: HIGH", "X-Mms-Priority", "High"),
            ("X-Mms-Expiry: 600 ", "X-Mms-Expiry", "600"),
            ("Subject: \"x\" Y", "subject", "\"x\" Y"),
        ];
        for (line, name, expected) in cases {
            assert_eq!(stated(line, name).as_deref(), Some(expected), "{line}");
        }
        assert_eq!(stated("X-Mms-Priority:", "X-Mms-Priority"), None);
    }

    #[test]
    fn what_cannot_be_read_is_none() {
        let odd = header(
            "X-Mms-Message-Type: MM4_x\r\nX-Mms-Priority: urgent\r\nX-Mms-Forward-Counter: -1\r\nX-Mms-Ack-Request: maybe\r\n\
             X-Mms-Previously-Sent-By: +1555\r\nX-Mms-Previously-Sent-By: x, y\r\nFrom: two words\r\nDate: today\r\n",
        );
        let pdu = Pdu::of(&odd);
        assert_eq!(pdu.kind(), Some(MessageType::Other));
        assert_eq!(
            (pdu.priority(), pdu.forward_counter(), pdu.ack_request()),
            (None, None, None)
        );
        assert_eq!(
            (pdu.previously_sent(), pdu.from(), pdu.date()),
            (Vec::new(), None, None)
        );
        assert_eq!(pdu.wants(), Wants::default());
        assert!(pdu.missing().is_empty());
        assert_eq!(Pdu::of(&Header::default()).kind(), None);
    }
}
