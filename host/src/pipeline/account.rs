//! What one call came to, in lines that two versions can be compared by: for shadow runs, recordings and replays.

use mm4relay_engine::{Edit, Failure, Judgement, KvWrite, Occasion, Verdict, digest};

use super::chain::came_to;
use super::subject::View;

/// The lines: the verdict with its edits, then records and values. A verdict that could not be carried out is a failure,
/// as it is in traffic.
pub fn account(called: &Result<Judgement, Failure>, occasion: &Occasion, view: &View) -> Result<Vec<String>, String> {
    let judgement = called.as_ref().map_err(ToString::to_string)?;
    let mut lines = match view.message() {
        Some(message) => came_to("it", judgement.verdict.clone(), message, occasion)?.0,
        None => vec!["pass".to_owned()],
    };
    if let Verdict::Edit(edits) = &judgement.verdict {
        lines.extend(edits.iter().enumerate().filter_map(|(at, edit)| body_line(at, edit)));
    }
    // Strings and numbers only: encoding them cannot fail.
    let records = judgement
        .records
        .iter()
        .filter_map(|record| serde_json::to_value(record).ok());
    lines.extend(records.map(|record| format!("record {}", without_nulls(record))));
    lines.extend(judgement.kv.iter().map(|write| match write {
        KvWrite::Set { key, value } => format!("set value {key} = {}", String::from_utf8_lossy(value).escape_debug()),
        KvWrite::Delete { key } => format!("delete value {key}"),
        KvWrite::Increment { key, by } => format!("increment value {key} by {by}"),
    }));
    Ok(lines)
}

/// As [`account`], with a failure as a line of its own.
pub fn lines(called: &Result<Judgement, Failure>, occasion: &Occasion, view: &View) -> Vec<String> {
    account(called, occasion, view).unwrap_or_else(|failure| vec![format!("fails: {failure}")])
}

/// A plug-in that does not want the message does nothing with it.
pub fn not_called() -> Vec<String> {
    vec!["pass".to_owned()]
}

/// Where it happened, for people: `departure to operator-b`.
pub fn occasion(occasion: &Occasion) -> String {
    match occasion {
        Occasion::Arrival => "arrival".to_owned(),
        Occasion::Departure(destination) => format!("departure to {}", destination.peer),
        Occasion::Outcome(_) => "outcome".to_owned(),
    }
}

/// New bodies are told apart by their digests.
fn body_line(at: usize, edit: &Edit) -> Option<String> {
    let body = match edit {
        Edit::ReplacePart { body, .. } | Edit::AddPart { body, .. } => body,
        _ => return None,
    };
    Some(format!(
        "body of edit {}: sha256 {}",
        at + 1,
        &digest(&body.bytes)[..16]
    ))
}

fn without_nulls(mut record: serde_json::Value) -> serde_json::Value {
    if let Some(fields) = record.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    record
}
