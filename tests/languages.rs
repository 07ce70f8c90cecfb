//! Plug-ins in other languages than Rust.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Link, Peer, Relay, binary, config, plugin, root, sample, tools};

/// The plug-in in JavaScript, built as its author would build it. `None` without Node.js.
fn javascript() -> Option<PathBuf> {
    if !tools::have_programs(&["node", "npm"]) {
        return None;
    }
    let component = root().join("target/test-plugins/javascript.wasm");
    let build = Command::new(root().join("plugins/javascript/build"))
        .arg(&component)
        .output();
    let output = build.expect("bash starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "plugins/javascript/build: {said}");
    Some(component)
}

#[test]
fn a_plug_in_in_javascript_is_configured_once_and_marks_large_messages() {
    let Some(component) = javascript() else { return };
    let mut test = Command::new(binary());
    test.args(["plugin", "test"]).arg(root().join("plugins/javascript"));
    let output = test.arg("--wasm").arg(&component).output().expect("the binary starts");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains("3 cases, 0 differ"), "{out}");

    let inspected = Command::new(binary())
        .args(["plugin", "inspect"])
        .arg(&component)
        .output();
    let inspected = String::from_utf8_lossy(&inspected.expect("the binary starts").stdout).into_owned();
    assert!(inspected.contains("grants = []\n"), "it needs none: {inspected}");

    let peer = Peer::start();
    let link = Link::new("large-mark", &component, &[], "larger-than = 100");
    let relay = Relay::start(&config(&peer, &link.to_string()));
    assert!(relay.offer(&sample::forward_request("js")).starts_with("250"));
    let sent = String::from_utf8_lossy(peer.wait_for(1)[0].without_trace()).into_owned();
    assert!(sent.contains("X-Example-Large: yes\r\n"), "{sent}");
}

/// A plug-in as its author has it: made by `plugin new` in a folder of its own, tested, and loaded into a running relay.
fn from_nothing_to_traffic(language: &str, native_tests: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let here = folder.path();
    let said = run_in(here, &["plugin", "new", "stamp-it", "--lang", language]);
    assert!(said.contains("stamp-it is ready"), "{said}");
    // Builds, samples, and the tests of the language itself.
    let said = run_in(here, &["plugin", "dev", "stamp-it", "--once"]);
    assert!(said.contains("2 cases, 0 differ"), "{said}");
    assert!(native_tests.iter().all(|step| said.contains(step)), "{said}");

    let component = here.join("stamp-it/target/plugins/stamp-it.wasm");
    let live = here.join("live.wasm");
    std::fs::copy(plugin("skeleton"), &live).expect("a component");
    let peer = Peer::start();
    let link = Link::new("stamp-it", &live, &[], "relay-name = \"relay-1\"");
    let relay = Relay::start(&config(&peer, &link.to_string()));
    let told = relay.command(&[
        "plugin",
        "load",
        "stamp-it",
        component.to_str().expect("UTF-8"),
        // A component of Python's size is compiled for a minute or two where others compile too.
        "--wait",
        "900",
    ]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    let sent = String::from_utf8_lossy(peer.wait_for(1)[0].without_trace()).into_owned();
    assert!(sent.contains("X-Example-Relay: relay-1\r\n"), "{sent}");
    let running = relay.print(&["plugin", "list"]);
    assert!(
        running.contains("its file was replaced by another version"),
        "{running}"
    );
}

fn run_in(folder: &Path, words: &[&str]) -> String {
    let mut command = Command::new(binary());
    // What cargo fetched for our own plug-ins is enough for a new one.
    command.env("CARGO_NET_OFFLINE", "true");
    let output = command
        .args(words)
        .current_dir(folder)
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    said.into_owned()
}

#[test]
fn a_plug_in_in_rust_comes_from_nothing_to_traffic_without_a_clone_of_the_relay() {
    from_nothing_to_traffic("rust", &["running: cargo test"]);
}

#[test]
fn a_plug_in_in_javascript_comes_from_nothing_to_traffic() {
    if tools::have_programs(&["node", "npm"]) {
        from_nothing_to_traffic("js", &["running: npm install", "running: npm test"]);
    }
}

#[test]
fn a_plug_in_in_typescript_comes_from_nothing_to_traffic() {
    if tools::have_programs(&["node", "npm"]) {
        from_nothing_to_traffic("ts", &["running: npm run --silent build", "running: npm test"]);
    }
}

#[test]
fn a_plug_in_in_python_comes_from_nothing_to_traffic() {
    if tools::have_python(&["venv", "ensurepip"]) {
        from_nothing_to_traffic(
            "python",
            &["running: .venv/bin/pip install", "running: .venv/bin/pytest"],
        );
    }
}
