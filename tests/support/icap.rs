//! An ICAP server of the test's own, from Debian's package: c-icap, whose service `avscan` asks a clamd of the test's own.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Clamd, Process, eventually, tools};

/// A running server; it ends with the test.
pub struct Icap {
    _process: Process,
    _folder: tempfile::TempDir,
    _clamd: Clamd,
    port: u16,
}

impl Icap {
    /// Whether there is one on this machine, with its service that looks for viruses.
    pub fn is_there() -> bool {
        tools::have_programs(&["clamd", "c-icap"])
            && tools::or_skip(
                modules().join("virus_scan.so").exists(),
                "c-icap's virus_scan (libc-icap-mod-virus-scan)",
            )
    }

    pub fn start() -> Self {
        let clamd = Clamd::start();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = tools::free_port();
        let modules = modules();
        let modules = modules.display();
        let settings = format!(
            "PidFile {0}/pid\nCommandsSocket {0}/ctl\nStartServers 1\nMaxServers 1\nThreadsPerChild 10\nPort 127.0.0.1:{port}\n\
             TmpDir {0}\nModulesDir {modules}\nServicesDir {modules}\nTemplateDir /usr/share/c_icap/templates/\n\
             TemplateDefaultLanguage en\nLoadMagicFile /etc/c-icap/c-icap.magic\nServerLog {0}/server.log\nAccessLog {0}/access.log\n\
             Service echo srv_echo.so\nService antivirus_module virus_scan.so\n\
             ServiceAlias avscan virus_scan?allow204=on&sizelimit=off&mode=simple\n\
             virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GIF JPEG MSOFFICE\n\
             Module common clamd_mod.so\nclamd_mod.ClamdSocket {1}\n",
            folder.path().display(),
            clamd.socket().display(),
        );
        let file = folder.path().join("c-icap.conf");
        std::fs::write(&file, settings).expect("a writable folder");
        let mut command = Command::new(tools::program("c-icap"));
        command.args(["-N", "-f"]).arg(&file).stdin(Stdio::null());
        let process = Process::spawn("c-icap", command);
        eventually("c-icap listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self {
            _process: process,
            _folder: folder,
            _clamd: clamd,
            port,
        }
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// Where Debian puts its services: a folder named after the machine's kind.
fn modules() -> PathBuf {
    let kinds = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let folders = kinds.map(|kind| kind.path().join("c_icap"));
    folders.into_iter().find(|folder| folder.is_dir()).unwrap_or_default()
}
