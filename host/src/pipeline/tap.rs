//! Listening to the calls of a plug-in, off the message's path.
//!
//! A shadow run and a recording want to know what the running version saw and what it made of it. They get it through
//! lanes that are bounded in calls and in octets: what does not fit is missed, and counted. A message never waits for a
//! listener. While nobody listens, a call costs one atomic load more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use mm4relay_engine::{Failure, Judgement, Occasion, Plugin, Spent};
use tokio::sync::mpsc;

use super::subject::View;
use super::tape::Asked;

/// Who listens to one version.
#[derive(Default)]
pub struct Tap {
    pub(super) shadow: ArcSwapOption<Ear>,
    pub(super) recording: Option<Arc<dyn Listener>>,
    /// What its calls cost, for those who rehearse; nobody looks at it under traffic.
    cost: Option<Mutex<Cost>>,
}

/// What the calls of a version cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub calls: u64,
    /// Of the longest call.
    pub time: Duration,
    /// Of the call that used the most; 0 unless the engine counts it.
    pub fuel: u64,
    /// Octets of linear memory, of the call that had the most.
    pub memory: u64,
    pub host_calls: u64,
    /// Octets of bodies that went into the sandbox.
    pub read: u64,
    /// Octets of bodies that it wrote.
    pub written: u64,
}

impl Cost {
    /// Adds what other calls cost.
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

/// Listens for a shadow run.
pub struct Ear {
    /// The version that is tried: it may want messages that the running one does not.
    pub candidate: Plugin,
    pub lane: Lane<Heard>,
}

/// A call that has ended.
#[derive(Clone)]
pub struct Heard {
    pub occasion: Occasion,
    pub view: Arc<View>,
    /// `None`: the version did not want the message.
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

    /// Lets a shadow run listen, or nobody.
    pub fn listen(&self, ear: Option<Arc<Ear>>) {
        self.shadow.store(ear);
    }

    /// One that keeps what calls cost.
    pub fn counting() -> Self {
        Self {
            cost: Some(Mutex::default()),
            ..Self::default()
        }
    }

    /// What its calls have cost so far; nothing unless it counts.
    pub fn cost(&self) -> Cost {
        let cost = self.cost.as_ref();
        cost.map(|cost| *cost.lock().unwrap_or_else(PoisonError::into_inner))
            .unwrap_or_default()
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

/// Whether a version wants what is in a view.
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

/// What came through a lane. It gives its octets back when it is dropped.
pub struct InLane<T> {
    pub it: T,
    _room: Room,
}

struct Room(u64, Arc<AtomicU64>);

impl<T> Lane<T> {
    /// A lane with room for so many things that have so many octets together, and its exit.
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

    /// Puts something in if there is room; else it is missed.
    pub fn offer(&self, octets: u64, it: T) -> bool {
        let room = Room(octets, Arc::clone(&self.waiting));
        let waiting = self.waiting.fetch_add(octets, Ordering::Relaxed) + octets;
        let fits = waiting <= self.octets && self.sender.try_send(InLane { it, _room: room }).is_ok();
        if !fits {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
        fits
    }

    /// How many found no room so far.
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
