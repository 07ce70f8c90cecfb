//! Whose life is over, when what it worked on is others', and which programs work on which tables.

use std::fs::File;
use std::time::Duration;

use super::super::home::Home;
use super::super::{fence, forget, migrate, schema};
use super::faults::options;
use super::*;
use crate::message::{MessageId, OutgoingId};
use crate::spool::conformance::support::{id, peer, relayed};
use crate::spool::{CERTAIN, Inbox, Leased, Leases, Queue, Spool, SpoolError};

fn tables() -> Option<(&'static Postgres, Access)> {
    let server = server()?;
    let access = access(server);
    prepare(&access).unwrap();
    Some((server, access))
}

fn open(access: &Access, name: &str, home: Option<Home>) -> Arc<PostgresSpool> {
    PostgresSpool::open(options(access.clone(), Durability::Careless), name, home).unwrap()
}

async fn leased(spool: &PostgresSpool) -> Vec<OutgoingId> {
    let found = spool.lease(&peer("operator-b"), NOW, 10).await.unwrap();
    found.iter().map(|outgoing| outgoing.id).collect()
}

async fn accepted(spool: &PostgresSpool) -> MessageId {
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    number
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_fenced_relay_may_still_be_sending_is_nobody_elses_until_it_cannot_be() {
    let Some((server, access)) = tables() else { return };
    let (one, other) = (open(&access, "a", None), open(&access, "b", None));
    let number = accepted(&one).await;
    let held = Leased::Outgoing(id(number, 1));
    assert!(one.is_ours(held) && !other.is_ours(held));
    let certain = fence(&access, "a").unwrap().unwrap();
    assert!(
        certain <= CERTAIN && certain > CERTAIN - Duration::from_secs(10),
        "{certain:?}"
    );
    assert!(one.is_ours(held), "it does not know yet");
    assert_eq!(leased(&other).await, [], "so nobody else may send it");
    let refused = one.commit(relayed(one.next_id(), "bytes")).await.unwrap_err();
    assert!(matches!(refused, SpoolError::Lapsed), "{refused:?}");
    assert!(!one.is_ours(held));
    server
        .ask(&format!(
            "UPDATE {}.writer SET alive_until = 0 WHERE over",
            access.schema
        ))
        .unwrap();
    assert_eq!(leased(&other).await, [id(number, 1)]);
    assert_eq!(fence(&access, "a").unwrap(), None, "it does not live any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_relay_knows_how_many_they_are() {
    let Some((_, access)) = tables() else { return };
    let one = open(&access, "a", None);
    one.renew().await.unwrap();
    assert_eq!(one.relays(), 1);
    let other = open(&access, "b", None);
    PostgresSpool::beside(options(access.clone(), Durability::Careless)).unwrap();
    one.renew().await.unwrap();
    assert_eq!(one.relays(), 2, "a command is none");
    other.close().await;
    one.renew().await.unwrap();
    assert_eq!(one.relays(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_is_forgotten_when_it_does_not_run_and_whoever_gets_its_number_gives_none_of_its_ids() {
    let Some((_, access)) = tables() else { return };
    let one = open(&access, "a", None);
    let last = one.next_id();
    let runs = forget(&access, "a").unwrap_err().to_string();
    assert!(runs.contains("the relay a runs"), "{runs}");
    one.close().await;
    assert!(forget(&access, "a").unwrap());
    assert!(!forget(&access, "a").unwrap(), "nobody has this name now");
    let other = open(&access, "b", None);
    assert_eq!(other.shared.node, one.shared.node);
    assert!(other.next_id() > last);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_starts_again_has_its_work_at_once_in_its_own_folder_alone() {
    let Some((_, access)) = tables() else { return };
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let home = |folder: usize| {
        let path = folders[folder].path();
        Home::of(path, File::create(path.join("lock")).unwrap()).ok()
    };
    let one = open(&access, "a", home(0));
    let number = accepted(&one).await;
    let again = open(&access, "a", home(0));
    assert_eq!(leased(&again).await, [id(number, 1)], "the one before has ended");
    let elsewhere = open(&access, "a", home(1));
    assert_eq!(
        leased(&elsewhere).await,
        [],
        "the one before may be cut off, and sending"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_the_format_before_are_brought_up_to_date_and_those_of_the_next_one_are_worked_on() {
    let Some(server) = server() else { return };
    let access = access(server);
    let threads = super::super::threads::Threads::new().unwrap();
    let making = access.clone();
    wait(&threads.handle().unwrap(), async move {
        let link = making.connect("prepares").await?;
        schema::make_at(&link, &making.schema, schema::FORMAT - 1).await
    })
    .unwrap();
    let opened = || PostgresSpool::open(options(access.clone(), Durability::Careless), "a", None);
    let older = opened().err().unwrap().to_string();
    assert!(older.contains("mm4relay cluster migrate"), "{older}");
    assert_eq!(migrate(&access).unwrap(), (schema::FORMAT - 1, schema::FORMAT));
    assert_eq!(migrate(&access).unwrap(), (schema::FORMAT, schema::FORMAT));
    let spool = opened().unwrap();
    accepted(&spool).await;
    let found = |format: i64| {
        let now = format!(
            "UPDATE {}.counter SET value = {format} WHERE name = 'format'",
            access.schema
        );
        server.ask(&now).unwrap();
        opened().map(drop)
    };
    found(schema::FORMAT + 1).unwrap();
    let newer = found(schema::FORMAT + 2).unwrap_err().to_string();
    assert!(newer.contains("run a later one"), "{newer}");
}
