//! `case.toml`: the circumstances of a case.

use std::collections::BTreeMap;

use anyhow::bail;
use mm4relay_engine as engine;
use serde::Deserialize;

use super::super::answers::{CannedAnswer, Scanners};

/// The contents of `case.toml`. Every key has a default.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CaseFile {
    /// `arrival` (default), `departure`, `outcome`.
    pub(super) occasion: Occasion,
    /// `<+15555550100/TYPE=PLMN@mms.a.example>`; `<>` is the null sender. Default: the address in `From`.
    pub(super) sender: Option<String>,
    /// Default: the addresses in `To`.
    pub(super) recipients: Option<Vec<String>>,
    /// The peer that sent the message. Default: `sample-peer`.
    pub(super) source: Option<String>,
    /// Whether that peer is a relay/server of our own MMSE. Default: false.
    pub(super) source_inside: bool,
    /// The time that the plug-in is told. Default: 2026-01-26T00:17:43Z.
    pub(super) now: Option<String>,
    /// The seed from which all random numbers of a call derive. Default 0.
    pub(super) random_seed: u64,
    /// The plug-in's settings.
    pub settings: Option<toml::Table>,
    pub(super) destination: Option<Destination>,
    pub(super) outcome: Option<Outcome>,
    /// Rows of the tables that the plug-in looks up.
    pub tables: BTreeMap<String, BTreeMap<String, String>>,
    /// The networks of telephone numbers, by number. Other numbers are unknown.
    pub numbering: BTreeMap<String, engine::Network>,
    /// The answers of scanners; see `answers`.
    pub scanners: Scanners,
    /// The answers of services outside; see `answers`.
    pub http: Vec<CannedAnswer>,
    /// The plug-in's durable values before the first message.
    pub values: BTreeMap<String, String>,
    /// Whether `expected.txt` includes the lines that the plug-in logs and prints. Default: false.
    pub expect_log: bool,
    /// The file of the message. Default: message.eml.
    pub(super) message: Option<String>,
    /// A message of the library, instead of a file.
    pub(super) sample: Option<String>,
    /// Further messages, each with the keys that differ from the case's own.
    pub(super) next: Vec<toml::Table>,
}

/// The keys that apply to all messages of a case.
const OF_THE_WHOLE: [&str; 8] = [
    "settings",
    "tables",
    "numbering",
    "scanners",
    "http",
    "values",
    "expect-log",
    "next",
];

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Occasion {
    #[default]
    Arrival,
    Departure,
    Outcome,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Destination {
    pub peer: Option<String>,
    pub domain: Option<String>,
    pub inside: bool,
    pub content_class: Option<String>,
    pub max_message_size: Option<u64>,
    pub max_image_size: Option<u64>,
    pub max_image_width: Option<u32>,
    pub max_image_height: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Outcome {
    /// `delivered` (default), `failed`, `expired` or `response`.
    pub result: Option<String>,
    pub peer: Option<String>,
    /// Whether that peer is a relay/server of our own MMSE. Default: false.
    pub inside: bool,
    pub host: Option<String>,
    pub code: Option<u16>,
    pub text: Option<String>,
    pub attempts: Option<u32>,
    /// For a response: `X-Mms-Request-Status-Code`. Default: `Ok`.
    pub status: Option<String>,
    /// For a message that the relay refused as a whole after its 250: the refusal.
    pub refused_late: Option<engine::LateRefusal>,
}

/// The keys of a further message: its own, and the case's for the rest.
pub(super) fn merged(own: &toml::Table, differs: toml::Table) -> anyhow::Result<CaseFile> {
    if let Some(key) = OF_THE_WHOLE.iter().find(|key| differs.contains_key(**key)) {
        bail!("{key} holds for the whole case, and stands outside of [[next]]");
    }
    let mut all = own.clone();
    all.retain(|key, _| !OF_THE_WHOLE.contains(&key));
    // A message of its own replaces the case's, whichever key names either.
    if differs.contains_key("message") || differs.contains_key("sample") {
        all.remove("message");
        all.remove("sample");
    }
    all.extend(differs);
    Ok(all.try_into()?)
}
