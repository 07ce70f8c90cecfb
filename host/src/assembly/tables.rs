//! The tables of a configuration: reading them, reading them again when their files change, and access for plug-ins.
//!
//! A changed table is read, sorted and checked in a thread of its own, then one pointer changes; messages under way
//! keep the tables that they began with. When anything is wrong with one of them, all stay as they were.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use mm4relay_engine::Grant;
use tokio::sync::Mutex;

use crate::config::{Code, Config};
use crate::control::When;
use crate::control::tables::Table as Shown;
use crate::message::Timestamp;
use crate::rehearsal::recording::Recorder;
use crate::tables::{Table, Tables};
use crate::versions::Watched;

use super::findings::Findings;
use super::noted::Notes;
use super::outside::Neighbours;
use super::plugins;
use super::services::services;
use crate::relay::Relay;
use crate::relay::directory::Directory;

/// The running configuration, and its tables as they were last read.
pub(crate) struct Current {
    pub(crate) config: Config,
    pub(crate) tables: Loaded,
    /// The recorder of plug-ins' calls.
    pub(crate) recorder: Option<Arc<Recorder>>,
    /// Relates later findings to keys of the configuration.
    pub(crate) found: Findings,
}

/// Tables, and the state of their files when they were read.
#[derive(Clone, Default)]
pub(crate) struct Loaded {
    pub(crate) tables: Tables,
    stamps: Stamps,
}

/// The state of each table's file, by the name of the table.
type Stamps = BTreeMap<String, (PathBuf, Option<Stamp>)>;

/// Identifies the state of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    octets: u64,
    inode: u64,
}

/// Reads the tables that have changed since `before`, and makes the directory from them, in a thread that serves
/// nobody: a million rows take a second. Problems are added to `found`; the tables are those that could be read.
pub(crate) async fn load(
    config: Config,
    before: Loaded,
    directory: Option<Arc<Directory>>,
    found: Findings,
) -> (Loaded, Option<Arc<Directory>>, Findings) {
    let blank = found.blank();
    let loading = tokio::task::spawn_blocking(move || {
        let mut found = found;
        let loaded = before.again(&config, &mut found);
        let directory = super::directory::directory(&config, &loaded.tables, directory.as_deref(), &mut found);
        (loaded, directory.map(Arc::new), found)
    });
    loading.await.unwrap_or_else(|error| {
        let mut found = blank;
        found.problem(
            Code::TableUnreadable,
            "table",
            format!("the tables cannot be read: {error}"),
        );
        (Loaded::default(), None, found)
    })
}

impl Loaded {
    /// The tables, with those read again whose file has changed.
    fn again(&self, config: &Config, found: &mut Findings) -> Self {
        // The state is taken before reading. If a file changes meanwhile, it is read once more.
        let stamped = config.tables.iter().map(|table| {
            let stamp = Stamp::of(&table.file);
            (table.name.clone(), (table.file.clone(), stamp))
        });
        let stamps: BTreeMap<_, _> = stamped.collect();
        let kept = |name: &str| {
            let same =
                stamps.get(name).is_some_and(|(_, stamp)| stamp.is_some()) && self.stamps.get(name) == stamps.get(name);
            self.tables.get(name).filter(|_| same).cloned()
        };
        let files = config
            .tables
            .iter()
            .map(|table| (table.name.as_str(), table.file.as_path()));
        let (tables, errors) = Tables::examine(files, kept);
        errors.iter().for_each(|error| found.table(error));
        Self { tables, stamps }
    }

    /// The present state of the files.
    fn stamps_now(&self) -> Stamps {
        let now =
            |(name, (file, _)): (&String, &(PathBuf, Option<Stamp>))| (name.clone(), (file.clone(), Stamp::of(file)));
        self.stamps.iter().map(now).collect()
    }

    /// Whether the files have changed since they were read.
    pub(crate) fn is_outdated(&self) -> bool {
        self.stamps_now() != self.stamps
    }

    /// The tables for operators.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let now = self.stamps_now();
        let shown = |(name, table): (&str, &Arc<Table>)| {
            let (file, stamp) = self.stamps.get(name)?;
            let changed = stamp.and_then(|stamp| stamp.modified?.duration_since(UNIX_EPOCH).ok());
            Some(Shown {
                name: name.to_owned(),
                file: file.display().to_string(),
                rows: table.len() as u64,
                changed: changed.map(|since| When(Timestamp(0).plus(since))),
                differs: now.get(name) != self.stamps.get(name),
            })
        };
        self.tables.iter().filter_map(shown).collect()
    }

    fn folders(&self) -> BTreeSet<PathBuf> {
        let folder = |(file, _): &(PathBuf, Option<Stamp>)| match file.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        self.stamps.values().map(folder).collect()
    }

    /// What has changed, for the log.
    fn news(&self, before: &Self) -> String {
        let new = |(name, table): &(&str, &Arc<Table>)| {
            let old = before.tables.get(name);
            old.is_none_or(|old| !Arc::ptr_eq(old, table))
        };
        let news = self.tables.iter().filter(new);
        let news: Vec<_> = news
            .map(|(name, table)| format!("{name} ({} rows)", table.len()))
            .collect();
        news.join(", ")
    }
}

impl Stamp {
    fn of(file: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(file).ok()?;
        Some(Self {
            modified: metadata.modified().ok(),
            octets: metadata.len(),
            inode: metadata.ino(),
        })
    }
}

impl Relay {
    /// Reads tables again whenever their files change, until the task is aborted.
    pub(crate) async fn keep_tables(self: Arc<Self>, mut watched: Watched, current: Arc<Mutex<Current>>, notes: Notes) {
        // The state of files that were refused. They are not reported again before they change.
        let mut refused = None;
        loop {
            let folders = current.lock().await.tables.folders();
            if let Err(error) = watched.follow(folders) {
                tracing::error!(
                    event = "tables-not-watched",
                    "the folder of a table cannot be watched, SIGHUP takes its changes: {error}"
                );
            }
            // This also finds changes from before the watching.
            let mut running = current.lock().await;
            let now = running.tables.stamps_now();
            let is_new = now != running.tables.stamps && Some(&now) != refused.as_ref();
            if is_new {
                let replaced = self.replace_tables(&mut running).await;
                refused = replaced.is_err().then_some(now);
                notes.files("tables-reload", replaced.map(|news| vec![news]));
            }
            drop(running);
            tokio::select! {
                () = watched.told() => watched.settled().await,
                // There may be other folders now.
                () = self.reloaded.notified() => {}
            }
        }
    }

    /// Reads the tables whose files have changed. On success returns their names and rows; on an error, everything that
    /// is wrong, and all stay. Logs either.
    pub(crate) async fn replace_tables(&self, running: &mut Current) -> Result<String, Vec<String>> {
        match self.take_tables(running).await {
            Ok(loaded) => {
                let news = loaded.news(&running.tables);
                tracing::info!(event = "tables-replaced", "tables replaced: {news}");
                running.tables = loaded;
                Ok(news)
            }
            Err(found) => {
                found.log();
                tracing::error!(
                    event = "tables-not-replaced",
                    "no table is replaced, the running ones stay: {}",
                    found.count()
                );
                Err(found.problems.clone())
            }
        }
    }

    async fn take_tables(&self, current: &Current) -> Result<Loaded, Findings> {
        let config = &current.config;
        let before = self.directory.load_full();
        let (tables, found) = (current.tables.clone(), current.found.blank());
        let (loaded, directory, mut found) = load(config.clone(), tables, Some(before), found).await;
        let Some(directory) = directory.filter(|_| found.is_empty()) else {
            return Err(found);
        };
        let granted = |plugin: &crate::config::Plugin| {
            plugin
                .grants
                .iter()
                .any(|grant| matches!(grant, Grant::Tables | Grant::Numbering))
        };
        if config.plugins.iter().any(granted) {
            let recorder = current.recorder.as_ref();
            self.replace_plugins(config, &loaded.tables, &directory, recorder, &mut found)
                .await?;
        }
        self.replace_directory(directory);
        Ok(loaded)
    }

    /// Loads every plug-in of a configuration anew, with these tables and routes; all go live, or none does.
    pub(crate) async fn replace_plugins(
        &self,
        config: &Config,
        tables: &Tables,
        directory: &Arc<Directory>,
        recorder: Option<&Arc<Recorder>>,
        found: &mut Findings,
    ) -> Result<(), Findings> {
        let made = async {
            let outside = Neighbours::of(config, &self.gates)?;
            let services = services(tables, &self.store.values, &self.clock, directory, outside)?;
            anyhow::Ok((plugins::specs(config, recorder).await?, services))
        };
        match made.await {
            Err(error) => found.problem(Code::PluginsUnusable, "plugin", format!("{error:#}")),
            Ok((specs, services)) => {
                if let Err(error) = self.catalogue.replace(specs, services).await {
                    found.plugins(&error);
                }
            }
        }
        match found.is_empty() {
            true => Ok(()),
            false => Err(std::mem::take(found)),
        }
    }
}
