//! Profiles a plug-in by the names of its own functions.
//!
//! A sampler records the stack of the running call at intervals, and counts equal stacks. A function on top of half of
//! the stacks takes half of the time. Code checks for a sample only where a function begins and where a loop turns, so
//! the share of a long stretch without either goes to the next such place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::{AsContext, Store, UpdateDeadline, WasmBacktrace};

use crate::host::Call;
use crate::text::function_name;

/// Counts stacks. One for each engine that is made to profile: see [`EngineOptions::sampler`](crate::EngineOptions).
#[derive(Debug, Default)]
pub struct Sampler(Mutex<BTreeMap<Vec<String>, u64>>);

impl Sampler {
    /// Time between two looks: most calls are shorter than the 2 ms between the ticks of an engine that works.
    pub const EVERY: Duration = Duration::from_micros(100);

    /// The stacks seen since the last time, and how often each was seen: the plug-in's name, then its functions, the
    /// outermost first.
    pub fn take(&self) -> BTreeMap<Vec<String>, u64> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at every call of a store.
    pub(crate) fn watch(self: &Arc<Self>, store: &mut Store<Call>) {
        let sampler = Arc::clone(self);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |context| {
            sampler.look(&context);
            // The time budget is a timer's, which needs the thread at times.
            Ok(UpdateDeadline::Yield(1))
        });
    }

    fn look(&self, context: impl AsContext<Data = Call>) {
        let seen = WasmBacktrace::force_capture(&context);
        let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
            Some(symbol) => function_name(symbol),
            None => format!("function {}", frame.func_index()),
        };
        if seen.frames().is_empty() {
            return;
        }
        let plugin = context.as_context().data().owner.name.clone();
        let stack = std::iter::once(plugin).chain(seen.frames().iter().rev().map(name));
        let mut stacks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *stacks.entry(stack.collect()).or_default() += 1;
    }
}
