//! A programmable peer MMSE.

use std::path::PathBuf;

use tempfile::TempDir;

use super::{Process, eventually};

/// A running `mm4relay peer` that keeps what it takes.
pub struct Peer {
    process: Process,
    folder: TempDir,
    address: String,
}

/// A message that a peer took.
#[derive(Debug, Clone)]
pub struct Taken {
    pub from: String,
    pub to: Vec<String>,
    /// Over TLS.
    pub encrypted: bool,
    /// Without dot-stuffing, as received.
    pub bytes: Vec<u8>,
}

impl Peer {
    /// A peer that accepts everything.
    pub fn start() -> Self {
        Self::told(&[])
    }

    /// A peer with these flags of `mm4relay peer`: `["--hang-up", "body", "--times", "1"]`.
    pub fn told(flags: &[&str]) -> Self {
        Self::at("127.0.0.1:0", flags)
    }

    pub fn at(listen: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let kept = folder.path().join("kept");
        let mut arguments = vec!["peer", "--listen", listen, "--keep", kept.to_str().expect("UTF-8")];
        arguments.extend(flags);
        let process = Process::start("peer", &arguments);
        let line = process.line();
        let address = line.rsplit(' ').next().unwrap_or_default().to_owned();
        Self {
            process,
            folder,
            address,
        }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Waits until it has taken `count` messages; returns them in the order in which it took them.
    pub fn wait_for(&self, count: usize) -> Vec<Taken> {
        eventually(&format!("the peer takes {count} messages"), || {
            let taken = self.taken();
            (taken.len() >= count).then_some(taken)
        })
    }

    /// What it has taken so far.
    pub fn taken(&self) -> Vec<Taken> {
        (1..).map_while(|number| self.message(number)).collect()
    }

    fn message(&self, number: usize) -> Option<Taken> {
        let path = |extension: &str| -> PathBuf { self.folder.path().join(format!("kept/{number:06}.{extension}")) };
        // The envelope is written behind the message, so whoever sees it sees both whole; a half-written one does not
        // parse, and counts as not there yet.
        let envelope: serde_json::Value = serde_json::from_slice(&std::fs::read(path("json")).ok()?).ok()?;
        let bytes = std::fs::read(path("eml")).ok()?;
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let to = envelope["to"].as_array()?.iter().map(text).collect();
        Some(Taken {
            from: text(&envelope["from"]),
            to,
            encrypted: envelope["encrypted"].as_bool()?,
            bytes,
        })
    }
}

impl Taken {
    /// The message without the `Received` field that the relay put on top.
    pub fn without_trace(&self) -> &[u8] {
        assert!(self.bytes.starts_with(b"Received: "), "the relay's trace comes first");
        let mut at = 0;
        loop {
            let end = at
                + self.bytes[at..]
                    .windows(2)
                    .position(|pair| pair == b"\r\n")
                    .expect("lines end")
                + 2;
            at = end;
            if !matches!(self.bytes.get(at), Some(b' ' | b'\t')) {
                return &self.bytes[at..];
            }
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}
