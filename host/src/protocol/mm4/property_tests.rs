//! Properties of every message, and of octets that are no message.

use bytes::Bytes;
use proptest::prelude::*;

use super::samples::{read_bytes, written};
use super::{
    Amendment, Author, Body, Date, Expiry, Pdu, RequestStatus, Response, Version, amend, apply, decode_part, headers,
    response, seven_bit,
};
use crate::message::{
    Edit, HeaderName, HeaderValue, MediaType, MessageId, MessageType, MmsAddress, NewBody, OpaqueId, PartId,
    RecipientId, Timestamp,
};

/// Fields as peers write them: odd case, no blank behind the colon, folds, lines of nothing but blanks.
fn field() -> impl Strategy<Value = String> {
    (
        "[A-Za-z][A-Za-z0-9/-]{0,20}",
        "[ \t]{0,2}",
        ":[ \t]{0,2}",
        "[ -~]{0,60}(\r\n[ \t]{1,3}[!-~]{0,20}){0,3}",
    )
        .prop_filter("must not be one of those that say what the message is", |(name, ..)| {
            !name.to_ascii_lowercase().starts_with("content-") && !name.to_ascii_lowercase().starts_with("x-mms-")
        })
        .prop_map(|(name, before, colon, value)| format!("{name}{before}{colon}{value}\r\n"))
}

fn part() -> impl Strategy<Value = Vec<u8>> {
    let header = prop_oneof![
        Just(""),
        Just("Content-Type: image/jpeg; name=\"a.jpg\"\r\nContent-ID:<a>\r\n"),
        Just("content-transfer-encoding: BASE64\r\nContent-Location: x\r\n"),
        Just("Content-Type: message/rfc822\r\n"),
        Just("X-No-Value:\r\nContent-Disposition: attachment;\r\n filename=y\r\n"),
    ];
    (
        header,
        prop::collection::vec(
            prop_oneof![
                Just(b"\r\n".to_vec()),
                Just(b"--".to_vec()),
                "[ -~]{0,30}".prop_map(String::into_bytes),
                any::<[u8; 3]>().prop_map(|o| o.to_vec())
            ],
            0..8,
        ),
    )
        .prop_map(|(header, body)| [header.as_bytes(), b"\r\n", &body.concat()].concat())
}

/// The fields of each of the six types, with values right and wrong.
fn pdu() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("Yes"),
        Just("no "),
        Just("\"Ok\""),
        Just("Error- service-denied"),
        Just("Retrieved"),
        Just("Deletedwithoutbeingread"),
        Just("600 "),
        Just("Wed, 26 Jan 2022 00:17:43 +0200"),
        Just("1, +15555550101/TYPE=PLMN"),
        Just("PostMaster@mms.a.example"),
        Just("6.16.0"),
    ];
    let value = prop_oneof![value.prop_map(str::to_owned), "[ -~]{0,40}"];
    let name = prop::sample::select(&NAMES[..]);
    let kind = prop::sample::select(&KINDS[..]);
    // Each name occurs once: two that differ would be refused.
    (kind, prop::collection::btree_map(name, value, 0..12)).prop_map(|(kind, fields)| {
        let fields: String = fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        format!("X-Mms-Message-Type: {kind}\r\nX-Mms-Transaction-ID: \"t\"\r\nX-Mms-Message-ID: k\r\n{fields}")
    })
}

const KINDS: [&str; 6] = [
    "MM4_forward.REQ",
    "MM4_forward.RES",
    "MM4_Delivery_report.REQ",
    "MM4_delivery_report.RES",
    "MM4_read_reply_report.REQ",
    "mm4_READ_reply_report.RES",
];

const NAMES: [&str; 20] = [
    headers::VERSION,
    headers::ACK_REQUEST,
    headers::ORIGINATOR_SYSTEM,
    headers::REQUEST_STATUS_CODE,
    headers::STATUS_TEXT,
    headers::MM_STATUS_CODE,
    headers::MM_STATUS_EXTENSION,
    headers::READ_STATUS,
    headers::MESSAGE_CLASS,
    headers::PRIORITY,
    headers::EXPIRY,
    headers::DELIVERY_REPORT,
    headers::SENDER_VISIBILITY,
    headers::FORWARD_COUNTER,
    headers::PREVIOUSLY_SENT_BY,
    headers::PREVIOUSLY_SENT_DATE,
    "X-Mms-MM-Read-Status",
    "Date",
    "Sender",
    "From",
];

prop_compose! {
    fn message()(
        before in prop::collection::vec(field(), 0..6),
        after in prop::collection::vec(field(), 0..6),
        preamble in "([ -,.-~]{0,10}\r\n)?",
        parts in prop::collection::vec(part(), 1..6),
        closed in any::<bool>(),
        epilogue in "[ -~]{0,10}",
        says in pdu(),
    ) -> Vec<u8> {
        let mut out = before.concat().into_bytes();
        out.extend_from_slice(says.as_bytes());
        out.extend_from_slice(b"Content-Type: multipart/related; boundary=\"=_b 1\"\r\n");
        out.extend_from_slice(after.concat().as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(preamble.as_bytes());
        for (i, part) in parts.iter().enumerate() {
            let start = if i == 0 { &b"--=_b 1\r\n"[..] } else { b"\r\n--=_b 1\r\n" };
            out.extend_from_slice(start);
            out.extend_from_slice(part);
        }
        if closed {
            out.extend_from_slice(b"\r\n--=_b 1--");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(epilogue.as_bytes());
        out
    }
}

/// A value with octets above 127 in the places where peers put them.
fn beyond_ascii() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z\u{e4}\u{fc}\u{20ac}]{1,30}",
        "([a-z]{0,9}|\u{fc}{1,30}|=\\?utf-8\\?Q\\?a\\?=)( ([a-z]{1,90}|\u{e4}{1,60}|=\\?utf-8\\?B\\?w7w=\\?=)){0,6}",
    ]
}

/// A leaf with text in some transfer encoding, described in fields beyond ASCII.
fn text_leaf() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just(String::new()),
        "; name=[a-z\u{fc}]{1,40}",
        "; name=\"[a-z\u{fc} ;,=]{1,200}\"",
        ";\r\n\tName=\"[a-z]{1,9}\"",
    ];
    let more = prop_oneof![
        Just(String::new()),
        beyond_ascii().prop_map(|text| format!("Content-Description: {text}\r\n")),
        "[a-z\u{fc}]{1,20}".prop_map(|name| format!("Content-Disposition: attachment; filename=\"{name}\"\r\n")),
        Just("Content-Length: 3\r\nContent-ID: <a>\r\n".to_owned()),
    ];
    let body = prop::collection::vec("[ -~\u{e4}\u{20ac}]{0,60}[!-~]", 0..4).prop_map(|lines| lines.join("\r\n"));
    (name, more, 0..3usize, body).prop_map(|(name, more, encoding, body)| {
        let (label, body) = match encoding {
            0 => ("8bit", body),
            1 => (
                "base64",
                String::from_utf8(super::body::base64_lines(body.as_bytes()).to_vec()).unwrap(),
            ),
            _ => (
                "quoted-printable",
                String::from_utf8(super::body::quoted_printable(body.as_bytes())).unwrap(),
            ),
        };
        format!(
            "Content-Type: text/plain; charset=utf-8{name}\r\nContent-Transfer-Encoding: {label}\r\n{more}\r\n{body}"
        )
    })
}

prop_compose! {
    /// A message that can be converted to 7bit: closed, unsigned, and with octets above 127 all over.
    fn convertible()(
        subject in beyond_ascii(),
        display in beyond_ascii(),
        leaves in prop::collection::vec(text_leaf(), 1..4),
        between in "(pr\u{e4}amble[ -,.-~\u{fc}]{0,90}\r\n)?",
        nested in any::<bool>(),
        mime_version in any::<bool>(),
    ) -> String {
        let version = if mime_version { "MIME-Version: 1.0\r\n" } else { "" };
        let display = display.replace(['=', '?'], "");
        let mut out = format!(
            "From: \"{display}\" <+15555550100@mms.a.example>\r\nSubject: {subject}\r\n{version}X-Mms-Message-Type: \
             MM4_forward.REQ\r\nX-Mms-Transaction-ID: t\r\nX-Mms-Message-ID: k\r\nContent-Type: multipart/mixed; \
             boundary=\"=_out\"\r\n\r\n{between}"
        );
        let boundary = if nested { "=_in" } else { "=_out" };
        if nested {
            out.push_str("--=_out\r\nContent-Type: multipart/related; boundary=\"=_in\"\r\n\r\n");
        }
        for leaf in leaves {
            out.push_str(&format!("--{boundary}\r\n{leaf}\r\n"));
        }
        if nested {
            out.push_str("--=_in--\r\n");
        }
        out.push_str(&format!("--=_out--\r\n{between}"));
        out
    }
}

/// A part's media type, name, Content-ID or the like, and decoded body.
type SeenPart = (String, Option<String>, Option<String>, Vec<u8>);

/// What mail-parser, which is lenient and shares no code with the index, finds in a message.
fn as_seen_by_mail_parser(octets: &[u8]) -> Vec<SeenPart> {
    use mail_parser::{MessageParser, MimeHeaders as _};
    let message = MessageParser::default().parse(octets).unwrap();
    let shown = |part: &mail_parser::MessagePart<'_>| {
        let media_type = part
            .content_type()
            .map(|of| format!("{}/{:?}", of.c_type, of.c_subtype));
        (
            media_type.unwrap_or_default(),
            part.attachment_name().map(str::to_owned),
            part.content_id().map(str::to_owned),
            part.contents().to_vec(),
        )
    };
    let leaves = message.parts.iter().filter(|part| !part.is_multipart());
    let header = (
        message.subject().unwrap_or_default().to_owned(),
        message
            .from()
            .and_then(|from| from.first()?.name.as_deref().map(str::to_owned)),
        message
            .from()
            .and_then(|from| from.first()?.address.as_deref().map(str::to_owned)),
        Vec::new(),
    );
    std::iter::once(header).chain(leaves.map(shown)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn an_unedited_message_leaves_as_it_came(text in message()) {
        let message = read_bytes(&text).unwrap();
        prop_assert_eq!(written(&message), text);
    }

    #[test]
    fn a_new_transaction_id_changes_its_own_octets_and_comes_back_as_it_was(text in message(), id in "[a-z+]([ -~]{0,60}[!-~])?") {
        let message = read_bytes(&text).unwrap();
        let mut there = message.clone();
        amend(&mut there, &Amendment::TransactionId(id.into())).unwrap();
        for (old, new) in message.header.fields.iter().zip(&there.header.fields) {
            prop_assert!(old == new || old.is(headers::TRANSACTION_ID));
        }
        let mut back = read_bytes(&written(&there)).unwrap();
        amend(&mut back, &Amendment::TransactionId("\"t\"".into())).unwrap();
        prop_assert_eq!(written(&back), text);
    }

    #[test]
    fn whatever_a_value_is_reading_it_ends(value in "([0-9+:, -]|GMT|Jan|\u{fc}|[a-z()\"]){0,40}") {
        if let Some(date) = Date::read(&value) {
            prop_assert_eq!(Date::read(&super::dates::written(date.at)).unwrap().at.0, date.at.0 / 1000 * 1000);
        }
        if let Some(expiry) = Expiry::read(&value) {
            let now = Timestamp(1_795_298_400_000);
            prop_assert!(expiry.latest(None, now) >= expiry.stated(None, now));
        }
        let _ = (RequestStatus::read(&value), Version::read(&value));
    }

    #[test]
    fn a_response_reads_back_as_what_it_was_told(id in "[!-~]{1,80}", status in "[ -~]{0,80}", text in "[ -~\u{e4}\u{20ac}]{0,200}", version in "[ -~]{0,20}") {
        let system = MmsAddress::new("mm4relay@hub.example").unwrap();
        let author = Author { id: MessageId(1), our_name: "hub.example", system: &system, at: Timestamp(0), body: Body::OneLine };
        let told = Response {
            request: MessageType::ForwardRequest,
            version: Some(&version),
            transaction_id: &id.as_str().into(),
            message_id: &id.as_str().into(),
            status: &status,
            text: Some(&text),
            to: &system,
        };
        let message = read_bytes(&response(&author, &told).unwrap());
        if OpaqueId::from(id.as_str()).is_blank() {
            return Ok(());
        }
        let message = message.unwrap();
        let pdu = Pdu::of(&message.header);
        prop_assert_eq!(message.kind, MessageType::ForwardResponse);
        prop_assert_eq!(pdu.transaction_id().unwrap(), OpaqueId::from(id.as_str()));
        prop_assert_eq!(pdu.message_id().unwrap(), OpaqueId::from(id.as_str()));
        prop_assert_eq!(message.header.value(headers::REQUEST_STATUS_CODE).unwrap(), status.trim());
        // A word may look like an encoded one by accident; real senders write none of these. Readers drop one of
        // several blanks before an encoded word, as the separator (RFC 2047, 6.2).
        if !text.contains("=?") {
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&pdu.status_text().unwrap()), words(&text));
        }
    }

    #[test]
    fn nothing_makes_it_panic(octets in prop::collection::vec(any::<u8>(), 0..400), at in any::<prop::sample::Index>(), text in message()) {
        let _ = read_bytes(&octets);
        let _ = seven_bit(&Bytes::from(octets.clone()));
        let mut mixed = text;
        let at = at.index(mixed.len());
        mixed.splice(at..at, octets);
        if let Ok(message) = read_bytes(&mixed) {
            prop_assert_eq!(written(&message), mixed.clone());
            for part in &message.parts {
                if let Ok(decoded) = decode_part(&message, part.id) {
                    prop_assert!(decoded.len() as u64 <= part.body.size());
                }
            }
        }
        let _ = seven_bit(&Bytes::from(mixed));
    }

    #[test]
    fn a_replaced_part_reads_back_and_the_others_keep_their_bytes(text in message(), which in any::<prop::sample::Index>(), body in prop::collection::vec(any::<u8>(), 0..200)) {
        let message = read_bytes(&text).unwrap();
        let id = message.parts[which.index(message.parts.len())].id;
        let body = Bytes::from(body);
        let edit = Edit::ReplacePart {
            id,
            body: NewBody { media_type: MediaType::new("application/x-new").unwrap(), bytes: body.clone() },
            name: None,
        };
        let edited = apply(message.clone(), &[edit]).unwrap();
        let again = read_bytes(&written(&edited)).unwrap();
        prop_assert_eq!(again.parts.len(), message.parts.len());
        prop_assert_eq!(decode_part(&edited, id).unwrap(), body.clone());
        for (old, new) in message.parts.iter().zip(&again.parts) {
            if new.id == id {
                prop_assert_eq!(&new.media_type, "application/x-new");
                prop_assert_eq!(decode_part(&again, id).unwrap(), body.clone());
            } else {
                let octets = |m: &crate::message::Message, p: &crate::message::Piece| super::body::piece_octets(&m.content, p).unwrap();
                prop_assert_eq!(octets(&message, &old.body), octets(&again, &new.body));
                prop_assert_eq!(octets(&message, &old.header), octets(&again, &new.header));
            }
        }
    }

    #[test]
    fn header_edits_change_the_named_fields_and_no_other_octet(text in message(), value in "[ -~\u{e4}\u{20ac}]{0,200}") {
        let message = read_bytes(&text).unwrap();
        let edits = [
            Edit::SetHeader { name: HeaderName::new("X-Mms-Added").unwrap(), value: HeaderValue::new(&value).unwrap() },
            Edit::SetOriginator(MmsAddress::new("+999@c.example").unwrap()),
        ];
        let edited = apply(message.clone(), &edits).unwrap();
        let out = written(&edited);
        let fields = edited.header.fields.len();
        prop_assert_eq!(fields, message.header.fields.len() + 1);
        let added = edited.header.fields[fields - 1].raw();
        let lines_fit = added.split(|o| *o == b'\n').all(|line| line.len() <= 999);
        prop_assert!(lines_fit && added.is_ascii());
        let at = out.windows(added.len()).rposition(|w| w == &added[..]).unwrap();
        let without = [&out[..at], &out[at + added.len()..]].concat();
        prop_assert_eq!(without, text);
    }

    #[test]
    fn removing_and_adding_keep_the_structure(text in message(), which in any::<prop::sample::Index>()) {
        let message = read_bytes(&text).unwrap();
        let id = message.parts[which.index(message.parts.len())].id;
        let add = Edit::AddPart {
            body: NewBody { media_type: MediaType::new("text/plain").unwrap(), bytes: Bytes::from_static(b"added") },
            name: None,
            content_id: None,
        };
        let edited = apply(message.clone(), &[add, Edit::RemovePart(id)]).unwrap();
        let again = read_bytes(&written(&edited)).unwrap();
        prop_assert_eq!(again.parts.len(), message.parts.len());
        let last = again.parts.last().unwrap();
        prop_assert_eq!(decode_part(&again, last.id).unwrap(), "added");
    }

    #[test]
    fn seven_bit_is_ascii_and_idempotent_or_says_why_not(text in message()) {
        match seven_bit(&Bytes::from(text)) {
            Ok(once) => {
                prop_assert!(once.is_ascii());
                prop_assert_eq!(seven_bit(&once).unwrap(), once);
            }
            Err(reason) => prop_assert!(!reason.is_empty()),
        }
    }

    #[test]
    fn what_readers_see_in_a_message_is_the_same_before_and_after_the_conversion(text in convertible()) {
        let message = read_bytes(text.as_bytes()).unwrap();
        let ascii = seven_bit(&Bytes::from(text.clone())).unwrap();
        let converted = read_bytes(&ascii).unwrap();
        prop_assert!(ascii.is_ascii());
        for line in ascii.split(|octet| *octet == b'\n') {
            let has_word = line.windows(2).any(|two| two == b"=?");
            let is_new = memchr::memmem::find(text.as_bytes(), line).is_none();
            prop_assert!(!is_new || line.len() <= if has_word { 77 } else { 999 }, "{}", String::from_utf8_lossy(line));
        }
        let (before, after) = (Pdu::of(&message.header), Pdu::of(&converted.header));
        prop_assert_eq!(before.subject(), after.subject());
        prop_assert_eq!(before.from(), after.from());
        prop_assert_eq!(super::contents::leaves(&message).unwrap(), super::contents::leaves(&converted).unwrap());
        prop_assert_eq!(super::body_digest(&message).unwrap(), super::body_digest(&converted).unwrap());
        prop_assert_eq!(as_seen_by_mail_parser(text.as_bytes()), as_seen_by_mail_parser(&ascii), "{}", text);
    }

    #[test]
    fn a_part_whose_header_no_two_readers_end_alike_is_refused_on_arrival(
        header in "(Content-Type: text/plain; charset=utf-8\r\n)?",
        line in "(\u{fc}ber text|text|\u{fc}ber: text|: text|two words: text| \u{fc}ber)",
        more in "(\r\n|\r\nContent-ID: <a>\r\n|\r\n\r\n)body",
    ) {
        let text = format!(
            "X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: t\r\nX-Mms-Message-ID: k\r\nContent-Type: \
             multipart/mixed; boundary=b\r\n\r\n--b\r\n{header}{line}{more}\r\n--b--\r\n"
        );
        // A blank at its beginning makes a line part of the field before.
        let continues = line.starts_with(' ') && !header.is_empty() && more.starts_with("\r\n\r\n");
        match read_bytes(text.as_bytes()) {
            Ok(message) => {
                prop_assert!(continues || line.starts_with(' ') && more.contains("Content-ID"), "{}", text);
                prop_assert_eq!(message.parts.len(), 1);
            }
            Err(refusal) => prop_assert!(refusal.to_string().contains("part 1 has a line that is no field"), "{}", refusal),
        }
    }

    #[test]
    fn no_content_type_makes_it_panic(content_type in "(multipart/x|text/plain)?([;=\"*'()?\\\\:/ a-c0-9\u{e4}]|\r\n[ \t]|=\\?utf-8\\?[BQ]\\?|; ?boundary=|; ?name\\*[0-9]?\\*?=){0,30}") {
        let text = format!("X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: t\r\nX-Mms-Message-ID: k\r\nContent-Type: {content_type}\r\nContent-Disposition: {content_type}\r\n\r\n--a\r\n\r\nb\r\n");
        let Ok(message) = read_bytes(text.as_bytes()) else { return Ok(()) };
        prop_assert_eq!(written(&message), text.clone());
        let _ = seven_bit(&Bytes::from(text));
        let edit = Edit::ReplacePart {
            id: PartId(1),
            body: NewBody { media_type: MediaType::new("image/png").unwrap(), bytes: Bytes::from_static(b"new") },
            name: Some(HeaderValue::new("n").unwrap()),
        };
        if let Ok(edited) = apply(message, &[edit]) {
            prop_assert_eq!(decode_part(&edited, PartId(1)).unwrap(), "new");
            read_bytes(&written(&edited)).unwrap();
        }
    }

    #[test]
    fn no_address_list_makes_it_panic_or_loses_what_is_not_named(list in "([,;<>()\"\\\\@ a-c:/=]|\r\n[ \t]|\\+15555550201|/TYPE=PLMN){0,30}") {
        let text = format!("To: {list}\r\nX-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: t\r\nX-Mms-Message-ID: k\r\n\r\n");
        let message = read_bytes(text.as_bytes()).unwrap();
        let edit = |address: &str| Edit::SetRecipient { id: RecipientId(1), address: MmsAddress::new(address).unwrap() };
        let there = apply(message, &[edit("+999201/TYPE=PLMN@mms.b.example")]).unwrap();
        let out = String::from_utf8(written(&there).to_vec()).unwrap();
        prop_assert_eq!(out.replace("+999201", "+15555550201"), text);
    }
}
