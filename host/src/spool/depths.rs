//! How much lies in the spool, for those who watch over it.

use super::SpoolError;
use super::inspect::Inspector;
use crate::message::PeerName;

/// Counts at one time. Waiting and failed messages are told by their next hop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    /// Will be sent when they are due.
    pub waiting: Vec<(PeerName, i64)>,
    /// Given up; for an operator to retry or drop.
    pub failed: Vec<(PeerName, i64)>,
    /// Parked as received, for an operator to release or drop.
    pub held: i64,
    /// As received; their chain is to be run.
    pub unfinished: i64,
    /// Outcomes that plug-ins must still be told.
    pub untold: i64,
    /// Requests that are remembered.
    pub transactions: i64,
}

impl Inspector {
    /// Counts along indexes, not through the messages.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn depths(&self) -> Result<Depths, SpoolError> {
        let _snapshot = self.db.unchecked_transaction()?;
        let by_peer = |state: i64| -> Result<Vec<(PeerName, i64)>, SpoolError> {
            let sql = format!("SELECT peer, count(*) FROM outgoing WHERE state = {state} GROUP BY peer");
            let mut query = self.db.prepare(&sql)?;
            let rows = query.query_map((), |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
            let named = rows.map(|row| {
                let (peer, count) = row?;
                let peer = PeerName::new(&peer).map_err(|error| SpoolError::Broken(error.to_string()))?;
                Ok((peer, count))
            });
            named.collect()
        };
        let count = |sql: &str| self.db.query_row(sql, (), |row| row.get(0));
        Ok(Depths {
            waiting: by_peer(0)?,
            failed: by_peer(1)?,
            held: count("SELECT count(*) FROM message WHERE hold IS NOT NULL AND due IS NULL AND NOT failed")?,
            unfinished: count("SELECT count(*) FROM message WHERE due IS NOT NULL")?,
            untold: count("SELECT count(*) FROM event")?,
            transactions: count("SELECT count(*) FROM request")?,
        })
    }
}
