//! Looking at a configuration and at everything that it names: the one place where problems are found, for whoever asks.
//!
//! `check` asks and runs nothing. A start and a reload ask, and go on with what was made on the way: there is no other way
//! to a [`Prepared`], so that nobody can start what `check` would refuse, or refuse what it would pass. The running relay
//! asks the same functions again when tables and plug-ins change under it, and for certificates once an hour.
//!
//! In this order, each whatever the others came to: the file itself, tables, routes and what rows of tables lead to,
//! certificates and keys, folders, addresses to listen on, and at last the plug-ins with their settings, grants,
//! signatures and samples.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::certificates::Certificates;
use super::findings::Findings;
use super::listening::{Sockets, TakenBy};
use super::plugins;
use super::shared_store;
use super::tables::{Loaded, load};
use super::terms::terms;
use crate::clock::SystemClock;
use crate::config::{Code, Config, Examined};
use crate::relay::directory::Directory;
use crate::spool::{self, SpoolError};
use crate::tables::Tables;
use crate::transactions::Terms;

/// Who asks, and what is there already.
#[derive(Clone)]
pub(crate) enum Asking {
    /// Somebody who wants to know, perhaps beside a running relay.
    Check,
    Start,
    Reload(Beside),
}

/// What runs while a configuration is looked at.
#[derive(Clone)]
pub(crate) struct Beside {
    pub(crate) tables: Loaded,
    pub(crate) directory: Arc<Directory>,
    /// Where it listens, the console too.
    pub(crate) listening: Vec<SocketAddr>,
}

/// Everything but the plug-ins, made and found good.
pub(crate) struct Prepared {
    pub(crate) examined: Examined,
    pub(crate) tables: Loaded,
    pub(crate) directory: Arc<Directory>,
    pub(crate) certificates: Certificates,
    pub(crate) terms: Terms,
    pub(crate) sockets: Sockets,
    /// Without problems.
    pub(crate) found: Findings,
}

/// What a check has to say when nothing is wrong.
pub struct Checked {
    pub config: Config,
    pub tables: Tables,
    /// A line for each, in the order of the chain.
    pub plugins: Vec<String>,
    /// Without problems.
    pub found: Findings,
}

/// What looking came to. What could not be made is absent, and then there is a problem.
struct Looked {
    examined: Examined,
    tables: Loaded,
    directory: Option<Arc<Directory>>,
    certificates: Certificates,
    terms: Option<Terms>,
    sockets: Sockets,
    found: Findings,
}

/// Looks at the configuration in `file` as a start would, the plug-ins included, and runs nothing.
///
/// # Errors
/// Everything that is wrong, at once.
pub async fn check(file: &Path) -> Result<Checked, Findings> {
    let mut looked = look(Config::examine(file), Asking::Check).await;
    let plugins = looked.try_plugins().await;
    // Whether an address can be listened on may show only when somebody does.
    drop(looked.sockets.listen(&mut looked.found));
    if !looked.found.is_empty() {
        return Err(looked.found);
    }
    Ok(Checked {
        config: looked.examined.config,
        tables: looked.tables.tables,
        plugins,
        found: looked.found,
    })
}

/// What a start or a reload goes on with. The plug-ins are loaded by whoever goes on, since they go live there; they are
/// tried here when something else is wrong, so that the whole list is said at once.
pub(crate) async fn prepare(examined: Examined, asking: Asking) -> Result<Prepared, Findings> {
    let mut looked = look(examined, asking).await;
    match (looked.directory, looked.terms) {
        (Some(directory), Some(terms)) if looked.found.is_empty() => Ok(Prepared {
            examined: looked.examined,
            tables: looked.tables,
            directory,
            certificates: looked.certificates,
            terms,
            sockets: looked.sockets,
            found: looked.found,
        }),
        (directory, terms) => {
            (looked.directory, looked.terms) = (directory, terms);
            looked.try_plugins().await;
            Err(looked.found)
        }
    }
}

/// Tables and routes of a good configuration, for those who only ask where something would go.
///
/// # Errors
/// What is wrong with them.
pub async fn directory(config: Config, file: &Path) -> Result<Arc<Directory>, Findings> {
    let examined = Config::examine(file);
    let found = Findings::of(&examined);
    let (_, directory, found) = load(config, Loaded::default(), None, found).await;
    directory.filter(|_| found.is_empty()).ok_or(found)
}

async fn look(examined: Examined, asking: Asking) -> Looked {
    let config = examined.config.clone();
    let (before, directory) = match &asking {
        Asking::Reload(beside) => (beside.tables.clone(), Some(Arc::clone(&beside.directory))),
        Asking::Check | Asking::Start => (Loaded::default(), None),
    };
    let (tables, directory, mut found) = load(config.clone(), before, directory, Findings::of(&examined)).await;
    let certificates = Certificates::load(&config, &mut found, SystemTime::now());
    // Without `domains` there is none: the configuration's own problems say so already.
    let is_whole = examined.problems.is_empty();
    let terms = terms(&config).map_err(|error| {
        if is_whole {
            found.problem(Code::KeyMissing, "relay.system-address", error);
        }
    });
    let only_looking = matches!(asking, Asking::Check);
    folders(&config, only_looking, &mut found);
    spool(&config, &mut found);
    let taken = match &asking {
        Asking::Reload(beside) => TakenBy::Us(&beside.listening),
        Asking::Check if spool::is_in_use(&config.relay.spool) => TakenBy::RelayOnSpool,
        Asking::Check | Asking::Start => TakenBy::Nobody,
    };
    let sockets = Sockets::bind(&config, &taken, only_looking, &mut found);
    Looked {
        tables,
        directory,
        certificates,
        terms: terms.ok(),
        sockets,
        found,
        examined,
    }
}

impl Looked {
    /// Loads every plug-in as a start would, and throws it away. A line for each, when all are good.
    async fn try_plugins(&mut self) -> Vec<String> {
        let config = &self.examined.config;
        // Boxed: loading is the deepest future of all.
        Box::pin(plugins::check(config, &self.tables.tables, &mut self.found)).await
    }
}

/// Whether this program can run on the spool that is there. Opening it for good takes its lock, and upgrades it.
fn spool(config: &Config, found: &mut Findings) {
    let folder = &config.relay.spool;
    if let Some(shared) = &config.shared_spool {
        let clock = Arc::new(SystemClock);
        let opened =
            shared_store::database(shared).and_then(|database| Ok(spool::open_shared_beside(&database, clock)?));
        if let Err(error) = opened {
            found.problem(Code::SpoolUnusable, "spool.hosts", format!("{error:#}"));
        }
        return;
    }
    if !spool::is_there(folder) {
        return;
    }
    match spool::open_beside(folder) {
        Ok(_) => {}
        Err(error @ SpoolError::Older { .. }) => found.remark("relay.spool", error),
        Err(error) => found.problem(Code::SpoolUnusable, "relay.spool", error),
    }
}

/// Folders that the relay writes to, and makes when they are not there.
fn folders(config: &Config, only_looking: bool, found: &mut Findings) {
    let spool = ("relay.spool", config.relay.spool.as_path());
    let recording = config.recording.as_ref();
    let recording = recording.map(|recording| ("recording.folder", recording.folder.as_path()));
    for (key, folder) in [spool].into_iter().chain(recording) {
        let there = folder.ancestors().find(|folder| folder.symlink_metadata().is_ok());
        let there = there.unwrap_or(Path::new("."));
        if !there.is_dir() {
            found.problem(Code::FolderUnusable, key, format!("{} is no folder", there.display()));
            continue;
        }
        // A file without a name, which is gone at once.
        if let Err(error) = tempfile::tempfile_in(there) {
            let said = format!("{} cannot be written to: {error}", there.display());
            match only_looking && error.kind() == std::io::ErrorKind::PermissionDenied {
                true => found.notice(
                    Code::FolderUnsure,
                    key,
                    format!("{said}; this is not the relay's user, perhaps"),
                ),
                false => found.problem(Code::FolderUnusable, key, said),
            }
        }
    }
}
