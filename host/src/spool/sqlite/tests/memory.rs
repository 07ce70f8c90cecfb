//! What is in memory of the database: it answers without the database, and never says what the database does not.

use super::*;
use crate::message::KvWrite;
use crate::spool::{Operator, Selection};

fn keeps(id: MessageId, key: &str, value: &str) -> Acceptance {
    let (plugin, key, value) = ("screen".into(), key.into(), value.into());
    Acceptance {
        kv: vec![KvWrite::Set { plugin, key, value }],
        ..message(id, "")
    }
}

async fn kept(spool: &SqliteSpool, key: &str) -> Option<String> {
    let value = spool.kv_get("screen", key).await.unwrap();
    value.map(|octets| String::from_utf8(octets).unwrap())
}

#[tokio::test]
async fn a_value_that_was_written_or_read_lately_is_read_without_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    spool.commit(keeps(spool.next_id(), "written", "1")).await.unwrap();
    assert_eq!(kept(&spool, "read").await, None);
    spool.readers.close();
    assert_eq!(kept(&spool, "written").await.as_deref(), Some("1"));
    assert_eq!(kept(&spool, "read").await, None);
    assert!(spool.kv_get("screen", "other").await.is_err());
    spool.commit(keeps(spool.next_id(), "read", "2")).await.unwrap();
    assert_eq!(kept(&spool, "read").await.as_deref(), Some("2"));
}

#[tokio::test]
async fn of_a_commit_that_failed_nothing_is_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    spool.commit(keeps(spool.next_id(), "a", "1")).await.unwrap();
    let mut unfit = keeps(spool.next_id(), "a", "2");
    let other = destination(&message(spool.next_id(), ""), 1, "operator-b");
    unfit.outgoing.push(other);
    spool.commit(unfit).await.unwrap_err();
    assert_eq!(kept(&spool, "a").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn what_an_operator_sets_through_the_relay_or_beside_it_is_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let beside = Arc::new(Beside::open(folder.path()).unwrap());
    let operators: [Arc<dyn Operator>; 2] = [spool.clone(), beside];
    for (operator, name) in operators.iter().zip(["through", "beside"]) {
        for number in 0..3 {
            let before = format!("{name} {number}, the plug-in's");
            spool.commit(keeps(spool.next_id(), "a", &before)).await.unwrap();
            assert_eq!(kept(&spool, "a").await, Some(before));
            let value = (number < 2).then(|| format!("{name} {number}"));
            let (set, operator) = (value.clone(), operator.clone());
            let setting = move || operator.set_value("screen", "a", set.as_deref().map(str::as_bytes), &by());
            tokio::task::spawn_blocking(setting).await.unwrap().unwrap();
            assert_eq!(kept(&spool, "a").await, value);
            assert_eq!(kept(&spool, "a").await, value);
        }
    }
}

#[tokio::test]
async fn a_request_that_is_not_there_is_known_without_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    spool.commit(asking(spool.next_id(), 1)).await.unwrap();
    spool.close().await;
    drop(spool);
    let spool = open(folder.path());
    spool.commit(asking(spool.next_id(), 2)).await.unwrap();
    spool.readers.close();
    assert_eq!(found(&*spool, &asked(3)).await, []);
    for number in [1, 2] {
        assert!(
            spool.find(&asked(number)).await.is_err(),
            "the database has to say which it is"
        );
    }
}

#[tokio::test]
async fn a_request_that_goes_elsewhere_is_found_there_whoever_sent_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let beside = Arc::new(Beside::open(folder.path()).unwrap());
    let operators: [Arc<dyn Operator>; 2] = [spool.clone(), beside];
    for (number, operator) in (1..).zip(operators) {
        let id = spool.next_id();
        spool.commit(asking(id, number)).await.unwrap();
        let there = TransactionKey::Asked {
            peer: peer("operator-c"),
            kind: MessageType::ForwardRequest,
            transaction_id: format!("t-{number}").into(),
        };
        assert_eq!(found(&*spool, &there).await, []);
        let moving = move || operator.reroute(Selection::Ids(&[entry(id, 1)]), &peer("operator-c"), &by());
        assert_eq!(tokio::task::spawn_blocking(moving).await.unwrap().unwrap(), 1);
        assert_eq!(found(&*spool, &there).await, [id]);
        // A commit hears of it, and from then on memory does.
        spool.commit(asking(spool.next_id(), 100 + number)).await.unwrap();
        assert_eq!(found(&*spool, &there).await, [id]);
    }
}
