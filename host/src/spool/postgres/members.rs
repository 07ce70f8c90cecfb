//! The relays on the store, and what each says of itself.

use std::sync::Arc;

use tokio_postgres::Row;

use super::connect::Link;
use super::shared::Shared;
use crate::spool::{Member, Presence, SpoolError};

/// All of them. To count what they work on, the whole queue is gone through.
pub(super) async fn members(link: &Link, counted: bool) -> Result<Vec<Member>, SpoolError> {
    const RELAYS: &str = "
        SELECT n.name, n.id, n.presence, w.incarnation,
            ((w.alive_until - (extract(epoch FROM clock_timestamp()) * 1000)::int8) / 1000)::int8 AS lives_for,
            coalesce(w.last_batch, 0) AS batches
        FROM node n LEFT JOIN writer w ON w.node = n.id AND NOT w.over ORDER BY n.id /* all */";
    const HELD: &str =
        "SELECT owner, count(*) AS number FROM outgoing WHERE owner IS NOT NULL GROUP BY owner /* all */";
    let held = match counted {
        true => link.rows(HELD, &[]).await?,
        false => Vec::new(),
    };
    let works_on = |incarnation: Option<i64>| {
        let row = held.iter().find(|row| Some(row.get::<_, i64>("owner")) == incarnation);
        counted.then(|| row.map_or(0, |row| row.get("number")))
    };
    let member = |row: &Row| Member {
        name: row.get("name"),
        number: row.get("id"),
        lives_for: row.get("lives_for"),
        batches: row.get("batches"),
        works_on: works_on(row.get("incarnation")),
        presence: row
            .get::<_, Option<&str>>("presence")
            .and_then(|said| serde_json::from_str(said).ok()),
    };
    Ok(link.rows(RELAYS, &[]).await?.iter().map(member).collect())
}

/// What this relay says of itself.
pub(super) async fn say(shared: &Arc<Shared>, presence: &Presence) -> Result<(), SpoolError> {
    const SAY: &str = "UPDATE node SET presence = $2 WHERE id = $1 RETURNING id";
    let Some(node) = shared.node else { return Ok(()) };
    let said = serde_json::to_string(presence).map_err(|error| SpoolError::Unfit(error.to_string()))?;
    let link = shared.reader().await?;
    link.rows(SAY, &[&node.number(), &said]).await.map(drop)
}
