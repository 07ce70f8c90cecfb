//! Where every verb is answered.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::audit::Entry;
use super::cdr::RecordFiles;
use super::kv::Octets;
use super::{Ask, Kind, Live, Method, Problem, Who};
use crate::clock::{Clock, SystemClock};
use crate::message::{PeerName, Timestamp};
use crate::spool::{ChangeMade, Noting, Operator};

/// Answers everything that is asked of one relay, running or not.
pub struct Desk {
    pub(super) folder: PathBuf,
    pub(super) store: Arc<dyn Operator>,
    pub(super) live: Option<Arc<dyn Live>>,
    /// The names in the configuration of a relay that does not run, if one was given.
    names: Option<Known>,
    /// The files of the charging outputs of that configuration.
    pub(super) record_files: Option<Arc<dyn RecordFiles>>,
    /// Changes to what is kept beside the store go one after the other.
    pub(super) changing: tokio::sync::Mutex<()>,
    /// So do changes of the configuration, which may take minutes.
    pub(super) configuring: tokio::sync::Mutex<()>,
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
            names,
            record_files: None,
            changing: tokio::sync::Mutex::default(),
            configuring: tokio::sync::Mutex::default(),
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
        let looks = A::METHOD == Method::Get || A::ONLY_LOOKS;
        if looks && !A::LOOKS_ARE_NOTED && !who.reveals {
            self.admit::<A>(who)?;
            return ask.answer(self, who).await;
        }
        let entry = Entry {
            at: self.now().into(),
            who: who.name.clone(),
            role: who.role,
            from: who.from.clone(),
            relay: self.node(),
            did: A::NAME.to_owned(),
            asked: ask.noted_question().map_err(bug)?,
            changed: None,
            refused: None,
        };
        let noting = noting::<A>(&entry);
        let answer = match self.admit::<A>(who) {
            Ok(()) => ask.answer(self, &who.noting(&noting)).await,
            Err(problem) => Err(problem),
        };
        let (changed, refused) = match &answer {
            // In the commit of the change itself.
            Ok(_) if noting.is_written() => return answer,
            // What was seen is no change.
            Ok(_) if looks && who.reveals => (Some(serde_json::json!({"revealed": true})), None),
            Ok(_) if looks => (Some(Value::Object(serde_json::Map::new())), None),
            Ok(answer) => (Some(A::noted(answer)), None),
            Err(problem) => (None, Some(problem.clone())),
        };
        let noted = self
            .note(Entry {
                changed,
                refused,
                ..entry
            })
            .await;
        match (answer, noted) {
            (Ok(_), Err(error)) => Err(Problem::new(
                Kind::Store,
                format!("it is done, and could not be noted in the audit: {error}"),
            )),
            (answer, _) => answer,
        }
    }

    /// Notes what happened without having been asked for here.
    pub async fn note(&self, entry: Entry) -> Result<(), Problem> {
        let relay = entry.relay.clone().or_else(|| self.node());
        let text = value(&Entry { relay, ..entry.clone() })?;
        self.blocking(move |store| Ok(store.note(entry.at.0, text)?)).await
    }

    pub fn now(&self) -> Timestamp {
        self.live.as_ref().map_or_else(|| SystemClock.now(), |live| live.now())
    }

    /// Of the relays that share a store, the one that runs here.
    fn node(&self) -> Option<String> {
        self.live.as_ref().and_then(|live| live.node())
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

    /// What these peers are to be sent has changed in the store: a relay that runs looks again.
    pub(super) fn reconsider(&self, peers: &[PeerName]) {
        if let Some(live) = &self.live {
            live.reconsider(peers);
        }
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

    /// Whether they may ask this at all.
    pub(super) fn admit<A: Ask>(&self, who: &Who) -> Result<(), Problem> {
        if who.role >= A::ROLE && (who.sees_numbers || !A::REVEALS) {
            return Ok(());
        }
        if who.role >= A::ROLE {
            let detail = format!(
                "{} takes the right to see numbers whole, and asking for it: Mm4relay-Reveal: yes",
                A::NAME
            );
            return Err(Problem::new(Kind::Forbidden, detail));
        }
        let (is, takes) = (who.role.as_str(), A::ROLE.as_str());
        let detail = format!("{} is {is}, and {} takes {takes}", who.name, A::NAME);
        Err(Problem::new(Kind::Forbidden, detail))
    }
}

fn value(of: &impl serde::Serialize) -> Result<Value, Problem> {
    serde_json::to_value(of).map_err(bug)
}

fn bug(error: serde_json::Error) -> Problem {
    Problem::new(Kind::Internal, format!("a bug: {error}"))
}

/// What the store is to note of this question when it changes something for it.
fn noting<A: Ask>(of: &Entry) -> Noting {
    let of = of.clone();
    Noting::new(move |made| {
        let changed = match made {
            ChangeMade::Entries(number) => serde_json::json!({ A::COUNTS: number }),
            ChangeMade::Value { before, after } => serde_json::json!({
                "before": before.map(Octets::of),
                "after": after.map(Octets::of),
            }),
        };
        let changed = Some(changed);
        value(&Entry { changed, ..of.clone() }).unwrap_or_default()
    })
}
