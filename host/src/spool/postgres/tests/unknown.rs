//! Commits of which nobody knows what became, and everybody who waits meanwhile: senders, other relays, readers.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::super::life::{self, Time, Who};
use super::faults::{WAITING, options, until};
use super::*;
use crate::message::OutgoingId;
use crate::spool::conformance::support::{asking, id, peer, relayed};
use crate::spool::{Acceptance, Inbox, Leased, Leases, Queue, Receipt, SpoolError};

/// How long senders wait here, and connections.
const SOON: Duration = Duration::from_secs(1);

fn opened(access: Access, durability: Durability, patience: Patience, name: &str) -> Arc<PostgresSpool> {
    let options = Options {
        patience,
        clock: Arc::new(HeldClock::at(NOW)),
        ..options(access, durability)
    };
    PostgresSpool::open(options, name, None).unwrap()
}

/// A relay on a server of its own that waits for a standby, which is not there yet.
async fn waiting_relay(server: &Postgres, patience: Patience) -> Arc<PostgresSpool> {
    let access = access(server);
    prepare(&access).unwrap();
    let spool = opened(access, Durability::SingleMachine, patience, "a");
    server
        .ask("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        .unwrap();
    server.ask("SELECT pg_reload_conf()").unwrap();
    until("the standby is waited for", || {
        server.ask("SHOW synchronous_standby_names").unwrap() == "standby"
    })
    .await;
    spool
}

fn committing(spool: &Arc<PostgresSpool>, acceptance: Acceptance) -> JoinHandle<Result<Receipt, SpoolError>> {
    let spool = Arc::clone(spool);
    tokio::spawn(async move { spool.commit(acceptance).await })
}

async fn leased(spool: &PostgresSpool) -> Vec<OutgoingId> {
    let found = spool.lease(&peer("operator-b"), NOW, 10).await.unwrap();
    found.iter().map(|outgoing| outgoing.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hears_that_a_message_is_not_kept_can_rely_on_it_and_one_that_was_unknown_is_sent() {
    let Some(server) = Postgres::start(Care::Flushes) else {
        return;
    };
    // Long enough for the first commit to be sent before.
    let patience = Patience {
        asker: SOON * 8,
        ..Patience::default()
    };
    let spool = waiting_relay(&server, patience).await;
    let [unknown, behind, copy] = [(); 3].map(|()| spool.next_id());
    let first = committing(&spool, asking(unknown, 1));
    until("its commit waits", || server.ask(WAITING).unwrap() == "1").await;
    let second = committing(&spool, relayed(behind, "bytes"));
    let first = first.await.unwrap().unwrap_err();
    assert!(matches!(first, SpoolError::Unsettled), "its commit was sent: {first:?}");
    let second = second.await.unwrap().unwrap_err();
    assert!(matches!(second, SpoolError::Away(_)), "its commit was not: {second:?}");
    let _standby = server.standby();
    let known = loop {
        match spool.commit(asking(copy, 1)).await {
            Err(SpoolError::Away(_) | SpoolError::Unsettled) => {}
            declined => break declined.unwrap_err(),
        }
    };
    assert!(matches!(known, SpoolError::Repeat(of) if of == unknown), "{known:?}");
    assert_eq!(leased(&spool).await, [id(unknown, 1)], "nobody else works on it");
    assert_eq!(
        spool.count("SELECT count(*) FROM message"),
        1,
        "the second was called off"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_has_given_up_asking_several_times_goes_on_when_it_is_answered() {
    let Some(server) = Postgres::start(Care::Flushes) else {
        return;
    };
    let patience = Patience {
        store: SOON,
        ..Patience::default()
    };
    let spool = waiting_relay(&server, patience).await;
    let commit = committing(&spool, relayed(spool.next_id(), "bytes"));
    let asked = |how: &str| {
        let asked = format!("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%greatest(epoch%' AND {how}");
        server.ask(&asked).unwrap().parse::<u32>().unwrap()
    };
    until("it was asked again and again", || {
        asked("wait_event_type = 'Lock'") >= 4
    })
    .await;
    let _standby = server.standby();
    commit.await.unwrap().unwrap();
    until("all of that is done", || {
        asked("state = 'active' AND pid <> pg_backend_pid()") == 0
    })
    .await;
    spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    assert!(!spool.is_closed(), "nothing late has shut it out");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_to_settle_that_comes_behind_a_later_one_does_nothing() {
    let Some(server) = server() else { return };
    let access = access(server);
    prepare(&access).unwrap();
    let link = access.connect("writes").await.unwrap();
    let who = Who { node: None, home: None };
    let begun = life::begin(&link, who, &Time::Database).await.unwrap();
    let settled = life::settle(&link, &begun, 2, &Time::Database).await.unwrap();
    let late = life::settle(&link, &begun, 1, &Time::Database).await.unwrap();
    assert_eq!(late, None);
    let fence = life::fence(&link, &settled.unwrap(), &Time::Database).await.unwrap();
    assert!(fence.is_some(), "it may write");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_back_takes_nobody_over_who_may_have_waited_for_the_store_as_it_did() {
    let Some(server) = server() else { return };
    let access = access(server);
    prepare(&access).unwrap();
    let open = |name, others| {
        let patience = Patience {
            others,
            ..Patience::default()
        };
        opened(access.clone(), Durability::Careless, patience, name)
    };
    let long = Duration::from_secs(3600);
    let (one, other) = (open("a", long), open("b", long));
    let number = one.next_id();
    one.commit(relayed(number, "bytes")).await.unwrap();
    let nobody_has_spoken = || {
        let long_ago = format!("UPDATE {}.writer SET alive_until = 0", access.schema);
        server.ask(&long_ago).unwrap();
    };
    nobody_has_spoken();
    assert_eq!(leased(&other).await, [], "both have just come");
    one.renew().await.unwrap();
    assert!(
        one.is_ours(Leased::Outgoing(id(number, 1))),
        "it had the time to say a word"
    );
    nobody_has_spoken();
    let third = open("c", Duration::ZERO);
    assert_eq!(
        leased(&third).await,
        [id(number, 1)],
        "who has waited for long enough takes it over"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_says_nothing_hides_neither_the_one_that_writes_nor_its_own_name() {
    let Some(server) = server() else { return };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap().port();
    let alone = Access {
        hosts: vec![("127.0.0.1".into(), at)],
        ..access(server)
    };
    let nothing = alone.connect("reads").await.err().unwrap().to_string();
    assert!(
        nothing.contains(&format!("127.0.0.1:{at}: it said nothing")),
        "{nothing}"
    );
    let both = Access {
        hosts: vec![("127.0.0.1".into(), at), ("127.0.0.1".into(), server.port)],
        ..access(server)
    };
    both.connect("reads").await.unwrap();
    drop(silent);
    assert_eq!(both.writes.load(SeqCst), 1, "it is asked first from now on");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_from_a_database_that_does_not_answer_hears_so_and_is_answered_later() {
    let Some(server) = server() else { return };
    let access = access(server);
    prepare(&access).unwrap();
    let patience = Patience {
        store: SOON,
        ..Patience::default()
    };
    let spool = opened(access.clone(), Durability::Careless, patience, "a");
    let mut locks = server.psql().stdin(Stdio::piped()).spawn().unwrap();
    let lock = format!("BEGIN; LOCK TABLE {}.outgoing;\n", access.schema);
    locks.stdin.as_ref().unwrap().write_all(lock.as_bytes()).unwrap();
    let held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation::regclass::text LIKE '%outgoing'";
    until("it is locked", || server.ask(held).unwrap() != "0").await;
    let silent = spool.next_due().await.unwrap_err();
    assert!(matches!(silent, SpoolError::Away(_)), "{silent:?}");
    drop(locks.stdin.take());
    locks.wait().unwrap();
    assert_eq!(spool.next_due().await.unwrap(), []);
}
