//! Charging records on their way out of the spool: one JSON object a line.

use std::io::Write;

use serde_json::{Map, Value};

use crate::message::Timestamp;
use crate::spool::inspect::{ChargingRow, Inspector};

/// Rows that are read at once.
const BATCH: usize = 1000;

/// Writes every record behind `after`, in order. Returns the last sequence number written, or `after` when there was
/// none.
///
/// Each line has `sequence` (from 1, without gaps, in the order of the commits), `recorded-at` (RFC 3339), `relay-id`
/// (the message's id in the relay, with the destination's ordinal), `plugin`, `plugin-version`, and the plug-in's record.
pub fn export(spool: &Inspector, mut after: u64, out: &mut impl Write) -> anyhow::Result<u64> {
    loop {
        let rows = spool.charging_after(after, BATCH)?;
        for row in &rows {
            serde_json::to_writer(&mut *out, &line(row))?;
            out.write_all(b"\n")?;
            after = row.sequence;
        }
        if rows.len() < BATCH {
            out.flush()?;
            return Ok(after);
        }
    }
}

fn line(row: &ChargingRow) -> Value {
    let mut line = Map::new();
    line.insert("sequence".into(), row.sequence.into());
    line.insert("recorded-at".into(), rfc3339(row.recorded_at).into());
    line.insert("relay-id".into(), row.id.to_string().into());
    line.insert("plugin".into(), row.plugin.clone().into());
    line.insert("plugin-version".into(), row.version.clone().into());
    match &row.record {
        Value::Object(fields) => {
            let present = fields.iter().filter(|(_, value)| !value.is_null());
            line.extend(present.map(|(key, value)| (key.clone(), value.clone())));
        }
        other => {
            line.insert("record".into(), other.clone());
        }
    }
    Value::Object(line)
}

fn rfc3339(at: Timestamp) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis)
        .map(|time| time.to_string())
        .unwrap_or_default()
}
