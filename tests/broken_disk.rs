//! When writing fails: whatever call fails, no message is acknowledged that is not kept, none is kept that was refused, and
//! the relay goes on by itself.
//!
//! strace makes the calls of the real binary fail. `MM4RELAY_FAULTS` says how many of the first calls fail, each in a run
//! of its own (12 when it is not set, spread over the first 200).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::crash::careless_program;
use crate::support::{
    Conversation, Peer, Process, Relay, binary, config, config_at, eventually, own_address, sample, tools,
};

/// What fails in a run, as strace is told: the calls, the error, and which of the calls.
struct Fault {
    calls: &'static str,
    error: &'static str,
    when: String,
}

/// The calls that write, and those that flush. SQLite flushes by `fdatasync`, the other rooms by `fsync`.
const WRITES: &str = "pwrite64,write,writev,ftruncate,fallocate";
const FLUSHES: &str = "fsync,fdatasync";

/// Each of these calls fails once among the first so many.
const FIRST: usize = 200;

fn faults() -> usize {
    std::env::var("MM4RELAY_FAULTS").map_or(12, |number| number.parse().expect("a number of faults"))
}

/// The numbers of the calls that fail, spread over the first 200.
fn calls() -> Vec<usize> {
    let count = faults().min(FIRST);
    // More of the early ones, where a start writes: 1, 2, 3, and from there to the last.
    (0..count)
        .map(|n| (n * n * FIRST / (count * count)).max(n) + 1)
        .collect()
}

/// A relay whose calls on the files of its spool fail as told.
struct Failing {
    process: Process,
    address: Option<String>,
}

/// A program that strace makes fail: what is to run has to be added.
fn traced(fault: &Fault, files: &[PathBuf]) -> Command {
    let mut command = Command::new(tools::program("strace"));
    // The tracer is a process beside it, so that signals reach the relay itself.
    command.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e"]);
    command.arg(format!("trace={}", fault.calls));
    for file in files {
        command.arg("-P").arg(file);
    }
    command.arg("-e");
    command.arg(format!(
        "inject={}:error={}:when={}",
        fault.calls, fault.error, fault.when
    ));
    command
}

fn files_of_the_spool(relay: &Relay) -> Vec<PathBuf> {
    let names = ["spool.db", "spool.db-wal", "spool.db-shm"];
    names.map(|name| relay.path("spool").join(name)).to_vec()
}

impl Failing {
    /// The real program, with a spool that fails.
    fn start(relay: &Relay, fault: &Fault) -> Self {
        Self::with(relay, traced(fault, &files_of_the_spool(relay)))
    }

    /// The real program, as this command traces it.
    fn with(relay: &Relay, mut traced: Command) -> Self {
        traced
            .arg(binary())
            .args(["run", "--config"])
            .arg(relay.path("relay.toml"));
        Self::spawn(traced)
    }

    /// A relay that acknowledges whether its spool takes a message or not.
    fn start_careless(relay: &Relay, fault: &Fault) -> Self {
        let mut command = traced(fault, &files_of_the_spool(relay));
        careless_program(&mut command, &relay.path("relay.toml"));
        Self::spawn(command)
    }

    fn spawn(command: Command) -> Self {
        Self {
            process: Process::spawn("relay", command),
            address: None,
        }
    }

    /// Whether it listens; a relay whose start fails says why and ends.
    fn listens(&mut self) -> bool {
        while let Some(line) = self.process.line_or_end() {
            // A test program says more on the same line.
            if let Some((_, address)) = line.split_once("listening on ") {
                self.address = Some(address.to_owned());
                return true;
            }
        }
        false
    }

    /// Offers one message; the answer to its final dot, or to what was refused before, or `None` when it hung up.
    fn offer(&self, id: &str) -> Option<String> {
        let address = self.address.as_ref().expect("it listens");
        let mut client = Conversation::try_connect(address)?;
        for line in [
            "",
            "EHLO client.example",
            &format!("MAIL FROM:<{}>", sample::FROM),
            &format!("RCPT TO:<{}>", sample::TO),
            "DATA",
        ] {
            if !line.is_empty() && !client.try_send(format!("{line}\r\n").as_bytes()) {
                return None;
            }
            let reply = client.try_reply()?;
            if !reply.starts_with(['2', '3']) {
                return Some(reply);
            }
        }
        let message = sample::with_body(id, &[], "123456789 123456\r\n".repeat(1200).as_bytes());
        client
            .try_send(&[&message, b"\r\n.\r\n".as_slice()].concat())
            .then_some(())?;
        client.try_reply()
    }
}

/// What became of a run.
#[derive(Default)]
struct Came {
    acknowledged: BTreeSet<String>,
    refused: Vec<String>,
    failed: bool,
}

/// Sends until so many messages are acknowledged, each under an id of its own, however often it has to try.
fn send(relay: &Failing, wanted: usize, came: &mut Came) {
    let began = Instant::now();
    let mut number = 0;
    while came.acknowledged.len() < wanted {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "it does not recover: {:?}",
            came.refused
        );
        number += 1;
        let id = format!("n{number}");
        match relay.offer(&id) {
            Some(reply) if reply.starts_with("250") => {
                came.acknowledged.insert(id);
            }
            Some(reply) => {
                assert!(
                    reply.starts_with('4'),
                    "a failing disk is no reason to refuse for good: {reply}"
                );
                came.refused.push(reply);
                // It is closed for a while: there is nothing to see but its return.
                std::thread::sleep(Duration::from_millis(100));
            }
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// The ids that the peer took.
fn taken(peer: &Peer) -> Vec<String> {
    let id = |text: String| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("X-Mms-Transaction-ID: \""));
        let id = line.and_then(|line| line.split('@').next());
        id.expect("an id").to_owned()
    };
    peer.taken().iter().map(|taken| id(taken.text())).collect()
}

/// Runs a relay in which calls fail, and holds what it said against what the peer took.
fn run(fault: &Fault) -> Came {
    let (came, arrived) = run_with(fault, Failing::start);
    assert_eq!(
        arrived, came.acknowledged,
        "{}: what was acknowledged arrives, and nothing else",
        fault.when
    );
    came
}

/// What a relay in which calls fail said, and what arrived, at last.
fn run_with(fault: &Fault, start: fn(&Relay, &Fault) -> Failing) -> (Came, BTreeSet<String>) {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, ""));
    relay.stop();
    let mut failing = start(&relay, fault);
    let mut came = Came::default();
    if failing.listens() {
        send(&failing, 12, &mut came);
        came.failed = failing.process.log().contains("event=\"spool-failed\"")
            || failing.process.log().contains("event=spool-failed");
        failing.process.signal("TERM");
        failing.process.wait();
    } else {
        assert_eq!(failing.process.wait(), Some(1), "a start that fails says so, and ends");
    }
    drop(failing);
    // What it could not deliver in time, a relay on a sound disk does.
    relay.start_again();
    relay.wait_until_empty();
    relay.stop();
    (came, taken(&peer).into_iter().collect())
}

fn all_of(calls_that_fail: &'static str, error: &'static str) -> (usize, usize) {
    if !tools::have_programs(&["strace"]) {
        return (1, 1);
    }
    let (mut refusals, mut failures) = (0, 0);
    for call in calls() {
        let when = call.to_string();
        let came = run(&Fault {
            calls: calls_that_fail,
            error,
            when,
        });
        refusals += usize::from(!came.refused.is_empty());
        failures += usize::from(came.failed);
    }
    println!("{calls_that_fail} {error}: refused in {refusals} runs, closed and opened anew in {failures}");
    (refusals, failures)
}

#[test]
fn a_flush_that_fails_once_acknowledges_nothing_that_is_lost() {
    let (refusals, failures) = all_of(FLUSHES, "EIO");
    assert!(
        refusals > 0 && failures > 0,
        "nothing failed: the harness would not see it"
    );
}

#[test]
fn a_write_that_fails_once_acknowledges_nothing_that_is_lost() {
    let (refusals, failures) = all_of(WRITES, "EIO");
    assert!(
        refusals > 0 && failures > 0,
        "nothing failed: the harness would not see it"
    );
}

#[test]
fn a_write_that_finds_the_disk_full_once_acknowledges_nothing_that_is_lost() {
    all_of(WRITES, "ENOSPC");
}

/// A test of these tests: what an error of the spool does not keep from being acknowledged, they must miss.
#[test]
fn a_relay_that_swallows_the_errors_of_its_disk_is_found_out() {
    if !tools::have_programs(&["strace"]) {
        return;
    }
    // Which flush is a message's depends on how fast the machine is: what fails lasts longer until one is.
    let loses = |when: &str| {
        let fault = Fault {
            calls: FLUSHES,
            error: "EIO",
            when: when.to_owned(),
        };
        let (came, arrived) = run_with(&fault, Failing::start_careless);
        let lost: Vec<&String> = came.acknowledged.difference(&arrived).collect();
        println!("{when}: acknowledged {}, lost {lost:?}", came.acknowledged.len());
        !lost.is_empty()
    };
    let seen = ["4..6", "3..12", "3..40", "5..80"].into_iter().any(loses);
    assert!(seen, "nothing was lost: the harness would not see it");
}

#[test]
fn a_disk_that_fails_again_and_again_acknowledges_nothing_that_is_lost() {
    if !tools::have_programs(&["strace"]) {
        return;
    }
    for (calls, error, when) in [
        (FLUSHES, "EIO", "8+31"),
        (WRITES, "EIO", "40+151"),
        (FLUSHES, "ENOSPC", "5+37"),
    ] {
        let came = run(&Fault {
            calls,
            error,
            when: when.to_owned(),
        });
        assert!(!came.refused.is_empty(), "{calls} {error}: nothing failed");
    }
}

#[test]
fn while_its_disk_fails_new_sessions_hear_421_and_health_and_metrics_say_why() {
    if !tools::have_programs(&["strace"]) {
        return;
    }
    let peer = Peer::start();
    let monitoring = "\n[monitoring]\nlisten = \"127.0.0.1:0\"\n";
    let mut relay = Relay::start(&config(&peer, monitoring));
    relay.stop();
    // The second message's flush, and every one behind it for a while.
    let fault = Fault {
        calls: FLUSHES,
        error: "EIO",
        when: "3..40".to_owned(),
    };
    let mut failing = Failing::start(&relay, &fault);
    assert!(failing.listens());
    relay.adopt_monitoring(&failing.process);
    eventually("a message is refused because the disk fails", || {
        failing.offer("n").filter(|reply| reply.starts_with("421 4.3.0 "))
    });
    let greeting = eventually("a new session is turned away", || {
        Conversation::try_connect(failing.address.as_ref()?)?
            .try_reply()
            .filter(|reply| !reply.starts_with("220"))
    });
    assert!(greeting.starts_with("421 4.3.0 "), "{greeting}");
    let health = relay.visit("/health");
    assert!(
        health.contains("until the spool has been opened anew and looked through"),
        "{health}"
    );
    assert!(!relay.page("/metrics").contains("mm4relay_spool_failures_total 0\n"));
    failing.process.wait_for_log("event=spool-mended");
    eventually("it takes messages again", || {
        failing.offer("m").filter(|reply| reply.starts_with("250"))
    });
    assert!(relay.visit("/health").contains("\r\n\r\nwell\n"));
}

#[test]
fn without_descriptors_sessions_are_shed_and_deliveries_go_on() {
    let host = own_address();
    let relay = Relay::stopped(&config_at(&host, ""));
    let mut command = Command::new("sh");
    let path = relay.path("relay.toml");
    let run = format!("ulimit -n 160 && exec {} run --config {}", binary(), path.display());
    command.args(["-c", &run]);
    let process = Process::spawn("relay", command);
    let line = process.line();
    let address = line.strip_prefix("listening on ").expect(&line);
    let mut client = Conversation::open(address).hello();
    let answer = client.transaction(sample::FROM, &[sample::TO], &sample::forward_request("n1"));
    assert!(answer.starts_with("250"), "{answer}");
    // Held open until the message has arrived.
    let mut crowd: Vec<Conversation> = (0..300).filter_map(|_| Conversation::try_connect(address)).collect();
    let replies: Vec<Option<String>> = crowd.iter_mut().map(Conversation::try_reply).collect();
    assert!(replies.iter().flatten().any(|reply| reply.starts_with("421 4.3.2 ")));
    // The last ones are closed without a word: to tell why takes a descriptor too.
    let taken = replies
        .iter()
        .flatten()
        .filter(|reply| reply.starts_with("220"))
        .count();
    let shed = replies.len() - taken;
    assert!(shed > 100, "only {shed} were shed");
    let peer = Peer::at(&host, &[]);
    peer.wait_for(1);
    drop(crowd);
    eventually("sessions are taken again", || {
        let reply = Conversation::try_connect(address)?.try_reply()?;
        reply.starts_with("220").then_some(())
    });
}
