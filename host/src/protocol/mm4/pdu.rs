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
mod tests;
