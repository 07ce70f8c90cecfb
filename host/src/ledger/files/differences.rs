//! How a record in a file differs from the one that was written.

use std::collections::BTreeMap;

use crate::charging::{Form, Format, OutputOptions, ber, csv};
use crate::ledger::compare::Rows;
use crate::spool::Recorded;

/// How many differences of one record are reported.
const MOST: usize = 3;

/// `message-size is 5, was 4`.
pub(super) fn differences(options: &OutputOptions, is: &[u8], row: &Recorded) -> String {
    let Form::Octets(was) = options.form_of(row) else {
        return "this output has no form for it".to_owned();
    };
    let (Some(is), Some(was)) = (fields(options.format, is), fields(options.format, &was)) else {
        return "it cannot be read".to_owned();
    };
    let names = was.keys().chain(is.keys().filter(|name| !was.contains_key(*name)));
    let differs = names.filter(|name| is.get(*name) != was.get(*name));
    let shown = |value: Option<&String>| {
        value
            .map_or("missing", |value| if value.is_empty() { "empty" } else { value })
            .to_owned()
    };
    let all: Vec<String> = differs
        .map(|name| format!("{name} is {}, was {}", shown(is.get(name)), shown(was.get(name))))
        .collect();
    match all.len() {
        0 => "its fields are the same, and written in another way".to_owned(),
        count if count > MOST => format!("{}, and {} more", all[..MOST].join("; "), count - MOST),
        _ => all.join("; "),
    }
}

fn fields(format: Format, octets: &[u8]) -> Option<BTreeMap<String, String>> {
    match format {
        Format::Ber => Some(ber::decode(&mut { octets }).ok()?.fields.into_iter().collect()),
        Format::Json => {
            let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(octets).ok()?;
            Some(
                fields
                    .into_iter()
                    .map(|(name, value)| (name, value.to_string()))
                    .collect(),
            )
        }
        Format::Csv => {
            let (_, values) = Rows::of(std::str::from_utf8(octets).ok()?).next()?.ok()?;
            let names = csv::COLUMNS.into_iter().map(str::to_owned);
            (values.len() == csv::COLUMNS.len()).then(|| names.zip(values).collect())
        }
    }
}
