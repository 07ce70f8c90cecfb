//! A PostgreSQL server of the tests' own: in a folder of its own, on a socket there and on a free port, gone with the test.
//! The tests of the store take this file too, so it stands by itself.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
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
        Self::start_with(care, "")
    }

    /// With further settings, lines of `postgresql.conf`.
    pub fn start_with(care: Care, more: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            let required = std::env::var_os("MM4RELAY_REQUIRE_TOOLS").is_some_and(|value| value == "1");
            assert!(
                !required,
                "PostgreSQL 15 or later is missing, and MM4RELAY_REQUIRE_TOOLS=1"
            );
            println!("SKIPPED: PostgreSQL 15 or later is missing");
            return None;
        };
        let folder = own_folder();
        let init = as_server(&programs.join("initdb"), server_user())
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
            ])
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .output()
            .expect("initdb");
        assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
        let flush = if care == Care::Flushes { "on" } else { "off" };
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nmax_connections = 400\nfsync = {flush}\nfull_page_writes = {flush}\n\
             wal_level = replica\nmax_wal_senders = 8\nwal_keep_size = '256MB'\nhot_standby = on\nlogging_collector = off\n\
             log_min_messages = warning\nshared_buffers = 64MB\n{more}\n"
        );
        Some(Self::run(folder, free_port(), &settings))
    }

    /// A server that has what this one has, and follows it under this name: what is committed here is there too, if
    /// `synchronous_standby_names` names it. It listens on `port`, or on a free one.
    pub fn follow(&self, name: &str, port: Option<u16>, more: &str) -> Self {
        let folder = own_folder();
        let copied = as_server(&programs().unwrap_or_default().join("pg_basebackup"), server_user())
            .args(["--checkpoint=fast", "--no-sync", "-w", "-U", USER, "-h"])
            .arg(self.socket())
            .args(["-p", &self.port.to_string(), "-D"])
            .arg(folder.path().join("data"))
            .output()
            .expect("pg_basebackup");
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        let settings = format!(
            "primary_conninfo = 'host={} port={} user={USER} application_name={name}'\n{more}\n",
            self.socket().display(),
            self.port
        );
        write_as_server(&folder.path().join("data/standby.signal"), "");
        Self::run(folder, port.unwrap_or_else(free_port), &settings)
    }

    /// A standby writes from now on.
    pub fn promote(&self) {
        assert_eq!(self.ask("SELECT pg_promote()").as_deref(), Ok("t"), "it is promoted");
    }

    /// Waits until a commit here waits for a standby, and a standby is there.
    pub fn wait_for_standby(&self) {
        const IN_STEP: &str = "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')";
        let begun = Instant::now();
        while self.ask(IN_STEP).as_deref() != Ok("1") {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "no standby is in step:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// On a folder with its data. Settings here go before those that are there.
    fn run(folder: tempfile::TempDir, port: u16, settings: &str) -> Self {
        let file = folder.path().join("data/postgresql.auto.conf");
        let before = fs::read_to_string(&file).unwrap_or_default();
        let place = format!(
            "port = {port}\nunix_socket_directories = '{}'\n",
            folder.path().display()
        );
        write_as_server(&file, &format!("{before}{settings}{place}"));
        let keeper = keep(folder.path());
        let server = Self { folder, keeper, port };
        server.wait();
        server
    }

    /// Settings with which it shows this certificate: the files of `(certificate, key)`, in copies of its own.
    pub fn with_certificate(&self, certificate: &Path, key: &Path) {
        for (from, name) in [(certificate, "shown.pem"), (key, "shown.key")] {
            let text = fs::read_to_string(from).expect("a file of PEM");
            write_as_server(&self.folder.path().join("data").join(name), &text);
        }
        let shown = ["ssl_cert_file = 'shown.pem'", "ssl_key_file = 'shown.key'", "ssl = on"];
        for setting in shown {
            self.ask(&format!("ALTER SYSTEM SET {setting}")).expect("it is set");
        }
        self.ask("SELECT pg_reload_conf()").expect("it is read again");
    }

    /// All its processes get this signal: `STOP`, as a machine that stands still, and `CONT`.
    pub fn signal(&self, name: &str) {
        assert_eq!(self.send(name), Some(true), "it gets {name}");
    }

    /// `None`: it does not run.
    fn send(&self, name: &str) -> Option<bool> {
        let file = fs::read_to_string(self.folder.path().join("data/postmaster.pid")).ok()?;
        let server = file.lines().next()?.to_owned();
        let is_its = |process: &fs::DirEntry| {
            let status = fs::read_to_string(process.path().join("status")).unwrap_or_default();
            let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
            parent.is_some_and(|parent| parent.trim() == server)
        };
        let children = fs::read_dir("/proc").ok()?.filter_map(Result::ok).filter(is_its);
        let children: Vec<_> = children.map(|process| process.file_name()).collect();
        let mut kill = Command::new("kill");
        let sent = kill.arg(format!("-{name}")).arg(&server).args(children).status();
        Some(sent.is_ok_and(|status| status.success()))
    }

    /// It ends as if its machine had.
    pub fn crash(&mut self) {
        // One that stands still would not.
        let _ = self.send("CONT");
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
        let asked = self
            .psql()
            .args(["-c", sql])
            .output()
            .map_err(|error| error.to_string())?;
        match asked.status.success() {
            true => Ok(String::from_utf8_lossy(&asked.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&asked.stderr).into_owned()),
        }
    }

    /// A client of it.
    pub fn psql(&self) -> Command {
        let mut psql = Command::new(programs().unwrap_or_default().join("psql"));
        psql.args([
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
        .args(["-p", &self.port.to_string()]);
        psql
    }

    /// The log's receiver, as a standby that has everything flushed: PostgreSQL waits for it by the name `standby`.
    pub fn standby(&self) -> Standby {
        let to = self.folder.path().join("standby");
        fs::create_dir_all(&to).expect("a folder for the standby");
        let user = server_user();
        to_server(&to);
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
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "the server does not answer:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What it has written down.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.crash();
    }
}

fn own_folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("mm4pg").tempdir().expect("a folder");
    to_server(folder.path());
    folder
}

/// From now on it is the server's.
fn to_server(path: &Path) {
    if let Some((user, group)) = server_user() {
        chown(path, Some(user), Some(group)).expect("it is the server's");
    }
}

/// For nobody else to read: of keys, the server insists on that.
fn write_as_server(file: &Path, text: &str) {
    fs::write(file, text).expect("a file of the server's");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("its rights");
    to_server(file);
}

fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    free.expect("a port").port()
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
