//! A failed call, and the cost of any call.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a call cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Wall time from making the sandbox to its end, without waiting for a turn.
    pub time: Duration,
    /// Wall time spent waiting: for a free instance, and for a turn when it took long.
    pub queue_wait: Duration,
    /// Octets of bodies copied into the sandbox; 0 when the plug-in read none.
    pub body_bytes_read: u64,
    /// Octets put into body writers, those already dropped included.
    pub body_bytes_written: u64,
    /// The most linear memory of all memories together, in octets, including what `configure` built.
    pub memory_bytes: u64,
    /// Host functions called.
    pub host_calls: u64,
    /// Log lines that were dropped because of the limit.
    pub log_lines_dropped: u64,
    /// Fuel, about one for each instruction; counted by deterministic engines only.
    pub fuel: Option<u64>,
}

/// A failed call. Everything that it had asked for is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure.
    pub class: FailureClass,
    /// For the operator, with the last lines that the plug-in printed; at most 1,024 octets.
    pub text: String,
    /// The cost of the call.
    pub spent: Spent,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.text)
    }
}

impl std::error::Error for Failure {}

/// The kinds of failure, for policy and counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The code trapped: a panic, an overflow of its stack, an illegal access.
    Trap,
    /// The time budget ran out; in a deterministic engine, the fuel that stands for it.
    Time,
    /// The memory limit was reached, and the code did not survive that.
    Memory,
    /// It returned a `fault`.
    Fault,
    /// It violated the contract.
    Contract,
    /// Another of its limits: octets in a host call, handles.
    Limit,
    /// No instance could be made of it.
    Instantiate,
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailureClass::Trap => "trap",
            FailureClass::Time => "time",
            FailureClass::Memory => "memory",
            FailureClass::Fault => "fault",
            FailureClass::Contract => "contract",
            FailureClass::Limit => "limit",
            FailureClass::Instantiate => "instantiate",
        })
    }
}
