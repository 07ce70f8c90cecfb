//! What each edit changes, and what it leaves alone.

use super::samples::{MULTIPART, read_text, written};
use super::{apply, decode_part};
use crate::message::{
    Edit, HeaderName, HeaderValue, Illegal, MediaType, Message, MmsAddress, NewBody, PartId, PeerName, RecipientId,
    TransferEncoding,
};

const HEAD: &str = "X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: t\r\nX-Mms-Message-ID: k\r\n";

fn value(text: &str) -> HeaderValue {
    HeaderValue::new(text).unwrap()
}

fn address(text: &str) -> MmsAddress {
    MmsAddress::new(text).unwrap()
}

fn set(name: &str, text: &str) -> Edit {
    Edit::SetHeader {
        name: HeaderName::new(name).unwrap(),
        value: value(text),
    }
}

fn body(media_type: &str, bytes: &'static [u8]) -> NewBody {
    NewBody {
        media_type: MediaType::new(media_type).unwrap(),
        bytes: bytes.into(),
    }
}

fn edited(text: &str, edits: &[Edit]) -> Result<Message, Illegal> {
    apply(read_text(text).unwrap(), edits)
}

/// The message after the edits. It is read again and must have the same parts as the edited index.
fn text_after(text: &str, edits: &[Edit]) -> String {
    let message = edited(text, edits).unwrap();
    let bytes = written(&message);
    let again = super::samples::read_bytes(&bytes).unwrap();
    let shape = |m: &Message| {
        let of = |p: &crate::message::Part| (p.media_type.clone(), p.name.clone(), p.content_id.clone(), p.encoding);
        m.parts.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(shape(&message), shape(&again), "the index says what the bytes say");
    for (one, other) in message.parts.iter().zip(&again.parts) {
        assert_eq!(
            decode_part(&message, one.id),
            decode_part(&again, other.id)
                .map_err(|_| Illegal(format!("part {} has a transfer encoding that nobody knows", one.id)))
        );
    }
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn setting_a_header_replaces_the_first_field_and_removes_the_others() {
    let text = format!("A: 1\r\nsubject:  old\r\n  folded\r\nB: 2\r\nSubject: second\r\n{HEAD}\r\n");
    assert_eq!(
        text_after(&text, &[set("Subject", "new")]),
        format!("A: 1\r\nsubject: new\r\nB: 2\r\n{HEAD}\r\n")
    );
    assert_eq!(
        text_after(&text, &[set("X-New", "v")]),
        text.replace("\r\n\r\n", "\r\nX-New: v\r\n\r\n")
    );
    let removal = [Edit::RemoveHeader(HeaderName::new("SUBJECT").unwrap())];
    assert_eq!(text_after(&text, &removal), format!("A: 1\r\nB: 2\r\n{HEAD}\r\n"));
}

#[test]
fn a_header_without_its_last_line_end_is_completed_before_a_field_is_added() {
    let text = HEAD.trim_end();
    assert_eq!(text_after(text, &[set("X-New", "v")]), format!("{HEAD}X-New: v\r\n"));
}

#[test]
fn a_new_originator_stands_in_the_envelope_and_where_the_old_one_stood() {
    let edits = [Edit::SetOriginator(address("+999100/TYPE=PLMN@relay.example"))];
    assert_eq!(
        text_after(MULTIPART, &edits),
        MULTIPART.replace("From: +15555550100/TYPE=PLMN", "From: +999100/TYPE=PLMN")
    );
    let message = edited(MULTIPART, &edits).unwrap();
    assert_eq!(
        message.envelope.sender,
        Some(address("+999100/TYPE=PLMN@relay.example"))
    );
}

#[test]
fn a_new_recipient_address_replaces_the_listed_one_and_lists_no_other() {
    let change = |id, text: &str| Edit::SetRecipient {
        id,
        address: address(text),
    };
    assert_eq!(
        text_after(MULTIPART, &[change(RecipientId(2), "+999202/TYPE=PLMN@mms.c.example")]),
        MULTIPART.replace("\t+15555550202", "\t+999202")
    );
    let unlisted = MULTIPART.replace("+15555550202", "+15555550777");
    assert_eq!(
        text_after(&unlisted, &[change(RecipientId(2), "+999202/TYPE=PLMN@mms.c.example")]),
        unlisted
    );
    let chained = [
        change(RecipientId(1), "+999201/TYPE=PLMN@c.example"),
        change(RecipientId(1), "+999301/TYPE=PLMN@d.example"),
    ];
    assert_eq!(
        text_after(MULTIPART, &chained),
        MULTIPART.replace("+15555550201/", "+999301/")
    );
}

#[test]
fn added_recipients_get_ids_that_nobody_had_and_change_no_header() {
    let edits = [
        Edit::DropRecipient(RecipientId(2)),
        Edit::AddRecipient(address("+999203@c.example")),
        Edit::AddRecipient(address("+999204@c.example")),
    ];
    let message = edited(MULTIPART, &edits).unwrap();
    let ids: Vec<u32> = message.envelope.recipients.iter().map(|r| r.id.0).collect();
    assert_eq!(ids, [1, 3, 4]);
    assert_eq!(written(&message), MULTIPART);
}

#[test]
fn the_id_of_a_dropped_recipient_is_not_given_again_by_a_later_plug_in() {
    let first = [
        Edit::AddRecipient(address("+999203@c.example")),
        Edit::DropRecipient(RecipientId(3)),
    ];
    let message = edited(MULTIPART, &first).unwrap();
    let message = apply(message, &[Edit::AddRecipient(address("+999204@c.example"))]).unwrap();
    let ids: Vec<u32> = message.envelope.recipients.iter().map(|r| r.id.0).collect();
    assert_eq!(ids, [1, 2, 4]);
}

#[test]
fn a_replaced_part_keeps_its_id_and_foreign_fields_and_gets_its_name_everywhere() {
    let edits = [Edit::ReplacePart {
        id: PartId(3),
        body: body("image/png", b"\x89PNG"),
        name: Some(value("b.png")),
    }];
    let expected = MULTIPART
        .replace(
            "Content-Type: image/jpeg;\r\n Name=\"a.jpg\"",
            "Content-Type: image/png; name=\"b.png\"",
        )
        .replace(
            "attachment; filename=\"a.jpg\"; size=4",
            "attachment; size=4; filename=\"b.png\"",
        )
        .replace("Content-MD5: x\r\n", "")
        .replace("/9j/4A==", "iVBORw==");
    assert_eq!(text_after(MULTIPART, &edits), expected);
}

#[test]
fn a_replaced_part_keeps_its_name_when_no_other_is_given() {
    let edits = [Edit::ReplacePart {
        id: PartId(2),
        body: body("text/plain; charset=us-ascii", b"short\r\n"),
        name: None,
    }];
    let expected = MULTIPART
        .replace("charset=utf-8; name", "charset=us-ascii; name")
        .replace("quoted-printable", "7bit")
        .replace("gr=C3=BCn", "short\r\n");
    assert_eq!(text_after(MULTIPART, &edits), expected);
}

#[test]
fn a_location_that_bears_the_name_changes_with_it() {
    let edits = [Edit::ReplacePart {
        id: PartId(2),
        body: body("text/plain", b"x"),
        name: Some(value("gr\u{fc}n.txt")),
    }];
    let text = text_after(MULTIPART, &edits);
    assert!(
        text.contains("Content-Type: text/plain; name*=utf-8''gr%C3%BCn.txt\r\n"),
        "{text}"
    );
    assert!(text.contains("Content-Location: gr%C3%BCn.txt\r\n"), "{text}");
}

#[test]
fn the_only_body_of_a_message_is_described_in_its_own_header() {
    for (before, end) in [("hello\r\n", "\r\n"), ("", "\r\n"), ("", "")] {
        let text = format!("Content-type: text/plain\r\n{HEAD}{end}{before}");
        let edits = [Edit::ReplacePart {
            id: PartId(1),
            body: body("text/x", b"no line end"),
            name: None,
        }];
        assert_eq!(
            text_after(&text, &edits),
            format!(
                "Content-type: text/x\r\n{HEAD}Content-Transfer-Encoding: base64\r\nMIME-Version: 1.0\r\n\r\nbm8gbGluZSBlbmQ=\r\n"
            )
        );
    }
}

#[test]
fn a_message_that_is_an_unfinished_header_line_can_get_a_body() {
    let edits = [Edit::ReplacePart {
        id: PartId(1),
        body: body("text/plain", b"x\r\n"),
        name: None,
    }];
    let text = text_after(HEAD.trim_end(), &edits);
    assert!(
        text.starts_with(&format!("{HEAD}Content-Type: text/plain\r\n")),
        "{text}"
    );
    assert!(text.ends_with("\r\n\r\nx\r\n"), "{text}");
}

#[test]
fn an_empty_multipart_can_get_its_first_part() {
    for end in ["", "\r\n", "\r\n\r\n", "\r\n--b--\r\n"] {
        let text = format!("{HEAD}Content-Type: multipart/mixed; boundary=b\r\n{end}");
        let add = |octets| Edit::AddPart {
            body: body("text/plain", octets),
            name: None,
            content_id: None,
        };
        let again = read_text(&text_after(&text, &[add(b"first"), add(b"second")])).unwrap();
        assert_eq!(decode_part(&again, PartId(1)).unwrap(), "first", "{end:?}");
        assert_eq!(decode_part(&again, PartId(2)).unwrap(), "second", "{end:?}");
    }
}

#[test]
fn a_removed_part_takes_its_delimiter_along() {
    let end = MULTIPART.find("--b1\r\nContent-Type: text").unwrap();
    let start = MULTIPART.find("--b1\r\n").unwrap();
    let expected = [&MULTIPART[..start], &MULTIPART[end..]].concat();
    assert_eq!(text_after(MULTIPART, &[Edit::RemovePart(PartId(1))]), expected);
}

#[test]
fn an_added_part_comes_last_in_the_outermost_multipart() {
    let edits = [Edit::AddPart {
        body: body("text/plain", b"added"),
        name: Some(value("n.txt")),
        content_id: Some(value("<id1>")),
    }];
    let part = "\r\n--b1\r\nContent-Type: text/plain; name=\"n.txt\"\r\nContent-Transfer-Encoding: 7bit\r\n\
                Content-ID: <id1>\r\nContent-Location: n.txt\r\n\r\nadded\r\n--b1--";
    assert_eq!(text_after(MULTIPART, &edits), MULTIPART.replace("\r\n--b1--", part));
    let message = edited(MULTIPART, &edits).unwrap();
    assert_eq!(message.parts.last().map(|p| p.id), Some(PartId(5)));
}

#[test]
fn a_part_added_to_a_truncated_multipart_closes_it() {
    let truncated = &MULTIPART[..MULTIPART.find("--b1--").unwrap()];
    let edit = || Edit::AddPart {
        body: body("text/plain", b"added"),
        name: None,
        content_id: None,
    };
    let text = text_after(truncated, &[edit(), edit()]);
    assert!(text.starts_with(truncated));
    assert_eq!(text.matches("added\r\n--b1").count(), 2);
    assert!(text.ends_with("\r\nadded\r\n--b1--\r\n"));
}

#[test]
fn a_body_at_the_end_of_a_truncated_multipart_is_replaced_exactly() {
    let truncated = &MULTIPART[..MULTIPART.find("\r\n--b1\r\nContent-Type: text/plain").unwrap()];
    for (octets, written) in [
        (&b"no line end"[..], "bm8gbGluZSBlbmQ=\r\n"),
        (b"a line\r\n", "a line\r\n"),
    ] {
        let edits = [Edit::ReplacePart {
            id: PartId(1),
            body: body("text/plain", octets),
            name: None,
        }];
        assert!(text_after(truncated, &edits).ends_with(&format!("\r\n\r\n{written}")));
        assert_eq!(
            decode_part(&edited(truncated, &edits).unwrap(), PartId(1)).unwrap(),
            octets
        );
    }
}

#[test]
fn parts_that_share_their_line_ends_can_be_edited_one_by_one() {
    let text = format!(
        "{HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\nContent-ID: <x>\r\n--b\r\n\r\n--b\r\n\r\nlast\r\n--b--\r\n"
    );
    let message = read_text(&text).unwrap();
    assert_eq!(message.parts.len(), 4);
    assert_eq!(written(&message), text.as_str());
    for id in 1..=4 {
        let replaced = text_after(
            &text,
            &[Edit::ReplacePart {
                id: PartId(id),
                body: body("text/plain", b"new"),
                name: None,
            }],
        );
        let again = read_text(&replaced).unwrap();
        assert_eq!(decode_part(&again, PartId(id)).unwrap(), "new", "{replaced}");
        assert_eq!(
            read_text(&text_after(&text, &[Edit::RemovePart(PartId(id))]))
                .unwrap()
                .parts
                .len(),
            3
        );
    }
}

#[test]
fn what_cannot_be_done_is_refused_by_number_and_nothing_is_done() {
    let refused = |edits: &[Edit]| edited(MULTIPART, edits).unwrap_err().0;
    assert!(refused(&[set("X", "1"), Edit::DropRecipient(RecipientId(9))]).starts_with("edit 2: "));
    assert!(refused(&[Edit::DropRecipient(RecipientId(1)), Edit::DropRecipient(RecipientId(2))]).contains("last one"));
    let all: Vec<Edit> = (1..=4).map(PartId).map(Edit::RemovePart).collect();
    assert!(refused(&all).starts_with("edit 4: part 4 is the last one"));
    assert!(refused(&[Edit::RemovePart(PartId(7))]).contains("no part 7"));
    let route = Edit::Route {
        recipient: RecipientId(8),
        peer: PeerName::new("b").unwrap(),
    };
    assert!(refused(&[route]).contains("no recipient 8"));
    assert!(refused(&[set("X-Long", &"x".repeat(1_000))]).contains("X-Long"));
    let add = Edit::AddPart {
        body: body("text/plain", b""),
        name: None,
        content_id: None,
    };
    let plain = format!("{HEAD}\r\nplain\r\n");
    assert!(edited(&plain, &[add]).unwrap_err().0.contains("not multipart"));
    assert!(edited(&plain, &[Edit::RemovePart(PartId(1))]).is_err());
}

#[test]
fn a_body_of_an_unknown_encoding_can_be_replaced() {
    let edits = [Edit::ReplacePart {
        id: PartId(4),
        body: body("text/plain", b"x"),
        name: None,
    }];
    let message = edited(MULTIPART, &edits).unwrap();
    assert_eq!(
        message.part(PartId(4)).map(|p| p.encoding),
        Some(TransferEncoding::Identity)
    );
}

#[test]
fn a_message_as_a_part_stays_as_it_is_or_is_refused() {
    let add = |bytes: &'static [u8]| Edit::AddPart {
        body: body("Message/RFC822", bytes),
        name: None,
        content_id: None,
    };
    let text = text_after(MULTIPART, &[add(b"Subject: x\r\n\r\nhello")]);
    assert!(
        text.contains(
            "Content-Type: Message/RFC822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nSubject: x\r\n\r\nhello\r\n--b1--"
        ),
        "{text}"
    );
    for needs_encoding in [
        &b"Subject: gr\xc3\xbcn\r\n\r\n"[..],
        b"Subject: x\n\ny",
        b"Subject: x\r\n\r\n--b1\r\n",
    ] {
        let refused = edited(MULTIPART, &[add(needs_encoding)]).unwrap_err();
        assert!(
            refused
                .0
                .contains("edit 1: a body of the type Message/RFC822 must not be encoded"),
            "{refused}"
        );
        let replace = Edit::ReplacePart {
            id: PartId(1),
            body: body("message/rfc822", needs_encoding),
            name: None,
        };
        assert!(edited(MULTIPART, &[replace]).is_err());
    }
}
