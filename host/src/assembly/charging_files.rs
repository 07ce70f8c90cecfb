//! The files of charging records, written while the relay runs: drives `charging::output`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::charging::file::Closed;
use crate::charging::output::{Output, reader};
use crate::charging::{Format, OutputOptions, RecordPages};
use crate::clock::SharedClock;
use crate::config::{ChargingFormat, ChargingOutput, Config};
use crate::message::StreamName;
use crate::spool::{Spool, StreamReader, Streams};

/// How long after the first new record the stream is read, so that more can gather.
const GATHER: Duration = Duration::from_millis(200);
/// The pause before an output that cannot write tries again.
const AGAIN: Duration = Duration::from_secs(1);
/// How often the folders are searched for files that were not fetched.
const LOOK: Duration = Duration::from_secs(60);

/// All outputs of one relay.
pub(crate) struct ChargingFiles {
    outputs: Vec<Configured>,
    stream: StreamReader,
    clock: SharedClock,
    work: Mutex<Work>,
    standing: Mutex<BTreeMap<String, OutputStanding>>,
}

/// One output with its configuration.
struct Configured {
    options: OutputOptions,
    fetch_within: Duration,
    keep_fetched: Option<Duration>,
}

/// The state between two rounds.
#[derive(Default)]
struct Work {
    outputs: BTreeMap<String, Output>,
    looked_at: Option<std::time::Instant>,
    stopped: bool,
}

/// The state of one output, for metrics and health.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutputStanding {
    /// The number of the last closed file.
    pub files: u32,
    /// The last record that is in a closed file, or that the output's filters exclude.
    pub sequence: u64,
    /// Records for which the format has no form, since the start.
    pub left_out: u64,
    /// Records that could not be written and were set aside, since the start.
    pub set_aside: u64,
    /// Closed files in the folder that were not fetched, and the age of the oldest.
    pub waiting: u64,
    pub oldest: Duration,
    /// Why the output cannot write at present.
    pub trouble: Option<String>,
}

impl ChargingFiles {
    /// `None` when the configuration has no outputs.
    pub fn of(config: &Config, spool: &Arc<dyn Spool>, clock: &SharedClock) -> Option<Arc<Self>> {
        let outputs: Vec<_> = config.charging_outputs.iter().map(configured).collect();
        (!outputs.is_empty()).then(|| {
            Arc::new(Self {
                outputs,
                stream: StreamReader::new(Arc::clone(spool) as Arc<dyn Streams>, StreamName::CHARGING),
                clock: Arc::clone(clock),
                work: Mutex::default(),
                standing: Mutex::default(),
            })
        })
    }

    /// Writes new records, for ever.
    pub async fn keep_writing(self: Arc<Self>) {
        loop {
            // Subscribed before reading: a record that is appended later ends the wait.
            let appended = self.stream.appended();
            let this = Arc::clone(&self);
            // The files and the spool block. A panic there ends this task, which starts again from the marks.
            match tokio::task::spawn_blocking(move || this.round()).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
            tokio::select! {
                // Waits for further records, so that one read serves them all.
                () = appended => tokio::time::sleep(GATHER).await,
                () = tokio::time::sleep(self.pause()) => {}
                () = self.asked_to_close() => {}
            }
        }
    }

    /// Returns when a `NAME.close` was put into a folder.
    async fn asked_to_close(&self) {
        loop {
            tokio::time::sleep(AGAIN).await;
            for output in &self.outputs {
                if tokio::fs::try_exists(output.options.close_request())
                    .await
                    .unwrap_or(false)
                {
                    return;
                }
            }
        }
    }

    /// The time until work is due without a new record.
    fn pause(&self) -> Duration {
        let (now, work) = (self.clock.now(), self.work());
        let troubled = self.standing().iter().any(|(_, one)| one.trouble.is_some());
        let closes = work.outputs.values().filter_map(Output::closes_at).min();
        let closes = closes.map_or(LOOK, |at| at.since(now).clamp(GATHER, LOOK));
        if troubled { closes.min(AGAIN) } else { closes }
    }

    /// Writes what is left, and closes all files, so that all records of this run are in closed files.
    pub async fn finish(self: Arc<Self>) {
        let closing = tokio::task::spawn_blocking(move || {
            while self.round() {}
            let mut work = self.work();
            work.stopped = true;
            for output in work.outputs.values_mut() {
                if let Err(error) = output.close(&self.stream, Closed::Normally) {
                    tracing::error!(
                        output = output.name(),
                        event = "charging-file-not-closed",
                        "a file of charging records is not closed: {error:#}"
                    );
                }
            }
        });
        // Errors were logged; the next start continues from the marks.
        let _ = closing.await;
    }

    /// Writes the remaining records of the output of this name, and closes its file. Returns the numbers of the files
    /// that were closed. Blocks.
    ///
    /// # Errors
    /// The output cannot write, or the relay is stopping and has closed its files.
    pub fn close_now(&self, name: &str) -> anyhow::Result<std::ops::Range<u32>> {
        let mut work = self.work();
        anyhow::ensure!(!work.stopped, "the relay ends, and has closed its files");
        let Some(output) = self.outputs.iter().find(|one| one.options.name == name) else {
            anyhow::bail!("there is no such output");
        };
        let closed = self.close_one(&mut work, &output.options);
        self.note(&output.options, &work, closed.as_ref().err());
        closed
    }

    fn close_one(&self, work: &mut Work, options: &OutputOptions) -> anyhow::Result<std::ops::Range<u32>> {
        let before = self.stream.mark(&reader(&options.name))?.file;
        while self.step(work, options, &mut RecordPages::of(&self.stream))? {}
        let Some(output) = work.outputs.get_mut(&options.name) else {
            return Ok(before..before);
        };
        output.close(&self.stream, Closed::ByCommand)?;
        let after = output.mark().file;
        // A request by a file is fulfilled as well.
        options.has_closed()?;
        Ok(before + 1..after + 1)
    }

    /// The options of each output.
    pub fn options(&self) -> Vec<OutputOptions> {
        self.outputs.iter().map(|output| output.options.clone()).collect()
    }

    pub fn standing(&self) -> Vec<(String, OutputStanding)> {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.iter().map(|(name, one)| (name.clone(), one.clone())).collect()
    }

    /// What keeps records out of their files, for `/health`.
    pub fn troubles(&self) -> Vec<String> {
        let trouble = |(name, one): (String, OutputStanding)| Some(format!("charging output {name}: {}", one.trouble?));
        self.standing().into_iter().filter_map(trouble).collect()
    }

    /// One round over all outputs. Returns whether there may be more at once.
    fn round(&self) -> bool {
        let mut work = self.work();
        if work.stopped {
            return false;
        }
        let mut more = false;
        let look = work.looked_at.is_none_or(|at| at.elapsed() >= LOOK);
        // Asked before the records are read, so that everything recorded before the request is in the closed file.
        let asked = self.outputs.iter().map(|output| output.options.is_asked_to_close());
        let asked: Vec<bool> = asked.collect();
        let mut pages = RecordPages::of(&self.stream);
        for (output, asked) in self.outputs.iter().zip(asked) {
            let options = &output.options;
            let stepped = self
                .step(&mut work, options, &mut pages)
                .and_then(|more| self.close_if(asked && !more, &mut work, options).map(|()| more));
            self.note(options, &work, stepped.as_ref().err());
            more |= stepped.unwrap_or(false);
            if look {
                self.look_for_files(output);
            }
        }
        if look {
            work.looked_at = Some(std::time::Instant::now());
        }
        more
    }

    fn step(&self, work: &mut Work, options: &OutputOptions, pages: &mut RecordPages<'_>) -> anyhow::Result<bool> {
        let output = match work.outputs.entry(options.name.clone()) {
            std::collections::btree_map::Entry::Occupied(output) => output.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(Output::resume(options.clone(), &self.stream)?)
            }
        };
        output.step_through(pages, self.clock.now())
    }

    fn close_if(&self, asked: bool, work: &mut Work, options: &OutputOptions) -> anyhow::Result<()> {
        if !asked {
            return Ok(());
        }
        if let Some(output) = work.outputs.get_mut(&options.name) {
            output.close(&self.stream, Closed::ByCommand)?;
        }
        options.has_closed()?;
        tracing::info!(output = %options.name, "the file of charging records was closed, because NAME.close asked for it");
        Ok(())
    }

    /// Updates what metrics show. Logs once that an output cannot write, and once that it can again.
    fn note(&self, options: &OutputOptions, work: &Work, error: Option<&anyhow::Error>) {
        let name = &options.name;
        let mut all = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let one = all.entry(name.clone()).or_default();
        if let Some(output) = work.outputs.get(name) {
            one.files = output.mark().file;
            one.sequence = output.mark().sequence;
            one.left_out = output.left_out();
            one.set_aside = output.set_aside();
        }
        match (error, one.trouble.is_some()) {
            (Some(error), false) => {
                tracing::error!(output = %name, event = "charging-not-written", "charging records cannot be written, and wait in the spool: {error:#}");
            }
            (None, true) => {
                tracing::info!(output = %name, event = "charging-written", "charging records are written again")
            }
            _ => {}
        }
        one.trouble = error.map(|error| format!("{error:#}"));
    }

    fn look_for_files(&self, output: &Configured) {
        let Configured {
            options,
            fetch_within,
            keep_fetched,
        } = output;
        let now = SystemTime::now();
        let removed = keep_fetched.map_or(Ok(0), |keep| options.remove_fetched(keep, now));
        let files = removed.and_then(|_| options.closed_files()).unwrap_or_else(|error| {
            tracing::warn!(
                output = %options.name,
                event = "charging-folder-unreadable", "the files in {} cannot be looked through: {error}",
                options.folder.display()
            );
            Vec::new()
        });
        let ages: Vec<Duration> = files.iter().filter_map(|file| file.waits_since(now)).collect();
        let oldest = ages.iter().max().copied().unwrap_or_default();
        let mut all = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let one = all.entry(options.name.clone()).or_default();
        if oldest > *fetch_within && one.oldest <= *fetch_within {
            tracing::warn!(
                output = %options.name,
                files = ages.len(),
                event = "charging-not-fetched", "charging files wait in {} for longer than fetch-within: they are not fetched",
                options.folder.display()
            );
        }
        one.waiting = ages.len() as u64;
        one.oldest = oldest;
    }

    fn work(&self) -> std::sync::MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn configured(output: &ChargingOutput) -> Configured {
    Configured {
        options: options(output),
        fetch_within: output.fetch_within,
        keep_fetched: output.keep_fetched,
    }
}

pub(crate) fn options(output: &ChargingOutput) -> OutputOptions {
    OutputOptions {
        name: output.name.clone(),
        folder: output.folder.clone(),
        format: match output.format {
            ChargingFormat::Ber => Format::Ber,
            ChargingFormat::Json => Format::Json,
            ChargingFormat::Csv => Format::Csv,
        },
        record_types: output.record_types.clone(),
        peers: output.peers.clone(),
        max_size: output.max_size,
        max_records: output.max_records,
        max_age: output.max_age,
    }
}
