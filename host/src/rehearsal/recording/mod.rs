//! A recording of what plug-ins saw and did, for a replay through another version: opt-in, bounded, private.
//!
//! Each call becomes a file ([`form`]): the message as the plug-in saw it, the occasion, the host's answers, and the
//! result. Each loaded version becomes one too, because `configure` also asks the host. The folder ([`ring`]) keeps the
//! last calls, up to a number and a size. A thread of its own writes; calls reach it through a bounded lane, and what
//! does not fit is missed and counted, so that no message waits for the disk.
//!
//! **Recordings hold whole messages and numbers.** The folder is accessible to its owner alone (mode 0700), and should
//! be deleted once the new version has been judged.

pub mod form;
mod ring;

pub use ring::calls;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mm4relay_engine::{Plugin, Subject, Used};

use crate::pipeline::tap::{Heard, InLane, Lane, Listener};
use crate::pipeline::tape::Asked;
use form::{CallFile, LoadFile};
use ring::Ring;

/// The most calls that wait to be written, and the octets of their messages together.
const WAITING: usize = 256;
const WAITING_OCTETS: u64 = 16 << 20;
/// A log line is written for the first missed call, and then for each further thousand.
const MISSED_PER_LINE: u64 = 1_000;

/// `[recording]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingOptions {
    pub folder: PathBuf,
    /// How many calls are kept.
    pub messages: usize,
    /// How many octets are kept.
    pub octets: u64,
    /// The plug-ins whose calls are recorded; empty for all.
    pub plugins: HashSet<String>,
}

/// Records calls. It ends when nobody holds it any more.
pub struct Recorder {
    pub options: RecordingOptions,
    lane: Lane<Work>,
    said: AtomicU64,
    /// Loads that were handed to the writer.
    loads: Mutex<HashSet<String>>,
}

/// The recording of one loaded version.
#[derive(Clone)]
pub struct Recording {
    recorder: Arc<Recorder>,
    load: Arc<LoadFile>,
}

enum Work {
    Load(Arc<LoadFile>),
    Call(Box<Call>),
}

struct Call {
    plugin: Plugin,
    load: Arc<LoadFile>,
    heard: Heard,
}

impl Recorder {
    /// Opens the folder and starts the writer.
    ///
    /// # Errors
    /// The folder cannot be made or read, or others may enter it.
    pub fn start(options: RecordingOptions) -> io::Result<Arc<Self>> {
        let mut ring = Ring::open(&options)?;
        let (lane, mut work) = Lane::new(WAITING, WAITING_OCTETS);
        let write = move || {
            while let Some(work) = work.blocking_recv() {
                if let Err(error) = write(&mut ring, work) {
                    tracing::error!(event = "call-not-recorded", "a call cannot be recorded: {error}");
                }
            }
        };
        std::thread::Builder::new().name("recorder".into()).spawn(write)?;
        Ok(Arc::new(Self {
            options,
            lane,
            said: AtomicU64::new(0),
            loads: Mutex::default(),
        }))
    }

    /// Whether the calls of this plug-in are recorded.
    pub fn records(&self, plugin: &str) -> bool {
        self.options.plugins.is_empty() || self.options.plugins.contains(plugin)
    }

    /// The recording of a loaded version, with the questions of its `configure`.
    pub fn loaded(self: &Arc<Self>, spec: &mm4relay_engine::PluginSpec, plugin: &Plugin, asked: Asked) -> Recording {
        Recording {
            recorder: Arc::clone(self),
            load: Arc::new(LoadFile::new(spec, plugin, asked)),
        }
    }
}

/// What the calls of a plug-in recorded in `folder` used of messages; `None` when there are none. Unreadable calls are
/// passed over: `plugin replay` reports what is wrong with them.
pub fn uses(folder: &Path, plugin: &str) -> Option<Used> {
    let mut used = None;
    for file in std::fs::read_dir(folder).ok()?.flatten() {
        let path = file.path();
        if path.extension().is_none_or(|end| end != "call") {
            continue;
        }
        if let Ok(call) = form::CallFile::read(&path)
            && call.plugin == plugin
        {
            used.get_or_insert_with(Used::default).add(&call.used);
        }
    }
    used
}

impl Listener for Recording {
    /// Has a call recorded, if there is room.
    fn hear(&self, plugin: &Plugin, heard: Heard) {
        let recorder = &self.recorder;
        self.write_load();
        let octets = heard.view.size();
        let call = Call {
            plugin: plugin.clone(),
            load: Arc::clone(&self.load),
            heard,
        };
        if !recorder.lane.offer(octets, Work::Call(Box::new(call))) {
            let missed = recorder.lane.missed();
            if missed / MISSED_PER_LINE >= recorder.said.load(Ordering::Relaxed) {
                recorder.said.store(missed / MISSED_PER_LINE + 1, Ordering::Relaxed);
                tracing::warn!(
                    missed,
                    event = "call-not-recorded",
                    "calls come faster than they can be recorded, some are missing"
                );
            }
        }
    }
}

impl Recording {
    /// Writes the load once, before its first call.
    fn write_load(&self) {
        let mut loads = self.recorder.loads.lock().unwrap_or_else(PoisonError::into_inner);
        if !loads.contains(&self.load.id) && self.recorder.lane.offer(0, Work::Load(Arc::clone(&self.load))) {
            loads.insert(self.load.id.clone());
        }
    }
}

fn write(ring: &mut Ring, work: InLane<Work>) -> io::Result<()> {
    match &work.it {
        Work::Load(load) => ring.put_load(&load.id, &load.to_bytes()?),
        Work::Call(call) => {
            let file = CallFile::of(&call.plugin, &call.load, &call.heard)?;
            ring.put_call(&call.load.id, &file.to_bytes()?)
        }
    }
}
