//! Targets over `protocol/mm4`.

use std::fmt::Write as _;

use bytes::Bytes;

use crate::message::{
    Choice, Content, ContentClass, Edit, Envelope, Field, HeaderName, HeaderValue, Incoming, MediaType, Message,
    MessageId, MessageType, MmsAddress, NewBody, OpaqueId, Origin, PartId, PeerName, Protocol, Recipient, RecipientId,
    Refusal, Timestamp,
};
use crate::protocol::mm4::{
    self, Amendment, Author, Body, Bounce, Cause, Date, DeliveryReport, Expiry, FailedRecipient, Foreign, Limits,
    MmStatus, Pdu, Response,
};

/// Any time after all that a target can say.
const NOW: Timestamp = Timestamp(1_795_298_400_000);

pub fn header(octets: &[u8]) {
    let Ok(message) = read(octets) else { return };
    assert_eq!(written(&message), octets, "an unedited message leaves as it came");
    let said = everything(&message);
    assert!(
        said.len() <= 100 * octets.len() + 10_000,
        "a header says no more than it holds"
    );
    let _ = mm4::loop_evidence(&message.header, "relay.example", 1, 10);
    let trace = mm4::received_line(&message.origin, "relay.example", message.id, &message.envelope, NOW);
    let again = mm4::read_header(&mm4::serialise(&message, trace)).expect("what was read is read again");
    assert_eq!(again.fields[1..], message.header.fields[..]);
    assert_eq!(mm4::repeat_key(&message), mm4::repeat_key(&message.clone()));
    assert!(mm4::body_digest(&message).is_ok());
    amend(message);
}

fn amend(message: Message) {
    let before = message.header.fields.clone();
    let id = mm4::headers::TRANSACTION_ID;
    let mut there = message;
    let of = |message: &Message| message.header.first(id).map(Field::id);
    let old = of(&there);
    mm4::amend(&mut there, &Amendment::TransactionId("relay-1".into())).expect("a legal id");
    for (old, new) in before.iter().zip(&there.header.fields) {
        // A message may end within its last field; what is added behind it completes it.
        let same = new.raw().starts_with(old.raw());
        assert!(same || old.is(id), "no other field changes");
    }
    let again = read(&written(&there)).expect("an amended message is a message");
    assert_eq!(again.header.value(id).as_deref(), Some("relay-1"));
    if let Some(old) = old {
        let single = before.iter().filter(|field| field.is(id)).count() == 1;
        let mut back = again;
        if single && mm4::amend(&mut back, &Amendment::TransactionId(old.clone())).is_ok() {
            assert_eq!(of(&back), Some(old));
        }
    }
}

/// Calls every method that reads a value.
fn everything(message: &Message) -> String {
    let pdu = Pdu::of(&message.header);
    let mut out = String::new();
    let _ = write!(out, "{:?}{:?}{:?}", pdu.kind(), pdu.version(), pdu.transaction_id());
    let _ = write!(out, "{:?}{:?}{:?}", pdu.message_id(), pdu.from(), pdu.recipients());
    let _ = write!(out, "{:?}{:?}{:?}", pdu.sender(), pdu.date(), pdu.originator_system());
    let _ = write!(out, "{:?}{:?}{:?}", pdu.answer_to(), pdu.wants(), pdu.status_text());
    let _ = write!(out, "{:?}{:?}", pdu.applic_id(), pdu.reply_applic_id());
    let _ = write!(out, "{:?}{:?}{:?}", pdu.aux_applic_info(), pdu.missing(), pdu.subject());
    let _ = write!(out, "{:?}{:?}", pdu.message_class(), pdu.priority());
    let _ = write!(out, "{:?}{:?}", pdu.sender_visibility(), pdu.expiry());
    let _ = write!(
        out,
        "{:?}{:?}",
        pdu.originator_rs_delivery_report(),
        pdu.forward_counter()
    );
    let _ = write!(
        out,
        "{:?}{:?}{:?}",
        pdu.previously_sent(),
        pdu.content_class(),
        pdu.drm_content()
    );
    let _ = write!(
        out,
        "{:?}{:?}{:?}",
        pdu.adaptation_allowed(),
        pdu.request_status(),
        pdu.mm_status()
    );
    let _ = write!(out, "{:?}{:?}", pdu.mm_status_extension(), pdu.read_status());
    let _ = write!(out, "{:?}", pdu.forward_to_originator_ua());
    out
}

pub fn values(octets: &[u8]) {
    let Ok(value) = std::str::from_utf8(octets) else { return };
    if let Some(Expiry::At(date)) = Expiry::read(value) {
        assert_eq!(Some(date), Date::read(value));
    }
    if let Some(expiry) = Expiry::read(value) {
        for date in [None, Date::read("Wed, 26 Jan 2022 00:17:43 -0500")] {
            assert!(expiry.latest(date, NOW) >= expiry.stated(date, NOW));
        }
    }
    lists(value);
    if let [class @ 2..=5, subject, detail, ..] = octets {
        let cause = Cause::of_reply(u16::from(*class) * 100, Some((u16::from(*subject), u16::from(*detail))));
        let _ = (cause.request_status().name(), cause.mm_status().name());
    }
    let id = mm4::headers::unquoted(value);
    assert_eq!(mm4::headers::unquoted(id), id);
    let id = OpaqueId::of(octets);
    assert_eq!(id.octets(), octets, "an id loses no octet");
    assert_eq!(OpaqueId::from_text(id.as_text().to_owned()), id);
    assert_eq!(id.bare().is_empty(), id.is_blank());
}

/// What is read as a value has a name that is read as the same.
fn lists(value: &str) {
    macro_rules! same {
        ($($list:ident),*) => {
            $(if let Some(read) = mm4::$list::read(value) {
                assert_eq!(mm4::$list::read(read.name()), Some(read));
            })*
        };
    }
    same!(
        RequestStatus,
        MmStatus,
        StatusExtension,
        ReadStatus,
        MessageClass,
        Priority,
        Visibility
    );
    if let Some(class) = ContentClass::read(value) {
        assert_eq!(ContentClass::read(class.word()), Some(class));
    }
    if let Some(status) = mm4::RequestStatus::read(value) {
        let _ = (status.charging_code(), mm4::RequestStatus::worst([status]));
        assert!(Cause::of_status(status).is_none_or(|cause| cause.request_status() == status));
    }
    let _ = mm4::Version::read(value);
}

/// The first line is an address, the rest a list of them.
pub fn addresses(octets: &[u8]) {
    let (one, list) = octets.split_at(octets.iter().position(|octet| *octet == b'\n').unwrap_or(0));
    if let Some(address) = std::str::from_utf8(one)
        .ok()
        .and_then(|text| MmsAddress::new(text).ok())
    {
        let text = address.as_str();
        let parts = [Some(address.user()), address.address_type(), address.domain()];
        assert!(parts.into_iter().flatten().all(|part| text.contains(part)));
        let _ = address.kind();
    }
    let list: Vec<u8> = list
        .iter()
        .copied()
        .filter(|octet| !b"\r\n\0".contains(octet))
        .collect();
    let ids = "X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: t\r\nX-Mms-Message-ID: k\r\n\r\n";
    let text = [b"To: ", &list[..], b"\r\n", ids.as_bytes()].concat();
    let Ok(message) = read(&text) else { return };
    let there = |address| Edit::SetRecipient {
        id: RecipientId(1),
        address: MmsAddress::new(address).expect("an address"),
    };
    let marked = mm4::apply(message.clone(), &[there("+99920100/TYPE=PLMN@mms.b.example")]).expect("a legal edit");
    let out = written(&marked);
    if memchr::memmem::find(&text, b"+99920100").is_none() && text.len() < 900 {
        let back = replaced(&out, b"+99920100", b"+15555550201");
        assert!(back.eq_ignore_ascii_case(&text), "no other octet changes");
    }
    // Blanks, comments and idle quotes are no part of an address (RFC 5322, 3.4.1): the rest comes from the list, in order.
    let named = Pdu::of(&message.header).recipients();
    for address in named {
        let octets: Vec<u8> = address
            .as_str()
            .bytes()
            .filter(|octet| !b"\"\\".contains(octet))
            .collect();
        assert!(is_within(&octets, &text), "{address:?}");
    }
}

pub fn mime(octets: &[u8]) {
    let Ok(message) = read(octets) else { return };
    assert_eq!(written(&message), octets);
    for part in &message.parts {
        if let Ok(body) = mm4::decode_part(&message, part.id) {
            // A bare LF becomes CRLF; intake takes none.
            let grew = body.len() as u64 > part.body.size();
            assert!(!grew || !is_framed(octets), "no body grows by being decoded");
        }
    }
    if !is_framed(octets) {
        return;
    }
    if let Ok(ascii) = mm4::seven_bit(&Bytes::copy_from_slice(octets)) {
        assert!(ascii.is_ascii());
        assert_eq!(mm4::seven_bit(&ascii).as_ref(), Ok(&ascii));
        same(&message, &read(&ascii).expect("a converted message is a message"));
    }
    // With its Content-Type a notification loses what it passes by.
    if message.kind != MessageType::Other {
        edit(message);
    }
}

/// What a conversion must not change.
fn same(received: &Message, converted: &Message) {
    assert_eq!(received.parts.len(), converted.parts.len(), "no part comes or goes");
    for (one, other) in received.parts.iter().zip(&converted.parts) {
        assert_eq!(one.media_type, other.media_type);
        assert_eq!((&one.name, &one.content_id), (&other.name, &other.content_id));
        let bodies = [received, converted].map(|message| mm4::decode_part(message, one.id).ok());
        // SMTP ends the last line of a message, whoever carries it.
        let ends = |body: &Option<Bytes>| body.as_ref().map(|body| body.trim_ascii_end().to_vec());
        assert_eq!(ends(&bodies[0]), ends(&bodies[1]), "no text vanishes");
    }
    // Of text that is no UTF-8, and of a fold with more than one blank, readers make what they like.
    let subject = |message: &Message| Pdu::of(&message.header).subject().unwrap_or_default();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let before = subject(received);
    if !before.contains(char::REPLACEMENT_CHARACTER) {
        assert_eq!(words(&before), words(&subject(converted)));
    }
}

/// Whether all of `part` stands in `text` in its order, with others between.
fn is_within(part: &[u8], text: &[u8]) -> bool {
    let mut rest = text.iter();
    part.iter().all(|octet| rest.any(|other| other == octet))
}

/// Whether intake would have taken these octets: without bare CR, bare LF and NUL.
fn is_framed(octets: &[u8]) -> bool {
    let text = memchr::memmem::find_iter(octets, b"\r\n").count();
    let ends = |end: u8| octets.iter().filter(|octet| **octet == end).count();
    ends(b'\r') == text && ends(b'\n') == text && ends(0) == 0
}

fn edit(message: Message) {
    let body = NewBody {
        media_type: MediaType::new("application/x-new").expect("a value"),
        bytes: Bytes::from_static(b"\x00\xff--"),
    };
    let Some(first) = message.parts.first().map(|part| part.id) else {
        return;
    };
    let count = message.parts.len();
    let edits = [
        Edit::SetHeader {
            name: HeaderName::new("X-Added").expect("a name"),
            value: HeaderValue::new("gr\u{fc}n").expect("a value"),
        },
        Edit::ReplacePart {
            id: first,
            body: body.clone(),
            name: None,
        },
    ];
    if count > 1 {
        replace_all_but_one(message.clone(), first, &body);
    }
    let Ok(edited) = mm4::apply(message, &edits) else {
        return;
    };
    let again = read(&written(&edited)).expect("an edited message is a message");
    assert_eq!(again.parts.len(), count);
    let first = again.parts.first().map(|part| part.id).expect("a part");
    assert_eq!(mm4::decode_part(&again, first).as_ref(), Ok(&body.bytes));
    assert!(again.header.value("X-Added").is_some());
}

fn replace_all_but_one(message: Message, first: PartId, body: &NewBody) {
    let count = message.parts.len();
    let name = HeaderValue::new("n\u{e4}me.bin").expect("a value");
    let edits = [
        Edit::RemovePart(first),
        Edit::AddPart {
            body: body.clone(),
            name: Some(name),
            content_id: None,
        },
    ];
    let Ok(edited) = mm4::apply(message, &edits) else {
        return;
    };
    let again = read(&written(&edited)).expect("an edited message is a message");
    assert_eq!(again.parts.len(), count);
    let last = again.parts.last().map(|part| part.id).expect("a part");
    assert_eq!(mm4::decode_part(&again, last).as_ref(), Ok(&body.bytes));
}

pub fn notification(octets: &[u8]) {
    let Ok(message) = read(octets) else { return };
    let status = mm4::delivery_status(&message, &limits()).expect("memory does not fail");
    for recipient in status.iter().flat_map(|status| &status.recipients) {
        let _ = recipient.cause();
    }
    assert!(status.is_none_or(|status| status.recipients.len() <= limits().fields as usize));
}

/// The texts, one a line; what is left is the header of a message that bounces.
pub fn compose(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    // Lone CRs stay, to see whether they break a line.
    let mut lines = text.splitn(6, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (id, status, words, version, from, rest) = (next(), next(), next(), next(), next(), next());
    let system = MmsAddress::new("mm4relay@hub.example").expect("an address");
    let author = Author {
        id: MessageId(7),
        our_name: words,
        system: &system,
        at: NOW,
        body: Body::OneLine,
    };
    let response = Response {
        request: MessageType::ForwardRequest,
        version: Some(version),
        transaction_id: &id.into(),
        message_id: &id.into(),
        status,
        text: Some(words),
        to: &system,
    };
    let bytes = mm4::response(&author, &response).expect("a request is answered");
    composed(&bytes, MessageType::ForwardResponse, id);
    let report = DeliveryReport {
        version: None,
        transaction_id: &id.into(),
        message_id: &id.into(),
        from,
        to: from,
        status: MmStatus::Expired,
        extension: None,
        text: Some(words),
        ack_request: true,
        for_user: false,
    };
    composed(
        &mm4::delivery_report(&author, &report),
        MessageType::DeliveryReportRequest,
        id,
    );
    bounced(&author, rest, words);
}

fn composed(bytes: &Bytes, kind: MessageType, id: &str) {
    let long = |line: &[u8]| {
        line.len() > 999 && !line.starts_with(b"X-Mms-Transaction-ID") && !line.starts_with(b"X-Mms-Message-ID")
    };
    assert!(!bytes.split(|octet| *octet == b'\n').any(long), "lines are short");
    let without_id = OpaqueId::from(id.replace(char::is_control, " ")).is_blank();
    if without_id {
        return;
    }
    let message = read(bytes).expect("what is composed is a message");
    assert_eq!(message.kind, kind);
    let same = message.header.value(mm4::headers::TRANSACTION_ID).expect("an id");
    if !id.contains(|c: char| c.is_control()) && id.is_ascii() {
        assert_eq!(same, id.trim(), "ids are echoed");
    }
    assert_eq!(message.header.fields.iter().filter(|field| field.is("Bcc")).count(), 0);
}

fn bounced(author: &Author<'_>, header: &str, words: &str) {
    let returned = read(&[header.as_bytes(), b"\r\nX-Mms-Message-Type: x\r\n\r\n"].concat());
    let to = MmsAddress::new("x@a.example").expect("an address");
    let recipient = FailedRecipient {
        address: &to,
        status: (4, 7),
        diagnostic: Some(words),
        next_hop: Some(words),
    };
    let bounce = Bounce {
        to: &to,
        received_at: NOW,
        recipients: &[recipient, recipient],
        returned: &returned.map(|message| message.header).unwrap_or_default(),
    };
    let bytes = mm4::bounce(author, &bounce);
    assert!(bytes.is_ascii() && bytes.split(|octet| *octet == b'\n').all(|line| line.len() <= 999));
    let message = read(&bytes).expect("a bounce is a message");
    assert_eq!(message.parts.len(), 3);
    let status = mm4::delivery_status(&message, &limits())
        .expect("memory does not fail")
        .expect("a bounce");
    assert_eq!(status.recipients.len(), 2);
    assert!(
        status
            .recipients
            .iter()
            .all(|recipient| recipient.address.as_ref() == Some(&to))
    );
}

/// With everything let pass that can be.
pub fn read(octets: &[u8]) -> Result<Message, Refusal> {
    let address = |text: &str| MmsAddress::new(text).expect("an address");
    let incoming = Incoming {
        id: MessageId(1),
        origin: Origin {
            source: PeerName::new("operator-a").expect("a name").into(),
            remote: ([192, 0, 2, 7], 2525).into(),
            helo: "mta.a.example".into(),
            protocol: Protocol::Esmtp,
            received_at: NOW,
        },
        envelope: Envelope {
            sender: Some(address("+15555550100/TYPE=PLMN@mms.a.example")),
            recipients: vec![Recipient {
                id: RecipientId(1),
                address: address("+15555550201/TYPE=PLMN@mms.b.example"),
            }],
        },
        content: Content::from_bytes(Bytes::copy_from_slice(octets)),
    };
    mm4::read(incoming, &limits())
}

pub(crate) fn limits() -> Limits {
    Limits {
        unknown_types: Foreign::Pass,
        notifications: Foreign::Pass,
        ..Limits::default()
    }
}

/// What goes out, without our trace.
fn written(message: &Message) -> Bytes {
    let trace = Field::build("Received", "by relay.example; date");
    let length = trace.raw().len();
    let rope = mm4::serialise(message, trace);
    rope.to_bytes().expect("memory does not fail").slice(length..)
}

fn replaced(text: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut done = 0;
    for at in memchr::memmem::find_iter(text, old) {
        out.extend_from_slice(&text[done..at]);
        out.extend_from_slice(new);
        done = at + old.len();
    }
    out.extend_from_slice(&text[done..]);
    out
}
