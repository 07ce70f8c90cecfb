//! A row of the table: one message through one chain.

use std::fmt;

use super::measure::{Times, Used};

/// What one message costs in one chain.
pub struct Row {
    pub case: String,
    /// The occasion, for people: `departure to operator-b`.
    pub occasion: String,
    /// The size of the message.
    pub octets: usize,
    /// Whether this is the other version, which the first one is compared with.
    pub against: bool,
    pub times: Times,
    pub used: Vec<Used>,
    /// The median of the first version as a multiple of this one's.
    pub beside: Option<f64>,
}

impl Row {
    pub const HEADING: &'static str =
        "case                          octets    runs     p50 us     p90 us     p99 us     max us";

    pub fn json(&self) -> serde_json::Value {
        let used = |used: &Used| serde_json::json!({ "plugin": used.plugin, "cost": used.shares.json() });
        serde_json::json!({
            "case": self.case,
            "occasion": self.occasion,
            "octets": self.octets,
            "version": if self.against { "against" } else { "this" },
            "runs": self.times.runs(),
            "p50_us": self.times.at(0.5),
            "p90_us": self.times.at(0.9),
            "p99_us": self.times.at(0.99),
            "max_us": self.times.at(1.0),
            "plugins": self.used.iter().map(used).collect::<Vec<_>>(),
            "this_by_against": self.beside,
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.against { "  against" } else { self.case.as_str() };
        let times = [0.5, 0.9, 0.99, 1.0]
            .map(|share| format!(" {:>10.1}", self.times.at(share)))
            .concat();
        writeln!(f, "{name:<28} {:>7} {:>7}{times}", self.octets, self.times.runs())?;
        for used in &self.used {
            match used.shares.cost.calls {
                0 => writeln!(
                    f,
                    "  {} on {}: never called, since it asks for no such message, or one before it ended the run",
                    used.plugin, self.occasion
                )?,
                _ => writeln!(f, "  {} on {}: {}", used.plugin, self.occasion, used.shares)?,
            }
        }
        match self.beside {
            Some(times) => writeln!(f, "  the median of this version is {times:.2} times that one's"),
            None => Ok(()),
        }
    }
}
