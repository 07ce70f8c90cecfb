//! An engine that does the same twice, for sample cases and replay.

use std::sync::OnceLock;
use std::time::Duration;

use mm4relay_engine::*;
use serde_json::json;

use crate::support::*;

fn deterministic() -> Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| {
        Engine::new(EngineOptions {
            max_instances: 4,
            deterministic: true,
            ..EngineOptions::default()
        })
        .expect("the engine starts")
    });
    engine.clone()
}

async fn judge_twice(spec: PluginSpec) -> [Result<Judgement, Failure>; 2] {
    let mut judgements = Vec::new();
    // Loaded twice as well: what `configure` leaves must not differ either.
    for _ in 0..2 {
        let plugin = deterministic()
            .load(spec.clone(), World::new())
            .await
            .expect("it loads");
        judgements.push(judge(&plugin).await);
    }
    judgements.try_into().expect("two")
}

#[tokio::test]
async fn two_runs_do_the_same_and_use_the_same_fuel() {
    for settings in [
        habit("kv"),
        habit("read").merged(json!({"part": 2, "max": 65_536})),
        habit("outside"),
    ] {
        let [first, second] = judge_twice(spec(settings))
            .await
            .map(|judged| judged.expect("it ends well"));
        assert_eq!(first.verdict, second.verdict);
        assert_eq!(first.kv, second.kv);
        assert_eq!(first.spent.fuel, second.spent.fuel);
        assert!(first.spent.fuel.is_some_and(|fuel| fuel > 1_000), "{:?}", first.spent);
    }
}

#[tokio::test]
async fn fuel_stops_what_never_ends_at_the_same_place_whatever_the_clock_says() {
    let mut spec = spec(habit("loop"));
    spec.limits.time = Duration::from_millis(20);
    spec.limits.time_per_mib = Duration::ZERO;
    let [first, second] = judge_twice(spec).await.map(|judged| judged.expect_err("it is stopped"));
    assert_eq!(first.class, FailureClass::Time, "{first}");
    assert_eq!((&first.text, first.spent.fuel), (&second.text, second.spent.fuel));
}

#[tokio::test]
async fn an_engine_for_traffic_counts_no_fuel() {
    let judgement = judge_habit(habit("pass")).await.expect("it passes");
    assert_eq!(judgement.spent.fuel, None);
}

trait Merged {
    fn merged(self, more: Self) -> Self;
}

impl Merged for serde_json::Value {
    fn merged(mut self, more: Self) -> Self {
        if let (Some(all), serde_json::Value::Object(more)) = (self.as_object_mut(), more) {
            all.extend(more);
        }
        self
    }
}
