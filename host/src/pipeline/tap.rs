//! Listening to the calls of a plug-in, off the message's path.
//!
//! A shadow run and a recording need what the running version saw and what it decided. They get it through lanes that
//! are bounded in calls and in octets: what does not fit is missed, and counted. A message never waits for a listener.
//! While nobody listens, a call costs one more atomic load.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use mm4relay_engine::{Failure, Judgement, Occasion, Plugin, Spent};
use tokio::sync::mpsc;

use super::subject::View;
use super::tape::Asked;

/// The listeners to one version.
#[derive(Default)]
pub struct Tap {
    pub(super) shadow: ArcSwapOption<Ear>,
    pub(super) recording: Option<Arc<dyn Listener>>,
    /// The cost of its calls, for rehearsals; not kept under traffic.
    cost: Option<Mutex<Cost>>,
}

/// The cost of a version's calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub calls: u64,
    /// The time of the longest call.
    pub time: Duration,
    /// The fuel of the call that used most; 0 unless the engine counts it.
    pub fuel: u64,
    /// The linear memory, in octets, of the call that had most.
    pub memory: u64,
    pub host_calls: u64,
    /// Octets of bodies that went into the sandbox.
    pub read: u64,
    /// Octets of bodies that the plug-in wrote.
    pub written: u64,
}

impl Cost {
    /// Adds the cost of other calls.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.time = self.time.max(other.time);
        self.fuel = self.fuel.max(other.fuel);
        self.memory = self.memory.max(other.memory);
        self.host_calls += other.host_calls;
        self.read += other.read;
        self.written += other.written;
    }
}

impl From<&Spent> for Cost {
    fn from(spent: &Spent) -> Self {
        Self {
            calls: 1,
            time: spent.time,
            fuel: spent.fuel.unwrap_or_default(),
            memory: spent.memory_bytes,
            host_calls: spent.host_calls,
            read: spent.body_bytes_read,
            written: spent.body_bytes_written,
        }
    }
}

/// Hears of every call of one version, for as long as that version runs. Must not block.
pub trait Listener: Send + Sync + 'static {
    fn hear(&self, plugin: &Plugin, heard: Heard);
}

/// The listener for a shadow run.
pub struct Ear {
    /// The version that is tried. It may want messages that the running one does not.
    pub candidate: Plugin,
    pub lane: Lane<Heard>,
}

/// A finished call.
#[derive(Clone)]
pub struct Heard {
    pub occasion: Occasion,
    pub view: Arc<View>,
    /// The result; `None` when the version did not want the message.
    pub called: Option<Result<Judgement, Failure>>,
    pub asked: Asked,
}

impl Tap {
    pub fn new(recording: Option<Arc<dyn Listener>>) -> Self {
        Self {
            recording,
            ..Self::default()
        }
    }

    /// Sets the listener of a shadow run, or removes it.
    pub fn listen(&self, ear: Option<Arc<Ear>>) {
        self.shadow.store(ear);
    }

    /// A tap that keeps the cost of calls.
    pub fn counting() -> Self {
        Self {
            cost: Some(Mutex::default()),
            ..Self::default()
        }
    }

    /// The cost of its calls so far; nothing unless it keeps the cost.
    pub fn cost(&self) -> Cost {
        let cost = self.cost.as_ref();
        cost.map(|cost| *cost.lock().unwrap_or_else(PoisonError::into_inner))
            .unwrap_or_default()
    }

    /// Whether somebody wants to know what calls cost, and what they use.
    pub(super) fn is_counting(&self) -> bool {
        self.cost.is_some()
    }

    pub(super) fn count(&self, called: &Result<Judgement, Failure>) {
        let Some(cost) = &self.cost else { return };
        let spent = match called {
            Ok(judgement) => &judgement.spent,
            Err(failure) => &failure.spent,
        };
        cost.lock().unwrap_or_else(PoisonError::into_inner).add(&spent.into());
    }
}

/// Whether a version wants the message in a view.
pub trait WantsView {
    fn wants_view(&self, occasion: &Occasion, view: &View) -> bool;
}

impl WantsView for Plugin {
    fn wants_view(&self, occasion: &Occasion, view: &View) -> bool {
        let parts = view
            .message()
            .map(|message| message.parts.as_slice())
            .unwrap_or_default();
        let media_types = parts.iter().map(|part| part.media_type.as_str());
        self.wants(occasion.kind(), view.message_type(), media_types)
    }
}

/// The entrance of a bounded queue.
pub struct Lane<T> {
    sender: mpsc::Sender<InLane<T>>,
    waiting: Arc<AtomicU64>,
    octets: u64,
    missed: AtomicU64,
}

/// An item that came through a lane. Dropping it gives its octets back.
pub struct InLane<T> {
    pub it: T,
    _room: Room,
}

struct Room(u64, Arc<AtomicU64>);

impl<T> Lane<T> {
    /// A lane with room for so many items and so many octets together, and its exit.
    pub fn new(things: usize, octets: u64) -> (Self, mpsc::Receiver<InLane<T>>) {
        let (sender, receiver) = mpsc::channel(things);
        let lane = Self {
            sender,
            waiting: Arc::default(),
            octets,
            missed: AtomicU64::new(0),
        };
        (lane, receiver)
    }

    /// Puts an item in. Returns false, and counts it as missed, when there is no room.
    pub fn offer(&self, octets: u64, it: T) -> bool {
        let room = Room(octets, Arc::clone(&self.waiting));
        let waiting = self.waiting.fetch_add(octets, Ordering::Relaxed) + octets;
        let fits = waiting <= self.octets && self.sender.try_send(InLane { it, _room: room }).is_ok();
        if !fits {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
        fits
    }

    /// The number of missed items so far.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.1.fetch_sub(self.0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_misses_what_does_not_fit_and_takes_more_when_there_is_room_again() {
        let (lane, mut exit) = Lane::new(2, 100);
        assert!(lane.offer(60, "a"));
        assert!(!lane.offer(41, "too many octets"));
        assert!(lane.offer(40, "b"));
        assert!(!lane.offer(0, "too many things"));
        assert_eq!(lane.missed(), 2);
        let first = exit.try_recv().unwrap();
        assert!(
            !lane.offer(60, "still in hand"),
            "what was taken out counts until it is done"
        );
        assert_eq!(first.it, "a");
        drop(first);
        assert!(lane.offer(60, "c"));
    }
}
