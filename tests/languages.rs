//! Plug-ins in other languages than Rust.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Link, Peer, Relay, Web, binary, config, guest, plugin, root, sample, tools};

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
    assert!(running.contains(", by plugin load"), "{running}");
}

fn mm4relay_in(folder: &Path, words: &[&str]) -> std::process::Output {
    let mut command = Command::new(binary());
    // What cargo fetched for our own plug-ins is enough for a new one.
    command.env("CARGO_NET_OFFLINE", "true");
    command
        .args(words)
        .current_dir(folder)
        .output()
        .expect("the binary starts")
}

fn run_in(folder: &Path, words: &[&str]) -> String {
    let output = mm4relay_in(folder, words);
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

/// A plug-in of `tests/fixtures/scripts` in a folder that `plugin new` has made.
struct Script {
    folder: tempfile::TempDir,
    component: PathBuf,
}

impl Script {
    /// Its world does not name what the script imports; the author is told which line is missing, and adds it.
    fn built(language: &str, file: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let here = folder.path();
        run_in(here, &["plugin", "new", "asks", "--lang", language]);
        let source = root().join("tests/fixtures/scripts").join(file);
        std::fs::copy(source, here.join("asks").join(file)).expect("a writable folder");
        let output = mm4relay_in(here, &["plugin", "build", "asks"]);
        let said = String::from_utf8_lossy(&output.stderr);
        let line = "import mm4:filter/http@0.1.0;";
        assert!(!output.status.success(), "{said}");
        for taught in [line, file, "wit/world.wit", "grants"] {
            assert!(said.contains(taught), "{taught} in {said}");
        }
        let world = here.join("asks/wit/world.wit");
        let text = std::fs::read_to_string(&world).expect("a world");
        let text = text.replace("    export ", &format!("    {line}\n    export "));
        std::fs::write(&world, text).expect("a writable folder");
        run_in(here, &["plugin", "build", "asks"]);
        let component = here.join("asks/target/plugins/asks.wasm");
        Self { folder, component }
    }

    /// What `plugin test` says of a case with this message and these settings.
    fn tested(&self, message: &[u8], settings: &str) -> String {
        let here = self.folder.path();
        std::fs::write(here.join("asks/plugin.toml"), "grants = [\"http\"]\n").expect("a writable folder");
        let case = here.join("asks/samples/stumbles");
        std::fs::create_dir_all(&case).expect("a folder");
        std::fs::write(case.join("message.eml"), message).expect("a file");
        std::fs::write(case.join("case.toml"), format!("settings = {{ {settings} }}\n")).expect("a file");
        let wasm = self.component.to_str().expect("UTF-8");
        let words = ["plugin", "test", "asks", "--case", "stumbles", "--wasm", wasm];
        String::from_utf8_lossy(&mm4relay_in(here, &words).stdout).into_owned()
    }
}

/// It asks a service through a running relay; and what it throws is shown as its language shows it, which is compared with
/// `tests/golden/scripts`.
fn asks_a_service_and_shows_where_it_stumbles(language: &str, file: &str) {
    let script = Script::built(language, file);
    let web = Web::start(|head, _| Web::answer(200, head.lines().next().unwrap_or_default()));
    let origin = format!("http://{}", web.address());
    let settings = format!("url = \"{origin}/v1/\"");
    // The relay starts with a component that is compiled at once: one of Python's size may take minutes where others compile too.
    let live = script.folder.path().join("live.wasm");
    std::fs::copy(guest("noop"), &live).expect("a component");
    let link = Link::new("asks", &live, &["http"], &settings).limits("time = \"30 s\"");
    let service = format!("\n[[plugin.service]]\nname = \"s\"\nurl = {origin:?}\npaths = [\"/v1/*\"]\n");
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &format!("{link}{service}")));
    let component = script.component.to_str().expect("UTF-8");
    let told = relay.command(&["plugin", "load", "asks", component, "--wait", "900"]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    for id in ["k1", "k2"] {
        assert!(relay.offer(&sample::forward_request(id)).starts_with("250"));
    }
    let sent = String::from_utf8_lossy(peer.wait_for(2)[1].without_trace()).into_owned();
    assert!(sent.contains("X-Worth: 200 GET /v1/7 HTTP/1.1\r\n"), "{sent}");
    let asked = web.asked().concat().to_lowercase();
    assert!(asked.contains("x-from: "), "{asked}");
    assert_eq!(web.connections(), 1, "{asked}");

    let mut said = String::new();
    for what in STUMBLES {
        let field = format!("X-Do: {what}");
        let out = script.tested(&sample::with_body("k3", &[&field], b"hello\r\n"), &settings);
        let lines = out.lines().map(|line| line.trim_start_matches([' ', '+']));
        let kept = lines.filter(|line| {
            ["none, it failed", "log ", "stack ", "hint "]
                .iter()
                .any(|word| line.starts_with(word))
        });
        said += &format!("== {what}\n{}\n\n", kept.collect::<Vec<_>>().join("\n"));
    }
    let golden = root().join("tests/golden/scripts").join(format!("{language}.txt"));
    if std::env::var_os("MM4RELAY_BLESS").is_some() {
        std::fs::create_dir_all(golden.parent().expect("a folder")).expect("a folder");
        std::fs::write(&golden, &said).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(said, expected, "MM4RELAY_BLESS=1 accepts what is said now");
}

/// What the scripts of the fixture do wrong when a message says so.
const STUMBLES: [&str; 5] = ["throw", "fault", "unknown-name", "wrong-shape", "not-allowed"];

#[test]
fn a_plug_in_in_javascript_asks_a_service_and_shows_where_it_stumbles() {
    if tools::have_programs(&["node", "npm"]) {
        asks_a_service_and_shows_where_it_stumbles("js", "plugin.js");
    }
}

#[test]
fn a_plug_in_in_python_asks_a_service_and_shows_where_it_stumbles() {
    if tools::have_python(&["venv", "ensurepip"]) {
        asks_a_service_and_shows_where_it_stumbles("python", "plugin.py");
    }
}
