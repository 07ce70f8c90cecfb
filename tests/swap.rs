//! Versions are swapped under load, and every message and every record is accounted for.
//!
//! A short run is part of every test. `MM4RELAY_SWAPS=100 cargo test --release swap:: -- --nocapture` is the long one: it
//! prints what the swaps cost the traffic, and holds them to it.

use std::collections::HashMap;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Load, Peer, Relay, config, eventually, guest, mm4relay, sample};

/// What the guest has where its version stands.
const VERSION: &str = "version-00000000";
/// Messages per second: well below what the machine carries, so that a delay is the swap's and not a queue's.
const RATE: u64 = 200;
/// Swaps in a row, before as much time without any: what the machine does besides strikes both alike.
const ROUND: u64 = 10;
/// Between the beginnings of two swaps.
const PERIOD: Duration = Duration::from_secs(1);
/// How much the traffic's 99th percentile may grow while versions are swapped; asked of long runs only.
const P99_GROWTH: f64 = 1.5;

/// The stamping guest with this version in it.
fn stamp(version: &str) -> Vec<u8> {
    assert_eq!(version.len(), VERSION.len());
    let mut wasm = fs::read(guest("stamp")).expect("a component");
    let places: Vec<usize> = (0..wasm.len() - VERSION.len())
        .filter(|at| wasm[*at..].starts_with(VERSION.as_bytes()))
        .collect();
    assert!(!places.is_empty(), "the version is in the component");
    for at in places {
        wasm[at..at + VERSION.len()].copy_from_slice(version.as_bytes());
    }
    wasm
}

/// Two links of one file: a swap must change both at once.
fn chain(file: &Path, keys: &str) -> String {
    let link = |name: &str| {
        format!(
            "\n[[plugin]]\nname = {name:?}\nfile = {file:?}\ngrants = [\"charging\"]\n{keys}\n[plugin.settings]\nname = {name:?}\n"
        )
    };
    link("first") + &link("second")
}

fn put(file: &Path, bytes: &[u8]) {
    let new = file.with_extension("new");
    fs::write(&new, bytes).expect("a writable folder");
    fs::rename(new, file).expect("a writable folder");
}

/// Dropped in this order: the relay must not see its plug-ins go.
struct Street {
    relay: Relay,
    peer: Peer,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

fn street(keys: &str) -> Street {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("stamp.wasm");
    put(&file, &stamp(VERSION));
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &chain(&file, keys)));
    Street {
        relay,
        peer,
        file,
        _folder: folder,
    }
}

fn lives(relay: &Relay) -> usize {
    relay.process().log().matches("plug-in is live").count()
}

/// Both links were changed `swaps` times, and run. Asked of the history, which is small: the log grows with each message,
/// and reading it over and over would take time from those that are measured.
fn swapped(relay: &Relay, swaps: u64) -> Option<()> {
    let book = fs::read(relay.path("spool/plugins.json")).ok()?;
    let book: serde_json::Value = serde_json::from_slice(&book).expect("a history");
    let live = |name: &str| {
        book["plugins"][name]["attempts"]
            .as_array()?
            .last()?
            .get("verdict")
            .cloned()
    };
    let both = ["first", "second"].iter().all(|name| live(name) == Some("live".into()));
    (both && book["last-attempt"] == 2 * (swaps + 1)).then_some(())
}

/// Swaps to the versions of these numbers, never seen before, so that compiling is included.
fn swap(street: &Street, numbers: RangeInclusive<u64>) {
    for number in numbers {
        let begun = Instant::now();
        put(&street.file, &stamp(&format!("version-{number:08}")));
        eventually("both links have the new version", || swapped(&street.relay, number));
        std::thread::sleep(PERIOD.saturating_sub(begun.elapsed()));
    }
}

/// Sends for `seconds`; what was acknowledged, and the report.
fn send<T>(relay: &Relay, seconds: u64, meanwhile: impl FnOnce() -> T) -> (Vec<String>, serde_json::Value) {
    let (messages, rate) = ((seconds * RATE).to_string(), RATE.to_string());
    let flags = [
        "--messages",
        &messages,
        "--rate",
        &rate,
        "--sessions",
        "8",
        "--size",
        "3000",
    ];
    let load = Load::start(relay.address(), &flags);
    meanwhile();
    let report = load.report(Duration::from_secs(seconds + 120));
    (load.acknowledged(), report)
}

/// The version in each field and each record of each message: all of one, or the test fails.
fn account(street: &Street, acknowledged: &[String]) -> usize {
    let mut records: HashMap<String, Vec<String>> = HashMap::new();
    for record in street.relay.charging_records() {
        let id = record["transaction-id"].as_str().expect("an id").to_owned();
        let text = record["status-text"].as_str().expect("a stamp").to_owned();
        records.entry(id).or_default().push(text);
    }
    let mut taken: HashMap<String, String> = HashMap::new();
    for message in street.peer.taken() {
        let text = message.text();
        let head = text.split("\r\n\r\n").next().unwrap_or_default().to_owned();
        let id = field(&head, "X-Mms-Transaction-ID").expect("an id");
        assert!(taken.insert(id.clone(), head).is_none(), "{id} came twice");
    }
    let mut versions = std::collections::HashSet::new();
    for id in acknowledged {
        let head = taken
            .remove(id)
            .unwrap_or_else(|| panic!("{id} was acknowledged and is lost"));
        let version = field(&head, "X-Stamp-Arrival-first").expect("a stamp");
        let mut wanted = Vec::new();
        for (on, name) in [
            ("Arrival", "first"),
            ("Arrival", "second"),
            ("Departure", "first"),
            ("Departure", "second"),
        ] {
            let stamped = field(&head, &format!("X-Stamp-{on}-{name}"));
            assert_eq!(stamped.as_ref(), Some(&version), "{id} saw two chains:\n{head}");
            wanted.push(format!("{on} {name} {version}"));
        }
        let mut found = records.remove(id).unwrap_or_default();
        found.sort();
        assert_eq!(found, wanted, "the records of {id}");
        versions.insert(version);
    }
    assert!(taken.is_empty(), "nobody sent {:?}", taken.keys());
    assert!(records.is_empty(), "records of nothing: {records:?}");
    versions.len()
}

fn field(head: &str, name: &str) -> Option<String> {
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
    let (_, value) = lines.find(|(field, _)| *field == name)?;
    Some(value.trim_matches('"').to_owned())
}

#[test]
fn versions_are_swapped_under_load_and_nothing_is_lost_doubled_or_mixed() {
    let long: Option<u64> = std::env::var("MM4RELAY_SWAPS").ok().and_then(|text| text.parse().ok());
    let swaps = long.unwrap_or(3);
    let street = street("watch = \"0 ms\"");
    let mut all = Vec::new();
    let mut p99 = [Vec::new(), Vec::new()];
    let mut take = |(acknowledged, report): (Vec<String>, serde_json::Value), p99: &mut Vec<f64>| {
        let lost = ["refused", "deferred", "lost"].map(|key| report[key].as_u64());
        assert_eq!(lost, [Some(0); 3], "{report}");
        p99.push(report["latency_ms"]["p99"].as_f64().expect("a percentile"));
        all.extend(acknowledged);
    };
    for first in (0..swaps).step_by(ROUND as usize) {
        let numbers = first + 1..=swaps.min(first + ROUND);
        let seconds = numbers.clone().count() as u64 + 1;
        take(send(&street.relay, seconds, || ()), &mut p99[0]);
        take(send(&street.relay, seconds, || swap(&street, numbers)), &mut p99[1]);
    }
    street.relay.wait_until_empty();
    let versions = account(&street, &all);
    assert!(
        versions as u64 > swaps / 2,
        "{versions} versions were seen in {swaps} swaps"
    );
    let [steady, swapping] = p99.map(median);
    let growth = swapping / steady;
    println!(
        "{swaps} swaps: {} messages, {} records, {versions} versions; p99 {steady:.2} ms steady, {swapping:.2} ms while swapping, {growth:.2} x",
        all.len(),
        all.len() * 4,
    );
    if long.is_some() {
        assert!(growth <= P99_GROWTH, "p99 grows {growth:.2} x");
    }
}

/// Of the rounds: on a machine with neighbours one of them may be out of line.
fn median(mut values: Vec<f64>) -> f64 {
    println!("p99 of each round, in ms: {values:.2?}");
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn a_version_that_was_compiled_before_is_live_again_at_once() {
    let street = street("watch = \"0 ms\"");
    let versions = [stamp("version-00000001"), stamp(VERSION)];
    for bytes in versions.iter().chain(&versions) {
        let live = lives(&street.relay);
        put(&street.file, bytes);
        eventually("it is live", || (lives(&street.relay) >= live + 2).then_some(()));
    }
    let took = eventually("the history has the swap", || {
        let book = fs::read(street.relay.path("spool/plugins.json")).ok()?;
        let book: serde_json::Value = serde_json::from_slice(&book).ok()?;
        let attempt = book["plugins"]["second"]["attempts"].as_array()?.last()?.clone();
        let steps = attempt["steps"].as_array()?.clone();
        let after = |name: &str| steps.iter().find(|step| step["step"] == name)?["after_ms"].as_f64();
        let compile = steps.iter().find(|step| step["step"] == "compile")?["said"].clone();
        assert_eq!(compile, "from the cache");
        Some((after("configure")?, after("swap")?))
    });
    println!(
        "from the cache: configured after {:.1} ms, in its place after {:.1} ms",
        took.0, took.1
    );
    // 5 ms on a machine that does nothing else.
    assert!(took.0 < 500.0, "{took:?}");
}

#[test]
fn a_version_that_passes_its_samples_and_fails_in_traffic_is_rolled_back_and_no_message_is_lost() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let case = folder.path().join("samples/one");
    fs::create_dir_all(&case).expect("a folder");
    fs::write(case.join("message.eml"), sample::forward_request("sample")).expect("a message");
    fs::write(case.join("case.toml"), "settings = { name = \"first\" }\n").expect("a case");
    fs::write(folder.path().join("plugin.toml"), "grants = [\"charging\"]\n").expect("a manifest");
    // What is expected must not name the version: the sample is one that every version passes in silence.
    let file = folder.path().join("stamp.wasm");
    let bad = stamp("bad-version-0001");
    put(&file, &bad);
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let blessed = mm4relay(&[
        "plugin",
        "test",
        &path(folder.path()),
        "--wasm",
        &path(&file),
        "--bless",
    ]);
    assert!(blessed.ok, "{}", blessed.err);

    put(&file, &stamp(VERSION));
    let peer = Peer::start();
    // The first version is not asked: it runs before there is a gate.
    let street = |samples: &str| {
        format!(
            "\n[[plugin]]\nname = \"first\"\nfile = {file:?}\ngrants = [\"charging\"]\n{samples}[plugin.settings]\nname = \"first\"\n"
        )
    };
    let relay = Relay::start(&config(&peer, &street("")));
    put(&file, &bad);
    let samples = format!("samples = {:?}\n", folder.path().join("samples"));
    relay.configure(&config(&peer, &street(&samples)));

    let (stop, failed, taken) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for client in 0..3 {
            let (relay, stop, failed, taken) = (&relay, &stop, &failed, &taken);
            scope.spawn(move || {
                let mut conversation = relay.client();
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let message = sample::forward_request(&format!("k{client}-{number}"));
                    // As a peer does: what is deferred is sent again.
                    while !conversation
                        .transaction(sample::FROM, &[sample::TO], &message)
                        .starts_with("250")
                    {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                    taken.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            relay.reload();
            relay.process().wait_for_log("step=\"samples\"");
            let begun = Instant::now();
            relay
                .process()
                .wait_for_log("the new plug-in is rolled back, the version before is live");
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
            let now = taken.load(Ordering::Relaxed);
            eventually("traffic goes on", || {
                (taken.load(Ordering::Relaxed) > now + 10).then_some(())
            });
        }));
        stop.store(true, Ordering::Relaxed);
        assert!(ended.is_ok(), "it is rolled back");
    });
    let (failed, taken) = (failed.into_inner(), taken.into_inner());
    assert!((1..=50).contains(&failed), "{failed} calls failed");
    relay.wait_until_empty();
    let arrived = peer.taken();
    assert_eq!(arrived.len() as u64, taken, "none lost, none doubled");
    assert!(arrived.iter().all(|taken| taken.text().contains(VERSION)));
}

#[test]
fn a_version_that_is_put_back_gets_the_settings_of_today() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("stamp.wasm");
    put(&file, &stamp(VERSION));
    let peer = Peer::start();
    let named = |name: &str| {
        format!(
            "\n[[plugin]]\nname = \"p\"\nfile = {file:?}\ngrants = [\"charging\"]\n[plugin.settings]\nname = {name:?}\n"
        )
    };
    let relay = Relay::start(&config(&peer, &named("before")));
    put(&file, &stamp("bad-version-0001"));
    relay.process().wait_for_log("version=bad-version-0001");
    // The version that is being watched is loaded anew, and stays watched; the one before it was loaded long ago.
    relay.configure(&config(&peer, &named("after")));
    relay.reload();
    relay.process().wait_for_log("configuration reloaded");
    let mut sent = 0;
    eventually("messages have the stamp of the old version under its new name", || {
        sent += 1;
        let answer = relay.offer(&sample::forward_request(&format!("k{sent}")));
        if !answer.starts_with("250") {
            return None;
        }
        let last = peer.taken().pop()?.text();
        last.contains(&format!("X-Stamp-Arrival-after: {VERSION}"))
            .then_some(())
    });
}
