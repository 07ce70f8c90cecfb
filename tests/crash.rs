//! kill -9 at random instants, under load, while files of charging records are written: what was acknowledged is neither
//! lost nor charged twice, and each record is in one file of each output.
//!
//! `MM4RELAY_KILLS` says how often (10 when it is not set). Every second kill happens while the next hop is stopped, so
//! that messages have to wait in the spool; every fifth hits a relay that is still starting.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mm4relay::assembly::{Running, Setup};
use mm4relay::clock::SystemClock;
use mm4relay::spool::{Inbox, Options};
use mm4relay_lab::careless::Careless;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::support::{Load, Process, binary, eventually, mm4relay, plugin, tools};

/// Small messages that stay in memory, many at once; and some that go through files.
const LOADS: [&[&str]; 2] = [
    &["--sessions", "20", "--size", "3000", "--rate", "1000"],
    &["--sessions", "2", "--size", "1500000", "--rate", "4"],
];

/// More than any of these tests lets them send.
const ENDLESS: &[&str] = &["--messages", "1000000000", "--patience", "60"];

/// How long a relay may take to work off what its crashes left.
const WORK_OFF: Duration = Duration::from_secs(120);

/// For each kill, the next hop may hear again what was on its way to it in ten sessions, and what it had answered but was
/// not yet recorded: the records of 1,024 deliveries may be under way.
const REPEATED_PER_KILL: usize = 10 + 1024;

#[test]
fn no_acknowledged_message_is_lost_or_charged_twice_when_the_relay_is_killed() {
    let kills = std::env::var("MM4RELAY_KILLS").map_or(10, |number| number.parse().expect("a number of kills"));
    let found = Trial::start(honest).run(kills);
    found.print(kills);
    assert!(
        found.acknowledged.len() > 10 * kills,
        "there was no load worth the name"
    );
    assert_eq!(found.lost(), Vec::<&str>::new(), "acknowledged, and never delivered");
    assert_eq!(found.queue.trim(), "nothing in the queue");
    assert!(
        found.repeated() <= kills * REPEATED_PER_KILL,
        "{} deliveries were repeated, which is more than can have been unrecorded",
        found.repeated()
    );
    assert_eq!(found.uncharged(), Vec::<&str>::new(), "acknowledged, without a record");
    assert_eq!(found.doubled(), Vec::<&str>::new(), "charged twice");
    let taken: Vec<&String> = found.charged_in.keys().collect();
    assert_eq!(
        taken,
        found.charged_out.keys().collect::<Vec<_>>(),
        "taken over and sent on are one for one"
    );
    assert_eq!(
        taken,
        found.arrived.keys().collect::<Vec<_>>(),
        "nothing arrived that was not committed, and all that was committed arrived"
    );
    assert_eq!(
        taken,
        found.charged_when_answered.keys().collect::<Vec<_>>(),
        "records that waited for the answer came, and no others"
    );
    let counted: Vec<u64> = (1..=found.sequences.len() as u64).collect();
    assert_eq!(found.sequences, counted, "sequence numbers without gaps");
    for (output, files) in &found.files {
        let numbers: Vec<u32> = files.iter().map(|file| file.number).collect();
        let expected: Vec<u32> = (1..=files.len() as u32).collect();
        assert_eq!(numbers, expected, "{output}: numbers of files without gaps");
        assert!(files.len() > kills, "{output}: files rolled while it was killed");
        let records: Vec<u64> = files.iter().flat_map(|file| file.sequences.clone()).collect();
        assert!(records == counted, "{output}: every record in one file, in order");
    }
    // The ledger comes to the same, with the files.
    let read = format!("{} with ", counted_files(&found));
    assert!(
        found.ledger.contains(&read) && found.ledger.ends_with("balanced\n"),
        "{}",
        found.ledger
    );
}

fn counted_files(found: &Found) -> String {
    let files: usize = found.files.values().map(Vec::len).sum();
    format!("{files} files")
}

/// The control: the harness above must find the losses of a relay that says 250 too early.
#[test]
fn a_relay_that_acknowledges_before_it_commits_is_found_out() {
    let kills = 6;
    let found = Trial::start(careless).run(kills);
    found.print(kills);
    assert!(!found.lost().is_empty(), "the harness would not see a lost message");
    assert!(!found.uncharged().is_empty(), "the harness would not see a lost record");
}

/// A relay that is killed again and again, between two load generators and a next hop that live on.
struct Trial {
    folder: TempDir,
    /// Starts a relay on the configuration in a folder.
    start: fn(&Path) -> Process,
    address: String,
    peer: Process,
    relay: Process,
    loads: Vec<Load>,
}

impl Trial {
    fn start(start: fn(&Path) -> Process) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("arrived");
        let arguments = ["peer", "--listen", "127.0.0.1:0", "--log", log.to_str().expect("UTF-8")];
        let peer = Process::start("peer", &arguments);
        let line = peer.line();
        let next_hop = line.strip_prefix("listening on ").expect("the peer listens");
        let address = format!("127.0.0.1:{}", tools::free_port());
        std::fs::write(folder.path().join("relay.toml"), config(&address, next_hop)).expect("a writable folder");
        let relay = start(folder.path());
        let listens = format!("listening on {address}");
        wait_for_line(&relay, &listens);
        let load = |flags: &&[&str]| Load::start(&address, &[*flags, ENDLESS].concat());
        let loads = LOADS.iter().map(load).collect();
        Self {
            folder,
            start,
            address,
            peer,
            relay,
            loads,
        }
    }

    fn run(mut self, kills: usize) -> Found {
        for kill in 1..=kills {
            let peer_stopped = kill % 2 == 0;
            if kill % 5 == 0 {
                self.replace_relay(Duration::from_millis(fastrand::u64(..60)));
            }
            self.wait_for_progress();
            if peer_stopped {
                self.peer.signal("STOP");
            }
            self.replace_relay(Duration::from_millis(fastrand::u64(..200)));
            if peer_stopped {
                self.peer.signal("CONT");
            }
            self.wait_until_it_listens();
        }
        self.wait_for_progress();
        let acknowledged = self.loads.iter().flat_map(Load::acknowledged).collect();
        self.loads.clear();
        self.find(acknowledged)
    }

    /// Kills the relay at some instant from now on, and starts it anew on the same spool.
    fn replace_relay(&mut self, after: Duration) {
        std::thread::sleep(after);
        self.relay.signal("KILL");
        self.relay.wait();
        self.relay = (self.start)(self.folder.path());
    }

    fn wait_until_it_listens(&self) {
        wait_for_line(&self.relay, &format!("listening on {}", self.address));
    }

    /// Waits until both loads get their messages acknowledged again.
    fn wait_for_progress(&self) {
        for load in &self.loads {
            let before = load.progress();
            eventually("messages are acknowledged", || (load.progress() > before).then_some(()));
        }
    }

    /// Lets the relay finish, and gathers what became of everything.
    fn find(self, acknowledged: Vec<String>) -> Found {
        let started = Instant::now();
        let mut queue = self.command(&["queue", "list"]);
        while !queue.starts_with("nothing") && started.elapsed() < WORK_OFF {
            std::thread::sleep(Duration::from_millis(50));
            queue = self.command(&["queue", "list"]);
        }
        let mut relay = self.relay;
        relay.signal("TERM");
        assert_eq!(relay.wait(), Some(0), "the relay ends well");
        let command = |words: &[&str]| command(self.folder.path(), words);
        let mut found = Found {
            acknowledged,
            arrived: BTreeMap::new(),
            charged_in: BTreeMap::new(),
            charged_out: BTreeMap::new(),
            charged_when_answered: BTreeMap::new(),
            sequences: Vec::new(),
            files: OUTPUTS
                .iter()
                .map(|(name, ..)| (*name, files(self.folder.path(), name)))
                .collect(),
            queue,
            ledger: ledger(self.folder.path()),
        };
        let log = std::fs::read_to_string(self.folder.path().join("arrived")).expect("the peer's log");
        for entry in log.lines().map(parsed) {
            count(&mut found.arrived, &entry["transaction_id"]);
        }
        for record in command(&["cdr", "export", "--after", "0"]).lines().map(parsed) {
            found.sequences.push(record["sequence"].as_u64().expect("a number"));
            match record["record-type"].as_str() {
                Some("relay-in") => count(&mut found.charged_in, &record["transaction-id"]),
                Some("relay-out") => count(&mut found.charged_out, &record["transaction-id"]),
                Some("r4f") => count(&mut found.charged_when_answered, &record["transaction-id"]),
                other => panic!("a record of type {other:?}: {record}"),
            }
        }
        found
    }

    fn command(&self, words: &[&str]) -> String {
        command(self.folder.path(), words)
    }
}

/// A test program says more on its standard output than a relay does.
fn wait_for_line(relay: &Process, end: &str) {
    while !relay.line().ends_with(end) {}
}

fn honest(folder: &Path) -> Process {
    let mut command = Command::new(binary());
    // A line for each delivery would be most of what the test does.
    command.env("RUST_LOG", "error");
    command.args(["run", "--config"]).arg(folder.join("relay.toml"));
    Process::spawn("relay", command)
}

/// Names the configuration of [`be_a_careless_relay`].
const CARELESS: &str = "MM4RELAY_CARELESS_CONFIG";

/// A relay that no program contains: this test program, as another process, with a spool that is none in front.
///
/// The honest relay comes first, for a moment, because it compiles the plug-in: a relay lets its own program do that in a
/// process of its own, and this program cannot. The code is kept.
fn careless(folder: &Path) -> Process {
    if !folder.join("spool/compiled").exists() {
        let mut first = honest(folder);
        first.line();
        first.signal("TERM");
        first.wait();
    }
    let mut command = Command::new("env");
    careless_program(&mut command, &folder.join("relay.toml"));
    Process::spawn("careless relay", command)
}

/// Has `command`, which runs another program, run [`be_a_careless_relay`] with this configuration.
pub fn careless_program(command: &mut Command, configuration: &Path) {
    command
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", "crash::be_a_careless_relay", "--ignored", "--nocapture"])
        .env(CARELESS, configuration);
}

#[test]
#[ignore = "the relay of a_relay_that_acknowledges_before_it_commits_is_found_out, and of broken_disk"]
fn be_a_careless_relay() {
    let file = PathBuf::from(std::env::var_os(CARELESS).expect("a configuration"));
    let beside = file.with_file_name("thrown-away");
    let options = Options {
        ledger: Duration::from_secs(86_400),
        node: Default::default(),
        reserve: 0,
        clock: Arc::new(SystemClock),
    };
    let in_front = move |honest| {
        let careless = Careless::new(honest, &beside, options);
        Arc::new(careless.expect("a spool to throw away")) as Arc<dyn Inbox>
    };
    let setup = Setup {
        inbox: Some(Box::new(in_front)),
        ..Setup::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut stop = signal(SignalKind::terminate()).expect("signals");
        let relay = Running::start(&file, setup).await.expect("the relay starts");
        for (address, _) in relay.addresses() {
            println!("listening on {address}");
        }
        stop.recv().await;
        relay.drain().await;
    });
}

fn command(folder: &Path, words: &[&str]) -> String {
    let (head, tail) = words.split_at(2);
    let mut command = Command::new(binary());
    command
        .args(head)
        .arg("--config")
        .arg(folder.join("relay.toml"))
        .args(tail);
    let output = command.output().expect("the binary starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?} failed: {error}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What `ledger check` says, whatever that is.
fn ledger(folder: &Path) -> String {
    let mut command = Command::new(binary());
    command
        .args(["ledger", "check", "--config"])
        .arg(folder.join("relay.toml"));
    let output = command.output().expect("the binary starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Each with its format, and what closes its files.
const OUTPUTS: [(&str, &str, &str); 3] = [
    ("standard", "ber", "max-records = 53"),
    ("lines", "json", "max-records = 71"),
    ("table", "csv", "max-size = \"64 KiB\""),
];

/// A closed file, and what is in it.
struct Closed {
    number: u32,
    sequences: Vec<u64>,
}

/// The files of an output, in order; nothing else may lie in its folder.
fn files(folder: &Path, output: &str) -> Vec<Closed> {
    let folder = folder.join(output);
    let mut files: Vec<Closed> = std::fs::read_dir(&folder)
        .expect("the output's folder")
        .map(|entry| closed(&entry.expect("a file").path(), output))
        .collect();
    files.sort_by_key(|file| file.number);
    files
}

fn closed(path: &Path, output: &str) -> Closed {
    let name = path.file_stem().expect("a name").to_string_lossy();
    let number = name.strip_prefix(output).and_then(|rest| rest.strip_prefix('-'));
    let number = number.and_then(|number| number.parse().ok());
    let text = match path.extension().and_then(|extension| extension.to_str()) {
        Some("cdr") => {
            let said = mm4relay(&["cdr", "decode", path.to_str().expect("UTF-8")]);
            assert!(said.ok, "{}", said.err);
            said.out
        }
        _ => std::fs::read_to_string(path).expect("a readable file"),
    };
    let sequence = |line: &str| match line.trim().strip_prefix("localSequenceNumber") {
        Some(number) => number.trim().parse().ok(),
        None if line.starts_with('{') => parsed(line)["sequence"].as_u64(),
        None => line.split(',').next().and_then(|first| first.parse().ok()),
    };
    Closed {
        number: number.unwrap_or_else(|| panic!("{} lies in the folder", path.display())),
        sequences: text.lines().filter_map(sequence).collect(),
    }
}

fn config(listen: &str, next_hop: &str) -> String {
    let charging: PathBuf = plugin("charging");
    let outputs: String = OUTPUTS
        .iter()
        .map(|(name, format, closes)| {
            format!("\n[[charging-output]]\nname = {name:?}\nfolder = {name:?}\nformat = {format:?}\n{closes}\n")
        })
        .collect();
    format!(
        r#"
[relay]
name = "mm4.hub.example"
domains = ["mms.hub.example"]
listen = ["{listen}"]

[[peer]]
name = "operator-a"
domains = ["mms.a.example"]
from = ["127.0.0.1"]
hosts = ["127.0.0.1:9"]

[[peer]]
name = "operator-b"
domains = ["mms.b.example"]
hosts = ["{next_hop}"]
sessions = 10
retry = {{ first = "50 ms", longest = "200 ms" }}

[[plugin]]
name = "charging"
file = "{0}"
grants = ["charging"]

[[plugin]]
name = "charging-of-the-recipient"
file = "{0}"
grants = ["charging"]
[plugin.settings]
role = "recipient"
{outputs}"#,
        charging.display()
    )
}

fn parsed(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn count(counts: &mut BTreeMap<String, usize>, id: &serde_json::Value) {
    let id = id.as_str().unwrap_or_else(|| panic!("an id, not {id}"));
    *counts.entry(id.to_owned()).or_default() += 1;
}

/// What became of everything, by transaction id.
struct Found {
    acknowledged: Vec<String>,
    arrived: BTreeMap<String, usize>,
    charged_in: BTreeMap<String, usize>,
    charged_out: BTreeMap<String, usize>,
    charged_when_answered: BTreeMap<String, usize>,
    sequences: Vec<u64>,
    /// By output.
    files: BTreeMap<&'static str, Vec<Closed>>,
    queue: String,
    /// What `ledger check` says in the end.
    ledger: String,
}

impl Found {
    fn lost(&self) -> Vec<&str> {
        self.acknowledged_but_not_in(&self.arrived)
    }

    fn uncharged(&self) -> Vec<&str> {
        self.acknowledged_but_not_in(&self.charged_in)
    }

    fn acknowledged_but_not_in(&self, there: &BTreeMap<String, usize>) -> Vec<&str> {
        let ids = self.acknowledged.iter().filter(|id| !there.contains_key(*id));
        ids.map(String::as_str).collect()
    }

    /// The load generator never sends an id twice, so no id may have two records of a type.
    fn doubled(&self) -> Vec<&str> {
        let records = self
            .charged_in
            .iter()
            .chain(&self.charged_out)
            .chain(&self.charged_when_answered);
        let doubled = records.filter(|(_, times)| **times > 1);
        doubled.map(|(id, _)| id.as_str()).collect()
    }

    /// Deliveries beyond the first of each message.
    fn repeated(&self) -> usize {
        self.arrived.values().map(|times| times - 1).sum()
    }

    fn print(&self, kills: usize) {
        println!(
            "{kills} kills: {} acknowledged, {} lost; {} arrived, {} repeated; {} records, {} missing, {} doubled; {} files",
            self.acknowledged.len(),
            self.lost().len(),
            self.arrived.len(),
            self.repeated(),
            self.sequences.len(),
            self.uncharged().len(),
            self.doubled().len(),
            self.files.values().map(Vec::len).sum::<usize>(),
        );
    }
}
