//! What the operator's door is told of the configuration: a candidate against what runs, and which ones have run.

use std::net::SocketAddr;
use std::path::Path;

use tokio::sync::Mutex;

use super::compare::changes;
use super::prepare::{Asking, Beside, prepare};
use super::tables::Current;
use crate::clock::Clock;
use crate::config::{Config, Examined};
use crate::control::configuration::Compared;
use crate::control::generations::{self, KeptFile};
use crate::relay::Relay;

/// What a reload would make of this text in the place of the configuration's file, or of the file itself.
pub(super) async fn compare(
    (relay, current): (&Relay, &Mutex<Current>),
    (file, candidate): (&Path, Option<String>),
    listening: Vec<SocketAddr>,
) -> Compared {
    let (running, beside) = {
        let current = current.lock().await;
        let beside = Beside {
            tables: current.tables.clone(),
            directory: relay.directory.load_full(),
            listening,
        };
        (current.config.clone(), beside)
    };
    let examined = match candidate {
        Some(text) => Config::examine_text(&text, file),
        None => Config::examine(file),
    };
    let changes = match examined.problems.is_empty() {
        true => changes(&running, &examined.config),
        false => Vec::new(),
    };
    // Boxed for the same reason as reloading tables.
    let problems = Box::pin(prepare(examined, Asking::Reload(beside))).await.err();
    Compared {
        file: file.display().to_string(),
        problems: problems.map_or_else(Vec::new, |found| found.problems),
        changes,
        ..Compared::default()
    }
}

/// Notes that this runs now, so that one can go back to it. A relay runs as well where that cannot be noted.
pub(super) fn note_generation(examined: &Examined, clock: &dyn Clock) {
    let source = |source: &crate::config::ReadFile| KeptFile {
        file: std::path::absolute(&source.file).unwrap_or_else(|_| source.file.clone()),
        text: source.text.clone(),
    };
    let files = examined.sources.iter().map(source).collect();
    match generations::note(&examined.config.relay.spool, files, clock.now()) {
        Ok(generation) => tracing::info!(generation, event = "configuration-runs", "this configuration runs"),
        Err(error) => {
            tracing::warn!(
                event = "configuration-not-kept",
                "the configuration that runs cannot be kept, and nobody can go back to it: {error}"
            );
        }
    }
}
