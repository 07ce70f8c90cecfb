//! With which versions a relay starts.

use std::collections::BTreeMap;
use std::path::Path;

use super::attend::octets;
use super::participant::read;
use crate::spool::Rollouts;
use crate::versions::files;

/// By plug-in, the digest of the version that this relay starts with, whatever the plug-in's file holds. They are kept in the
/// spool's folder when this returns.
///
/// # Errors
/// What is wrong: the store is away, or does not have a version.
pub async fn pins(store: &dyn Rollouts, folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let known = store.overview().await.map_err(|error| error.to_string())?;
    let mut pins = BTreeMap::new();
    for (plugin, revised) in &known.courses {
        let course = read(revised)?;
        let Some(version) = course.starts() else {
            continue;
        };
        let octets = octets(store, folder, &version.digest).await;
        let octets = octets.map_err(|why| format!("plug-in {plugin:?}: the version that all relays run: {why}"))?;
        let kept = files::keep(folder, &version.digest, &octets, version.signature.as_deref());
        kept.map_err(|error| format!("plug-in {plugin:?}: the version that all relays run cannot be kept: {error}"))?;
        pins.insert(plugin.clone(), version.digest.clone());
    }
    Ok(pins)
}
