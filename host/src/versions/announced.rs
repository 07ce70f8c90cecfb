//! Files that an operator has put in their places through the relay: nobody else can tell them from those that were copied.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::sync::lock;

/// What an operator asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskedFor {
    /// `plugin load`: this version.
    Load,
    /// `plugin rollback`: the version before the running one.
    Rollback,
}

/// What is on its way, by plug-in: the digest of the version, and what was asked for.
#[derive(Default)]
pub struct Announced(Mutex<BTreeMap<String, (String, AskedFor)>>);

impl Announced {
    /// Said before the file is put in its place.
    pub fn announce(&self, plugin: &str, digest: &str, asked: AskedFor) {
        lock(&self.0).insert(plugin.to_owned(), (digest.to_owned(), asked));
    }

    /// What was asked for, if this version was; it is answered once.
    pub fn take(&self, plugin: &str, digest: &str) -> Option<AskedFor> {
        let mut all = lock(&self.0);
        all.get(plugin).filter(|(known, _)| known == digest)?;
        all.remove(plugin).map(|(_, asked)| asked)
    }
}
