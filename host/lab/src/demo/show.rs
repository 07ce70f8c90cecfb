//! What became of a sample, as text that a person can follow: what came in, what each plug-in did, what the sender
//! heard, what went out, and which records were written.

use std::fmt::Write;

use bytes::Bytes;

use mm4relay::message::{Content, Envelope, Incoming, Message, MessageId, Origin, Source, Timestamp};
use mm4relay::protocol::mm4;
use mm4relay::spool::Recorded;

use super::samples::Sample;
use super::stage::{Arrival, Played};

/// The width of the left column.
const LEFT: usize = 11;

pub fn played(sample: &Sample, played: &Played) -> String {
    let mut text = String::new();
    came_in(&mut text, sample);
    if let Some(acceptance) = &played.acceptance {
        for step in &acceptance.journey {
            let title = format!("{} ({}, {} us)", step.plugin, step.occasion, step.micros);
            block(
                &mut text,
                "plug-in",
                std::iter::once(title).chain(step.did.iter().map(|did| format!("  {did}"))),
            );
        }
    }
    let refused = played
        .sent
        .refused
        .iter()
        .map(|(recipient, reply)| format!("{recipient}: {reply}"));
    let answer = played.sent.answer.iter().map(|answer| answer.to_string());
    block(&mut text, "answer", refused.chain(answer));
    for arrival in &played.arrivals {
        went_out(&mut text, sample, arrival);
    }
    if played.arrivals.is_empty() {
        block(&mut text, "out", ["nothing".to_owned()]);
    }
    block(&mut text, "records", played.records.iter().map(record));
    text
}

fn came_in(text: &mut String, sample: &Sample) {
    let envelope = std::iter::once(format!("MAIL FROM:<{}>", sample.from))
        .chain(sample.to.iter().map(|to| format!("RCPT TO:<{to}>")));
    let (header, parts) = described(Bytes::from_static(sample.message));
    block(text, "in", envelope.chain(header).chain(parts));
}

/// Only what differs from what came in.
fn went_out(text: &mut String, sample: &Sample, arrival: &Arrival) {
    let message = &arrival.message;
    let envelope = std::iter::once(format!("to {}: MAIL FROM:<{}>", arrival.operator, message.from))
        .chain(message.to.iter().map(|to| format!("RCPT TO:<{to}>")));
    let (old_header, old_parts) = described(Bytes::from_static(sample.message));
    let (new_header, new_parts) = described(message.data.clone());
    let changes = difference(&old_header, &new_header)
        .into_iter()
        .chain(difference(&old_parts, &new_parts));
    block(
        text,
        "out",
        envelope
            .chain(changes)
            .chain(["(everything else byte for byte as it came)".to_owned()]),
    );
}

/// `- ` what is gone, `+ ` what is new, in the order of the new.
fn difference(old: &[String], new: &[String]) -> Vec<String> {
    let gone = old
        .iter()
        .filter(|line| !new.contains(line))
        .map(|line| format!("- {line}"));
    let fresh = new
        .iter()
        .filter(|line| !old.contains(line))
        .map(|line| format!("+ {line}"));
    gone.chain(fresh).collect()
}

/// The header fields and the parts, a line each. A message that is not MM4 is shown as lines.
fn described(bytes: Bytes) -> (Vec<String>, Vec<String>) {
    let Some(message) = read(bytes.clone()) else {
        let lines = String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect();
        return (lines, Vec::new());
    };
    let field = |field: &mm4relay::message::Field| format!("{}: {}", field.name(), field.value());
    let part = |part: &mm4relay::message::Part| {
        let name = part.name.as_deref().unwrap_or("unnamed");
        let size = mm4::decode_part(&message, part.id)
            .map(|body| body.len())
            .unwrap_or_default();
        format!("part {}: {}, {name}, {size} octets", part.id, part.media_type)
    };
    (
        message.header.fields.iter().map(field).collect(),
        message.parts.iter().map(part).collect(),
    )
}

fn read(bytes: Bytes) -> Option<Message> {
    let origin = Origin {
        source: Source::new("demo").ok()?,
        remote: ([127, 0, 0, 1], 0).into(),
        helo: String::new(),
        protocol: mm4relay::message::Protocol::Esmtp,
        received_at: Timestamp(0),
    };
    let envelope = Envelope {
        sender: None,
        recipients: Vec::new(),
    };
    let incoming = Incoming {
        id: MessageId(0),
        origin,
        envelope,
        content: Content::from_bytes(bytes),
    };
    mm4::read(incoming, &mm4::Limits::default()).ok()
}

fn record(row: &Recorded) -> String {
    let text = |key: &str| match &row.record[key] {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(format!("{key}={text}")),
        other => Some(format!("{key}={other}")),
    };
    let keys = [
        "record-type",
        "source-peer",
        "destination-peer",
        "recipients",
        "message-size",
        "status-code",
    ];
    let fields: Vec<String> = keys.into_iter().filter_map(text).collect();
    format!("{}. {}", row.sequence, fields.join(" "))
}

/// Lines under a title in the left column; nothing at all when there are no lines.
fn block(text: &mut String, title: &str, lines: impl IntoIterator<Item = String>) {
    for (at, line) in lines.into_iter().enumerate() {
        let left = if at == 0 { title } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{left:<LEFT$} {line}");
    }
}
