//! Where the log goes and what it looks like, as an operator sets it; and what a service manager is told.

use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Peer, Process, Relay, binary, config, eventually, mm4relay, sample};

/// The text of a file that may not be there yet.
fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

fn signal(relay: &Process, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &relay.id().to_string()])
        .status();
    assert!(sent.is_ok_and(|status| status.success()));
}

fn take(relay: &Relay, id: &str) {
    let answer = relay.offer(&sample::forward_request(id));
    assert!(answer.starts_with("250"), "{answer}");
}

#[test]
fn a_log_in_a_file_is_opened_again_when_it_was_moved_away() {
    let peer = Peer::start();
    let log = "\n[log]\nto = \"relay.log\"\n";
    let relay = Relay::start(&config(&peer, log));
    let file = relay.path("relay.log");
    let moved = relay.path("relay.log.1");
    eventually("the first line", || {
        text(&file).contains("event=listening").then_some(())
    });
    std::fs::rename(&file, &moved).expect("a file");
    signal(relay.process(), "USR1");
    eventually("a new file", || file.exists().then_some(()));
    take(&relay, "one");
    eventually("its line", || text(&file).contains("event=accepted").then_some(()));
    assert!(!text(&moved).contains("event=accepted"), "the old file is left alone");
    assert_eq!(file.metadata().expect("it is there").mode() & 0o777, 0o640);
}

#[test]
fn a_log_as_json_has_one_object_a_line_and_no_whole_number() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, "\n[log]\nformat = \"json\"\nto = \"relay.log\"\n"));
    take(&relay, "one");
    let file = relay.path("relay.log");
    eventually("its delivery", || text(&file).contains("\"delivered\"").then_some(()));
    let lines = text(&file);
    let objects: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let accepted = objects
        .iter()
        .find(|line| line["event"] == "accepted")
        .expect("the line that says so");
    assert_eq!(
        (accepted["level"].as_str(), accepted["peer"].as_str()),
        (Some("info"), Some("operator-a"))
    );
    assert!(
        accepted["octets"].is_u64() && accepted["time"].is_string() && accepted["message"].is_string(),
        "{accepted}"
    );
    let number: String = sample::TO.chars().take_while(|character| *character != '/').collect();
    assert!(!lines.contains(&number), "{lines}");
}

#[test]
fn a_reload_changes_how_much_is_logged_and_where() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, "\n[log]\nlevel = \"error\"\nto = \"quiet.log\"\n"));
    take(&relay, "one");
    relay.configure(&config(&peer, "\n[log]\nlevel = \"info\"\nto = \"loud.log\"\n"));
    signal(relay.process(), "HUP");
    let loud = relay.path("loud.log");
    eventually("the reload", || text(&loud).contains("event=reloaded").then_some(()));
    take(&relay, "two");
    eventually("the second one", || {
        text(&loud).contains("event=accepted").then_some(())
    });
    assert!(!text(&relay.path("quiet.log")).contains("event=accepted"));
}

#[test]
fn a_place_that_cannot_be_written_to_keeps_a_relay_from_starting_and_a_running_one_goes_on() {
    let peer = Peer::start();
    let nowhere = "\n[log]\nto = \"no-such-folder/relay.log\"\n";
    let stopped = Relay::stopped(&config(&peer, nowhere));
    let file = stopped.path("relay.toml");
    let said = mm4relay(&["run", "--config", file.to_str().expect("UTF-8")]);
    assert!(
        !said.ok && said.err.contains("the log that [log] names cannot be written to: "),
        "{}",
        said.err
    );
    assert!(said.err.contains("no-such-folder/relay.log"), "{}", said.err);

    let running = Relay::start(&config(&peer, ""));
    running.configure(&config(&peer, nowhere));
    signal(running.process(), "HUP");
    running.process().wait_for_log("event=log-not-opened");
    take(&running, "one");
    running.process().wait_for_log("event=accepted");
}

#[test]
fn a_level_that_means_nothing_is_a_problem_that_check_names() {
    let peer = Peer::start();
    let relay = Relay::stopped(&config(&peer, "\n[log]\nlevel = \"loud\"\n"));
    let file = relay.path("relay.toml");
    let said = mm4relay(&["check", "--config", file.to_str().expect("UTF-8")]);
    assert!(!said.ok, "{}", said.out);
    assert!(format!("{}{}", said.out, said.err).contains("log.level is \"loud\": expected error, warn, info"));
}

#[test]
fn lines_for_the_journal_have_their_severity_and_no_time() {
    let peer = Peer::start();
    let relay = Relay::stopped(&config(&peer, ""));
    let journal = relay.path("journal");
    let open = std::fs::File::create(&journal).expect("a writable folder");
    let place = open.metadata().expect("it is there");
    let mut command = Command::new(binary());
    command.args(["run", "--config"]).arg(relay.path("relay.toml"));
    command.env("JOURNAL_STREAM", format!("{}:{}", place.dev(), place.ino()));
    let mut child = command
        .stdout(std::process::Stdio::null())
        .stderr(open)
        .spawn()
        .expect("the binary starts");
    eventually("a line", || text(&journal).contains("event=listening").then_some(()));
    let _ = child.kill();
    let _ = child.wait();
    let lines = text(&journal);
    let first = lines.lines().next().expect("a line");
    assert!(
        first
            .trim_start_matches("<6>")
            .trim_start()
            .starts_with("INFO mm4relay starts"),
        "{lines}"
    );
    assert!(
        lines
            .lines()
            .all(|line| line.starts_with("<6>") || line.starts_with("<4>")),
        "{lines}"
    );
}

/// What a service manager hears, until the process is gone.
struct Manager {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Manager {
    fn wait_for(&mut self, word: &str) {
        let mut packet = [0; 4096];
        while !self.heard.iter().any(|said| said.lines().any(|line| line == word)) {
            let length = self
                .socket
                .recv(&mut packet)
                .unwrap_or_else(|error| panic!("{word}: {error}; {:?}", self.heard));
            self.heard.push(String::from_utf8_lossy(&packet[..length]).into_owned());
        }
        self.heard.clear();
    }
}

#[test]
fn a_service_manager_is_told_that_the_relay_is_ready_reloads_lives_and_stops() {
    let peer = Peer::start();
    let relay = Relay::stopped(&config(&peer, ""));
    let path = relay.path("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
    let mut manager = Manager {
        socket,
        heard: Vec::new(),
    };
    let mut command = Command::new(binary());
    command.args(["run", "--config"]).arg(relay.path("relay.toml"));
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "300000");
    let process = Process::spawn("relay", command);
    manager.wait_for("READY=1");
    manager.wait_for("WATCHDOG=1");
    manager.wait_for("WATCHDOG=1");
    signal(&process, "HUP");
    manager.wait_for("RELOADING=1");
    manager.wait_for("READY=1");
    signal(&process, "TERM");
    manager.wait_for("STOPPING=1");
}

#[test]
fn the_program_says_its_version_and_its_commit() {
    let said = mm4relay(&["--version"]);
    let words: Vec<&str> = said.out.split_whitespace().collect();
    assert_eq!(words[..2], ["mm4relay", env!("CARGO_PKG_VERSION")], "{}", said.out);
    let commit = words[2].trim_matches(['(', ')']);
    assert!(
        commit.len() >= 7 && commit.chars().all(|c| c.is_ascii_hexdigit()),
        "{}",
        said.out
    );
}
