//! A relay in a folder of its own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{Conversation, Peer, Process, binary, eventually, sample};

/// A running relay.
pub struct Relay {
    process: Option<Process>,
    folder: TempDir,
    address: String,
    /// Where our own relay-servers come to, with `inside-listen`.
    inside: String,
    /// Where clients begin with TLS.
    encrypted: String,
    flags: Vec<&'static str>,
    /// Where it tells metrics and health, once it was asked for.
    monitoring: OnceLock<String>,
}

/// A configuration between operator A, who sends from loopback, and operator B, who is `peer`. `more` is appended:
/// further keys of operator B, routes, tables, plug-ins. Numbers in our own domain, `mms.hub.example`, have no route.
pub fn config(peer: &Peer, more: &str) -> String {
    config_at(peer.address(), more)
}

/// As `config`, with operator B at `host`, where somebody may listen or not.
pub fn config_at(host: &str, more: &str) -> String {
    config_of(&[("a", "127.0.0.1:9"), ("b", host)], more)
}

/// A configuration for operators by letter and host: `("b", "127.0.0.1:2525")` is `operator-b`, who has the domain
/// `mms.b.example`. All come from loopback, so the sender's domain says who is who. Retries are fast,
/// and what fails is told by no bounce: see `Exchange` for who is told what.
pub fn config_of(operators: &[(&str, &str)], more: &str) -> String {
    let operator = |(letter, host): &(&str, &str)| {
        format!(
            r#"
[[peer]]
name = "operator-{letter}"
domains = ["mms.{letter}.example"]
from = ["127.0.0.1"]
hosts = ["{host}"]
retry = {{ first = "50 ms", longest = "200 ms" }}
bounces = false
"#
        )
    };
    format!(
        r#"
[relay]
name = "mm4.hub.example"
domains = ["mms.hub.example"]
listen = ["127.0.0.1:0"]
{}{more}
"#,
        operators.iter().map(operator).collect::<String>()
    )
}

impl Relay {
    /// Starts the relay and waits until it listens.
    pub fn start(config: &str) -> Self {
        Self::start_with(config, &[])
    }

    /// As `start`, with further flags of `mm4relay run`.
    pub fn start_with(config: &str, flags: &[&'static str]) -> Self {
        let mut relay = Self::stopped(config);
        relay.flags = flags.to_vec();
        relay.start_again();
        relay
    }

    /// A relay that does not run yet: its folder can be filled before `start_again`.
    pub fn stopped(config: &str) -> Self {
        let relay = Self {
            process: None,
            folder: tempfile::tempdir().expect("a temporary folder"),
            address: String::new(),
            inside: String::new(),
            encrypted: String::new(),
            flags: Vec::new(),
            monitoring: OnceLock::new(),
        };
        relay.configure(config);
        relay
    }

    /// Writes `relay.toml`. A running relay looks at it when it is told to reload.
    pub fn configure(&self, config: &str) {
        println!("--- relay.toml ---{config}------------------");
        std::fs::write(self.path("relay.toml"), config).expect("a writable folder");
    }

    /// What `relay.toml` says.
    pub fn configured(&self) -> String {
        std::fs::read_to_string(self.path("relay.toml")).expect("what was configured")
    }

    /// Starts it again on the same folder, after it has ended or been killed. With `listen` on port 0, the address
    /// changes.
    pub fn start_again(&mut self) {
        let path = self.path("relay.toml");
        let mut arguments = vec!["run", "--config", path.to_str().expect("UTF-8")];
        arguments.extend(&self.flags);
        let process = Process::start("relay", &arguments);
        let line = process.line();
        let address = line.strip_prefix("listening on ");
        self.address = address
            .unwrap_or_else(|| panic!("unexpected first line: {line}"))
            .to_owned();
        let config = std::fs::read_to_string(&path).expect("what was configured");
        if config.contains("inside-listen") {
            let line = process.line();
            let inside = line.strip_suffix(" for our own relay-servers");
            let inside = inside.and_then(|line| line.strip_prefix("listening on "));
            self.inside = inside.unwrap_or_else(|| panic!("unexpected line: {line}")).to_owned();
        }
        if config.contains("listen-tls") {
            let line = process.line();
            let encrypted = line.strip_suffix(" with TLS");
            let encrypted = encrypted.and_then(|line| line.strip_prefix("listening on "));
            self.encrypted = encrypted
                .unwrap_or_else(|| panic!("unexpected line: {line}"))
                .to_owned();
        }
        self.process = Some(process);
    }

    /// Where clients begin with TLS.
    pub fn tls_address(&self) -> &str {
        &self.encrypted
    }

    /// Where our own relay-servers come to.
    pub fn inside_address(&self) -> &str {
        &self.inside
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("it runs")
    }

    /// Where it tells metrics and health.
    pub fn monitoring(&self) -> &str {
        self.monitoring.get_or_init(|| {
            let line = self.process().line();
            let address = line.strip_prefix("monitoring on http://");
            address.unwrap_or_else(|| panic!("no monitoring: {line}")).to_owned()
        })
    }

    /// Monitoring of another process that runs on this folder.
    pub fn adopt_monitoring(&self, process: &Process) {
        let line = process.line();
        let address = line.strip_prefix("monitoring on http://");
        let address = address.unwrap_or_else(|| panic!("no monitoring: {line}"));
        self.monitoring
            .set(address.to_owned())
            .expect("no monitoring was asked for before");
    }

    /// A page of monitoring, which must be answered with 200.
    pub fn page(&self, path: &str) -> String {
        let answer = self.visit(path);
        let (head, body) = answer.split_once("\r\n\r\n").expect("a header");
        assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
        body.to_owned()
    }

    /// What monitoring answers, header and all.
    pub fn visit(&self, path: &str) -> String {
        let address = self.monitoring();
        let mut stream = TcpStream::connect(address).expect("monitoring listens");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )
        .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// A client that has said EHLO.
    pub fn client(&self) -> Conversation {
        Conversation::open(&self.address).hello()
    }

    /// Sends one message from operator A to a subscriber of operator B; the answer to the final dot.
    pub fn offer(&self, message: &[u8]) -> String {
        self.client().transaction(sample::FROM, &[sample::TO], message)
    }

    /// A file in the relay's folder: `relay.toml`, `spool`, whatever the configuration names.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal("KILL");
            process.wait();
        }
    }

    /// SIGTERM, and waits until it has drained.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal("TERM");
            assert_eq!(process.wait(), Some(0), "it ends well");
        }
    }

    /// Waits until it has ended because it was told to; its exit code.
    pub fn ended(&mut self) -> Option<i32> {
        self.process.take().and_then(|mut process| process.wait())
    }

    /// SIGHUP.
    pub fn reload(&self) {
        self.process().signal("HUP");
    }

    /// Runs `mm4relay` with these words and `--config` of this relay: `["queue", "list"]`.
    pub fn command(&self, words: &[&str]) -> Output {
        let mut command = Command::new(binary());
        let (head, tail) = words.split_at(words.len().min(2));
        command
            .args(head)
            .arg("--config")
            .arg(self.path("relay.toml"))
            .args(tail);
        command.output().expect("the binary starts")
    }

    /// What such a command prints; it must succeed.
    pub fn print(&self, words: &[&str]) -> String {
        let output = self.command(words);
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{words:?} failed: {out}{err}");
        out.into_owned()
    }

    /// Waits until nothing is in the queue: everything is delivered or dropped, and nothing has failed.
    pub fn wait_until_empty(&self) {
        eventually("the queue is empty", || {
            self.print(&["queue", "list"]).starts_with("nothing").then_some(())
        });
    }

    /// Waits until `queue list` holds `text`; the whole list.
    pub fn wait_for_queue(&self, text: &str) -> String {
        eventually(&format!("the queue shows {text:?}"), || {
            let list = self.print(&["queue", "list"]);
            list.contains(text).then_some(list)
        })
    }

    /// Waits until there are `count` charging records.
    pub fn wait_for_records(&self, count: usize) -> Vec<serde_json::Value> {
        eventually(&format!("there are {count} charging records"), || {
            let records = self.charging_records();
            (records.len() >= count).then_some(records)
        })
    }

    /// Every charging record so far.
    pub fn charging_records(&self) -> Vec<serde_json::Value> {
        let lines = self.print(&["cdr", "export", "--after", "0"]);
        lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON lines"))
            .collect()
    }
}
