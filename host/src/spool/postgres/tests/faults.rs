//! Receipts and fences, while the database and its connections fail.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock::SystemClock;
use crate::message::StreamName;
use crate::spool::conformance::support::{charge, message, relayed, sequences};
use crate::spool::{Inbox, Leases, Room, Space, Spool, SpoolError, Streams, TroubleWith};

/// A relay on a server of its own, which flushes.
fn relay(server: &Postgres, durability: Durability) -> Arc<PostgresSpool> {
    let access = access(server);
    prepare(&access).unwrap();
    PostgresSpool::open(options(access, durability), "a", None).unwrap()
}

pub(super) fn options(access: Access, durability: Durability) -> Options {
    Options {
        access,
        durability,
        patience: Patience {
            others: Duration::ZERO,
            ..Patience::default()
        },
        clock: Arc::new(SystemClock),
        forget: None,
        ledger: LEDGER,
        alive: None,
    }
}

pub(super) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not come to this: {what}");
}

pub(super) const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE 'mm4relay%'";

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_wait_for_the_standby_is_cancelled_has_no_receipt_until_the_standby_has_it() {
    if let Some(server) = Postgres::start(Care::Flushes) {
        cancelled_wait(&server, None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_hears_no_warning_is_caught() {
    let Some(server) = Postgres::start(Care::Flushes) else {
        return;
    };
    let told = tokio::spawn(async move { cancelled_wait(&server, Some(Liar::HearsNoWarning)).await });
    assert!(told.await.is_err(), "it gave a receipt for what no standby has");
}

async fn cancelled_wait(server: &Postgres, liar: Option<Liar>) {
    let spool = relay(server, Durability::SingleMachine);
    *spool.shared.trial.liar.lock().unwrap() = liar;
    server
        .ask("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        .unwrap();
    server.ask("SELECT pg_reload_conf()").unwrap();
    until("the standby is waited for", || {
        server.ask("SHOW synchronous_standby_names").unwrap() == "standby"
    })
    .await;
    let (committing, number) = (Arc::clone(&spool), spool.next_id());
    let commit = tokio::spawn(async move { committing.commit(relayed(number, "bytes")).await });
    until("the commit waits", || server.ask(WAITING).unwrap() == "1").await;
    let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    server.ask(cancel).unwrap();
    let settles = "
        SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%greatest(epoch%'";
    until("it is asked again, by a commit that waits too", || {
        commit.is_finished() || server.ask(settles).unwrap() == "1"
    })
    .await;
    assert!(!commit.is_finished(), "the standby does not have it");
    let _standby = server.standby();
    commit.await.unwrap().unwrap();
    assert_eq!(spool.count("SELECT count(*) FROM message"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_lose_nothing_double_nothing_and_leave_no_gap() {
    let Some(server) = Postgres::start(Care::Flushes) else {
        return;
    };
    let spool = relay(&server, Durability::SingleMachine);
    let mut commits = Vec::new();
    for _ in 0..8 {
        let spool = Arc::clone(&spool);
        commits.push(tokio::spawn(async move {
            let (mut accepted, mut declined) = (Vec::new(), Vec::new());
            for _ in 0..40 {
                let mut acceptance = relayed(spool.next_id(), "bytes");
                acceptance.appends = vec![charge("relay-in")];
                let id = acceptance.id;
                match spool.commit(acceptance).await {
                    Ok(_) => accepted.push(id),
                    Err(_) => declined.push(id),
                }
            }
            (accepted, declined)
        }));
    }
    let terminate = "
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'mm4relay writes'";
    let mut cuts = 0;
    while commits.iter().any(|commit| !commit.is_finished()) && cuts < 40 {
        server.ask(terminate).unwrap();
        cuts += 1;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let (mut accepted, mut declined) = (Vec::new(), Vec::new());
    for commit in commits {
        let (some, others) = commit.await.unwrap();
        accepted.extend(some);
        declined.extend(others);
    }
    println!("{cuts} cuts, {} accepted, {} declined", accepted.len(), declined.len());
    assert_eq!(
        spool.count("SELECT count(*) FROM message"),
        accepted.len() as i64,
        "declined is not there"
    );
    let numbers: Vec<u64> = (1..=accepted.len() as u64).collect();
    assert_eq!(sequences(&*spool), numbers);
    let mut there = 0;
    for id in &accepted {
        there += usize::from(spool.received(*id).await.unwrap().is_some());
    }
    assert_eq!(there, accepted.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_was_fenced_commits_nothing_and_knows_it() {
    fenced(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_a_fence_is_caught() {
    if server().is_some() {
        let told = tokio::spawn(fenced(Some(Liar::HasNoFence)));
        assert!(told.await.is_err(), "it wrote behind the fence");
    }
}

async fn fenced(liar: Option<Liar>) {
    let Some(server) = server() else { return };
    let access = access(server);
    prepare(&access).unwrap();
    let one = PostgresSpool::open(options(access.clone(), Durability::Careless), "a", None).unwrap();
    *one.shared.trial.liar.lock().unwrap() = liar;
    let again = PostgresSpool::open(options(access, Durability::Careless), "a", None).unwrap();
    let number = one.next_id();
    let late = one.commit(message(number, "bytes")).await.unwrap_err();
    assert!(matches!(late, SpoolError::Lapsed), "{late:?}");
    assert!(one.is_closed() && !again.is_closed());
    again.commit(relayed(again.next_id(), "bytes")).await.unwrap();
    assert_eq!(again.count("SELECT count(*) FROM message"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_a_standby_is_refused_at_the_next_commit_unless_the_configuration_says_so() {
    let Some(server) = server() else { return };
    for (durability, why) in [
        (Durability::Replicated, "synchronous_standby_names"),
        (Durability::SingleMachine, "fsync"),
    ] {
        let spool = relay(server, durability);
        let refused = spool.commit(message(spool.next_id(), "bytes")).await.unwrap_err();
        assert!(
            matches!(refused, SpoolError::Unprotected(_)) && refused.to_string().contains(why),
            "{refused:?}"
        );
        let trouble = spool.trouble().unwrap();
        assert!(
            trouble.with == TroubleWith::Unsafe && trouble.said.contains(why),
            "{trouble:?}"
        );
        assert_eq!(spool.count("SELECT count(*) FROM message"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_came_to_nothing_leaves_no_gap() {
    numbered(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_numbers_by_a_sequence_is_caught() {
    if server().is_some() {
        let told = tokio::spawn(numbered(Some(Liar::NumbersBySequence)));
        assert!(told.await.is_err(), "a number was given to nothing");
    }
}

async fn numbered(liar: Option<Liar>) {
    let Some(server) = server() else { return };
    let access = access(server);
    prepare(&access).unwrap();
    server.ask(&format!("CREATE SEQUENCE {}.liar", access.schema)).unwrap();
    let open = || {
        let spool = PostgresSpool::open(options(access.clone(), Durability::Careless), "a", None).unwrap();
        *spool.shared.trial.liar.lock().unwrap() = liar;
        spool
    };
    let one = open();
    let charged = |spool: &PostgresSpool| {
        let mut acceptance = relayed(spool.next_id(), "bytes");
        acceptance.appends = vec![charge("relay-in")];
        acceptance
    };
    one.commit(charged(&one)).await.unwrap();
    *one.shared.trial.dies.lock().unwrap() = Some(false);
    one.commit(charged(&one)).await.unwrap_err();
    let again = open();
    again.commit(charged(&again)).await.unwrap();
    assert_eq!(sequences(&*again), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_has_lost_what_it_confirmed_is_named_and_used_no_more() {
    let Some(server) = server() else { return };
    let access = access(server);
    prepare(&access).unwrap();
    let spool = PostgresSpool::open(options(access.clone(), Durability::Careless), "a", None).unwrap();
    for _ in 0..2 {
        spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    }
    spool.renew().await.unwrap();
    server
        .ask(&format!(
            "UPDATE {}.writer SET last_batch = last_batch - 1",
            access.schema
        ))
        .unwrap();
    for _ in 0..2 {
        let refused = spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap_err();
        assert!(
            matches!(refused, SpoolError::WentBack { known: 3, found: 2 }),
            "{refused:?}"
        );
    }
    assert_eq!(spool.room(), Room::None);
    assert!(
        spool.is_failed() && !spool.is_closed(),
        "it says so until it is told to begin anew"
    );
    let trouble = spool.trouble().unwrap();
    assert!(
        trouble.with == TroubleWith::WentBack && trouble.said.contains("went back"),
        "{trouble:?}"
    );
    assert!(
        spool.records(&StreamName::CHARGING, 0, 1).is_err(),
        "numbers may be given twice"
    );
    spool.close().await;
    let anew = PostgresSpool::open(options(access, Durability::Careless), "a", None).unwrap();
    anew.commit(relayed(anew.next_id(), "bytes")).await.unwrap();
}
