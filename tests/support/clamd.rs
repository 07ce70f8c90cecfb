//! A clamd of the test's own, from Debian's package: its own socket, and one signature that is nobody's virus.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Process, eventually, tools};

/// A running daemon; it ends with the test.
pub struct Clamd {
    _process: Process,
    folder: tempfile::TempDir,
    port: u16,
}

impl Clamd {
    /// What it finds, and the name that it has for it.
    pub const VIRUS: &str = "this-is-the-virus-of-a-test-of-mm4relay";
    pub const NAME: &str = "Mm4relay.Test.UNOFFICIAL";
    /// Octets of a stream at most.
    pub const STREAM_MAX: usize = 1 << 20;

    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("db")).expect("a writable folder");
        let hex: String = Self::VIRUS.bytes().map(|octet| format!("{octet:02x}")).collect();
        let signature = format!("{}:0:*:{hex}\n", Self::NAME.trim_end_matches(".UNOFFICIAL"));
        std::fs::write(path("db/test.ndb"), signature).expect("a writable folder");
        let port = tools::free_port();
        let settings = format!(
            "DatabaseDirectory {0}/db\nLocalSocket {0}/clamd.ctl\nTCPAddr 127.0.0.1\nTCPSocket {port}\nForeground yes\n\
             StreamMaxLength {1}\nTemporaryDirectory {0}\n",
            folder.path().display(),
            Self::STREAM_MAX
        );
        std::fs::write(path("clamd.conf"), settings).expect("a writable folder");
        let mut command = Command::new(tools::program("clamd"));
        command
            .arg("--config-file")
            .arg(path("clamd.conf"))
            .stdin(Stdio::null());
        let process = Process::spawn("clamd", command);
        let clamd = Self {
            _process: process,
            folder,
            port,
        };
        eventually("clamd listens", || UnixStream::connect(clamd.socket()).ok());
        clamd
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("clamd.ctl")
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}
