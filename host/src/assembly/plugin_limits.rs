//! The limits of a plug-in, in the engine's form.

use mm4relay_engine::{BreakerOptions, Limits};

use crate::config::{PluginBreaker, PluginLimits};

/// What the configuration leaves out has the engine's default.
pub(crate) fn plugin_limits(set: &PluginLimits, breaker: &PluginBreaker) -> Limits {
    let default = Limits::default();
    let octets = |set: Option<u64>, default: usize| set.map_or(default, |n| usize::try_from(n).unwrap_or(usize::MAX));
    Limits {
        memory_bytes: octets(set.memory, default.memory_bytes),
        time: set.time.unwrap_or(default.time),
        time_per_mib: set.time_per_mib.unwrap_or(default.time_per_mib),
        host_call_bytes: octets(set.host_call, default.host_call_bytes),
        output_bytes: set.output.unwrap_or(default.output_bytes),
        handles: set.handles.map_or(default.handles, |n| n as usize),
        log_lines: set.log_lines.unwrap_or(default.log_lines),
        charging_records: set.charging_records.map_or(default.charging_records, |n| n as usize),
        kv_bytes: octets(set.kv, default.kv_bytes),
        metrics: set.metrics.map_or(default.metrics, |n| n as usize),
        breaker: BreakerOptions {
            failures: breaker.failures.unwrap_or(default.breaker.failures),
            first: breaker.first.unwrap_or(default.breaker.first),
            longest: breaker.longest.unwrap_or(default.breaker.longest),
        },
        configure_time: set.configure_time.unwrap_or(default.configure_time),
        component_bytes: set.component.unwrap_or(default.component_bytes),
        compile_time: set.compile_time.unwrap_or(default.compile_time),
        compile_memory: set.compile_memory.unwrap_or(default.compile_memory),
    }
}
