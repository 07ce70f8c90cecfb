//! Where the log goes: standard error, a file, or the system's log.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlet {
    Stderr,
    Syslog,
    File(PathBuf),
}

/// The socket of the system's log, on every Unix that has one.
const SYSLOG: &str = "/dev/log";

/// The facility `mail` of RFC 5424, 6.2.1, times eight.
const FACILITY: u8 = 2 << 3;

impl Outlet {
    /// # Errors
    /// The outlet cannot be written to, and why.
    pub fn open(&self) -> io::Result<Box<dyn Write + Send>> {
        match self {
            Self::Stderr => Ok(Box::new(io::stderr())),
            Self::File(path) => Ok(Box::new(append_to(path)?)),
            Self::Syslog => Ok(Box::new(Syslog::at(SYSLOG.into())?)),
        }
    }

    pub fn is_terminal(&self) -> bool {
        *self == Self::Stderr && io::stderr().is_terminal()
    }

    /// Whether the reader of the log expects the severity of each line.
    pub fn wants_priority(&self) -> bool {
        match self {
            Self::Syslog => true,
            Self::Stderr => is_journal(),
            Self::File(_) => false,
        }
    }
}

/// Whether standard error leads to systemd's journal. `JOURNAL_STREAM` holds its device and inode (systemd.exec(5)); a
/// process that redirects its output still inherits the variable, so both are compared.
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

/// Opens the file with access for the relay's user and group only, because lines may reveal who sends to whom.
fn append_to(path: &Path) -> io::Result<File> {
    let opened = OpenOptions::new().append(true).create(true).mode(0o640).open(path);
    opened.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// The system's log. Each write is one line, which begins with its priority.
struct Syslog {
    socket: UnixDatagram,
    at: PathBuf,
    tag: String,
}

impl Syslog {
    fn at(path: PathBuf) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        let connected = socket.connect(&path);
        connected.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        Ok(Self {
            socket,
            at: path,
            tag: format!("mm4relay[{}]: ", std::process::id()),
        })
    }
}

impl Write for Syslog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches('\n');
        let told = text.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        let (severity, text) = told.map_or((4, text), |(number, text)| (number.parse().unwrap_or(4), text));
        let packet = format!("<{}>{}{text}", FACILITY | severity, self.tag);
        if self.socket.send(packet.as_bytes()).is_err() {
            // The system's log was restarted, and its socket is another one.
            self.socket.connect(&self.at)?;
            self.socket.send(packet.as_bytes())?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut packet = [0; 256];
        let length = socket.recv(&mut packet).unwrap();
        String::from_utf8_lossy(&packet[..length]).into_owned()
    }

    #[test]
    fn the_systems_log_hears_each_line_with_facility_and_severity_also_after_it_was_started_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let first = UnixDatagram::bind(&path).unwrap();
        let mut log = Syslog::at(path.clone()).unwrap();
        log.write_all(b"<3> ERROR one event=x\n").unwrap();
        let expected = |pri: u8, text: &str| format!("<{pri}>mm4relay[{}]: {text}", std::process::id());
        assert_eq!(heard(&first), expected(19, " ERROR one event=x"));
        drop(first);
        std::fs::remove_file(&path).unwrap();
        let second = UnixDatagram::bind(&path).unwrap();
        log.write_all(b"<6>  INFO two\n").unwrap();
        assert_eq!(heard(&second), expected(22, "  INFO two"));
    }

    #[test]
    fn a_system_without_a_log_says_where_it_was_looked_for() {
        let error = Syslog::at("/nowhere/log".into()).err().unwrap();
        assert!(error.to_string().starts_with("/nowhere/log: "), "{error}");
    }
}
