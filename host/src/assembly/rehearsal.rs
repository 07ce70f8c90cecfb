//! Everything of a configuration that is needed to try one message: tables, routes, the chain. It opens no store,
//! listens nowhere, and sends nothing.

use std::path::Path;
use std::sync::Arc;

use super::findings::Findings;
use super::plugins;
use super::tables::{Loaded, load};
use crate::config::Config;
use crate::pipeline::{Chain, KvSource};
use crate::relay::Directory;

/// A relay without store, listeners and delivery.
pub struct Stage {
    pub config: Config,
    pub directory: Arc<Directory>,
    pub chain: Arc<Chain>,
}

/// Loads what the configuration in `file` names. The plug-ins see the values of `values`, and the relay's own
/// numbering.
///
/// # Errors
/// Everything that is wrong, at once.
pub async fn stage(file: &Path, values: impl FnOnce(&Config) -> Arc<dyn KvSource>) -> Result<Stage, Findings> {
    let examined = Config::examine(file);
    let config = examined.config.clone();
    let found = Findings::of(&examined);
    let (tables, directory, mut found) = load(config.clone(), Loaded::default(), None, found).await;
    let Some(directory) = directory.filter(|_| found.is_empty()) else {
        return Err(found);
    };
    let values = values(&config);
    // Boxed, because the future of loading is very deep.
    let loading = Box::pin(plugins::rehearsed(
        &config,
        &tables.tables,
        values,
        Arc::clone(&directory),
        &mut found,
    ));
    match loading.await {
        Some(chain) => Ok(Stage {
            config,
            directory,
            chain,
        }),
        None => Err(found),
    }
}
