//! Compiling a component: bounded, without delaying messages, and once.
//!
//! Components come from outside, and compilers are not made for malicious input: some hundred kilobytes can cost
//! gigabytes, minutes, or a stack. So the relay has a process of its own for each compilation ([`process`], and
//! [`child`] on the other side), which can only harm itself. The kernel limits its memory and its time on a core, the
//! relay its time on the clock.
//!
//! A program that embeds this crate without a [`CompilerProcess`](crate::CompilerProcess) compiles in its own process
//! ([`in_process`]), without these bounds.
//!
//! Either way the work uses idle time while messages pass, so that loading a plug-in does not delay them; see [`idle`].

pub(crate) mod child;
mod functions;
pub(crate) mod idle;
mod in_process;
mod order;
mod process;

use std::time::Duration;

use wasmtime::component::Component;

use crate::cache::CacheError;
use crate::limits::Limits;
use crate::load_error::LoadErrorKind;
use crate::sandbox::Inner;

/// How much one compilation may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Octets of address space of the whole process.
    pub memory: u64,
    /// Time on a core.
    pub time: Duration,
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        Bounds {
            memory: limits.compile_memory,
            time: limits.compile_time,
        }
    }
}

/// How long to wait for idle time: many times what a free core needs, which is about a second for each megabyte.
pub(crate) fn patience(octets: usize) -> Duration {
    const PATIENCE: Duration = Duration::from_secs(1);
    const PATIENCE_PER_MIB: Duration = Duration::from_secs(5);
    PATIENCE + PATIENCE_PER_MIB.mul_f64(octets as f64 / f64::from(1 << 20))
}

impl Inner {
    /// The compiled form of `wasm`, always from its file: a mapped file is ready in half a millisecond and shared,
    /// freshly compiled code is neither. Must be called from a thread of a load, because it may block without a
    /// compiler process.
    pub(crate) async fn compile(&self, wasm: &[u8], bounds: Bounds) -> Result<Component, LoadErrorKind> {
        if let Some(component) = self.cache.get(&self.wasmtime, wasm) {
            return Ok(component);
        }
        let code = match &self.options.compiler {
            Some(compiler) => compiler.compile(self, wasm, bounds).await?,
            None => {
                let component = match self.gives_way() {
                    true => in_process::compile_idle(&self.wasmtime, wasm),
                    false => Component::new(&self.wasmtime, wasm),
                };
                let code = component.and_then(|component| component.serialize());
                let code = code.map_err(|error| LoadErrorKind::Compile {
                    problem: format!("{error:#}"),
                })?;
                let mut file = self.cache.unfinished()?;
                file.write(&code)?;
                file
            }
        };
        Ok(self.cache.adopt(&self.wasmtime, wasm, code)?)
    }
}

impl From<CacheError> for LoadErrorKind {
    fn from(error: CacheError) -> Self {
        LoadErrorKind::Cache {
            problem: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_component_is_waited_for_longer() {
        assert_eq!(patience(0), Duration::from_secs(1));
        assert_eq!(patience(20 << 20), Duration::from_secs(101));
    }
}
