//! How much lies in the spool, for those who watch over it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::super::columns::next_hop;
use super::super::schema::key;
use crate::message::{MessageId, NextHop};
use crate::spool::states::statement;
use crate::spool::{Depths, QueueState, SpoolError};

/// How many requests are remembered. There can be tens of millions, and counting goes through all of them: the last count
/// stands for a hundred times as long as it took.
#[derive(Debug, Default)]
pub(in crate::spool::sqlite) struct RequestCount(Mutex<Option<Counted>>);

#[derive(Debug)]
struct Counted {
    count: i64,
    until: Instant,
}

const STANDS: u32 = 100;

impl RequestCount {
    fn count<E>(&self, anew: impl FnOnce() -> Result<i64, E>) -> Result<i64, E> {
        // Held while somebody counts: two need not.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        if let Some(counted) = last.as_ref().filter(|counted| begun < counted.until) {
            return Ok(counted.count);
        }
        let count = anew()?;
        let until = Instant::now() + begun.elapsed().max(Duration::from_micros(1)) * STANDS;
        *last = Some(Counted { count, until });
        Ok(count)
    }
}

/// Counts along indexes; `requests` is kept from one time to the next.
pub(super) fn depths(db: &Connection, requests: &RequestCount) -> Result<Depths, SpoolError> {
    let _snapshot = db.unchecked_transaction()?;
    let by_peer = |state: QueueState| -> Result<Vec<(NextHop, i64)>, SpoolError> {
        let code = state.code();
        let sql = format!("SELECT peer, count(*) FROM outgoing WHERE state = {code} GROUP BY peer");
        let mut query = db.prepare(&sql)?;
        let rows = query.query_and_then((), |row| Ok((next_hop(row, 0)?, row.get(1)?)))?;
        rows.collect()
    };
    let count = |sql: &str| db.query_row(sql, (), |row| row.get(0));
    let as_received = |state: QueueState| match state.as_received() {
        Some(condition) => count(&format!("SELECT count(*) FROM message m WHERE {condition}")),
        None => Ok(0),
    };
    Ok(Depths {
        waiting: by_peer(QueueState::Waiting)?,
        failed: by_peer(QueueState::Failed)?,
        held: as_received(QueueState::Held)? + count(statement!("SELECT count(*) FROM outgoing WHERE state = {held}"))?,
        unfinished: as_received(QueueState::Unfinished)?,
        untold: count("SELECT count(*) FROM event")?,
        transactions: requests.count(|| count("SELECT count(*) FROM request"))?,
    })
}

/// Steps from peer to peer through an index, and stops at the first message of each.
pub(super) fn waiting_since(db: &Connection, before: MessageId) -> Result<Vec<NextHop>, SpoolError> {
    const QUERY: &str = statement!(
        "
        WITH RECURSIVE peers(peer) AS (
            SELECT min(peer) FROM outgoing WHERE state = {waiting}
            UNION ALL
            SELECT (SELECT min(peer) FROM outgoing WHERE state = {waiting} AND peer > peers.peer)
            FROM peers WHERE peers.peer IS NOT NULL)
        SELECT peer FROM peers WHERE peer IS NOT NULL AND EXISTS (
            SELECT 1 FROM outgoing WHERE state = {waiting} AND outgoing.peer = peers.peer AND message < ?1)"
    );
    let mut query = db.prepare_cached(QUERY)?;
    let rows = query.query_and_then([key(before)?], |row| next_hop(row, 0))?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_takes_long_stands_for_a_hundred_times_as_long() {
        let requests = RequestCount::default();
        let slowly = |count| {
            requests.count(|| {
                std::thread::sleep(Duration::from_millis(20));
                Ok::<_, ()>(count)
            })
        };
        assert_eq!(slowly(1), Ok(1));
        assert_eq!(slowly(2), Ok(1), "two seconds have not passed");
        requests.0.lock().unwrap().as_mut().unwrap().until = Instant::now();
        assert_eq!(slowly(3), Ok(3));
        requests.0.lock().unwrap().as_mut().unwrap().until = Instant::now();
        assert_eq!(
            requests.count(|| Err(())),
            Err(()),
            "no old count hides that the database cannot be read"
        );
    }
}
