//! The relay's standing tasks: those that must be alive for as long as the relay runs, and end only when it does.
//!
//! One rule holds for all of them. A standing task that panics, or returns early, causes a log line at level error, is
//! counted, makes `/health` fail, and is started again after a second. When the same task dies for the sixth time
//! within a minute, starting it again does not help: then the process ends, with an exit code of its own, and its
//! supervisor starts another. Neither loses anything that was acknowledged.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

/// The message of a panic. Its place in the source is in the log, and the panic is counted: see
/// [`telemetry`](crate::telemetry).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked(String);

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a bug of the relay: panicked: {}", self.0)
    }
}

/// Awaits `future` and returns its output, or the panic that ended it. So a panic that one message causes costs that
/// message alone.
///
/// After a panic the future is dropped, as when it is cancelled. Everything that it shares with others must therefore
/// be consistent at every await.
pub async fn caught<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(payload) => {
                let text = payload.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
                Poll::Ready(Err(Panicked(text.unwrap_or("without a text").to_owned())))
            }
        }
    })
    .await
}

/// The pause before a dead task is started again.
const PAUSE: Duration = Duration::from_secs(1);

/// How many deaths of one task within [`WITHIN`] are tolerated.
const MOST_DEATHS: usize = 5;
const WITHIN: Duration = Duration::from_secs(60);

/// The standing tasks of one relay.
#[derive(Debug)]
pub struct Vitals {
    tasks: Mutex<BTreeMap<String, Life>>,
    /// Set to true when the relay stops: from then on a task that returns is not started again.
    ending: watch::Sender<bool>,
    /// The reason why the process must end, once there is one.
    failed: watch::Sender<Option<String>>,
}

#[derive(Debug, Default)]
struct Life {
    deaths: u64,
    lately: Vec<Instant>,
    /// Why the task died; `None` again once it has been restarted.
    dead: Option<String>,
}

/// A standing task. Dropping this value ends the task.
#[derive(Debug)]
pub struct Standing(JoinHandle<()>);

impl Default for Vitals {
    fn default() -> Self {
        Self {
            tasks: Mutex::default(),
            ending: watch::Sender::new(false),
            failed: watch::Sender::new(None),
        }
    }
}

impl Vitals {
    /// Starts the future that `begin` makes, and starts it again whenever it ends, until [`end`](Self::end) is called
    /// or the returned value is dropped.
    ///
    /// Must be called within a Tokio runtime.
    pub fn keep<F>(self: &Arc<Self>, name: impl Into<String>, begin: impl Fn() -> F + Send + 'static) -> Standing
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (vitals, name) = (Arc::clone(self), name.into());
        vitals.tasks().entry(name.clone()).or_default();
        Standing(tokio::spawn(async move {
            loop {
                // A `JoinSet` aborts its task when it is dropped, so the task ends together with this loop.
                let mut task = JoinSet::new();
                task.spawn(begin());
                let ended = task.join_next().await;
                if *vitals.ending.borrow() {
                    return;
                }
                let why = match ended {
                    Some(Err(error)) => format!("it failed: {error}"),
                    _ => "it ended before its time".to_owned(),
                };
                if !vitals.died(&name, why) {
                    return;
                }
                sleep(PAUSE).await;
                vitals.tasks().entry(name.clone()).or_default().dead = None;
            }
        }))
    }

    /// Allows the tasks to end, because the relay stops.
    pub fn end(&self) {
        self.ending.send_replace(true);
    }

    /// Records that the process cannot go on, and why.
    pub fn fail(&self, why: String) {
        tracing::error!(event = "relay-ends", "the relay cannot go on: {why}");
        self.failed.send_replace(Some(why));
    }

    /// Waits until the process cannot go on, and returns the reason.
    pub async fn failed(&self) -> String {
        let mut failed = self.failed.subscribe();
        let why = failed.wait_for(Option::is_some).await.map(|why| why.clone());
        // The sender cannot be gone: `self` owns it.
        why.ok().flatten().unwrap_or_default()
    }

    /// The tasks that are dead at this moment, each with the reason.
    pub fn troubles(&self) -> Vec<String> {
        let tasks = self.tasks();
        let dead = tasks
            .iter()
            .filter_map(|(name, life)| Some((name, life.dead.as_ref()?)));
        let failed = self.failed.borrow().clone();
        dead.map(|(name, why)| format!("task {name}: {why}"))
            .chain(failed)
            .collect()
    }

    /// How often each task has died, by its name.
    pub fn deaths(&self) -> Vec<(String, u64)> {
        let tasks = self.tasks();
        tasks.iter().map(|(name, life)| (name.clone(), life.deaths)).collect()
    }

    /// Records the death of a task. Returns false when the task must not be started again.
    fn died(&self, name: &str, why: String) -> bool {
        let now = Instant::now();
        let mut tasks = self.tasks();
        let life = tasks.entry(name.to_owned()).or_default();
        life.deaths += 1;
        life.lately.retain(|at| now.duration_since(*at) < WITHIN);
        life.lately.push(now);
        let often = life.lately.len();
        life.dead = Some(why.clone());
        drop(tasks);
        if often > MOST_DEATHS {
            self.fail(format!(
                "its task \"{name}\" died {often} times within {WITHIN:?}, the last time because {why}"
            ));
            return false;
        }
        tracing::error!(
            task = name,
            event = "task-died",
            "a task of the relay died, and begins anew: {why}"
        );
        true
    }

    /// Every change is a single call, so the map is consistent even after a holder has panicked.
    fn tasks(&self) -> MutexGuard<'_, BTreeMap<String, Life>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    /// Waits for the end of the task, after [`Vitals::end`].
    pub async fn ended(mut self) {
        let _ = (&mut self.0).await;
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_noticed_and_begins_anew() {
        let (vitals, begun) = (Arc::new(Vitals::default()), Arc::new(AtomicU32::new(0)));
        let count = Arc::clone(&begun);
        let _task = vitals.keep("accepting", move || {
            let count = Arc::clone(&count);
            async move {
                assert!(count.fetch_add(1, Ordering::Relaxed) > 0, "the first one dies");
                std::future::pending().await
            }
        });
        while vitals.troubles().is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(
            vitals.troubles()[0].starts_with("task accepting: it failed: "),
            "{:?}",
            vitals.troubles()
        );
        sleep(PAUSE * 2).await;
        assert_eq!(vitals.troubles(), Vec::<String>::new());
        assert_eq!(vitals.deaths(), [("accepting".to_owned(), 1)]);
        assert_eq!(begun.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_dies_again_and_again_ends_the_process() {
        let vitals = Arc::new(Vitals::default());
        let _task = vitals.keep("accepting", || async {});
        let began = Instant::now();
        let why = vitals.failed().await;
        assert!(why.contains("\"accepting\" died 6 times within 60s"), "{why}");
        assert_eq!(began.elapsed().as_secs(), 5);
        assert!(!vitals.troubles().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_dies_now_and_then_goes_on() {
        let vitals = Arc::new(Vitals::default());
        let _task = vitals.keep("accepting", || sleep(WITHIN / 4));
        sleep(WITHIN * 20).await;
        assert!(vitals.failed.borrow().is_none() && vitals.deaths()[0].1 > 50);
    }

    #[tokio::test]
    async fn at_the_end_tasks_may_end() {
        let vitals = Arc::new(Vitals::default());
        let (stop, stopped) = watch::channel(false);
        let task = vitals.keep("accepting", move || {
            let mut stopped = stopped.clone();
            async move {
                let _ = stopped.wait_for(|stop| *stop).await;
            }
        });
        vitals.end();
        stop.send_replace(true);
        task.ended().await;
        assert_eq!(vitals.troubles(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_with_its_text() {
        assert_eq!(caught(async { 7 }).await, Ok(7));
        let planted = caught(async {
            tokio::task::yield_now().await;
            panic!("planted in {}", "here")
        });
        let panicked: Result<(), Panicked> = planted.await;
        assert_eq!(
            panicked.unwrap_err().to_string(),
            "a bug of the relay: panicked: planted in here"
        );
    }
}
