//! `tables`: look-ups in the host's tables.

use std::sync::Arc;

use crate::bindings::mm4::filter::{tables, types};
use crate::limits::Grant;
use crate::services::Table;
use crate::words::Fault;

use super::Call;

impl Call {
    /// The generation of a table that this call sees from its first look-up on.
    fn pinned_table(&mut self, name: &str) -> Result<&Arc<dyn Table>, Fault> {
        if !self.tables.contains_key(name) {
            let table = self.owner.services.table(name).ok_or_else(|| {
                // The name is the plug-in's, and may be long.
                let shown: String = name.chars().take(64).collect();
                Fault::Invalid(format!("no table {shown:?} is configured"))
            })?;
            self.tables.insert(name.to_owned(), table);
        }
        Ok(&self.tables[name])
    }
}

impl tables::Host for Call {
    fn lookup(&mut self, table: String, key: String) -> wasmtime::Result<Result<Option<String>, types::Fault>> {
        self.ask(Grant::Tables)?;
        let found = self
            .pinned_table(&table)
            .map(|table| table.lookup(&key).map(str::to_owned));
        Ok(found.map_err(Into::into))
    }

    fn lookup_prefix(
        &mut self,
        table: String,
        text: String,
    ) -> wasmtime::Result<Result<Option<(String, String)>, types::Fault>> {
        self.ask(Grant::Tables)?;
        let found = self.pinned_table(&table).map(|table| {
            let row = table.lookup_prefix(&text);
            row.map(|(key, value)| (key.to_owned(), value.to_owned()))
        });
        Ok(found.map_err(Into::into))
    }
}
