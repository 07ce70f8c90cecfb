//! Whether a peer can be reached, and how many sessions it accepts. Its [`Queue`](super::queue::Queue) hands out work
//! by that. No I/O, no clock.

use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Reach {
    circuit: Circuit,
    /// Sessions that the peer has greeted.
    live: usize,
    /// Sessions that are being opened.
    opening: usize,
    /// The peer has refused a session while others were open: so many are enough for it, until that time.
    crowded: Option<(usize, Instant)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Circuit {
    #[default]
    Closed,
    /// The peer could not be reached, so many times in a row; nothing is tried before `until`.
    Open { until: Instant, failures: u32 },
    /// One worker tries to reach the peer.
    Probing { failures: u32 },
}

impl Reach {
    /// How many of at most `limit` workers may work.
    pub fn workers(&self, limit: usize) -> usize {
        match self.circuit {
            Circuit::Closed => {
                let enough = self.crowded.map_or(usize::MAX, |(sessions, _)| sessions);
                limit.min(enough).max(1)
            }
            Circuit::Probing { .. } => 1,
            Circuit::Open { .. } => 0,
        }
    }

    /// Whether nothing is tried now, because the peer could not be reached.
    pub fn is_left_alone(&self) -> bool {
        matches!(self.circuit, Circuit::Open { .. })
    }

    /// Whether nothing is tried now, or one message at most, because the peer could not be reached.
    pub fn is_unreachable(&self) -> bool {
        self.circuit != Circuit::Closed
    }

    /// When the next try is, at a peer that could not be reached.
    pub fn next_probe(&self) -> Option<Instant> {
        match self.circuit {
            Circuit::Open { until, .. } => Some(until),
            Circuit::Closed | Circuit::Probing { .. } => None,
        }
    }

    /// Records that a worker could not reach the peer. `wait` gives the pause after so many failures in a row. Returns
    /// false when that was known: several workers that fail together count as one failure.
    pub fn failed(&mut self, now: Instant, wait: impl FnOnce(u32) -> Duration) -> bool {
        let failures = match self.circuit {
            Circuit::Closed => 1,
            Circuit::Probing { failures } => failures.saturating_add(1),
            Circuit::Open { .. } => return false,
        };
        let until = now + wait(failures);
        self.circuit = Circuit::Open { until, failures };
        self.crowded = None;
        true
    }

    /// Lets one worker try again when it is time, and lifts the limit of sessions when its time is over.
    pub fn probe(&mut self, now: Instant) {
        self.crowded = self.crowded.filter(|(_, until)| now < *until);
        if self.next_probe().is_some_and(|until| until <= now) {
            self.try_now();
        }
    }

    /// Lets a worker try at once, because an operator wants that.
    pub fn try_now(&mut self) {
        if let Circuit::Open { failures, .. } = self.circuit {
            self.circuit = Circuit::Probing { failures };
        }
    }

    /// Starts afresh, because the peer may have other hosts now: forgets what was learnt about its sessions, and tries
    /// it at once if it was left alone.
    pub fn begin_anew(&mut self) {
        self.crowded = None;
        self.try_now();
    }

    /// Counts a session that a worker begins to open; [`opened`](Self::opened) reports the result.
    pub fn opening(&mut self) {
        self.opening += 1;
    }

    /// Reports the result. Returns true when the peer could not be reached before, so that other workers may begin.
    pub fn opened(&mut self, greeted: bool) -> bool {
        self.opening -= 1;
        self.live += usize::from(greeted);
        greeted && std::mem::replace(&mut self.circuit, Circuit::Closed) != Circuit::Closed
    }

    pub fn session_ended(&mut self) {
        self.live -= 1;
    }

    /// Handles a refused session. Returns true when the peer has other sessions, open or being opened: it then has as
    /// many as it wants until `until`. The last of several refused sessions gets false.
    pub fn is_crowded(&mut self, until: Instant) -> bool {
        let others = self.live + self.opening;
        if others > 0 {
            self.crowded = Some((others, until));
        }
        others > 0
    }

    /// Whether a session with the peer is open, or being opened.
    pub fn has_sessions(&self) -> bool {
        self.live + self.opening > 0
    }

    /// Whether the number of sessions is limited by the peer's refusal.
    pub fn is_held_back(&self) -> bool {
        self.crowded.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn an_operator_opens_the_door_before_its_time() {
        let (mut reach, now) = (Reach::default(), Instant::now());
        reach.try_now();
        assert_eq!(
            reach.circuit,
            Circuit::Closed,
            "a peer that accepts sessions needs no probe"
        );
        reach.failed(now, |_| MINUTE);
        reach.try_now();
        assert_eq!(reach.circuit, Circuit::Probing { failures: 1 });
        reach.failed(now, |failures| failures * MINUTE);
        let until = now + 2 * MINUTE;
        assert_eq!(reach.circuit, Circuit::Open { until, failures: 2 });
    }

    #[test]
    fn each_failure_in_a_row_counts_once_and_one_worker_tries_after_the_wait() {
        let (mut reach, now) = (Reach::default(), Instant::now());
        assert!(reach.failed(now, |failures| failures * MINUTE));
        assert!(!reach.failed(now, |_| panic!("several workers find out at once")));
        reach.probe(now + MINUTE - Duration::from_millis(1));
        assert_eq!(reach.workers(4), 0);
        reach.probe(now + MINUTE);
        assert_eq!(reach.workers(4), 1);
        assert!(reach.failed(now + MINUTE, |failures| failures * MINUTE));
        let until = now + 3 * MINUTE;
        assert_eq!(reach.circuit, Circuit::Open { until, failures: 2 });
    }

    #[test]
    fn a_peer_counts_as_away_until_a_session_is_greeted_again() {
        let (mut reach, now) = (Reach::default(), Instant::now());
        assert!(!reach.is_unreachable(), "nobody has tried yet");
        reach.failed(now, |_| MINUTE);
        assert!(reach.is_unreachable());
        reach.probe(now + MINUTE);
        assert!(reach.is_unreachable(), "it is being tried, and nobody knows");
        reach.opening();
        reach.opened(true);
        assert!(!reach.is_unreachable());
    }
}
