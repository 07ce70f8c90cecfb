//! The meaning of Wasmtime's errors.

use std::fmt;

use wasmtime::component::ResourceTableError;
use wasmtime::{FrameInfo, FrameSymbol, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::{Call, LimitPassed, NotGranted, OnlyInProcess};
use crate::failure::FailureClass;
use crate::text::{function_name, one_line};

/// The class of an error of Wasmtime, and a text for the operator. `said` is the end of what the plug-in printed.
pub(crate) fn classify(call: &Call, error: &wasmtime::Error, said: &str) -> (FailureClass, String) {
    let class = class(call, error);
    let mut text = match class {
        FailureClass::Memory => format!(
            "it needed more memory than its limit memory, which is {}; raise that, or need less at a time",
            size(call.owner.limits.memory_bytes)
        ),
        FailureClass::Trap => match error.downcast_ref::<Trap>() {
            Some(trap) => trap_text(*trap) + &place(*trap, error.downcast_ref(), said),
            None => error.root_cause().to_string(),
        },
        FailureClass::Contract if is_of_the_bindings(error) => bindings_text(&error.root_cause().to_string()),
        FailureClass::Limit if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) => format!(
            "it had {} handles open, which is its limit handles; it must drop body writers that it does not need",
            call.owner.limits.handles
        ),
        _ => match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(code)) => format!("it ended itself with exit code {code}"),
            None => error.root_cause().to_string(),
        },
    };
    if !said.is_empty() {
        text.push_str("; it printed: ");
        text.push_str(said);
    }
    (class, one_line(&text).into_owned())
}

/// A size as it would be written in the configuration.
fn size(octets: usize) -> String {
    const MIB: usize = 1 << 20;
    match octets % MIB {
        0 => format!("{} MiB", octets / MIB),
        _ => format!("{octets} octets"),
    }
}

/// The meaning of a trap for the author of a plug-in.
fn trap_text(trap: Trap) -> String {
    match trap {
        // Panics, failed assertions and `abort` compile to this; the printed text says which it was.
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

/// The functions in which a plug-in trapped, the innermost first, if the component has their names. A panic prints its
/// own place: its innermost functions would be those of the panic machinery.
fn place(trap: Trap, backtrace: Option<&WasmBacktrace>, said: &str) -> String {
    const SHOWN: usize = 3;
    if trap == Trap::UnreachableCodeReached && !said.is_empty() {
        return String::new();
    }
    let frames = backtrace.map(WasmBacktrace::frames).unwrap_or_default();
    let mut places: Vec<Place> = frames.iter().flat_map(functions).collect();
    // Recursion would repeat one name. A function that traps at its beginning has no line yet, but its caller has.
    places.dedup_by(|caller, called| {
        let is_same = caller.function == called.function;
        if is_same && called.line.is_none() {
            called.line = caller.line.take();
        }
        is_same
    });
    let shown: Vec<String> = places.iter().take(SHOWN).map(ToString::to_string).collect();
    match shown.is_empty() {
        true => String::new(),
        false => format!("; in {}", shown.join(", called by ")),
    }
}

/// A place in the code.
struct Place {
    function: String,
    /// `hostile/src/habits.rs:318`, if the component has line numbers.
    line: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.line {
            Some(line) => write!(f, "`{}` at {line}", self.function),
            None => write!(f, "`{}`", self.function),
        }
    }
}

/// The functions of a frame, the innermost first, including inlined ones if the component has them.
fn functions(frame: &FrameInfo) -> Vec<Place> {
    let whole = frame.func_name().map(function_name);
    let symbols = frame.symbols();
    let of_symbol = |(at, symbol): (usize, &FrameSymbol)| {
        // The last one is the frame's own function, whose name in the component says where it belongs.
        let own = whole.clone().filter(|_| at + 1 == symbols.len());
        let line = symbol.file().zip(symbol.line());
        Some(Place {
            function: own.or_else(|| symbol.name().map(function_name))?,
            line: line.map(|(file, line)| format!("{}:{line}", near(file))),
        })
    };
    let named: Vec<Place> = symbols.iter().enumerate().filter_map(of_symbol).collect();
    match (named.is_empty(), whole) {
        (true, Some(function)) => vec![Place { function, line: None }],
        _ => named,
    }
}

/// The end of a path, `hostile/src/habits.rs`, wherever it was compiled.
fn near(file: &str) -> &str {
    const FOLDERS: usize = 2;
    let cut = file.rmatch_indices('/').nth(FOLDERS);
    cut.map_or(file, |(at, _)| &file[at + 1..])
}

/// Whether generated bindings make this error impossible.
fn is_of_the_bindings(error: &wasmtime::Error) -> bool {
    !error.is::<OnlyInProcess>() && !error.is::<NotGranted>()
}

/// The mistake of code that handles the contract's values without generated bindings.
fn bindings_text(problem: &str) -> String {
    match problem.starts_with("unknown handle index") {
        true => format!(
            "it used a body writer that it had given away or dropped: each goes into one edit, once ({problem})"
        ),
        false => format!("{problem}; only code that is not made from wit/ by a generator of bindings does that"),
    }
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
        // A program that gets no memory traps at once, or cannot be instantiated.
        FailureClass::Memory
    } else if matches!(error.downcast_ref(), Some(Trap::OutOfFuel)) {
        FailureClass::Time
    } else if error.is::<Trap>() {
        FailureClass::Trap
    } else {
        // Strings that are not UTF-8, unknown variants, foreign handles: only code without generated bindings can
        // produce these.
        FailureClass::Contract
    }
}

/// Wasmtime does not export this error's type. If its text changes, a test of this crate fails.
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
    fn a_trap_is_told_in_words_that_its_author_can_follow() {
        assert_eq!(trap_text(Trap::UnreachableCodeReached), "it panicked or aborted");
        for trap in [Trap::StackOverflow, Trap::MemoryOutOfBounds] {
            assert!(trap_text(trap).contains("endless recursion"), "{trap}");
        }
    }
}
