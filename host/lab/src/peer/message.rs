//! What a peer keeps of a message, and how it answers.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use mm4relay::message::{Field, Header};

/// A message as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    /// Counted from 1, over all sessions.
    pub number: u64,
    pub from: String,
    pub to: Vec<String>,
    /// It came over TLS.
    pub encrypted: bool,
    /// Octets on the wire, with dots still doubled.
    pub octets: u64,
    /// The message without doubled dots; only its beginning, if the peer does not keep messages.
    pub data: Bytes,
}

impl Received {
    /// The fields of the header that can be read.
    pub fn header(&self) -> Header {
        let mut fields = Vec::new();
        let mut start = 0;
        while start < self.data.len() && !self.data[start..].starts_with(b"\r\n") {
            let end = field_end(&self.data, start);
            fields.extend(Field::parse(self.data.slice(start..end)));
            start = end;
        }
        Header { fields }
    }

    /// One line for the log.
    pub(super) fn to_json(&self, code: u16) -> serde_json::Value {
        let header = self.header();
        let value = |name: &str| header.value(name).map(|value| value.into_owned());
        serde_json::json!({
            "number": self.number,
            "from": self.from,
            "to": self.to,
            "octets": self.octets,
            "encrypted": self.encrypted,
            "type": value("X-Mms-Message-Type"),
            "transaction_id": value("X-Mms-Transaction-ID"),
            "message_id": value("X-Mms-Message-ID"),
            "reply": code,
        })
    }

    /// The messages that a peer with these manners sends in answer: recipient and text of each.
    pub(super) fn answers(&self, manners: &Manners) -> Vec<(String, Bytes)> {
        let header = self.header();
        let value = |name: &str| header.value(name).unwrap_or_default().into_owned();
        let says_yes = |name: &str| value(name).eq_ignore_ascii_case("Yes");
        let Some(kind) = request(&value("X-Mms-Message-Type")) else {
            return Vec::new();
        };
        let version = header.value("X-Mms-3GPP-MMS-Version").unwrap_or("6.10.0".into());
        let message_id = value("X-Mms-Message-ID");
        let mut answers = Vec::new();
        if says_yes("X-Mms-Ack-Request") {
            let system = value("X-Mms-Originator-System");
            let to = Some(system).filter(|system| !system.is_empty());
            let to = to.as_deref().unwrap_or(&self.from).trim_matches(['<', '>']).to_owned();
            let fields = format!(
                "X-Mms-Message-Type: MM4_{kind}.RES\r\nX-Mms-Transaction-ID: {}\r\n{}X-Mms-Request-Status-Code: {}\r\n",
                value("X-Mms-Transaction-ID"),
                // TS 23.140, 8.4.3: the response to a read-reply report has no message ID.
                match kind {
                    "read_reply_report" => String::new(),
                    _ => format!("X-Mms-Message-ID: {message_id}\r\n"),
                },
                manners.status,
            );
            answers.push((to.clone(), manners.text(&manners.system(), &to, &version, &fields)));
        }
        let report = manners.report.as_ref().filter(|_| says_yes("X-Mms-Delivery-Report"));
        let delivery = report.map(|status| ("delivery_report", format!("X-Mms-MM-Status-Code: {status}")));
        let read = (manners.read && says_yes("X-Mms-Read-Reply"))
            .then(|| ("read_reply_report", "X-Mms-Read-Status: Read".to_owned()));
        for (report, status) in delivery.into_iter().chain(read).filter(|_| kind == "forward") {
            for recipient in &self.to {
                let fields = format!(
                    "X-Mms-Message-Type: MM4_{report}.REQ\r\nX-Mms-Transaction-ID: {}\r\nX-Mms-Message-ID: {message_id}\r\n\
                     X-Mms-Ack-Request: Yes\r\nX-Mms-Originator-System: {}\r\n{status}\r\n",
                    manners.next_transaction(),
                    manners.system(),
                );
                answers.push((
                    self.from.clone(),
                    manners.text(recipient, &self.from, &version, &fields),
                ));
            }
        }
        answers
    }
}

/// How a peer answers.
#[derive(Debug, Default)]
pub(super) struct Manners {
    pub host: String,
    /// The `X-Mms-Request-Status-Code` of responses.
    pub status: String,
    /// The `X-Mms-MM-Status-Code` of delivery reports; `None`: it sends none.
    pub report: Option<String>,
    /// It sends read-reply reports.
    pub read: bool,
    /// The number of transaction IDs given so far: `001`, `002` and so on, as simple systems count.
    pub transactions: AtomicU64,
}

impl Manners {
    pub fn system(&self) -> String {
        format!("system-user@{}", self.host)
    }

    fn next_transaction(&self) -> String {
        format!("{:03}", self.transactions.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn text(&self, from: &str, to: &str, version: &str, fields: &str) -> Bytes {
        let host = &self.host;
        let date = jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_string(&jiff::Timestamp::now())
            .unwrap_or_default();
        format!(
            "From: <{from}>\r\nTo: <{to}>\r\nSender: <{}>\r\nDate: {date}\r\nMessage-ID: <{:x}@{host}>\r\n\
             X-Mms-3GPP-MMS-Version: {version}\r\n{fields}\r\n",
            self.system(),
            fastrand::u64(..),
        )
        .into()
    }
}

/// `forward` for `MM4_forward.REQ`, in any case.
fn request(message_type: &str) -> Option<&'static str> {
    let kinds = ["forward", "delivery_report", "read_reply_report"];
    kinds
        .into_iter()
        .find(|kind| message_type.eq_ignore_ascii_case(&format!("MM4_{kind}.REQ")))
}

/// The position after a CRLF that no continuation line follows.
fn field_end(data: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(found) = memchr::memchr(b'\n', &data[at..]) {
        at += found + 1;
        if !matches!(data.get(at), Some(b' ' | b'\t')) {
            return at;
        }
    }
    data.len()
}

/// Undoes dot-stuffing (RFC 5321, 4.5.2).
pub(super) fn unstuff(wire: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(wire.len());
    let mut rest = wire.strip_prefix(b".").unwrap_or(wire);
    while let Some(at) = memchr::memmem::find(rest, b"\r\n.") {
        out.extend_from_slice(&rest[..at + 2]);
        rest = &rest[at + 3..];
    }
    out.extend_from_slice(rest);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(extra: &str) -> Received {
        let data = format!(
            "X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: \"t 1@a\"\r\nX-Mms-Message-ID:\r\n k1\r\n{extra}\r\nbody\r\n"
        );
        Received {
            number: 7,
            from: "a@a.example".into(),
            to: vec!["b@b.example".into()],
            encrypted: false,
            octets: data.len() as u64,
            data: data.into(),
        }
    }

    fn manners() -> Manners {
        Manners {
            host: "mms.b.example".into(),
            status: "Ok".into(),
            report: Some("Retrieved".into()),
            read: true,
            ..Manners::default()
        }
    }

    fn answers(extra: &str) -> Vec<(String, String)> {
        let answers = received(extra).answers(&manners()).into_iter();
        answers
            .map(|(to, text)| (to, String::from_utf8(text.to_vec()).unwrap()))
            .collect()
    }

    #[test]
    fn a_response_copies_both_ids_and_goes_to_the_originator_system() {
        let answers = answers("X-Mms-Ack-Request: Yes\r\nX-Mms-Originator-System: sys@a.example\r\n");
        let [(to, text)] = answers.as_slice() else {
            panic!("one answer is expected: {answers:?}")
        };
        assert_eq!(to, "sys@a.example");
        for line in [
            "X-Mms-Message-Type: MM4_forward.RES\r\n",
            "X-Mms-Transaction-ID: \"t 1@a\"\r\n",
            "X-Mms-Message-ID: k1\r\n",
            "X-Mms-Request-Status-Code: Ok\r\n\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn nothing_is_sent_unless_asked_for() {
        assert!(answers("").is_empty());
        assert!(answers("X-Mms-Ack-Request: No\r\nX-Mms-Delivery-Report: No\r\n").is_empty());
        let quiet = Manners::default();
        assert!(
            received("X-Mms-Delivery-Report: Yes\r\nX-Mms-Read-Reply: Yes\r\n")
                .answers(&quiet)
                .is_empty()
        );
    }

    #[test]
    fn reports_go_to_the_originator_and_count_their_transactions_from_001() {
        let answers = answers("X-Mms-Delivery-Report: Yes\r\nX-Mms-Read-Reply: Yes\r\n");
        let [(to, delivered), (_, read)] = answers.as_slice() else {
            panic!("two reports are expected: {answers:?}")
        };
        assert_eq!(to, "a@a.example");
        assert!(
            delivered.contains("MM4_delivery_report.REQ\r\nX-Mms-Transaction-ID: 001\r\n"),
            "{delivered}"
        );
        assert!(
            delivered.contains("X-Mms-MM-Status-Code: Retrieved\r\n") && delivered.starts_with("From: <b@b.example>")
        );
        assert!(
            read.contains("MM4_read_reply_report.REQ\r\nX-Mms-Transaction-ID: 002\r\n"),
            "{read}"
        );
        assert!(read.contains("X-Mms-Read-Status: Read\r\n"), "{read}");
    }

    #[test]
    fn doubled_dots_are_undone() {
        assert_eq!(unstuff(b"..\r\n..a\r\n.b\r\nc.\r\n"), &b".\r\n.a\r\nb\r\nc.\r\n"[..]);
    }
}
