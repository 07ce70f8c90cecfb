//! A partner's files: CSV with our columns, JSON lines as we export them, BER in files of TS 32.297.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use super::leg::{self, LegFacts, LegKey};
use crate::charging::{Fields, Record, file};
use crate::message::Choice;

/// Columns without which nothing can be compared.
const NEEDED: [&str; 4] = ["record-type", "message-id", "recipients", "recorded-at"];

/// Gives each leg of a file to `each`. Returns how many records there were.
///
/// # Errors
/// The file cannot be read, or is none of the three; the place is named.
pub fn read(path: &Path, each: &mut dyn FnMut(LegKey, LegFacts)) -> anyhow::Result<u64> {
    let octets = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let lines = std::str::from_utf8(&octets).ok().filter(|text| !text.contains('\0'));
    let read = match lines.map(|text| (text.trim_start(), text)) {
        Some((start, text)) if start.starts_with('{') => json(text, each),
        Some((_, text)) if text.contains("record-type") => csv(text, each),
        _ => ber(&octets, each),
    };
    read.with_context(|| format!("{} cannot be compared", path.display()))
}

fn ber(octets: &[u8], each: &mut dyn FnMut(LegKey, LegFacts)) -> anyhow::Result<u64> {
    let header = file::read(octets, |record| {
        for (key, said) in leg::legs_of_ber(&record) {
            each(key, said);
        }
    });
    let header = header.context("it is no CSV with a line of column names, no JSON lines, and no file of TS 32.297")?;
    Ok(header.records.into())
}

fn json(text: &str, each: &mut dyn FnMut(LegKey, LegFacts)) -> anyhow::Result<u64> {
    let mut records = 0;
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let value: serde_json::Value = serde_json::from_str(line).with_context(|| format!("line {number}"))?;
        let field = |name: &str| value.get(name).cloned().unwrap_or_default();
        let at = field("recorded-at").as_str().and_then(leg::time);
        let record = Record {
            sequence: field("sequence").as_u64().unwrap_or_default(),
            recorded_at: at.with_context(|| format!("line {number}: recorded-at is no time"))?,
            relay_id: String::new(),
            plugin: String::new(),
            plugin_version: String::new(),
            fields: serde_json::from_value::<Fields>(value.clone()).with_context(|| format!("line {number}"))?,
        };
        tell(&record, each);
        records += 1;
    }
    Ok(records)
}

fn csv(text: &str, each: &mut dyn FnMut(LegKey, LegFacts)) -> anyhow::Result<u64> {
    let mut rows = Rows {
        rest: text.trim_start_matches('\u{feff}'),
        line: 1,
    };
    let (_, columns) = rows.next().context("it is empty")??;
    for needed in NEEDED {
        if !columns.iter().any(|column| column == needed) {
            bail!("it has no column {needed}; docs/charging.md names the columns");
        }
    }
    let mut records = 0;
    for row in rows {
        let (line, values) = row?;
        if values.len() != columns.len() {
            bail!(
                "line {line} has {} values, and there are {} columns",
                values.len(),
                columns.len()
            );
        }
        let value = |name: &str| {
            let place = columns.iter().position(|column| column == name)?;
            values.get(place).filter(|value| !value.is_empty()).cloned()
        };
        let at = value("recorded-at").as_deref().and_then(leg::time);
        let size = value("message-size").map(|size| size.parse::<u64>()).transpose();
        let record = Record {
            sequence: value("sequence")
                .and_then(|number| number.parse().ok())
                .unwrap_or_default(),
            recorded_at: at
                .with_context(|| format!("line {line}: recorded-at is no time such as 2026-11-27T12:00:00Z"))?,
            relay_id: String::new(),
            plugin: String::new(),
            plugin_version: String::new(),
            fields: Fields {
                record_type: value("record-type").as_deref().and_then(Choice::from_word),
                message_type: value("message-type"),
                message_id: value("message-id").unwrap_or_default(),
                recipients: recipients(&value("recipients").unwrap_or_default()),
                message_size: size.with_context(|| format!("line {line}: message-size is no number"))?,
                message_class: value("message-class"),
                status_code: value("status-code"),
                ..Fields::default()
            },
        };
        tell(&record, each);
        records += 1;
    }
    Ok(records)
}

fn recipients(text: &str) -> Vec<String> {
    text.split(' ')
        .filter(|one| !one.is_empty())
        .map(str::to_owned)
        .collect()
}

fn tell(record: &Record, each: &mut dyn FnMut(LegKey, LegFacts)) {
    for (key, said) in leg::legs_of(record) {
        each(key, said);
    }
}

/// Rows of RFC 4180: values in quotes may hold commas, line ends and doubled quotes.
struct Rows<'a> {
    rest: &'a str,
    line: usize,
}

impl Iterator for Rows<'_> {
    type Item = anyhow::Result<(usize, Vec<String>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let first = self.line;
        let (mut values, mut value, mut quoted) = (Vec::new(), String::new(), false);
        let mut characters = self.rest.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            self.line += usize::from(character == '\n');
            match character {
                '"' if quoted && characters.peek().is_some_and(|(_, next)| *next == '"') => {
                    value.push('"');
                    characters.next();
                }
                '"' => quoted = !quoted,
                ',' if !quoted => values.push(std::mem::take(&mut value)),
                '\r' if !quoted && characters.peek().is_some_and(|(_, next)| *next == '\n') => {}
                '\n' if !quoted => {
                    values.push(value);
                    self.rest = &self.rest[at + 1..];
                    return Some(Ok((first, values)));
                }
                other => value.push(other),
            }
        }
        self.rest = "";
        if quoted {
            return Some(Err(anyhow::anyhow!("line {first}: a quote is not closed")));
        }
        values.push(value);
        Some(Ok((first, values)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_quotes_may_hold_what_ends_others() {
        let rows = Rows {
            rest: "a,\"b, \"\"c\"\"\r\nd\",\r\ne,f,g",
            line: 1,
        };
        let rows: Vec<(usize, Vec<String>)> = rows.map(Result::unwrap).collect();
        let text = |row: [&str; 3]| row.map(str::to_owned).to_vec();
        assert_eq!(
            rows,
            [(1, text(["a", "b, \"c\"\r\nd", ""])), (3, text(["e", "f", "g"]))]
        );
        assert!(Rows { rest: "\"a", line: 1 }.next().unwrap().is_err());
    }
}
