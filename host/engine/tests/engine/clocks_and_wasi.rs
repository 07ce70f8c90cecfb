//! WASI is there, and nothing is behind it.

use std::sync::atomic::Ordering;

use mm4relay_engine::*;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn nothing_outside_can_be_reached() {
    assert_eq!(finding(habit("outside")).await, "false false 0 0 false false 0");
    assert!(!std::path::Path::new("/tmp/escaped").exists());
}

#[tokio::test]
async fn a_granted_clock_is_the_relay_s_through_both_doors() {
    let text = finding(json!({ "configure": "chat", "do": "clock" })).await;
    assert_eq!(text, format!("{NOW_MS} {NOW_MS} {}", NOW_MS / 1000));
}

#[tokio::test]
async fn without_the_grant_the_clock_of_wasi_stands_still() {
    let clockwatcher = |grants: &[Grant]| PluginSpec {
        wasm: guest("clockwatcher"),
        grants: grants.iter().copied().collect(),
        ..spec(json!({}))
    };
    let without = load(clockwatcher(&[])).await;
    assert_eq!(held(judge(&without).await), "0 ms, stopped");
    let with = load(clockwatcher(&[Grant::Clock])).await;
    assert_eq!(held(judge(&with).await), format!("{NOW_MS} ms, running"));
}

/// Its random numbers come through WASI alone.
fn gambler(grants: &[Grant], settings: serde_json::Value) -> PluginSpec {
    PluginSpec {
        wasm: guest("gambler"),
        grants: grants.iter().copied().collect(),
        ..spec(settings)
    }
}

#[tokio::test]
async fn without_the_grant_the_random_numbers_of_wasi_are_the_same_in_every_call() {
    let world = World::new();
    let plugin = load_with(gambler(&[], json!({})), world.clone()).await;
    let first = held(judge(&plugin).await);
    assert_eq!(held(judge(&plugin).await), first);
    let again = load(gambler(&[], json!({}))).await;
    assert_eq!(held(judge(&again).await), first, "and in every load");
    assert_eq!(world.seeds.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn with_the_grant_they_are_others_in_every_call() {
    let plugin = load(gambler(&[Grant::Random], json!({}))).await;
    let drawn = [held(judge(&plugin).await), held(judge(&plugin).await)];
    assert_ne!(drawn[0], drawn[1]);
}

#[tokio::test]
async fn what_configure_drew_is_secret_and_the_same_in_every_call() {
    let world = World::new();
    let settings = json!({ "draw": "early" });
    let plugin = load_with(gambler(&[Grant::Random], settings.clone()), world.clone()).await;
    let first = held(judge(&plugin).await);
    assert_eq!(held(judge(&plugin).await), first);
    let other = load_with(gambler(&[Grant::Random], settings), world).await;
    assert_ne!(held(judge(&other).await), first, "another load draws another one");
}

#[tokio::test]
async fn what_is_printed_goes_to_the_log_with_the_message() {
    let world = World::new();
    let plugin = load_with(spec(habit("print")), world.clone()).await;
    judge(&plugin).await.unwrap();
    let line = world.lines().pop().unwrap();
    assert_eq!(
        (line.message.as_str(), line.level, line.text.as_str()),
        ("m-1", Level::Debug, "printed by process")
    );
}
