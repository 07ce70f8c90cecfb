//! Turns for calls that take long, so that short ones never wait for them.
//!
//! A call begins at once, on whatever thread has it, and yields at every tick. Most have ended before their second one.
//! A call that has not needs a turn from then on, and there are as many turns as cores: however many photographs are
//! being scaled, a call that only looks at headers waits for a tick of each core, and not for a tick of each of them. The
//! others wait, in the order in which they came, keep what they have done so far, and lose nothing of their time budget.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{Store, UpdateDeadline};

use crate::host::Call;

/// How many ticks a call may use before it needs a turn.
const FREE_TICKS: u32 = 2;

/// The turns of one engine.
pub(crate) struct Turns(Arc<Semaphore>);

/// The turn of one call, and how long it has waited.
#[derive(Clone, Default)]
pub(crate) struct Waits(Arc<Mutex<Wait>>);

#[derive(Default)]
struct Wait {
    ticks: u32,
    /// Held until the end of the call.
    turn: Option<OwnedSemaphorePermit>,
    since: Option<Instant>,
    before: Duration,
}

impl Turns {
    /// One turn for each core, and at least one.
    pub fn of_this_machine() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Turns(Arc::new(Semaphore::new(cores)))
    }

    /// Makes the calls of a store yield at every tick, and take turns when they are long.
    pub fn govern(&self, store: &mut Store<Call>) {
        let turns = Arc::clone(&self.0);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |context| {
            let waits = &context.data().waits;
            Ok(match waits.needs_turn() {
                false => UpdateDeadline::Yield(1),
                true => UpdateDeadline::YieldCustom(1, Box::pin(waits.clone().take_turn(Arc::clone(&turns)))),
            })
        });
    }
}

impl Waits {
    /// How long the call has waited for its turn until now.
    pub fn so_far(&self) -> Duration {
        let wait = self.lock();
        wait.before + wait.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Gives the turn to others while the call waits for a service outside; a call that goes on for long needs one
    /// again.
    pub fn give_back(&self) {
        self.lock().turn = None;
    }

    fn needs_turn(&self) -> bool {
        let mut wait = self.lock();
        wait.ticks = wait.ticks.saturating_add(1);
        wait.ticks > FREE_TICKS && wait.turn.is_none()
    }

    async fn take_turn(self, turns: Arc<Semaphore>) {
        self.lock().since = Some(Instant::now());
        // Nobody closes the semaphore; if it were closed, there would be nothing to wait for.
        let turn = turns.acquire_owned().await.ok();
        let mut wait = self.lock();
        if let Some(since) = wait.since.take() {
            wait.before += since.elapsed();
        }
        wait.turn = turn;
    }

    /// It changes by single assignments, so it is consistent even after a panic.
    fn lock(&self) -> std::sync::MutexGuard<'_, Wait> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Like `tokio::time::timeout`, except that waiting for a turn does not count.
pub(crate) async fn within<T>(budget: Duration, waits: &Waits, call: impl Future<Output = T>) -> Option<T> {
    let mut call = std::pin::pin!(call);
    let started = tokio::time::Instant::now();
    let mut allowed = budget;
    loop {
        if let Ok(ended) = tokio::time::timeout_at(started + allowed, call.as_mut()).await {
            return Some(ended);
        }
        let now = budget.saturating_add(waits.so_far());
        if now <= allowed {
            return None;
        }
        // While the call waits, its allowance grows with the clock, and must not be checked at every instant.
        allowed = now.max(started.elapsed() + LOOK);
    }
}

/// How often a call without time left, but waiting, is checked.
const LOOK: Duration = Duration::from_millis(1);
