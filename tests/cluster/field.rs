//! Relays on one store under load, and what became of everything: what was acknowledged, what arrived, what was charged, and
//! who was answered.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::postgres::USER;
use crate::support::{Load, Process, Relay, plugin, tools};

/// Small messages that ask for a response; more than any test lets them send.
const LOAD: [&str; 11] = [
    "--sessions",
    "6",
    "--size",
    "3000",
    "--rate",
    "60",
    "--messages",
    "1000000000",
    "--patience",
    "120",
    "--ack",
];

/// How long the relays may take to work off what the faults left: longer than a dead one's work is kept for it.
const WORK_OFF: Duration = Duration::from_secs(150);

/// How long nothing may be acknowledged.
const PROGRESS: Duration = Duration::from_secs(60);

/// Relays, a load on each, and the peers on both sides.
pub struct Field {
    pub relays: Vec<Relay>,
    loads: Vec<Load>,
    asker: Logged,
    next_hop: Logged,
}

/// A peer that writes down what it takes.
struct Logged {
    address: String,
    folder: TempDir,
    _process: Process,
}

impl Logged {
    fn start(name: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("taken");
        let log = log.to_str().expect("UTF-8");
        let process = Process::start(name, &["peer", "--listen", "127.0.0.1:0", "--log", log]);
        let line = process.line();
        let address = line.strip_prefix("listening on ").expect("it listens").to_owned();
        Self {
            address,
            folder,
            _process: process,
        }
    }

    /// How often each has come, by this of its IDs.
    fn taken(&self, by: &str) -> BTreeMap<String, usize> {
        let log = std::fs::read_to_string(self.folder.path().join("taken")).unwrap_or_default();
        count(log.lines().map(parsed), by)
    }
}

impl Field {
    /// Each relay comes to the database by ways of its own: host and port of each.
    pub fn start(ways: &[Vec<u16>], durability: &str) -> Self {
        let (asker, next_hop) = (Logged::start("asker"), Logged::start("next hop"));
        let relay = |number: usize| {
            let config = config(number, &ways[number], durability, &asker.address, &next_hop.address);
            Relay::stopped(&config)
        };
        let mut relays: Vec<Relay> = (0..ways.len()).map(relay).collect();
        relays[0].print(&["cluster", "init"]);
        relays.iter_mut().for_each(Relay::start_again);
        let loads = relays.iter().map(|relay| Load::start(relay.address(), &LOAD)).collect();
        Self {
            relays,
            loads,
            asker,
            next_hop,
        }
    }

    /// Waits until each load gets messages acknowledged again; how long that took.
    pub fn wait_for_progress(&self) -> Duration {
        let begun = Instant::now();
        for load in &self.loads {
            let before = load.progress();
            while load.progress() == before {
                assert!(begun.elapsed() < PROGRESS, "nothing is acknowledged any more");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        begun.elapsed()
    }

    /// Ends the loads, lets the relays finish, and gathers what became of everything.
    pub fn find(mut self) -> Found {
        let acknowledged = self.loads.iter().flat_map(Load::acknowledged).collect();
        self.loads.clear();
        let begun = Instant::now();
        let mut queue = self.relays[0].print(&["queue", "list"]);
        while !queue.starts_with("nothing") && begun.elapsed() < WORK_OFF {
            std::thread::sleep(Duration::from_millis(100));
            queue = self.relays[0].print(&["queue", "list"]);
        }
        let records = self.relays[0].charging_records();
        let of_type = |wanted: &str| {
            let is_one =
                |record: &&Value| record["record-type"] == wanted && record["message-type"] == "MM4_forward.REQ";
            count(records.iter().filter(is_one).cloned(), "message-id")
        };
        Found {
            acknowledged,
            // The relay asks onward under a transaction ID of its own.
            arrived: self.next_hop.taken("message_id"),
            answered: self.asker.taken("transaction_id"),
            charged_in: of_type("relay-in"),
            charged_out: of_type("relay-out"),
            sequences: records
                .iter()
                .filter_map(|record| record["sequence"].as_u64())
                .collect(),
            queue,
        }
    }
}

/// What became of everything, by the transaction ID that the load gave it.
pub struct Found {
    pub acknowledged: Vec<String>,
    pub arrived: BTreeMap<String, usize>,
    answered: BTreeMap<String, usize>,
    charged_in: BTreeMap<String, usize>,
    charged_out: BTreeMap<String, usize>,
    sequences: Vec<u64>,
    queue: String,
}

impl Found {
    /// Nothing that was acknowledged is lost, nothing is charged twice, all is answered, and numbers have no gap.
    pub fn is_whole(&self) {
        assert_eq!(self.queue.trim(), "nothing in the queue");
        let lost: Vec<&String> = self
            .acknowledged
            .iter()
            .filter(|id| !self.arrived.contains_key(*id))
            .collect();
        assert_eq!(lost, Vec::<&String>::new(), "acknowledged, and never delivered");
        let counted: Vec<u64> = (1..=self.sequences.len() as u64).collect();
        assert!(self.sequences == counted, "numbers without gaps, and none twice");
        for (what, by) in [("taken", &self.charged_in), ("sent on", &self.charged_out)] {
            let twice: Vec<_> = by.iter().filter(|(_, times)| **times > 1).collect();
            assert!(twice.is_empty(), "{what} twice: {twice:?}");
        }
        for (what, by) in [
            ("taken", &self.charged_in),
            ("sent on", &self.charged_out),
            ("answered", &self.answered),
        ] {
            assert!(
                by.keys().eq(self.arrived.keys()),
                "{what}: what arrived, and nothing else"
            );
        }
    }

    /// Deliveries beyond the first of each message, and of each answer.
    pub fn repeated(&self) -> usize {
        let all = self.arrived.values().chain(self.answered.values());
        all.map(|times| times - 1).sum()
    }

    pub fn print(&self) {
        println!(
            "{} acknowledged, {} arrived, {} of them again; {} records, {} answers",
            self.acknowledged.len(),
            self.arrived.len(),
            self.repeated(),
            self.sequences.len(),
            self.answered.len()
        );
    }
}

fn config(number: usize, ways: &[u16], durability: &str, asker: &str, next_hop: &str) -> String {
    let charging: PathBuf = plugin("charging");
    let hosts: Vec<String> = ways.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    format!(
        r#"
[relay]
name = "mm4-{number}.hub.example"
node = "relay-{number}"
domains = ["mms.hub.example"]
listen = ["127.0.0.1:{port}"]

[log]
level = "warn"

[spool]
backend = "postgres"
hosts = {hosts:?}
user = "{USER}"
database = "postgres"
tls = false
durability = "{durability}"

[[peer]]
name = "operator-a"
domains = ["mms.a.example"]
from = ["127.0.0.1"]
hosts = ["{asker}"]
mode = "pre-acknowledge"
retry = {{ first = "50 ms", longest = "200 ms" }}

[[peer]]
name = "operator-b"
domains = ["mms.b.example"]
hosts = ["{next_hop}"]
sessions = 5
response-within = "1 s"
repeats = 0
retry = {{ first = "50 ms", longest = "200 ms" }}

[[plugin]]
name = "charging"
file = "{charging}"
grants = ["charging"]
"#,
        port = tools::free_port(),
        charging = charging.display(),
    )
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn count(all: impl Iterator<Item = Value>, by: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for one in all {
        let id = one[by].as_str().unwrap_or_else(|| panic!("{by}: {one}"));
        // Its message ID is the same, with a domain.
        let id = id.split('@').next().unwrap_or_default();
        *counts.entry(id.to_owned()).or_default() += 1;
    }
    counts
}
