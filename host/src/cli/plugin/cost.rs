//! The cost of a plug-in's calls, as shares of its limits.

use std::fmt;
use std::time::Duration;

use mm4relay_engine::{Limits, fuel_for};

use crate::pipeline::tap::Cost;

/// The cost of calls, with the limits of one call.
#[derive(Clone, Debug)]
pub struct Shares {
    pub cost: Cost,
    /// The time limit of a call with this message.
    pub budget: Duration,
    /// The memory limit of a call, in octets.
    pub memory_limit: usize,
}

impl Shares {
    pub fn new(cost: Cost, budget: Duration, limits: &Limits) -> Self {
        Self {
            cost,
            budget,
            memory_limit: limits.memory_bytes,
        }
    }

    /// The longest call's share of its time limit, by the clock.
    pub fn of_time(&self) -> f64 {
        percent(self.cost.time.as_secs_f64(), self.budget.as_secs_f64())
    }

    /// The most expensive call's share of the fuel that stands for its time limit. It is the same in every run, and
    /// needs an engine that counts.
    pub fn of_fuel(&self) -> f64 {
        percent(self.cost.fuel as f64, fuel_for(self.budget) as f64)
    }

    pub fn of_memory(&self) -> f64 {
        percent(self.cost.memory as f64, self.memory_limit as f64)
    }

    /// Whether the author should look at a call although it succeeded, because little is left of a limit.
    pub fn is_near_a_limit(&self) -> bool {
        const NEAR_TIME: f64 = 10.0;
        const NEAR_MEMORY: f64 = 80.0;
        self.of_time() > NEAR_TIME || self.of_memory() > NEAR_MEMORY
    }

    pub fn json(&self) -> serde_json::Value {
        let counted = self.cost.fuel > 0;
        serde_json::json!({
            "calls": self.cost.calls,
            "time_us": self.cost.time.as_micros() as u64,
            "time_percent": rounded(self.of_time()),
            "fuel": counted.then_some(self.cost.fuel),
            "fuel_percent": counted.then(|| rounded(self.of_fuel())),
            "memory_octets": self.cost.memory,
            "memory_percent": rounded(self.of_memory()),
            "host_calls": self.cost.host_calls,
            "octets_read": self.cost.read,
            "octets_written": self.cost.written,
        })
    }
}

/// `1.2 % of its time (fuel 123456), 0.9 % of its memory, 3 host calls, 0 octets read, 0 written`.
impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cost.fuel {
            // By the clock, short times say more about the machine than about the plug-in, and differ each time.
            0 => write!(f, "{:.1} % of its time ({:.0?})", self.of_time(), self.cost.time)?,
            fuel => write!(f, "{:.1} % of its time (fuel {fuel})", self.of_fuel())?,
        }
        write!(
            f,
            ", {:.1} % of its memory, {} host calls, {} octets read, {} written",
            self.of_memory(),
            self.cost.host_calls,
            self.cost.read,
            self.cost.written
        )
    }
}

fn percent(of: f64, whole: f64) -> f64 {
    of / whole.max(f64::MIN_POSITIVE) * 100.0
}

fn rounded(percent: f64) -> f64 {
    (percent * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(cost: Cost) -> Shares {
        let limits = Limits::default();
        Shares::new(cost, limits.budget(0), &limits)
    }

    #[test]
    fn shares_are_of_what_the_limits_allow() {
        let cost = Cost {
            calls: 1,
            time: Duration::from_millis(25),
            memory: 64 << 20,
            ..Cost::default()
        };
        let shares = shares(cost);
        assert_eq!((shares.of_time().round(), shares.of_memory().round()), (10.0, 50.0));
        assert_eq!(
            shares.to_string(),
            "10.0 % of its time (25ms), 50.0 % of its memory, 0 host calls, 0 octets read, 0 written"
        );
    }

    #[test]
    fn fuel_is_said_instead_of_the_clock_where_it_is_counted() {
        let cost = Cost {
            fuel: 2_500_000,
            time: Duration::from_millis(99),
            ..Cost::default()
        };
        assert!(
            shares(cost)
                .to_string()
                .starts_with("1.0 % of its time (fuel 2500000), ")
        );
    }

    #[test]
    fn little_that_is_left_of_a_limit_is_worth_a_line() {
        let slow = Cost {
            time: Duration::from_millis(26),
            ..Cost::default()
        };
        let large = Cost {
            memory: 120 << 20,
            ..Cost::default()
        };
        assert!(shares(slow).is_near_a_limit() && shares(large).is_near_a_limit());
        assert!(!shares(Cost::default()).is_near_a_limit());
    }
}
