//! The originators of a message: every address that some receiver takes for its originator.
//!
//! An MMS Relay/Server reads `From` (TS 23.140, 8.4.1), and `Sender` for the address of an answer. Mail systems on the
//! way, and gateways behind them, read the other fields (RFC 5322, 3.6.2 and 3.6.6). Of a field that occurs twice some
//! take the first and some the last, and likewise of several addresses: so all of them count. `Reply-To` does not: it
//! says where an answer goes, and not who wrote the message.

use super::{addresses, headers};
use crate::message::{Header, MessageType, MmsAddress};

/// The fields in which a message names its originator.
pub const ORIGINATOR_FIELDS: [&str; 4] = ["From", "Sender", "Resent-From", "Resent-Sender"];

/// The originators that a header names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Originators {
    /// The addresses in the order of the header; one may occur several times. `X-Mms-Originator-System` is included,
    /// except in responses: a sender that names one of our systems there would have our answers sent to it.
    pub addresses: Vec<MmsAddress>,
    /// A field of [`ORIGINATOR_FIELDS`] that readers may read differently, and why. An originator system that is no
    /// address does not count: nothing can be sent there.
    pub unclear: Option<(&'static str, &'static str)>,
}

/// Reads the originators from a header; the envelope's sender is not among them.
pub fn originators(header: &Header) -> Originators {
    let mut found = Originators::default();
    // Nobody answers a response, so the field means nothing there; some peers copy the request's.
    let is_response = MessageType::of(header).is_some_and(|kind| kind.request().is_some());
    for field in &header.fields {
        let name = ORIGINATOR_FIELDS.into_iter().find(|name| field.is(name));
        if name.is_none() && (is_response || !field.is(headers::ORIGINATOR_SYSTEM)) {
            continue;
        }
        let read = addresses::mailboxes_of(field);
        found.unclear = found.unclear.or_else(|| Some((name?, read.unclear?)));
        found
            .addresses
            .extend(read.known.into_iter().map(|mailbox| mailbox.address));
    }
    found
}

/// Replaces addresses in the fields that [`originators`] reads. `make` gets the name of the field and the address.
/// Other octets stay.
pub fn exchange_originators(header: &mut Header, make: impl Fn(&str, &MmsAddress) -> Option<MmsAddress>) {
    let names = ORIGINATOR_FIELDS.into_iter().chain([headers::ORIGINATOR_SYSTEM]);
    let names: Vec<&str> = names.collect();
    for field in &mut header.fields {
        let Some(name) = names.iter().find(|name| field.is(name)) else {
            continue;
        };
        let exchanged = addresses::exchanged(field, |address, _| make(name, address).map(|new| new.to_string()));
        if let Some(exchanged) = exchanged {
            *field = exchanged;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::message::Field;

    fn header(text: &str) -> Header {
        let raw = Bytes::copy_from_slice(text.as_bytes());
        let lines = text.split_inclusive("\r\n").scan(0, |at, line| {
            *at += line.len();
            Some(raw.slice(*at - line.len()..*at))
        });
        Header {
            fields: lines.filter_map(Field::parse).collect(),
        }
    }

    #[test]
    fn every_field_and_every_address_in_it_counts() {
        let header = header(
            "From: a@x.example, \"b\"@x.example\r\nTo: t@x.example\r\nFROM : <@r.example:c@x.example>\r\nSender: d@x.example\r\n\
             Resent-From: Team: e@x.example;\r\nresent-sender: f@x.example\r\nReply-To: r@x.example\r\n\
             X-Mms-Originator-System: s@x.example\r\n",
        );
        let found = originators(&header);
        let users: Vec<_> = found.addresses.iter().map(|address| address.user()).collect();
        assert_eq!((users.join(""), found.unclear), ("abcdefs".to_owned(), None));
    }

    #[test]
    fn what_cannot_be_understood_is_named_with_its_field() {
        let unclear = |text: &str| originators(&header(text)).unclear.map(|(field, _)| field);
        assert_eq!(unclear("From: a@x.example\r\nSender: two words\r\n"), Some("Sender"));
        assert_eq!(
            unclear("From: a@x.example\r\nX-Mms-Originator-System: two words\r\n"),
            None
        );
        assert_eq!(unclear("From:\r\n"), None);
        let response = header("X-Mms-Message-Type: MM4_forward.RES\r\nX-Mms-Originator-System: s@x.example\r\n");
        assert_eq!(originators(&response), Originators::default());
    }

    #[test]
    fn an_address_is_exchanged_where_it_stands() {
        let mut header =
            header("From: Ann\t<a@inner.example> (x)\r\nTo: a@inner.example\r\nSender:  a@inner.example\r\n");
        exchange_originators(&mut header, |field, address| {
            (field == "From").then(|| address.at("outer.example").ok()).flatten()
        });
        let written: Vec<_> = header.fields.iter().flat_map(|field| field.raw().to_vec()).collect();
        assert_eq!(
            String::from_utf8(written).unwrap(),
            "From: Ann\t<a@outer.example> (x)\r\nTo: a@inner.example\r\nSender:  a@inner.example\r\n"
        );
    }
}
