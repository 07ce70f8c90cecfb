//! Replaying recorded calls through another version: what would differ, message by message.
//!
//! A replay is deterministic: its engine counts fuel; time and random numbers, rows and values come from the recording.
//! A question without a recorded answer is reported, and the result of that call is not compared.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use mm4relay_engine::{Engine, Grant, Plugin, PluginSpec};

use crate::message::{Block, Content, Envelope, Incoming, Message, MessageId, Origin, PartId, Source, Timestamp};
use crate::protocol::mm4;

use super::account;
use super::player::Player;
use super::recording::form::{self, CallFile, LoadFile};
use crate::pipeline::View;
use crate::pipeline::tap::WantsView;

/// What the replay changes.
pub struct Other {
    pub wasm: Bytes,
    /// The settings, in place of the recorded ones.
    pub settings: Option<serde_json::Value>,
    /// Grants besides the recorded ones.
    pub grants: std::collections::BTreeSet<Grant>,
}

/// Replays the calls of a recording.
pub struct Replay {
    engine: Engine,
    other: Other,
    folder: PathBuf,
    /// The other version, loaded once for each load of the recording; the error says why it does not load.
    loaded: HashMap<String, Result<(Plugin, Vec<String>), String>>,
}

/// The result of one call.
#[derive(Debug, PartialEq, Eq)]
pub enum Replayed {
    Same,
    /// The accounts of the recorded call and of the other version.
    Differs {
        recorded: Vec<String>,
        now: Vec<String>,
    },
    /// The version asked questions that the recording does not answer.
    Unanswered(Vec<String>),
}

/// The files of the calls in a recording, oldest first. `recording` is a folder, or one call.
pub fn files(recording: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if recording.is_file() {
        return Ok(vec![recording.to_owned()]);
    }
    super::recording::calls(recording).with_context(|| format!("{} cannot be read", recording.display()))
}

impl Replay {
    /// `engine` must be a deterministic one. `folder` is that of the recording's loads.
    pub fn new(engine: Engine, folder: PathBuf, other: Other) -> Self {
        Self {
            engine,
            other,
            folder,
            loaded: HashMap::new(),
        }
    }

    /// Replays one recorded call, and compares.
    pub async fn run(&mut self, call: &CallFile) -> anyhow::Result<Replayed> {
        let (plugin, unanswered) = match self.load(&call.load).await? {
            Ok((plugin, unanswered)) => (plugin.clone(), unanswered.clone()),
            Err(problem) => bail!("it does not load: {problem}"),
        };
        if !unanswered.is_empty() {
            return Ok(Replayed::Unanswered(unanswered));
        }
        let view = Arc::new(view(call)?);
        let now = match plugin.wants_view(&call.occasion, &view) {
            false => account::not_called(),
            true => {
                let player = Arc::new(Player::of(&call.asked, None));
                let subject = Arc::clone(&view) as _;
                let called = plugin
                    .process_with(Arc::clone(&player) as _, call.occasion.clone(), subject)
                    .await;
                let unanswered = player.unanswered();
                if !unanswered.is_empty() {
                    return Ok(Replayed::Unanswered(unanswered));
                }
                account::lines(&called, &call.occasion, &view)
            }
        };
        Ok(match now == call.did {
            true => Replayed::Same,
            false => Replayed::Differs {
                recorded: call.did.clone(),
                now,
            },
        })
    }

    async fn load(&mut self, id: &str) -> anyhow::Result<&Result<(Plugin, Vec<String>), String>> {
        if !self.loaded.contains_key(id) {
            let load = LoadFile::read(&self.folder, id)
                .with_context(|| format!("{}: {id}.load cannot be read", self.folder.display()))?;
            let player = Arc::new(Player::of(&load.asked, None));
            let spec = PluginSpec {
                name: load.plugin,
                wasm: PathBuf::new(),
                settings: self.other.settings.clone().unwrap_or(load.settings),
                grants: load.grants.union(&self.other.grants).copied().collect(),
                may: load.may,
                limits: load.limits,
            };
            let wasm = self.other.wasm.clone();
            let loading = self
                .engine
                .load_bytes(spec, wasm, Arc::clone(&player) as _, Arc::new(|_, _| {}));
            let loaded = loading.await.map_err(|error| error.kind.to_string());
            let loaded = loaded.map(|plugin| (plugin, player.unanswered()));
            self.loaded.insert(id.to_owned(), loaded);
        }
        self.loaded.get(id).context("it was put there")
    }
}

/// The message as the plug-in saw it.
fn view(call: &CallFile) -> anyhow::Result<View> {
    if matches!(call.occasion, mm4relay_engine::Occasion::Outcome(_)) {
        let header = Arc::new(form::header(&call.octets)?);
        return Ok(View::restored_bare(
            call.message.clone(),
            call.summary.clone(),
            call.answered.clone(),
            call.refused_late.clone(),
            header,
            call.envelope.clone(),
        ));
    }
    let incoming = Incoming {
        id: call.message.parse().unwrap_or(MessageId(0)),
        origin: Origin {
            source: Source::new(&call.summary.source)?,
            remote: ([127, 0, 0, 1], 0).into(),
            helo: String::new(),
            protocol: crate::message::Protocol::Esmtp,
            received_at: Timestamp(call.summary.received_at),
        },
        envelope: Envelope {
            sender: None,
            recipients: Vec::new(),
        },
        content: Content::from_bytes(call.octets.clone()),
    };
    let limits = mm4::Limits::of_taken();
    let mut message = mm4::read(incoming, &limits).context("the recorded message cannot be read")?;
    message.envelope = call.envelope.clone();
    renumber(&mut message, &call.parts)?;
    Ok(View::restored(
        call.summary.clone(),
        call.answered.clone(),
        Arc::new(message),
    ))
}

/// Gives the parts their recorded ids: edits before this plug-in may have removed and added some.
fn renumber(message: &mut Message, ids: &[u32]) -> anyhow::Result<()> {
    ensure!(
        message.parts.len() == ids.len(),
        "the recorded message has {} parts now, and had {}",
        message.parts.len(),
        ids.len()
    );
    let new: HashMap<PartId, PartId> = message
        .parts
        .iter()
        .map(|part| part.id)
        .zip(ids.iter().copied().map(PartId))
        .collect();
    for part in &mut message.parts {
        part.id = new[&part.id];
    }
    for block in &mut message.body {
        if let Block::Part(id) = block {
            *id = new[id];
        }
    }
    message.given.part = ids.iter().copied().map(PartId).max();
    Ok(())
}
