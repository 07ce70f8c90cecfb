//! The ledger, and what it is set against: the queue and the charging records.
//!
//! A line names its records by their places in its batch, since they have no numbers when it is written.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::connect::Link;
use super::rows::{damaged, message_id, queue_id, sql_id, time};
use crate::message::{MessageId, NextHop, QueueId, StreamName};
use crate::spool::ledger::{AccountPage, KnownRecord, LedgerBounds, Movement, NO_NUMBER, Records, record_sum};
use crate::spool::states::statement;
use crate::spool::{SpoolError, stored};

/// Lines that are removed in one go.
const MOST: i64 = 256;

pub(super) async fn bounds(link: &Link) -> Result<LedgerBounds, SpoolError> {
    const COUNTED: &str = "
        SELECT (SELECT value FROM counter WHERE name = 'ledger'),
            (SELECT last FROM stream WHERE name = $1), (SELECT value FROM counter WHERE name = 'purged:' || $1)";
    let found = link.rows(COUNTED, &[&StreamName::CHARGING.as_str()]).await?;
    let number = |column: usize| {
        let number = found.first().and_then(|row| row.get::<_, Option<i64>>(column));
        number.unwrap_or_default() as u64
    };
    Ok(LedgerBounds {
        begins: MessageId(number(0)),
        last_record: number(1),
        purged: number(2),
        sums_with_numbers: false,
    })
}

/// Accounts of at most `limit` messages from `from` to before `to`, in the order of their ids, at one instant.
pub(super) async fn accounts(
    link: &Link,
    (from, to): (MessageId, MessageId),
    limit: usize,
) -> Result<AccountPage, SpoolError> {
    link.say("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let page = page(link, (sql_id(from), sql_id(to)), limit).await;
    link.say("COMMIT").await?;
    page
}

async fn page(link: &Link, (from, mut to): (i64, i64), limit: usize) -> Result<AccountPage, SpoolError> {
    const NEXT: &str = "
        SELECT DISTINCT message FROM ledger WHERE message >= $1 AND message < $2 ORDER BY message OFFSET $3 LIMIT 1";
    let mut page = AccountPage::default();
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    if let Some(row) = link.rows(NEXT, &[&from, &to, &most]).await?.first() {
        let next = message_id(row, "message");
        (to, page.next) = (sql_id(next), Some(next));
    }
    movements(link, (from, to), &mut page).await?;
    queue(link, (from, to), &mut page).await?;
    records(link, (from, to), &mut page).await?;
    Ok(page)
}

async fn movements(link: &Link, (from, to): (i64, i64), page: &mut AccountPage) -> Result<(), SpoolError> {
    const LINES: &str = "
        SELECT l.message, l.place, l.at, l.what, l.ordinal, l.recipients, l.peer, b.first + l.first - 1 AS first, l.sums, l.about
        FROM ledger l LEFT JOIN batch b ON b.id = l.batch AND b.stream = 'charging'
        WHERE l.message >= $1 AND l.message < $2 ORDER BY l.message, l.place";
    for row in link.rows(LINES, &[&from, &to]).await? {
        let account = page.accounts.entry(message_id(&row, "message")).or_default();
        match movement(&row) {
            Ok(line) => account.movements.push(line),
            Err(error) => account
                .damaged
                .push(format!("line {}: {error}", row.get::<_, i64>("place"))),
        }
    }
    Ok(())
}

fn movement(row: &Row) -> Result<Movement, SpoolError> {
    let (first, sums): (Option<i64>, Option<Vec<u8>>) = (row.get("first"), row.get("sums"));
    let records = first.zip(sums).map(|(first, sums)| {
        let sums = stored::read_sums(&sums)?;
        let first = first as u64;
        Ok::<_, SpoolError>(Records { first, sums })
    });
    let peer: Option<String> = row.get("peer");
    let about: Option<String> = row.get("about");
    Ok(Movement {
        at: time(row, "at"),
        what: stored::read_moved(row.get::<_, i16>("what").into())?,
        ordinal: row.get::<_, i64>("ordinal") as u32,
        recipients: stored::read_ids(row.get("recipients"))?,
        peer: peer
            .map(|name| NextHop::new(&name))
            .transpose()
            .map_err(|error| damaged(error.0))?,
        records: records.transpose()?,
        about: about.map(|text| stored::read_about(&text)).transpose()?,
    })
}

/// What of these messages is in the queue.
async fn queue(link: &Link, (from, to): (i64, i64), page: &mut AccountPage) -> Result<(), SpoolError> {
    const OPEN: &str = statement!(
        "
        SELECT id AS message, 0::int8 AS ordinal, envelope FROM message
        WHERE id >= $1 AND id < $2 AND hold IS NOT NULL AND NOT failed
        UNION ALL
        SELECT message, ordinal, envelope FROM outgoing
        WHERE message >= $1 AND message < $2 AND state IN ({waiting}, {held})"
    );
    const OWED: &str = "SELECT DISTINCT message FROM event WHERE message >= $1 AND message < $2";
    for row in link.rows(OPEN, &[&from, &to]).await? {
        let id: QueueId = queue_id(&row);
        let account = page.accounts.entry(id.message()).or_default();
        match stored::read_envelope(row.get("envelope")) {
            Ok(envelope) => {
                let ids = envelope.recipients.iter().map(|recipient| recipient.id.0).collect();
                account.here.insert(id.number(), ids);
            }
            Err(error) => account.damaged.push(format!("{id} in the queue: {error}")),
        }
    }
    for row in link.rows(OWED, &[&from, &to]).await? {
        page.accounts.entry(message_id(&row, "message")).or_default().owed = true;
    }
    Ok(())
}

/// The records that the lines of these messages name, as far as they are there.
async fn records(link: &Link, (from, to): (i64, i64), page: &mut AccountPage) -> Result<(), SpoolError> {
    const NAMED: &str = "
        SELECT l.message AS account, r.message, r.ordinal, b.first + r.place - 1 AS sequence, r.recorded_at, r.plugin, r.version,
            r.record
        FROM ledger l JOIN batch b ON b.id = l.batch AND b.stream = 'charging'
        JOIN record r ON r.batch = l.batch AND r.stream = 'charging'
            AND r.place BETWEEN l.first AND l.first + length(l.sums) / 8 - 1
        WHERE l.message >= $1 AND l.message < $2 ORDER BY l.message, sequence";
    let mut known: BTreeMap<MessageId, Vec<KnownRecord>> = BTreeMap::new();
    for row in link.rows(NAMED, &[&from, &to]).await? {
        let text: String = row.get("record");
        let record = KnownRecord {
            sequence: row.get::<_, i64>("sequence") as u64,
            id: queue_id(&row),
            sum: record_sum(
                NO_NUMBER,
                time(&row, "recorded_at"),
                row.get("plugin"),
                row.get("version"),
                &text,
            ),
            text,
        };
        known.entry(message_id(&row, "account")).or_default().push(record);
    }
    for (message, records) in known {
        page.accounts.entry(message).or_default().records = records;
    }
    Ok(())
}

/// Whose the records behind `sequence` are, at most `limit`.
pub(super) async fn owners(link: &Link, sequence: u64, limit: usize) -> Result<Vec<(u64, QueueId)>, SpoolError> {
    let found = super::streams::rows(link, &StreamName::CHARGING, sequence, limit).await?;
    let owner = |row: &Row| (row.get::<_, i64>("sequence") as u64, queue_id(row));
    Ok(found.iter().map(owner).collect())
}

/// Removes some lines of messages that came before `begins`: the ledger begins there from now on. Whether there were as many
/// as are removed in one go.
pub(super) async fn forget(link: &Link, begins: MessageId) -> Result<bool, SpoolError> {
    const BEGINS: &str = "UPDATE counter SET value = greatest(value, $1) WHERE name = 'ledger' AND value < $1";
    const GONE: &str = "
        DELETE FROM ledger WHERE (message, place) IN (
            SELECT message, place FROM ledger WHERE message < $1 ORDER BY message, place LIMIT $2)";
    let begins = sql_id(begins);
    let old = link
        .rows("SELECT 1 FROM ledger WHERE message < $1 LIMIT 1", &[&begins])
        .await?;
    if old.is_empty() {
        return Ok(false);
    }
    link.run(BEGINS, &[&begins]).await?;
    Ok(link.run(GONE, &[&begins, &MOST]).await? == MOST as u64)
}
