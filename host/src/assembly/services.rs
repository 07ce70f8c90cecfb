//! The services that plug-ins get from the relay.

use std::sync::Arc;

use mm4relay_engine::{Outside, Services};

use super::numbers::RoutedNumbers;
use crate::clock::SharedClock;
use crate::pipeline::{KvSource, PluginServices, Seeds, TableSet};
use crate::relay::directory::Directory;
use crate::spool::{BoxFuture, Values};
use crate::tables::{Table, Tables};

/// The services for plug-ins, with the present tables and routes.
pub(crate) fn services(
    tables: &Tables,
    values: &Arc<dyn Values>,
    clock: &SharedClock,
    directory: &Arc<Directory>,
    outside: Arc<dyn Outside>,
) -> anyhow::Result<Arc<dyn Services>> {
    Ok(Arc::new(PluginServices {
        tables: table_set(tables),
        kv: Arc::new(StoredValues(Arc::clone(values))),
        clock: Arc::clone(clock),
        numbering: Arc::new(RoutedNumbers(Arc::clone(directory))),
        outside,
        seeds: Seeds::new()?,
    }))
}

/// The tables in the form for plug-ins.
pub(super) fn table_set(tables: &Tables) -> TableSet {
    let shared = |(name, table): (&str, &Arc<Table>)| {
        let table: Arc<dyn mm4relay_engine::Table> = Arc::<Table>::clone(table);
        (name.to_owned(), table)
    };
    tables.iter().map(shared).collect()
}

/// Plug-ins' durable values, from the spool.
struct StoredValues(Arc<dyn Values>);

impl KvSource for StoredValues {
    fn get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        Box::pin(async move { self.0.kv_get(plugin, key).await.map_err(|error| error.to_string()) })
    }
}
