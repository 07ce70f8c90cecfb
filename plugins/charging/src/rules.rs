//! Which event makes which record, and what is in it.

use mm4_filter::charging::{ChargingRecord, RecordType};
use mm4_filter::message::{LateRefusal, Request, Summary};
use mm4_filter::{Delivery, MessageType, RELAY};
use serde::Deserialize;

/// Who sent the message before, in a field for each.
pub const PREVIOUSLY_SENT_BY: &str = "X-Mms-Previously-Sent-By";

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
    pub intra_mmse: IntraMmse,
}

/// What becomes of records of messages that never leave our own MMSE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntraMmse {
    /// They say so.
    #[default]
    Mark,
    /// There are none.
    LeaveOut,
}

/// What happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// The relay takes the message over; the record is kept only if it does.
    Arrived,
    Delivered(&'a Delivery),
    Failed(&'a Delivery),
    /// The relay had taken the message over, and then would not have it: no record was made when it arrived.
    RefusedLate(&'a LateRefusal),
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
    /// `X-Mms-Previously-Sent-By`, all of them, as received.
    pub previously_sent_by: Vec<String>,
    /// Type and size of each part, as far as the relay shows them.
    pub parts: Vec<(String, u64)>,
}

/// The fields of the message that a record can have something of.
pub const FIELDS: [&str; 19] = [
    "X-Mms-Message-Type",
    "X-Mms-3GPP-MMS-Version",
    "Subject",
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
    "X-Mms-MM-Status-Extension",
    "X-Mms-Content-Class",
];

/// A record, and the fields that the contract's has no place for.
#[derive(Debug, PartialEq)]
pub struct Record {
    pub record: ChargingRecord,
    pub more: Vec<(String, String)>,
    /// Its status is the answer to the request: the relay keeps the record until that is known, and writes it in.
    pub when_answered: bool,
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

    /// The record that an event makes, if it makes one.
    pub fn record_type(&self, event: &Event, summary: &Summary) -> Option<RecordType> {
        if summary.intra_mmse && self.intra_mmse == IntraMmse::LeaveOut {
            return None;
        }
        let (message, source) = (summary.message_type, summary.source.as_str());
        match event {
            Event::Arrived | Event::RefusedLate(_) if source == RELAY => None,
            Event::Arrived | Event::RefusedLate(_) => self
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
            Event::Arrived | Event::RefusedLate(_) => None,
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
            more: self.more(event),
            when_answered: record_type == RecordType::R4f
                || matches!(event, Event::RefusedLate(_)) && self.is_message(),
        }
    }

    /// What a record says besides: which MM4 message it is about, and under which IDs records of one message are joined.
    fn more(&self, event: &Event) -> Vec<(String, String)> {
        let own = &self.summary.message_id;
        let differs = self.is_response() && !own.is_empty() && unquoted(own) != unquoted(self.message_id());
        // What the next hop says of it is the record's status then.
        let sent_on = matches!(event, Event::Delivered(_) | Event::Failed(_));
        let report = sent_on.then(|| self.own_status()).flatten();
        let subject_size = self.field("Subject").map(|subject| subject.len().to_string());
        let fields = [
            ("message-type", Some(self.message_type())),
            ("message-id-unquoted", Some(unquoted(self.message_id()))),
            ("transaction-id-unquoted", Some(unquoted(&self.summary.transaction_id))),
            ("response-message-id", differs.then_some(own.as_str())),
            ("mms-version", self.field("X-Mms-3GPP-MMS-Version")),
            ("content-class", self.field("X-Mms-Content-Class")),
            ("subject-size", subject_size.as_deref()),
            ("components", self.components().as_deref()),
            ("previously-sent-by", self.previously_sent_by().as_deref()),
            ("status-extension", self.field("X-Mms-MM-Status-Extension")),
            ("report-status", report),
            ("report-status-text", report.and(self.field("X-Mms-Status-Text"))),
        ]
        .map(|(name, value)| (name, value.and_then(non_empty)));
        let said = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        said.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Of a report: what it says of the message that it is about.
    fn report_status(&self) -> Option<&str> {
        match self.summary.message_type {
            MessageType::DeliveryReportRequest => self.field("X-Mms-MM-Status-Code"),
            MessageType::ReadReplyReportRequest => self.field("X-Mms-Read-Status"),
            _ => None,
        }
    }

    /// What a report or a response says itself.
    fn own_status(&self) -> Option<&str> {
        match self.is_response() {
            true => self.field("X-Mms-Request-Status-Code"),
            false => self.report_status(),
        }
    }

    /// `image/jpeg:30123 text/plain:55`, as many as there is room for.
    fn components(&self) -> Option<String> {
        let parts = self
            .parts
            .iter()
            .map(|(media_type, size)| format!("{media_type}:{size}"));
        listed(parts)
    }

    /// The addresses, in the order of their numbers: a line says `1, +15555550100/TYPE=PLMN@mms.a.example`.
    fn previously_sent_by(&self) -> Option<String> {
        let numbered = self.previously_sent_by.iter().filter_map(|line| {
            let (number, address) = line.split_once(',')?;
            let address = address.trim().trim_matches(['<', '>']);
            Some((number.trim().parse::<u32>().ok()?, address.replace(' ', "")))
        });
        let mut numbered: Vec<(u32, String)> = numbered.filter(|(_, address)| !address.is_empty()).collect();
        numbered.sort();
        listed(numbered.into_iter().map(|(_, address)| address))
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

    fn is_message(&self) -> bool {
        self.summary.message_type == MessageType::ForwardRequest
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
        if let (Event::RefusedLate(refusal), true) = (event, self.is_message()) {
            let text = refusal.text.as_deref().and_then(non_empty);
            return (non_empty(&refusal.status), text);
        }
        let code = match self.summary.message_type {
            // The record exists only if the relay accepts the request, and then this is what the sender hears.
            MessageType::ForwardRequest => Some("Ok".into()),
            MessageType::DeliveryReportRequest | MessageType::ReadReplyReportRequest => {
                self.report_status().and_then(non_empty)
            }
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

/// Whole items with blanks between them, as many as a string of a record has room for; `None` without any.
fn listed(items: impl Iterator<Item = String>) -> Option<String> {
    let mut list = String::new();
    for item in items {
        if list.len() + 1 + item.len() > LONGEST_STRING {
            break;
        }
        if !list.is_empty() {
            list.push(' ');
        }
        list.push_str(&item);
    }
    (!list.is_empty()).then_some(list)
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
