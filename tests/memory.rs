//! Messages stream: what is under way is on disk, not in memory.

use std::time::{Duration, Instant};

use crate::support::{Load, Process, Relay, plugin, tools};

/// Octets of each message: 5 MB, nearly the largest that is taken by default.
const SIZE: usize = 5_000_000;

/// What the relay may have resident at its worst. The messages of the small run come to twice as much, those of the
/// full one to ten times.
const LIMIT: u64 = 512_000_000;

/// How long each session takes for its message at least, so that all are under way at once.
const SPREAD: u64 = 10;

/// A thousand messages come to 5 GB, twice: as they come in, and in the spool. On a slow disk that takes minutes.
const PATIENCE: Duration = Duration::from_secs(900);

/// `MM4RELAY_IN_FLIGHT` says how many; 200 when it is not set. With 1,000, which is what is claimed, it takes 10 GB of
/// disk for half a minute.
#[test]
fn large_messages_in_flight_at_once_stay_within_the_memory_limit() {
    let messages = std::env::var("MM4RELAY_IN_FLIGHT").map_or(200, |number| number.parse().expect("a number"));
    let next_hop = Process::start(
        "peer",
        &["peer", "--listen", "127.0.0.1:0", "--messages", &messages.to_string()],
    );
    let line = next_hop.line();
    let relay = Relay::start(&every_plugin(line.strip_prefix("listening on ").expect("it listens")));
    let started = Instant::now();
    let (count, size, pace) = (
        messages.to_string(),
        SIZE.to_string(),
        (SIZE as u64 / SPREAD).to_string(),
    );
    let flags = [
        "--messages",
        &count,
        "--sessions",
        &count,
        "--size",
        &size,
        "--pace",
        &pace,
        "--patience",
        "60",
    ];
    let load = Load::start(relay.address(), &flags);

    let most = most_in_flight(&relay, &load, messages);
    let sent = load.report(PATIENCE);
    let delivered: serde_json::Value = serde_json::from_str(&next_hop.line_within(PATIENCE)).expect("JSON");
    let peak = tools::peak_memory(relay.process().id());
    println!(
        "{messages} messages of {} MB, {most} at once: peak {} MB, {:.1} s",
        SIZE / 1_000_000,
        peak / 1_000_000,
        started.elapsed().as_secs_f64()
    );
    assert!(most * 10 >= messages * 9, "only {most} messages were under way at once");
    assert_eq!(sent["messages"], messages, "all are accepted: {sent}");
    assert_eq!(delivered["messages"], messages, "all are delivered: {delivered}");
    assert!(peak < LIMIT, "{peak} octets were resident at the worst moment");
}

/// Watches how many messages lie in the relay's nameless files, until all are acknowledged.
fn most_in_flight(relay: &Relay, load: &Load, messages: u64) -> u64 {
    let files = format!("/proc/{}/fd", relay.process().id());
    let (mut most, started) = (0, Instant::now());
    while load.progress() == 0 || (load.acknowledged().len() as u64) < messages {
        let open = std::fs::read_dir(&files).expect("the relay runs").flatten();
        let nameless = open.filter(|file| {
            std::fs::read_link(file.path()).is_ok_and(|target| target.to_string_lossy().ends_with(" (deleted)"))
        });
        most = most.max(nameless.count() as u64);
        if started.elapsed() > PATIENCE || most >= messages {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    most
}

fn every_plugin(next_hop: &str) -> String {
    let file = |name: &str| plugin(name).display().to_string();
    format!(
        r#"
[relay]
name = "mm4.hub.example"
domains = ["mms.hub.example"]
listen = ["127.0.0.1:0"]

[limits]
sessions = 2000
sessions-per-source = 2000

[[peer]]
name = "operator-a"
domains = ["mms.a.example"]
from = ["127.0.0.1"]
hosts = ["127.0.0.1:9"]

[[peer]]
name = "operator-b"
domains = ["mms.b.example"]
hosts = ["{next_hop}"]
sessions = 20

[[plugin]]
name = "address-rewrite"
file = "{}"
grants = ["log", "tables"]

[plugin.settings]
country-code = "1"
national-prefix = "0"

[[plugin]]
name = "content-adapt"
file = "{}"
grants = ["log"]

[[plugin]]
name = "charging"
file = "{}"
grants = ["charging"]
"#,
        file("address-rewrite"),
        file("content-adapt"),
        file("charging")
    )
}
