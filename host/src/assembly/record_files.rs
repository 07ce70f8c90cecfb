//! The files of charging records, as the desk sees them: in a running relay, and in the folders of one that does not
//! run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::charging_files::{ChargingFiles, options};
use crate::charging::{OutputOptions, folder};
use crate::clock::{SharedClock, SystemClock};
use crate::config::Config;
use crate::control::cdr::{OutputClosed, OutputFiles, RecordFile, RecordFiles};
use crate::control::{BoxFuture, Kind, Problem};
use crate::message::Timestamp;
use crate::spool;

/// The files of a running relay, which writes them, and closes them between two records.
pub(super) struct OfRunning(pub Arc<ChargingFiles>);

/// The files of a configuration while no relay runs.
pub(crate) struct OfFolder {
    config: Config,
}

impl OfFolder {
    /// `None` when the configuration has no outputs.
    pub fn of(config: &Config) -> Option<Arc<dyn RecordFiles>> {
        let has_outputs = !config.charging_outputs.is_empty();
        has_outputs.then(|| Arc::new(Self { config: config.clone() }) as Arc<dyn RecordFiles>)
    }
}

impl RecordFiles for OfRunning {
    fn outputs(&self) -> Vec<String> {
        names(&self.0.options())
    }

    fn files(&self) -> BoxFuture<'_, Result<Vec<OutputFiles>, Problem>> {
        let outputs = self.0.options();
        blocking(move || files(&outputs))
    }

    fn close(&self, outputs: Vec<String>) -> BoxFuture<'_, Result<Vec<OutputClosed>, Problem>> {
        let files = Arc::clone(&self.0);
        blocking(move || close(&files, &outputs))
    }

    fn mark_fetched(&self, file: String) -> BoxFuture<'_, Result<bool, Problem>> {
        let outputs = self.0.options();
        blocking(move || mark_fetched(&outputs, &file))
    }
}

impl OfFolder {
    fn options(&self) -> Vec<OutputOptions> {
        self.config.charging_outputs.iter().map(options).collect()
    }
}

impl RecordFiles for OfFolder {
    fn outputs(&self) -> Vec<String> {
        names(&self.options())
    }

    fn files(&self) -> BoxFuture<'_, Result<Vec<OutputFiles>, Problem>> {
        let outputs = self.options();
        blocking(move || files(&outputs))
    }

    /// Nobody else may write meanwhile, so this opens the store as a relay does.
    fn close(&self, outputs: Vec<String>) -> BoxFuture<'_, Result<Vec<OutputClosed>, Problem>> {
        let config = self.config.clone();
        blocking(move || {
            let folder = &config.relay.spool;
            if spool::is_in_use(folder) {
                let text = "the relay that runs here does not answer at its door, and only it can close its files: put an \
                            empty file NAME.close into the folder of output NAME";
                return Err(Problem::new(Kind::WrongState, text));
            }
            let clock: SharedClock = Arc::new(SystemClock);
            if config.shared_spool.is_some() {
                let text = "relays share this store: close them at the relay that writes the files, while it runs";
                return Err(Problem::new(Kind::WrongState, text));
            }
            let options = spool::Options {
                clock: Arc::clone(&clock),
                node: spool::Node::default(),
                reserve: 0,
                ledger: config.ledger.keep,
            };
            let spool = spool::open(folder, options)?;
            match ChargingFiles::of(&config, &spool, &clock) {
                Some(files) => close(&files, &outputs),
                None => Ok(Vec::new()),
            }
        })
    }

    fn mark_fetched(&self, file: String) -> BoxFuture<'_, Result<bool, Problem>> {
        let outputs = self.options();
        blocking(move || mark_fetched(&outputs, &file))
    }
}

fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> BoxFuture<'static, Result<T, Problem>> {
    Box::pin(async move {
        let done = tokio::task::spawn_blocking(run).await;
        done.unwrap_or_else(|error| Err(Problem::new(Kind::Internal, format!("a bug: {error}"))))
    })
}

fn names(outputs: &[OutputOptions]) -> Vec<String> {
    outputs.iter().map(|output| output.name.clone()).collect()
}

fn files(outputs: &[OutputOptions]) -> Result<Vec<OutputFiles>, Problem> {
    let each = outputs.iter().map(|output| {
        let files = output
            .closed_files()
            .map_err(|error| unreadable(&output.folder, &error))?;
        Ok(OutputFiles {
            output: output.name.clone(),
            folder: output.folder.display().to_string(),
            files: files.into_iter().map(|file| shown(&file)).collect(),
        })
    });
    each.collect()
}

fn shown(file: &folder::ClosedFile) -> RecordFile {
    RecordFile {
        name: name(&file.path),
        octets: file.octets,
        closed: at(file.closed).into(),
        fetched: file.fetched.map(|fetched| at(fetched).into()),
    }
}

fn close(files: &ChargingFiles, names: &[String]) -> Result<Vec<OutputClosed>, Problem> {
    let mut closed = Vec::new();
    for options in files.options().iter().filter(|options| names.contains(&options.name)) {
        let numbers = files
            .close_now(&options.name)
            .map_err(|error| Problem::new(Kind::Store, format!("output {} is not closed: {error:#}", options.name)))?;
        let there = options
            .closed_files()
            .map_err(|error| unreadable(&options.folder, &error))?;
        closed.push(OutputClosed {
            output: options.name.clone(),
            files: numbers
                .map(|number| options.path(number).display().to_string())
                .collect(),
            last: there.last().map(|file| file.path.display().to_string()),
        });
    }
    Ok(closed)
}

fn mark_fetched(outputs: &[OutputOptions], file: &str) -> Result<bool, Problem> {
    let path = Path::new(file);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let output = outputs.iter().find(|output| {
        let same = |folder: &Path| folder.canonicalize().ok() == output.folder.canonicalize().ok();
        output.number_of(path).is_some() && folder.is_none_or(same)
    });
    let closed = output.and_then(|output| Some(output.folder.join(path.file_name()?)));
    let Some(closed) = closed.filter(|closed| closed.is_file()) else {
        let text = format!("{file} is no closed file of charging records of an output");
        return Err(Problem::new(Kind::UnknownId, text));
    };
    folder::mark_fetched(&closed).map_err(|error| Problem::new(Kind::Store, format!("{file} is not marked: {error}")))
}

fn unreadable(folder: &Path, error: &std::io::Error) -> Problem {
    Problem::new(Kind::Store, format!("{} cannot be read: {error}", folder.display()))
}

fn name(path: &Path) -> String {
    let name: PathBuf = path.file_name().unwrap_or_default().into();
    name.display().to_string()
}

fn at(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
