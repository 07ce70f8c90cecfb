//! `mm4relay cluster`: the store that relays share.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::assembly::shared_store::database;
use crate::cli::counted;
use crate::config::{Config, Durability};
use crate::spool::{self, Database, differences, postgres, short};

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
    /// Bring the tables to the format of this program, while relays run
    ///
    /// Relays of this program and of the one before work on them side by side. Migrate first, then replace the program on one
    /// relay after the other.
    Migrate {
        #[command(flatten)]
        which: OneRelay,
    },
    /// Carry the spool of one relay into tables that are empty, while no relay runs
    ///
    /// Messages, requests and plug-ins' values, with their ids; charging records with their numbers, and what each reader and
    /// output has of them. The ledger begins anew: check it before.
    Import {
        #[command(flatten)]
        which: OneRelay,
        /// The spool's folder, as `[relay] spool` names it
        folder: PathBuf,
    },
    /// Show the relays on the store, and how safe the database keeps it
    Status {
        #[command(flatten)]
        which: OneRelay,
    },
    /// Stop a relay from writing, so that the others take over its work
    ///
    /// For a relay that was lost, or hangs: without this, the others take over its work after a minute. A running relay
    /// ends. The others get its work half a minute after its last word: until then the relay may still send it, and later
    /// it does not, even if it was stopped and wakes up. It may have sent a message whose outcome it could not record:
    /// that message is sent again.
    Fence {
        #[command(flatten)]
        which: OneRelay,
        /// Its `node`, as `cluster status` shows it
        name: String,
        /// And forget it, for good: a store knows 16 relays, and another name may have its number then
        #[arg(long)]
        forget: bool,
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
        Args::Migrate { which } => {
            let (database, _) = which.shared()?;
            match postgres::migrate(&database.access)? {
                (found, now) if found < now => println!("the tables had format {found}, and have format {now}"),
                (found, _) => println!("the tables have format {found}: nothing is to be done"),
            }
            Ok(())
        }
        Args::Import { which, folder } => {
            let (database, _) = which.shared()?;
            let count = spool::import_shared(&database, &folder)?;
            println!(
                "carried: {}, {}, {}",
                counted(count.messages, "message"),
                counted(count.requests, "request"),
                counted(count.records, "record")
            );
            Ok(())
        }
        Args::Status { which } => status(&which),
        Args::Fence { which, name, forget } => {
            let (database, _) = which.shared()?;
            fence(&database, &name, forget)
        }
    }
}

fn fence(database: &Database, name: &str, forget: bool) -> anyhow::Result<()> {
    match postgres::fence(&database.access, name)? {
        None if !forget => bail!("no relay {name} runs on this store"),
        None => {}
        Some(certain) => {
            println!("{name} writes nothing more");
            if !certain.is_zero() {
                println!(
                    "it may still send what it works on: others have that in {} s",
                    certain.as_secs() + 1
                );
                std::thread::sleep(certain + Duration::from_millis(100));
            }
        }
    }
    postgres::take_over(&database.access)?;
    println!("others have its work");
    match forget && !postgres::forget(&database.access, name)? {
        true => bail!("no relay {name} has ever been on this store"),
        false if forget => println!("it is forgotten"),
        false => {}
    }
    Ok(())
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
    let differences = differences(&status.relays);
    for relay in &status.relays {
        let lives = match relay.lives_for {
            Some(seconds) if seconds > 0 => format!("lives, for {seconds} s more without a word"),
            Some(_) => "is silent: others take its work over".to_owned(),
            None => "does not run".to_owned(),
        };
        println!(
            "{}  number {}  {lives}  batches {}  works on {}",
            relay.name,
            relay.number,
            relay.batches,
            relay.works_on.unwrap_or_default()
        );
        if let Some(presence) = relay.presence.as_ref().filter(|_| relay.lives()) {
            println!(
                "    version {}  configuration {}  tables {}  accepted {}  delivered {}",
                presence.version,
                short(&presence.configuration),
                short(&presence.tables),
                presence.accepted,
                presence.delivered
            );
        }
        let differs = differences.get(&relay.name).into_iter().flatten();
        differs.for_each(|what| println!("    DIFFERS: it runs {what}"));
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
