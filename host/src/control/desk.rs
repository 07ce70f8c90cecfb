//! Where every verb is answered.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::audit::{Book, Entry};
use super::cdr::RecordFiles;
use super::{Ask, Kind, Live, Method, Problem, Who};
use crate::clock::{Clock, SystemClock};
use crate::message::Timestamp;
use crate::spool::Operator;

/// Answers everything that is asked of one relay, running or not.
pub struct Desk {
    pub(super) folder: PathBuf,
    pub(super) store: Arc<dyn Operator>,
    pub(super) live: Option<Arc<dyn Live>>,
    pub(super) audit: Arc<Book>,
    /// The names in the configuration of a relay that does not run, if one was given.
    names: Option<Known>,
    /// The files of the charging outputs of that configuration.
    pub(super) record_files: Option<Arc<dyn RecordFiles>>,
    /// Changes to what is kept beside the store go one after the other.
    pub(super) changing: tokio::sync::Mutex<()>,
}

/// The names of a configuration. A slip would select nothing, or let messages wait for a peer that never comes.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Everybody that messages may come from or go to.
    pub peers: Vec<String>,
    /// Those of them that something can be sent to.
    pub next_hops: Vec<String>,
    pub plugins: Vec<String>,
}

impl Desk {
    /// In a running relay.
    pub fn of_running(folder: &Path, store: Arc<dyn Operator>, live: Arc<dyn Live>) -> Self {
        Self {
            live: Some(live),
            ..Self::of_folder(folder, store, None)
        }
    }

    /// Before the folder of a relay that does not run. With the names of its configuration, slips are noticed.
    pub fn of_folder(folder: &Path, store: Arc<dyn Operator>, names: Option<Known>) -> Self {
        Self {
            folder: folder.to_owned(),
            store,
            live: None,
            audit: Arc::new(Book::of(folder)),
            names,
            record_files: None,
            changing: tokio::sync::Mutex::default(),
        }
    }

    /// The same, with the files of that configuration's charging outputs.
    #[must_use]
    pub fn with_record_files(self, record_files: Option<Arc<dyn RecordFiles>>) -> Self {
        Self { record_files, ..self }
    }

    /// Answers, when this role may ask. A change is noted with what came of it before anybody hears.
    ///
    /// # Errors
    /// Why nothing was done; or, where that is said, that something was done and could not be noted.
    pub async fn ask<A: Ask>(&self, who: &Who, ask: A) -> Result<A::Answer, Problem> {
        if A::METHOD == Method::Get {
            self.admit::<A>(who)?;
            return ask.answer(self, who).await;
        }
        let asked = value(&ask)?;
        let answer = match self.admit::<A>(who) {
            Ok(()) => ask.answer(self, who).await,
            Err(problem) => Err(problem),
        };
        let (changed, refused) = match &answer {
            Ok(answer) => (Some(value(answer)?), None),
            Err(problem) => (None, Some(problem.clone())),
        };
        let entry = Entry {
            at: self.now().into(),
            who: who.name.clone(),
            role: who.role,
            from: who.from.clone(),
            did: A::NAME.to_owned(),
            asked,
            changed,
            refused,
        };
        let noted = self.note(entry).await;
        match (answer, noted) {
            (Ok(_), Err(error)) => Err(Problem::new(
                Kind::Store,
                format!("it is done, and could not be noted in the audit: {error}"),
            )),
            (answer, _) => answer,
        }
    }

    /// Notes what happened without having been asked for here.
    pub async fn note(&self, entry: Entry) -> std::io::Result<()> {
        let audit = Arc::clone(&self.audit);
        let noted = tokio::task::spawn_blocking(move || audit.note(&entry)).await;
        noted.unwrap_or_else(|error| Err(std::io::Error::other(error)))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.live.as_ref().map_or_else(|| SystemClock.now(), |live| live.now())
    }

    /// The names in the configuration; `None` when nobody knows it.
    pub(super) fn known(&self) -> Option<Known> {
        self.live
            .as_ref()
            .map(|live| live.known())
            .or_else(|| self.names.clone())
    }

    /// The running relay.
    pub(super) fn live(&self, what: &str) -> Result<&Arc<dyn Live>, Problem> {
        self.live.as_ref().ok_or_else(|| Problem::not_running(what))
    }

    /// Runs what blocks on a thread for that.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        run: impl FnOnce(&dyn Operator) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || run(&*store)).await;
        done.unwrap_or_else(|error| Err(Problem::new(Kind::Internal, format!("a bug: {error}"))))
    }

    fn admit<A: Ask>(&self, who: &Who) -> Result<(), Problem> {
        if who.role >= A::ROLE {
            return Ok(());
        }
        let (is, takes) = (who.role.as_str(), A::ROLE.as_str());
        let detail = format!("{} is {is}, and {} takes {takes}", who.name, A::NAME);
        Err(Problem::new(Kind::Forbidden, detail))
    }
}

fn value(of: &impl serde::Serialize) -> Result<Value, Problem> {
    serde_json::to_value(of).map_err(|error| Problem::new(Kind::Internal, format!("a bug: {error}")))
}
