//! A registry of the test's own: Debian's `docker-registry`, in a folder of its own.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Certificate, Process, eventually, tools};

/// A running registry; it ends with the test.
pub struct Registry {
    _process: Process,
    folder: tempfile::TempDir,
    port: u16,
}

impl Registry {
    /// Its only user.
    pub const USER: &str = "user";
    pub const PASSWORD: &str = "wonder";
    /// The password by bcrypt.
    const HASH: &str = "$2b$05$abcdefghijklmnopqrstuuLZNkQ1VL/QsuI/EN8Qq4Ia5232KBp7m";

    /// Whether there is one to start.
    pub fn is_there() -> bool {
        tools::have_programs(&["docker-registry"])
    }

    /// For everybody.
    pub fn start() -> Self {
        Self::with(|_| String::new(), None)
    }

    /// For its user.
    pub fn closed() -> Self {
        Self::with(
            |folder| {
                let file = folder.join("htpasswd");
                std::fs::write(&file, format!("{}:{}\n", Self::USER, Self::HASH)).expect("a writable folder");
                format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", file.display())
            },
            None,
        )
    }

    /// For whoever shows any token of `realm`.
    pub fn wanting_tokens_of(realm: &str) -> Self {
        Self::with(
            |_| format!("auth:\n  silly:\n    realm: {realm}\n    service: test\n"),
            None,
        )
    }

    /// For everybody, over TLS.
    pub fn over_tls(certificate: &Certificate) -> Self {
        Self::with(|_| String::new(), Some(certificate))
    }

    fn with(auth: impl FnOnce(&std::path::Path) -> String, tls: Option<&Certificate>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = tools::free_port();
        let auth = auth(folder.path());
        let tls = tls.map(|it| {
            let (certificate, key) = (it.certificate.display(), it.key.display());
            format!("  tls:\n    certificate: {certificate}\n    key: {key}\n")
        });
        let settings = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}/data\n\
             http:\n  addr: 127.0.0.1:{port}\n{}{auth}",
            folder.path().display(),
            tls.unwrap_or_default()
        );
        let file = folder.path().join("config.yml");
        std::fs::write(&file, settings).expect("a writable folder");
        let mut command = Command::new(tools::program("docker-registry"));
        command.arg("serve").arg(&file).stdin(Stdio::null());
        let process = Process::spawn("registry", command);
        eventually("the registry listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        Self {
            _process: process,
            folder,
            port,
        }
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A file with the password.
    pub fn password(&self) -> PathBuf {
        let file = self.folder.path().join("password");
        std::fs::write(&file, format!("{}\n", Self::PASSWORD)).expect("a writable folder");
        file
    }

    /// The octets that it stores under a digest: `sha256:...`.
    pub fn stored(&self, digest: &str) -> PathBuf {
        let hex = digest.trim_start_matches("sha256:");
        let blobs = self.folder.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }
}
