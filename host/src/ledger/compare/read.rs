//! Reading files of records, a partner's or ours: CSV with our columns, JSON lines of our export, BER in files of TS
//! 32.297.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use super::leg::{self, LegFacts, LegKey, RecordName};
use super::rows::Rows;
use crate::charging::{Fields, Record, file};
use crate::message::{Choice, Timestamp};

/// The columns without which no comparison is possible.
const NEEDED: [&str; 4] = ["record-type", "message-id", "recipients", "recorded-at"];

/// A record about a request.
pub struct ReadRecord {
    /// One for each recipient.
    pub legs: Vec<(LegKey, LegFacts)>,
    pub partner: Option<Partner>,
}

/// The party at the other end of a record's leg.
pub enum Partner {
    /// A peer, by its name.
    Peer(String),
    /// In BER, a domain; or the name of a peer whose addresses have no domain.
    System(String),
}

/// Calls `each` for each record of a file that is about a request. Returns how many records there were in all.
///
/// # Errors
/// The file cannot be read, or has none of the three formats; the error names the place.
pub fn read(path: &Path, each: &mut dyn FnMut(ReadRecord)) -> anyhow::Result<u64> {
    let octets = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let lines = std::str::from_utf8(&octets).ok().filter(|text| !text.contains('\0'));
    let read = match lines.map(|text| (text.trim_start(), text)) {
        Some((start, text)) if start.starts_with('{') => json(text, each),
        Some((_, text)) if text.contains("record-type") => csv(text, each),
        _ => ber(&octets, each),
    };
    read.with_context(|| format!("{} cannot be compared", path.display()))
}

fn ber(octets: &[u8], each: &mut dyn FnMut(ReadRecord)) -> anyhow::Result<u64> {
    let mut place = 0;
    let header = file::read(octets, |record| {
        place += 1;
        each(ReadRecord {
            legs: leg::legs_of_ber(&record, place),
            partner: leg::partner_of_ber(&record).map(|system| Partner::System(system.to_owned())),
        });
    });
    let header = header.context("it is no CSV with a line of column names, no JSON lines, and no file of TS 32.297")?;
    Ok(header.records.into())
}

fn json(text: &str, each: &mut dyn FnMut(ReadRecord)) -> anyhow::Result<u64> {
    let mut records = 0;
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let value: serde_json::Value = serde_json::from_str(line).with_context(|| format!("line {number}"))?;
        let field = |name: &str| value.get(name).cloned().unwrap_or_default();
        let at = field("recorded-at").as_str().and_then(leg::time);
        let at = at.with_context(|| format!("line {number}: recorded-at is no time"))?;
        let fields = serde_json::from_value::<Fields>(value.clone()).with_context(|| format!("line {number}"))?;
        each(record(number, field("sequence").as_u64(), at, fields));
        records += 1;
    }
    Ok(records)
}

fn csv(text: &str, each: &mut dyn FnMut(ReadRecord)) -> anyhow::Result<u64> {
    let mut rows = Rows::of(text.trim_start_matches('\u{feff}'));
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
        let at = at.with_context(|| format!("line {line}: recorded-at is no time such as 2026-11-27T12:00:00Z"))?;
        let size = value("message-size").map(|size| size.parse::<u64>()).transpose();
        let fields = Fields {
            record_type: value("record-type").as_deref().and_then(Choice::from_word),
            message_type: value("message-type"),
            message_id: value("message-id").unwrap_or_default(),
            source_peer: value("source-peer"),
            destination_peer: value("destination-peer"),
            recipients: recipients(&value("recipients").unwrap_or_default()),
            message_size: size.with_context(|| format!("line {line}: message-size is no number"))?,
            message_class: value("message-class"),
            status_code: value("status-code"),
            report_status: value("report-status"),
            ..Fields::default()
        };
        each(record(
            line,
            value("sequence").and_then(|number| number.parse().ok()),
            at,
            fields,
        ));
        records += 1;
    }
    Ok(records)
}

/// A record of a file with our names of fields.
fn record(line: usize, sequence: Option<u64>, at: Timestamp, fields: Fields) -> ReadRecord {
    let record = Record {
        sequence: sequence.unwrap_or_default(),
        recorded_at: at,
        relay_id: String::new(),
        plugin: String::new(),
        plugin_version: String::new(),
        fields,
    };
    ReadRecord {
        legs: leg::legs_of(&record, sequence.map_or(RecordName::Line(line), RecordName::Number)),
        partner: leg::partner(&record.fields).map(|peer| Partner::Peer(peer.to_owned())),
    }
}

fn recipients(text: &str) -> Vec<String> {
    text.split(' ')
        .filter(|one| !one.is_empty())
        .map(str::to_owned)
        .collect()
}
