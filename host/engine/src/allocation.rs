//! The memory of instances: from a pool if the address space has room for one.
//!
//! A pool reserves address space for all its instances at once, and uses no memory before they do. Where the address
//! space is bounded (`ulimit -v`, some containers), a smaller pool is tried, and in the end each instance reserves its
//! own when it is made: slower, and still within its limits.

use serde::{Deserialize, Serialize};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::host::TABLE_ELEMENTS;
use crate::options::{EngineError, EngineOptions};

/// Instances beyond those for messages: the one load that runs at a time needs one.
const LOADING_INSTANCES: u32 = 2;
/// A WebAssembly page, in octets.
pub(crate) const PAGE: usize = 64 << 10;

// What one component may consist of. Rust and C plug-ins have one memory, one table and a handful of core instances;
// JavaScript and Python plug-ins have more, Python one core instance for each of its shared libraries.
const MEMORIES: u32 = 4;
const TABLES: u32 = 8;
const CORE_INSTANCES: u32 = 64;
const INSTANCE_BYTES: usize = 10 << 20;

/// How much of each memory is cleaned in place when an instance ends, in octets; the rest goes back to the kernel.
const KEEP_MEMORY: usize = 1 << 20;
const KEEP_TABLE: usize = 64 << 10;

/// The smallest useful pool: with a smaller one, calls would wait for each other more than they gain.
const SMALLEST_POOL: u32 = 8;
/// Instances at the same time without a pool. Each reserves its own address space, of which there is little then.
const WITHOUT_POOL: u32 = 8;

/// How the instances of an engine get their memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Allocation {
    /// From a pool for so many messages at the same time.
    Pool(u32),
    /// Each instance reserves its own memory, so many at the same time, because the address space did not suffice for a
    /// pool. A call costs several times as much.
    OnDemand(u32),
}

impl Allocation {
    /// Instances that messages may have at the same time.
    pub fn instances(self) -> u32 {
        match self {
            Allocation::Pool(instances) | Allocation::OnDemand(instances) => instances,
        }
    }
}

/// An engine with the largest pool that there is room for, up to what was asked for, or with none.
pub(crate) fn engine(
    options: &EngineOptions,
    base: &Config,
    page_map_scan: bool,
) -> Result<(wasmtime::Engine, Allocation), EngineError> {
    let mut instances = options.max_instances;
    let first = loop {
        let mut config = base.clone();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(
            options,
            instances,
            page_map_scan,
        )));
        match wasmtime::Engine::new(&config) {
            Ok(engine) => return Ok((engine, Allocation::Pool(instances))),
            Err(error) if instances <= SMALLEST_POOL => break error,
            Err(_) => instances = (instances / 2).max(SMALLEST_POOL),
        }
    };
    match wasmtime::Engine::new(&on_demand(options, base)) {
        Ok(engine) => Ok((engine, Allocation::OnDemand(options.max_instances.min(WITHOUT_POOL)))),
        // The pool was not the problem.
        Err(_) => Err(EngineError::Setup(format!("{first:#}"))),
    }
}

fn on_demand(options: &EngineOptions, base: &Config) -> Config {
    let mut config = base.clone();
    config
        .allocation_strategy(InstanceAllocationStrategy::OnDemand)
        .memory_reservation(memory(options) as u64)
        .memory_reservation_for_growth(0)
        .memory_guard_size(PAGE as u64);
    config
}

/// A configuration for an engine that only compiles, for engines with this allocation: it reserves nothing itself.
pub(crate) fn for_code(options: &EngineOptions, base: &Config, allocation: Allocation) -> Config {
    match allocation {
        // Code is the same with and without a pool.
        Allocation::Pool(_) => base.clone(),
        Allocation::OnDemand(_) => on_demand(options, base),
    }
}

/// One page more than any limit, because taking a snapshot needs it when `configure` has used everything.
fn memory(options: &EngineOptions) -> usize {
    options.max_memory_bytes.next_multiple_of(PAGE) + PAGE
}

fn pool(options: &EngineOptions, instances: u32, page_map_scan: bool) -> PoolingAllocationConfig {
    let instances = instances + LOADING_INSTANCES;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_stacks(instances)
        .total_core_instances(instances * CORE_INSTANCES)
        .total_memories(instances * MEMORIES)
        .total_tables(instances * TABLES)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_memories_per_module(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .max_component_instance_size(INSTANCE_BYTES)
        .max_core_instance_size(INSTANCE_BYTES)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(memory(options));
    if page_map_scan {
        // Without the scan, kept pages would all have to be cleaned, which costs more than it saves.
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(KEEP_MEMORY)
            .table_keep_resident(KEEP_TABLE);
    }
    pool
}
