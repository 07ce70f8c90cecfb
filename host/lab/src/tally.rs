//! Figures that the load tools print.

use std::time::Duration;

/// Latencies, in microseconds.
#[derive(Debug, Default)]
pub(super) struct Latencies(Vec<u32>);

impl Latencies {
    pub fn add(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// In milliseconds, the latency that `share` (0 to 1) of all stay under; `None` without any.
    pub fn quantile(&mut self, share: f64) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        let rank = ((last as f64) * share).round() as usize;
        let (_, value, _) = self.0.select_nth_unstable(rank.min(last));
        Some(f64::from(*value) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_latencies() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), None);
        for millis in (0..=100).rev() {
            latencies.add(Duration::from_millis(millis));
        }
        assert_eq!(latencies.quantile(0.5), Some(50.0));
        assert_eq!(latencies.quantile(0.99), Some(99.0));
        assert_eq!(latencies.quantile(1.0), Some(100.0));
    }
}
