//! The host's tables: reading them, and how plug-ins reach them.

use std::sync::Arc;

use anyhow::anyhow;

use crate::config::Config;
use crate::pipeline::TableSet;
use crate::routing::{Table, Tables};

/// The tables of a configuration; all errors at once. Takes a second for a million rows: not for a thread that serves
/// others.
pub fn load(config: &Config) -> anyhow::Result<Tables> {
    let files = config
        .tables
        .iter()
        .map(|table| (table.name.as_str(), table.file.as_path()));
    Tables::load(files).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        anyhow!("{}", errors.join("\n"))
    })
}

/// As plug-ins reach them.
pub fn set(tables: &Tables) -> TableSet {
    let shared = |(name, table): (&str, &Arc<Table>)| {
        let table: Arc<dyn mm4relay_engine::Table> = Arc::<Table>::clone(table);
        (name.to_owned(), table)
    };
    tables.iter().map(shared).collect()
}

impl mm4relay_engine::Table for Table {
    fn lookup(&self, key: &str) -> Option<&str> {
        Table::lookup(self, key)
    }

    fn lookup_prefix(&self, text: &str) -> Option<(&str, &str)> {
        Table::lookup_prefix(self, text)
    }
}
