//! How much lies in the spool, for those who watch over it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::super::columns::next_hop;
use super::super::schema::key;
use crate::message::{MessageId, NextHop};
use crate::spool::states::statement;
use crate::spool::{Depths, QueueState, SpoolError};

/// What was counted last, for those who ask often. Counting goes through everything that is counted, and there can be
/// millions: a count that takes long stands for many times as long as it took.
#[derive(Debug, Default)]
pub(in crate::spool::sqlite) struct LastCounts {
    /// Requests that are remembered, of which there are most.
    requests: Kept<i64, 100>,
    /// All else. At a million messages that wait it stands for a few seconds.
    queue: Kept<Depths, 20>,
    next_hops: Kept<Vec<NextHop>, 20>,
}

/// A count that stands for `TIMES` as long as it took.
#[derive(Debug, Default)]
struct Kept<T, const TIMES: u32>(Mutex<Option<Counted<T>>>);

#[derive(Debug)]
struct Counted<T> {
    count: T,
    until: Instant,
}

/// What is counted in less is counted each time, so that a short queue is seen as it is.
const UNNOTICED: Duration = Duration::from_millis(10);

impl<T: Clone, const TIMES: u32> Kept<T, TIMES> {
    fn count<E>(&self, anew: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        // Held while somebody counts: two need not.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        if let Some(counted) = last.as_ref().filter(|counted| begun < counted.until) {
            return Ok(counted.count.clone());
        }
        let count = anew()?;
        let took = begun.elapsed();
        *last = (took > UNNOTICED).then(|| Counted {
            count: count.clone(),
            until: Instant::now() + took * TIMES,
        });
        Ok(count)
    }
}

/// LastCounts along indexes, or says what was counted a moment ago.
pub(super) fn depths(db: &Connection, counts: &LastCounts) -> Result<Depths, SpoolError> {
    let queue = counts.queue.count(|| counted(db))?;
    let requests = || db.query_row("SELECT count(*) FROM request", (), |row| row.get(0));
    Ok(Depths {
        transactions: counts.requests.count(requests)?,
        ..queue
    })
}

/// The next hops of everything in the queue. No index has all of it.
pub(super) fn next_hops(db: &Connection, counts: &LastCounts) -> Result<Vec<NextHop>, SpoolError> {
    counts.next_hops.count(|| {
        let mut query = db.prepare_cached("SELECT DISTINCT peer FROM outgoing")?;
        let names = query.query_and_then((), |row| next_hop(row, 0))?;
        names.collect()
    })
}

/// Everything but the requests.
fn counted(db: &Connection) -> Result<Depths, SpoolError> {
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
        transactions: 0,
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
        let requests = Kept::<i64, 100>::default();
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

    #[test]
    fn a_count_that_takes_a_moment_is_taken_each_time() {
        let queue = Kept::<i64, 20>::default();
        assert_eq!(queue.count(|| Ok::<_, ()>(1)), Ok(1));
        assert_eq!(queue.count(|| Ok::<_, ()>(2)), Ok(2));
    }
}
