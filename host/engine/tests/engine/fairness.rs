//! Long calls never starve short ones, and lose nothing by waiting for their turn.

use std::time::{Duration, Instant};

use mm4relay_engine::*;
use serde_json::json;

use crate::support::*;

/// About as long as scaling a photograph.
const LONG: Duration = Duration::from_millis(50);
/// How many times as long a call may run before it is stopped: other programs may want the cores, too.
const PATIENCE: u32 = 30;
/// Many times more than there are cores. On two cores they take 48 times [`LONG`] together.
const LONG_CALLS: usize = 96;

fn burning(rounds: u64, time: Duration) -> PluginSpec {
    let mut spec = spec(json!({ "do": "burn", "rounds": rounds }));
    spec.limits.time = time;
    spec.limits.time_per_mib = Duration::ZERO;
    spec
}

/// A plug-in whose calls take about [`LONG`] on this machine as it is now, and may run [`PATIENCE`] times as long.
async fn long_plugin(engine: &Engine) -> Plugin {
    const TRIED: u64 = 20_000_000;
    let load = |spec| async {
        engine
            .load(spec, World::new())
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    };
    let tried = judge(&load(burning(TRIED, Duration::from_secs(60))).await).await;
    let took = tried.unwrap().spent.time;
    let rounds = TRIED as f64 * LONG.as_secs_f64() / took.as_secs_f64();
    load(burning(rounds as u64, PATIENCE * LONG)).await
}

#[test]
fn short_calls_go_on_beside_any_number_of_long_ones_which_all_end_well() {
    // As the relay has it: one thread for each core.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::spawn(beside_long_calls()).await.unwrap() });
}

async fn beside_long_calls() {
    let options = EngineOptions {
        max_instances: 100,
        ..EngineOptions::default()
    };
    let engine = Engine::new(options).unwrap();
    let long = long_plugin(&engine).await;
    let short = engine.load(spec(habit("set-header")), World::new()).await.unwrap();
    let call = || {
        let long = long.clone();
        tokio::spawn(async move { judge(&long).await })
    };
    let calls: Vec<_> = (0..LONG_CALLS).map(|_| call()).collect();
    let mut latencies = Vec::new();
    while calls.iter().any(|call| !call.is_finished()) {
        let begun = Instant::now();
        judge(&short).await.unwrap();
        latencies.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut waited = Duration::ZERO;
    for call in calls {
        // Together they take many times their budget: it lasts only because waiting for a turn does not count.
        waited = waited.max(call.await.unwrap().unwrap().spent.queue_wait);
    }
    latencies.sort();
    let median = latencies[latencies.len() / 2];
    // In one queue with all long calls each would wait for a tick of each of them: 64 ms and more on two cores. The
    // figures of a quiet machine are the example's (`latency`); other tests run beside this one.
    assert!(
        median < Duration::from_millis(30),
        "{median:?} of {} calls",
        latencies.len()
    );
    assert!(waited > 2 * LONG, "{waited:?}: nobody waited for a turn");
}

#[tokio::test]
async fn waiting_for_a_turn_is_not_time_but_a_host_call_that_waits_is() {
    let mut spec = spec(habit("wait"));
    spec.limits.time = Duration::from_millis(50);
    spec.limits.time_per_mib = Duration::ZERO;
    let failure = judge(&load(spec).await).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Time);
    assert!(failure.spent.queue_wait < Duration::from_millis(50), "{failure:?}");
}
