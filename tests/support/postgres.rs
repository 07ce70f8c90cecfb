//! A PostgreSQL server of the tests' own: in a folder of its own, on a socket there and on a free port, gone with the test.
//! The tests of the store take this file too, so it stands by itself.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the server is to be sure of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// What it commits survives the machine.
    Flushes,
    /// Quick: nothing survives, and no test says that it does.
    Forgets,
}

/// A server that runs.
pub struct Postgres {
    folder: tempfile::TempDir,
    /// Ends with its standard input, so also when this program is killed.
    keeper: Child,
    pub port: u16,
}

/// The user of the database in it.
pub const USER: &str = "postgres";

impl Postgres {
    /// `None` where no server is installed: the test says so, and fails with `MM4RELAY_REQUIRE_TOOLS=1`.
    pub fn start(care: Care) -> Option<Self> {
        let Some(programs) = programs() else {
            let required = std::env::var_os("MM4RELAY_REQUIRE_TOOLS").is_some_and(|value| value == "1");
            assert!(
                !required,
                "PostgreSQL 15 or later is missing, and MM4RELAY_REQUIRE_TOOLS=1"
            );
            println!("SKIPPED: PostgreSQL 15 or later is missing");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("mm4pg").tempdir().expect("a folder");
        let user = server_user();
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).expect("a folder of the server's");
        }
        let data = folder.path().join("data");
        let init = as_server(&programs.join("initdb"), user)
            .args([
                "--username",
                USER,
                "--auth",
                "trust",
                "--no-sync",
                "--locale",
                "C.UTF-8",
                "--encoding",
                "UTF8",
                "--pgdata",
            ])
            .arg(&data)
            .output()
            .expect("initdb");
        assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .expect("a port")
            .port();
        let flush = if care == Care::Flushes { "on" } else { "off" };
        let mut settings = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nmax_connections = 400\n\
             fsync = {flush}\nfull_page_writes = {flush}\nwal_level = replica\nmax_wal_senders = 4\n",
            folder.path().display()
        );
        settings.push_str("logging_collector = off\nlog_min_messages = warning\nshared_buffers = 64MB\n");
        let file = data.join("postgresql.auto.conf");
        fs::write(&file, settings).expect("settings");
        if let Some((user, group)) = user {
            chown(&file, Some(user), Some(group)).expect("settings of the server's");
        }
        let keeper = keep(folder.path());
        let server = Self { folder, keeper, port };
        server.wait();
        Some(server)
    }

    /// It ends as if its machine had.
    pub fn crash(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }

    /// On what it had flushed.
    pub fn start_again(&mut self) {
        self.keeper = keep(self.folder.path());
        self.wait();
    }

    /// Where its socket is.
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// What a statement prints, a line for each row.
    pub fn ask(&self, sql: &str) -> Result<String, String> {
        let asked = Command::new(programs().unwrap_or_default().join("psql"))
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-w",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                USER,
                "-d",
                "postgres",
                "-h",
            ])
            .arg(self.socket())
            .args(["-p", &self.port.to_string(), "-c", sql])
            .output()
            .map_err(|error| error.to_string())?;
        match asked.status.success() {
            true => Ok(String::from_utf8_lossy(&asked.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&asked.stderr).into_owned()),
        }
    }

    /// The log's receiver, as a standby that has everything flushed: PostgreSQL waits for it by the name `standby`.
    pub fn standby(&self) -> Standby {
        let to = self.folder.path().join("standby");
        fs::create_dir_all(&to).expect("a folder for the standby");
        let user = server_user();
        if let Some((user, group)) = user {
            chown(&to, Some(user), Some(group)).expect("a folder of the standby's");
        }
        let server = format!(
            "host={} port={} user={USER} application_name=standby",
            self.socket().display(),
            self.port
        );
        let child = as_server(&programs().unwrap_or_default().join("pg_receivewal"), user)
            .args(["--synchronous", "--no-loop", "-d", &server, "-D"])
            .arg(&to)
            .stderr(Stdio::null())
            .spawn();
        Standby(child.expect("pg_receivewal"))
    }

    fn wait(&self) {
        let begun = Instant::now();
        while self.ask("SELECT 1").is_err() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "the server does not answer:\n{log}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.crash();
    }
}

/// A server that ends when this program does.
fn keep(folder: &Path) -> Child {
    let log = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(folder.join("log"))
        .expect("a log");
    let run = r#""$1" -D "$2" & server=$!; cat >/dev/null; kill -QUIT $server; wait $server"#;
    as_server(Path::new("/bin/sh"), server_user())
        .args(["-c", run, "keeper"])
        .arg(programs().unwrap_or_default().join("postgres"))
        .arg(folder.join("data"))
        .stdin(Stdio::piped())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .spawn()
        .expect("a server")
}

/// Receives the log until it is dropped.
pub struct Standby(Child);

impl Drop for Standby {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The newest version's folder.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let versions = versions.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let newest = versions.filter(|version| *version >= 15).max()?;
    let folder = PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"));
    folder.join("postgres").exists().then_some(folder)
}

/// The server does not run as root: then it runs as the package's user.
fn server_user() -> Option<(u32, u32)> {
    let root = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").ok()?) == 0;
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users
        .lines()
        .find(|line| line.starts_with("postgres:"))
        .filter(|_| root)?;
    let mut fields = line.split(':').skip(2).map(|field| field.parse().ok());
    Some((fields.next()??, fields.next()??))
}

fn as_server(program: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    command
}
