//! `[recording]`: recording the calls of plug-ins for replay.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::file::Section;
use super::forms::{count, size, text};
use super::plugin::Plugin;
use super::problem::one_of;

const MIB: u64 = 1 << 20;

/// Where calls are recorded, and how many. Without the section, none are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// A folder of its own, mode 0700, because it holds whole messages.
    pub folder: PathBuf,
    /// `messages`: how many calls are kept. Default 1,000.
    pub messages: u32,
    /// `size`: how many octets are kept. Default 256 MiB.
    pub size: u64,
    /// `plugins`: the plug-ins whose calls are recorded; empty: all.
    pub plugins: BTreeSet<String>,
}

impl Recording {
    pub(super) fn read(s: &mut Section<'_>, base: &Path, plugins: &[Plugin]) -> Option<Self> {
        let folder = s.required("folder", FOLDER, text(FOLDER));
        let messages = s.optional("messages", count(1..=1_000_000));
        let size = s.optional("size", size(MIB..=1024 * 1024 * MIB));
        let known: Vec<&str> = plugins.iter().map(|plugin| plugin.name.as_str()).collect();
        let plugins = s.list("plugins", |value| match value.as_str() {
            Some(name) if known.contains(&name) => Ok(name.to_owned()),
            other => Err(format!(
                "the name of a plug-in: {}",
                one_of(other.unwrap_or_default(), &known)
            )),
        });
        Some(Self {
            folder: base.join(folder?),
            messages: messages.unwrap_or(1_000),
            size: size.unwrap_or(256 * MIB),
            plugins: plugins.into_iter().collect(),
        })
    }
}

const FOLDER: &str = "the path of a folder, such as \"recording\"";
