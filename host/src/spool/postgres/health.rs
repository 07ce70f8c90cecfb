//! What a relay knows of the store: whether it takes what is written, and whether this relay can still prove that it lives.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::spool::{CERTAIN, Room, SpoolError, Trouble, TroubleWith};

/// A batch that is not confirmed after this long means that the store is away.
const SLOW: Duration = Duration::from_secs(5);

/// What is known of the store.
#[derive(Default)]
pub(super) struct Health(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// When the last batch began that was confirmed.
    confirmed: Option<Begun>,
    /// Since when batches have been confirmed without a long pause between them.
    in_touch: Option<Instant>,
    /// Since when one is under way.
    begun: Option<Instant>,
    trouble: Option<Trouble>,
    failures: u64,
    over: bool,
    /// The store has lost what it had confirmed. It stays so until the relay begins anew.
    went_back: Option<SpoolError>,
}

/// An instant, by two clocks: one stands still while the machine sleeps, the other may be put back. Neither proves anything
/// alone.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    steady: Instant,
    wall: SystemTime,
}

impl Begun {
    pub(super) fn now() -> Self {
        Self {
            steady: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// How long ago that is, by the clock that says more.
    fn elapsed(self) -> Duration {
        let wall = SystemTime::now().duration_since(self.wall).unwrap_or_default();
        self.steady.elapsed().max(wall)
    }
}

impl Health {
    pub(super) fn begins(&self) {
        let mut known = self.known();
        known.begun = known.begun.or(Some(Instant::now()));
    }

    /// A batch that began then is durable.
    pub(super) fn confirms(&self, begun: Begun) {
        let mut known = self.known();
        let long = known.confirmed.is_none_or(|before| before.elapsed() >= CERTAIN);
        if long {
            known.in_touch = Some(Instant::now());
        }
        (known.confirmed, known.begun, known.trouble) = (Some(begun), None, None);
    }

    /// For how long the store has been there, as far as this relay has seen it.
    pub(super) fn in_touch(&self) -> Duration {
        self.known().in_touch.map_or(Duration::ZERO, |since| since.elapsed())
    }

    pub(super) fn fails(&self, error: &SpoolError) {
        let mut known = self.known();
        if known.trouble.is_none() {
            tracing::error!(%error, event = "store-away", "the store cannot be written: messages are refused until it can");
        }
        known.failures += 1;
        (known.trouble, known.begun) = (Some(Trouble::of_shared(error)), None);
    }

    /// What was confirmed is not there.
    pub(super) fn goes_back(&self, error: &SpoolError) {
        let mut known = self.known();
        if known.went_back.is_none() {
            tracing::error!(%error, event = "store-went-back", "nothing is taken and nothing is sent any more");
            known.failures += 1;
        }
        (known.trouble, known.begun) = (Some(Trouble::of_shared(error)), None);
        known.went_back = Some(error.clone());
    }

    /// An error once the store has gone back.
    pub(super) fn is_as_it_was(&self) -> Result<(), SpoolError> {
        self.known().went_back.clone().map_or(Ok(()), Err)
    }

    pub(super) fn is_over(&self) -> bool {
        self.known().over
    }

    pub(super) fn ends(&self) {
        self.known().over = true;
    }

    pub(super) fn failures(&self) -> u64 {
        self.known().failures
    }

    /// For how long nothing has been confirmed.
    pub(super) fn silence(&self) -> Duration {
        self.known().confirmed.map_or(Duration::ZERO, Begun::elapsed)
    }

    /// Whether nobody can have taken this relay's work over: others wait for longer, from a later instant on, by a clock that
    /// runs as fast.
    pub(super) fn is_certain(&self) -> bool {
        let known = self.known();
        let confirmed = known.confirmed.is_some_and(|confirmed| confirmed.elapsed() < CERTAIN);
        confirmed && !known.over && known.went_back.is_none()
    }

    pub(super) fn room(&self) -> Room {
        let known = self.known();
        let silent = known.confirmed.is_some_and(|confirmed| confirmed.elapsed() >= CERTAIN);
        if known.over || silent || known.went_back.is_some() {
            return Room::None;
        }
        let slow = known.begun.is_some_and(|begun| begun.elapsed() > SLOW);
        match known.trouble.is_some() || slow {
            true => Room::Low,
            false => Room::Ample,
        }
    }

    pub(super) fn trouble(&self) -> Option<Trouble> {
        let known = self.known();
        let slow = known.begun.filter(|begun| begun.elapsed() > SLOW);
        let waits = |begun: Instant| Trouble {
            with: TroubleWith::Away,
            said: format!("a commit to the store has waited for {} s", begun.elapsed().as_secs()),
        };
        known.trouble.clone().or_else(|| slow.map(waits))
    }

    /// Nothing can panic while it is locked.
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_certain_of_its_work_for_half_a_lease_by_either_clock() {
        let ago = |steady: u64, wall: u64| {
            let health = Health::default();
            health.confirms(Begun {
                steady: Instant::now() - Duration::from_secs(steady),
                wall: SystemTime::now() - Duration::from_secs(wall),
            });
            (health.is_certain(), health.room())
        };
        assert_eq!(ago(0, 0), (true, Room::Ample));
        assert_eq!(
            ago(31, 0),
            (false, Room::None),
            "it was stopped, and its clock was put back"
        );
        assert_eq!(ago(0, 31), (false, Room::None), "its machine slept");
        assert!(!Health::default().is_certain(), "nothing was ever confirmed");
    }

    #[test]
    fn a_relay_that_was_out_of_touch_begins_to_count_anew_when_it_is_back() {
        let health = Health::default();
        let ago = |seconds| Begun {
            steady: Instant::now() - Duration::from_secs(seconds),
            wall: SystemTime::now(),
        };
        let since = |health: &Health| health.known().in_touch.unwrap();
        assert_eq!(health.in_touch(), Duration::ZERO);
        health.confirms(ago(20));
        let first = since(&health);
        health.confirms(ago(10));
        assert_eq!(since(&health), first, "it was heard again and again");
        health.confirms(ago(31));
        health.confirms(Begun::now());
        assert!(since(&health) > first, "others may have waited for the store as it did");
    }

    #[test]
    fn a_store_that_went_back_is_used_no_more_whatever_it_confirms() {
        let health = Health::default();
        health.confirms(Begun::now());
        health.goes_back(&SpoolError::WentBack { known: 7, found: 5 });
        health.confirms(Begun::now());
        assert!(!health.is_certain() && health.room() == Room::None);
        assert!(matches!(
            health.is_as_it_was(),
            Err(SpoolError::WentBack { known: 7, found: 5 })
        ));
    }
}
