//! Nothing leaks from one message to another, however a call ends.

use std::time::Duration;

use mm4relay_engine::*;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn a_counter_in_the_plug_in_always_reads_one() {
    let plugin = load(spec(habit("count"))).await;
    for _ in 0..200 {
        assert_eq!(held(judge(&plugin).await), "1");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_at_the_same_time_do_not_see_each_other() {
    let plugin = load(spec(habit("count"))).await;
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let plugin = plugin.clone();
            tokio::spawn(async move { held(judge(&plugin).await) })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), "1");
    }
}

#[tokio::test]
async fn a_failed_call_takes_back_what_it_asked_for_and_spoils_nothing() {
    let failing = load(spec(json!({ "do": "charge", "records": 3, "then": "trap" }))).await;
    let counting = load(spec(habit("count"))).await;
    for _ in 0..20 {
        assert_eq!(judge(&failing).await.unwrap_err().class, FailureClass::Trap);
        assert_eq!(held(judge(&counting).await), "1");
    }
}

#[tokio::test]
async fn more_calls_than_instances_wait_and_none_is_lost() {
    let options = EngineOptions {
        max_instances: 1,
        ..EngineOptions::default()
    };
    let engine = Engine::new(options).unwrap();
    let mut spec = spec(habit("wait"));
    spec.limits.time = Duration::from_millis(100);
    spec.limits.time_per_mib = Duration::ZERO;
    let plugin = engine.load(spec, World::new()).await.unwrap();
    let (first, second) = tokio::join!(judge(&plugin), judge(&plugin));
    let (first, second) = (first.unwrap_err(), second.unwrap_err());
    assert_eq!((first.class, second.class), (FailureClass::Time, FailureClass::Time));
    assert!(first.spent.queue_wait < Duration::from_millis(90), "{first:?}");
    assert!(second.spent.queue_wait >= Duration::from_millis(90), "{second:?}");
}

#[tokio::test]
async fn a_call_that_is_dropped_gives_its_instance_back() {
    let options = EngineOptions {
        max_instances: 1,
        ..EngineOptions::default()
    };
    let engine = Engine::new(options).unwrap();
    let waits = engine.load(spec(habit("wait")), World::new()).await.unwrap();
    let counts = engine.load(spec(habit("count")), World::new()).await.unwrap();
    for _ in 0..5 {
        let abandoned = tokio::time::timeout(Duration::from_millis(10), judge(&waits)).await;
        assert!(abandoned.is_err());
        assert_eq!(held(judge(&counts).await), "1");
    }
}
