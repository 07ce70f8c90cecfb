//! How a request is known again when it comes a second time.
//!
//! Peers repeat what was not answered, and a connection that breaks after the final dot brings everything again (RFC
//! 1047). Neither `Message-ID` nor `X-Mms-Message-ID` alone tells a repeat from a new request: one message may have one
//! ID for all recipients and a transaction for each, or the other way round.

use std::io;

use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::Xxh3;

use super::{Pdu, contents, headers};
use crate::message::{Message, MessageType, RepeatKey};

/// What two copies of one request share: the peer, the type, both IDs normalised, the envelope's recipients in any
/// order; of a report, its status and date too, because several reports about one message differ in these only.
///
/// Cut from SHA-256, so that no peer can make a request that passes for another peer's. Two requests share a key by
/// accident with a chance of n/2^64 for n that are remembered; their bodies still tell them apart, see [`body_digest`].
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

/// Another key, for a request that has the key of one with another body: the same for every copy of it.
pub fn salted(key: RepeatKey, body: u128) -> RepeatKey {
    let mut salted = Key::default();
    salted.add(&key.0.to_string());
    salted.add(&body.to_string());
    salted.finish()
}

/// A number for what the message says: the originator, the subject, and of each part the type, the name and the decoded
/// body. Two requests with one [`repeat_key`] and different numbers are no repeats. Call it before edits.
///
/// Octets do not count, because some peers make the MIME structure anew for each try, with another boundary, and because
/// a message changes its transfer encodings where it passes a host without 8BITMIME.
///
/// XXH3 in 128 bits, which is fast and not made against those who look for collisions. Whoever finds one makes two
/// requests of his own, under the same IDs and to the same recipients, of which the second counts as a repeat: the peer
/// itself is in the key. Reads the whole content once, part by part; blocks on the disk when it is not in memory.
pub fn body_digest(message: &Message) -> io::Result<u128> {
    let pdu = Pdu::of(&message.header);
    let mut digest = Xxh3::new();
    // Each text behind its length, so that no two lists of texts look the same.
    let mut add = |text: &str| {
        digest.update(&(text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    };
    add(&pdu
        .from()
        .map(|from| from.to_string().to_ascii_lowercase())
        .unwrap_or_default());
    // Folds are not told from blanks by everybody.
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

/// A number for the octets behind the header, as received: what stands in a spool of format 3 or
/// before where [`body_digest`] stands now. A request that was taken then is known again by it, if its octets are the same.
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

/// Every field that a report's status may stand in, by whatever name. The order is part of the stored keys.
const STATUSES: [&str; 4] = [
    headers::MM_STATUS_CODE,
    headers::READ_STATUS,
    "X-Mms-Status",
    "X-Mms-MM-Read-Status",
];

#[derive(Default)]
struct Key(Sha256);

impl Key {
    /// Each part behind its length, so that no two lists of parts look the same.
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

    /// They are stored: another value after an upgrade would make every repeat a new request.
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
