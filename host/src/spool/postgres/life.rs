//! A relay's life in the store: from the row that it writes when it starts, until it says that it ends, or has been silent
//! for too long.
//!
//! Times of life are the database's own: no relay's clock says that another is dead.

use super::connect::Link;
use crate::clock::SharedClock;
use crate::spool::{LEASE, Node, SpoolError};

/// Which times of life count.
#[derive(Clone)]
pub(super) enum Time {
    /// The database's clock.
    Database,
    /// A clock that a test moves.
    Given(SharedClock),
}

/// One relay, or one command beside the relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) incarnation: i64,
    /// Which of its connections may write.
    pub(super) epoch: i64,
    pub(super) last_batch: i64,
}

/// What the first statement of a batch finds.
pub(super) struct Fence {
    pub(super) batch: i64,
    /// A standby must have what is committed.
    pub(super) replicated: bool,
    /// What is committed is flushed to disk.
    pub(super) flushed: bool,
}

impl Time {
    /// For statements: null is the database's own.
    pub(super) fn now(&self) -> Option<i64> {
        match self {
            Self::Database => None,
            Self::Given(clock) => Some(clock.now().0 as i64),
        }
    }
}

fn lease() -> i64 {
    LEASE.as_millis() as i64
}

/// Ids of one relay.
pub(super) struct Ids {
    pub(super) node: Node,
    /// The next one must be above.
    pub(super) last: i64,
    /// Those below are reserved.
    pub(super) reserved: i64,
}

/// How far ahead ids are reserved, in microseconds.
pub(super) const ID_RESERVE: i64 = 60_000_000;

/// The number of the relay with this name, and ids that it has not given before. `now`: in microseconds.
pub(super) async fn node(link: &Link, name: &str, now: i64) -> Result<Ids, SpoolError> {
    const KNOWN: &str = "SELECT id, ceiling FROM node WHERE name = $1";
    const NEW: &str = "
        INSERT INTO node(id, name, ceiling)
        SELECT (SELECT min(free) FROM generate_series(0, 15) AS free WHERE NOT EXISTS (SELECT 1 FROM node WHERE id = free)),
            $1, 0 ON CONFLICT (name) DO NOTHING";
    const MOST: &str =
        "16 relays have been on this store; `mm4relay cluster fence NAME --forget` makes room for another name";
    let mut known = link.rows(KNOWN, &[&name]).await?;
    if known.is_empty() {
        match link.run(NEW, &[&name]).await {
            Err(SpoolError::Unfit(_)) => return Err(SpoolError::Broken(MOST.into())),
            other => other?,
        };
        known = link.rows(KNOWN, &[&name]).await?;
    }
    let row = known
        .first()
        .ok_or_else(|| SpoolError::Broken(format!("the relay {name} is not known")))?;
    let node = Node::new(row.get::<_, i16>("id") as u64);
    let node = node.ok_or_else(|| SpoolError::Broken(MOST.into()))?;
    let last: i64 = row.get("ceiling");
    let reserved = last.max(now) + ID_RESERVE;
    link.run("UPDATE node SET ceiling = $2 WHERE name = $1", &[&name, &reserved])
        .await?;
    Ok(Ids { node, last, reserved })
}

/// Begins a life. What a relay of the same name had before is free: it is the same relay, started again.
pub(super) async fn begin(link: &Link, node: Option<i16>, time: &Time) -> Result<Life, SpoolError> {
    const BEFORE: &str = "
        UPDATE writer SET over = true, epoch = epoch + 1 WHERE node = $1 AND NOT over RETURNING incarnation";
    const NEW: &str = "
        INSERT INTO writer(node, epoch, last_batch, alive_until, over)
        SELECT $1, 0, 0, coalesce($2::int8, (extract(epoch FROM clock_timestamp()) * 1000)::int8) + $3, false
        RETURNING incarnation";
    const OLD: &str = "
        DELETE FROM writer WHERE over AND alive_until < coalesce($1::int8, (extract(epoch FROM clock_timestamp()) * 1000)::int8)
            - 7 * 86400000";
    let now = time.now();
    link.run(OLD, &[&now]).await?;
    let before = link.rows(BEFORE, &[&node]).await?;
    let before: Vec<i64> = before.iter().map(|row| row.get(0)).collect();
    free(link, &before).await?;
    let new = link.rows(NEW, &[&node, &now, &lease()]).await?;
    let row = new
        .first()
        .ok_or_else(|| SpoolError::Broken("no row for this relay".into()))?;
    Ok(Life {
        incarnation: row.get(0),
        epoch: 0,
        last_batch: 0,
    })
}

/// The first statement of a batch: locks the relay's row, so that whoever ends its life waits for the batch, and counts.
/// `None`: its life is over.
pub(super) async fn fence(link: &Link, life: &Life, time: &Time) -> Result<Option<Fence>, SpoolError> {
    const FENCE: &str = "
        UPDATE writer SET last_batch = $3,
            alive_until = coalesce($4::int8, (extract(epoch FROM clock_timestamp()) * 1000)::int8) + $5
        WHERE incarnation = $1 AND epoch = $2 AND NOT over
        RETURNING nextval('batch_id'),
            current_setting('synchronous_standby_names') <> '' AND current_setting('synchronous_commit') IN ('on', 'remote_apply'),
            current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'
                AND current_setting('synchronous_commit') IN ('on', 'remote_apply')";
    let batch = life.last_batch + 1;
    let row = link
        .rows(FENCE, &[&life.incarnation, &life.epoch, &batch, &time.now(), &lease()])
        .await?;
    Ok(row.first().map(|row| Fence {
        batch: row.get(0),
        replicated: row.get(1),
        flushed: row.get(2),
    }))
}

/// Takes the right to write from every earlier connection, and says which batch is the last that is in the store. That is
/// certain when this is committed: it waits for a batch under way, and nothing of an earlier connection comes in after it.
/// `None`: nobody knows of this life any more.
pub(super) async fn settle(link: &Link, life: &Life) -> Result<Option<(Life, bool)>, SpoolError> {
    const SETTLE: &str = "
        UPDATE writer SET epoch = epoch + 1 WHERE incarnation = $1 RETURNING epoch, last_batch, over";
    let row = link.rows(SETTLE, &[&life.incarnation]).await?;
    Ok(row.first().map(|row| {
        let settled = Life {
            incarnation: life.incarnation,
            epoch: row.get(0),
            last_batch: row.get(1),
        };
        (settled, row.get(2))
    }))
}

/// Ends the lives of those that have been silent for too long, and frees what they had leased.
pub(super) async fn take_over(link: &Link, me: i64, time: &Time) -> Result<Vec<i64>, SpoolError> {
    const SILENT: &str = "
        SELECT incarnation FROM writer
        WHERE NOT over AND incarnation <> $2 AND alive_until <= coalesce($1::int8, (extract(epoch FROM clock_timestamp()) * 1000)::int8)";
    const END: &str = "
        UPDATE writer SET over = true, epoch = epoch + 1
        WHERE NOT over AND incarnation <> $2 AND alive_until <= coalesce($1::int8, (extract(epoch FROM clock_timestamp()) * 1000)::int8)
        RETURNING incarnation";
    let now = time.now();
    if link.rows(SILENT, &[&now, &me]).await?.is_empty() {
        return Ok(Vec::new());
    }
    link.say("BEGIN").await?;
    let ended = async {
        let ended = link.rows(END, &[&now, &me]).await?;
        let ended: Vec<i64> = ended.iter().map(|row| row.get(0)).collect();
        free(link, &ended).await?;
        link.say("COMMIT").await?;
        Ok(ended)
    };
    let ended = ended.await;
    if ended.is_err() {
        link.say("ROLLBACK").await?;
    }
    ended
}

/// Ends one life.
pub(super) async fn end(link: &Link, incarnation: i64) -> Result<(), SpoolError> {
    const END: &str = "UPDATE writer SET over = true, epoch = epoch + 1 WHERE incarnation = $1";
    link.run(END, &[&incarnation]).await?;
    free(link, &[incarnation]).await
}

/// Nobody holds what these had. Goes through all rows, once for each relay that dies: an index of owners would cost every
/// commit.
async fn free(link: &Link, over: &[i64]) -> Result<(), SpoolError> {
    const OUTGOING: &str = "UPDATE outgoing SET owner = NULL WHERE owner = ANY($1) /* all */";
    const MESSAGES: &str = "UPDATE message SET owner = NULL, until = NULL WHERE owner = ANY($1) /* all */";
    const EVENTS: &str = "UPDATE event SET owner = NULL, until = NULL WHERE owner = ANY($1) /* all */";
    const REQUESTS: &str = "UPDATE request SET owner = NULL, until = NULL WHERE owner = ANY($1) /* all */";
    if over.is_empty() {
        return Ok(());
    }
    for sql in [OUTGOING, MESSAGES, EVENTS, REQUESTS] {
        link.run(sql, &[&over]).await?;
    }
    Ok(())
}
