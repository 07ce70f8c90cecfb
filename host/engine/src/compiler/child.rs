//! The compiler process's side of compiling. It has nothing open but its standard streams, and the file of
//! [`functions`](super::functions) where an author's tool asked for it.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::functions::Functions;
use super::order::{Order, REFUSED, fingerprint};
use crate::allocation;
use crate::options::EngineOptions;
use crate::sandbox::config;

/// The most octets of code that are written: many times what any plug-in has.
const CODE_MAX: u64 = 1 << 30;

/// The work of a [`CompilerProcess`](crate::CompilerProcess), by the order on its command line and in place of
/// everything else that its program does: it limits itself, reads a component from its standard input, and writes the
/// code to its standard output. The process must not have another thread yet.
pub fn compile_as_told(order: &str) -> ExitCode {
    match obey(order) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Refused(problem)) => {
            eprintln!("{problem}");
            ExitCode::from(REFUSED as u8)
        }
        Err(Stop::Broken(problem)) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Why there is no code.
enum Stop {
    /// The component is at fault.
    Refused(String),
    /// The component is not at fault.
    Broken(String),
}

fn obey(order: &str) -> Result<(), Stop> {
    let broken = |what: &'static str| move |error: io::Error| Stop::Broken(format!("{what}: {error}"));
    let order: Order = serde_json::from_str(order).map_err(|error| Stop::Broken(format!("the order: {error}")))?;
    limit(&order).map_err(broken("limits"))?;
    let wasm = read(order.octets).map_err(broken("standard input"))?;
    end_with_the_relay().map_err(broken("threads"))?;
    let functions = order.functions.as_deref().map(|path| Arc::new(Functions::open(path)));
    let engine = engine(&order, functions.clone())?;
    let code = engine.precompile_component(&wasm);
    let code = code.map_err(|error| Stop::Refused(format!("{error:#}")))?;
    if let Some(functions) = functions {
        functions.keep();
    }
    let mut output = io::stdout().lock();
    output
        .write_all(&code)
        .and_then(|()| output.flush())
        .map_err(broken("standard output"))
}

fn limit(order: &Order) -> io::Result<()> {
    let both = |value: u64| Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    // The soft limit ends the process by a signal of its own (SIGXCPU), which shows the reason.
    let core = Rlimit {
        current: Some(order.seconds),
        maximum: Some(order.seconds.saturating_add(2)),
    };
    setrlimit(Resource::Cpu, core)?;
    setrlimit(Resource::As, both(order.memory))?;
    setrlimit(Resource::Fsize, both(CODE_MAX))?;
    // A compiler that crashes must not leave a core file.
    setrlimit(Resource::Core, both(0))?;
    Ok(())
}

fn read(octets: usize) -> io::Result<Vec<u8>> {
    let mut wasm = vec![0; octets];
    io::stdin().lock().read_exact(&mut wasm)?;
    Ok(wasm)
}

/// Ends this process when its standard input is closed: then nobody wants the code.
fn end_with_the_relay() -> io::Result<()> {
    let watching = || {
        let _ = io::stdin().lock().read(&mut [0]);
        std::process::exit(1);
    };
    std::thread::Builder::new()
        .name("relay-watch".into())
        .stack_size(64 << 10)
        .spawn(watching)?;
    Ok(())
}

/// An engine that makes the same code as the one that will run it.
fn engine(order: &Order, functions: Option<Arc<Functions>>) -> Result<wasmtime::Engine, Stop> {
    let options = EngineOptions {
        max_memory_bytes: order.max_memory_bytes,
        wasm_stack: order.wasm_stack,
        deterministic: order.deterministic,
        lines: order.lines,
        ..EngineOptions::default()
    };
    let broken = |error: wasmtime::Error| Stop::Broken(format!("{error:#}"));
    let mut config = allocation::for_code(&options, &config(&options), order.allocation);
    if let Some(functions) = functions {
        config.enable_incremental_compilation(functions).map_err(broken)?;
    }
    let engine = wasmtime::Engine::new(&config).map_err(broken)?;
    match fingerprint(&engine) == order.compiler {
        true => Ok(engine),
        false => Err(Stop::Broken(
            "this program is another one than the relay that runs".to_owned(),
        )),
    }
}
