//! `mm4relay send --load` beside a test.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::Process;

/// A running load generator, and its ledger of what was acknowledged.
pub struct Load {
    process: Process,
    folder: TempDir,
}

impl Load {
    pub fn start(to: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ledger = folder.path().join("ledger");
        let mut arguments = vec![
            "send",
            "--load",
            "--to",
            to,
            "--ledger",
            ledger.to_str().expect("UTF-8"),
        ];
        arguments.extend(flags);
        let process = Process::start("load", &arguments);
        Self { process, folder }
    }

    /// The transaction ids that were acknowledged so far, in the order of the answers.
    pub fn acknowledged(&self) -> Vec<String> {
        let ledger = std::fs::read_to_string(self.ledger()).unwrap_or_default();
        ledger.lines().map(str::to_owned).collect()
    }

    /// How many octets the ledger has: it grows with each message.
    pub fn progress(&self) -> u64 {
        std::fs::metadata(self.ledger()).map_or(0, |ledger| ledger.len())
    }

    /// Waits for its end, and returns its figures.
    pub fn report(&self, within: Duration) -> serde_json::Value {
        let line = self.process.line_within(within);
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }
}
