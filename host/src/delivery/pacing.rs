//! Pacing to a peer's rate: when the next message may go.

use std::time::Duration;

use tokio::time::Instant;

use crate::message::Rate;

/// Messages leave at even intervals. After a pause at most [`SAVED`] worth of them leave at once, so that no burst
/// surprises the peer, and coarse timers cost nothing.
#[derive(Debug)]
pub(super) struct Pacing {
    distance: Duration,
    /// When the next message is due, without saved time.
    next: Option<Instant>,
}

/// How much time an idle peer can save up: the messages of that time may be sent at once.
const SAVED: Duration = Duration::from_millis(100);

impl Pacing {
    pub fn new(rate: Rate) -> Self {
        let distance = rate.per / rate.messages.max(1);
        Self { distance, next: None }
    }

    /// Reserves the next place, and returns its time.
    pub fn reserve(&mut self, now: Instant) -> Instant {
        let earliest = now.checked_sub(SAVED).unwrap_or(now);
        let place = self.next.map_or(now, |next| next.max(earliest));
        self.next = Some(place + self.distance);
        place.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(messages: u32, seconds: u64) -> Rate {
        let per = Duration::from_secs(seconds);
        Rate { messages, per }
    }

    #[test]
    fn no_second_has_more_messages_than_the_rate_and_what_little_was_saved() {
        let begun = Instant::now();
        let mut pacing = Pacing::new(rate(20, 1));
        let places: Vec<Duration> = (0..200).map(|_| pacing.reserve(begun) - begun).collect();
        assert_eq!(places[0], Duration::ZERO);
        assert_eq!(places[199], Duration::from_millis(199 * 50));
        let later = begun + Duration::from_secs(60);
        let after: Vec<Duration> = (0..4).map(|_| pacing.reserve(later) - later).collect();
        assert_eq!(after, [0, 0, 0, 50].map(Duration::from_millis), "two were saved up");
    }

    #[test]
    fn a_slow_rate_saves_nothing() {
        let begun = Instant::now();
        let mut pacing = Pacing::new(rate(1, 60));
        assert_eq!(pacing.reserve(begun), begun);
        let later = begun + Duration::from_secs(3600);
        assert_eq!(pacing.reserve(later), later);
        assert!(pacing.reserve(later) > later + Duration::from_secs(59));
    }
}
