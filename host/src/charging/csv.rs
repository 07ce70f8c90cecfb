//! Records as comma-separated values (RFC 4180), for spreadsheets and settlement tools: one header line, then one line
//! for each record. The columns are a contract: new ones are added only at the end.

use std::io::{self, Write};

use super::record::Record;
use crate::clock::rfc3339_millis;
use crate::message::Choice;

/// The columns, in their order.
pub const COLUMNS: [&str; 37] = [
    "sequence",
    "recorded-at",
    "relay-id",
    "plugin",
    "plugin-version",
    "record-type",
    "message-type",
    "message-id",
    "transaction-id",
    "source-peer",
    "destination-peer",
    "intra-mmse",
    "originator",
    "recipients",
    "content-type",
    "message-size",
    "message-class",
    "priority",
    "submission-time",
    "expiry",
    "delivery-report-requested",
    "read-reply-requested",
    "acknowledgement-requested",
    "status-code",
    "status-text",
    "mms-version",
    "sender-hidden",
    "forward-counter",
    "previously-sent-by",
    "subject-size",
    "components",
    "content-class",
    "status-extension",
    "report-status",
    "report-status-text",
    "outcome",
    "reason",
];

/// The first line.
pub fn header(out: &mut impl Write) -> io::Result<()> {
    out.write_all(header_line().as_bytes())
}

pub(super) fn header_line() -> String {
    format!("{}\r\n", COLUMNS.join(","))
}

/// Writes one record. Missing values are empty; truth values are `yes` and `no`; recipients are separated by spaces,
/// which an address has only within quotes.
pub fn line(record: &Record, out: &mut impl Write) -> io::Result<()> {
    let said = &record.fields;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let truth = |value: Option<bool>| value.map_or("", |value| if value { "yes" } else { "no" }).to_owned();
    let values: [String; COLUMNS.len()] = [
        record.sequence.to_string(),
        rfc3339_millis(record.recorded_at),
        record.relay_id.clone(),
        record.plugin.clone(),
        record.plugin_version.clone(),
        said.record_type.map_or("", Choice::word).to_owned(),
        text(&said.message_type),
        said.message_id.clone(),
        text(&said.transaction_id),
        text(&said.source_peer),
        text(&said.destination_peer),
        truth(said.intra_mmse),
        text(&said.originator),
        said.recipients.join(" "),
        text(&said.content_type),
        said.message_size.map(|size| size.to_string()).unwrap_or_default(),
        text(&said.message_class),
        text(&said.priority),
        text(&said.submission_time),
        text(&said.expiry),
        truth(said.delivery_report_requested),
        truth(said.read_reply_requested),
        truth(said.acknowledgement_requested),
        text(&said.status_code),
        text(&said.status_text),
        text(&said.mms_version),
        truth(said.sender_hidden),
        said.forward_counter.map(|count| count.to_string()).unwrap_or_default(),
        text(&said.previously_sent_by),
        text(&said.subject_size),
        text(&said.components),
        text(&said.content_class),
        text(&said.status_extension),
        text(&said.report_status),
        text(&said.report_status_text),
        text(&said.outcome),
        text(&said.reason),
    ];
    let line: Vec<String> = values.into_iter().map(escaped).collect();
    write!(out, "{}\r\n", line.join(","))
}

/// A value as it is written in a line.
pub fn value(value: &str) -> String {
    escaped(value.to_owned())
}

/// Quotes a value where RFC 4180 requires it. Control characters become spaces, so that a record is one line. A value
/// that a spreadsheet would run as a formula gets an apostrophe in front, because peers write some of these texts.
fn escaped(value: String) -> String {
    let value = value.replace(char::is_control, " ");
    let formula = value.starts_with(['=', '@'])
        || value.starts_with(['+', '-']) && !value[1..].starts_with(|first: char| first.is_ascii_digit());
    let value = if formula { format!("'{value}") } else { value };
    if value.contains(['"', ',']) {
        return format!("\"{}\"", value.replace('"', "\"\""));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::super::record::Fields;
    use super::*;
    use crate::message::Timestamp;

    fn line_of(fields: Fields) -> String {
        let record = Record {
            sequence: 7,
            recorded_at: Timestamp(1_795_298_400_000),
            relay_id: "001-1".into(),
            plugin: "charging".into(),
            plugin_version: "0.1.0".into(),
            fields,
        };
        let mut out = Vec::new();
        line(&record, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_line_has_a_value_for_each_column() {
        let line = line_of(Fields {
            record_type: Some(mm4relay_engine::RecordType::RelayIn),
            message_id: "k1".into(),
            originator: Some("+15555550100/TYPE=PLMN@mms.a.example".into()),
            recipients: vec!["+15555550199".into(), "news@shop.example".into()],
            intra_mmse: Some(false),
            ..Fields::default()
        });
        assert_eq!(line.matches(',').count(), COLUMNS.len() - 1);
        assert!(
            line.starts_with("7,2026-11-21T22:00:00.000Z,001-1,charging,0.1.0,relay-in,,k1,"),
            "{line}"
        );
        assert!(
            line.contains(",no,+15555550100/TYPE=PLMN@mms.a.example,+15555550199 news@shop.example,"),
            "{line}"
        );
        assert!(line.ends_with("\r\n"));
    }

    #[test]
    fn what_peers_wrote_cannot_leave_its_cell_or_become_a_formula() {
        let line = line_of(Fields {
            status_text: Some("a, \"b\"\r\nc".into()),
            message_id: "=HYPERLINK(1)".into(),
            ..Fields::default()
        });
        assert!(line.contains("\"a, \"\"b\"\"  c\""), "{line}");
        assert!(line.contains(",'=HYPERLINK(1),"), "{line}");
    }
}
