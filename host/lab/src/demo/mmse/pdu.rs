//! The messages of the demo's systems, in the style of real systems: 5.5.0, quoted IDs, no more header fields than
//! necessary.

use bytes::Bytes;

use crate::peer::Received;

/// A message that came to one of the systems.
#[derive(Clone)]
pub struct Arrival {
    pub by: &'static str,
    pub(super) domain: &'static str,
    pub(super) message: Received,
}

impl Arrival {
    /// The value of a header field; empty when it is missing.
    pub fn value(&self, name: &str) -> String {
        self.message
            .header()
            .value(name)
            .map(|value| value.into_owned())
            .unwrap_or_default()
    }

    /// The header's lines, and the octets behind it.
    pub fn lines(&self) -> Vec<String> {
        let header = self.message.header();
        header
            .fields
            .iter()
            .map(|field| format!("{}: {}", field.name(), field.value()))
            .collect()
    }

    /// The domain of the system that took it.
    pub fn domain(&self) -> &'static str {
        self.domain
    }

    /// Whether its originator belongs to the other operator.
    pub fn is_from_abroad(&self) -> bool {
        !self.message.from.ends_with(&format!("@{}", self.domain))
    }

    /// The first recipient, without a domain.
    pub fn recipient(&self) -> String {
        let first = self.message.to.first().map(String::as_str).unwrap_or_default();
        first.split('@').next().unwrap_or_default().to_owned()
    }
}

/// A message to send, with its envelope.
pub struct Pdu {
    pub kind: &'static str,
    /// A remark besides the kind: a status, the number of recipients.
    pub about: String,
    pub sender: String,
    pub recipients: Vec<String>,
    pub bytes: Bytes,
}

/// The domains of the two operators, by their letter.
fn domain(letter: &str) -> String {
    format!("mms.{letter}.example")
}

fn plmn(number: &str) -> String {
    format!("{number}/TYPE=PLMN")
}

impl Pdu {
    /// A request of operator `letter` that asks for a response, delivery reports and read-reply reports.
    pub fn forward(letter: &str, id: &str, from: &str, to: &[&str]) -> Self {
        let own = domain(letter);
        // In this story only the other operator's numbers are abroad.
        let home = |number: &str| domain(if number.starts_with("+1555999") { "b" } else { "a" });
        let listed: Vec<String> = to.iter().map(|number| plmn(number)).collect();
        let text = format!(
            "From: {from}\r\nTo: {to}\r\nDate: Mon, 26 Jan 2026 00:17:43 +0000\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=us-ascii\r\nX-Mms-Message-Type: MM4_forward.REQ\r\n\
             X-Mms-3GPP-MMS-Version: 5.5.0\r\nX-Mms-Transaction-ID: \"t-{id}\"\r\nX-Mms-Message-ID: \"{id}@{own}\"\r\n\
             X-Mms-Delivery-Report: Yes\r\nX-Mms-Read-Reply: Yes\r\nX-Mms-Ack-Request: Yes\r\n\
             X-Mms-Originator-System: system-user@{own}\r\n\r\nGreetings from the hills.\r\n",
            from = plmn(from),
            to = listed.join(", "),
        );
        Self {
            kind: "MM4_forward.REQ",
            about: format!("{from} -> {}", to.join(", ")),
            sender: format!("{}@{own}", plmn(from)),
            recipients: to
                .iter()
                .map(|number| format!("{}@{}", plmn(number), home(number)))
                .collect(),
            bytes: text.into(),
        }
    }

    /// Under another transaction ID, without quotes.
    pub fn with_transaction(mut self, id: &str) -> Self {
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        let lines = text
            .split("\r\n")
            .map(|line| match line.starts_with("X-Mms-Transaction-ID:") {
                true => format!("X-Mms-Transaction-ID: {id}"),
                false => line.to_owned(),
            });
        self.bytes = lines.collect::<Vec<_>>().join("\r\n").into();
        self
    }

    /// The response to the request `asked`.
    pub fn response_to(asked: &Arrival, status: &str) -> Self {
        let (kind, has_message_id) = match asked.value("X-Mms-Message-Type").as_str() {
            "MM4_delivery_report.REQ" => ("MM4_delivery_report.RES", true),
            "MM4_read_reply_report.REQ" => ("MM4_read_reply_report.RES", false),
            _ => ("MM4_forward.RES", true),
        };
        let to = asked.value("X-Mms-Originator-System");
        let own = asked.domain();
        let mut text = format!(
            "From: system-user\r\nSender: system-user@{own}\r\nTo: {to}\r\nX-Mms-Message-Type: {kind}\r\n\
             X-Mms-3GPP-MMS-Version: 5.5.0\r\nX-Mms-Transaction-Id: {}\r\n",
            asked.value("X-Mms-Transaction-ID")
        );
        if has_message_id {
            text.push_str(&format!("X-Mms-Message-Id: {}\r\n", asked.value("X-Mms-Message-ID")));
        }
        text.push_str(&format!("X-Mms-Request-Status-Code: {status}\r\n\r\n"));
        Self {
            kind,
            about: status.to_owned(),
            sender: format!("system-user@{own}"),
            recipients: vec![to],
            bytes: text.into(),
        }
    }

    pub fn delivery_report_on(asked: &Arrival) -> Self {
        Self::report(asked, "MM4_delivery_report.REQ", "X-Mms-MM-Status-Code: Retrieved", "d")
    }

    pub fn read_reply_report_on(asked: &Arrival) -> Self {
        Self::report(asked, "MM4_read_reply_report.REQ", "X-Mms-Read-Status: Read", "r")
    }

    /// A report from the recipient of the message to its originator.
    fn report(asked: &Arrival, kind: &'static str, status: &str, prefix: &str) -> Self {
        let own = asked.domain();
        let home = if own == domain("a") && asked.is_from_abroad() {
            domain("b")
        } else {
            domain("a")
        };
        let recipient = asked.recipient();
        let originator = asked.value("From");
        let message_id = asked.value("X-Mms-Message-ID");
        let text = format!(
            "From: {recipient}\r\nTo: {originator}\r\nDate: Mon, 26 Jan 2026 00:19:02 +0000\r\n\
             X-Mms-Message-Type: {kind}\r\nX-Mms-3GPP-MMS-Version: 5.5.0\r\n\
             X-Mms-Transaction-ID: \"{prefix}-{}\"\r\nX-Mms-Message-ID: {message_id}\r\n{status}\r\n\
             X-Mms-Ack-Request: Yes\r\nX-Mms-Originator-System: system-user@{own}\r\n\r\n",
            message_id.trim_matches('"'),
        );
        let (_, value) = status.split_once(": ").unwrap_or_default();
        Self {
            kind,
            about: value.to_owned(),
            sender: format!("{recipient}@{own}"),
            recipients: vec![format!("{originator}@{home}")],
            bytes: text.into(),
        }
    }
}
