//! What a peer keeps of a message, and what it answers to one.

use bytes::Bytes;

use crate::message::{Field, Header};

/// A message as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    /// Counted from 1, over all sessions.
    pub number: u64,
    pub from: String,
    pub to: Vec<String>,
    /// Octets on the wire, dots still doubled.
    pub octets: u64,
    /// The message without doubled dots; the beginning of it, when the peer does not keep messages.
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
            "type": value("X-Mms-Message-Type"),
            "transaction_id": value("X-Mms-Transaction-ID"),
            "message_id": value("X-Mms-Message-ID"),
            "reply": code,
        })
    }

    /// The `MM4_forward.RES` that was asked for, and whom it goes to; `None` when none was.
    pub(super) fn response(&self, status: &str, host: &str) -> Option<(String, Bytes)> {
        let header = self.header();
        let value = |name: &str| header.value(name).unwrap_or_default();
        let asked = value("X-Mms-Message-Type").eq_ignore_ascii_case("MM4_forward.REQ")
            && value("X-Mms-Ack-Request").eq_ignore_ascii_case("Yes");
        if !asked {
            return None;
        }
        let system = value("X-Mms-Originator-System");
        let to = if system.is_empty() {
            self.from.as_str()
        } else {
            &*system
        };
        let date = jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_string(&jiff::Timestamp::now())
            .unwrap_or_default();
        let text = format!(
            "From: <system-user@{host}>\r\nTo: <{to}>\r\nSender: <system-user@{host}>\r\nDate: {date}\r\n\
             Message-ID: <res.{number}.{unique:x}@{host}>\r\n\
             X-Mms-3GPP-MMS-Version: {version}\r\nX-Mms-Message-Type: MM4_forward.RES\r\n\
             X-Mms-Transaction-ID: {transaction}\r\nX-Mms-Message-ID: {message}\r\n\
             X-Mms-Request-Status-Code: {status}\r\n\r\n",
            number = self.number,
            unique = fastrand::u64(..),
            version = header.value("X-Mms-3GPP-MMS-Version").unwrap_or("6.10.0".into()),
            transaction = value("X-Mms-Transaction-ID"),
            message = value("X-Mms-Message-ID"),
        );
        Some((to.trim_matches(['<', '>']).to_owned(), text.into()))
    }
}

/// Behind the CRLF that no continuation line follows.
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

    fn request(extra: &str) -> Received {
        let data = format!(
            "X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: \"t 1@a\"\r\nX-Mms-Message-ID:\r\n k1\r\n{extra}\r\nbody\r\n"
        );
        Received {
            number: 7,
            from: "a@a.example".into(),
            to: vec!["b@b.example".into()],
            octets: data.len() as u64,
            data: data.into(),
        }
    }

    #[test]
    fn a_response_copies_both_ids_and_goes_to_the_originator_system() {
        let request = request("X-Mms-Ack-Request: Yes\r\nX-Mms-Originator-System: sys@a.example\r\n");
        let (to, text) = request.response("Ok", "mms.b.example").unwrap();
        let text = std::str::from_utf8(&text).unwrap();
        assert_eq!(to, "sys@a.example");
        for line in [
            "X-Mms-Transaction-ID: \"t 1@a\"\r\n",
            "X-Mms-Message-ID: k1\r\n",
            "X-Mms-Request-Status-Code: Ok\r\n\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn no_response_is_made_unless_asked_for() {
        assert!(request("").response("Ok", "b.example").is_none());
        assert!(
            request("X-Mms-Ack-Request: No\r\n")
                .response("Ok", "b.example")
                .is_none()
        );
    }

    #[test]
    fn doubled_dots_are_undone() {
        assert_eq!(unstuff(b"..\r\n..a\r\n.b\r\nc.\r\n"), &b".\r\n.a\r\nb\r\nc.\r\n"[..]);
    }
}
