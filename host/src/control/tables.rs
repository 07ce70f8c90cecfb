//! Verbs about look-up tables.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ask, Desk, Method, Problem, Role, When, Who};

/// The tables that the running relay looks into.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tables {}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AllTables {
    pub tables: Vec<Table>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub struct Table {
    pub name: String,
    pub file: String,
    pub rows: u64,
    /// When the file that runs was last changed, as far as its system says.
    pub changed: Option<When>,
    /// The file is another one by now: it was refused, or is about to be read.
    pub differs: bool,
}

impl Ask for Tables {
    type Answer = AllTables;
    const NAME: &'static str = "tables";
    const ABOUT: &'static str =
        "The tables that the running relay looks into, and whether their files are others by now";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/tables";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<AllTables, Problem> {
        let tables = desk.live("has tables")?.tables().await;
        Ok(AllTables { tables })
    }
}

/// Read the tables whose files have changed: all of them are taken over, or none.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReloadTables {}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TablesReloaded {
    /// Those that are others now.
    pub before: Vec<Table>,
    pub after: Vec<Table>,
}

impl Ask for ReloadTables {
    type Answer = TablesReloaded;
    const NAME: &'static str = "tables-reload";
    const ABOUT: &'static str = "Read tables whose files have changed, and say what is wrong with them: all or none";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/tables/reload";
    const ROLE: Role = Role::Operator;

    async fn answer(self, desk: &Desk, _: &Who) -> Result<TablesReloaded, Problem> {
        let live = desk.live("has tables")?;
        let before = live.tables().await;
        live.reload_tables().await.map_err(Problem::configuration)?;
        let after = live.tables().await;
        let is_other = |one: &Table, others: &[Table]| !others.contains(one);
        Ok(TablesReloaded {
            before: before.iter().filter(|one| is_other(one, &after)).cloned().collect(),
            after: after.iter().filter(|one| is_other(one, &before)).cloned().collect(),
        })
    }
}
