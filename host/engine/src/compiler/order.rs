//! The messages between a relay and its compiler process.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::allocation::Allocation;

/// The exit code for a component that cannot be compiled. The reason is on standard error.
pub(super) const REFUSED: i32 = 3;

/// What to compile, for which engine, within which limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    /// The size of the component, which is on standard input.
    pub octets: usize,
    /// Octets of address space.
    pub memory: u64,
    /// Time on a core.
    pub seconds: u64,
    pub max_memory_bytes: usize,
    pub wasm_stack: usize,
    pub deterministic: bool,
    pub lines: bool,
    pub allocation: Allocation,
    /// Where compiled functions are kept, if they are.
    pub functions: Option<PathBuf>,
    /// The fingerprint of the engine that will run the code, which could not run code of another.
    pub compiler: u64,
}

impl Order {
    pub fn to_text(&self) -> String {
        // Encoding numbers and words cannot fail, and an empty order is refused.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Equal for two engines that make the same code.
pub(super) fn fingerprint(engine: &wasmtime::Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}
