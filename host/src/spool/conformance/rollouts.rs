//! Courses of plug-ins' versions, and components. A store that is one relay's alone has none, and nothing is asked of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::support::*;
use crate::spool::{LEASE, Rollouts, Steering};

fn steering(seen: u64, course: &Value) -> Steering {
    Steering {
        plugin: "charging".into(),
        seen,
        course: course.clone(),
        notes: vec![(NOW, json!({ "course": course }))],
    }
}

/// What is in the audit.
fn noted(stage: &dyn Stage) -> Vec<Value> {
    let noted = stage.operator().noted(0, 100).unwrap();
    noted.into_iter().map(|(_, entry)| entry["course"].clone()).collect()
}

async fn course(of: &Arc<dyn Rollouts>) -> Option<(u64, Value)> {
    let known = of.overview().await.unwrap().courses.remove("charging");
    known.map(|revised| (revised.revision, revised.course))
}

pub(in crate::spool) async fn of_two_relays_that_saw_the_same_course_one_changes_it(stage: &dyn Stage) {
    let Some(one) = stage.open().rollouts() else { return };
    let two = stage.another().unwrap().rollouts().unwrap();
    assert_eq!(course(&one).await, None);
    let (first, second, third) = (json!({"is": 1}), json!({"is": 2}), json!({"is": 3}));
    assert!(one.steer(steering(0, &first)).await.unwrap());
    assert!(!two.steer(steering(0, &second)).await.unwrap(), "it has seen none");
    assert_eq!(course(&two).await, Some((1, first.clone())));
    let (a, b) = tokio::join!(one.steer(steering(1, &second)), two.steer(steering(1, &third)));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(a != b, "one of two");
    let wins = if a { second } else { third };
    assert_eq!(course(&one).await, Some((2, wins.clone())));
    assert_eq!(noted(stage), [first, wins], "what was declined is not in the audit");
}

pub(in crate::spool) async fn a_change_of_a_course_and_its_entries_in_the_audit_are_one_commit(stage: &dyn Stage) {
    for durable in [false, true] {
        let Some(relay) = stage.open().rollouts() else { return };
        let seen = course(&relay).await.map_or(0, |(revision, _)| revision);
        if !stage.dies(durable) {
            return;
        }
        assert!(relay.steer(steering(seen, &json!(durable))).await.is_err());
        let after = stage.open().rollouts().unwrap();
        let there = course(&after).await.is_some_and(|(revision, _)| revision > seen);
        assert_eq!((there, noted(stage).contains(&json!(durable))), (durable, durable));
    }
}

pub(in crate::spool) async fn a_component_is_read_as_it_was_put_until_nobody_needs_it(stage: &dyn Stage) {
    let Some(relay) = stage.open().rollouts() else { return };
    let large: Vec<u8> = (0..2_500_000_u32).map(|at| (at / 7) as u8).collect();
    let (large, small) = (Bytes::from(large), Bytes::from_static(b"small"));
    for _ in 0..2 {
        relay.put_component("large", large.clone()).await.unwrap();
    }
    relay.put_component("small", small.clone()).await.unwrap();
    assert_eq!(relay.component("large").await.unwrap(), Some(large));
    assert_eq!(relay.component("unknown").await.unwrap(), None);
    assert_eq!(
        relay.forget_components(vec!["large".into()]).await.unwrap(),
        0,
        "it is young"
    );
    stage.pass(Duration::from_secs(3601));
    relay.forget_components(vec!["small".into()]).await.unwrap();
    assert_eq!(relay.component("small").await.unwrap(), Some(small), "it is needed");
}

pub(in crate::spool) async fn the_store_says_who_lives_and_the_dead_change_no_course(stage: &dyn Stage) {
    let spool = stage.open();
    let Some(one) = Arc::clone(&spool).rollouts() else {
        return;
    };
    let other = stage.another().unwrap();
    let two = Arc::clone(&other).rollouts().unwrap();
    let (first, second) = (one.overview().await.unwrap(), two.overview().await.unwrap());
    assert_eq!(first.relays, second.relays);
    assert!(first.me != second.me && first.relays.contains(&first.me) && first.relays.contains(&second.me));
    stage.pass(LEASE / 2);
    spool.renew().await.unwrap();
    stage.pass(LEASE / 2);
    // Somebody looks for work, and finds that the other one is silent.
    spool.renew().await.unwrap();
    spool.lease(&peer("operator-b"), NOW, 1).await.unwrap();
    let left = one.overview().await.unwrap();
    assert_eq!(left.relays.into_iter().collect::<Vec<_>>(), [first.me]);
    assert!(left.now > first.now);
    assert!(two.steer(steering(0, &json!(1))).await.is_err(), "it is dead");
    assert_eq!(course(&one).await, None);
}

pub(in crate::spool) async fn a_course_survives_a_restart(stage: &dyn Stage) {
    let spool = stage.open();
    let Some(relay) = Arc::clone(&spool).rollouts() else {
        return;
    };
    let text = json!({"text": "zero \u{0} and 日本"});
    assert!(relay.steer(steering(0, &text)).await.unwrap());
    spool.close().await;
    let relay = stage.open().rollouts().unwrap();
    assert_eq!(course(&relay).await, Some((1, text)));
}
