//! What comes out of a call that went wrong, and what any call cost.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmtime::Trap;
use wasmtime::component::ResourceTableError;
use wasmtime_wasi::I32Exit;

use crate::host::log::one_line;
use crate::host::{Call, LimitPassed, NotGranted, OnlyInProcess};

/// What a call cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Wall time from making the sandbox to its end, without waits for a turn.
    pub time: Duration,
    /// Wall time spent waiting: for a free instance, and for a turn when it took long.
    pub queue_wait: Duration,
    /// Octets of bodies copied into the sandbox; 0 when the plug-in read none.
    pub body_bytes_read: u64,
    /// Host functions called.
    pub host_calls: u64,
    /// Lines for the log that were dropped because of the limit.
    pub log_lines_dropped: u64,
    /// Fuel, about one for each instruction; counted by deterministic engines only.
    pub fuel: Option<u64>,
}

/// A call that came to nothing. What it had asked for until then is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure it is.
    pub class: FailureClass,
    /// For the operator, with what the plug-in printed last; at most 1,024 octets.
    pub text: String,
    /// What the call cost all the same.
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
    /// The memory limit stood in the way, and the code did not survive that.
    Memory,
    /// It returned a `fault`.
    Fault,
    /// It broke the contract.
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

/// Tells from an error of Wasmtime what went wrong, and says it for the operator. `said` is the end of what the plug-in
/// printed.
pub(crate) fn classify(call: &Call, error: &wasmtime::Error, said: &str) -> (FailureClass, String) {
    let class = class(call, error);
    let mut text = match class {
        FailureClass::Memory => format!(
            "it needed more than its {} octets of memory",
            call.owner.limits.memory_bytes
        ),
        FailureClass::Trap => match error.downcast_ref::<Trap>() {
            Some(trap) => trap_text(*trap),
            None => error.root_cause().to_string(),
        },
        FailureClass::Limit if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) => format!(
            "it had {} handles open, which is its limit handles; it must drop body writers that it does not need",
            call.owner.limits.handles
        ),
        _ => match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(code)) => format!("it ended itself with exit code {code}"),
            None => error.root_cause().to_string(),
        },
    };
    let said = without_advice(said);
    if !said.is_empty() {
        text.push_str("; it printed: ");
        text.push_str(said);
    }
    (class, one_line(&text).into_owned())
}

/// What a trap means to the author of a plug-in.
fn trap_text(trap: Trap) -> String {
    match trap {
        // What panics, failed assertions and `abort` compile to: what it printed says which.
        Trap::UnreachableCodeReached => "it panicked or aborted".to_owned(),
        Trap::StackOverflow => "call stack exhausted: its calls were nested too deep (endless recursion?)".to_owned(),
        Trap::MemoryOutOfBounds => {
            "out of bounds memory access: a bad pointer, or calls nested too deep for the stack \
                                    that its memory holds (endless recursion?)"
                .to_owned()
        }
        other => other.to_string(),
    }
}

/// Rust ends what it says of a panic with advice that cannot be followed in a sandbox.
fn without_advice(said: &str) -> &str {
    const ADVICE: &str = "note: run with `RUST_BACKTRACE=1`";
    said.split_once(ADVICE).map_or(said, |(before, _)| before).trim_end()
}

fn class(call: &Call, error: &wasmtime::Error) -> FailureClass {
    if error.is::<LimitPassed>()
        || matches!(error.downcast_ref(), Some(ResourceTableError::Full))
        || is_host_call_bytes(error)
    {
        FailureClass::Limit
    } else if error.is::<OnlyInProcess>() || error.is::<NotGranted>() || error.is::<ResourceTableError>() {
        FailureClass::Contract
    } else if call.memory.denied() {
        // A program that is refused memory traps on the spot, or fails to be instantiated.
        FailureClass::Memory
    } else if matches!(error.downcast_ref(), Some(Trap::OutOfFuel)) {
        FailureClass::Time
    } else if error.is::<Trap>() {
        FailureClass::Trap
    } else {
        // Strings that are no UTF-8, unknown variants, handles that are not its own: what only code that was not made
        // by a generator of bindings can do.
        FailureClass::Contract
    }
}

/// Wasmtime keeps this error's type to itself. Should its words change, a test of this crate fails.
fn is_host_call_bytes(error: &wasmtime::Error) -> bool {
    error
        .root_cause()
        .to_string()
        .contains("fuel allocated for hostcalls has been exhausted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_that_cannot_be_followed_is_left_out() {
        let said =
            "thread 'main' panicked at src/lib.rs:3:\nno\nnote: run with `RUST_BACKTRACE=1` environment variable";
        assert_eq!(without_advice(said), "thread 'main' panicked at src/lib.rs:3:\nno");
        assert_eq!(without_advice("no"), "no");
    }

    #[test]
    fn a_trap_is_told_in_words_that_its_author_can_follow() {
        assert_eq!(trap_text(Trap::UnreachableCodeReached), "it panicked or aborted");
        for trap in [Trap::StackOverflow, Trap::MemoryOutOfBounds] {
            assert!(trap_text(trap).contains("endless recursion"), "{trap}");
        }
    }
}
