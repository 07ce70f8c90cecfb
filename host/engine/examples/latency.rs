//! What a plug-in costs: `cargo run --release --example latency [COMPONENT]`.
//!
//! One line of a table for each measurement: a fresh no-op (store, instance, call, drop), chains, reading and writing
//! bodies, a million rows that `configure` built, short calls beside long ones, and how far past its budget a plug-in
//! runs that has to be stopped. With a COMPONENT that needs no grant (`plugins/javascript/build` makes one), that too.
//! Figures in microseconds; run it on a machine that does nothing else.

#[path = "../tests/engine/support.rs"]
#[allow(dead_code)]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mm4relay_engine::*;
use serde_json::{Value, json};

use support::{Message, World, guest, habit, spec};

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
    for page_map_scan in [true, false] {
        let options = EngineOptions {
            page_map_scan: Some(page_map_scan),
            ..EngineOptions::default()
        };
        match Engine::new(options) {
            // Spawned, because the main thread of a runtime runs its future differently from a task.
            Ok(engine) => runtime.block_on(async move { tokio::spawn(measure(engine)).await.expect("it ends") }),
            Err(error) => println!("page-map scan {page_map_scan}: {error}"),
        }
    }
}

async fn measure(engine: Engine) {
    println!("\npage-map scan: {}\n", engine.page_map_scan());
    println!("| what | p50 | p99 | max |\n|---|---|---|---|");
    let message = Message::new();
    report("fresh no-op", 20_000, &load(&engine, vec![noop()]).await, &message).await;
    let five = load(&engine, vec![noop(); 5]).await;
    report("chain of five no-ops, 300 kB message", 10_000, &five, &message).await;
    assert_eq!(message.read.load(Ordering::Relaxed), 0, "a body was copied");
    let chain = (0..3).map(|_| spec(habit("set-header"))).collect();
    let chain = load(&engine, chain).await;
    report("chain of three that set a header", 10_000, &chain, &message).await;
    for (name, settings) in [
        (
            "read 300 kB in pieces of 64 KiB",
            json!({ "do": "skim", "part": 2, "max": 64 << 10 }),
        ),
        ("two body writers", habit("writers")),
        ("a table of one row, one look-up", table(1)),
        ("a table of 100,000 rows, one look-up", table(100_000)),
        ("a table of 1,000,000 rows, one look-up", table(1_000_000)),
    ] {
        report(name, 2_000, &load(&engine, vec![spec(settings)]).await, &message).await;
    }
    let skim = spec(json!({ "do": "skim", "part": 2, "max": 64 << 10 }));
    let large = Arc::new(Message {
        size: 2 << 20,
        picture: Bytes::from(vec![7; 2 << 20]),
        read: AtomicU64::new(0),
    });
    report(
        "read 2 MiB in pieces of 64 KiB",
        1_000,
        &load(&engine, vec![skim]).await,
        &large,
    )
    .await;
    let component = std::env::args().nth(1);
    if let Some(component) = component {
        let other = PluginSpec {
            wasm: component.clone().into(),
            ..spec(json!({ "larger-than": 100 }))
        };
        report(&component, 2_000, &load(&engine, vec![other]).await, &message).await;
    }
    for name in ["loop", "tick-loop", "wait", "wait-number"] {
        overrun(&engine, name, &message).await;
    }
    for long in [1, 32] {
        beside(&engine, long, &message).await;
    }
    chains_a_second(five, &message).await;
}

fn noop() -> PluginSpec {
    PluginSpec {
        wasm: guest("noop"),
        ..spec(json!({}))
    }
}

/// Rows that `configure` builds and `process` looks up.
fn table(rows: u32) -> Value {
    json!({ "configure": "table", "rows": rows, "do": "table" })
}

async fn load(engine: &Engine, specs: Vec<PluginSpec>) -> Vec<Plugin> {
    let mut plugins = Vec::new();
    for spec in specs {
        let loaded = engine.load(spec, World::new()).await;
        plugins.push(loaded.unwrap_or_else(|error| panic!("{error}")));
    }
    plugins
}

/// One run through all plug-ins of the chain is one sample.
async fn report(name: &str, runs: usize, chain: &[Plugin], message: &Arc<Message>) {
    let mut samples = Vec::with_capacity(runs);
    for run in 0..runs + runs / 10 {
        let started = Instant::now();
        carry(chain, message).await;
        // The first tenth warms up caches and the pool.
        if run >= runs / 10 {
            samples.push(started.elapsed());
        }
    }
    print_line(name, samples);
}

async fn carry(chain: &[Plugin], message: &Arc<Message>) {
    for plugin in chain {
        let judged = plugin.process(Occasion::Arrival, message.clone()).await;
        judged.unwrap_or_else(|failure| panic!("{failure}"));
    }
}

async fn overrun(engine: &Engine, name: &str, message: &Arc<Message>) {
    let budget = Duration::from_millis(20);
    let mut stopped: PluginSpec = spec(habit(name));
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
    print_line(&format!("past the budget of 20 ms: {name}"), samples);
}

/// Calls that set a header, one after the other, while so many calls of 150 ms are always running.
async fn beside(engine: &Engine, long: usize, message: &Arc<Message>) {
    const TRIED: u64 = 50_000_000;
    let burning = |rounds| spec(json!({ "do": "burn", "rounds": rounds }));
    let tried = load(engine, vec![burning(TRIED)]).await;
    let took = tried[0]
        .process(Occasion::Arrival, message.clone())
        .await
        .expect("it ends")
        .spent
        .time;
    let rounds = TRIED as f64 * 0.15 / took.as_secs_f64();
    let burning = load(engine, vec![burning(rounds as u64)]).await;
    let short = load(engine, vec![spec(habit("set-header"))]).await;
    let over = Arc::new(AtomicBool::new(false));
    let always: Vec<_> = (0..long)
        .map(|_| {
            let (burning, message, over) = (burning.clone(), message.clone(), over.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    carry(&burning, &message).await;
                }
            })
        })
        .collect();
    let mut samples = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        let started = Instant::now();
        carry(&short, message).await;
        samples.push(started.elapsed());
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    over.store(true, Ordering::Relaxed);
    for task in always {
        task.await.expect("it ends");
    }
    print_line(&format!("set a header, beside {long} calls of 150 ms"), samples);
}

/// Chains a second on all cores.
async fn chains_a_second(chain: Vec<Plugin>, message: &Arc<Message>) {
    const EACH: usize = 20_000;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let started = Instant::now();
    let tasks: Vec<_> = (0..cores)
        .map(|_| {
            let (chain, message) = (chain.clone(), message.clone());
            tokio::spawn(async move {
                for _ in 0..EACH {
                    carry(&chain, &message).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it ends");
    }
    let rate = (cores * EACH) as f64 / started.elapsed().as_secs_f64();
    println!("\nchains of five no-ops, {cores} threads: {rate:.0}/s");
}

fn print_line(name: &str, mut samples: Vec<Duration>) {
    samples.sort();
    let at = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize].as_nanos() as f64 / 1000.0;
    println!("| {name} | {:.1} | {:.1} | {:.1} |", at(0.5), at(0.99), at(1.0));
}
