//! The relay's side of compiling in a process.
//!
//! The process gets the component on its standard input, which then stays open: when it is closed, the relay is gone,
//! and nobody wants the code. The process writes the code to its standard output, which is a file of the cache that has
//! no final name yet; it opens no file and needs no path. Its standard error says why there is no code.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::idle::try_to_be_idle;
use super::order::{Order, REFUSED, fingerprint};
use super::{Bounds, patience};
use crate::cache::Unfinished;
use crate::load_error::LoadErrorKind;
use crate::options::CompilerProcess;
use crate::sandbox::Inner;
use crate::text::one_line;

/// How many times longer a compilation may take by the clock than on a core, because it has the lowest priority.
const CLOCK: u32 = 10;
/// How many octets of the process's standard error are kept.
const SAID_MAX: u64 = 4096;

/// The scheduling of a process.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// It gets the core when nobody else wants it.
    Idle,
    /// It has the priority of the load's thread.
    InLine,
}

/// How a process ended.
enum End {
    Done(Unfinished),
    /// It was stopped, because it had not ended in time.
    Late,
}

impl CompilerProcess {
    /// Compiles `wasm` in idle time while messages pass. On a machine that is never idle, another process tries again
    /// at normal priority.
    pub(super) async fn compile(
        &self,
        engine: &Inner,
        wasm: &[u8],
        bounds: Bounds,
    ) -> Result<Unfinished, LoadErrorKind> {
        let longest = bounds.time.saturating_mul(CLOCK);
        let began = Instant::now();
        let order = Order::new(engine, wasm.len(), bounds);
        if !engine.gives_way() {
            return self.finished(engine, &order, wasm, longest, longest).await;
        }
        // The second attempt must have the larger part, where the patience alone would leave none.
        let idle = patience(wasm.len()).min(longest / 3);
        if let End::Done(code) = self.run(engine, &order, wasm, Turn::Idle, idle).await? {
            return Ok(code);
        }
        tracing::debug!("the machine is never idle: compiling takes time that messages could use");
        let left = longest.saturating_sub(began.elapsed());
        self.finished(engine, &order, wasm, left, longest).await
    }

    /// The last attempt: if it is not finished within `left`, it is refused, with the whole time that it had.
    async fn finished(
        &self,
        engine: &Inner,
        order: &Order,
        wasm: &[u8],
        left: Duration,
        limit: Duration,
    ) -> Result<Unfinished, LoadErrorKind> {
        match self.run(engine, order, wasm, Turn::InLine, left).await? {
            End::Done(code) => Ok(code),
            End::Late => Err(LoadErrorKind::CompileClock { limit }),
        }
    }

    async fn run(
        &self,
        engine: &Inner,
        order: &Order,
        wasm: &[u8],
        turn: Turn,
        longest: Duration,
    ) -> Result<End, LoadErrorKind> {
        let code = engine.cache.unfinished()?;
        let output = code.file()?;
        let worked = async {
            let mut child = self.start(order, output, turn).await?;
            let said = converse(&mut child, wasm).await;
            let status = child.wait().await.map_err(no_process)?;
            Ok((status, said))
        };
        // Dropping the process kills it.
        match timeout(longest, worked).await {
            Err(_) => Ok(End::Late),
            Ok(Err(error)) => Err(error),
            Ok(Ok((status, _))) if status.success() => Ok(End::Done(code)),
            Ok(Ok((status, said))) => Err(failed(status, &said, order)),
        }
    }

    /// A process inherits policy and priority from the thread that starts it, from its first instruction on.
    async fn start(&self, order: &Order, output: std::fs::File, turn: Turn) -> Result<Child, LoadErrorKind> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .arg(order.to_text())
            .env_clear()
            // Signals of the terminal to the relay (Ctrl-C) must not reach this process, because the relay may be
            // draining.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Turn::InLine = turn {
            return command.spawn().map_err(no_process);
        }
        let (started, child) = oneshot::channel();
        let runtime = Handle::current();
        let starting = move || {
            try_to_be_idle();
            let _runtime = runtime.enter();
            // The receiver may be gone; then the process is killed at once.
            let _ = started.send(command.spawn());
        };
        let thread = std::thread::Builder::new().name("plugin-compile".into());
        thread.spawn(starting).map_err(no_process)?;
        match child.await {
            Ok(child) => child.map_err(no_process),
            Err(_) => Err(no_process(std::io::Error::other("the thread that starts it panicked"))),
        }
    }
}

/// Writes the component, and reads until the process has ended, or has closed its standard error.
async fn converse(child: &mut Child, wasm: &[u8]) -> String {
    // Kept open until the end: see above.
    let mut stdin = child.stdin.take();
    let mut said = Vec::new();
    let giving = async {
        if let Some(stdin) = &mut stdin {
            // A process that ends before it has read everything says why.
            let _ = stdin.write_all(wasm).await;
            let _ = stdin.flush().await;
        }
    };
    let stderr = child.stderr.take();
    let listening = async {
        if let Some(stderr) = stderr {
            let _ = stderr.take(SAID_MAX).read_to_end(&mut said).await;
        }
    };
    tokio::join!(giving, listening);
    String::from_utf8_lossy(&said).into_owned()
}

fn no_process(error: std::io::Error) -> LoadErrorKind {
    LoadErrorKind::CompilerProcess {
        problem: error.to_string(),
    }
}

/// Why there is no code, by the end of the process.
fn failed(status: ExitStatus, said: &str, order: &Order) -> LoadErrorKind {
    /// Rust's and the kernel's messages for want of memory.
    const NO_MEMORY: [&str; 2] = ["memory allocation of", "Cannot allocate memory"];
    if NO_MEMORY.iter().any(|words| said.contains(words)) {
        return LoadErrorKind::CompileMemory { limit: order.memory };
    }
    match (status.code(), status.signal()) {
        (Some(REFUSED), _) => LoadErrorKind::Compile {
            problem: one_line(said.trim()).into_owned(),
        },
        (_, Some(libc::SIGXCPU)) => LoadErrorKind::CompileTime {
            limit: Duration::from_secs(order.seconds),
        },
        _ => {
            let said = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
            LoadErrorKind::CompilerProcess {
                problem: format!("it ended with {status}, and said: {}", one_line(said)),
            }
        }
    }
}

impl Order {
    fn new(engine: &Inner, octets: usize, bounds: Bounds) -> Self {
        let options = &engine.options;
        Order {
            octets,
            memory: bounds.memory,
            // The kernel counts whole seconds.
            seconds: bounds.time.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX),
            max_memory_bytes: options.max_memory_bytes,
            wasm_stack: options.wasm_stack,
            deterministic: options.deterministic,
            lines: options.lines,
            allocation: engine.allocation(),
            functions: options.remember_functions.then(|| engine.cache.functions()).flatten(),
            compiler: fingerprint(&engine.wasmtime),
        }
    }
}
