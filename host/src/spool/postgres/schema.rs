//! The tables, and their format.

use super::connect::{Link, failed};
use crate::spool::SpoolError;
use crate::spool::states::statement;

/// Stands in `counter`. A later format comes by [`migrate`], never by a start.
pub(super) const FORMAT: i64 = 3;

/// From the format before to this one. Programs of two formats that follow each other work on the tables side by side, while
/// relays are replaced one by one. So a step adds, with defaults that are right for what the earlier program writes; what it
/// no longer needs goes in the next one.
struct Step {
    to: i64,
    sql: &'static str,
}

const STEPS: &[Step] = &[LIVES_AND_LEDGER, WHO_DID_IT, VERSIONS_FOR_ALL];

const LIVES_AND_LEDGER: Step = Step {
    to: 2,
    // `token` tells a life from another one of the same number; `home` is the folder that it has locked; `freed`: what it held
    // is others'.
    sql: "
        ALTER TABLE writer ADD COLUMN token int8 NOT NULL DEFAULT 0, ADD COLUMN home text,
            ADD COLUMN freed boolean NOT NULL DEFAULT false;
        UPDATE writer SET freed = over;
        DROP INDEX writer_alive;
        CREATE INDEX writer_held ON writer(alive_until) WHERE NOT freed;

        -- `batch`, `first`, `sums`: the records that a line names, by their places in its batch.
        CREATE TABLE ledger(
            message int8 NOT NULL, place int8 GENERATED ALWAYS AS IDENTITY, at int8 NOT NULL, what int2 NOT NULL,
            ordinal int8 NOT NULL, recipients text NOT NULL, peer text, batch int8, first int4, sums bytea, about text,
            PRIMARY KEY(message, place));
        CREATE INDEX ledger_batch ON ledger(batch) WHERE batch IS NOT NULL;
        -- It knows nothing of messages before this one: those that were there before it was kept.
        INSERT INTO counter SELECT 'ledger', coalesce(max(ceiling), 0) FROM node;",
};

const WHO_DID_IT: Step = Step {
    to: 3,
    // `history.node`: the name of the relay that wrote the entry. `presence`: what a relay says of itself, as JSON.
    sql: statement!(
        "
        ALTER TABLE history ADD COLUMN node text;
        ALTER TABLE node ADD COLUMN presence text;

        -- In the whole order in which they are leased: after a retry of all, a million are due at one instant.
        DROP INDEX outgoing_due;
        CREATE INDEX outgoing_due ON outgoing(peer, due, message, ordinal) WHERE state = {waiting} AND owner IS NULL;"
    ),
};

const VERSIONS_FOR_ALL: Step = Step {
    to: 3,
    sql: "
        -- What relays tell each other of a plug-in's versions: see the room `rollout`. A row without a course is there to be
        -- locked.
        CREATE TABLE rollout(plugin text PRIMARY KEY, revision int8 NOT NULL DEFAULT 0, course text) WITH (fillfactor = 50);
        CREATE TABLE component(
            digest text NOT NULL, place int4 NOT NULL, at int8 NOT NULL, octets bytea NOT NULL, PRIMARY KEY(digest, place));
        ALTER TABLE component ALTER COLUMN octets SET STORAGE EXTERNAL;",
};

/// Octets of content in one row.
pub(super) const CHUNK: u64 = 1 << 20;

/// The tables of format 1; those of later ones come out of them by [`STEPS`], in a new database as in an old one.
///
/// Ids and times are whole numbers, what nobody looks into is JSON as text: see `stored`. No triggers, no functions.
///
/// `owner`, wherever it stands, is the incarnation of the relay that has leased the row; `until` is when the lease ends by
/// itself.
const TABLES: &str = statement!("
    -- `format`; `salt` goes into the hashes of `lookup`; `numbering` is locked by whoever numbers records, and written, so
    -- that it waits for the standby; `retry:PEER` counts how often an operator asked to try a peer again.
    CREATE TABLE counter(name text PRIMARY KEY, value int8 NOT NULL) WITH (fillfactor = 10);

    -- The relays by name. `ceiling`: every id that one has given is below.
    CREATE TABLE node(id int2 PRIMARY KEY, name text NOT NULL UNIQUE, ceiling int8 NOT NULL);

    -- A relay, from its start to its end: what fences it, and what became of its last batch. `epoch`: which of its
    -- connections may write. `over`: it has ended, or was silent for too long. `node`: null for a command beside the relays.
    CREATE TABLE writer(
        incarnation int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, node int2, epoch int8 NOT NULL, last_batch int8 NOT NULL,
        alive_until int8 NOT NULL, over boolean NOT NULL) WITH (fillfactor = 10);
    CREATE INDEX writer_alive ON writer(alive_until) WHERE NOT over;

    -- `hold`, `due`, `failed`, `attempts`: see the model's `Wait`. `about`: whose history it belongs to.
    CREATE TABLE message(
        id int8 PRIMARY KEY, source text NOT NULL, remote text NOT NULL, helo text NOT NULL, protocol int2 NOT NULL,
        received_at int8 NOT NULL, since int8 NOT NULL, size int8 NOT NULL, hold text, due int8, failed boolean NOT NULL,
        attempts int4 NOT NULL, arrived boolean NOT NULL, ordinals int8 NOT NULL, about int8, envelope text NOT NULL,
        journey text NOT NULL, holders text, past text, released int4 NOT NULL, owner int8, until int8);
    CREATE INDEX message_held ON message(id) WHERE hold IS NOT NULL;
    CREATE INDEX message_due ON message(due) WHERE due IS NOT NULL;

    -- A picture is compressed already.
    CREATE TABLE content(message int8 NOT NULL, place int4 NOT NULL, octets bytea NOT NULL, PRIMARY KEY(message, place));
    ALTER TABLE content ALTER COLUMN octets SET STORAGE EXTERNAL;

    -- `made`: octets that plug-ins made, in `pieces`. What a commit leases to its relay is in no index of what is due.
    CREATE TABLE outgoing(
        message int8 NOT NULL, ordinal int8 NOT NULL, peer text NOT NULL, state int2 NOT NULL, due int8 NOT NULL,
        attempts int4 NOT NULL, size int8 NOT NULL, made int8 NOT NULL, reason text, expires int8, kind text,
        repeats int4 NOT NULL, owner int8, envelope text NOT NULL, pieces bytea NOT NULL, PRIMARY KEY(message, ordinal))
        WITH (fillfactor = 80);
    ALTER TABLE outgoing ALTER COLUMN pieces SET STORAGE EXTERNAL;
    CREATE INDEX outgoing_due ON outgoing(peer, due) WHERE state = {waiting} AND owner IS NULL;
    CREATE INDEX outgoing_waiting ON outgoing(peer, message) WHERE state = {waiting};
    CREATE INDEX outgoing_expires ON outgoing(peer, expires) WHERE state = {waiting} AND owner IS NULL AND expires IS NOT NULL;
    CREATE INDEX outgoing_failed ON outgoing(peer) WHERE state = {failed};
    CREATE INDEX outgoing_held ON outgoing(message) WHERE state = {held};

    CREATE TABLE event(
        id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, message int8 NOT NULL, ordinal int8 NOT NULL, peer text NOT NULL,
        deliveries int4 NOT NULL, repeats int4 NOT NULL, due int8 NOT NULL, attempts int4 NOT NULL, expires int8, kind text,
        outcome text NOT NULL, envelope text NOT NULL, pieces bytea NOT NULL, owner int8, until int8);
    ALTER TABLE event ALTER COLUMN pieces SET STORAGE EXTERNAL;
    CREATE INDEX event_due ON event(due);
    CREATE INDEX event_message ON event(message);

    CREATE TABLE request(
        id int8 PRIMARY KEY, due int8, forget_at int8 NOT NULL, state text NOT NULL, owner int8, until int8)
        WITH (fillfactor = 70);
    CREATE INDEX request_due ON request(due) WHERE due IS NOT NULL;
    CREATE INDEX request_forget ON request(forget_at);
    CREATE TABLE lookup(hash int8 NOT NULL, request int8 NOT NULL, PRIMARY KEY(hash, request));

    -- Locked by whoever opens a request, so that of two copies that come to two relays one is committed before the other
    -- is looked at. Holds nothing.
    CREATE TABLE copy_of(hash int8 PRIMARY KEY);

    -- Everybody who was ever asked.
    CREATE TABLE asked(peer text PRIMARY KEY);

    -- `batch`: numbers in `event` are places in it.
    CREATE TABLE history(
        request int8 NOT NULL, place int4 NOT NULL, at int8 NOT NULL, event text NOT NULL, batch int8 NOT NULL,
        PRIMARY KEY(request, place));

    -- A null value is none: the row is there to be locked.
    CREATE TABLE kv(plugin text NOT NULL, key text NOT NULL, value bytea, PRIMARY KEY(plugin, key));

    -- What a commit appended to a stream. `first` is the number of the first record, given after the commit, in the order of
    -- the ids: see `streams`.
    CREATE SEQUENCE batch_id;
    CREATE TABLE batch(
        id int8 NOT NULL, stream text NOT NULL, at int8 NOT NULL, records int4 NOT NULL, first int8, PRIMARY KEY(id, stream));
    CREATE INDEX batch_open ON batch(id) WHERE first IS NULL;
    CREATE INDEX batch_first ON batch(stream, first);
    CREATE TABLE record(
        batch int8 NOT NULL, stream text NOT NULL, place int4 NOT NULL, message int8 NOT NULL, ordinal int8 NOT NULL,
        recorded_at int8 NOT NULL, plugin text NOT NULL, version text NOT NULL, record text NOT NULL,
        PRIMARY KEY(batch, stream, place));
    CREATE TABLE stream(name text PRIMARY KEY, last int8 NOT NULL) WITH (fillfactor = 10);
    CREATE TABLE mark(
        stream text NOT NULL, reader text NOT NULL, sequence int8 NOT NULL, file int8 NOT NULL, PRIMARY KEY(stream, reader));

    INSERT INTO counter SELECT 'salt', (random() * 9e18)::int8 UNION ALL SELECT 'numbering', 0;
");

/// Makes the tables, in a schema of their own. Nothing happens when they are there.
pub(super) async fn make(link: &Link, schema: &str) -> Result<(), SpoolError> {
    make_at(link, schema, FORMAT).await
}

pub(super) async fn make_at(link: &Link, schema: &str, format: i64) -> Result<(), SpoolError> {
    if find(link, schema).await?.is_some() {
        return Ok(());
    }
    let schema = format!("\"{}\"", schema.replace('"', "\"\""));
    let steps: String = steps(1, format).map(|step| step.sql).collect();
    let all = format!(
        "BEGIN; CREATE SCHEMA {schema}; SET LOCAL search_path = {schema}; {TABLES} {steps}
         INSERT INTO counter VALUES('format', {format}); COMMIT"
    );
    let made = link.client.batch_execute(&all).await;
    made.map_err(|error| failed(&error))
}

fn steps(from: i64, to: i64) -> impl Iterator<Item = &'static Step> {
    STEPS.iter().filter(move |step| step.to > from && step.to <= to)
}

/// Brings the tables to this program's format, all at once or not at all. Relays may run meanwhile, of this program and of the
/// one before. Which format they had.
pub(super) async fn migrate(link: &Link, schema: &str) -> Result<i64, SpoolError> {
    // Whoever migrates at the same time waits; a commit that holds a table for long ends this, and not the other way round.
    const LOCK: &str = "
        BEGIN; SET LOCAL lock_timeout = '10s'; SELECT value FROM counter WHERE name = 'format' FOR UPDATE";
    if find(link, schema).await?.is_none() {
        return Err(SpoolError::Broken(no_tables(schema)));
    }
    let migrated = async {
        link.say(LOCK).await?;
        let found = find(link, schema).await?.unwrap_or(FORMAT);
        for step in steps(found, FORMAT) {
            link.say(step.sql).await?;
        }
        if found < FORMAT {
            const NOW: &str = "UPDATE counter SET value = $1 WHERE name = 'format'";
            link.run(NOW, &[&FORMAT]).await?;
        }
        link.say("COMMIT").await?;
        Ok(found)
    };
    let migrated = migrated.await;
    if migrated.is_err() {
        link.say("ROLLBACK").await?;
    }
    migrated
}

/// Whether this program works on tables of the format that is found: its own, or the next one, which only adds.
pub(super) fn may_work_on(found: Option<i64>, schema: &str) -> Result<(), SpoolError> {
    let Some(found) = found else {
        return Err(SpoolError::Broken(no_tables(schema)));
    };
    if found < FORMAT {
        return Err(SpoolError::Broken(format!(
            "the tables have format {found}, and this program works on format {FORMAT}: `mm4relay cluster migrate` brings them \
             there, while relays of the program before go on"
        )));
    }
    if found > FORMAT + 1 {
        return Err(SpoolError::Broken(format!(
            "the tables have format {found}, and this program works on formats {FORMAT} and {}: run a later one",
            FORMAT + 1
        )));
    }
    Ok(())
}

fn no_tables(schema: &str) -> String {
    format!("the database has no tables in the schema {schema}: `mm4relay cluster init` makes them")
}

/// The format of the tables; `None` when there are none.
pub(super) async fn find(link: &Link, schema: &str) -> Result<Option<i64>, SpoolError> {
    const THERE: &str = "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'counter'";
    if link.rows(THERE, &[&schema]).await?.is_empty() {
        return Ok(None);
    }
    let found = link
        .rows("SELECT value FROM counter WHERE name = 'format'", &[])
        .await?;
    Ok(found.first().map(|row| row.get(0)))
}
