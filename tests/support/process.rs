//! Processes that end with the test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::DEADLINE;

/// The binary under test.
pub fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_mm4relay")
}

/// What a command that has ended said.
#[derive(Debug)]
pub struct Said {
    pub ok: bool,
    pub out: String,
    pub err: String,
}

/// Runs `mm4relay` to its end.
pub fn mm4relay(arguments: &[&str]) -> Said {
    let output = Command::new(binary())
        .args(arguments)
        .output()
        .expect("the binary starts");
    let said = Said {
        ok: output.status.success(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    println!("$ mm4relay {}\n{}{}", arguments.join(" "), said.out, said.err);
    said
}

/// A running process with its standard output line by line, killed when it is dropped.
pub struct Process {
    name: String,
    child: Child,
    /// Locked so that the threads of a test can share a process.
    lines: Mutex<Receiver<String>>,
    /// What it wrote to standard error so far.
    log: Arc<Mutex<String>>,
}

impl Process {
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args(arguments);
        Self::spawn(name, command)
    }

    pub fn spawn(name: &str, mut command: Command) -> Self {
        let spawned = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let log = Arc::new(Mutex::new(String::new()));
        let (err, kept, label) = (
            BufReader::new(child.stderr.take().expect("piped")),
            log.clone(),
            name.to_owned(),
        );
        std::thread::spawn(move || {
            for line in err.lines().map_while(Result::ok) {
                eprintln!("{label}| {line}");
                let mut kept = kept.lock().expect("no panic while it is held");
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        Self {
            name: name.to_owned(),
            child,
            lines: Mutex::new(lines),
            log,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no panic while it is held").clone()
    }

    /// Waits until standard error holds `text`.
    pub fn wait_for_log(&self, text: &str) {
        super::eventually(&format!("{} logs {text:?}", self.name), || {
            self.log().contains(text).then_some(())
        });
    }

    /// The next line of standard output.
    pub fn line(&self) -> String {
        self.line_within(DEADLINE)
    }

    /// The next line of standard output; `None` when it ends instead.
    pub fn line_or_end(&self) -> Option<String> {
        let lines = self.lines.lock().expect("no panic while it is held");
        match lines.recv_timeout(DEADLINE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("{} printed nothing for {DEADLINE:?}", self.name),
        }
    }

    /// As `line`, for what takes its time.
    pub fn line_within(&self, limit: Duration) -> String {
        let lines = self.lines.lock().expect("no panic while it is held");
        let line = lines.recv_timeout(limit);
        drop(lines);
        match line {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("{} printed nothing for {limit:?}", self.name),
            Err(RecvTimeoutError::Disconnected) => panic!("{} ended:\n{}", self.name, self.log()),
        }
    }

    /// Sends a signal by name: `HUP`, `TERM`, `KILL`, `STOP`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args(["-s", signal, &self.id().to_string()])
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "{} cannot be sent {signal}",
            self.name
        );
    }

    /// Waits for its end. The exit code, if it was not ended by a signal.
    pub fn wait(&mut self) -> Option<i32> {
        let name = self.name.clone();
        let child = &mut self.child;
        super::eventually(&format!("{name} ends"), || child.try_wait().ok().flatten()).code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
