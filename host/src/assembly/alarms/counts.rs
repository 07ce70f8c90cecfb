//! How much a counter has grown recently.

use std::collections::VecDeque;
use std::time::Duration;

use crate::message::Timestamp;

/// The values of a counter at recent times.
#[derive(Debug)]
pub(super) struct Lately<T> {
    span: Duration,
    samples: VecDeque<(Timestamp, T)>,
}

impl<T: Clone> Lately<T> {
    pub fn over(span: Duration) -> Self {
        Self {
            span,
            samples: VecDeque::new(),
        }
    }

    /// Records the present value. Returns the value of that long ago, or the first one that was seen.
    pub fn before(&mut self, now: Timestamp, is: &T) -> T {
        // Only as many values as are needed, whatever the span is.
        const DISTANCES: u32 = 60;
        let last = self.samples.back().map(|(at, _)| *at);
        if last.is_none_or(|last| now.since(last) >= self.span / DISTANCES) {
            self.samples.push_back((now, is.clone()));
        }
        while self.samples.len() > 1 && self.samples.get(1).is_some_and(|(at, _)| now.since(*at) >= self.span) {
            self.samples.pop_front();
        }
        self.samples.front().map_or_else(|| is.clone(), |(_, was)| was.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_within_the_span_and_not_beyond() {
        let mut lately = Lately::over(Duration::from_secs(60));
        let at = |second: u64| Timestamp(second * 1000);
        assert_eq!(lately.before(at(0), &7), 7, "nothing is known of before");
        assert_eq!(lately.before(at(30), &9), 7);
        assert_eq!(lately.before(at(59), &9), 7);
        assert_eq!(lately.before(at(95), &9), 9, "what was at 30 s");
    }
}
