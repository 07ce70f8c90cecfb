//! One relay among those that share a store: it looks at all courses, does its duties, and says what came of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::course::Course;
use super::steps::{Outlook, RolloutEvent, Statement};
use crate::message::Timestamp;
use crate::spool::{Overview, Revised, Rollouts, SpoolError, Steering};
use crate::sync::lock;
use crate::versions::{Catalogue, ReadyForAll, ShownForAll};

/// How often a relay looks. What one relay says reaches the others within this time.
const LOOK: Duration = Duration::from_millis(500);

/// How often a change is computed anew because another relay was faster.
const TRIES: usize = 50;

/// A change of a course, for the audit.
#[derive(Debug)]
pub struct CourseChange<'n> {
    /// The relay that makes it, and who asked for it there, if somebody did.
    pub relay: &'n str,
    pub by: Option<&'n str>,
    pub plugin: &'n str,
    pub said: String,
    pub before: &'n Course,
    pub after: &'n Course,
}

/// Makes an entry for the audit of a change.
pub type NoteChange = Arc<dyn Fn(&CourseChange<'_>) -> (Timestamp, Value) + Send + Sync>;

/// This relay.
pub struct Participant {
    pub(super) store: Arc<dyn Rollouts>,
    pub(super) catalogue: Arc<Catalogue>,
    /// The spool's folder, with the components that are kept.
    pub(super) folder: PathBuf,
    note: NoteChange,
    seen: watch::Sender<LastLook>,
    own: Mutex<BTreeMap<String, Own>>,
}

/// What was seen last.
#[derive(Clone, Debug, Default)]
pub struct LastLook {
    pub me: String,
    pub relays: BTreeSet<String>,
    pub courses: BTreeMap<String, Course>,
}

/// What this relay has in hand of a plug-in, by the number of the roll-out.
#[derive(Default)]
pub(super) struct Own {
    pub(super) prepared: Option<(u64, ReadyForAll)>,
    pub(super) shown: Option<(u64, ShownForAll)>,
    /// When it was tried in vain to run the version that all run.
    pub(super) tried: Option<Instant>,
    /// It has been said that another program has written the course.
    unreadable: bool,
}

impl Participant {
    pub fn new(store: Arc<dyn Rollouts>, catalogue: Arc<Catalogue>, folder: PathBuf, note: NoteChange) -> Arc<Self> {
        Arc::new(Self {
            store,
            catalogue,
            folder,
            note,
            seen: watch::Sender::default(),
            own: Mutex::default(),
        })
    }

    /// Takes part for as long as it is polled.
    pub async fn take_part(self: Arc<Self>) {
        let mut busy: HashMap<String, JoinHandle<()>> = HashMap::new();
        loop {
            // That the store is away is said elsewhere, and until it is back everything stays as it is.
            if let Ok(known) = self.store.overview().await {
                self.attend_all(&known, &mut busy).await;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn attend_all(self: &Arc<Self>, known: &Overview, busy: &mut HashMap<String, JoinHandle<()>>) {
        let mut courses = BTreeMap::new();
        for (plugin, revised) in &known.courses {
            let course = match read(revised) {
                Ok(course) => course,
                Err(error) => {
                    if !self.own(plugin, |own| std::mem::replace(&mut own.unreadable, true)) {
                        tracing::error!(plugin, event = "rollout-unreadable", "{error}");
                    }
                    continue;
                }
            };
            let outlook = outlook(known);
            let next = course.after(&RolloutEvent::Look, &outlook);
            let course = match next == course {
                true => course,
                false => self
                    .say(plugin, &RolloutEvent::Look, String::new())
                    .await
                    .unwrap_or(course),
            };
            if course.live.is_some() && self.catalogue.runs(plugin) == course.live.as_ref().map(|it| it.digest.clone())
            {
                self.catalogue.pin(plugin);
            }
            if busy.get(plugin).is_none_or(JoinHandle::is_finished) {
                let (participant, named, course, me) =
                    (Arc::clone(self), plugin.clone(), course.clone(), known.me.clone());
                // Of its own: preparing takes long, and other plug-ins must not wait for it.
                busy.insert(
                    plugin.clone(),
                    tokio::spawn(async move { participant.attend(&named, &course, &me).await }),
                );
            }
            courses.insert(plugin.clone(), course);
        }
        self.tell_of(&courses);
        let (me, relays) = (known.me.clone(), known.relays.clone());
        self.seen.send_replace(LastLook { me, relays, courses });
    }

    /// Says in the log where a roll-out is, once.
    fn tell_of(&self, courses: &BTreeMap<String, Course>) {
        let before = self.seen.borrow().clone();
        for (plugin, course) in courses {
            let Some(rollout) = &course.rollout else { continue };
            let known = before.courses.get(plugin).and_then(|course| course.rollout.as_ref());
            if known.is_some_and(|known| known.number == rollout.number && known.phase == rollout.phase) {
                continue;
            }
            let (number, digest) = (rollout.number, super::not_now::short(&rollout.version.digest));
            let said = rollout.phase.to_string();
            match rollout.phase.is_bad() {
                // What was over before this start is no news.
                true if before.me.is_empty() => {}
                true => tracing::error!(
                    plugin,
                    number,
                    digest,
                    event = "rollout-ended",
                    "the roll-out has ended: {said}"
                ),
                false => tracing::info!(plugin, number, digest, event = "rollout-goes-on", "{said}"),
            }
        }
    }

    /// What was seen last.
    pub fn seen(&self) -> LastLook {
        self.seen.borrow().clone()
    }

    /// The digest of what this relay runs.
    pub fn runs(&self, plugin: &str) -> Option<String> {
        self.catalogue.runs(plugin)
    }

    pub(super) fn news(&self) -> watch::Receiver<LastLook> {
        self.seen.subscribe()
    }

    /// Changes what this relay has in hand of a plug-in.
    pub(super) fn own<T>(&self, plugin: &str, change: impl FnOnce(&mut Own) -> T) -> T {
        change(lock(&self.own).entry(plugin.to_owned()).or_default())
    }

    /// Says what this relay has to say of a roll-out. What the course is then.
    pub(super) async fn tell(
        &self,
        plugin: &str,
        (relay, number): (&str, u64),
        said: Statement,
    ) -> Result<Course, SpoolError> {
        let words = said.to_string();
        let relay = relay.to_owned();
        self.say(plugin, &RolloutEvent::Told { relay, number, said }, words)
            .await
    }

    async fn say(&self, plugin: &str, event: &RolloutEvent, words: String) -> Result<Course, SpoolError> {
        let made = self.change(plugin, None, words, |course, known| {
            Ok(course.after(event, &outlook(known)))
        });
        match made.await {
            Ok(course) => Ok(course),
            Err(NotChanged::Store(error)) => {
                tracing::warn!(
                    plugin,
                    event = "rollout-not-told",
                    "the store did not take how far this relay is: {error}"
                );
                Err(error)
            }
            Err(NotChanged::Now(never)) => Err(SpoolError::Unfit(never.to_string())),
        }
    }

    /// Changes a course, with its entry in the audit, however often others are faster. Nothing is written where nothing
    /// changes.
    pub(super) async fn change(
        &self,
        plugin: &str,
        by: Option<&str>,
        said: String,
        next: impl Fn(&Course, &Overview) -> Result<Course, super::NotNow>,
    ) -> Result<Course, NotChanged> {
        for _ in 0..TRIES {
            let known = self.store.overview().await?;
            let revised = known.courses.get(plugin).cloned().unwrap_or_default();
            let before = read(&revised).map_err(SpoolError::Damaged)?;
            let after = next(&before, &known).map_err(NotChanged::Now)?;
            if after == before {
                return Ok(after);
            }
            let noted = CourseChange {
                relay: &known.me,
                by,
                plugin,
                said: said.clone(),
                before: &before,
                after: &after,
            };
            let steering = Steering {
                plugin: plugin.to_owned(),
                seen: revised.revision,
                course: serde_json::to_value(&after).map_err(|error| SpoolError::Unfit(error.to_string()))?,
                notes: vec![(self.note)(&noted)],
            };
            if self.store.steer(steering).await? {
                self.tidy(&before, &after, &known).await;
                return Ok(after);
            }
        }
        Err(SpoolError::Away("other relays are always faster".into()).into())
    }

    /// Components that no course needs any more go, when a roll-out ends.
    async fn tidy(&self, before: &Course, after: &Course, known: &Overview) {
        if before.under_way().is_none() || after.under_way().is_some() {
            return;
        }
        let others = known.courses.values().filter_map(|revised| read(revised).ok());
        let needed: Vec<String> = others
            .flat_map(|course| course.needed().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let needed = needed.into_iter().chain(after.needed().map(str::to_owned)).collect();
        if let Err(error) = self.store.forget_components(needed).await {
            tracing::warn!(
                event = "spool-not-tidied",
                "components that nobody needs stay in the store: {error}"
            );
        }
    }
}

/// Why a course was not changed.
#[derive(Debug, thiserror::Error)]
pub enum NotChanged {
    #[error(transparent)]
    Now(super::NotNow),
    #[error(transparent)]
    Store(#[from] SpoolError),
}

pub(super) fn outlook(known: &Overview) -> Outlook<'_> {
    Outlook {
        now: known.now,
        living: &known.relays,
    }
}

pub(super) fn read(revised: &Revised) -> Result<Course, String> {
    match &revised.course {
        Value::Null => Ok(Course::default()),
        course => serde_json::from_value(course.clone()).map_err(|error| {
            format!("a course is not as this program writes it, run the later one on all relays: {error}")
        }),
    }
}
