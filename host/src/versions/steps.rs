//! The steps of an attempt. Each is recorded when it is completed.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use mm4relay_engine::{LoadStep, Plugin};

use super::history::{self, Cause, History, Verdict};
use super::{Candidate, LinkSpec, Loader, Ready, RefusedVersion, shadow};
use crate::pipeline::Link;
use crate::pipeline::tape::Tape;
use crate::rehearsal::recording::Recording;
use crate::rehearsal::samples::Bench;

/// An attempt under way.
#[derive(Clone)]
pub struct Attempt {
    pub(super) plugin: String,
    pub(super) number: u64,
    began: Instant,
}

impl Loader {
    /// Takes a version through every step short of going live; `running` is the link that it would replace. The history
    /// has the attempt, whatever its result.
    pub async fn prepare(
        &self,
        spec: &LinkSpec,
        candidate: Candidate,
        cause: Cause,
        running: Option<&Link>,
    ) -> Result<Ready, RefusedVersion> {
        let plugin = spec.name().to_owned();
        let number = self.history.begin(&plugin, cause, &candidate.digest, self.now());
        if let Some(asked) = self.announced.take(&plugin, &candidate.digest) {
            let note = |record: &mut super::history::Record| {
                if let Some(attempt) = record.attempt(number) {
                    attempt.asked = Some(asked);
                }
            };
            self.history.note(&plugin, note);
        }
        let attempt = Attempt {
            plugin,
            number,
            began: Instant::now(),
        };
        match self.steps(spec, &candidate, &attempt, running).await {
            Ok((plugin, recording)) => Ok(Ready {
                plugin,
                recording,
                candidate,
                attempt,
                watch: Arc::default(),
            }),
            Err(refusal) => {
                self.end(&attempt, Verdict::Refused, &refusal.to_string()).await;
                Err(refusal)
            }
        }
    }

    /// Records an attempt whose file cannot be read, and which therefore has no digest.
    pub async fn unread(&self, spec: &LinkSpec, cause: Cause, refusal: &RefusedVersion) {
        let plugin = spec.name().to_owned();
        let attempt = Attempt {
            number: self.history.begin(&plugin, cause, "", self.now()),
            plugin,
            began: Instant::now(),
        };
        self.end(&attempt, Verdict::Refused, &refusal.to_string()).await;
    }

    async fn steps(
        &self,
        spec: &LinkSpec,
        candidate: &Candidate,
        attempt: &Attempt,
        running: Option<&Link>,
    ) -> Result<(Plugin, Option<Recording>), RefusedVersion> {
        self.step(attempt, "digest", candidate.digest.clone());

        let signed = spec.signing.verify(&candidate.digest, candidate.signature.as_deref());
        let signed = signed.map_err(|error| RefusedVersion::Signature {
            plugin: spec.name().to_owned(),
            error,
        })?;
        self.step(attempt, "signature", signed);

        let (plugin, recording) = self.load(spec, candidate, attempt).await?;
        if let Some(folder) = &spec.samples {
            let said = self.samples(spec, folder, candidate).await?;
            self.step(attempt, "samples", said);
        }
        if let Some(running) = running
            && spec.shadow.messages > 0
            && running.plugin.digest() != candidate.digest
        {
            let said = shadow_run(spec, running, &plugin).await?;
            self.step(attempt, "shadow", said);
        }
        Ok((plugin, recording))
    }

    /// The steps of the engine.
    async fn load(
        &self,
        spec: &LinkSpec,
        candidate: &Candidate,
        attempt: &Attempt,
    ) -> Result<(Plugin, Option<Recording>), RefusedVersion> {
        let (history, attempt) = (Arc::clone(&self.history), attempt.clone());
        let progress = Arc::new(move |step: LoadStep, said| note_step(&history, &attempt, step.as_str(), said));
        let (spec_of_it, wasm) = (spec.plugin.clone(), candidate.wasm.clone());
        let recorder = spec.recorder.as_ref().filter(|recorder| recorder.records(spec.name()));
        let Some(recorder) = recorder else {
            let loading = self.engine.load_bytes(spec_of_it, wasm, self.services(), progress);
            return Ok((loading.await?, None));
        };
        let tape = Tape::over(self.services());
        let services = Arc::new(tape.clone());
        let plugin = self.engine.load_bytes(spec_of_it, wasm, services, progress).await?;
        let recording = recorder.loaded(&spec.plugin, &plugin, tape.close());
        Ok((plugin, Some(recording)))
    }

    async fn samples(&self, spec: &LinkSpec, folder: &Path, candidate: &Candidate) -> Result<String, RefusedVersion> {
        if self.history.record(spec.name()).version(&candidate.digest).is_some() {
            return Ok("passed before".to_owned());
        }
        let limits = spec.plugin.limits.clone();
        let (engine, wasm) = (self.engine.clone(), candidate.wasm.clone());
        let mut bench = Bench::new(engine, wasm, spec.plugin.grants.clone(), limits).may(spec.plugin.may.clone());
        match bench.pass(folder).await {
            Ok(count) => Ok(format!("{count} as expected")),
            Err(error) => Err(RefusedVersion::Samples {
                plugin: spec.name().to_owned(),
                error,
            }),
        }
    }

    fn step(&self, attempt: &Attempt, step: &str, said: String) {
        note_step(&self.history, attempt, step, said);
    }

    /// Records that a version has taken its place.
    pub fn swapped(&self, ready: &Ready) {
        self.step(&ready.attempt, "swap", "in its place in the chain".to_owned());
    }

    /// Records the state of the watch window.
    pub fn watched(&self, attempt: &Attempt, said: String) {
        self.step(attempt, "watch", said);
    }
}

fn note_step(history: &History, attempt: &Attempt, step: &str, said: String) {
    let after_ms = (attempt.began.elapsed().as_secs_f64() * 10_000.0).round() / 10.0;
    tracing::info!(
        plugin = attempt.plugin,
        attempt = attempt.number,
        step,
        after_ms,
        event = "plugin-loading",
        "{said}"
    );
    let step = history::Step {
        step: step.to_owned(),
        after_ms,
        said,
    };
    history.note(&attempt.plugin, |record| {
        if let Some(attempt) = record.attempt(attempt.number) {
            attempt.steps.push(step);
        }
    });
}

/// Tries a version beside the running one. Returns a summary when the version may go on.
async fn shadow_run(spec: &LinkSpec, running: &Link, candidate: &Plugin) -> Result<String, RefusedVersion> {
    let found = shadow::run(&spec.shadow, running, candidate).await;
    let refuse = |why| {
        Err(RefusedVersion::Shadow {
            plugin: spec.name().to_owned(),
            why,
            found: found.said(),
        })
    };
    match (found.fails(), found.differing > 0 && spec.shadow.refuse_differences) {
        (true, _) => refuse("fails"),
        (false, true) => refuse("makes something else of messages"),
        (false, false) => Ok(found.said()),
    }
}
