//! The host's side of one call: its state, and the functions that a plug-in may call, one file for each interface.
//!
//! No function here blocks its thread. Those that may wait are futures, because a sandbox can only be stopped where it
//! yields. Everything that a plug-in can make the host keep is bounded, by [`Limits`] or by a constant beside its use.

mod charging;
pub(crate) mod classify;
mod clock;
mod config;
mod kv;
pub(crate) mod lift;
mod log;
mod message;
mod metrics;
mod numbering;
pub(crate) mod outside;
mod random;
pub(crate) mod rules;
mod tables;
mod wasi;
pub(crate) mod writer;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtx;

use crate::limits::{Grant, Limits};
use crate::may::{May, Used};
use crate::services::{Services, Subject, Table};
use crate::text::without_advice;
use crate::turns::Waits;
use crate::words::{ChargingRecord, Fault, Level};

/// What all calls of one plug-in share.
#[derive(Clone)]
pub(crate) struct Owner {
    /// The name in the configuration, and the namespace of its values.
    pub name: String,
    pub settings: Bytes,
    pub grants: BTreeSet<Grant>,
    pub may: May,
    pub limits: Limits,
    pub services: Arc<dyn Services>,
    /// The names under which this version counts.
    pub metrics: Arc<metrics::Names>,
    /// Whether its engine is deterministic.
    pub deterministic: bool,
    /// Whether somebody wants to know what its calls used of the message.
    pub is_watched: bool,
}

/// The state of one call, including everything that the plug-in has asked for so far.
pub(crate) struct Call {
    pub owner: Arc<Owner>,
    pub handles: ResourceTable,
    pub memory: MemoryGuard,
    pub host_calls: u64,
    pub body_bytes_read: u64,
    pub records: Vec<ChargingRecord>,
    pub kv: kv::Pending,
    pub metrics: metrics::Book,
    pub log: log::Book,
    /// The rules of its settings that it named.
    pub rules: rules::Named,
    /// What it used of the message.
    pub used: Used,
    /// Its questions to services outside the relay.
    pub outside: outside::Book,
    /// The call's wait for a turn, if it runs long.
    pub waits: Waits,
    started: Instant,
    /// `None` during `describe` and `configure`.
    subject: Option<Arc<dyn Subject>>,
    /// Octets in body writers, those already dropped included.
    pub output_bytes: u64,
    /// Octets of strings in `records`.
    record_bytes: usize,
    /// The generations of tables that this call has seen, so that it keeps seeing them.
    tables: HashMap<String, Arc<dyn Table>>,
    said: wasi::Said,
    /// The seed of this call's random numbers, once it wanted any.
    seed: Option<[u8; 32]>,
    /// For `random` only; WASI has streams of its own.
    random: Option<random::Stream>,
    /// Made when first needed: most plug-ins never touch WASI.
    wasi: Option<WasiCtx>,
}

impl Call {
    pub fn new(owner: Arc<Owner>, subject: Option<Arc<dyn Subject>>) -> Self {
        let mut handles = ResourceTable::new();
        handles.set_max_capacity(owner.limits.handles);
        Call {
            handles,
            memory: MemoryGuard::new(owner.limits.memory_bytes),
            host_calls: 0,
            body_bytes_read: 0,
            records: Vec::new(),
            kv: kv::Pending::default(),
            metrics: metrics::Book::default(),
            log: log::Book::default(),
            rules: rules::Named::new(subject.is_none()),
            used: Used::default(),
            outside: outside::Book::default(),
            waits: Waits::default(),
            started: Instant::now(),
            subject,
            output_bytes: 0,
            record_bytes: 0,
            tables: HashMap::new(),
            said: wasi::Said::default(),
            seed: None,
            random: None,
            wasi: None,
            owner,
        }
    }

    /// Logs what the plug-in printed, and how many lines were dropped. Returns the end of what it printed.
    pub fn finish_log(&mut self) -> String {
        let said = self.said.take();
        let said = without_advice(&said);
        for line in said.lines().filter(|line| !line.trim().is_empty()) {
            self.log_line(Level::Debug, line);
        }
        if self.log.dropped > 0 {
            let text = format!(
                "{} more lines were dropped, log-lines is {}",
                self.log.dropped, self.owner.limits.log_lines
            );
            self.owner
                .services
                .log(&self.owner.name, self.message_id(), Level::Warn, &text);
        }
        let start = said.floor_char_boundary(said.len().saturating_sub(300));
        said[start..].trim().to_owned()
    }

    /// Notes what the plug-in used of the message, if anybody wants to know.
    fn note(&mut self, note: impl FnOnce(&mut Used)) {
        if self.owner.is_watched {
            note(&mut self.used);
        }
    }

    /// The wall time that counts against its budget so far; none if fuel is counted instead.
    fn time_used(&self) -> Duration {
        match self.owner.deterministic {
            true => Duration::ZERO,
            false => self.started.elapsed().saturating_sub(self.waits.so_far()),
        }
    }

    /// Counts a call of a host function that needs a grant. The error ends a call without the grant: a component that
    /// asks what it was granted may load without it.
    fn ask(&mut self, grant: Grant) -> wasmtime::Result<()> {
        self.host_calls += 1;
        match self.owner.grants.contains(&grant) {
            true => Ok(()),
            false => Err(NotGranted { grant }.into()),
        }
    }

    /// The message of this call. The error ends a `configure` that asked for it.
    fn subject(&self, interface: &'static str) -> wasmtime::Result<&Arc<dyn Subject>> {
        self.subject.as_ref().ok_or_else(|| OnlyInProcess { interface }.into())
    }

    /// The relay's id of the message, empty during `configure`.
    fn message_id(&self) -> &str {
        self.subject.as_ref().map_or("", |subject| subject.id())
    }
}

/// `describe` or `configure` called a function that needs a message.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("asked for `{interface}`, which exists only in `process`")]
pub(crate) struct OnlyInProcess {
    pub interface: &'static str,
}

/// The plug-in called a function that is not granted.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("it asked for `{grant}`, which is not granted: add it to the plug-in's grants")]
pub(crate) struct NotGranted {
    pub grant: Grant,
}

/// A bound without a `fault` in the contract was exceeded: the call ends.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct LimitPassed(pub String);

/// The fault for a limit, named as in the configuration.
fn limit(name: &str, bound: impl std::fmt::Display) -> Fault {
    Fault::Limit(format!("its limit {name} is {bound}, and it asked for more"))
}

/// Bounds all memories of a store together, and remembers that the bound was reached: a plug-in that gets no memory
/// usually traps a moment later, and the operator should read the cause.
pub(crate) struct MemoryGuard {
    limit: usize,
    used: usize,
    denied: bool,
}

/// The most entries in one table. Rust, C and JavaScript plug-ins need a few thousand, Python about 60,000.
pub(crate) const TABLE_ELEMENTS: usize = 100_000;

impl MemoryGuard {
    fn new(limit: usize) -> Self {
        MemoryGuard {
            limit,
            used: 0,
            denied: false,
        }
    }

    /// Whether a growth was ever refused.
    pub fn denied(&self) -> bool {
        self.denied
    }

    /// The present size of all memories. Memories never shrink, so this is also the maximum.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Allows `bytes` more than the plug-in's own limit.
    pub fn raise(&mut self, bytes: usize) {
        self.limit = self.limit.saturating_add(bytes);
    }
}

impl ResourceLimiter for MemoryGuard {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.used.saturating_sub(current).saturating_add(desired);
        if total > self.limit {
            self.denied = true;
            return Ok(false);
        }
        self.used = total;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.denied = true;
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_count_together() {
        let mut guard = MemoryGuard::new(100);
        assert!(guard.memory_growing(0, 60, None).unwrap());
        assert!(guard.memory_growing(0, 40, None).unwrap());
        assert!(!guard.denied());
        assert!(!guard.memory_growing(40, 41, None).unwrap());
        assert!(guard.denied());
    }

    #[test]
    fn a_memory_may_grow_to_its_limit_exactly() {
        let mut guard = MemoryGuard::new(100);
        assert!(guard.memory_growing(0, 50, None).unwrap());
        assert!(guard.memory_growing(50, 100, None).unwrap());
        assert!(!guard.memory_growing(100, 101, None).unwrap());
    }
}
