//! The pace of a message: a slow sender is legal, an endless one is not.

use std::time::Duration;

use tokio::time::Instant;

/// The pace that one message must keep.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) started: Instant,
    /// The longest silence, and how far the message may fall behind its pace.
    pub(super) idle: Duration,
    pub(super) octets_per_second: u64,
    /// When the transaction ends in any case.
    pub(super) end: Instant,
}

impl Pace {
    /// The deadline for the next octets, when `received` octets have arrived, the last of them at `last`.
    pub(super) fn deadline(&self, received: u64, last: Instant) -> Instant {
        let earned = Duration::from_secs(received / self.octets_per_second.max(1));
        let behind = self.started.checked_add(self.idle.saturating_add(earned));
        let silent = last.checked_add(self.idle);
        [behind, silent].into_iter().flatten().fold(self.end, Instant::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_strictest_of_silence_pace_and_transaction_counts() {
        let started = Instant::now();
        let seconds = |n: u64| Duration::from_secs(n);
        let pace = Pace {
            started,
            idle: seconds(300),
            octets_per_second: 500,
            end: started + seconds(1800),
        };
        assert_eq!(pace.deadline(0, started), started + seconds(300));
        assert_eq!(pace.deadline(50_000, started + seconds(250)), started + seconds(400));
        assert_eq!(pace.deadline(5_000_000, started + seconds(10)), started + seconds(310));
        assert_eq!(
            pace.deadline(5_000_000, started + seconds(1700)),
            started + seconds(1800)
        );
    }
}
