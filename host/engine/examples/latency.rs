//! What a plug-in costs: `cargo run --release -p mm4relay-engine --example latency`.
//!
//! One line for each measurement: a fresh no-op (store, instance, call, drop), a chain of three plug-ins that each set
//! a header, reading and writing bodies, and how far past its budget a plug-in runs that has to be stopped. Figures in
//! microseconds; run it on a machine that does nothing else.

#[path = "../tests/engine/support.rs"]
#[allow(dead_code)]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mm4relay_engine::*;
use serde_json::{Value, json};

use support::{Message, World, guest, habit, spec};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for page_map_scan in [true, false] {
        let options = EngineOptions {
            page_map_scan: Some(page_map_scan),
            ..EngineOptions::default()
        };
        match Engine::new(options) {
            Ok(engine) => measure(&engine).await,
            Err(error) => println!("page-map scan {page_map_scan}: {error}"),
        }
    }
}

async fn measure(engine: &Engine) {
    println!("page-map scan: {}", engine.page_map_scan());
    let message = Message::new();
    let noop = PluginSpec {
        wasm: guest("noop"),
        ..spec(json!({}))
    };
    report("fresh no-op", 20_000, &load(engine, vec![noop]).await, &message).await;
    let chain = (0..3).map(|_| spec(habit("set-header"))).collect();
    report(
        "chain of three that set a header",
        10_000,
        &load(engine, chain).await,
        &message,
    )
    .await;
    for (name, settings) in [
        (
            "table of 100,000 rows, one look-up",
            json!({ "configure": "table", "rows": 100_000, "do": "table" }),
        ),
        (
            "read 300,000 octets",
            json!({ "do": "read", "part": 2, "max": 64 << 10 }),
        ),
        ("two body writers", habit("writers")),
    ] {
        report(name, 2_000, &load(engine, vec![spec(settings)]).await, &message).await;
    }
    for name in ["loop", "tick-loop", "wait"] {
        overrun(engine, name, &message).await;
    }
}

async fn load(engine: &Engine, specs: Vec<PluginSpec>) -> Vec<Plugin> {
    let mut plugins = Vec::new();
    for spec in specs {
        let loaded = engine.load(spec, World::new()).await;
        plugins.push(loaded.unwrap_or_else(|error| panic!("{error}")));
    }
    plugins
}

/// One run through all of them is one sample.
async fn report(name: &str, runs: usize, chain: &[Plugin], message: &Arc<Message>) {
    let mut samples = Vec::with_capacity(runs);
    for run in 0..runs + runs / 10 {
        let started = Instant::now();
        for plugin in chain {
            let judged = plugin.process(Occasion::Arrival, message.clone()).await;
            judged.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        }
        // The first tenth warms caches and the pool up.
        if run >= runs / 10 {
            samples.push(started.elapsed());
        }
    }
    print_line(name, samples);
}

async fn overrun(engine: &Engine, name: &str, message: &Arc<Message>) {
    let budget = Duration::from_millis(20);
    let mut stopped: PluginSpec = spec(Value::Null);
    stopped.settings = habit(name);
    stopped.limits = Limits {
        time: budget,
        time_per_mib: Duration::ZERO,
        ..stopped.limits
    };
    let plugins = load(engine, vec![stopped]).await;
    let mut samples = Vec::new();
    for _ in 0..50 {
        let started = Instant::now();
        let failure = plugins[0]
            .process(Occasion::Arrival, message.clone())
            .await
            .expect_err("it never ends");
        assert_eq!(failure.class, FailureClass::Time);
        samples.push(started.elapsed() - budget);
    }
    print_line(&format!("past the budget: {name}"), samples);
}

fn print_line(name: &str, mut samples: Vec<Duration>) {
    samples.sort();
    let at = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize].as_nanos() as f64 / 1000.0;
    println!(
        "  {name:<36} p50 {:8.1}  p99 {:8.1}  max {:8.1}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
