//! Ten thousand calls that must be stopped, and the memory that they leave behind: `cargo run --release --example
//! endurance`.
//!
//! As many other calls come before them, until every slot and every stack of the pool has been used. The resident
//! memory of the process is printed after each tenth of both. It must not grow in the second half.

#[path = "../tests/engine/support.rs"]
#[allow(dead_code)]
mod support;

use std::time::Duration;

use mm4relay_engine::*;
use serde_json::json;

use support::{Message, World, habit, spec};

const CALLS: usize = 20_000;

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
            println!("{call:>6} calls, {}", resident());
        }
        // The tests check how a call ends; here it only has to end.
        let _ = plugins[call % plugins.len()]
            .process(Occasion::Arrival, message.clone())
            .await;
    }
    println!("{CALLS:>6} calls, {}", resident());
}

/// What this process holds in memory, as the kernel prints it: all, and of that what is mapped from files.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map_or("?", |rest| rest.trim().trim_end_matches(" kB")).to_owned()
    };
    format!("{} kB resident, {} kB of it from files", of("VmRSS:"), of("RssFile:"))
}
