//! Components that would cost the relay its memory, its time or its attention: compiled elsewhere, within limits, or
//! refused before that. And files that are no files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Peer, Relay, config, eventually, fattened, guest, mm4relay, sample};

/// One plug-in from the folder `plugins` beside the configuration.
fn chain(keys: &str) -> String {
    format!("[[plugin]]\nname = \"p\"\nfile = \"p.wasm\"\n{keys}")
}

/// A relay that runs a plug-in which does nothing.
fn relay(peer: &Peer, keys: &str) -> Relay {
    let mut relay = Relay::stopped(&config(peer, &chain(keys)));
    fs::create_dir(relay.path("plugins")).expect("a writable folder");
    fs::copy(guest("noop"), relay.path("plugins/p.wasm")).expect("a component");
    relay.start_again();
    relay
}

fn noop() -> Vec<u8> {
    fs::read(guest("noop")).expect("a component")
}

/// Some megabytes that take many seconds to compile, within the limits on structure.
fn slow_to_compile() -> Vec<u8> {
    fattened(&noop(), 12, 150, 30_000)
}

/// Beside the folder that is watched.
fn aside(relay: &Relay, name: &str, wasm: &[u8]) -> PathBuf {
    let path = relay.path(name);
    fs::write(&path, wasm).expect("a writable folder");
    path
}

/// What `plugin load` says of a file that is refused.
fn refused(relay: &Relay, file: &Path) -> String {
    let said = relay.command(&["plugin", "load", "p", file.to_str().expect("UTF-8")]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(!said.status.success(), "{text}");
    text
}

fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().expect("coreutils");
    assert!(made.success());
}

/// The processes that compile for a process.
fn compilers(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    let numbers = processes.filter_map(|it| it.file_name().to_str()?.parse::<u32>().ok());
    let compiles = |number: &u32| {
        let read = |file: &str| fs::read_to_string(format!("/proc/{number}/{file}")).unwrap_or_default();
        let stat = read("stat");
        let its_parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        its_parent == Some(&parent.to_string()) && read("cmdline").contains("compile-plugin")
    };
    numbers.filter(compiles).collect()
}

fn runs(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| !rest.trim_start().starts_with('Z') && !rest.is_empty())
}

#[test]
fn a_component_that_takes_too_long_to_compile_is_refused_and_the_running_version_stays() {
    let peer = Peer::start();
    let relay = relay(&peer, "[plugin.limits]\ncompile-time = \"1 s\"\n");
    let file = aside(&relay, "slow.wasm", &slow_to_compile());
    let text = refused(&relay, &file);
    assert!(text.contains("compiling it") && text.contains("compile-time"), "{text}");
    assert!(relay.offer(&sample::forward_request("m")).starts_with("250 "));
    assert!(compilers(relay.process().id()).is_empty());
    let left = fs::read_dir(relay.path("spool/compiled")).expect("a folder").flatten();
    let unfinished = left
        .filter(|it| it.file_name().to_string_lossy().starts_with("unfinished"))
        .count();
    assert_eq!(unfinished, 0, "what was begun is gone");
}

#[test]
fn a_component_that_takes_too_much_memory_to_compile_is_refused_with_the_limit() {
    let peer = Peer::start();
    let relay = relay(&peer, "[plugin.limits]\ncompile-memory = \"256 MiB\"\n");
    let file = aside(&relay, "large.wasm", &fattened(&noop(), 1, 150, 32_000));
    let text = refused(&relay, &file);
    assert!(
        text.contains("268435456 octets of memory") && text.contains("compile-memory"),
        "{text}"
    );
    assert!(relay.offer(&sample::forward_request("m")).starts_with("250 "));
}

#[test]
fn a_component_with_too_much_in_one_function_is_refused_at_once_with_figure_and_limit() {
    let peer = Peer::start();
    let relay = relay(&peer, "");
    let file = aside(&relay, "complex.wasm", &fattened(&noop(), 1, 20_000, 100));
    let began = Instant::now();
    let text = refused(&relay, &file);
    assert!(
        text.contains("20000 local variables in one function") && text.contains("more than the 10000"),
        "{text}"
    );
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(
        fs::read(relay.path("plugins/p.wasm")).expect("a file"),
        noop(),
        "what runs is in its place again"
    );
    fs::copy(&file, relay.path("plugins/p.wasm")).expect("a writable folder");
    let said = mm4relay(&["check", "--config", relay.path("relay.toml").to_str().expect("UTF-8")]);
    assert!(!said.ok && said.err.contains("20000 local variables"), "{}", said.err);
}

#[test]
fn signals_are_heard_while_a_plug_in_is_compiled_and_the_compiler_ends_with_the_relay() {
    let peer = Peer::start();
    let mut relay = relay(
        &peer,
        "[plugin.limits]\ncompile-time = \"10 min\"\ncompile-memory = \"8 GiB\"\n",
    );
    fs::write(relay.path("plugins/new"), slow_to_compile()).expect("a writable folder");
    fs::rename(relay.path("plugins/new"), relay.path("plugins/p.wasm")).expect("a writable folder");
    let process = relay.process().id();
    let compiler = eventually("it is compiled elsewhere", || compilers(process).first().copied());
    // The first waits for the load that is under way, the second is told so.
    relay.reload();
    eventually("the second is heard", || {
        relay.reload();
        relay.process().log().contains("a reload is under way").then_some(())
    });
    assert!(relay.offer(&sample::forward_request("m")).starts_with("250 "));
    relay.stop();
    eventually("the compiler is gone too", || (!runs(compiler)).then_some(()));
}

#[test]
fn a_pipe_in_the_place_of_a_plug_in_is_refused_and_blocks_nobody() {
    let peer = Peer::start();
    let relay = relay(&peer, "");
    let file = relay.path("pipe.wasm");
    pipe(&file);
    let text = refused(&relay, &file);
    assert!(text.contains("a pipe (FIFO), not a regular file"), "{text}");

    pipe(&relay.path("plugins/new"));
    fs::rename(relay.path("plugins/new"), relay.path("plugins/p.wasm")).expect("a writable folder");
    relay.process().wait_for_log("a pipe (FIFO), not a regular file");
    assert!(relay.offer(&sample::forward_request("m")).starts_with("250 "));
    eventually("the attempt is in the history", || {
        let book = fs::read_to_string(relay.path("spool/plugins.json")).ok()?;
        book.contains("not a regular file").then_some(())
    });
    let said = mm4relay(&["check", "--config", relay.path("relay.toml").to_str().expect("UTF-8")]);
    assert!(!said.ok && said.err.contains("is no regular file"), "{}", said.err);
}
