//! What a plug-in returned becomes what the relay may do, or the plug-in's failure.

use mm4relay_engine as engine;

use crate::message::{Edit, HeaderName, HeaderValue, Illegal, MmsAddress, NewBody, PeerName};

/// More edits than this in one verdict is a mistake: a message has at most a thousand recipients and a few parts.
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
        .map(|(at, edit)| legal(edit).map_err(|Illegal(why)| Illegal(format!("edit {}: {why}", at + 1))))
        .collect()
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
            id,
            address: MmsAddress::new(&address)?,
        },
        engine::Edit::AddRecipient(address) => Edit::AddRecipient(MmsAddress::new(&address)?),
        engine::Edit::DropRecipient(id) => Edit::DropRecipient(id),
        engine::Edit::Route { recipient, peer } => Edit::Route {
            recipient,
            peer: PeerName::new(&peer)?,
        },
        engine::Edit::ReplacePart { id, body, name } => Edit::ReplacePart {
            id,
            body: new_body(body)?,
            name: optional(name)?,
        },
        engine::Edit::RemovePart(id) => Edit::RemovePart(id),
        engine::Edit::AddPart { body, name, content_id } => Edit::AddPart {
            body: new_body(body)?,
            name: optional(name)?,
            content_id: optional(content_id)?,
        },
    })
}

fn new_body(body: engine::Body) -> Result<NewBody, Illegal> {
    Ok(NewBody {
        media_type: HeaderValue::new(&body.media_type)?,
        bytes: body.bytes,
    })
}

fn optional(value: Option<String>) -> Result<Option<HeaderValue>, Illegal> {
    value.as_deref().map(HeaderValue::new).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_illegal_edit_makes_the_whole_list_illegal_and_is_named() {
        let good = engine::Edit::RemoveHeader("X-Old".into());
        let bad = engine::Edit::AddRecipient("+15555550100\r\nRCPT TO:<x@y.example>".into());
        let error = legal_edits(vec![good, bad]).unwrap_err();
        assert!(error.0.starts_with("edit 2: an address must not hold"), "{error}");
    }

    #[test]
    fn the_number_of_edits_is_bounded() {
        let edits = |n| vec![engine::Edit::DropRecipient(1); n];
        assert!(legal_edits(edits(MAX_EDITS)).is_ok());
        assert!(legal_edits(edits(MAX_EDITS + 1)).is_err());
    }
}
