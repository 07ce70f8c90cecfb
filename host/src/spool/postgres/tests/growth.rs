//! What is asked for is found as quickly among a million as among a few: counted by the database itself, which says how many rows
//! it has read one after the other, with the plans that it chose for a queue of this length.
//!
//! `MM4RELAY_GROWTH` says how many messages wait, and how many requests are open (50,000 when it is not set).

use std::collections::BTreeMap;
use std::time::Instant;

use super::faults::{options, until};
use super::*;
use crate::spool::conformance::support::*;
use crate::spool::{Inbox, Leases, Queue, QueueState, Requests, Selection};

/// More than any of these needs to read, and far less than there is.
const FEW: i64 = 3_000;

/// Copies of one message and of its request, older than it, each under an id of its own.
fn fill(server: &Postgres, schema: &str, number: usize) {
    let copies = format!("generate_series(1, {number}) AS g");
    let as_of = |row: &str, changes: &str| format!("(jsonb_populate_record({row}, jsonb_build_object({changes}))).*");
    let script = format!(
        "SET search_path = {schema};
         CREATE TABLE one AS SELECT * FROM message; CREATE TABLE its AS SELECT * FROM outgoing; CREATE TABLE of AS SELECT * FROM request;
         INSERT INTO message SELECT {} FROM one, {copies};
         INSERT INTO outgoing SELECT {} FROM its, {copies};
         INSERT INTO request SELECT {} FROM of, {copies};
         INSERT INTO lookup SELECT g, of.id - 16 * g FROM of, {copies};
         DROP TABLE one, its, of; VACUUM ANALYZE;",
        as_of("one", "'id', one.id - 16 * g"),
        as_of("its", "'message', its.message - 16 * g, 'owner', NULL"),
        as_of("of", "'id', of.id - 16 * g, 'due', NULL"),
    );
    // Each by itself: a vacuum is in no transaction.
    let statements = script
        .split(';')
        .map(str::trim)
        .filter(|statement| !statement.is_empty());
    let done = server
        .psql()
        .args(statements.flat_map(|statement| ["-c", statement]))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Rows of each table that were read one after the other, and by each index.
fn read(server: &Postgres, schema: &str) -> BTreeMap<String, i64> {
    let tables = "SELECT 'all of ' || relname, coalesce(seq_tup_read, 0) FROM pg_stat_user_tables";
    let indexes = "SELECT 'by ' || indexrelname, coalesce(idx_tup_read, 0) FROM pg_stat_user_indexes";
    let asked = format!("{tables} WHERE schemaname = '{schema}' UNION ALL {indexes} WHERE schemaname = '{schema}'");
    let said = server.ask(&asked).unwrap();
    let line = |line: &str| {
        let (what, rows) = line.split_once('|').unwrap();
        (what.to_owned(), rows.parse().unwrap())
    };
    said.lines().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_messages_wait_and_requests_are_open_only_what_is_asked_for_is_read() {
    let number = std::env::var("MM4RELAY_GROWTH").map_or(50_000, |number| number.parse().unwrap());
    // As on a disk without moving parts; and the server says which plans it has chosen.
    let settings =
        "random_page_cost = 1.1\nsession_preload_libraries = 'auto_explain'\nauto_explain.log_min_duration = 0\n";
    let Some(server) = Postgres::start_with(Care::Forgets, settings) else {
        return;
    };
    let access = access(&server);
    prepare(&access).unwrap();
    let open = |name| {
        let options = Options {
            clock: Arc::new(HeldClock::at(NOW)),
            ..options(access.clone(), Durability::Careless)
        };
        PostgresSpool::open(options, name, None).unwrap()
    };
    let quiet = async || {
        let connected = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'mm4relay%'";
        until("all connections are closed", || server.ask(connected).unwrap() == "0").await;
    };
    let spool = open("a");
    spool.commit(asking(spool.next_id(), 1)).await.unwrap();
    spool.close().await;
    drop(spool);
    quiet().await;
    let filling = Instant::now();
    fill(&server, &access.schema, number);
    println!("{number} of each, in {:?}", filling.elapsed());
    let before = read(&server, &access.schema);
    ask_everything(&open("a")).await;
    quiet().await;
    let mut found = Vec::new();
    for (what, rows) in read(&server, &access.schema) {
        let rows = rows - before.get(&what).copied().unwrap_or_default();
        if rows > FEW {
            found.push(format!("{what}: {rows} rows"));
        }
    }
    let plans = server.log();
    let scans = plans
        .split("plan:")
        .filter(|plan| plan.contains("Seq Scan on outgoing") || plan.contains("Seq Scan on message"));
    let scans: Vec<&str> = scans.take(6).collect();
    assert!(found.is_empty(), "{found:?}\n{}", scans.join("\n"));
}

/// Each as the relay asks for it; prints how long it took.
async fn ask_everything(spool: &Arc<PostgresSpool>) {
    macro_rules! timed {
        ($what:literal, $ask:expr) => {{
            let begun = Instant::now();
            let found = $ask;
            println!("{:>8.1} ms  {}", begun.elapsed().as_secs_f64() * 1000.0, $what);
            found
        }};
    }
    let to = peer("operator-b");
    timed!("next due", spool.next_due().await.unwrap());
    let leased = timed!("lease 256", spool.lease(&to, NOW, 256).await.unwrap());
    assert_eq!(leased.len(), 256);
    timed!("an outcome", spool.record(delivered(leased[0].id)).await.unwrap());
    for outgoing in &leased[1..] {
        spool.give_back(Leased::Outgoing(outgoing.id));
    }
    timed!("255 given back", spool.renew().await.unwrap());
    timed!(
        "overdue",
        spool.lease_overdue(&to, NOW, Timestamp(0), 256).await.unwrap()
    );
    timed!("chains to run", spool.unfinished(NOW, 16).await.unwrap());
    timed!("tasks due", spool.transactions_due(NOW, 64).await.unwrap());
    timed!("the next task", spool.next_transaction_due().await.unwrap());
    timed!("a request by its key", spool.find(&asked(1)).await.unwrap());
    let new = spool.next_id();
    timed!("a commit", spool.commit(asking(new, 2)).await.unwrap());
    let copy = timed!("a copy", spool.commit(asking(spool.next_id(), 2)).await.unwrap_err());
    assert!(matches!(copy, SpoolError::Repeat(of) if of == new), "{copy:?}");
    timed!("a page of the queue", spool.list(&Filter::default()).unwrap());
    let failed = Filter {
        state: Some(QueueState::Held),
        ..Filter::default()
    };
    timed!("what is held", spool.list(&failed).unwrap());
    timed!("a page of requests", spool.requests(None, 100).unwrap());
    timed!("who waits since", spool.waiting_since(new).unwrap());
    let entry = QueueId::Destination(id(new, 1));
    timed!("one entry", spool.show(entry).unwrap());
    timed!("a retry", spool.retry(Selection::Ids(&[entry]), &by()).unwrap());
}
