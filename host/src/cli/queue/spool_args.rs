//! Which spool a command is about, and whose names are known there.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;

use crate::config::Config;
use crate::message::{NextHop, StreamName};
use crate::spool::{self, Hand, Operator, StreamReader};

/// Where the spool is.
#[derive(Debug, clap::Args)]
pub struct SpoolArgs {
    /// The relay's configuration
    #[arg(long, value_name = "FILE", required_unless_present = "spool")]
    config: Option<PathBuf>,
    /// The spool's folder, instead of a configuration
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    spool: Option<PathBuf>,
}

impl SpoolArgs {
    pub fn open(&self) -> anyhow::Result<Arc<dyn Hand>> {
        Ok(spool::open_beside(&self.folder()?)?)
    }

    /// The charging records in it.
    pub fn charging(&self) -> anyhow::Result<StreamReader> {
        Ok(StreamReader::new(self.open()?, StreamName::CHARGING))
    }

    /// Who is configured, when a configuration was named.
    pub(super) fn known(&self) -> anyhow::Result<Option<Known>> {
        let config = self.config.as_deref().map(Config::load).transpose()?;
        Ok(config.map(|config| Known {
            peers: config.peers.into_iter().map(|peer| peer.name.to_string()).collect(),
            plugins: config.plugins.into_iter().map(|plugin| plugin.name).collect(),
        }))
    }

    /// The names of the plug-ins, when a configuration was named.
    pub fn plugins(&self) -> anyhow::Result<Option<Vec<String>>> {
        Ok(self.known()?.map(|known| known.plugins))
    }

    /// The names of the charging outputs; none, when only the spool's folder was named.
    pub fn charging_outputs(&self) -> anyhow::Result<Vec<String>> {
        let config = self.config.as_deref().map(Config::load).transpose()?;
        let outputs = config.map(|config| config.charging_outputs).unwrap_or_default();
        Ok(outputs.into_iter().map(|output| output.name.to_string()).collect())
    }

    /// A next hop by its name: one of the configuration, or one that something in the queue is for.
    pub(super) fn next_hop_in(&self, spool: &dyn Operator, name: &str) -> anyhow::Result<NextHop> {
        let next_hop = NextHop::new(name)?;
        let mut known = self.known()?.map(|known| known.peers).unwrap_or_default();
        for other in spool.next_hops()? {
            let other = other.to_string();
            if !known.contains(&other) {
                known.push(other);
            }
        }
        one_of("peer", name, &known)?;
        Ok(next_hop)
    }

    /// The spool's folder.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        match (&self.spool, &self.config) {
            (Some(folder), _) => Ok(folder.clone()),
            (None, Some(config)) => Ok(Config::load(config)?.relay.spool),
            (None, None) => bail!("--config or --spool is needed"),
        }
    }
}

/// The names of a configuration. A slip would select nothing, or let messages wait for a peer that never comes.
pub(super) struct Known {
    peers: Vec<String>,
    plugins: Vec<String>,
}

impl Known {
    pub(super) fn refuse_other_peer(&self, name: &str) -> anyhow::Result<()> {
        one_of("peer", name, &self.peers)
    }

    pub(super) fn refuse_other_plugin(&self, name: &str) -> anyhow::Result<()> {
        one_of("plug-in", name, &self.plugins)
    }
}

fn one_of(what: &str, name: &str, known: &[String]) -> anyhow::Result<()> {
    match known {
        [] => bail!("there is no {what} {name}; there is none at all"),
        known if !known.iter().any(|known| known == name) => {
            bail!("there is no {what} {name}; there are: {}", known.join(", "))
        }
        _ => Ok(()),
    }
}
