//! What there is around the relay, and outlives it: the time, chance, what has happened, and whether the relay lives.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Which;
use super::books::Books;
use super::disk::Disk;
use super::net::Weather;
use super::plugin::Whims;
use crate::clock::Clock;
use crate::message::Timestamp;

/// When every story begins.
pub(super) const BEGIN: Timestamp = Timestamp(1_790_000_000_000);

pub(super) struct World {
    random: Mutex<fastrand::Rng>,
    /// When the program began that runs now, and by whose clock.
    begun: Mutex<(Timestamp, Option<Instant>)>,
    /// By how much the relay's clock is ahead, in milliseconds, and by how much more it will be when the relay starts next.
    clock: Mutex<(i64, i64)>,
    happened: Mutex<Vec<(Timestamp, String)>>,
    lives: Mutex<[Arc<Life>; 2]>,
    /// The first relay has died.
    pub(super) died: Notify,
    pub(super) weather: Mutex<Weather>,
    pub(super) disk: Mutex<Disk>,
    pub(super) whims: Mutex<Whims>,
    pub(super) books: Mutex<Books>,
}

/// One life of a relay, from a start to its end. What a relay had begun when it was killed never goes on.
pub(super) struct Life {
    /// What it has done that can be seen from outside: octets read and written, and what it asked the store.
    steps: AtomicU64,
    dies_at: AtomicU64,
    dead: AtomicBool,
}

impl Life {
    pub(super) fn is_over(&self) -> bool {
        self.dead.load(SeqCst)
    }
}

impl Default for Life {
    fn default() -> Self {
        Self {
            steps: AtomicU64::new(0),
            dies_at: AtomicU64::new(u64::MAX),
            dead: AtomicBool::new(false),
        }
    }
}

/// The relay's clock: Tokio's, which jumps to whatever is due next, and goes on where the program before it ended.
pub(super) struct WorldClock(pub(super) Arc<World>);

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        self.0.relay_now()
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            begun: Mutex::new((BEGIN, None)),
            clock: Mutex::default(),
            happened: Mutex::default(),
            lives: Default::default(),
            died: Notify::new(),
            weather: Mutex::default(),
            disk: Mutex::default(),
            whims: Mutex::default(),
            books: Mutex::default(),
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        let (at, by) = *held(&self.begun);
        by.map_or(at, |begun| at.plus(begun.elapsed()))
    }

    /// By the relay's clock.
    pub(super) fn relay_now(&self) -> Timestamp {
        Timestamp(self.now().0.saturating_add_signed(held(&self.clock).0))
    }

    /// While the relay is away the next time. A running relay does not heed the system's clock.
    pub(super) fn clock_will_be_set(&self, by_seconds: i64) {
        held(&self.clock).1 += 1_000 * by_seconds;
    }

    /// A program begins, within its runtime, so long after the last one has ended.
    pub(super) fn program_begins(&self, after: Duration) {
        let mut begun = held(&self.begun);
        *begun = (begun.0.plus(after), Some(Instant::now()));
        let mut clock = held(&self.clock);
        *clock = (clock.0 + clock.1, 0);
    }

    /// A relay starts.
    pub(super) fn is_born(&self, which: Which) -> Arc<Life> {
        let life = Arc::<Life>::default();
        held(&self.lives)[which as usize] = Arc::clone(&life);
        life
    }

    /// It does nothing more, whatever it had begun.
    pub(super) fn is_over(&self, which: Which) {
        self.life(which).dead.store(true, SeqCst);
    }

    /// The last one that began.
    pub(super) fn life(&self, which: Which) -> Arc<Life> {
        Arc::clone(&held(&self.lives)[which as usize])
    }

    /// To be called within the runtime of the program that ends.
    pub(super) fn program_ends(&self) {
        let now = self.now();
        *held(&self.begun) = (now, None);
        self.is_over(Which::First);
        self.is_over(Which::Second);
    }

    pub(super) fn happens(&self, what: impl Into<String>) {
        let now = self.now();
        held(&self.happened).push((now, what.into()));
    }

    /// What has happened, one line each.
    pub(super) fn told(&self) -> String {
        let mut text = String::new();
        for (at, what) in held(&self.happened).iter() {
            let passed = at.since(BEGIN);
            let _ = writeln!(text, "{:>9.3} s  {what}", passed.as_secs_f64());
        }
        text
    }

    /// The first relay dies when it has done so much more that can be seen.
    pub(super) fn dies_after(&self, steps: u64) {
        let life = self.life(Which::First);
        life.dies_at.store(life.steps.load(SeqCst) + steps, SeqCst);
    }

    /// A relay does something that can be seen. False when it does not, because it is dead.
    pub(super) fn step(&self, life: &Life) -> bool {
        if life.is_over() {
            return false;
        }
        let step = life.steps.fetch_add(1, SeqCst);
        if step >= life.dies_at.load(SeqCst) {
            life.dead.store(true, SeqCst);
            self.happens("the relay is killed");
            self.died.notify_one();
            return false;
        }
        true
    }

    /// The same; whoever is dead does not go on.
    pub(super) async fn next_step(&self, life: &Life) {
        if !self.step(life) {
            std::future::pending::<()>().await;
        }
    }

    pub(super) fn pick(&self, among: Range<u64>) -> u64 {
        held(&self.random).u64(among)
    }

    pub(super) fn millis(&self, among: Range<u64>) -> Duration {
        Duration::from_millis(self.pick(among))
    }
}

/// Whoever has panicked while holding one has changed nothing by halves.
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
