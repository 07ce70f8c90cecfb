//! Plug-ins from registries: fetched once, and identified by their digest.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use tokio_rustls::rustls::ClientConfig;

use super::certificates;
use super::plugin_limits::plugin_limits;
use crate::config::Config;
use crate::registry::{Artifact, Credentials, Digest, Logins, Reference, Registry};
use crate::versions::files;

/// The file of public authorities on Debian and most other systems.
const SYSTEM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";

/// How a registry is accessed.
#[derive(Clone, Debug, Default)]
pub struct Asking<'a> {
    /// The authorities for its certificate; default: those of the system. With it, a registry on this machine is
    /// accessed over TLS too.
    pub ca: Option<&'a Path>,
    /// Default: the login that the user has stored.
    pub credentials: Option<Credentials>,
}

impl Asking<'_> {
    fn registry(&self, reference: &Reference) -> anyhow::Result<Registry> {
        let credentials = match &self.credentials {
            Some(given) => Some(given.clone()),
            None => Logins::of_the_user()?.of(&reference.host),
        };
        match (self.ca, reference.is_on_this_machine()) {
            (None, true) => Registry::in_the_clear(reference, credentials),
            (ca, _) => Registry::over_tls(reference, trusting(ca.unwrap_or(Path::new(SYSTEM_CA)))?, credentials),
        }
    }

    /// Stores a component. Returns the digest that pins it.
    pub async fn push(&self, to: &Reference, artifact: &Artifact) -> anyhow::Result<Digest> {
        self.registry(to)?.push(to, artifact).await
    }

    /// Writes the component into a file, with its signature beside it. Returns the digest of its manifest.
    pub async fn pull(&self, from: &Reference, file: &Path, largest: u64) -> anyhow::Result<Digest> {
        let (artifact, digest) = self.registry(from)?.pull(from, largest).await?;
        let written = write(file, &artifact);
        written.with_context(|| format!("{} cannot be written", file.display()))?;
        Ok(digest)
    }
}

fn trusting(ca: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    Ok(Arc::new(certificates::towards_service(ca, None)?))
}

/// Writes the signature first, so that nobody sees the component without it.
fn write(file: &Path, artifact: &Artifact) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let signature = files::signature_path(file);
    match &artifact.signature {
        Some(text) => files::put(&signature, text.as_bytes(), 0o644)?,
        // The signature of another component that was here.
        None if signature.exists() => std::fs::remove_file(&signature)?,
        None => {}
    }
    files::put(file, &artifact.wasm, 0o644)
}

/// Fetches each plug-in whose `source` is pinned and whose file is missing.
pub(super) async fn fetch_missing(config: &Config) -> anyhow::Result<()> {
    for plugin in &config.plugins {
        let Some(source) = &plugin.source else { continue };
        if plugin.file.is_file() {
            continue;
        }
        let largest = plugin_limits(&plugin.limits, &plugin.breaker).component_bytes;
        let fetched = Asking::default().pull(source, &plugin.file, largest).await;
        let digest = fetched.with_context(|| format!("plug-in {:?}", plugin.name))?;
        ensure!(
            source.digest == Some(digest),
            "plug-in {:?}: {source} was not pinned",
            plugin.name
        );
        tracing::info!(plugin = plugin.name, source = %source, event = "plugin-fetched", "fetched from its registry");
    }
    Ok(())
}
