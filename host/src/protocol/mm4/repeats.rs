//! Recognition of a request that comes a second time.
//!
//! Peers repeat a request that is not answered, and resend all of a message when the connection breaks after the final
//! dot (RFC 1047). Neither `Message-ID` nor `X-Mms-Message-ID` alone distinguishes a repeat from a new request: one
//! message may have one ID for all recipients and a transaction for each, or the other way round.

use std::io;

use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::Xxh3;

use super::{Pdu, contents, headers};
use crate::message::{Message, MessageType, RepeatKey};

/// The key that two copies of one request share. It is made of the peer, the type, both IDs normalised, and the
/// envelope's recipients in any order; for a report also of its status and date, because several reports about one
/// message differ in these only.
///
/// It is cut from SHA-256, so that no peer can make a request that passes for another peer's. Two requests share a key
/// by accident with a probability of n/2^64, with n requests remembered; their bodies still distinguish them, see
/// [`body_digest`].
pub fn repeat_key(message: &Message) -> RepeatKey {
    let pdu = Pdu::of(&message.header);
    let value = |name| message.header.value(name).unwrap_or_default();
    let mut key = Key::default();
    key.add(message.origin.source.as_str());
    key.add(message.kind.name());
    for id in [pdu.transaction_id(), pdu.message_id()] {
        key.add(id.unwrap_or_default().bare().as_text());
    }
    let recipients = message.envelope.recipients.iter();
    let mut recipients: Vec<String> = recipients.map(|r| r.address.as_str().to_ascii_lowercase()).collect();
    recipients.sort_unstable();
    key.add(&recipients.len().to_string());
    recipients.iter().for_each(|recipient| key.add(recipient));
    let is_report = matches!(
        message.kind,
        MessageType::DeliveryReportRequest | MessageType::ReadReplyReportRequest
    );
    if is_report {
        for name in STATUSES {
            key.add(headers::unquoted(&value(name)));
        }
        key.add(&value("Date"));
    }
    key.finish()
}

/// Another key, for a request whose key belongs to one with another body. It is the same for every copy of that
/// request.
pub fn salted(key: RepeatKey, body: u128) -> RepeatKey {
    let mut salted = Key::default();
    salted.add(&key.0.to_string());
    salted.add(&body.to_string());
    salted.finish()
}

/// A digest of the content: the originator, the subject, and for each part the type, the name and the decoded body. Two
/// requests with one [`repeat_key`] and different digests are no repeats. Call it before edits.
///
/// The octets themselves do not count, because some peers build the MIME structure anew for each attempt, with another
/// boundary, and because a message changes its transfer encodings at a host without 8BITMIME.
///
/// The digest is XXH3 in 128 bits, which is fast, and does not resist a deliberate search for collisions. A sender who
/// finds one only makes two requests of its own, with the same IDs and recipients, of which the second counts as a
/// repeat: the key includes the peer. Reads the whole content once, part by part; blocks on the disk when it is not in
/// memory.
pub fn body_digest(message: &Message) -> io::Result<u128> {
    let pdu = Pdu::of(&message.header);
    let mut digest = Xxh3::new();
    // The length precedes each text, so that two different lists of texts cannot have the same octets.
    let mut add = |text: &str| {
        digest.update(&(text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    };
    add(&pdu
        .from()
        .map(|from| from.to_string().to_ascii_lowercase())
        .unwrap_or_default());
    // Some readers do not distinguish folds from blanks.
    let subject = pdu.subject().unwrap_or_default();
    add(&subject.split_whitespace().collect::<Vec<_>>().join(" "));
    let leaves = contents::leaves(message)?;
    for leaf in &leaves {
        add(&leaf.media_type);
        add(leaf.name.as_deref().unwrap_or_default());
        add(&leaf.digest.to_string());
    }
    Ok(digest.digest128())
}

/// A digest of the octets behind the header, as received. A spool of format 3 or earlier has it in place of
/// [`body_digest`]. A request that was stored then is recognised by it if its octets are the same.
pub fn octets_digest(message: &Message) -> io::Result<u128> {
    const BLOCK: u64 = 256 * 1024;
    let size = message.content.size();
    let places = message.header.fields.iter().filter_map(|field| field.place());
    let mut at = places.map(|place| place.end).max().unwrap_or(0);
    let mut digest = Xxh3::new();
    while at < size {
        let end = size.min(at + BLOCK);
        digest.update(&message.content.read(at..end)?);
        at = end;
    }
    Ok(digest.digest128())
}

/// Every field that may hold a report's status, under all its names. The order is part of the stored keys.
const STATUSES: [&str; 4] = [
    headers::MM_STATUS_CODE,
    headers::READ_STATUS,
    "X-Mms-Status",
    "X-Mms-MM-Read-Status",
];

#[derive(Default)]
struct Key(Sha256);

impl Key {
    /// Adds a part with its length before it, so that two different lists of parts cannot have the same octets.
    fn add(&mut self, part: &str) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    fn finish(self) -> RepeatKey {
        let hash = self.0.finalize();
        RepeatKey(hash.iter().take(8).fold(0, |key, octet| key << 8 | u64::from(*octet)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{MULTIPART, read_text};
    use super::*;
    use crate::message::PeerName;

    fn key(text: &str, change: impl Fn(&mut Message)) -> RepeatKey {
        let mut message = read_text(text).unwrap();
        change(&mut message);
        repeat_key(&message)
    }

    fn same(_: &mut Message) {}

    #[test]
    fn a_repeat_has_the_key_of_the_first_copy_however_it_is_spelled() {
        let first = key(MULTIPART, same);
        assert_eq!(key(&MULTIPART.replace("\"t1\"", "t1"), same), first);
        assert_eq!(key(&MULTIPART.replace("forward.REQ", "FORWARD.req"), same), first);
        assert_eq!(key(&format!("Received: x\r\n{MULTIPART}"), same), first);
        assert_eq!(key(MULTIPART, |message| message.envelope.recipients.reverse()), first);
    }

    #[test]
    fn another_request_has_another_key() {
        let first = key(MULTIPART, same);
        let others = [
            key(&MULTIPART.replace("\"t1\"", "t2"), same),
            key(&MULTIPART.replace("\"k1\"", "k2"), same),
            key(&MULTIPART.replace("\"t1\"", "T1"), same),
            key(&MULTIPART.replace("forward.REQ", "forward.RES"), same),
            key(MULTIPART, |message| drop(message.envelope.recipients.pop())),
            key(MULTIPART, |message| {
                message.origin.source = PeerName::new("operator-b").unwrap().into()
            }),
            // The parts of a key do not run into one another.
            key(&MULTIPART.replace("\"t1\"", "t1k").replace("\"k1\"", "1"), same),
        ];
        for (at, other) in others.iter().enumerate() {
            assert_ne!(*other, first, "{at}");
        }
    }

    #[test]
    fn reports_about_one_message_differ_by_status_and_date() {
        let report = |status: &str, date: &str| {
            key(
                &format!(
                    "X-Mms-Message-Type: MM4_delivery_report.REQ\r\nX-Mms-Transaction-ID: 001\r\nX-Mms-Message-ID: k1\r\n\
                     {status}\r\nDate: {date}\r\n\r\n"
                ),
                same,
            )
        };
        let first = report("X-Mms-MM-Status-Code: Deferred", "Wed, 26 Jan 2022 00:17:43 GMT");
        assert_eq!(
            report("X-MMS-mm-status-code: \"Deferred\"", "Wed, 26 Jan 2022 00:17:43 GMT"),
            first
        );
        assert_ne!(
            report("X-Mms-MM-Status-Code: Retrieved", "Wed, 26 Jan 2022 00:17:43 GMT"),
            first
        );
        assert_ne!(
            report("X-Mms-MM-Status-Code: Deferred", "Wed, 26 Jan 2022 00:17:44 GMT"),
            first
        );
    }

    fn digest(text: &str) -> u128 {
        body_digest(&read_text(text).unwrap()).unwrap()
    }

    #[test]
    fn a_message_that_is_written_anew_says_the_same() {
        let first = digest(MULTIPART);
        let others = [
            format!("Received: by another way\r\n{MULTIPART}"),
            MULTIPART.replace("b1", "another boundary"),
            MULTIPART.replace("epilogue", "Epilogue").replace("preamble", ""),
            MULTIPART.replace("/9j/4A==", "/9j/\r\n4A=="),
            MULTIPART.replace("gr=C3=BCn", "gr=c3=bcn"),
            MULTIPART
                .replace("quoted-printable", "8bit")
                .replace("gr=C3=BCn", "gr\u{fc}n"),
            MULTIPART
                .replace("quoted-printable", "BASE64")
                .replace("gr=C3=BCn", "Z3LDvG4="),
            MULTIPART.replace("Subject: hello", "Subject: =?utf-8?B?aGVsbG8=?="),
            MULTIPART.replace("Content-Type: image/jpeg;\r\n Name", "content-type:  IMAGE/jpeg; name"),
            MULTIPART.replace("Content-ID: <smil>\r\n", "Content-ID: <2>\r\nX-Other: y\r\n"),
        ];
        for other in others {
            assert_eq!(digest(&other), first, "{other}");
        }
    }

    #[test]
    fn a_message_that_says_something_else_is_another() {
        let first = digest(MULTIPART);
        let others = [
            MULTIPART.replace("gr=C3=BCn", "gr=C3=BCn!"),
            MULTIPART.replace("image/jpeg", "image/png"),
            MULTIPART.replace("Name=\"a.jpg\"", "Name=\"b.jpg\""),
            MULTIPART.replace("Subject: hello", "Subject: bye"),
            MULTIPART.replace("From: +15555550100", "From: +15555550109"),
            MULTIPART.replace("--b1\r\nContent-Transfer-Encoding: x-uue\r\n\r\nbegin\r\n", ""),
            MULTIPART.replace("begin", "Begin"),
        ];
        for other in others {
            assert_ne!(digest(&other), first, "{other}");
        }
    }

    #[test]
    fn a_salted_key_is_another_and_always_the_same() {
        let first = key(MULTIPART, same);
        assert_ne!(salted(first, 1), first);
        assert_ne!(salted(first, 1), salted(first, 2));
        assert_eq!(salted(first, 1), salted(first, 1));
    }

    /// The values are stored: with other ones, every repeat after an upgrade would be a new request.
    #[test]
    fn keys_and_digests_stay_what_they_are() {
        let message = read_text(MULTIPART).unwrap();
        assert_eq!(repeat_key(&message).0, 7_852_435_471_229_459_720);
        assert_eq!(
            octets_digest(&message).unwrap(),
            65_692_027_073_274_177_548_644_901_423_278_468_632
        );
        assert_eq!(
            body_digest(&message).unwrap(),
            284_387_624_710_312_900_152_987_195_077_475_152_989
        );
    }
}
