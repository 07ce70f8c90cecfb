//! How commands reach a relay: at its door when it runs, else through the same desk in its folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::assembly::record_files::OfFolder;
use crate::assembly::shared_store;
use crate::clock::SystemClock;
use crate::config::{ChargingOutput, Config};
use crate::control::{Ask, Client, Desk, Known, Problem, Role, Who};
use crate::message::StreamName;
use crate::spool::{self, Hand, Operator, StreamReader};

use super::who;

/// The relay that a command is about.
#[derive(Debug, clap::Args)]
pub struct SpoolArgs {
    /// The relay's configuration
    #[arg(long, value_name = "FILE", default_value_os_t = super::usual_config())]
    config: PathBuf,
    /// The spool's folder, instead of a configuration
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    spool: Option<PathBuf>,
}

/// Where a command is answered.
pub enum Door {
    /// By the running relay.
    Relay(Client),
    /// By this process, because no relay runs.
    Folder(Box<Desk>, Who),
}

impl Door {
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Relay(_))
    }

    pub async fn ask<A: Ask>(&self, ask: A) -> Result<A::Answer, Problem> {
        match self {
            Self::Relay(client) => client.ask(&ask).await,
            Self::Folder(desk, who) => desk.ask(who, ask).await,
        }
    }
}

/// The store that a configuration names, for use beside its relay.
pub fn beside(config: &Config) -> anyhow::Result<Arc<dyn Hand>> {
    match &config.shared_spool {
        Some(shared) => {
            let database = shared_store::database(shared)?;
            Ok(spool::open_shared_beside(&database, Arc::new(SystemClock))?)
        }
        None => Ok(spool::open_beside(&config.relay.spool)?),
    }
}

/// The spool's folder by the configuration. Problems elsewhere in the file do not keep an operator from the running
/// relay.
pub fn folder_of(config: &Path) -> anyhow::Result<PathBuf> {
    match Config::load(config) {
        Ok(config) => Ok(config.relay.spool),
        Err(error) => {
            let spool = Config::examine(config).config.relay.spool;
            if spool::is_there(&spool) {
                Ok(spool)
            } else {
                Err(error.into())
            }
        }
    }
}

/// The door of the relay that runs on this state folder.
pub async fn running(folder: &Path) -> std::io::Result<Client> {
    Client::open(folder, who::caller()).await
}

impl SpoolArgs {
    pub fn of(config: PathBuf) -> Self {
        Self { config, spool: None }
    }

    /// Opens the door. Says so when it is not that of a running relay.
    pub async fn door(&self) -> anyhow::Result<Door> {
        let folder = self.folder()?;
        let error = match running(&folder).await {
            Ok(client) => return Ok(Door::Relay(client)),
            Err(error) => error,
        };
        let store: Arc<dyn Operator> = self.open()?;
        match spool::is_in_use(&folder) {
            true => eprintln!(
                "the relay that runs here is not asked, its door does not answer ({error}): done in its folder"
            ),
            false if self.is_shared()? => eprintln!("no relay runs here: done in the store that relays share"),
            false => eprintln!("no relay runs here: done in its folder"),
        }
        let who = Who::new(who::name(), Role::Administrator, "command line");
        let outputs = self.config()?.as_ref().and_then(OfFolder::of);
        let desk = Desk::of_folder(&folder, store, self.known()?).with_record_files(outputs);
        Ok(Door::Folder(Box::new(desk), who))
    }

    /// Opens the store itself, beside a relay that may be running.
    pub fn open(&self) -> anyhow::Result<Arc<dyn Hand>> {
        match self.config()? {
            Some(config) if config.shared_spool.is_some() => beside(&config),
            _ => Ok(spool::open_beside(&self.folder()?)?),
        }
    }

    fn is_shared(&self) -> anyhow::Result<bool> {
        Ok(self.config()?.is_some_and(|config| config.shared_spool.is_some()))
    }

    /// The reader of its charging records.
    pub fn charging(&self) -> anyhow::Result<StreamReader> {
        Ok(StreamReader::new(self.open()?, StreamName::CHARGING))
    }

    /// The configured names, unless only the spool's folder was given.
    fn known(&self) -> anyhow::Result<Option<Known>> {
        Ok(self.config()?.map(|config| {
            let next_hops = config.peers.iter().filter(|peer| peer.takes_messages());
            Known {
                next_hops: next_hops.map(|peer| peer.name.to_string()).collect(),
                peers: config.peers.iter().map(|peer| peer.name.to_string()).collect(),
                plugins: config.plugins.into_iter().map(|plugin| plugin.name).collect(),
            }
        }))
    }

    /// `None` when only the spool's folder was given.
    fn config(&self) -> anyhow::Result<Option<Config>> {
        match self.spool {
            Some(_) => Ok(None),
            None => Ok(Some(Config::load(&self.config)?)),
        }
    }

    /// The charging outputs; `None` when only the spool's folder was given.
    pub fn charging_outputs(&self) -> anyhow::Result<Option<Vec<ChargingOutput>>> {
        Ok(self.config()?.map(|config| config.charging_outputs))
    }

    /// The names of the peers, each with its domains; empty when only the spool's folder was given.
    pub fn peers(&self) -> anyhow::Result<Vec<(String, Vec<String>)>> {
        let peers = self.config()?.map(|config| config.peers).unwrap_or_default();
        Ok(peers
            .into_iter()
            .map(|peer| (peer.name.to_string(), peer.domains))
            .collect())
    }

    /// The spool's folder.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        match &self.spool {
            Some(folder) => Ok(folder.clone()),
            None => folder_of(&self.config),
        }
    }
}
