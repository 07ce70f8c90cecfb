//! Fields that the relay itself changes in a message on its way. Plug-ins cannot change them: they identify a
//! transaction and say where its answer goes.

use super::headers;
use super::lines::complete_last_line;
use crate::message::{Field, Illegal, Message, MmsAddress, OpaqueId};

/// A change that only the relay makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amendment {
    /// The transaction ID: one of the relay's own towards a next hop, or the received one on the way back.
    TransactionId(OpaqueId),
    OriginatorSystem(MmsAddress),
    AckRequest(bool),
    ForwardCounter(u32),
}

/// Puts the new value in place of the old one: name, colon, blanks and folds around it keep their octets, and so does
/// every other field. All fields of that name get the value, and so do fields under another name that peers use for it,
/// so that every reader reads the same. A missing field is added behind the others.
///
/// IDs are opaque, so each octet of the value is written as it was received. Refused: an empty transaction ID, or one
/// with a CR, LF or NUL.
pub fn amend(message: &mut Message, amendment: &Amendment) -> Result<(), Illegal> {
    let (name, value) = amendment.field();
    let octets = value.octets();
    let octets = octets.trim_ascii();
    if value.is_blank() || octets.iter().any(|octet| matches!(octet, b'\r' | b'\n' | b'\0')) {
        return Err(Illegal(format!("{name} must not be {:?}", value.as_text())));
    }
    let fields = &mut message.header.fields;
    let mut found = false;
    for field in fields
        .iter_mut()
        .filter(|field| headers::spellings(name).any(|name| field.is(name)))
    {
        *field = with_value(field, octets);
        found = true;
    }
    if !found {
        complete_last_line(fields);
        fields.push(Field::exact(name, octets));
    }
    Ok(())
}

impl Amendment {
    fn field(&self) -> (&'static str, OpaqueId) {
        match self {
            Self::TransactionId(id) => (headers::TRANSACTION_ID, id.clone()),
            Self::OriginatorSystem(address) => (headers::ORIGINATOR_SYSTEM, address.as_str().into()),
            Self::AckRequest(wanted) => (headers::ACK_REQUEST, if *wanted { "Yes" } else { "No" }.into()),
            Self::ForwardCounter(count) => (headers::FORWARD_COUNTER, count.to_string().into()),
        }
    }
}

fn with_value(field: &Field, value: &[u8]) -> Field {
    let raw = field.raw();
    let body = memchr::memchr(b':', raw).map_or(raw.len(), |colon| colon + 1);
    let old = raw[body..].trim_ascii();
    let start = raw.len() - raw[body..].trim_ascii_start().len();
    if old.is_empty() {
        return Field::exact(field.name(), value);
    }
    let changed = [&raw[..start], value, &raw[start + old.len()..]].concat();
    Field::parse(changed.into()).unwrap_or_else(|| Field::exact(field.name(), value))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{MULTIPART, read_text, written};
    use super::*;

    fn amended(text: &str, amendments: &[Amendment]) -> String {
        let mut message = read_text(text).unwrap();
        for amendment in amendments {
            amend(&mut message, amendment).unwrap();
        }
        String::from_utf8(written(&message).to_vec()).unwrap()
    }

    fn id(text: &str) -> Amendment {
        Amendment::TransactionId(text.into())
    }

    const RESPONSE: &str = "X-Mms-Message-Type: MM4_forward.RES\r\nx-mms-TRANSACTION-Id :\r\n\t  \"t 1\" \r\n  \r\n\
                            X-Mms-Message-ID: k1\r\nX-Mms-Request-Status-Code: Ok\r\n\r\n";

    #[test]
    fn a_new_value_stands_where_the_old_one_stood() {
        let expected = RESPONSE.replace("\"t 1\"", "relay-7");
        assert_eq!(amended(RESPONSE, &[id("relay-7")]), expected);
    }

    #[test]
    fn an_id_comes_back_exactly_as_it_was() {
        for received in [
            "\"t1@mms.a.example\"",
            "t1.+15555550100",
            "\"a\tb\" c",
            "\u{fc}",
            "a\u{1b}\u{85}b",
        ] {
            let back = amended(RESPONSE, &[id("relay-7"), id(received)]);
            assert_eq!(back, RESPONSE.replace("\"t 1\"", received));
        }
    }

    #[test]
    fn an_id_with_octets_that_are_no_utf_8_comes_back_to_the_octet() {
        let received: Vec<u8> = RESPONSE
            .bytes()
            .flat_map(|octet| {
                if octet == b'1' {
                    vec![0xFC, b'1', 0x80]
                } else {
                    vec![octet]
                }
            })
            .collect();
        let mut message = super::super::samples::read_bytes(&received).unwrap();
        let original = super::super::Pdu::of(&message.header).transaction_id().unwrap();
        amend(&mut message, &id("relay-7")).unwrap();
        amend(&mut message, &Amendment::TransactionId(original)).unwrap();
        assert!(written(&message) == received);
    }

    #[test]
    fn what_is_missing_is_added_behind_the_other_fields() {
        let amendments = [
            Amendment::OriginatorSystem(MmsAddress::new("relay+n1@hub.example").unwrap()),
            Amendment::AckRequest(true),
            Amendment::ForwardCounter(3),
        ];
        let added =
            "X-Mms-Originator-System: relay+n1@hub.example\r\nX-Mms-Ack-Request: Yes\r\nX-Mms-Forward-Counter: 3\r\n";
        let expected = MULTIPART.replacen("\r\n\r\n", &format!("\r\n{added}\r\n"), 1);
        assert_eq!(amended(MULTIPART, &amendments), expected);
        let bare = "X-Mms-Message-Type: MM4_forward.RES\r\nX-Mms-Transaction-ID: t\r\nX-Mms-Message-ID: k";
        assert_eq!(
            amended(bare, &[Amendment::AckRequest(false)]),
            format!("{bare}\r\nX-Mms-Ack-Request: No\r\n")
        );
    }

    #[test]
    fn every_field_of_the_name_gets_the_value_also_an_empty_one() {
        let text = "X-Mms-Ack-Request:\r\nX-Mms-Ack-Request:no\r\nX-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: t\r\nX-Mms-Message-ID: k\r\n\r\n";
        let expected = text.replace("Request:\r\n", "Request: Yes\r\n").replace(":no", ":Yes");
        assert_eq!(amended(text, &[Amendment::AckRequest(true)]), expected);
    }

    #[test]
    fn no_id_breaks_a_line() {
        for bad in ["", "\"\"", "a\r\nBcc: x", "a\nb", "a\rb", "\0"] {
            let mut message = read_text(RESPONSE).unwrap();
            assert!(amend(&mut message, &id(bad)).is_err(), "{bad:?}");
            assert_eq!(written(&message), RESPONSE);
        }
    }
}
