//! Application of a plug-in's edits: all of them, or none.

use super::lines::complete_last_line;
use super::{addresses, fold, part_edits};
use crate::message::{
    Edit, GivenIds, HeaderName, HeaderValue, Illegal, Message, MmsAddress, PartId, Recipient, RecipientId,
};

/// Applies `edits` in order, each to the result of those before it. Fields and parts that no edit names keep their
/// bytes.
///
/// [`Edit::Route`] changes nothing here; only the presence of the recipient is checked. The caller, which keeps the
/// routes, must forget those of dropped recipients.
///
/// Refused, with the number of the edit: an unknown recipient or part, dropping or removing the last one, adding a part
/// to a message that is not multipart, and values that do not fit into lines of legal length.
pub fn apply(mut message: Message, edits: &[Edit]) -> Result<Message, Illegal> {
    let mut ids = NextIds::of(&message);
    for (i, edit) in edits.iter().enumerate() {
        one(&mut message, edit, &mut ids).map_err(|Illegal(reason)| Illegal(format!("edit {}: {reason}", i + 1)))?;
    }
    message.given = GivenIds {
        recipient: ids.recipient.checked_sub(1).map(RecipientId),
        part: ids.part.checked_sub(1).map(PartId),
    };
    Ok(message)
}

/// The next ids to give, never 0. An id is given once: the id of a dropped recipient or part is not used again, neither
/// in this list nor in that of a later plug-in.
struct NextIds {
    recipient: u32,
    part: u32,
}

impl NextIds {
    fn of(message: &Message) -> Self {
        let recipients = message.envelope.recipients.iter().map(|r| r.id);
        let parts = message.parts.iter().map(|p| p.id);
        let recipient = recipients.chain(message.given.recipient).max();
        let part = parts.chain(message.given.part).max();
        let above = |highest: Option<u32>| highest.unwrap_or(0).saturating_add(1);
        Self {
            recipient: above(recipient.map(|id| id.0)),
            part: above(part.map(|id| id.0)),
        }
    }

    fn take(counter: &mut u32) -> Result<u32, Illegal> {
        let id = *counter;
        *counter = id.checked_add(1).ok_or_else(|| Illegal("no ids are left".into()))?;
        Ok(id)
    }
}

fn one(message: &mut Message, edit: &Edit, ids: &mut NextIds) -> Result<(), Illegal> {
    match edit {
        Edit::SetHeader { name, value } => set_header(message, name, value),
        Edit::RemoveHeader(name) => {
            message.header.fields.retain(|field| !field.is(name.as_str()));
            Ok(())
        }
        Edit::SetOriginator(address) => {
            set_originator(message, address);
            Ok(())
        }
        Edit::SetRecipient { id, address } => set_recipient(message, *id, address),
        Edit::AddRecipient(address) => {
            let id = RecipientId(NextIds::take(&mut ids.recipient)?);
            message.envelope.recipients.push(Recipient {
                id,
                address: address.clone(),
            });
            Ok(())
        }
        Edit::DropRecipient(id) => drop_recipient(message, *id),
        Edit::Route { recipient, .. } => find_recipient(message, *recipient).map(drop),
        Edit::ReplacePart { id, body, name } => part_edits::replace(message, *id, body, name.as_ref()),
        Edit::RemovePart(id) => part_edits::remove(message, *id),
        Edit::AddPart { body, name, content_id } => {
            let id = PartId(NextIds::take(&mut ids.part)?);
            part_edits::add(message, id, body, name.as_ref(), content_id.as_ref())
        }
    }
}

/// Puts the value into the first field of that name, keeping the spelling of the name, and removes the others.
fn set_header(message: &mut Message, name: &HeaderName, value: &HeaderValue) -> Result<(), Illegal> {
    let name = name.as_str();
    let fields = &mut message.header.fields;
    let Some(first) = fields.iter().position(|field| field.is(name)) else {
        let field = fold::field(name, value.as_str())?;
        complete_last_line(fields);
        fields.push(field);
        return Ok(());
    };
    fields[first] = fold::field(fields[first].name(), value.as_str())?;
    let mut at = 0;
    fields.retain(|field| {
        at += 1;
        at - 1 <= first || !field.is(name)
    });
    Ok(())
}

fn set_originator(message: &mut Message, address: &MmsAddress) {
    if let Some(old) = message.envelope.sender.replace(address.clone()) {
        rewrite(message, &["From"], &old, address);
    }
}

fn set_recipient(message: &mut Message, id: RecipientId, address: &MmsAddress) -> Result<(), Illegal> {
    let recipient = find_recipient(message, id)?;
    let old = std::mem::replace(&mut recipient.address, address.clone());
    rewrite(message, &["To", "Cc", "Bcc"], &old, address);
    Ok(())
}

fn rewrite(message: &mut Message, names: &[&str], old: &MmsAddress, new: &MmsAddress) {
    for field in &mut message.header.fields {
        if names.iter().any(|name| field.is(name))
            && let Some(rewritten) = addresses::rewritten(field, old, new)
        {
            *field = rewritten;
        }
    }
}

fn drop_recipient(message: &mut Message, id: RecipientId) -> Result<(), Illegal> {
    find_recipient(message, id)?;
    if message.envelope.recipients.len() == 1 {
        return Err(Illegal(format!(
            "recipient {id} is the last one: to drop it, discard the message"
        )));
    }
    message.envelope.recipients.retain(|recipient| recipient.id != id);
    Ok(())
}

fn find_recipient(message: &mut Message, id: RecipientId) -> Result<&mut Recipient, Illegal> {
    message
        .envelope
        .recipients
        .iter_mut()
        .find(|recipient| recipient.id == id)
        .ok_or_else(|| Illegal(format!("the message has no recipient {id}")))
}
