//! Descriptions of what a plug-in did, for the demo, `queue show`, and the snapshots of `plugin test`.

use mm4relay_engine::OutsideCall;

use crate::message::{Edit, Message, PartId, RecipientId};

/// One line for each edit. `before` is the message as the plug-in saw it.
pub fn edits(edits: &[Edit], before: &Message) -> Vec<String> {
    edits.iter().map(|edit| line(edit, before)).collect()
}

fn line(edit: &Edit, before: &Message) -> String {
    match edit {
        Edit::SetHeader { name, value } => {
            let (name, value) = (name.as_str(), shortened(value.as_str()));
            match before.header.value(name) {
                Some(old) => format!("set {name}: {value} (was: {})", shortened(&old)),
                None => format!("set {name}: {value}"),
            }
        }
        Edit::RemoveHeader(name) => format!("remove {}", name.as_str()),
        Edit::SetOriginator(address) => {
            let old = before.envelope.sender.as_ref().map_or("<>", |sender| sender.as_str());
            format!("originator {old} -> {address}")
        }
        Edit::SetRecipient { id, address } => format!("recipient {} -> {address}", recipient(before, *id)),
        Edit::AddRecipient(address) => format!("add recipient {address}"),
        Edit::DropRecipient(id) => format!("drop recipient {}", recipient(before, *id)),
        Edit::Route { recipient: id, peer } => format!("route {} to {peer}", recipient(before, *id)),
        Edit::ReplacePart { id, body, name } => {
            let name = name
                .as_ref()
                .map(|name| format!(", now {}", name.as_str()))
                .unwrap_or_default();
            format!(
                "replace {} by {}, {} octets{name}",
                part(before, *id),
                body.media_type.as_str(),
                body.bytes.len()
            )
        }
        Edit::RemovePart(id) => format!("remove {}", part(before, *id)),
        Edit::AddPart { body, .. } => {
            format!("add a part: {}, {} octets", body.media_type.as_str(), body.bytes.len())
        }
    }
}

fn recipient(message: &Message, id: RecipientId) -> String {
    let found = message.envelope.recipients.iter().find(|r| r.id == id);
    found.map_or_else(|| format!("#{id}"), |r| r.address.to_string())
}

fn part(message: &Message, id: PartId) -> String {
    let Some(part) = message.part(id) else {
        return format!("part {id}");
    };
    let name = part
        .name
        .as_deref()
        .or(part.content_location.as_deref())
        .unwrap_or("unnamed");
    format!(
        "part {id} ({}, {name}, {} octets encoded)",
        part.media_type,
        part.body.size()
    )
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 120;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// A rule of the plug-in's settings that took part in the decision.
pub fn rule(name: &str) -> String {
    format!("by rule {name}")
}

/// A question to a service outside: `asked scanner clamd, part 2: nothing found (12 ms)`. The time is left out where it
/// does not matter.
pub fn outside(call: &OutsideCall) -> String {
    let OutsideCall { asked, answer, time } = call;
    match time.is_zero() {
        true => format!("asked {asked}: {answer}"),
        false => format!("asked {asked}: {answer} ({} ms)", time.as_millis()),
    }
}
