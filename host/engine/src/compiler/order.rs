//! What a relay and the process that compiles for it say to each other.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::allocation::Allocation;

/// The exit code for a component that cannot be compiled. The reason is on the standard error.
pub(super) const REFUSED: i32 = 3;

/// What is to be compiled, for which engine, and what that may cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    /// Of the component, on the standard input.
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
    /// What the engine that will run the code says of itself. Code of another would not run.
    pub compiler: u64,
}

impl Order {
    pub fn to_text(&self) -> String {
        // Numbers and words: encoding them cannot fail, and an empty order is refused.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The same for two engines whose code is the same.
pub(super) fn fingerprint(engine: &wasmtime::Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}
