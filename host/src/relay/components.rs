//! The parts of a sent message, which the relay adds to its charging records: at an outcome plug-ins no longer see
//! them.

use std::borrow::Cow;

use tokio::sync::Semaphore;

use crate::message::{Append, MessageType, Outgoing, PartSize, QueueId, Rope, StreamName};
use crate::protocol::mm4;

/// The field of the record.
const FIELD: &str = "components";
/// The longest value in octets, as of every string of a record.
const LONGEST: usize = 1024;

/// Bounds how many messages are in memory for this at the same time.
static READING: Semaphore = Semaphore::const_new(4);

/// Where the parts of the message can be read.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) id: QueueId,
    pub(super) kind: Option<MessageType>,
    pub(super) rope: &'a Rope,
    /// The parts themselves, for a message that has not left memory since it was read.
    pub(super) known: Option<&'a [PartSize]>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(outgoing: &'a Outgoing) -> Self {
        Self {
            id: outgoing.id.into(),
            kind: outgoing.kind,
            rope: &outgoing.rope,
            known: outgoing.parts.as_deref(),
        }
    }
}

/// Adds `image/jpeg:30123 text/plain:55` to the records that an outcome of a request made, unless the plug-in set the
/// field.
pub(super) async fn add(appends: &mut [Append], message: Parts<'_>) {
    if !appends.iter().any(|append| lacks(append, message.kind)) {
        return;
    }
    let parts = match message.known {
        Some(parts) => Cow::Borrowed(parts),
        None => Cow::Owned(read(message.rope.clone(), message.id).await),
    };
    let Some(list) = listed(&parts) else { return };
    for append in appends.iter_mut().filter(|append| lacks(append, message.kind)) {
        append.record[FIELD] = list.clone().into();
    }
}

fn lacks(append: &Append, kind: Option<MessageType>) -> bool {
    let says = |name: &str| append.record.get(name).and_then(|value| value.as_str());
    let is_of_a_request = match says("record-type") {
        Some("o4frq" | "r4f") => true,
        Some("relay-in" | "relay-out" | "relay-failed") => kind == Some(MessageType::ForwardRequest),
        _ => false,
    };
    append.stream == StreamName::CHARGING && is_of_a_request && says(FIELD).is_none()
}

/// Reads the parts. Returns nothing when the message cannot be read any more; the record then lacks the field.
async fn read(rope: Rope, id: QueueId) -> Vec<PartSize> {
    let _turn = READING.acquire().await;
    let read = match rope.content.is_in_memory() {
        true => mm4::read_parts(&rope),
        false => tokio::task::spawn_blocking(move || mm4::read_parts(&rope))
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error))),
    };
    read.unwrap_or_else(|error| {
        tracing::debug!(message = %id, "its parts are not in its charging record: {error}");
        Vec::new()
    })
}

/// As many whole items as fit.
fn listed(parts: &[PartSize]) -> Option<String> {
    let mut list = String::new();
    for PartSize { media_type, octets } in parts {
        let item = format!("{media_type}:{octets}");
        if list.len() + 1 + item.len() > LONGEST {
            break;
        }
        if !list.is_empty() {
            list.push(' ');
        }
        list.push_str(&item);
    }
    (!list.is_empty()).then_some(list)
}
