//! The schedule of retries. Pure arithmetic.

use std::time::Duration;

/// The waits after failures, of a message or of a peer that cannot be reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The wait after the first failure, the second, and so on; the last one repeats. Never empty.
    steps: Vec<Duration>,
}

/// The width of the random spread of a wait, relative to its length, so that what failed together is not tried
/// together: 0.2 means from 90 % to 110 %.
const SPREAD: f64 = 0.2;

const MINUTE: Duration = Duration::from_secs(60);

impl Default for Schedule {
    /// 1, 2, 5, 10, 20 and 40 minutes, then every hour. At first shorter than the half hour of RFC 5321, 4.5.4.1,
    /// because the parties of MM4 are few, know each other, and carry messages that people wait for.
    fn default() -> Self {
        Self {
            steps: [1, 2, 5, 10, 20, 40, 60].map(|minutes| minutes * MINUTE).to_vec(),
        }
    }
}

impl Schedule {
    /// A schedule with these waits, the last of which repeats. Without any, the default schedule.
    pub fn new(steps: Vec<Duration>) -> Self {
        if steps.is_empty() {
            Self::default()
        } else {
            Self { steps }
        }
    }

    /// The same schedule with every wait multiplied by `factor`.
    pub fn scaled(mut self, factor: f64) -> Self {
        for step in &mut self.steps {
            *step = step.mul_f64(factor);
        }
        self
    }

    /// The longest wait, which repeats.
    pub fn longest(&self) -> Duration {
        self.steps.iter().copied().max().unwrap_or(MINUTE)
    }

    /// The wait after `failures` failures in a row, counted from 1. `random` is uniform in 0 to 1.
    pub fn wait(&self, failures: u32, random: f64) -> Duration {
        let index = (failures.max(1) - 1) as usize;
        let step = self.steps.get(index).or(self.steps.last()).copied().unwrap_or(MINUTE);
        step.mul_f64(1.0 - SPREAD / 2.0 + SPREAD * random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_an_hour_and_stay_there() {
        let minutes = |failures| Schedule::default().wait(failures, 0.5).as_secs_f64() / 60.0;
        let waits: Vec<f64> = (1..=9).map(|failures| minutes(failures).round()).collect();
        assert_eq!(waits, [1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0]);
        assert_eq!(minutes(0), minutes(1));
        assert_eq!(minutes(u32::MAX).round(), 60.0);
    }

    #[test]
    fn waits_are_spread_by_a_tenth_to_both_sides() {
        let wait = |random| Schedule::default().wait(4, random).as_secs();
        assert_eq!((wait(0.0), wait(1.0)), (540, 660));
        assert_eq!((wait(-5.0), wait(5.0)), (540, 660), "whatever the random source says");
    }

    #[test]
    fn a_scaled_schedule_keeps_its_shape() {
        let wait = |failures| Schedule::default().scaled(0.001).wait(failures, 0.5);
        assert_eq!(
            (wait(1), wait(2)),
            (Duration::from_millis(60), Duration::from_millis(120))
        );
    }
}
