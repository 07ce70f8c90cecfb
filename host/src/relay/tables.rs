//! The host's tables: reading them, reading them again when their files change, and how plug-ins reach them.
//!
//! A changed table is read, sorted and checked on a thread of its own, then one pointer changes; messages under way keep
//! what they began with. When anything is wrong with any of them, all stay as they were.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{anyhow, bail};
use mm4relay_engine::Grant;
use tokio::sync::Mutex;

use crate::config::Config;
use crate::pipeline::recording::Recorder;
use crate::pipeline::{TableSet, Watched};
use crate::routing::{Table, Tables};

use super::directory::Directory;
use super::rooms::services;
use super::{Relay, chain};

/// What runs: a configuration, and its tables as they were last read.
pub(super) struct Current {
    pub(super) config: Config,
    pub(super) tables: Loaded,
    /// Who writes down what plug-ins see.
    pub(super) recorder: Option<Arc<Recorder>>,
}

/// Tables, and the files as they were when they were read.
#[derive(Clone, Default)]
pub(super) struct Loaded {
    pub(super) tables: Tables,
    stamps: Stamps,
}

/// By the names of tables.
type Stamps = BTreeMap<String, (PathBuf, Option<Stamp>)>;

/// By which a replaced file is told.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    octets: u64,
    inode: u64,
}

/// The tables of a configuration; all errors at once. Takes a second for a million rows: not for a thread that serves
/// others.
pub fn load(config: &Config) -> anyhow::Result<Tables> {
    Loaded::default().again(config).map(|loaded| loaded.tables)
}

/// Reads what has changed, and makes the directory that goes with it, on a thread that serves nobody.
pub(super) async fn load_aside(
    config: &Config,
    before: &Loaded,
    directory: Option<Arc<Directory>>,
) -> anyhow::Result<(Loaded, Arc<Directory>)> {
    let (config, before) = (config.clone(), before.clone());
    let loading = tokio::task::spawn_blocking(move || {
        let loaded = before.again(&config)?;
        let directory = Directory::new(&config, &loaded.tables, directory.as_deref())?;
        anyhow::Ok((loaded, Arc::new(directory)))
    });
    loading.await?
}

impl Loaded {
    /// With every table read again whose file has changed.
    fn again(&self, config: &Config) -> anyhow::Result<Self> {
        // Before reading: a file that changes meanwhile differs from its stamp, and is read once more.
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
        let tables = Tables::load_changed(files, kept).map_err(|errors| {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            anyhow!("{}", errors.join("\n"))
        })?;
        Ok(Self { tables, stamps })
    }

    /// The files as they are now.
    fn stamps_now(&self) -> Stamps {
        let now =
            |(name, (file, _)): (&String, &(PathBuf, Option<Stamp>))| (name.clone(), (file.clone(), Stamp::of(file)));
        self.stamps.iter().map(now).collect()
    }

    fn folders(&self) -> BTreeSet<PathBuf> {
        let folder = |(file, _): &(PathBuf, Option<Stamp>)| match file.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        self.stamps.values().map(folder).collect()
    }

    /// What is new in it, for the log.
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
    /// Reads tables again whenever their files change, until it is aborted.
    pub(super) async fn keep_tables(self: Arc<Self>, mut watched: Watched, current: Arc<Mutex<Current>>) {
        // Files as they were when they were refused: they are not complained of again before they change.
        let mut refused = None;
        loop {
            let folders = current.lock().await.tables.folders();
            if let Err(error) = watched.follow(folders) {
                tracing::error!("the folder of a table cannot be watched, SIGHUP takes its changes: {error}");
            }
            // Also what changed while nobody watched.
            let mut running = current.lock().await;
            let now = running.tables.stamps_now();
            if now != running.tables.stamps && Some(&now) != refused.as_ref() {
                match self.take_tables(&running).await {
                    Ok(loaded) => {
                        tracing::info!("tables replaced: {}", loaded.news(&running.tables));
                        running.tables = loaded;
                    }
                    Err(error) => {
                        tracing::error!("no table is replaced, the running ones stay: {error:#}");
                        refused = Some(now);
                    }
                }
            }
            drop(running);
            tokio::select! {
                () = watched.told() => watched.settled().await,
                // There may be other folders now.
                () = self.reloaded.notified() => {}
            }
        }
    }

    async fn take_tables(&self, current: &Current) -> anyhow::Result<Loaded> {
        let config = &current.config;
        let before = self.directory.load_full();
        let (loaded, directory) = load_aside(config, &current.tables, Some(before)).await?;
        let granted = |plugin: &crate::config::Plugin| {
            plugin
                .grants
                .iter()
                .any(|grant| matches!(grant, Grant::Tables | Grant::Numbering))
        };
        if config.plugins.iter().any(granted) {
            let services = services(&loaded.tables, &self.spool, &self.clock, &directory)?;
            if let Err(error) = self
                .catalogue
                .replace(chain::specs(config, current.recorder.as_ref())?, services)
                .await
            {
                bail!("plug-ins:\n{error}");
            }
        }
        self.replace_directory(directory);
        Ok(loaded)
    }
}

/// As plug-ins reach them.
pub fn set(tables: &Tables) -> TableSet {
    let shared = |(name, table): (&str, &Arc<Table>)| {
        let table: Arc<dyn mm4relay_engine::Table> = Arc::<Table>::clone(table);
        (name.to_owned(), table)
    };
    tables.iter().map(shared).collect()
}

impl mm4relay_engine::Table for Table {
    fn lookup(&self, key: &str) -> Option<&str> {
        Table::lookup(self, key)
    }

    fn lookup_prefix(&self, text: &str) -> Option<(&str, &str)> {
        Table::lookup_prefix(self, text)
    }
}
