//! Edits, and the bodies that some of them carry. Which strings are legal where is said at the type `edit` in `wit/types.wit`;
//! the relay checks them all, and applies the edits of one verdict together or not at all.

use crate::bindings::mm4::filter::types::{AddPart, ReplacePart, Route, SetRecipient};
use crate::{BodyWriter, Edit, Fault, HeaderField, Verdict};

/// How much [`body`] writes at a time, in octets.
const WRITE_PIECE: usize = 64 * 1024;

/// A finished body for [`replace_part`] or [`add_part`]. `media_type` is a whole Content-Type value, parameters included:
/// `text/plain; charset=utf-8`. A text that is none makes the edit illegal, and so does `multipart/`; a `message/` type is
/// legal only for lines of ASCII that need no transfer encoding.
///
/// # Errors
/// [`Fault::Limit`] when all bodies of this call together exceed the plug-in's limit `output`.
pub fn body(media_type: &str, bytes: &[u8]) -> Result<BodyWriter, Fault> {
    let writer = BodyWriter::new(media_type);
    for piece in bytes.chunks(WRITE_PIECE) {
        writer.write(piece)?;
    }
    Ok(writer)
}

/// The verdict that makes these edits; [`Verdict::Pass`] when there are none.
pub fn verdict(edits: Vec<Edit>) -> Verdict {
    if edits.is_empty() {
        Verdict::Pass
    } else {
        Verdict::Edit(edits)
    }
}

/// Gives a header field a value; adds it when there is none of that name, and removes all but the first.
pub fn set_header(name: impl Into<String>, value: impl Into<String>) -> Edit {
    Edit::SetHeader(HeaderField {
        name: name.into(),
        value: value.into(),
    })
}

/// Removes every header field of that name.
pub fn remove_header(name: impl Into<String>) -> Edit {
    Edit::RemoveHeader(name.into())
}

/// Sets the envelope sender, and the address in `From` where the old one stood there.
pub fn set_originator(address: impl Into<String>) -> Edit {
    Edit::SetOriginator(address.into())
}

/// Gives the recipient `id` another address, in the envelope and where the old one stood in `To`, `Cc` or `Bcc`.
pub fn set_recipient(id: u32, address: impl Into<String>) -> Edit {
    Edit::SetRecipient(SetRecipient {
        id,
        address: address.into(),
    })
}

/// Adds an envelope recipient; no header changes.
pub fn add_recipient(address: impl Into<String>) -> Edit {
    Edit::AddRecipient(address.into())
}

/// Drops the envelope recipient `id`; no header changes. The last one cannot be dropped.
pub fn drop_recipient(id: u32) -> Edit {
    Edit::DropRecipient(id)
}

/// Sends a recipient to the named peer, whatever the routing table says. On arrival only.
pub fn route(recipient: u32, peer: impl Into<String>) -> Edit {
    Edit::Route(Route {
        recipient,
        peer: peer.into(),
    })
}

/// Gives the part `id` another body and media type, and another file name if there is one. Its Content-ID stays.
pub fn replace_part(id: u32, body: BodyWriter, name: Option<String>) -> Edit {
    Edit::ReplacePart(ReplacePart { id, body, name })
}

/// Removes a part. The last one cannot be removed.
pub fn remove_part(id: u32) -> Edit {
    Edit::RemovePart(id)
}

/// Adds a part at the end of the outermost multipart. `content_id` without angle brackets.
pub fn add_part(body: BodyWriter, name: Option<String>, content_id: Option<String>) -> Edit {
    Edit::AddPart(AddPart { body, name, content_id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_edits_are_a_pass() {
        assert!(matches!(verdict(Vec::new()), Verdict::Pass));
    }

    #[test]
    fn edits_keep_their_order() {
        let Verdict::Edit(edits) = verdict(vec![remove_header("A"), set_header("A", "b")]) else {
            panic!("edits expected");
        };
        assert!(matches!(&edits[..], [Edit::RemoveHeader(_), Edit::SetHeader(field)] if field.value == "b"));
    }
}
