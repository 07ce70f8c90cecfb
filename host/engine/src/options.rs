//! How an engine is set up.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use crate::sampler::Sampler;

/// What all plug-ins of one engine share.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Instances that may be alive at the same time; further calls wait for one to end. Default 64. Address space is
    /// reserved for all of them (about 16 GiB each, none of it memory until it is used); where it does not suffice, there
    /// are fewer: see [`Engine::allocation`](crate::Engine::allocation).
    pub max_instances: u32,
    /// The most linear memory that any plug-in's limit can allow, in octets; rounded up to whole pages of 64 KiB.
    /// Default 256 MiB.
    pub max_memory_bytes: usize,
    /// Stack of a plug-in, in octets. Default 512 KiB; at most 1 MiB, so that host functions called at its end still
    /// find room on the same stack.
    pub wasm_stack: usize,
    /// Where compiled code is kept, with mode 0700. `None`: a temporary directory that goes away with the engine.
    ///
    /// The files are native code that the relay maps and runs. The directory must belong to the user that the relay
    /// runs as, and nobody else may read or write it; `Engine::new` checks that.
    pub cache_dir: Option<PathBuf>,
    /// Whether sandboxes are cleaned by the kernel's page-map scan (Linux 6.7), which halves the cost of a call.
    /// `None`, the default: when the kernel has it. `Some(true)` fails where it does not.
    pub page_map_scan: Option<bool>,
    /// Whether a call comes out the same each time, given the same services: for sample cases and replay. Fuel bounds it
    /// in place of the clock. Its code is another one. Default false.
    pub deterministic: bool,
    /// Whether traps name the lines of the source, where the component says them (DWARF). To look them up takes time that no
    /// limit of the plug-in bounds: for its author's tools. Default false.
    pub lines: bool,
    /// Whether the compiled form of each single function is kept beside the code, so that a component that is another one
    /// only in its data, or in a few functions, is compiled in a fraction of the time. Holds where a
    /// [`CompilerProcess`] compiles and the code is kept in a directory. For its author's tools: Cranelift calls this
    /// experimental. Default false.
    pub remember_functions: bool,
    /// The process that compiles, which bounds what hostile components cost; see
    /// [`Limits::compile_memory`](crate::Limits::compile_memory). `None`, the default: this one, without these bounds.
    pub compiler: Option<CompilerProcess>,
    /// Who looks at the stacks of calls while they run, for a profile: they get slower by it, and take no turns. `None`,
    /// the default: nobody.
    pub sampler: Option<Arc<Sampler>>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            max_instances: 64,
            max_memory_bytes: 256 << 20,
            wasm_stack: 512 << 10,
            cache_dir: None,
            page_map_scan: None,
            deterministic: false,
            lines: false,
            remember_functions: false,
            compiler: None,
            sampler: None,
        }
    }
}

/// The program that compiles: it must call [`compile_as_told`](crate::compile_as_told) with what follows `arguments` on
/// its command line. As a rule it is the program that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompilerProcess {
    /// Its file. `/proc/self/exe` is the program that runs, also when its file has been replaced meanwhile.
    pub program: PathBuf,
    /// What stands in front of the order.
    pub arguments: Vec<OsString>,
}

/// Why an engine could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// An option is out of its bounds.
    #[error("engine option {option}: {problem}")]
    Option {
        /// The field of [`EngineOptions`].
        option: &'static str,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// The directory for compiled code cannot be used.
    #[error("cache directory {}: {problem}", path.display())]
    CacheDir {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Wasmtime refused the configuration.
    #[error("the WebAssembly engine could not be set up: {0}")]
    Setup(String),
    /// The thread that keeps time could not be started.
    #[error("the engine's ticker could not be started: {0}")]
    Ticker(#[source] std::io::Error),
}
