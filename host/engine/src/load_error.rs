//! Why a plug-in does not go live, and how far its load has come.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::API_VERSION;
use crate::component_file::FileError;
use crate::failure::FailureClass;
use crate::limits::Grant;

/// A plug-in that does not go live. The one that runs under the same name is untouched.
#[derive(Debug, thiserror::Error)]
pub struct LoadError {
    /// The name in the configuration; empty when bytes were only inspected.
    pub plugin: String,
    /// What is wrong.
    pub kind: LoadErrorKind,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.plugin.is_empty() {
            write!(f, "{}", self.kind)
        } else {
            write!(f, "plug-in {:?}: {}", self.plugin, self.kind)
        }
    }
}

/// Why a plug-in does not go live, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum LoadErrorKind {
    #[error("{} cannot be read: {error}", path.display())]
    Read { path: PathBuf, error: FileError },
    #[error(
        "the component has more than {limit} octets; make it smaller (opt-level, strip) or raise the limit component"
    )]
    TooLarge { limit: u64 },
    #[error(
        "the component has {figure} {what}, which is more than the {limit} that are compiled; it would take too much time or memory: make it simpler, or split it into several plug-ins"
    )]
    TooComplex {
        what: &'static str,
        figure: u64,
        limit: u64,
    },
    #[error("the file is no WebAssembly: it does not begin with `\\0asm`")]
    NotWebAssembly,
    #[error(
        "the file is a core module, not a component: build it for wasm32-wasip2, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    #[error("the component is cut short or damaged: {problem}; copy or build it again")]
    Invalid { problem: String },
    #[error(
        "the component is no plug-in: it does not export mm4:filter/plugin@{API_VERSION}{}; build it against the world `filter` of wit/",
        but(exports)
    )]
    NoPlugin { exports: String },
    #[error("the plug-in was built against version {built_for} of mm4:filter, this relay has {API_VERSION}: {remedy}")]
    ApiVersion { built_for: String, remedy: &'static str },
    #[error(
        "it imports {}, which it is not granted; the plug-in's line would be grants = [{line}]",
        list(missing)
    )]
    NotGranted {
        /// What it imports and may not.
        missing: BTreeSet<Grant>,
        /// What would have to stand between the brackets of `grants`.
        line: String,
    },
    #[error("it imports {name}, which this relay does not have; remove that import")]
    UnknownImport { name: String },
    #[error("its limit memory is {asked}, but sandboxes of this relay have at most {available} octets; lower it")]
    MemoryLimit { asked: usize, available: usize },
    #[error("it cannot be compiled: {problem}")]
    Compile { problem: String },
    #[error("compiling it took more than {} s of a core; make it simpler, or raise the limit compile-time", limit.as_secs())]
    CompileTime { limit: Duration },
    #[error(
        "compiling it was not over after {} s, because the machine had little time for it; try again when it is less busy, or raise the limit compile-time",
        limit.as_secs()
    )]
    CompileClock { limit: Duration },
    #[error("compiling it took more than {limit} octets of memory; make it simpler, or raise the limit compile-memory")]
    CompileMemory { limit: u64 },
    #[error("the process that compiles it failed: {problem}")]
    CompilerProcess { problem: String },
    #[error("no instance can be made of it ({class}): {text}")]
    Instantiate { class: FailureClass, text: String },
    #[error("`configure` said no: {text}")]
    ConfigureRefused { text: String },
    #[error("`describe` or `configure` failed ({class}): {text}")]
    ConfigureFailed { class: FailureClass, text: String },
    #[error("`configure` asked for `{interface}`, which exists only in `process`; call it there")]
    OnlyInProcess { interface: &'static str },
    #[error("`configure` ran for longer than {limit:?}; raise configure-time or do less")]
    ConfigureTime { limit: Duration },
    #[error("`configure` needs more than {limit} octets of memory; raise the limit memory or keep less")]
    ConfigureMemory { limit: usize },
    #[error(
        "`configure` left a handle open, which no snapshot can hold: drop body writers before it returns, and log instead of printing (standard output, once opened, stays open)"
    )]
    HandlesLeft,
    #[error("its memory cannot be put into a snapshot: {problem}")]
    Snapshot { problem: String },
    #[error("{problem}")]
    Cache { problem: String },
    #[error("the engine failed while loading it: {problem}; this is a bug of the relay")]
    Internal { problem: String },
}

fn list(grants: &BTreeSet<Grant>) -> String {
    let names: Vec<_> = grants.iter().map(|grant| grant.as_str()).collect();
    format!("`{}`", names.join("`, `"))
}

fn but(exports: &str) -> String {
    match exports.is_empty() {
        true => " or anything else".to_owned(),
        false => format!(", but [{exports}]"),
    }
}

/// A step of a load that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadStep {
    /// It is a valid component, and not too large.
    Parse,
    /// It has the contract's version, and imports nothing that it may not.
    Imports,
    /// There is code for it, compiled or from the cache.
    Compile,
    /// It is configured, and its snapshot is ready to run.
    Configure,
}

impl LoadStep {
    /// As the history of loads writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            LoadStep::Parse => "parse",
            LoadStep::Imports => "imports",
            LoadStep::Compile => "compile",
            LoadStep::Configure => "configure",
        }
    }
}

/// Told of each step when it is done, in the load's own thread, with what there is to say of it.
pub type Progress = Arc<dyn Fn(LoadStep, String) + Send + Sync>;
