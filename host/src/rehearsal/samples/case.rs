//! A sample case: a message, and the circumstances in which the plug-in gets it.

mod file;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use mm4relay_engine::{self as engine, Outside, Table, read_file};

use crate::message::{
    Content, Envelope, Header, Incoming, Message, MessageId, MmsAddress, Origin, Recipient, RecipientId, Source,
    Timestamp,
};
use crate::pipeline::TableSet;
use crate::protocol::mm4;
use crate::rehearsal::library::sample;

use super::answers::FromCase;
use file::{Occasion, merged};

pub use file::CaseFile;

/// The next hop of a case that names none.
const NEXT_HOP: &str = "sample-destination";

/// A folder of `samples/`: `message.eml`, optionally `case.toml`, and `expected.txt`.
pub struct Case {
    pub name: String,
    pub folder: PathBuf,
    pub settings: CaseFile,
    pub message: Vec<u8>,
    /// Further messages, which come after this one in the same relay.
    pub next: Vec<Case>,
}

const MESSAGE: &str = "message.eml";

/// Reads every case in `samples`, by name.
pub fn cases(samples: &Path) -> anyhow::Result<Vec<Case>> {
    each_case(samples)?.into_iter().map(|(_, case)| case).collect()
}

/// Like [`cases`], with the unreadable ones included.
pub fn each_case(samples: &Path) -> anyhow::Result<Vec<(String, anyhow::Result<Case>)>> {
    let entries = std::fs::read_dir(samples)
        .with_context(|| format!("{} cannot be read: sample cases belong there", samples.display()))?;
    let mut folders: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    folders.retain(|path| path.join(MESSAGE).exists() || path.join("case.toml").exists());
    folders.sort();
    let read = |folder: PathBuf| (name_of(&folder), Case::read(folder));
    Ok(folders.into_iter().map(read).collect())
}

fn name_of(folder: &Path) -> String {
    folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// More octets than any message that a relay accepts.
const MESSAGE_MAX: u64 = 256 << 20;
/// More octets than anybody writes by hand.
const TEXT_MAX: u64 = 16 << 20;

/// A file of a case as text; `None` when it does not exist.
fn read_text(path: &Path) -> anyhow::Result<Option<String>> {
    match read_file(path, TEXT_MAX) {
        Ok(octets) => Ok(Some(
            String::from_utf8(octets).with_context(|| format!("{} is no text in UTF-8", path.display()))?,
        )),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

impl Case {
    fn read(folder: PathBuf) -> anyhow::Result<Self> {
        let file = folder.join("case.toml");
        let text = read_text(&file)?.unwrap_or_default();
        let wrong = || format!("{} is not what it should be", file.display());
        let mut settings: CaseFile = toml::from_str(&text).with_context(wrong)?;
        let own: toml::Table = toml::from_str(&text).with_context(wrong)?;
        let further = std::mem::take(&mut settings.next).into_iter().enumerate();
        let further = further.map(|(at, differs)| {
            let place = || format!("{}: next[{at}]", file.display());
            let settings = merged(&own, differs).with_context(place)?;
            Self::of(&folder, settings, Vec::new()).with_context(place)
        });
        let next = further.collect::<anyhow::Result<_>>()?;
        Self::of(&folder, settings, next)
    }

    fn of(folder: &Path, settings: CaseFile, next: Vec<Self>) -> anyhow::Result<Self> {
        let message = match &settings.sample {
            Some(name) => sample(name).map_err(anyhow::Error::msg)?.octets.to_vec(),
            None => {
                let path = folder.join(settings.message.as_deref().unwrap_or(MESSAGE));
                read_file(&path, MESSAGE_MAX).with_context(|| format!("{} cannot be read", path.display()))?
            }
        };
        Ok(Self {
            name: name_of(folder),
            folder: folder.to_owned(),
            settings,
            message,
            next,
        })
    }

    /// The name of the message's file.
    pub fn message_file(&self) -> &str {
        let named = self.settings.sample.as_deref().or(self.settings.message.as_deref());
        named.unwrap_or(MESSAGE)
    }

    /// A case that consists of a message only.
    #[cfg(test)]
    pub fn of_message(name: &str, message: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            folder: PathBuf::new(),
            settings: CaseFile::default(),
            message: message.to_vec(),
            next: Vec::new(),
        }
    }

    /// The text of `expected.txt`; empty when there is none yet.
    pub fn expected(&self) -> anyhow::Result<String> {
        let path = self.folder.join("expected.txt");
        Ok(read_text(&path)?.unwrap_or_default())
    }

    pub fn now(&self) -> anyhow::Result<Timestamp> {
        let text = self.settings.now.as_deref().unwrap_or("2026-01-26T00:17:43Z");
        let parsed: jiff::Timestamp = text.parse().with_context(|| format!("case.toml: now = {text:?}"))?;
        Ok(Timestamp(u64::try_from(parsed.as_millisecond())?))
    }

    /// The services outside, with the answers of the case.
    pub fn outside(&self) -> Arc<dyn Outside> {
        Arc::new(FromCase {
            scanners: self.settings.scanners.clone(),
            http: self.settings.http.clone(),
        })
    }

    /// The tables of the case.
    pub fn tables(&self) -> TableSet {
        let tables = self.settings.tables.iter();
        tables
            .map(|(name, rows)| (name.clone(), Arc::new(Inline(rows.clone())) as Arc<dyn Table>))
            .collect()
    }

    pub fn settings_json(&self) -> anyhow::Result<serde_json::Value> {
        match &self.settings.settings {
            Some(table) => Ok(serde_json::to_value(table)?),
            None => Ok(serde_json::json!({})),
        }
    }

    /// The peers of our own MMSE: those that the case names, and the relay.
    pub fn inside(&self) -> HashSet<String> {
        let source = self.settings.source_inside.then(|| self.source().to_owned());
        let next_hop = self.is_bound_inside().then(|| self.next_hop());
        let relay = Source::RELAY.to_owned();
        source.into_iter().chain(next_hop).chain([relay]).collect()
    }

    /// The next hop of the message, or the one that it would have.
    pub fn next_hop(&self) -> String {
        match self.settings.occasion {
            Occasion::Arrival | Occasion::Departure => self.destination().peer,
            Occasion::Outcome => {
                let named = self.settings.outcome.as_ref().and_then(|outcome| outcome.peer.clone());
                named.unwrap_or_else(|| NEXT_HOP.into())
            }
        }
    }

    fn is_bound_inside(&self) -> bool {
        match self.settings.occasion {
            Occasion::Arrival | Occasion::Departure => self.destination().inside,
            Occasion::Outcome => self.settings.outcome.as_ref().is_some_and(|outcome| outcome.inside),
        }
    }

    fn source(&self) -> &str {
        self.settings.source.as_deref().unwrap_or("sample-peer")
    }

    /// The seed of every call.
    pub fn random_seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.settings.random_seed.to_le_bytes());
        seed
    }

    /// The message as the pipeline would get it from intake.
    pub fn read_message(&self) -> anyhow::Result<Message> {
        let origin = Origin {
            source: Source::new(self.source())?,
            remote: ([127, 0, 0, 1], 0).into(),
            helo: "sample.example".into(),
            protocol: crate::message::Protocol::Esmtp,
            received_at: self.now()?,
        };
        let nobody = Envelope {
            sender: None,
            recipients: Vec::new(),
        };
        let content = Content::from_bytes(self.message.clone());
        let incoming = Incoming {
            id: MessageId(1),
            origin,
            envelope: nobody,
            content,
        };
        // The limits of an empty configuration. Messages of other types pass, as they may by a peer's profile.
        let limits = mm4::Limits {
            unknown_types: mm4::Foreign::Pass,
            notifications: mm4::Foreign::Pass,
            untyped: mm4::Foreign::Pass,
            ..mm4::Limits::default()
        };
        let message = mm4::read(incoming, &limits);
        let mut message = message.context("the relay would refuse this message before any plug-in")?;
        message.envelope = self.envelope(&message.header)?;
        Ok(message)
    }

    fn envelope(&self, header: &Header) -> anyhow::Result<Envelope> {
        let strip = |text: &str| text.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
        let sender = match &self.settings.sender {
            Some(text) => strip(text),
            None => header.value("From").map(|value| strip(&value)).unwrap_or_default(),
        };
        let recipients: Vec<String> = match &self.settings.recipients {
            Some(list) => list.iter().map(|text| strip(text)).collect(),
            None => header
                .value("To")
                .map(|value| value.split(',').map(strip).filter(|text| !text.is_empty()).collect())
                .unwrap_or_default(),
        };
        if recipients.is_empty() {
            bail!("the message has no To, so case.toml must name recipients");
        }
        let sender = if sender.is_empty() {
            None
        } else {
            Some(MmsAddress::new(&sender)?)
        };
        let numbered = recipients.iter().zip(1..);
        let recipients = numbered
            .map(|(text, id)| {
                Ok(Recipient {
                    id: RecipientId(id),
                    address: MmsAddress::new(text)?,
                })
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Envelope { sender, recipients })
    }

    /// The refusal that the outcome is about, if the relay refused the whole message after its 250.
    pub fn refused_late(&self) -> anyhow::Result<Option<engine::LateRefusal>> {
        let outcome = self.settings.outcome.as_ref();
        let refused = outcome.filter(|outcome| outcome.refused_late.is_some());
        if refused.is_some_and(|outcome| outcome.result.as_deref() != Some("failed")) {
            bail!("case.toml: outcome.refused-late stands beside outcome.result = \"failed\" only");
        }
        Ok(refused.and_then(|outcome| outcome.refused_late.clone()))
    }

    pub fn occasion(&self) -> anyhow::Result<engine::Occasion> {
        Ok(match self.settings.occasion {
            Occasion::Arrival => engine::Occasion::Arrival,
            Occasion::Departure => engine::Occasion::Departure(self.destination()),
            Occasion::Outcome => {
                let given = self.settings.outcome.clone().unwrap_or_default();
                let response = engine::Response {
                    peer: self.next_hop(),
                    status: given.status.unwrap_or_else(|| "Ok".into()),
                    text: given.text.clone(),
                };
                let delivery = engine::Delivery {
                    peer: self.next_hop(),
                    host: given.host.unwrap_or_else(|| "192.0.2.1:25".into()),
                    code: given.code.unwrap_or(250),
                    text: given.text.unwrap_or_else(|| "2.0.0 taken".into()),
                    attempts: given.attempts.unwrap_or(1),
                };
                engine::Occasion::Outcome(match given.result.as_deref() {
                    None | Some("delivered") => engine::Outcome::Delivered(delivery),
                    Some("failed") => engine::Outcome::Failed(delivery),
                    Some("expired") => engine::Outcome::Expired(delivery),
                    Some("response") => engine::Outcome::Response(response),
                    Some(other) => {
                        bail!("case.toml: outcome.result = {other:?}: delivered, failed, expired or response")
                    }
                })
            }
        })
    }

    fn destination(&self) -> engine::Destination {
        let given = self.settings.destination.clone().unwrap_or_default();
        engine::Destination {
            peer: given.peer.unwrap_or_else(|| NEXT_HOP.into()),
            domain: given.domain.unwrap_or_else(|| "mms.b.example".into()),
            inside: given.inside,
            content_class: given.content_class,
            max_message_size: given.max_message_size,
            max_image_size: given.max_image_size,
            max_image_width: given.max_image_width,
            max_image_height: given.max_image_height,
        }
    }
}

/// A table with the rows of `case.toml`.
struct Inline(BTreeMap<String, String>);

impl Table for Inline {
    fn lookup(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn lookup_prefix(&self, text: &str) -> Option<(&str, &str)> {
        let rows = self.0.iter().filter(|(key, _)| text.starts_with(key.as_str()));
        rows.max_by_key(|(key, _)| key.len())
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
}
