//! What an error of Wasmtime means.

use wasmtime::Trap;
use wasmtime::component::ResourceTableError;
use wasmtime_wasi::I32Exit;

use super::{Call, LimitPassed, NotGranted, OnlyInProcess};
use crate::failure::FailureClass;
use crate::text::one_line;

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
