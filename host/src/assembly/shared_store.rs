//! The store that relays share, from the configuration.

use std::fs;
use std::sync::Arc;

use anyhow::Context;

use super::certificates;
use crate::config::{Durability, SharedSpool};
use crate::spool::Database;
use crate::spool::postgres::{self, Access};

/// The schema of the tables in it.
const SCHEMA: &str = "mm4relay";

/// Reads its files: the password, and the authorities.
pub(crate) fn database(shared: &SharedSpool) -> anyhow::Result<Database> {
    let password = shared.password_file.as_ref().map(|file| {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        anyhow::Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    });
    let tls = shared.ca.as_ref().map(|ca| certificates::towards_service(ca, None));
    let access = Access {
        hosts: shared.hosts.iter().map(|at| (at.host.clone(), at.port)).collect(),
        user: shared.user.clone(),
        password: password.transpose()?,
        database: shared.database.clone(),
        schema: SCHEMA.into(),
        tls: tls.transpose()?.map(Arc::new),
        writes: Arc::default(),
    };
    let durability = match shared.durability {
        Durability::Replicated => postgres::Durability::Replicated,
        Durability::Storage => postgres::Durability::Storage,
        Durability::SingleMachine => postgres::Durability::SingleMachine,
    };
    Ok(Database { access, durability })
}
