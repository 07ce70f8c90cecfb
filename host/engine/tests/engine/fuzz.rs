//! Whatever bytes are offered as a plug-in, and whatever a plug-in answers, the engine says what is wrong and goes on.
//!
//! The seeds are fixed, so a failure can be repeated. `MM4RELAY_FUZZ=100` tries a hundred times as much.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use mm4relay_engine::*;
use serde_json::json;

use crate::support::*;

/// How many times `few` to try.
fn times(few: u64) -> u64 {
    let factor = std::env::var("MM4RELAY_FUZZ").ok().and_then(|text| text.parse().ok());
    few * factor.unwrap_or(1)
}

/// Octets that look random, the same for the same seed (xorshift64*).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Offers bytes through the whole load, and gives what loads a message.
async fn offer(wasm: Vec<u8>, what: &str) -> Option<LoadErrorKind> {
    let mut spec = spec(habit("pass"));
    spec.limits.configure_time = Duration::from_secs(2);
    spec.limits.time = Duration::from_millis(200);
    spec.limits.memory_bytes = 32 << 20;
    match engine()
        .load_bytes(spec, wasm.into(), World::new(), Arc::new(|_, _| {}))
        .await
    {
        Err(error) => {
            assert!(!matches!(error.kind, LoadErrorKind::Internal { .. }), "{what}: {error}");
            Some(error.kind)
        }
        Ok(plugin) => {
            // However it ends, it ends.
            let _ = judge(&plugin).await;
            None
        }
    }
}

/// What `tests/guests/smith` made of so many seeds, by the name of its file.
fn made(kind: &str, seeds: u64) -> Vec<(String, Vec<u8>)> {
    let folder = smith(times(150));
    let read = |seed: u64| {
        let name = format!("{kind}-{seed}.wasm");
        fs::read(folder.join(&name)).ok().map(|wasm| (name, wasm))
    };
    (0..seeds).filter_map(read).collect()
}

#[tokio::test]
async fn random_components_are_told_that_they_are_no_plug_ins() {
    let components = made("component", times(150));
    assert!(components.len() >= 50, "only {} components were made", components.len());
    for (name, wasm) in components {
        let refused = offer(wasm, &name).await;
        assert!(refused.is_some(), "{name} went live");
    }
}

#[tokio::test]
async fn random_modules_are_told_to_become_components() {
    let modules = made("module", times(50));
    assert!(modules.len() >= 25, "only {} modules were made", modules.len());
    for (name, wasm) in modules {
        let refused = offer(wasm, &name).await;
        assert!(
            matches!(refused, Some(LoadErrorKind::CoreModule)),
            "{name}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_real_plug_in_with_random_damage_is_refused_or_runs_within_its_limits() {
    let whole = fs::read(guest("noop")).unwrap();
    for seed in 0..times(100) {
        let dice = noise(seed, 16);
        let number = |at: usize| u32::from_le_bytes([dice[at], dice[at + 1], dice[at + 2], dice[at + 3]]) as usize;
        let mut wasm = whole.clone();
        let at = 8 + number(0) % (wasm.len() - 8);
        match dice[15] % 5 {
            0 => wasm[at] ^= 1 << (dice[14] % 8),
            1 => wasm[at] = dice[14],
            2 => wasm.truncate(at),
            3 => drop(wasm.drain(at..(at + 1 + number(4) % 64).min(whole.len()))),
            _ => {
                let from = number(4) % (whole.len() - 64);
                wasm.splice(at..at, whole[from..from + 64].iter().copied());
            }
        }
        offer(wasm, &format!("damage {seed}")).await;
    }
}

#[tokio::test]
async fn whatever_a_plug_in_answers_comes_out_as_data_or_as_its_failure() {
    // Each call draws another answer: edits of all kinds, with strings of all octets and lengths.
    let mut spec = spec(json!({ "do": "anything" }));
    spec.limits.time = Duration::from_secs(5);
    let plugin = load(spec).await;
    let mut edits = 0;
    for _ in 0..times(300) {
        match judge(&plugin).await {
            Ok(Judgement {
                verdict: Verdict::Edit(list),
                ..
            }) => edits += list.len(),
            Ok(_) => {}
            Err(failure) => assert!(
                matches!(failure.class, FailureClass::Fault | FailureClass::Limit),
                "{failure}"
            ),
        }
    }
    assert!(edits > 100, "only {edits} edits");
}
