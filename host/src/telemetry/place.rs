//! Where the log goes: standard error, a file, or the system's log.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Stderr,
    Syslog,
    File(PathBuf),
}

/// The socket of the system's log, on every Unix that has one.
const SYSLOG: &str = "/dev/log";

/// `mail` of RFC 5424, 6.2.1, times eight.
const FACILITY: u8 = 2 << 3;

impl Place {
    /// # Errors
    /// That it cannot be written to, and what is missing.
    pub fn open(&self) -> io::Result<Box<dyn Write + Send>> {
        match self {
            Self::Stderr => Ok(Box::new(io::stderr())),
            Self::File(path) => Ok(Box::new(append_to(path)?)),
            Self::Syslog => {
                let socket = UnixDatagram::unbound()?;
                socket
                    .connect(SYSLOG)
                    .map_err(|error| io::Error::new(error.kind(), format!("{SYSLOG}: {error}")))?;
                Ok(Box::new(Syslog {
                    socket,
                    tag: format!("mm4relay[{}]: ", std::process::id()),
                }))
            }
        }
    }

    pub fn is_terminal(&self) -> bool {
        *self == Self::Stderr && io::stderr().is_terminal()
    }

    /// Whether what reads it wants to know how severe each line is.
    pub fn wants_priority(&self) -> bool {
        match self {
            Self::Syslog => true,
            Self::Stderr => is_journal(),
            Self::File(_) => false,
        }
    }
}

/// Whether standard error leads to systemd's journal: `JOURNAL_STREAM` says which device and inode that is
/// (systemd.exec(5)). It is inherited by what redirects its output elsewhere, so it is compared.
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(descriptor) = io::stderr().as_fd().try_clone_to_owned() else {
        return false;
    };
    let Ok(metadata) = File::from(descriptor).metadata() else {
        return false;
    };
    stream == format!("{}:{}", metadata.dev(), metadata.ino())
}

/// For the relay's user and their group: lines may tell who sent to whom.
fn append_to(path: &Path) -> io::Result<File> {
    let opened = OpenOptions::new().append(true).create(true).mode(0o640).open(path);
    opened.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Each write is one line, which begins with its priority.
struct Syslog {
    socket: UnixDatagram,
    tag: String,
}

impl Write for Syslog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches('\n');
        let told = text.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        let (severity, text) = told.map_or((4, text), |(number, text)| (number.parse().unwrap_or(4), text));
        let packet = format!("<{}>{}{text}", FACILITY | severity, self.tag);
        if self.socket.send(packet.as_bytes()).is_err() {
            // The system's log was started anew: its socket is another one.
            self.socket.connect(SYSLOG)?;
            self.socket.send(packet.as_bytes())?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
