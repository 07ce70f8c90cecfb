//! `mm4relay cluster`: the store that relays share.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::assembly::shared_store::database;
use crate::config::{Config, Durability};
use crate::spool::{self, Database, postgres};

#[derive(Debug, clap::Args)]
pub struct OneRelay {
    /// The configuration of one of the relays
    #[arg(long, value_name = "FILE", default_value_os_t = super::usual_config())]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum Args {
    /// Make the tables in the database, if there are none
    Init {
        #[command(flatten)]
        which: OneRelay,
    },
    /// Show the relays on the store, and how safe the database keeps it
    Status {
        #[command(flatten)]
        which: OneRelay,
    },
    /// Stop a relay from writing, so that the others take over its work at once
    ///
    /// For a relay that was lost, or hangs: without this, the others take over its work after a minute. A running relay
    /// ends, and holds nothing. It may have sent a message whose outcome it could not record: that message is sent
    /// again.
    Fence {
        #[command(flatten)]
        which: OneRelay,
        /// Its `node`, as `cluster status` shows it
        name: String,
    },
}

pub fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::Init { which } => {
            let (database, _) = which.shared()?;
            spool::prepare_shared(&database)?;
            println!("the tables are there");
            Ok(())
        }
        Args::Status { which } => status(&which),
        Args::Fence { which, name } => {
            let (database, _) = which.shared()?;
            match postgres::fence(&database.access, &name)? {
                true => println!("{name} writes nothing more"),
                false => bail!("no relay {name} runs on this store"),
            }
            Ok(())
        }
    }
}

fn status(which: &OneRelay) -> anyhow::Result<()> {
    let (database, durability) = which.shared()?;
    let status = postgres::status(&database.access)?;
    println!("PostgreSQL {}, format {}", status.version, status.format);
    match (durability, status.standbys.as_str()) {
        (Durability::Replicated, "") => {
            println!("NOT SAFE: synchronous_standby_names is empty, and relays accept nothing")
        }
        (Durability::Replicated, names) => println!("every commit waits for {names}"),
        (Durability::Storage, _) => println!("the storage below the database keeps commits, says the configuration"),
        (Durability::SingleMachine, _) => println!("a message is lost with this one machine, says the configuration"),
    }
    match status.in_step {
        Some(0) if durability == Durability::Replicated => println!("NO STANDBY is in step: commits hang until one is"),
        Some(number) => println!("standbys in step: {number}"),
        None => println!("standbys in step: not shown to this user without the role pg_monitor"),
    }
    if !status.flushes {
        println!("NOT SAFE: fsync, full_page_writes or synchronous_commit is off, and relays accept nothing");
    }
    println!("batches of records without numbers: {}", status.not_numbered);
    for relay in &status.relays {
        let lives = match relay.lives_for {
            Some(seconds) if seconds > 0 => format!("lives, for {seconds} s more without a word"),
            Some(_) => "is silent: others take its work over".to_owned(),
            None => "does not run".to_owned(),
        };
        println!(
            "{}  number {}  {lives}  batches {}  works on {}",
            relay.name, relay.number, relay.batches, relay.holds
        );
    }
    Ok(())
}

impl OneRelay {
    fn shared(&self) -> anyhow::Result<(Database, Durability)> {
        let config = Config::load(&self.config)?;
        let shared = config.shared_spool.context(
            "this relay's store is in its folder, and no other relay's: `[spool] backend = \"postgres\"` names one to share",
        )?;
        Ok((database(&shared)?, shared.durability))
    }
}
