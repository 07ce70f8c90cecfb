//! Ten thousand calls that have to be stopped, and what they leave behind:
//! `cargo run --release --example endurance`.
//!
//! The resident memory of the process is printed after each tenth. It has to stay where it is after the first.

#[path = "../tests/engine/support.rs"]
#[allow(dead_code)]
mod support;

use std::time::Duration;

use mm4relay_engine::*;
use serde_json::json;

use support::{Message, World, habit, spec};

const CALLS: usize = 10_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let engine = support::engine();
    let mut plugins = Vec::new();
    for settings in [
        habit("loop"),
        habit("tick-loop"),
        habit("bomb"),
        habit("recursion"),
        habit("trap"),
        habit("many-handles"),
        habit("wait"),
        json!({ "do": "flood", "lines": 1000 }),
        json!({ "do": "edits", "edits": 1_000_000 }),
    ] {
        let mut spec = spec(settings);
        spec.limits.time = Duration::from_millis(2);
        spec.limits.time_per_mib = Duration::ZERO;
        spec.limits.memory_bytes = 16 << 20;
        let loaded = engine.load(spec, World::new()).await;
        plugins.push(loaded.unwrap_or_else(|error| panic!("{error}")));
    }
    let message = Message::new();
    for call in 0..CALLS {
        if call % (CALLS / 10) == 0 {
            println!("{call:>6} calls, {} kB resident", resident());
        }
        // How it ends is the tests' business; here it only has to end.
        let _ = plugins[call % plugins.len()]
            .process(Occasion::Arrival, message.clone())
            .await;
    }
    println!("{CALLS:>6} calls, {} kB resident", resident());
}

/// `VmRSS` of this process, as the kernel prints it.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.map_or("?", |rest| rest.trim().trim_end_matches(" kB")).to_owned()
}
