//! A relay's life in the store: from the row that it writes when it starts, until it says that it ends, or has been silent
//! for too long.
//!
//! Times of life are the database's own: no relay's clock says that another is dead. But whoever works on something may still
//! send it when its life is over: it was stopped, say, and does not know yet. It sends nothing that it is not certain of, and
//! that it is for [`CERTAIN`] after its last word. So what it held is free when that time has passed, and not before: by
//! itself after [`LEASE`], and when somebody has ended its life ([`fence`](super::fence)), after [`CERTAIN`].

use std::time::Duration;

use super::connect::Link;
use crate::clock::SharedClock;
use crate::spool::{CERTAIN, LEASE, Node, SpoolError};

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
    /// Tells its row from another relay's that has the same number, in a store that went back.
    pub(super) token: i64,
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

/// Whose life begins.
#[derive(Clone, Copy)]
pub(super) struct Who<'a> {
    /// `None`: a command beside the relays.
    pub(super) node: Option<i16>,
    /// The mark of its folder, which it has locked.
    pub(super) home: Option<&'a str>,
}

fn lease() -> i64 {
    LEASE.as_millis() as i64
}

fn certain() -> i64 {
    CERTAIN.as_millis() as i64
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
            $1, coalesce((SELECT value FROM counter WHERE name = 'ids'), 0) ON CONFLICT (name) DO NOTHING";
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

/// Begins a life, and ends those before it of the same relay. What they had is free at once where the folder shows that they
/// have ended; else when they cannot be certain of it any more.
pub(super) async fn begin(link: &Link, who: Who<'_>, time: &Time) -> Result<Life, SpoolError> {
    const BEFORE: &str = "
        UPDATE writer SET over = true, epoch = epoch + 1,
            alive_until = CASE WHEN over THEN alive_until ELSE alive_until - $3::int8 + $4::int8 END
        WHERE node = $1 AND NOT freed RETURNING incarnation, home IS NOT DISTINCT FROM $2";
    const NEW: &str = "
        INSERT INTO writer(node, home, token, epoch, last_batch, alive_until, over)
        SELECT $1, $2, $3, 0, 0, coalesce($4::int8, (extract(epoch FROM clock_timestamp()) * 1000)::int8) + $5, false
        RETURNING incarnation";
    const OLD: &str = "
        DELETE FROM writer WHERE freed AND alive_until < coalesce($1::int8, (extract(epoch FROM clock_timestamp()) * 1000)::int8)
            - 7 * 86400000";
    let now = time.now();
    link.run(OLD, &[&now]).await?;
    let before = link.rows(BEFORE, &[&who.node, &who.home, &lease(), &certain()]).await?;
    let ended = before.iter().filter(|row| row.get(1));
    let ended: Vec<i64> = ended.map(|row| row.get(0)).collect();
    free(link, &ended).await?;
    let token = fastrand::i64(..);
    let new = link.rows(NEW, &[&who.node, &who.home, &token, &now, &lease()]).await?;
    let row = new
        .first()
        .ok_or_else(|| SpoolError::Broken("no row for this relay".into()))?;
    Ok(Life {
        incarnation: row.get(0),
        token,
        epoch: 0,
        last_batch: 0,
    })
}

/// The first statement of a batch: locks the relay's row, so that whoever ends its life waits for the batch, and counts.
/// `None`: its life is over, or the store is not what it was: see [`why_not`].
pub(super) async fn fence(link: &Link, life: &Life, time: &Time) -> Result<Option<Fence>, SpoolError> {
    const FENCE: &str = "
        UPDATE writer SET last_batch = $3::int8,
            alive_until = coalesce($4::int8, (extract(epoch FROM clock_timestamp()) * 1000)::int8) + $5
        WHERE incarnation = $1 AND epoch = $2 AND last_batch = $3::int8 - 1 AND token = $6 AND NOT over
        RETURNING nextval('batch_id'),
            current_setting('synchronous_standby_names') <> '' AND current_setting('synchronous_commit') IN ('on', 'remote_apply'),
            current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'
                AND current_setting('synchronous_commit') IN ('on', 'remote_apply')";
    let batch = life.last_batch + 1;
    let row = link
        .rows(
            FENCE,
            &[
                &life.incarnation,
                &life.epoch,
                &batch,
                &time.now(),
                &lease(),
                &life.token,
            ],
        )
        .await?;
    Ok(row.first().map(|row| Fence {
        batch: row.get(0),
        replicated: row.get(1),
        flushed: row.get(2),
    }))
}

/// Why there is no row that a batch could begin with. A relay knows what was confirmed to it: where the store knows less, it
/// went back. `silent`: for so long nothing has been confirmed.
pub(super) async fn why_not(link: &Link, life: &Life, silent: Duration) -> Result<SpoolError, SpoolError> {
    const ROW: &str = "SELECT epoch, last_batch, token FROM writer WHERE incarnation = $1";
    /// Rows of lives that are over are forgotten after seven.
    const LONG: Duration = Duration::from_secs(6 * 86_400);
    let known = life.last_batch;
    let row = link.rows(ROW, &[&life.incarnation]).await?;
    let Some(row) = row.first() else {
        return Ok(match silent < LONG {
            true => SpoolError::WentBack { known, found: 0 },
            false => SpoolError::Lapsed,
        });
    };
    let (epoch, found, token): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    Ok(if token != life.token {
        SpoolError::WentBack { known, found: 0 }
    } else if found < known || epoch < life.epoch {
        SpoolError::WentBack { known, found }
    } else {
        SpoolError::Lapsed
    })
}

/// Takes the right to write from every earlier connection, and says which batch is the last that is in the store. That is
/// certain when this is committed: it waits for a batch under way, and nothing of an earlier connection comes in after it.
/// It is a word of this relay's, too: it lives. `None`: nobody knows of this life any more, or the store went back: see
/// [`why_not`].
///
/// An `attempt`, counted from 1, that was given up may be done at any time later, even behind the one that was answered. So each
/// has an epoch of its own, and one that comes behind a later one does nothing.
pub(super) async fn settle(link: &Link, life: &Life, attempt: i64, time: &Time) -> Result<Option<Life>, SpoolError> {
    const SETTLE: &str = "
        UPDATE writer SET epoch = greatest(epoch, $4::int8), alive_until = CASE WHEN over THEN alive_until
            ELSE coalesce($5::int8, (extract(epoch FROM clock_timestamp()) * 1000)::int8) + $6::int8 END
        WHERE incarnation = $1 AND token = $2 AND last_batch >= $3 AND (over OR epoch < $4::int8)
        RETURNING epoch, last_batch";
    let epoch = life.epoch + attempt;
    let row = link
        .rows(
            SETTLE,
            &[
                &life.incarnation,
                &life.token,
                &life.last_batch,
                &epoch,
                &time.now(),
                &lease(),
            ],
        )
        .await?;
    Ok(row.first().map(|row| Life {
        epoch: row.get(0),
        last_batch: row.get(1),
        ..*life
    }))
}

/// Whose work is taken over, once nobody can be certain of it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    /// Of those whose life was ended.
    Over,
    /// And of those that have been silent for too long.
    Silent,
}

/// Ends the lives of those that have been silent for too long, and frees what they had leased. `me` is not among them.
pub(super) async fn take_over(link: &Link, (me, whom): (i64, Whom), time: &Time) -> Result<Vec<i64>, SpoolError> {
    const SILENT: &str = "
        SELECT incarnation FROM writer
        WHERE NOT freed AND incarnation <> $2 AND (over OR $3)
            AND alive_until <= coalesce($1::int8, (extract(epoch FROM clock_timestamp()) * 1000)::int8)";
    const END: &str = "
        UPDATE writer SET over = true, epoch = epoch + 1
        WHERE NOT freed AND incarnation <> $2 AND (over OR $3)
            AND alive_until <= coalesce($1::int8, (extract(epoch FROM clock_timestamp()) * 1000)::int8)
        RETURNING incarnation";
    let (now, silent) = (time.now(), whom == Whom::Silent);
    if link.rows(SILENT, &[&now, &me, &silent]).await?.is_empty() {
        return Ok(Vec::new());
    }
    link.say("BEGIN").await?;
    let ended = async {
        let ended = link.rows(END, &[&now, &me, &silent]).await?;
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

/// Relays that live.
pub(super) async fn count(link: &Link, time: &Time) -> Result<u32, SpoolError> {
    const LIVE: &str = "
        SELECT count(*) FROM writer WHERE NOT freed AND NOT over AND node IS NOT NULL
            AND alive_until > coalesce($1::int8, (extract(epoch FROM clock_timestamp()) * 1000)::int8)";
    let found = link.rows(LIVE, &[&time.now()]).await?;
    Ok(found.first().map_or(1, |row| row.get::<_, i64>(0) as u32))
}

/// Ends one life, from within: nothing is under way any more.
pub(super) async fn end(link: &Link, life: &Life) -> Result<(), SpoolError> {
    const END: &str = "
        UPDATE writer SET over = true, epoch = epoch + 1 WHERE incarnation = $1 AND token = $2";
    link.run(END, &[&life.incarnation, &life.token]).await?;
    free(link, &[life.incarnation]).await
}

/// Ends the life of a relay from outside. For how long it may still be certain of what it holds, in milliseconds; `None`: no
/// relay of this name lives.
pub(super) async fn bar(link: &Link, name: &str) -> Result<Option<i64>, SpoolError> {
    const BAR: &str = "
        UPDATE writer SET over = true, epoch = epoch + 1, alive_until = alive_until - $2::int8 + $3::int8
        WHERE NOT over AND node = (SELECT id FROM node WHERE name = $1)
        RETURNING alive_until - (extract(epoch FROM clock_timestamp()) * 1000)::int8";
    let barred = link.rows(BAR, &[&name, &lease(), &certain()]).await?;
    Ok(barred.iter().map(|row| row.get::<_, i64>(0).max(0)).max())
}

/// Forgets a relay, in one statement. Whoever gets its number begins above all ids that it has given. False: none has this name.
pub(super) async fn forget(link: &Link, name: &str) -> Result<bool, SpoolError> {
    const FORGET: &str = "
        WITH gone AS (
            DELETE FROM node n WHERE name = $1 AND NOT EXISTS (SELECT 1 FROM writer w WHERE w.node = n.id AND NOT w.freed)
            RETURNING ceiling)
        INSERT INTO counter(name, value) SELECT 'ids', ceiling FROM gone
        ON CONFLICT (name) DO UPDATE SET value = greatest(counter.value, excluded.value) RETURNING value";
    if !link.rows(FORGET, &[&name]).await?.is_empty() {
        return Ok(true);
    }
    match link
        .rows("SELECT 1 FROM node WHERE name = $1", &[&name])
        .await?
        .is_empty()
    {
        true => Ok(false),
        false => Err(SpoolError::Unfit(format!(
            "the relay {name} runs, or others do not have its work yet: nothing is forgotten"
        ))),
    }
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
    // The last one: whoever dies before it leaves the rest to others.
    const FREED: &str = "UPDATE writer SET freed = true WHERE incarnation = ANY($1)";
    for sql in [OUTGOING, MESSAGES, EVENTS, REQUESTS, FREED] {
        link.run(sql, &[&over]).await?;
    }
    Ok(())
}
