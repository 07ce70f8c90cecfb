//! Examining a configuration and everything that it names. This is the one place where problems are found, whoever
//! asks.
//!
//! `check` examines and runs nothing. A start and a reload go on with what was made: there is no other way to a
//! [`Prepared`], so nobody can start what `check` would refuse, or refuse what it would pass. The running relay uses
//! the same functions when tables and plug-ins change, and for certificates once an hour.
//!
//! The order, in which each step runs whatever the result of those before: the file itself, tables, routes and the
//! values in tables, certificates and keys, folders, addresses to listen on, and last the plug-ins with their settings,
//! grants, signatures and samples.

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

/// Who asks, and what exists already.
#[derive(Clone)]
pub(crate) enum Asking {
    /// A check, perhaps beside a running relay.
    Check,
    Start,
    Reload(Beside),
}

/// What is running while a configuration is examined.
#[derive(Clone)]
pub(crate) struct Beside {
    pub(crate) tables: Loaded,
    pub(crate) directory: Arc<Directory>,
    /// The addresses in use, including that of monitoring.
    pub(crate) listening: Vec<SocketAddr>,
}

/// Everything but the plug-ins, made without a problem.
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

/// The result of a check without problems.
pub struct Checked {
    pub config: Config,
    pub tables: Tables,
    /// A line for each plug-in, in the order of the chain.
    pub plugins: Vec<String>,
    /// Without problems.
    pub found: Findings,
}

/// The result of examining. A part that could not be made is missing, and then there is a problem.
struct Looked {
    examined: Examined,
    tables: Loaded,
    directory: Option<Arc<Directory>>,
    certificates: Certificates,
    terms: Option<Terms>,
    sockets: Sockets,
    found: Findings,
}

/// Examines the configuration in `file` as a start would, the plug-ins included, and runs nothing.
///
/// # Errors
/// Everything that is wrong, at once.
pub async fn check(file: &Path) -> Result<Checked, Findings> {
    let mut looked = look(Config::examine(file), Asking::Check).await;
    let plugins = looked.try_plugins().await;
    // Some addresses prove unavailable only when somebody listens.
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

/// What a start or a reload goes on with. The caller loads the plug-ins, because they go live there. If something else
/// is wrong, they are tried here, so that all problems are reported at once.
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

/// The tables and routes of a valid configuration, for callers that only ask for a route.
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
    // Without `domains` there is no directory; the configuration's own problems say so already.
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
    /// Loads every plug-in as a start would, and drops it. Returns a line for each when all are good.
    async fn try_plugins(&mut self) -> Vec<String> {
        let config = &self.examined.config;
        // Boxed: loading is the deepest future of all.
        Box::pin(plugins::check(config, &self.tables.tables, &mut self.found)).await
    }
}

/// Whether this program can run on the existing spool. Opening it for use would take its lock and upgrade it.
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

/// Checks the folders that the relay writes to, and makes missing ones.
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
        // A file without a name, which vanishes at once.
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
