//! Plug-ins in other languages than Rust.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Link, Peer, Relay, binary, config, root, sample, tools};

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
