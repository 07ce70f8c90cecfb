//! Conversion of what the bindings return to plain data.

use wasmtime::component::Resource;

use super::Call;
use super::writer::BodyWriter;
use crate::bindings::mm4::filter::types as wit;
use crate::verdict::{Body, Edit, Verdict};

/// Converts the sandbox's answer to plain data; body writers become bytes. The error says how the contract was
/// violated.
pub(crate) fn lift(call: &mut Call, verdict: wit::Verdict) -> Result<Verdict, String> {
    Ok(match verdict {
        wit::Verdict::Pass => Verdict::Pass,
        wit::Verdict::Edit(edits) => Verdict::Edit(
            edits
                .into_iter()
                .map(|edit| lift_edit(call, edit))
                .collect::<Result<_, _>>()?,
        ),
        wit::Verdict::Refuse(wit::Refusal { code, text }) => Verdict::Refuse { code, text },
        wit::Verdict::Hold(reason) => Verdict::Hold(reason),
        wit::Verdict::Discard(reason) => Verdict::Discard(reason),
    })
}

fn lift_edit(call: &mut Call, edit: wit::Edit) -> Result<Edit, String> {
    Ok(match edit {
        wit::Edit::SetHeader(field) => Edit::SetHeader(field.into()),
        wit::Edit::RemoveHeader(name) => Edit::RemoveHeader(name),
        wit::Edit::SetOriginator(address) => Edit::SetOriginator(address),
        wit::Edit::SetRecipient(wit::SetRecipient { id, address }) => Edit::SetRecipient { id, address },
        wit::Edit::AddRecipient(address) => Edit::AddRecipient(address),
        wit::Edit::DropRecipient(id) => Edit::DropRecipient(id),
        wit::Edit::Route(wit::Route { recipient, peer }) => Edit::Route { recipient, peer },
        wit::Edit::ReplacePart(wit::ReplacePart { id, body, name }) => Edit::ReplacePart {
            id,
            body: take_body(call, body)?,
            name,
        },
        wit::Edit::RemovePart(id) => Edit::RemovePart(id),
        wit::Edit::AddPart(wit::AddPart { body, name, content_id }) => Edit::AddPart {
            body: take_body(call, body)?,
            name,
            content_id,
        },
    })
}

/// The component model moves each handle out of the sandbox exactly once. If that ever failed, it would be a failure of
/// the call, and not of the relay.
fn take_body(call: &mut Call, writer: Resource<BodyWriter>) -> Result<Body, String> {
    let writer = call
        .handles
        .delete(writer)
        .map_err(|error| format!("a body writer that it returned is not its own: {error}"))?;
    Ok(writer.into_body())
}
