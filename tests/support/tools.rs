//! Programs of other people: a test that needs one that is missing says so and passes, unless
//! `MM4RELAY_REQUIRE_TOOLS=1`, as `.ci/run` sets it. Then it fails.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use super::own_host;

/// Whether all of these can be run by name.
pub fn have_programs(names: &[&str]) -> bool {
    names.iter().all(|name| or_skip(program(name).exists(), name))
}

/// Whether `python3` is there and can import all of these.
pub fn have_python(modules: &[&str]) -> bool {
    let imports = |module: &&str| {
        let asked = Command::new("python3")
            .args(["-c", &format!("import {module}")])
            .output();
        or_skip(
            asked.is_ok_and(|output| output.status.success()),
            &format!("python3 with the module {module}"),
        )
    };
    modules.iter().all(imports)
}

/// Whether `perl` is there with all of these modules.
pub fn have_perl(modules: &[&str]) -> bool {
    let loads = |module: &&str| {
        let asked = Command::new("perl").args([&format!("-M{module}"), "-e1"]).output();
        or_skip(
            asked.is_ok_and(|output| output.status.success()),
            &format!("perl with the module {module}"),
        )
    };
    modules.iter().all(loads)
}

/// Whether this is root, without whom Postfix does not start.
pub fn am_root() -> bool {
    or_skip(is_root(), "root")
}

/// Whether a test may listen at the port of SMTP, where mail exchangers are.
pub fn may_be_an_exchanger() -> bool {
    or_skip(
        TcpListener::bind((own_host(), 25)).is_ok(),
        "the right to listen at port 25",
    )
}

pub fn is_root() -> bool {
    let asked = Command::new("id").arg("-u").output();
    asked.is_ok_and(|output| output.stdout == b"0\n")
}

/// Where a program is, by name; the name itself when it is nowhere. Users' search paths lack Debian's `/usr/sbin`.
pub fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut places = folders.map(|folder| folder.join(name));
    places.find(|place| place.is_file()).unwrap_or_else(|| name.into())
}

/// Runs a script with `python3 -`, and returns what it printed; it must succeed.
pub fn python(script: &str, arguments: &[&str]) -> String {
    let mut child = Command::new("python3")
        .arg("-")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(script.as_bytes()).expect("python3 reads its script");
    drop(stdin);
    succeeded("python3", &child.wait_with_output().expect("python3 ends"))
}

/// Runs a program to its end, and returns what it printed; it must succeed.
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    succeeded(&format!("{command:?}"), &output)
}

/// A port where nobody listens, below those that the system gives to outgoing connections: it stays free while a relay
/// that was killed is down.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Several test programs may run at once.
    let start = 20_000 + u16::try_from(std::process::id() % 100).expect("small") * 100;
    let mut ports = std::iter::repeat_with(|| start + NEXT.fetch_add(1, Ordering::Relaxed) % 100).take(100);
    ports
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("one of a hundred ports is free")
}

/// The highest resident memory that a process ever had, in octets.
pub fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"));
    let status = status.expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse::<u64>().ok()).expect("a size in kB") * 1024
}

fn succeeded(what: &str, output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    println!("{what}: {out}{err}");
    assert!(output.status.success(), "{what} failed: {out}{err}");
    out.into_owned()
}

pub fn or_skip(there: bool, what: &str) -> bool {
    if there {
        return true;
    }
    let required = std::env::var_os("MM4RELAY_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(!required, "{what} is missing, and MM4RELAY_REQUIRE_TOOLS=1");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not eprintln!, which the test program would keep to itself.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {what} is missing");
    false
}
