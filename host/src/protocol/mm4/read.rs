//! From received bytes to a message: header, MIME structure, and the checks of TS 23.140, 8.4.4.

use super::entity::{Entity, Raw};
use super::{Foreign, Limits, Pdu, headers, index, scan, single};
use crate::message::{GivenIds, Header, Incoming, Message, MessageType, Part, PartSize, Refusal, Rope};

/// Reads a received message into an index of its bytes.
///
/// Refused are: no header, a header line that is no field, bare CR or LF or NUL in the header, anything beyond the
/// limits, a multipart in which no part can be found, fields that may stand once and say two things, and messages that
/// are not MM4 or lack what every answer to them needs:
///
/// | type | must have |
/// |---|---|
/// | all | `X-Mms-Message-Type`, `X-Mms-Transaction-ID` |
/// | all but `MM4_read_reply_report.RES` | `X-Mms-Message-ID` (real peers send that one response without) |
///
/// Where `limits` let them pass, messages of unknown types, mail without any type, and delivery status notifications
/// (RFC 3464) become [`MessageType::Other`], and need none of this.
///
/// Blocks on the disk, once, when the content is not in memory; then the whole message is in memory during this call.
/// The result holds the header block, and no other copy of the content.
pub fn read(incoming: Incoming, limits: &Limits) -> Result<Message, Refusal> {
    let size = incoming.content.size();
    let bytes = incoming.content.read(0..size).map_err(|error| Refusal::Storage {
        reason: format!("the received message cannot be read back: {error}"),
    })?;
    let (header, end) = scan::header(&bytes, limits)?;
    let mut raw = Raw::default();
    for field in &header.fields {
        raw.note(field.raw());
    }
    let top = raw.read("text/plain");
    let is_notification = top.as_ref().is_ok_and(Entity::is_delivery_report);
    let kind = kind(&header, is_notification, limits)?;
    require_ids(&header, kind)?;
    let broken = |reason| Refusal::BrokenMime { reason };
    raw.check().map_err(broken)?;
    let top = top.map_err(broken)?;
    let index = index::index(&bytes, end, top, limits)?;
    Ok(Message {
        id: incoming.id,
        origin: incoming.origin,
        envelope: incoming.envelope,
        kind,
        header,
        body: index.body,
        parts: index.parts,
        content: incoming.content,
        given: GivenIds::default(),
        answers: None,
    })
}

/// Reads the header of a stored message, edits included. It was checked when it was stored, so nothing is refused now.
/// Reads no more than the header's octets, block by block.
pub fn read_header(rope: &Rope) -> std::io::Result<Header> {
    const BLOCK: u64 = 32 * 1024;
    let mut octets = Vec::new();
    for chunk in rope.chunks(BLOCK) {
        octets.extend_from_slice(&chunk?);
        if memchr::memmem::find(&octets, b"\r\n\r\n").is_some() {
            break;
        }
    }
    let limits = Limits {
        header_octets: u64::MAX,
        fields: u32::MAX,
        ..Limits::default()
    };
    let (header, _) = scan::header(&octets, &limits).map_err(std::io::Error::other)?;
    Ok(header)
}

/// The type and size of each part of a stored message, as it goes out. Blocks on the disk when the content is not in
/// memory; the whole message is in memory during this call.
pub fn read_parts(rope: &Rope) -> std::io::Result<Vec<PartSize>> {
    let (bytes, limits) = (rope.to_bytes()?, Limits::of_taken());
    let unreadable = |why: String| std::io::Error::other(why);
    let (header, end) = scan::header(&bytes, &limits).map_err(std::io::Error::other)?;
    let mut raw = Raw::default();
    for field in &header.fields {
        raw.note(field.raw());
    }
    let top = raw.read("text/plain").map_err(unreadable)?;
    let index = index::index(&bytes, end, top, &limits).map_err(std::io::Error::other)?;
    Ok(sizes(&index.parts))
}

/// The parts of a message that is read.
pub fn sizes(parts: &[Part]) -> Vec<PartSize> {
    let size = |part: &Part| PartSize {
        media_type: part.media_type.clone(),
        octets: part.body.size(),
    };
    parts.iter().map(size).collect()
}

fn kind(header: &Header, is_notification: bool, limits: &Limits) -> Result<MessageType, Refusal> {
    if let Some(header) = single::contradicted(header) {
        return Err(Refusal::Contradiction { header });
    }
    match MessageType::of(header) {
        Some(MessageType::Other) if limits.unknown_types == Foreign::Refuse => Err(Refusal::UnknownMessageType {
            name: headers::value(header, headers::MESSAGE_TYPE)
                .map(|name| name.chars().take(80).collect())
                .unwrap_or_default(),
        }),
        Some(kind) => Ok(kind),
        None if is_notification && limits.notifications == Foreign::Pass => Ok(MessageType::Other),
        None if limits.untyped == Foreign::Pass => Ok(MessageType::Other),
        None => Err(Refusal::NotMm4),
    }
}

fn require_ids(header: &Header, kind: MessageType) -> Result<(), Refusal> {
    if kind == MessageType::Other {
        return Ok(());
    }
    let pdu = Pdu::of(header);
    let needs_message_id = kind != MessageType::ReadReplyReportResponse;
    let required = [
        (headers::TRANSACTION_ID, pdu.transaction_id(), true),
        (headers::MESSAGE_ID, pdu.message_id(), needs_message_id),
    ];
    for (name, id, needed) in required {
        let present = id.is_some_and(|id| !id.is_blank());
        if needed && !present {
            return Err(Refusal::MissingHeader {
                message_type: kind.name(),
                header: name,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::samples::{MULTIPART, written};
    use super::super::samples::{incoming, read_text};
    use super::*;
    use crate::message::{Block, Content, PartId, ReadAt};
    use std::io;
    use std::ops::Range;
    use std::sync::Arc;

    const IDS: &str = "X-Mms-Transaction-ID: t1\r\nX-Mms-Message-ID: k1\r\n";

    #[test]
    fn a_message_without_a_type_is_not_mm4() {
        assert_eq!(read_text("To: x\r\n\r\n").unwrap_err(), Refusal::NotMm4);
    }

    #[test]
    fn an_unknown_type_is_named() {
        let refused = read_text(&format!("X-Mms-Message-Type: MM4_x.REQ\r\n{IDS}\r\n")).unwrap_err();
        assert_eq!(
            refused,
            Refusal::UnknownMessageType {
                name: "MM4_x.REQ".into()
            }
        );
    }

    #[test]
    fn an_unknown_type_passes_where_it_may_and_needs_no_ids() {
        let limits = Limits {
            unknown_types: Foreign::Pass,
            ..Limits::default()
        };
        let text = "X-Mms-Message-Type: MM4_capability_negotiation.REQ\r\n\r\nbody\r\n";
        let message = read(incoming(text.as_bytes()), &limits).unwrap();
        assert_eq!(message.kind, MessageType::Other);
        assert_eq!(written(&message), text);
        let refused = read(incoming(b"To: x\r\n\r\n"), &limits).unwrap_err();
        assert_eq!(refused, Refusal::NotMm4);
    }

    #[test]
    fn a_notification_passes_where_it_may() {
        let limits = Limits {
            notifications: Foreign::Pass,
            ..Limits::default()
        };
        let text = |report_type: &str| {
            format!("Content-Type: multipart/report; {report_type}boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n")
        };
        let of = |text: String, limits: &Limits| read(incoming(text.as_bytes()), limits).map(|message| message.kind);
        assert_eq!(
            of(text("Report-Type=delivery-status; "), &limits),
            Ok(MessageType::Other)
        );
        assert_eq!(of(text(""), &limits), Ok(MessageType::Other));
        assert_eq!(
            of(text("report-type=disposition-notification; "), &limits),
            Err(Refusal::NotMm4)
        );
        assert_eq!(
            of(text("report-type=delivery-status; "), &Limits::default()),
            Err(Refusal::NotMm4)
        );
    }

    #[test]
    fn types_are_read_in_any_case_and_quoted() {
        for name in ["mm4_FORWARD.req", "\"MM4_forward.REQ\"", "MM4_forward.REQ "] {
            let message = read_text(&format!("X-Mms-message-Type: {name}\r\n{IDS}\r\n")).unwrap();
            assert_eq!(message.kind, MessageType::ForwardRequest, "{name}");
        }
    }

    #[test]
    fn every_type_needs_its_ids_and_a_read_reply_response_no_message_id() {
        let types = [
            "MM4_forward.REQ",
            "MM4_forward.RES",
            "MM4_delivery_report.REQ",
            "MM4_delivery_report.RES",
            "MM4_read_reply_report.REQ",
            "MM4_read_reply_report.RES",
        ];
        for name in types {
            let of = |rest: &str| read_text(&format!("X-Mms-Message-Type: {name}\r\n{rest}\r\n"));
            assert!(of(IDS).is_ok(), "{name}");
            let missing = |rest: &str| match of(rest) {
                Err(Refusal::MissingHeader { header, message_type }) => {
                    assert_eq!(message_type, name);
                    Some(header)
                }
                _ => None,
            };
            assert_eq!(missing("X-Mms-Message-ID: k1\r\n"), Some("X-Mms-Transaction-ID"));
            assert_eq!(
                missing("X-Mms-Message-ID: k1\r\nX-Mms-Transaction-ID: \"\"\r\n"),
                Some("X-Mms-Transaction-ID")
            );
            let expected = (name != "MM4_read_reply_report.RES").then_some("X-Mms-Message-ID");
            assert_eq!(missing("X-Mms-Transaction-ID: t1\r\n"), expected);
        }
    }

    #[test]
    fn a_response_without_body_or_empty_line_has_one_empty_part() {
        for end in ["", "\r\n", "\r\n\r\n"] {
            let message = read_text(&format!("X-Mms-Message-Type: MM4_forward.RES\r\n{IDS}{end}")).unwrap();
            assert_eq!(message.parts.len(), 1, "{end:?}");
            assert_eq!(message.parts[0].media_type, "text/plain");
            assert_eq!(message.parts[0].body.size(), end.len().saturating_sub(2) as u64);
            assert!(matches!(message.body.last(), Some(Block::Part(PartId(1)))));
        }
    }

    #[test]
    fn the_header_does_not_hold_the_content() {
        let text = format!("X-Mms-Message-Type: MM4_forward.RES\r\n{IDS}\r\nbody\r\n");
        let received = incoming(text.as_bytes());
        let Content::Memory { bytes, .. } = received.content.clone() else {
            panic!("in memory")
        };
        let message = read(received, &Limits::default()).unwrap();
        let held = bytes.as_ptr_range();
        assert!(!held.contains(&message.header.fields[0].raw().as_ptr()));
    }

    struct OnDisk(&'static [u8], bool);

    impl ReadAt for OnDisk {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&self, range: Range<u64>) -> io::Result<bytes::Bytes> {
            if self.1 {
                return Err(io::Error::other("no such sector"));
            }
            Ok(self.0[range.start as usize..range.end as usize].into())
        }
    }

    #[test]
    fn a_message_on_disk_reads_as_one_in_memory() {
        let stored = |broken| Incoming {
            content: Content::Stored(Arc::new(OnDisk(MULTIPART.as_bytes(), broken))),
            ..incoming(b"")
        };
        let message = read(stored(false), &Limits::default()).unwrap();
        assert_eq!(message.parts, read_text(MULTIPART).unwrap().parts);
        assert_eq!(written(&message), MULTIPART);
        let refused = read(stored(true), &Limits::default()).unwrap_err();
        assert!(
            refused.is_temporary() && refused.to_string().contains("no such sector"),
            "{refused}"
        );
    }
}
