//! An account of one call, in lines by which two versions can be compared: for shadow runs, recordings and replays.
//!
//! The lines contain everything observable that a plug-in did. They are not selected by hand: a verdict is written as
//! it is serialised, and a judgement is destructured field by field, so that a new field of either is compared, or does
//! not compile.

use mm4relay_engine::{Failure, Judgement, KvWrite, Measure, MeasureValue, Occasion, Verdict};

use crate::pipeline::chain::came_to;
use crate::pipeline::{View, rule_line};

/// The lines: the verdict with its edits, first for people and then exactly; then records, values and measures. A
/// verdict that cannot be carried out is a failure, as under traffic.
pub fn account(called: &Result<Judgement, Failure>, occasion: &Occasion, view: &View) -> Result<Vec<String>, String> {
    let Judgement {
        verdict,
        records,
        kv,
        measures,
        rules,
        // What the plug-in read is no part of what it did.
        used: _,
        // Its questions to services outside are no part of what it did.
        outside: _,
        // The cost differs with each call, and is no part of what it did.
        spent: _,
    } = called.as_ref().map_err(ToString::to_string)?;
    let mut lines = match view.message() {
        Some(message) => came_to("it", verdict.clone(), message, occasion)?.0,
        None => vec!["pass".to_owned()],
    };
    lines.extend(exactly(verdict));
    // Records have strings and numbers only, so encoding them cannot fail.
    let records = records
        .iter()
        .filter_map(|record| Some((record.when_answered, serde_json::to_value(record).ok()?)));
    lines.extend(records.map(|(waits, record)| {
        let when = if waits { "record when answered" } else { "record" };
        format!("{when} {}", without_nulls(record))
    }));
    lines.extend(kv.iter().map(write));
    lines.extend(measures.iter().map(measure));
    lines.extend(rules.iter().map(|name| rule_line(name)));
    Ok(lines)
}

/// Like [`account`], with a failure as a line of its own.
pub fn lines(called: &Result<Judgement, Failure>, occasion: &Occasion, view: &View) -> Vec<String> {
    account(called, occasion, view).unwrap_or_else(|failure| vec![format!("fails: {failure}")])
}

/// The account of a version that does not want the message.
pub fn not_called() -> Vec<String> {
    vec!["pass".to_owned()]
}

/// The occasion for people: `departure to operator-b`.
pub fn occasion(occasion: &Occasion) -> String {
    match occasion {
        Occasion::Arrival => "arrival".to_owned(),
        Occasion::Departure(destination) => format!("departure to {}", destination.peer),
        Occasion::Outcome(_) => "outcome".to_owned(),
    }
}

/// A verdict as it is serialised: a line for each edit, or one line for any other verdict but `pass`.
fn exactly(verdict: &Verdict) -> Vec<String> {
    let line = |value: serde_json::Result<String>| value.unwrap_or_else(|error| format!("unencodable: {error}"));
    match verdict {
        Verdict::Pass => Vec::new(),
        Verdict::Edit(edits) => {
            let numbered = edits.iter().enumerate();
            numbered
                .map(|(at, edit)| format!("edit {} {}", at + 1, line(serde_json::to_string(edit))))
                .collect()
        }
        other => vec![format!("verdict {}", line(serde_json::to_string(other)))],
    }
}

/// A line for a written value.
pub fn write(write: &KvWrite) -> String {
    match write {
        KvWrite::Set { key, value } => format!("set value {key} = {}", String::from_utf8_lossy(value).escape_debug()),
        KvWrite::Delete { key } => format!("delete value {key}"),
        KvWrite::Increment { key, by } => format!("increment value {key} by {by}"),
    }
}

/// A line for a counted value.
pub fn measure(Measure { name, value }: &Measure) -> String {
    match value {
        MeasureValue::Count(by) => format!("count {name} by {by}"),
        MeasureValue::Observe(value) => format!("observe {name} = {value}"),
    }
}

fn without_nulls(mut record: serde_json::Value) -> serde_json::Value {
    if let Some(fields) = record.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    record
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mm4relay_engine::{Body, Edit, HeaderField};

    use super::*;
    use crate::pipeline::when::Sides;
    use crate::rehearsal::samples::message_for_tests;

    fn lines_of(verdict: Verdict) -> Vec<String> {
        let view = View::whole(Arc::new(message_for_tests()), Sides::default());
        let judgement = Judgement {
            verdict,
            records: Vec::new(),
            kv: Vec::new(),
            measures: Vec::new(),
            rules: Vec::new(),
            outside: Vec::new(),
            used: Default::default(),
            spent: mm4relay_engine::Spent::default(),
        };
        lines(&Ok(judgement), &Occasion::Arrival, &view)
    }

    #[test]
    fn whatever_differs_in_two_verdicts_differs_in_their_lines() {
        let refuse = |code, text: &str| Verdict::Refuse {
            code,
            text: text.to_owned(),
        };
        let set = |value: String| {
            Verdict::Edit(vec![Edit::SetHeader(HeaderField {
                name: "X-A".into(),
                value,
            })])
        };
        let part = |name: Option<&str>, content_id: Option<&str>| {
            let body = Body {
                media_type: "text/plain".into(),
                bytes: "same".into(),
            };
            let (name, content_id) = (name.map(Into::into), content_id.map(Into::into));
            Verdict::Edit(vec![Edit::AddPart { body, name, content_id }])
        };
        let long = "x".repeat(200);
        let pairs = [
            (refuse(550, "no"), refuse(553, "no")),
            (refuse(550, "no"), refuse(550, "never")),
            // The text for people is cut.
            (set(format!("{long}a")), set(format!("{long}b"))),
            (part(Some("a.txt"), None), part(Some("b.txt"), None)),
            (part(None, Some("a")), part(None, Some("b"))),
            (Verdict::Hold("a".into()), Verdict::Discard("a".into())),
        ];
        for (one, other) in pairs {
            assert_eq!(lines_of(one.clone()), lines_of(one.clone()));
            assert_ne!(lines_of(one.clone()), lines_of(other), "{one:?}");
        }
    }
}
