//! The results of a version's calls, and when they are clearly worse than those of the version before.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use super::meter::Meter;

/// Fewer failures than this prove nothing.
const MIN_FAILURES: u64 = 5;
/// At most one failure in so many calls is no reason to go back.
const TOLERATED: u64 = 10;
/// If the version before failed at least half as often, the fault is elsewhere.
const TIMES_WORSE: u64 = 2;

/// Counts the calls of one version, for as long as it runs. Counting costs two uncontended additions a call.
#[derive(Debug, Default)]
pub struct Health {
    calls: AtomicU64,
    failures: AtomicU64,
    /// Wakes the watcher at every failure; there is at most one watcher.
    failed: Notify,
    /// The same calls in more detail, for metrics.
    pub meter: Meter,
}

/// The calls so far, and how many of them failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub calls: u64,
    pub failures: u64,
}

impl Health {
    /// Counts a call by its result, and returns the result.
    pub fn note<T, E>(&self, result: Result<T, E>) -> Result<T, E> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if result.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
            self.failed.notify_one();
        }
        result
    }

    pub fn tally(&self) -> Tally {
        // In this order a tally never has more failures than calls.
        let failures = self.failures.load(Ordering::Relaxed);
        let calls = self.calls.load(Ordering::Relaxed).max(failures);
        Tally { calls, failures }
    }

    /// Waits until this version is clearly worse than `before`. May wait for ever.
    pub async fn worse_than(&self, before: &Health) -> Tally {
        loop {
            let tally = self.tally();
            if tally.is_clearly_worse_than(before.tally()) {
                return tally;
            }
            self.failed.notified().await;
        }
    }
}

impl Tally {
    /// The rule of the watch window: at least 5 failures, in more than one call of 10, and more than twice as often as
    /// the version before failed in all its calls. A version that always fails is detected at its fifth call.
    pub fn is_clearly_worse_than(self, before: Tally) -> bool {
        let wide = u128::from;
        self.failures >= MIN_FAILURES
            && wide(self.failures) * wide(TOLERATED) > wide(self.calls)
            && (before.failures == 0
                || wide(self.failures) * wide(before.calls)
                    > wide(TIMES_WORSE) * wide(before.failures) * wide(self.calls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(failures: u64, calls: u64) -> Tally {
        Tally { calls, failures }
    }

    #[test]
    fn a_version_that_always_fails_is_found_out_at_its_fifth_call() {
        assert!(!tally(4, 4).is_clearly_worse_than(tally(0, 100)));
        assert!(tally(5, 5).is_clearly_worse_than(tally(0, 100)));
        assert!(
            tally(5, 5).is_clearly_worse_than(tally(0, 0)),
            "an untried predecessor excuses nothing"
        );
    }

    #[test]
    fn one_failure_in_ten_calls_is_tolerated_and_more_is_not() {
        assert!(!tally(5, 50).is_clearly_worse_than(tally(0, 100)));
        assert!(tally(5, 49).is_clearly_worse_than(tally(0, 100)));
    }

    #[test]
    fn what_failed_before_as_well_is_no_reason_to_go_back() {
        assert!(!tally(40, 100).is_clearly_worse_than(tally(20, 100)));
        assert!(tally(41, 100).is_clearly_worse_than(tally(20, 100)));
        assert!(!tally(100, 100).is_clearly_worse_than(tally(50, 100)));
    }

    #[test]
    fn no_count_is_too_large_to_compare() {
        assert!(tally(u64::MAX, u64::MAX).is_clearly_worse_than(tally(1, u64::MAX)));
    }

    #[tokio::test]
    async fn the_watcher_wakes_when_the_rule_is_met_and_not_before() {
        let (new, before) = (Health::default(), Health::default());
        let mut worse = std::pin::pin!(new.worse_than(&before));
        for call in 1..=5 {
            assert!(
                futures_poll(worse.as_mut()).await.is_none(),
                "after {} failures",
                call - 1
            );
            let _ = new.note(Err::<(), _>("no"));
        }
        assert_eq!(futures_poll(worse.as_mut()).await, Some(tally(5, 5)));
    }

    /// The result, if it is there without waiting.
    async fn futures_poll<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
        std::future::poll_fn(|context| match std::pin::Pin::new(&mut future).poll(context) {
            std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
