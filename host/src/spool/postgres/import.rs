//! A spool of one relay, carried into tables that are empty: all of it in one transaction. Ids, numbers of records, and what
//! readers have of them stay as they are; the ledger begins anew, since it names records in another way.

mod rows;

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_postgres::types::ToSql;

use self::rows::Rows;
use super::connect::{Access, Link, failed};
use super::schema::{self, CHUNK};
use super::threads::{Threads, wait};
use crate::message::Piece;
use crate::spool::carried::{Carried, Cell, Count, Exported};
use crate::spool::{SpoolError, pieces};

/// Numbers in histories of what is carried are numbers already, and not places: this batch begins with 1, and has no records.
const CARRIED: i64 = 0;

// Columns, each with its type.
const MESSAGES: &str = "id int8, source text, remote text, helo text, protocol int2, received_at int8, since int8, size int8, \
    hold text, due int8, failed bool, attempts int4, arrived bool, ordinals int8, about int8, \
    envelope text, journey text, holders text, past text, released int4";
const CONTENTS: &str = "message int8, place int4, octets bytea";
const DESTINATIONS: &str = "message int8, ordinal int8, peer text, state int2, due int8, attempts int4, size int8, reason text, \
    expires int8, kind text, repeats int4, envelope text, pieces bytea, made int8";
const EVENTS: &str = "message int8, ordinal int8, peer text, deliveries int4, due int8, attempts int4, kind text, \
    outcome text, envelope text, pieces bytea, repeats int4";
const REQUESTS: &str = "id int8, due int8, forget_at int8, state text";
const KEYS: &str = "hash int8, request int8";
const ASKED: &str = "peer text";
const HISTORIES: &str = "request int8, place int4, at int8, event text, batch int8";
const RECORDS: &str = "stream text, place int4, message int8, ordinal int8, recorded_at int8, plugin text, version text, \
    record text, batch int8";
const BATCHES: &str = "id int8, stream text, at int8, records int4, first int8";
const MARKS: &str = "stream text, reader text, sequence int8, file int8";
const COUNTERS: &str = "name text, value int8";
const VALUES: &str = "plugin text, key text, value bytea";

/// Blocks.
///
/// # Errors
/// The tables have another format, or are not empty; a relay runs on them; or the database cannot be reached. Then nothing was
/// carried.
pub fn import(access: &Access, from: &dyn Exported) -> Result<Count, SpoolError> {
    let threads = Threads::new()?;
    let handle = threads.handle().ok_or(SpoolError::Closed)?;
    let (connecting, schema) = (access.clone(), access.schema.clone());
    let link = wait(&handle, async move {
        let link = connecting.connect("imports").await?;
        schema::may_work_on(schema::find(&link, &schema).await?, &schema)?;
        link.say("BEGIN; LOCK TABLE writer IN EXCLUSIVE MODE").await?;
        must_be_empty(&link).await?;
        Ok(Arc::new(link))
    })?;
    let mut import = Import {
        handle: &handle,
        link,
        count: Count::default(),
    };
    import.carry(from)?;
    let Import { link, count, .. } = import;
    wait(&handle, async move {
        link.say("COMMIT").await?;
        match link.is_in_doubt() {
            true => Err(SpoolError::Away("the database cancels waits for its standby".into())),
            false => Ok(()),
        }
    })?;
    Ok(count)
}

async fn must_be_empty(link: &Link) -> Result<(), SpoolError> {
    const ALIVE: &str = "SELECT 1 FROM writer WHERE NOT over AND node IS NOT NULL LIMIT 1";
    const FULL: &str = "
        SELECT name FROM (
            SELECT 'message' AS name FROM message UNION ALL SELECT 'request' FROM request UNION ALL SELECT 'batch' FROM batch
            UNION ALL SELECT 'mark' FROM mark UNION ALL SELECT 'kv' FROM kv) AS found LIMIT 1";
    if !link.rows(ALIVE, &[]).await?.is_empty() {
        return Err(SpoolError::Unfit("relays run on these tables: stop them first".into()));
    }
    match link.rows(FULL, &[]).await?.first() {
        None => Ok(()),
        Some(row) => Err(SpoolError::Unfit(format!(
            "the tables are not empty ({} has rows): a spool is carried into new ones only",
            row.get::<_, String>(0)
        ))),
    }
}

struct Import<'h> {
    handle: &'h Handle,
    link: Arc<Link>,
    count: Count,
}

impl Import<'_> {
    fn carry(&mut self, from: &dyn Exported) -> Result<(), SpoolError> {
        self.count.messages = self.rows(from, Carried::Messages, "message", MESSAGES, |_| {})?;
        self.contents(from)?;
        self.rows(from, Carried::Destinations, "outgoing", DESTINATIONS, |row| {
            let made = row.last().map_or(0, made);
            row.push(Cell::Whole(made));
        })?;
        let no_repeats = |row: &mut Vec<Cell>| row.push(Cell::Whole(0));
        self.rows(from, Carried::Events, "event", EVENTS, no_repeats)?;
        self.count.requests = self.rows(from, Carried::Requests, "request", REQUESTS, |_| {})?;
        self.rows(from, Carried::Keys, "lookup", KEYS, |_| {})?;
        self.rows(from, Carried::Asked, "asked", ASKED, |_| {})?;
        let as_numbers = |row: &mut Vec<Cell>| row.push(Cell::Whole(CARRIED));
        self.rows(from, Carried::Histories, "history", HISTORIES, as_numbers)?;
        self.records(from)?;
        self.rows(from, Carried::Marks, "mark", MARKS, |_| {})?;
        self.rows(from, Carried::Purged, "counter", COUNTERS, |row| {
            if let Some(Cell::Text(stream)) = row.first_mut() {
                stream.insert_str(0, "purged:");
            }
        })?;
        self.rows(from, Carried::Values, "kv", VALUES, |_| {})?;
        self.end(from.salt()?, from.id_ceiling()?)
    }

    /// All rows of a kind; how many there were.
    fn rows(
        &self,
        from: &dyn Exported,
        kind: Carried,
        table: &'static str,
        columns: &'static str,
        complete: impl Fn(&mut Vec<Cell>),
    ) -> Result<u64, SpoolError> {
        let (mut rows, mut count) = (Rows::into(table, columns), 0);
        from.each(kind, &mut |mut row| {
            complete(&mut row);
            count += 1;
            rows.put(row);
            self.send(&mut rows, false)
        })?;
        self.send(&mut rows, true)?;
        Ok(count)
    }

    /// Larger pieces than they were in.
    fn contents(&self, from: &dyn Exported) -> Result<(), SpoolError> {
        let mut rows = Rows::into("content", CONTENTS);
        let mut open: Option<(i64, i64, Vec<u8>)> = None;
        from.each(Carried::Contents, &mut |row| {
            let [Cell::Whole(message), Cell::Whole(offset), Cell::Octets(octets)] = row.as_slice() else {
                return Err(SpoolError::Damaged("a piece of a message".into()));
            };
            let place = offset / CHUNK as i64;
            match &mut open {
                Some((of, at, so_far)) if (*of, *at) == (*message, place) => so_far.extend_from_slice(octets),
                _ => {
                    rows.put_content(open.replace((*message, place, octets.clone())));
                    self.send(&mut rows, false)?;
                }
            }
            Ok(())
        })?;
        rows.put_content(open);
        self.send(&mut rows, true)
    }

    /// Records with neighbouring numbers are a batch, which has numbers already.
    fn records(&mut self, from: &dyn Exported) -> Result<(), SpoolError> {
        let (mut records, mut batches) = (Rows::into("record", RECORDS), Rows::into("batch", BATCHES));
        let (mut batch, mut count) = (Batch::default(), 0);
        from.each(Carried::Records, &mut |mut row| {
            let (Some(Cell::Text(stream)), Some(Cell::Whole(sequence)), Some(Cell::Whole(at))) =
                (row.first(), row.get(1), row.get(4))
            else {
                return Err(SpoolError::Damaged("a record".into()));
            };
            if !batch.goes_on(stream, *sequence) {
                let next = batch.next(self.number()?, stream, *sequence, *at);
                std::mem::replace(&mut batch, next).put_into(&mut batches);
            }
            row[1] = Cell::Whole(batch.records);
            row.push(Cell::Whole(batch.id));
            records.put(row);
            count += 1;
            self.send(&mut records, false)
        })?;
        batch.put_into(&mut batches);
        let carried = [CARRIED, 0, 1].map(Cell::Whole);
        let [id, none, first] = carried;
        batches.put(vec![id, Cell::Text("charging".into()), none.clone(), none, first]);
        self.count.records = count;
        self.send(&mut records, true)?;
        self.send(&mut batches, true)
    }

    /// The number of a new batch: below those of all that come later.
    fn number(&self) -> Result<i64, SpoolError> {
        let link = Arc::clone(&self.link);
        wait(self.handle, async move {
            let row = link.rows("SELECT nextval('batch_id')", &[]).await?;
            Ok(row.first().map_or(0, |row| row.get(0)))
        })
    }

    /// Sends what has come together, if that is enough, or if it is all.
    fn send(&self, rows: &mut Rows, all: bool) -> Result<(), SpoolError> {
        if rows.is_empty() || !(rows.are_enough() || all) {
            return Ok(());
        }
        let (sql, values) = rows.take()?;
        let link = Arc::clone(&self.link);
        wait(self.handle, async move {
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as _).collect();
            let sent = link.client.execute(&sql, &values).await;
            sent.map(drop).map_err(|error| failed(&error))
        })
    }

    /// Numbers and ids go on behind what was carried, and keys are found by the hashes that they have.
    fn end(&self, salt: i64, ceiling: i64) -> Result<(), SpoolError> {
        const LAST: &str = "
            INSERT INTO stream(name, last)
            SELECT stream, max(last) FROM (
                SELECT stream, first + records - 1 AS last FROM batch
                UNION ALL SELECT substr(name, 8), value FROM counter WHERE name LIKE 'purged:%') AS all_of GROUP BY stream";
        const SALT: &str = "UPDATE counter SET value = $1 WHERE name = 'salt'";
        const IDS: &str = "INSERT INTO counter(name, value) VALUES('ids', $1)";
        const NODES: &str = "UPDATE node SET ceiling = greatest(ceiling, $1)";
        // Ids are reserved ahead of the time: what was carried is older than now.
        const LEDGER: &str = "
            UPDATE counter SET value = greatest(value, least($1, (extract(epoch FROM clock_timestamp()) * 1000000)::int8))
            WHERE name = 'ledger'";
        let link = Arc::clone(&self.link);
        wait(self.handle, async move {
            link.run(LAST, &[]).await?;
            link.run(SALT, &[&salt]).await?;
            for sql in [IDS, NODES, LEDGER] {
                link.run(sql, &[&ceiling]).await?;
            }
            Ok(())
        })
    }
}

/// Records of one stream with numbers that follow each other.
#[derive(Default)]
struct Batch {
    id: i64,
    stream: String,
    at: i64,
    first: i64,
    records: i64,
}

impl Batch {
    /// Whether the next record is of it too; it is counted.
    fn goes_on(&mut self, stream: &str, sequence: i64) -> bool {
        let follows = self.stream == stream && self.first + self.records == sequence && self.records < 1000;
        self.records += i64::from(follows);
        follows
    }

    fn next(&self, id: i64, stream: &str, sequence: i64, at: i64) -> Self {
        Self {
            id,
            stream: stream.to_owned(),
            at,
            first: sequence,
            records: 1,
        }
    }

    fn put_into(self, batches: &mut Rows) {
        let Self {
            id,
            stream,
            at,
            first,
            records,
        } = self;
        let [id, at, records, first] = [id, at, records, first].map(Cell::Whole);
        if !stream.is_empty() {
            batches.put(vec![id, Cell::Text(stream), at, records, first]);
        }
    }
}

/// Octets that plug-ins made, in the pieces of a destination.
fn made(encoded: &Cell) -> i64 {
    let Cell::Octets(octets) = encoded else { return 0 };
    let decoded = pieces::decode(&bytes::Bytes::copy_from_slice(octets)).unwrap_or_default();
    let new = decoded.iter().filter(|piece| matches!(piece, Piece::New(_)));
    new.map(Piece::size).sum::<u64>() as i64
}
