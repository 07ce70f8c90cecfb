//! Why a version, or a chain, does not go live.

use mm4relay_engine::LoadError;

use super::signing::SignatureError;
use crate::rehearsal::samples::SamplesError;

/// Why a version does not go live.
#[derive(Debug, thiserror::Error)]
pub enum RefusedVersion {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("plug-in {plugin:?}: {error}")]
    Signature { plugin: String, error: SignatureError },
    #[error("plug-in {plugin:?}: {error}")]
    Samples { plugin: String, error: SamplesError },
    #[error("plug-in {plugin:?}: beside the running version, it {why}: {found}")]
    Shadow {
        plugin: String,
        why: &'static str,
        found: String,
    },
    #[error("plug-in {plugin:?}: it was rolled back while this change was prepared")]
    Barred { plugin: String },
    #[error(
        "plug-in {plugin:?}: version {digest}, which all relays run, is not kept in the spool's folder ({error}): a start of the \
         relay fetches it again"
    )]
    NotKept {
        plugin: String,
        digest: String,
        error: std::io::Error,
    },
    #[error(
        "plug-in {plugin:?}: its file is not looked at any more, since a version of it was rolled out to all relays: \
         `mm4relay plugin load` brings another one to all of them"
    )]
    ForAll { plugin: String },
    #[error("plug-in {plugin:?}: the configuration of this relay has no plug-in of that name")]
    NotConfigured { plugin: String },
}

impl RefusedVersion {
    /// The reason on one line, whatever the plug-in's own text contains.
    pub fn line(&self) -> String {
        let text = self.to_string();
        let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join(" | ")
    }
}

/// Why a chain does not go live. The running one is untouched.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct CatalogueError(pub Vec<RefusedVersion>);

impl CatalogueError {
    /// The fault of each plug-in on a line of its own, because a log is read by lines.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(RefusedVersion::line)
    }
}
