//! The engine, and the stores that it makes: Wasmtime's configuration in one place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, PoolingAllocationConfig, Store, WasmBacktraceDetails};

use crate::allocation::{self, Allocation};
use crate::bindings::Filter;
use crate::cache::Cache;
use crate::deterministic;
use crate::host::Call;
use crate::options::{EngineError, EngineOptions};
use crate::sampler::Sampler;
use crate::turns::Turns;
use crate::unwrap::add_module_loader;

/// The interval at which a running plug-in yields to other tasks, and can be stopped. A call is therefore stopped at
/// most this long after its budget.
const TICK: Duration = Duration::from_millis(2);

/// Compiles plug-ins, and holds the pool that their instances come from. Cheap to clone; all clones are one engine.
///
/// One thread for each engine ticks every 2 ms; it ends when the last clone (and the last plug-in) is gone.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub wasmtime: wasmtime::Engine,
    pub linker: Linker<Call>,
    pub cache: Cache,
    /// One permit for each instance that a message may have.
    pub instances: Semaphore,
    /// For calls that take long.
    turns: Turns,
    /// One load at a time: compiling takes a core, and messages need the others.
    pub loading: Arc<Mutex<()>>,
    pub options: EngineOptions,
    allocation: Allocation,
    page_map_scan: bool,
    /// Whether messages may be under way, which a load must not delay.
    gives_way: AtomicBool,
    /// Dropping it ends the ticker.
    _ticker: mpsc::Sender<()>,
}

impl Engine {
    /// Sets up the pool, the cache and the ticker.
    ///
    /// # Errors
    /// An option out of its bounds, a cache directory that others can write to.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        check(&options)?;
        let available = PoolingAllocationConfig::is_pagemap_scan_available();
        let page_map_scan = options.page_map_scan.unwrap_or(available);
        if page_map_scan && !available {
            return Err(EngineError::Setup("this kernel has no page-map scan".to_owned()));
        }
        let (wasmtime, allocation) = allocation::engine(&options, &config(&options), page_map_scan)?;
        let mut linker = Linker::new(&wasmtime);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(setup)?;
        Filter::add_to_linker::<_, HasSelf<Call>>(&mut linker, |call| call).map_err(setup)?;
        add_module_loader(&mut linker).map_err(setup)?;
        let tick = options.sampler.as_ref().map_or(TICK, |_| Sampler::EVERY);
        Ok(Engine(Arc::new(Inner {
            linker,
            cache: Cache::open(options.cache_dir.as_deref())?,
            instances: Semaphore::new(allocation.instances() as usize),
            turns: Turns::of_this_machine(),
            loading: Arc::default(),
            options,
            allocation,
            page_map_scan,
            gives_way: AtomicBool::new(false),
            _ticker: start_ticker(wasmtime.clone(), tick).map_err(EngineError::Ticker)?,
            wasmtime,
        })))
    }

    /// Whether sandboxes are cleaned by the kernel's page-map scan. Without it a call costs about twice as much.
    pub fn page_map_scan(&self) -> bool {
        self.0.page_map_scan
    }

    /// Tells the engine that messages pass from now on, so loads use idle time only. Before that, at the start of a
    /// relay, nothing but loads is waiting, and idle time on a busy machine could take minutes.
    pub fn give_way(&self) {
        self.0.gives_way.store(true, Ordering::Relaxed);
    }

    /// Where its instances get their memory, which may be less than what was asked for.
    pub fn allocation(&self) -> Allocation {
        self.0.allocation()
    }
}

impl Inner {
    pub fn gives_way(&self) -> bool {
        self.gives_way.load(Ordering::Relaxed)
    }

    pub fn allocation(&self) -> Allocation {
        self.allocation
    }

    /// A store for one call, limited as its plug-in is.
    pub fn store(&self, call: Call) -> Store<Call> {
        let limits = &call.owner.limits;
        let (host_call_bytes, handles) = (limits.host_call_bytes, limits.handles);
        let mut store = Store::new(&self.wasmtime, call);
        store.limiter(|call| &mut call.memory);
        store.set_hostcall_fuel(host_call_bytes);
        store.set_max_component_handles(handles);
        match &self.options.sampler {
            None => self.turns.govern(&mut store),
            Some(sampler) => sampler.watch(&mut store),
        }
        if self.options.deterministic {
            // Bounded by the caller: see `allow`.
            let _ = store.set_fuel(u64::MAX);
        }
        store
    }

    /// Gives a call its budget. The fuel that it got, and the wall time after which it is stopped.
    pub fn allow(&self, store: &mut Store<Call>, budget: Duration) -> (u64, Duration) {
        if !self.options.deterministic {
            return (0, budget);
        }
        let fuel = deterministic::fuel(budget);
        // Only an engine that does not count says no.
        let _ = store.set_fuel(fuel);
        (fuel, deterministic::patience(budget))
    }
}

fn check(options: &EngineOptions) -> Result<(), EngineError> {
    let refuse = |option, problem: String| Err(EngineError::Option { option, problem });
    if !(1..=1000).contains(&options.max_instances) {
        return refuse(
            "max_instances",
            format!("{} is not in 1 to 1000", options.max_instances),
        );
    }
    if !(64 << 10..=1 << 20).contains(&options.wasm_stack) {
        return refuse(
            "wasm_stack",
            format!("{} octets are not in 64 KiB to 1 MiB", options.wasm_stack),
        );
    }
    if !(1 << 20..=2 << 30).contains(&options.max_memory_bytes) {
        return refuse(
            "max_memory_bytes",
            format!("{} octets are not in 1 MiB to 2 GiB", options.max_memory_bytes),
        );
    }
    Ok(())
}

/// The settings that decide which code is compiled, without those that reserve memory.
pub(crate) fn config(options: &EngineOptions) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .max_wasm_stack(options.wasm_stack)
        // Snapshots above Wasmtime's default of 16 MiB would silently lose copy-on-write: 19 ms for an instance
        // instead of 40 us.
        .memory_guaranteed_dense_image_size(options.max_memory_bytes as u64)
        // Only native debuggers and profilers need it, and registering it gets slower with every plug-in loaded.
        .native_unwind_info(false)
        // A 64-bit memory would buy nothing below 4 GiB.
        .wasm_memory64(false);
    // Two features of Wasmtime are left out of the build: threads within a plug-in could not be bounded by its store,
    // and a compilation on several cores would take them from the messages.
    // Said either way: otherwise a variable of the environment decides.
    config.wasm_backtrace_details(match options.lines {
        true => WasmBacktraceDetails::Enable,
        false => WasmBacktraceDetails::Disable,
    });
    if options.deterministic {
        deterministic::settle(&mut config);
    }
    config
}

/// One thread for the whole engine; one for each call would cost more than the calls.
fn start_ticker(engine: wasmtime::Engine, tick: Duration) -> std::io::Result<mpsc::Sender<()>> {
    let (stop, stopped) = mpsc::channel();
    std::thread::Builder::new()
        .name("plugin-ticker".into())
        .spawn(move || {
            while stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                engine.increment_epoch();
            }
        })?;
    Ok(stop)
}

fn setup(error: wasmtime::Error) -> EngineError {
    EngineError::Setup(format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn small() -> EngineOptions {
        EngineOptions {
            max_instances: 1,
            ..EngineOptions::default()
        }
    }

    #[test]
    fn the_ticker_ends_with_the_engine() {
        let engine = Engine::new(small()).unwrap();
        let weak = engine.0.wasmtime.weak();
        let clone = engine.clone();
        drop(engine);
        assert!(weak.upgrade().is_some());
        drop(clone);
        // The ticker holds the last reference; when it is gone, so is the thread's work.
        let patience = Instant::now() + Duration::from_secs(10);
        while weak.upgrade().is_some() {
            assert!(Instant::now() < patience, "the ticker still runs");
            std::thread::yield_now();
        }
    }

    #[test]
    fn an_engine_works_without_the_page_map_scan() {
        let engine = Engine::new(EngineOptions {
            page_map_scan: Some(false),
            ..small()
        })
        .unwrap();
        assert!(!engine.page_map_scan());
    }

    #[test]
    fn the_probe_says_what_the_kernel_has() {
        let engine = Engine::new(small()).unwrap();
        assert_eq!(
            engine.page_map_scan(),
            PoolingAllocationConfig::is_pagemap_scan_available()
        );
    }

    #[test]
    fn options_out_of_their_bounds_are_named() {
        let cases = [
            (
                "max_instances",
                EngineOptions {
                    max_instances: 0,
                    ..small()
                },
            ),
            (
                "max_instances",
                EngineOptions {
                    max_instances: 1001,
                    ..small()
                },
            ),
            (
                "wasm_stack",
                EngineOptions {
                    wasm_stack: (64 << 10) - 1,
                    ..small()
                },
            ),
            (
                "wasm_stack",
                EngineOptions {
                    wasm_stack: (1 << 20) + 1,
                    ..small()
                },
            ),
            (
                "max_memory_bytes",
                EngineOptions {
                    max_memory_bytes: (1 << 20) - 1,
                    ..small()
                },
            ),
        ];
        for (name, options) in cases {
            let refusal = Engine::new(options).err().expect("refused").to_string();
            assert!(refusal.contains(name), "{refusal}");
        }
    }
}
