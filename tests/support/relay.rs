//! A relay in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::{Peer, Process, binary};

/// A running relay.
pub struct Relay {
    process: Option<Process>,
    folder: TempDir,
    address: String,
    flags: Vec<&'static str>,
}

/// A configuration between operator A, who sends from loopback, and operator B, who is `peer`. `more` is appended:
/// routes, tables, plug-ins. Retries are fast. Numbers in our own domain, `mms.hub.example`, have no route.
pub fn config(peer: &Peer, more: &str) -> String {
    format!(
        r#"
[relay]
name = "mm4.hub.example"
domains = ["mms.hub.example"]
listen = ["127.0.0.1:0"]

[[peer]]
name = "operator-a"
domains = ["mms.a.example"]
from = ["127.0.0.1"]
hosts = ["127.0.0.1:9"]

[[peer]]
name = "operator-b"
domains = ["mms.b.example"]
hosts = ["{}"]
retry = {{ first = "50 ms", longest = "200 ms" }}

{more}
"#,
        peer.address()
    )
}

impl Relay {
    /// Starts the relay and waits until it listens.
    pub fn start(config: &str) -> Self {
        Self::start_with(config, &[])
    }

    /// As `start`, with further flags of `mm4relay run`.
    pub fn start_with(config: &str, flags: &[&'static str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        println!("--- relay.toml ---{config}------------------");
        std::fs::write(folder.path().join("relay.toml"), config).expect("a writable folder");
        let mut relay = Self {
            process: None,
            folder,
            address: String::new(),
            flags: flags.to_vec(),
        };
        relay.start_again();
        relay
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
        self.process = Some(process);
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("it runs")
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

    /// Every charging record so far.
    pub fn charging_records(&self) -> Vec<serde_json::Value> {
        let lines = self.print(&["cdr", "export", "--after", "0"]);
        lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON lines"))
            .collect()
    }
}
