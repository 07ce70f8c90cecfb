//! What a plug-in did with a sample, as text to read and to compare.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::message::{Append, KvWrite, Message, Refusal, TransferEncoding};
use crate::protocol::mm4;

use super::super::account;
use crate::pipeline::{Effects, OutcomeTold, Passage, rule_line};

/// Text parts up to this size are shown whole.
const SHOWN_TEXT: usize = 4096;

/// The text for an arrival or a departure.
pub fn passage(passage: &Passage, effects: &Effects) -> String {
    let mut text = String::new();
    let did = effects.journey.iter().flat_map(|step| &step.did);
    let ended = |how: String| std::iter::once(how).chain(rules(effects)).collect::<Vec<_>>();
    match passage {
        Passage::Go { message, .. } => {
            line(&mut text, "verdict", did);
            values(&mut text, effects);
            whole(&mut text, message);
        }
        Passage::Hold(holder) => line(&mut text, "verdict", &ended(format!("hold: {}", holder.reason))),
        Passage::Discard { .. } => {
            line(&mut text, "verdict", did);
            values(&mut text, effects);
        }
        Passage::Refuse(refusal) => line(&mut text, "verdict", &ended(refused(refusal))),
    }
    text
}

/// A refusal with everything that the sender would see, or the reason why the plug-in failed.
fn refused(refusal: &Refusal) -> String {
    match refusal {
        Refusal::ByPlugin { plugin: _, code, text } => format!("refuse with {code}: {text}"),
        Refusal::Deferred { plugin: _, reason } => format!("none, it failed: {reason}"),
        other => format!("refuse: {other}"),
    }
}

/// The text for an outcome.
pub fn told(told: &OutcomeTold) -> String {
    let mut text = String::new();
    match told.failed.first() {
        Some((_, reason)) => line(&mut text, "verdict", [&format!("none, it failed: {reason}")]),
        None => line(
            &mut text,
            "verdict",
            &std::iter::once("pass".to_owned())
                .chain(rules(&told.effects))
                .collect::<Vec<_>>(),
        ),
    }
    values(&mut text, &told.effects);
    text
}

fn rules(effects: &Effects) -> impl Iterator<Item = String> + '_ {
    effects.rules.iter().map(|name| rule_line(name))
}

fn line<'a>(text: &mut String, title: &str, items: impl IntoIterator<Item = &'a String>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{title}:");
    for item in items {
        let _ = writeln!(text, "  {}", item.trim_end());
    }
}

fn values(text: &mut String, effects: &Effects) {
    if !effects.appends.is_empty() {
        line(
            text,
            "records",
            &effects.appends.iter().flat_map(record).collect::<Vec<_>>(),
        );
    }
    if !effects.kv.is_empty() {
        line(text, "values", &effects.kv.iter().map(write).collect::<Vec<_>>());
    }
    if !effects.measures.is_empty() {
        line(
            text,
            "metrics",
            &effects.measures.iter().map(account::measure).collect::<Vec<_>>(),
        );
    }
}

fn record(entry: &Append) -> Vec<String> {
    let Some(fields) = entry.record.as_object() else {
        return vec![entry.record.to_string()];
    };
    let present = fields.iter().filter(|(_, value)| !value.is_null());
    let lines = present
        .enumerate()
        .map(|(at, (key, value))| format!("{} {key}: {value}", if at == 0 { "-" } else { " " }));
    let waits = entry
        .when_answered
        .then(|| "  (when the request is answered)".to_owned());
    lines.chain(waits).collect()
}

fn write(write: &KvWrite) -> String {
    match write {
        KvWrite::Set { key, value, .. } => format!("set {key} = {}", String::from_utf8_lossy(value).escape_debug()),
        KvWrite::Delete { key, .. } => format!("delete {key}"),
        KvWrite::Increment { key, by, .. } => format!("increment {key} by {by}"),
    }
}

fn whole(text: &mut String, message: &Message) {
    let sender = message.envelope.sender.as_ref().map_or("", |sender| sender.as_str());
    let recipients = message
        .envelope
        .recipients
        .iter()
        .map(|r| format!("to: <{}>", r.address));
    let envelope: Vec<String> = std::iter::once(format!("from: <{sender}>")).chain(recipients).collect();
    line(text, "envelope", &envelope);
    let fields = message
        .header
        .fields
        .iter()
        .map(|field| format!("{}: {}", field.name(), field.value()));
    line(text, "header", &fields.collect::<Vec<_>>());
    line(
        text,
        "parts",
        &message
            .parts
            .iter()
            .flat_map(|part| part_lines(message, part))
            .collect::<Vec<_>>(),
    );
}

fn part_lines(message: &Message, part: &crate::message::Part) -> Vec<String> {
    let mut lines = vec![format!("part {}: {}", part.id, part.media_type)];
    let names = [
        ("name", &part.name),
        ("content-id", &part.content_id),
        ("location", &part.content_location),
    ];
    lines.extend(
        names
            .iter()
            .filter_map(|(key, value)| Some(format!("  {key}: {}", value.as_ref()?))),
    );
    let body = match mm4::decode_part(message, part.id) {
        Ok(body) => body,
        Err(error) => {
            lines.push(format!("  cannot be decoded: {error}"));
            return lines;
        }
    };
    let encoding = match part.encoding {
        TransferEncoding::Identity => "as it is",
        TransferEncoding::Base64 => "base64",
        TransferEncoding::QuotedPrintable => "quoted-printable",
        TransferEncoding::Unknown => "unknown encoding",
    };
    let readable = part.media_type.starts_with("text/") || part.media_type == "application/smil";
    match std::str::from_utf8(&body) {
        Ok(body) if readable && body.len() <= SHOWN_TEXT => {
            lines.push(format!("  {} octets, {encoding}:", body.len()));
            lines.extend(body.lines().map(|line| format!("  | {line}")));
        }
        _ => {
            let digest: String = Sha256::digest(&body)[..8]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            lines.push(format!("  {} octets, {encoding}, sha256 {digest}", body.len()));
        }
    }
    lines
}
