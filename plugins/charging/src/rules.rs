//! Which event makes which record, and what is in it.

use mm4_filter::charging::{ChargingRecord, RecordType};
use mm4_filter::message::{Request, Summary};
use mm4_filter::{Delivery, MessageType, RELAY};
use serde::Deserialize;

/// The relay takes no longer string in a record, in octets.
const LONGEST_STRING: usize = 1024;

/// Whose records are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A network that passes messages on.
    #[default]
    Relay,
    /// The originator's MMSE.
    Originator,
    /// The recipient's MMSE.
    Recipient,
}

/// See the crate's documentation.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    pub role: Role,
    pub inside: Vec<String>,
}

/// What happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// The relay takes the message over; the record is kept only if it does.
    Arrived,
    Delivered(&'a Delivery),
    Failed(&'a Delivery),
}

/// What is known of the message.
#[derive(Debug)]
pub struct Facts {
    pub summary: Summary,
    /// The envelope sender; `None` for the null sender.
    pub originator: Option<String>,
    pub recipients: Vec<String>,
    /// Of a response: the request that it answers, where the relay knows it.
    pub answered: Option<Request>,
    /// What the message says, by the names of [`FIELDS`], as the relay reads it.
    pub fields: Vec<(&'static str, String)>,
}

/// The fields of the message that a record can have something of.
pub const FIELDS: [&str; 15] = [
    "X-Mms-Message-Type",
    "Content-Type",
    "Date",
    "X-Mms-Message-Class",
    "X-Mms-Priority",
    "X-Mms-Expiry",
    "X-Mms-Delivery-Report",
    "X-Mms-Read-Reply",
    "X-Mms-Ack-Request",
    "X-Mms-Sender-Visibility",
    "X-Mms-Forward-Counter",
    "X-Mms-MM-Status-Code",
    "X-Mms-Read-Status",
    "X-Mms-Request-Status-Code",
    "X-Mms-Status-Text",
];

/// A record, and the fields that the contract's has no place for.
#[derive(Debug, PartialEq)]
pub struct Record {
    pub record: ChargingRecord,
    pub more: Vec<(String, String)>,
}

impl Settings {
    /// # Errors
    /// An empty name in `inside`, or `inside` with a role that does not look at it.
    pub fn check(self) -> Result<Self, String> {
        if self.inside.iter().any(String::is_empty) {
            return Err("settings: inside holds an empty string, but must hold names of peers".into());
        }
        if self.role == Role::Relay && !self.inside.is_empty() {
            return Err(
                "settings: inside has no meaning with role = \"relay\": leave it out, or set another role".into(),
            );
        }
        Ok(self)
    }

    /// The record that an event makes, if it makes one. `source` is the peer that the message came from.
    pub fn record_type(&self, event: &Event, message: MessageType, source: &str) -> Option<RecordType> {
        match event {
            Event::Arrived if source == RELAY => None,
            Event::Arrived => self
                .counts(source, Side::Outside)
                .then(|| self.received(message))
                .flatten(),
            Event::Delivered(_) => self.counts(source, Side::Inside).then(|| self.sent(message)).flatten(),
            Event::Failed(_) => {
                let charged = self.counts(source, Side::Inside) && self.sent(message).is_some();
                charged.then_some(RecordType::RelayFailed)
            }
        }
    }

    /// What crosses the border is charged; what stays on one side of it is not.
    fn counts(&self, source: &str, wanted: Side) -> bool {
        let side = if source == RELAY || self.inside.iter().any(|name| name == source) {
            Side::Inside
        } else {
            Side::Outside
        };
        self.inside.is_empty() || side == wanted
    }

    fn received(&self, message: MessageType) -> Option<RecordType> {
        match (self.role, message) {
            (Role::Relay, _) => Some(RecordType::RelayIn),
            (Role::Originator, MessageType::ForwardResponse) => Some(RecordType::O4frs),
            (Role::Originator, MessageType::DeliveryReportRequest) => Some(RecordType::O4d),
            (Role::Originator, MessageType::ReadReplyReportRequest) => Some(RecordType::O4r),
            (Role::Recipient, MessageType::ForwardRequest) => Some(RecordType::R4f),
            (Role::Recipient, MessageType::DeliveryReportResponse) => Some(RecordType::R4drs),
            (Role::Recipient, MessageType::ReadReplyReportResponse) => Some(RecordType::R4rrs),
            _ => None,
        }
    }

    fn sent(&self, message: MessageType) -> Option<RecordType> {
        match (self.role, message) {
            (Role::Relay, _) => Some(RecordType::RelayOut),
            (Role::Originator, MessageType::ForwardRequest) => Some(RecordType::O4frq),
            (Role::Recipient, MessageType::DeliveryReportRequest) => Some(RecordType::R4drq),
            (Role::Recipient, MessageType::ReadReplyReportRequest) => Some(RecordType::R4rrq),
            _ => None,
        }
    }
}

#[derive(PartialEq, Eq)]
enum Side {
    Inside,
    Outside,
}

impl Facts {
    /// The record of that type, all fields filled that the message or the event has.
    pub fn record(&self, record_type: RecordType, event: &Event) -> Record {
        let (originator, recipients) = self.parties();
        let (status_code, status_text) = self.status(event);
        let delivery = match event {
            Event::Arrived => None,
            Event::Delivered(delivery) | Event::Failed(delivery) => Some(delivery),
        };
        let record = ChargingRecord {
            record_type,
            message_id: clipped(self.message_id()),
            transaction_id: non_empty(&self.summary.transaction_id),
            source_peer: non_empty(&self.summary.source),
            destination_peer: delivery.and_then(|delivery| non_empty(&delivery.peer)),
            intra_mmse: Some(self.summary.intra_mmse),
            originator,
            recipients,
            content_type: self.text("Content-Type"),
            message_size: Some(self.summary.size),
            message_class: self.text("X-Mms-Message-Class"),
            priority: self.text("X-Mms-Priority"),
            submission_time: self.text("Date"),
            expiry: self.text("X-Mms-Expiry"),
            delivery_report_requested: Some(self.is("X-Mms-Delivery-Report", "Yes")),
            read_reply_requested: Some(self.is("X-Mms-Read-Reply", "Yes")),
            acknowledgement_requested: Some(self.is("X-Mms-Ack-Request", "Yes")),
            sender_hidden: Some(self.is("X-Mms-Sender-Visibility", "Hide")),
            forward_counter: self
                .field("X-Mms-Forward-Counter")
                .and_then(|value| unquoted(value).parse().ok()),
            status_code,
            status_text,
        };
        Record {
            record,
            more: self.more(),
        }
    }

    /// What a record says besides: which MM4 message it is about, and under which IDs records of one message are joined.
    fn more(&self) -> Vec<(String, String)> {
        let own = &self.summary.message_id;
        let differs = self.is_response() && !own.is_empty() && unquoted(own) != unquoted(self.message_id());
        let fields = [
            ("message-type", Some(self.message_type())),
            ("message-id-unquoted", Some(unquoted(self.message_id()))),
            ("transaction-id-unquoted", Some(unquoted(&self.summary.transaction_id))),
            ("response-message-id", differs.then_some(own.as_str())),
        ];
        let said = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, non_empty(value?)?)));
        said.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// That of the message that the record is about. A response is about the one that its request named: some peers answer
    /// under an ID of their own.
    fn message_id(&self) -> &str {
        let answered = self
            .answered
            .as_ref()
            .filter(|answered| !answered.message_id.is_empty());
        answered.map_or(&self.summary.message_id, |answered| &answered.message_id)
    }

    fn message_type(&self) -> &str {
        // What is of no type is somebody's bounce.
        self.field("X-Mms-Message-Type").unwrap_or("notification")
    }

    fn is_response(&self) -> bool {
        use MessageType::{DeliveryReportResponse, ForwardResponse, ReadReplyReportResponse};
        matches!(
            self.summary.message_type,
            ForwardResponse | DeliveryReportResponse | ReadReplyReportResponse
        )
    }

    /// Whom the record names: see "Fields" in the crate's documentation.
    fn parties(&self) -> (Option<String>, Vec<String>) {
        use MessageType::{DeliveryReportRequest, ReadReplyReportRequest};
        let sender = self.originator.as_deref().map(clipped);
        let recipients: Vec<String> = self.recipients.iter().map(|address| clipped(address)).collect();
        match self.summary.message_type {
            DeliveryReportRequest | ReadReplyReportRequest => {
                (recipients.into_iter().next(), sender.into_iter().collect())
            }
            _ if self.is_response() => (None, Vec::new()),
            _ => (sender, recipients),
        }
    }

    fn status(&self, event: &Event) -> (Option<String>, Option<String>) {
        if let Event::Delivered(delivery) | Event::Failed(delivery) = event {
            let code = (delivery.code != 0).then(|| delivery.code.to_string());
            return (code, non_empty(&delivery.text));
        }
        let code = match self.summary.message_type {
            // The record exists only if the relay accepts the request, and then this is what the sender hears.
            MessageType::ForwardRequest => Some("Ok".into()),
            MessageType::DeliveryReportRequest => self.text("X-Mms-MM-Status-Code"),
            MessageType::ReadReplyReportRequest => self.text("X-Mms-Read-Status"),
            _ => self.text("X-Mms-Request-Status-Code"),
        };
        (code, self.text("X-Mms-Status-Text"))
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.field(name).and_then(non_empty)
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.field(name) == Some(value)
    }
}

/// An ID without the blanks and quotes around it, as IDs are compared.
fn unquoted(id: &str) -> &str {
    id.trim_matches(|c: char| c.is_ascii_whitespace() || c == '"')
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| clipped(text))
}

/// The relay would refuse the whole record for one long string, and the event would go unrecorded.
fn clipped(text: &str) -> String {
    text[..text.floor_char_boundary(LONGEST_STRING)].to_owned()
}

#[cfg(test)]
mod tests;
