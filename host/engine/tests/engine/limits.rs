//! Whatever a plug-in does, it is stopped, told apart, and the next call finds the engine as it was.

use std::time::{Duration, Instant};

use mm4relay_engine::*;
use serde_json::{Value, json};

use crate::support::*;

/// Loads a habit with changed limits, and judges one message.
async fn judge_within(settings: Value, change: impl FnOnce(&mut Limits)) -> Result<Judgement, Failure> {
    let mut spec = spec(settings);
    change(&mut spec.limits);
    judge(&load(spec).await).await
}

#[tokio::test]
async fn whatever_never_ends_is_stopped_at_its_budget() {
    // A busy loop, a loop over host calls, host calls that never return, a sleep through WASI.
    for name in ["loop", "tick-loop", "wait", "wait-number", "sleep"] {
        let mut spec = spec(habit(name));
        spec.limits.time = Duration::from_millis(50);
        spec.limits.time_per_mib = Duration::ZERO;
        let plugin = load(spec).await;
        let started = Instant::now();
        let failure = judge(&plugin).await.unwrap_err();
        let elapsed = started.elapsed();
        assert_eq!(failure.class, FailureClass::Time, "{name}: {failure}");
        assert!(elapsed >= Duration::from_millis(50), "{name}: {elapsed:?}");
        // The tick is 2 ms; the rest is for machines that are busy with something else.
        assert!(elapsed < Duration::from_millis(1_500), "{name}: {elapsed:?}");
    }
}

#[tokio::test]
async fn other_tasks_go_on_while_a_plug_in_loops() {
    // One thread for both: the loop has to yield, or the ticks would wait for its end.
    let mut spec = spec(habit("loop"));
    spec.limits.time = Duration::from_millis(300);
    spec.limits.time_per_mib = Duration::ZERO;
    let plugin = load(spec).await;
    let ticks = async {
        let mut interval = tokio::time::interval(Duration::from_millis(5));
        for _ in 0..5 {
            interval.tick().await;
        }
        Instant::now()
    };
    let call = async { (judge(&plugin).await, Instant::now()) };
    let ((result, call_ended), ticks_ended) = tokio::join!(call, ticks);
    assert_eq!(result.unwrap_err().class, FailureClass::Time);
    assert!(ticks_ended < call_ended);
}

#[tokio::test]
async fn a_larger_message_has_more_time() {
    let mut spec = spec(habit("wait"));
    spec.limits.time = Duration::from_millis(10);
    spec.limits.time_per_mib = Duration::from_millis(100);
    let plugin = load(spec).await;
    let failure = plugin
        .process(Occasion::Arrival, Message::of_size(2 << 20))
        .await
        .unwrap_err();
    assert!(failure.spent.time >= Duration::from_millis(210), "{failure:?}");
}

#[tokio::test]
async fn a_memory_bomb_is_a_memory_failure_and_names_the_limit() {
    let failure = judge_within(habit("bomb"), |limits| limits.memory_bytes = 16 << 20)
        .await
        .unwrap_err();
    assert_eq!(failure.class, FailureClass::Memory, "{failure}");
    assert!(failure.text.contains("its limit memory, which is 16 MiB"), "{failure}");
}

#[tokio::test]
async fn a_gigabyte_at_once_is_a_memory_failure_too() {
    let failure = judge_habit(habit("gulp")).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Memory, "{failure}");
}

#[tokio::test]
async fn two_gigabytes_that_are_not_there_are_never_read() {
    for name in ["giant-text", "giant-argument"] {
        let failure = judge_habit(habit(name)).await.unwrap_err();
        let class = failure.class;
        assert!(
            matches!(class, FailureClass::Contract | FailureClass::Limit | FailureClass::Trap),
            "{name}: {failure}"
        );
    }
}

#[tokio::test]
async fn one_host_call_carries_its_limit_and_no_more() {
    // What is written is all that the call carries.
    let within = |octets: u64| {
        judge_within(json!({ "do": "write-once", "octets": octets }), |limits| {
            limits.host_call_bytes = 1 << 20
        })
    };
    assert_eq!(held(within(1 << 20).await), "true");
    let failure = within((1 << 20) + 1).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Limit, "{failure}");
}

#[tokio::test]
async fn the_stack_is_as_deep_as_the_engine_says() {
    let deep = |wasm_stack| async move {
        let options = EngineOptions {
            max_instances: 1,
            wasm_stack,
            ..EngineOptions::default()
        };
        let engine = Engine::new(options).unwrap();
        let plugin = engine
            .load(spec(json!({ "do": "depth", "depth": 4_000 })), World::new())
            .await;
        judge(&plugin.unwrap_or_else(|error| panic!("{error}"))).await
    };
    assert_eq!(held(deep(1 << 20).await), "4000");
    assert_eq!(deep(64 << 10).await.unwrap_err().class, FailureClass::Trap);
}

#[tokio::test]
async fn a_plug_in_that_lives_with_a_refusal_is_not_failed() {
    let judgement = judge_within(habit("nibble"), |limits| limits.memory_bytes = 16 << 20).await;
    let mebibytes: usize = held(judgement).parse().unwrap();
    assert!((8..16).contains(&mebibytes), "{mebibytes}");
}

#[tokio::test]
async fn endless_recursion_is_a_trap() {
    for (name, cause) in [
        ("recursion", "call stack exhausted"),
        ("wide-recursion", "out of bounds memory access"),
    ] {
        let failure = judge_habit(habit(name)).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Trap);
        assert!(failure.text.contains(cause), "{name}: {failure}");
    }
}

#[tokio::test]
async fn a_panic_is_a_trap_that_explains_itself() {
    let failure = judge_habit(habit("trap")).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Trap);
    assert!(failure.text.contains("the moon is full"), "{failure}");
}

#[tokio::test]
async fn a_million_edits_pass_the_limit_of_one_host_call() {
    let few = judge_habit(json!({ "do": "edits", "edits": 1000 })).await.unwrap();
    assert!(matches!(few.verdict, Verdict::Edit(edits) if edits.len() == 1000));
    let failure = judge_habit(json!({ "do": "edits", "edits": 1_000_000 }))
        .await
        .unwrap_err();
    assert_eq!(failure.class, FailureClass::Limit, "{failure}");
}

#[tokio::test]
async fn all_writers_of_a_call_share_one_limit() {
    let result = judge_within(habit("write"), |limits| limits.output_bytes = 10 * (64 << 10)).await;
    let text = held(result);
    assert!(text.starts_with("10 ") && text.contains("output is 655360"), "{text}");
}

#[tokio::test]
async fn handles_are_counted() {
    let settings = json!({ "do": "many-handles", "handles": 50 });
    assert_eq!(
        held(judge_within(settings.clone(), |limits| limits.handles = 50).await),
        "50"
    );
    let failure = judge_within(settings, |limits| limits.handles = 49).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Limit, "{failure}");
}

#[tokio::test]
async fn a_media_type_cannot_be_used_as_a_store() {
    let failure = judge_habit(habit("long-media-type")).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Limit, "{failure}");
    assert!(failure.text.contains("media type"), "{failure}");
}

#[tokio::test]
async fn a_flooded_log_is_cut_and_says_by_how_much() {
    let world = World::new();
    let mut spec = spec(json!({ "do": "flood", "lines": 1000 }));
    spec.limits.log_lines = 3;
    let plugin = load_with(spec, world.clone()).await;
    let judgement = judge(&plugin).await.unwrap();
    let lines = world.lines();
    let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
    let last = "997 more lines were dropped, log-lines is 3";
    assert_eq!(texts, ["line 0\\nforged", "line 1\\nforged", "line 2\\nforged", last]);
    assert!(
        lines
            .iter()
            .all(|line| line.message == "m-1" && line.plugin == "under-test")
    );
    assert_eq!(judgement.spent.log_lines_dropped, 997);
}

#[tokio::test]
async fn charging_records_are_counted() {
    let settings = json!({ "do": "charge", "records": 100, "length": 10 });
    assert_eq!(judge_habit(settings).await.unwrap().records.len(), 100);
    let failure = judge_habit(json!({ "do": "charge", "records": 101 }))
        .await
        .unwrap_err();
    assert_eq!(failure.class, FailureClass::Fault);
    assert!(failure.text.contains("charging-records is 100"), "{failure}");
}

#[tokio::test]
async fn a_string_in_a_record_has_its_limit() {
    let settings = |length: u32| json!({ "do": "charge", "records": 1, "length": length });
    let judgement = judge_habit(settings(1024)).await.unwrap();
    assert_eq!(judgement.records[0].message_id.len(), 1024);
    let failure = judge_habit(settings(1025)).await.unwrap_err();
    assert!(failure.text.starts_with("invalid: "), "{failure}");
}

#[tokio::test]
async fn values_beyond_the_quota_are_refused() {
    // Each write weighs 4 octets of key and 1,000 of value.
    let result = judge_within(habit("kv-flood"), |limits| limits.kv_bytes = 5 * 1004).await;
    assert_eq!(result.as_ref().unwrap().kv.len(), 5);
    assert_eq!(held(result), "5");
}

#[tokio::test]
async fn names_of_metrics_are_limited_over_all_calls_of_a_version() {
    let mut spec = spec(habit("measure-flood"));
    spec.limits.metrics = 3;
    let plugin = load(spec.clone()).await;
    for _ in 0..2 {
        let judgement = judge(&plugin).await.unwrap();
        assert_eq!(judgement.verdict, Verdict::Hold("3".into()));
        assert_eq!(judgement.measures.len(), 3);
    }
    // Another version has its own.
    assert_eq!(held(judge(&load(spec).await).await), "3");
}

#[tokio::test]
async fn one_call_brings_a_thousand_values_for_histograms_and_no_more() {
    let judgement = judge_habit(habit("observe-flood")).await.unwrap();
    assert_eq!(judgement.verdict, Verdict::Hold("1000".into()));
    assert_eq!(judgement.measures.len(), 1000);
}
