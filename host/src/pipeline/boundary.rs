//! The boundary: what a plug-in returned becomes something that the relay may do, or the plug-in's failure.

use mm4relay_engine as engine;

use crate::message::{
    Edit, HeaderName, HeaderValue, Illegal, MediaType, MmsAddress, NewBody, PartId, PeerName, RecipientId,
};

/// More edits in one verdict are a mistake: a message has at most a thousand recipients and a few parts.
const MAX_EDITS: usize = 10_000;

/// Checks every edit. The error names the edit by its place in the list and says what is wrong with it.
pub fn legal_edits(edits: Vec<engine::Edit>) -> Result<Vec<Edit>, Illegal> {
    if edits.len() > MAX_EDITS {
        return Err(Illegal(format!(
            "{} edits in one verdict; {MAX_EDITS} are allowed",
            edits.len()
        )));
    }
    let numbered = edits.into_iter().enumerate();
    numbered
        .map(|(at, edit)| {
            let what = subject(&edit);
            legal(edit).map_err(|Illegal(why)| Illegal(format!("edit {} ({what}): {why}", at + 1)))
        })
        .collect()
}

/// Names an edit for the author of the plug-in: its kind, by the word of the contract, and its target.
fn subject(edit: &engine::Edit) -> String {
    match edit {
        engine::Edit::SetHeader(field) => format!("set-header {}", quoted(&field.name)),
        engine::Edit::RemoveHeader(name) => format!("remove-header {}", quoted(name)),
        engine::Edit::SetOriginator(address) => format!("set-originator {}", quoted(address)),
        engine::Edit::SetRecipient { id, address } => format!("set-recipient {id} {}", quoted(address)),
        engine::Edit::AddRecipient(address) => format!("add-recipient {}", quoted(address)),
        engine::Edit::DropRecipient(id) => format!("drop-recipient {id}"),
        engine::Edit::Route { recipient, peer } => format!("route {recipient} {}", quoted(peer)),
        engine::Edit::ReplacePart { id, .. } => format!("replace-part {id}"),
        engine::Edit::RemovePart(id) => format!("remove-part {id}"),
        engine::Edit::AddPart { .. } => "add-part".to_owned(),
    }
}

/// The beginning of a plug-in's text, enough to recognise it.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn legal(edit: engine::Edit) -> Result<Edit, Illegal> {
    Ok(match edit {
        engine::Edit::SetHeader(field) => Edit::SetHeader {
            name: HeaderName::new(&field.name)?,
            value: HeaderValue::new(&field.value)?,
        },
        engine::Edit::RemoveHeader(name) => Edit::RemoveHeader(HeaderName::new(&name)?),
        engine::Edit::SetOriginator(address) => Edit::SetOriginator(MmsAddress::new(&address)?),
        engine::Edit::SetRecipient { id, address } => Edit::SetRecipient {
            id: RecipientId(id),
            address: MmsAddress::new(&address)?,
        },
        engine::Edit::AddRecipient(address) => Edit::AddRecipient(MmsAddress::new(&address)?),
        engine::Edit::DropRecipient(id) => Edit::DropRecipient(RecipientId(id)),
        engine::Edit::Route { recipient, peer } => Edit::Route {
            recipient: RecipientId(recipient),
            peer: PeerName::new(&peer)?,
        },
        engine::Edit::ReplacePart { id, body, name } => Edit::ReplacePart {
            id: PartId(id),
            body: new_body(body)?,
            name: optional(name)?,
        },
        engine::Edit::RemovePart(id) => Edit::RemovePart(PartId(id)),
        engine::Edit::AddPart { body, name, content_id } => Edit::AddPart {
            body: new_body(body)?,
            name: optional(name)?,
            content_id: optional(content_id)?,
        },
    })
}

fn new_body(body: engine::Body) -> Result<NewBody, Illegal> {
    Ok(NewBody {
        media_type: MediaType::new(&body.media_type)?,
        bytes: body.bytes,
    })
}

fn optional(value: Option<String>) -> Result<Option<HeaderValue>, Illegal> {
    value.as_deref().map(HeaderValue::new).transpose()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::{Content, Envelope, Incoming, Message, MessageId, Origin, Protocol, Recipient, Timestamp};
    use crate::protocol::mm4;

    #[test]
    fn one_illegal_edit_makes_the_whole_list_illegal_and_is_named() {
        let good = engine::Edit::RemoveHeader("X-Old".into());
        let bad = engine::Edit::AddRecipient("+15555550100\r\nRCPT TO:<x@y.example>".into());
        let error = legal_edits(vec![good, bad]).unwrap_err();
        assert!(
            error.0.starts_with("edit 2 (add-recipient \"") && error.0.contains("an address must not hold"),
            "{error}"
        );
    }

    #[test]
    fn the_number_of_edits_is_bounded() {
        let edits = |n| vec![engine::Edit::DropRecipient(1); n];
        assert!(legal_edits(edits(MAX_EDITS)).is_ok());
        assert!(legal_edits(edits(MAX_EDITS + 1)).is_err());
    }

    #[test]
    fn a_media_type_is_checked_like_a_header() {
        let body = |media_type: &str| engine::Body {
            media_type: media_type.into(),
            bytes: "x".into(),
        };
        let replaced = |media_type: &str| {
            legal_edits(vec![engine::Edit::ReplacePart {
                id: 1,
                body: body(media_type),
                name: None,
            }])
        };
        let added = |media_type: &str| {
            legal_edits(vec![engine::Edit::AddPart {
                body: body(media_type),
                name: None,
                content_id: None,
            }])
        };
        assert!(replaced("image/png; name=\"a b.png\"").is_ok());
        for illegal in ["not a type", "text", "text/plain; x", "multipart/mixed; boundary=b"] {
            for refused in [replaced(illegal), added(illegal)] {
                let why = refused.unwrap_err().0;
                assert!(
                    why.starts_with("edit 1 (") && why.contains("): media type ") && why.contains(illegal),
                    "{why}"
                );
            }
        }
    }

    /// Edits with arbitrary strings, as a plug-in could return them.
    fn edit() -> impl Strategy<Value = engine::Edit> {
        let text = || {
            prop_oneof![
                "\\PC{0,30}",
                any::<String>(),
                "[!-~]{1,20}",
                "[ -~\r\n\0]{0,20}",
                Just("+15555550101/TYPE=PLMN@mms.b.example".to_owned()),
            ]
        };
        let body = || {
            let legal =
                "(text/plain|image/png|message/rfc822|application/x)(; ?[a-z]{1,4}=([a-z]{1,4}|\"[ -!#-\\[ü]{0,9}\"))?";
            (prop_oneof![text().boxed(), legal.boxed()], any::<Vec<u8>>()).prop_map(|(media_type, bytes)| {
                engine::Body {
                    media_type,
                    bytes: bytes.into(),
                }
            })
        };
        let name = || prop::option::of(text());
        prop_oneof![
            (text(), text()).prop_map(|(name, value)| engine::Edit::SetHeader(engine::HeaderField { name, value })),
            text().prop_map(engine::Edit::RemoveHeader),
            text().prop_map(engine::Edit::SetOriginator),
            (0..4_u32, text()).prop_map(|(id, address)| engine::Edit::SetRecipient { id, address }),
            text().prop_map(engine::Edit::AddRecipient),
            (0..4_u32).prop_map(engine::Edit::DropRecipient),
            (0..4_u32, text()).prop_map(|(recipient, peer)| engine::Edit::Route { recipient, peer }),
            (0..4_u32, body(), name()).prop_map(|(id, body, name)| engine::Edit::ReplacePart { id, body, name }),
            (0..4_u32).prop_map(engine::Edit::RemovePart),
            (body(), name(), name()).prop_map(|(body, name, content_id)| engine::Edit::AddPart {
                body,
                name,
                content_id
            }),
        ]
    }

    fn message() -> Message {
        let text = b"From: +15555550100/TYPE=PLMN\r\nTo: +15555550199/TYPE=PLMN\r\nMIME-Version: 1.0\r\n\
                     Content-Type: multipart/mixed; boundary=b\r\nX-Mms-Message-Type: MM4_forward.REQ\r\n\
                     X-Mms-Message-ID: \"m\"\r\nX-Mms-Transaction-ID: \"t\"\r\n\r\n--b\r\n\r\nHello\r\n--b--\r\n";
        let address = |text| MmsAddress::new(text).unwrap();
        let incoming = Incoming {
            id: MessageId(1),
            origin: Origin {
                source: PeerName::new("a").unwrap().into(),
                remote: ([127, 0, 0, 1], 0).into(),
                helo: "a.example".into(),
                protocol: Protocol::Esmtp,
                received_at: Timestamp(0),
            },
            envelope: Envelope {
                sender: Some(address("+15555550100/TYPE=PLMN@mms.a.example")),
                recipients: vec![Recipient {
                    id: RecipientId(1),
                    address: address("+15555550199/TYPE=PLMN@mms.b.example"),
                }],
            },
            content: Content::from_bytes(text.to_vec()),
        };
        mm4::read(incoming, &mm4::Limits::default()).unwrap()
    }

    fn breaks_a_line(text: &str) -> bool {
        text.contains(['\r', '\n', '\0'])
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

        #[test]
        fn whatever_a_plug_in_returns_breaks_no_line_of_the_wire(edits in prop::collection::vec(edit(), 0..6)) {
            let Ok(legal) = legal_edits(edits) else { return Ok(()) };
            let Ok(edited) = mm4::apply(message(), &legal) else { return Ok(()) };
            let envelope = edited.envelope.sender.iter().chain(edited.envelope.recipients.iter().map(|it| &it.address));
            for address in envelope {
                prop_assert!(!breaks_a_line(address.as_str()), "{address}");
            }
            for field in &edited.header.fields {
                prop_assert!(!breaks_a_line(field.name()) && !breaks_a_line(&field.value()), "{field:?}");
            }
        }
    }

    /// The number of cases; `MM4RELAY_FUZZ=100` multiplies it by a hundred.
    fn cases() -> u32 {
        let factor = std::env::var("MM4RELAY_FUZZ").ok().and_then(|text| text.parse().ok());
        256 * factor.unwrap_or(1)
    }
}
