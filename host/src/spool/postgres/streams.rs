//! Streams of records. A commit gives its records places, not numbers: the row of the last number would be locked for as
//! long as a commit waits for its standby. Numbers are given behind that, by whoever wants to read them.
//!
//! A batch that caused another has the lower id, since it was committed before that began; batches are numbered in the
//! order of their ids; and whoever numbers sees every batch that was committed before. So a cause has a lower number than
//! its consequence, there is no gap, and no number is given twice.

use std::sync::Arc;

use tokio_postgres::Row;

use super::connect::Link;
use super::rows::{queue_id, sql_time, time};
use super::shared::{Reader, Shared};
use crate::message::{StreamName, Timestamp};
use crate::spool::{Mark, Recorded, SpoolError, stored};

/// Locked by who numbers. A write, which is committed like every other: what was read by who committed it is safe.
const LOCK: &str = "UPDATE counter SET value = value + 1 WHERE name = 'numbering'";

const NUMBER: &str = "
    WITH open AS (
        SELECT id, stream, records, sum(records) OVER (PARTITION BY stream ORDER BY id) AS upto FROM batch WHERE first IS NULL),
    moved AS (
        UPDATE stream s SET last = s.last + n.records
        FROM (SELECT stream, sum(records) AS records FROM open GROUP BY stream) n WHERE s.name = n.stream
        RETURNING s.name, s.last - n.records AS before)
    UPDATE batch b SET first = m.before + o.upto - o.records + 1
    FROM open o JOIN moved m ON m.name = o.stream WHERE b.id = o.id AND b.stream = o.stream";

/// From the batch that the first of them is in.
const RECORDS: &str = "
    SELECT b.first + r.place - 1 AS sequence, r.message, r.ordinal, r.recorded_at, r.plugin, r.version, r.record
    FROM batch b JOIN record r ON r.batch = b.id AND r.stream = b.stream
    WHERE b.stream = $1 AND b.first + r.place - 1 > $2
        AND b.first >= coalesce((SELECT max(first) FROM batch WHERE stream = $1 AND first <= $2 + 1), 0)
    ORDER BY b.first, r.place LIMIT $3";

/// Gives numbers to everything that has been committed. When this returns, whatever can be read is durable.
pub(super) async fn number(shared: &Arc<Shared>) -> Result<Reader, SpoolError> {
    // Numbers that were given may be given again, for other records.
    shared.health.is_as_it_was()?;
    let link = shared.reader().await?;
    link.say("BEGIN").await?;
    let numbered = async {
        link.run(LOCK, &[]).await?;
        link.run(NUMBER, &[]).await?;
        link.say("COMMIT").await
    };
    if let Err(error) = numbered.await {
        link.say("ROLLBACK").await?;
        return Err(error);
    }
    match link.is_in_doubt() {
        true => Err(SpoolError::Away("the database cancels waits for its standby".into())),
        false => Ok(link),
    }
}

pub(super) async fn records(
    link: &Link,
    stream: &StreamName,
    after: u64,
    limit: usize,
) -> Result<Vec<Recorded>, SpoolError> {
    let found = rows(link, stream, after, limit).await?;
    found.iter().map(recorded).collect()
}

pub(super) async fn rows(link: &Link, stream: &StreamName, after: u64, limit: usize) -> Result<Vec<Row>, SpoolError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let after = i64::try_from(after).unwrap_or(i64::MAX - 1);
    link.rows(RECORDS, &[&stream.as_str(), &after, &limit]).await
}

fn recorded(row: &Row) -> Result<Recorded, SpoolError> {
    Ok(Recorded {
        sequence: row.get::<_, i64>("sequence") as u64,
        id: queue_id(row),
        recorded_at: time(row, "recorded_at"),
        plugin: row.get("plugin"),
        version: row.get("version"),
        record: stored::read(row.get("record"))?,
    })
}

pub(super) async fn mark(link: &Link, stream: &StreamName, reader: &str) -> Result<Option<Mark>, SpoolError> {
    const MARK: &str = "SELECT sequence, file FROM mark WHERE stream = $1 AND reader = $2";
    let found = link.rows(MARK, &[&stream.as_str(), &reader]).await?;
    Ok(found.first().map(|row| Mark {
        sequence: row.get::<_, i64>(0) as u64,
        file: row.get::<_, i64>(1) as u32,
    }))
}

pub(super) async fn set_mark(link: &Link, stream: &StreamName, reader: &str, mark: Mark) -> Result<(), SpoolError> {
    const SET: &str = "
        INSERT INTO mark AS m(stream, reader, sequence, file)
        SELECT $1, $2, least($3::int8, coalesce((SELECT last FROM stream WHERE name = $1), 0)), $4
        ON CONFLICT (stream, reader) DO UPDATE SET sequence = excluded.sequence, file = excluded.file
            WHERE m.sequence <= excluded.sequence";
    let sequence = i64::try_from(mark.sequence).unwrap_or(i64::MAX);
    let values = (stream.as_str(), i64::from(mark.file));
    link.run(SET, &[&values.0, &reader, &sequence, &values.1])
        .await
        .map(drop)
}

pub(super) async fn forget_mark(link: &Link, stream: &StreamName, reader: &str) -> Result<bool, SpoolError> {
    const FORGET: &str = "DELETE FROM mark WHERE stream = $1 AND reader = $2";
    Ok(link.run(FORGET, &[&stream.as_str(), &reader]).await? > 0)
}

/// Batches stay for a month longer, and for as long as the ledger names them: numbers are known by them.
pub(super) async fn purge(link: &Link, stream: &StreamName, before: Timestamp) -> Result<usize, SpoolError> {
    const PURGE: &str = "
        WITH gone AS (
            DELETE FROM record r USING batch b
            WHERE b.stream = $1 AND r.batch = b.id AND r.stream = b.stream AND r.recorded_at < $2
                AND b.first + r.place - 1 <= (SELECT min(sequence) FROM mark WHERE stream = $1)
                AND b.first <= (SELECT min(sequence) FROM mark WHERE stream = $1)
            RETURNING b.first + r.place - 1 AS number),
        noted AS (
            INSERT INTO counter AS c(name, value) SELECT 'purged:' || $1, max(number) FROM gone HAVING count(*) > 0
            ON CONFLICT (name) DO UPDATE SET value = greatest(c.value, excluded.value))
        SELECT count(*) FROM gone";
    const BATCHES: &str = "
        DELETE FROM batch b WHERE b.stream = $1 AND b.at < $2::int8 - 30 * 86400000::int8
            AND b.first + b.records - 1 <= (SELECT min(sequence) FROM mark WHERE stream = $1)
            AND NOT EXISTS (SELECT 1 FROM record r WHERE r.batch = b.id AND r.stream = b.stream)
            AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.batch = b.id)";
    let values = (stream.as_str(), sql_time(before));
    let purged = link.rows(PURGE, &[&values.0, &values.1]).await?;
    link.run(BATCHES, &[&values.0, &values.1]).await?;
    Ok(purged.first().map_or(0, |row| row.get::<_, i64>(0)) as usize)
}
