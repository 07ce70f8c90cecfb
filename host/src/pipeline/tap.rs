//! Listening to the calls of a plug-in, off the message's path.
//!
//! A shadow run and a recording want to know what the running version saw and what it made of it. They get it through
//! lanes that are bounded in calls and in octets: what does not fit is missed, and counted. A message never waits for a
//! listener. While nobody listens, a call costs one atomic load more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use mm4relay_engine::{Failure, Judgement, Occasion, Plugin, Subject};
use tokio::sync::mpsc;

use super::chain::Link;
use super::subject::View;
use super::tape::{Asked, Tape};

/// Who listens to one version.
#[derive(Default)]
pub struct Tap {
    shadow: ArcSwapOption<Ear>,
    recording: Option<Arc<dyn Listener>>,
    /// All that its calls used, where the engine counts it.
    fuel: AtomicU64,
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

    /// Fuel that its calls have used so far.
    pub fn fuel(&self) -> u64 {
        self.fuel.load(Ordering::Relaxed)
    }
}

impl Link {
    /// Calls the plug-in; whoever listens hears of it.
    pub(super) async fn process(&self, occasion: &Occasion, view: &Arc<View>) -> Result<Judgement, Failure> {
        let (subject, occasion_of_it) = (Arc::clone(view), occasion.clone());
        let shadow = self.tap.shadow.load_full();
        if shadow.is_none() && self.tap.recording.is_none() {
            let called = self.plugin.process(occasion_of_it, subject).await;
            self.tap.count(&called);
            return called;
        }
        let tape = Tape::over(self.plugin.services());
        let services = Arc::new(tape.clone());
        let called = self.plugin.process_with(services, occasion_of_it, subject).await;
        self.tap.count(&called);
        let heard = Heard {
            occasion: occasion.clone(),
            view: Arc::clone(view),
            called: Some(called.clone()),
            asked: tape.close(),
        };
        if let Some(recording) = &self.tap.recording {
            recording.hear(&self.plugin, heard.clone());
        }
        if let Some(ear) = shadow {
            ear.lane.offer(heard.view.size(), heard);
        }
        called
    }

    /// The plug-in does not want this message; a version that is tried may.
    pub(super) fn overlook(&self, occasion: &Occasion, view: impl FnOnce() -> Arc<View>) {
        let Some(ear) = self.tap.shadow.load_full() else { return };
        let view = view();
        if ear.candidate.wants_view(occasion, &view) {
            let heard = Heard {
                occasion: occasion.clone(),
                view: Arc::clone(&view),
                called: None,
                asked: Asked::default(),
            };
            ear.lane.offer(view.size(), heard);
        }
    }
}

impl Tap {
    fn count(&self, called: &Result<Judgement, Failure>) {
        let spent = match called {
            Ok(judgement) => judgement.spent,
            Err(failure) => failure.spent,
        };
        if let Some(fuel) = spent.fuel {
            self.fuel.fetch_add(fuel, Ordering::Relaxed);
        }
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
