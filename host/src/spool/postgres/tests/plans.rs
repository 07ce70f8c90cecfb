//! How the database finds what it is asked for: by an index, however many rows there are.

use super::*;
use crate::message::QueueId;
use crate::spool::conformance::support::*;
use crate::spool::{By, Events, Inbox, Leases, Operator, Queue, Requests, Selection, Settlement, Streams};

/// Tables that grow with the number of messages.
const GROW: [&str; 11] = [
    "message", "content", "outgoing", "event", "request", "lookup", "copy_of", "history", "batch", "record", "ledger",
];

/// Where this stands in a statement, it goes through all rows, and says why beside it.
const ALL: &str = "/* all */";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_asked_for_is_looked_for_in_all_rows_of_a_table() {
    let Some(stage) = OnPostgres::new() else { return };
    use_every_verb(&stage.relay("a")).await;
    let seen = STATEMENTS.lock().unwrap().clone();
    let (mut looked_at, mut found) = (0, Vec::new());
    for sql in seen.into_iter().filter(|sql| !sql.contains(ALL)) {
        let plan = plan(&stage.options.access, sql);
        looked_at += 1;
        let scans = |table: &&&str| {
            plan.lines().any(|line| {
                let of = line.split("Seq Scan on ").nth(1);
                of.and_then(|of| of.split(' ').next()) == Some(**table)
            })
        };
        found.extend(GROW.iter().filter(scans).map(|table| format!("{table}: {sql}\n{plan}")));
    }
    assert!(looked_at > 50, "{looked_at} statements");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What the database does for whatever values: with a scan of all rows only where there is no other way.
fn plan(access: &Access, sql: &str) -> String {
    let most = (1..30)
        .rev()
        .find(|number| sql.contains(&format!("${number}")))
        .unwrap_or(0);
    let values = vec!["NULL"; most].join(", ");
    let of = if most == 0 {
        String::new()
    } else {
        format!("({values})")
    };
    let script = format!(
        "SET search_path = {}; SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan;
         PREPARE asked AS {sql}; EXPLAIN (COSTS OFF) EXECUTE asked{of};",
        access.schema
    );
    server()
        .unwrap()
        .ask(&script)
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

async fn use_every_verb(spool: &Arc<PostgresSpool>) {
    let to = peer("operator-b");
    let numbers: Vec<_> = (1..=3).map(|_| spool.next_id()).collect();
    for (number, of) in numbers.iter().zip(1..) {
        spool.commit(asking(*number, of)).await.unwrap();
    }
    spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    spool.find(&asked(1)).await.unwrap();
    spool.lease(&to, NOW, 10).await.unwrap();
    spool.lease_overdue(&to, NOW, NOW, 10).await.unwrap();
    spool.unfinished(NOW, 10).await.unwrap();
    spool.transactions_due(NOW, 10).await.unwrap();
    spool.pending_events(NOW, 10).await.unwrap();
    spool.settle_event(1, Settlement::Again { due: NOW }).await.unwrap();
    spool.record(delivered(id(numbers[0], 1))).await.unwrap();
    spool.give_back(Leased::Outgoing(id(numbers[1], 1)));
    spool.next_due().await.unwrap();
    spool.retries_asked().await.unwrap();
    spool.next_transaction_due().await.unwrap();
    spool.received(numbers[1]).await.unwrap().unwrap().read(0..1).unwrap();
    spool.shared.forget(10).await.unwrap();
    spool.list(&Filter::default()).unwrap();
    let entry = QueueId::Destination(id(numbers[1], 1));
    spool.show(entry).unwrap();
    let by: By = by();
    spool.hold(&[entry], "why", &by).unwrap();
    spool.release(&[entry], &[], &by).unwrap();
    spool.retry(Selection::WaitingFor(&to), &by).unwrap();
    spool.retry(Selection::FailedAt(&to), &by).unwrap();
    spool.requests(None, 10).unwrap();
    spool.trace("1", &by).unwrap();
    spool.waiting_since(numbers[2]).unwrap();
    spool.records(&StreamName::CHARGING, 0, 10).unwrap();
    spool.accounts(numbers[0], numbers[2], 10).unwrap();
    spool.owners_of_records(0, 10).unwrap();
    spool.set_mark(&StreamName::CHARGING, "x", Mark::default()).unwrap();
    spool.purge(&StreamName::CHARGING, NOW).unwrap();
}
