//! Verbs about the store as a whole: looking through it, and copying it.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ask, Desk, Kind, Method, Problem, Role, Who};
use crate::spool::Soundness;

/// Look through the store: every page, every checksum, and whether what belongs together is there. Takes a few seconds for
/// each gigabyte, while messages are taken and delivered.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpoolCheck {}

/// What a look through the store found.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct SpoolFound {
    /// Nothing is wrong.
    pub well: bool,
    /// The stored format.
    pub format: i64,
    pub rows: Vec<SpoolRows>,
    /// SpoolRows that an earlier version wrote, without a checksum.
    pub without_sum: u64,
    /// What is wrong with pages of the database, and its log, a line each.
    pub pages: Vec<String>,
    /// What is damaged, by its id, a line each: the first thousand.
    pub damaged: Vec<String>,
    /// How much is.
    pub faults: u64,
}

/// So many rows that have checksums.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct SpoolRows {
    pub what: String,
    pub number: u64,
}

/// Copy the store as it is at this moment into a new file, and look through the copy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpoolBackUp {
    /// The file, which must not be there yet. Absolute: the relay has a working directory of its own.
    pub to: PathBuf,
}

/// A copy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SpoolBackedUp {
    pub octets: u64,
    /// What a look through it found: a damaged row is copied as it is.
    pub found: SpoolFound,
}

impl From<Soundness> for SpoolFound {
    fn from(checked: Soundness) -> Self {
        let rows = checked.rows.iter().map(|(what, number)| SpoolRows {
            what: (*what).to_owned(),
            number: *number,
        });
        Self {
            well: checked.is_well(),
            format: checked.format,
            rows: rows.collect(),
            without_sum: checked.without_sum,
            pages: checked.pages,
            damaged: checked.damaged,
            faults: checked.faults,
        }
    }
}

impl Ask for SpoolCheck {
    type Answer = SpoolFound;
    const NAME: &'static str = "spool-check";
    const ABOUT: &'static str = "Look through the spool: every page, every checksum";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/spool/check";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<SpoolFound, Problem> {
        desk.blocking(|store| Ok(store.check()?.into())).await
    }
}

impl Ask for SpoolBackUp {
    type Answer = SpoolBackedUp;
    const NAME: &'static str = "spool-backup";
    const ABOUT: &'static str = "Copy the spool as it is now into a new file, and look through the copy";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/spool/backup";
    const ROLE: Role = Role::Administrator;

    async fn answer(self, desk: &Desk, _: &Who) -> Result<SpoolBackedUp, Problem> {
        if !self.to.is_absolute() {
            return Err(Problem::new(Kind::Unreadable, "the file's name must be absolute"));
        }
        let copied = desk.blocking(move |store| Ok(store.back_up(&self.to)?)).await?;
        Ok(SpoolBackedUp {
            octets: copied.0,
            found: copied.1.into(),
        })
    }
}
