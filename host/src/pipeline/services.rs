//! What plug-ins get from the relay besides the message: tables, their durable values, the time, the log.

use std::collections::HashMap;
use std::sync::Arc;

use mm4relay_engine::{BoxFuture, Level, Services, Table};

use crate::clock::SharedClock;

/// The tables of one configuration, by name.
pub type TableSet = HashMap<String, Arc<dyn Table>>;

/// Where committed values come from: the spool, or nothing in samples.
pub trait KvSource: Send + Sync + 'static {
    fn get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>>;
}

/// No values at all.
pub struct NoValues;

impl KvSource for NoValues {
    fn get<'a>(&'a self, _plugin: &'a str, _key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        Box::pin(async { Ok(None) })
    }
}

pub struct PluginServices {
    /// One generation: a reload makes new services for the new chain, so a message never sees two.
    pub tables: TableSet,
    pub kv: Arc<dyn KvSource>,
    pub clock: SharedClock,
}

impl Services for PluginServices {
    fn now_ms(&self) -> u64 {
        self.clock.now().0
    }

    fn table(&self, name: &str) -> Option<Arc<dyn Table>> {
        self.tables.get(name).cloned()
    }

    fn kv_get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        self.kv.get(plugin, key)
    }

    fn log(&self, plugin: &str, message: &str, level: Level, text: &str) {
        match level {
            Level::Debug => tracing::debug!(plugin, message, "{text}"),
            Level::Info => tracing::info!(plugin, message, "{text}"),
            Level::Warn => tracing::warn!(plugin, message, "{text}"),
            Level::Error => tracing::error!(plugin, message, "{text}"),
        }
    }
}
