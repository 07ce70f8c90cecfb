//! The example and the bundled plug-ins, as the documentation shows them.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::{
    Authority, Conversation, Link, Peer, Process, Relay, config, config_at, mm4relay, plugin, root, sample,
};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The words in backquotes.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The keys of a table in a page: the first cells of the rows under the heading `name`.
fn documented(page: &str, name: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(page)).expect("the page");
    let section = text.split(&format!("\n### `{name}`\n")).nth(1).expect("its section");
    let section = section
        .split("\n## ")
        .next()
        .and_then(|section| section.split("\n### ").next());
    let rows = section
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| row.split(" | ").next());
    cells.flat_map(|cell| quoted(&format!("`{cell}"))).collect()
}

/// A plug-in names its settings when it is given one that it does not have.
fn known(name: &str, settings: &str) -> BTreeSet<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("relay.toml");
    let odd = Link::bundled(name, settings).to_string();
    std::fs::write(&file, config_at("127.0.0.1:2526", &odd)).expect("a writable folder");
    let said = mm4relay(&["check", "--config", text(&file)]);
    let expected = said.err.split("unknown field `zzzzzz`, expected").nth(1);
    let expected = expected.unwrap_or_else(|| panic!("{name} does not name its settings: {}", said.err));
    quoted(expected)
}

#[test]
fn every_setting_of_a_bundled_plug_in_is_documented_and_no_other() {
    for name in ["address-rewrite", "screen", "content-adapt", "charging", "skeleton"] {
        let known = known(name, "zzzzzz = 1");
        assert!(!known.is_empty());
        assert_eq!(
            known,
            documented("docs/plugins.md", name),
            "{name}: its settings, and those in docs/plugins.md"
        );
    }
}

#[test]
fn every_key_of_a_rule_is_documented_and_no_other() {
    for (name, section, settings) in [
        ("address-rewrite", "peers", "peers = { a = { zzzzzz = 1 } }"),
        ("address-rewrite", "rules", "rules = [{ name = \"a\", zzzzzz = 1 }]"),
        (
            "address-rewrite",
            "when",
            "rules = [{ name = \"a\", when = { zzzzzz = 1 } }]",
        ),
        ("screen", "settings", "zzzzzz = 1"),
        ("screen", "rules", "rules = [{ name = \"a\", zzzzzz = 1 }]"),
        ("screen", "when", "rules = [{ name = \"a\", when = { zzzzzz = 1 } }]"),
        (
            "screen",
            "except",
            "rules = [{ name = \"a\", except = { zzzzzz = 1 } }]",
        ),
        ("screen", "flood", "rules = [{ name = \"a\", flood = { zzzzzz = 1 } }]"),
        (
            "screen",
            "duplicates",
            "rules = [{ name = \"a\", duplicates = { zzzzzz = 1 } }]",
        ),
        (
            "screen",
            "virus-scan",
            "rules = [{ name = \"a\", virus-scan = { zzzzzz = 1 } }]",
        ),
        (
            "screen",
            "service",
            "rules = [{ name = \"a\", service = { zzzzzz = 1 } }]",
        ),
    ] {
        let page = format!("docs/{name}.md");
        assert_eq!(
            known(name, settings),
            documented(&page, section),
            "{name}: keys of {section}, and those in {page}"
        );
    }
}

/// What the example names, in a folder: its own text, but with addresses and ports of this test.
struct Example {
    folder: tempfile::TempDir,
    operator_b: Peer,
    server: Peer,
}

impl Example {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["tables", "plugins/samples", "tls", "secrets"] {
            std::fs::create_dir_all(path(name)).expect("a writable folder");
        }
        std::fs::write(path("tables/blocked.csv"), "*>+15550000666,2026-11-01\n").expect("a writable folder");
        let ported = "+15557000002,mms.mnc002.mcc999.gprs\n";
        std::fs::write(path("tables/ported.csv"), ported).expect("a writable folder");
        std::fs::write(path("tables/subscribers.csv"), "+15550000001,mmsc-2\n").expect("a writable folder");
        std::fs::write(path("secrets/operator-b"), "a password\n").expect("a writable folder");
        let authority = Authority::new();
        let (ours, theirs) = (
            authority.issue("relay.mms.mnc001.mcc999.gprs"),
            authority.issue("mms.b.example"),
        );
        for (from, to) in [
            (&ours.certificate, "tls/relay.pem"),
            (&ours.key, "tls/relay.key"),
            (&ours.certificate, "tls/relay-for-b.pem"),
            (&ours.key, "tls/relay-for-b.key"),
            (&authority.file(), "tls/operator-b-ca.pem"),
        ] {
            std::fs::copy(from, path(to)).expect("a copy");
        }
        let example = std::fs::read_to_string(root().join("docs/relay.toml")).expect("the example");
        for name in ["address-rewrite", "screen", "content-adapt", "charging"] {
            std::fs::copy(plugin(name), path(&format!("plugins/{name}.wasm"))).expect("a copy");
        }
        let copied = std::process::Command::new("cp")
            .arg("-r")
            .arg(root().join("plugins/address-rewrite/samples"))
            .arg(path("plugins/samples/address-rewrite"))
            .status();
        assert!(copied.is_ok_and(|status| status.success()));
        let example_of = Self {
            operator_b: Peer::told(&theirs.flags()),
            server: Peer::start(),
            folder,
        };
        let mut here = example;
        for (shown, own) in [
            ("listen = [\"127.0.0.1:2525\"]", "listen = [\"127.0.0.1:0\"]"),
            ("listen-tls = [\"127.0.0.1:2465\"]", "listen-tls = [\"127.0.0.1:0\"]"),
            // The peer of these tests knows no logins; they are tried elsewhere.
            (
                "login-to = { name = \"us\", password-file = \"secrets/operator-b\" }",
                "",
            ),
            (
                "inside-listen = [\"127.0.0.1:2524\"]",
                "inside-listen = [\"127.0.0.1:0\"]",
            ),
            ("listen = \"127.0.0.1:9464\"", "listen = \"127.0.0.1:0\""),
            (
                "hosts = [\"127.0.0.1:2526\", \"127.0.0.1:2527\"]",
                &format!("hosts = [\"{}\"]", example_of.operator_b.address()),
            ),
            (
                "\"mmsc-1.mms.example:25\"",
                &format!("\"{}\"", example_of.server.address()),
            ),
            (
                "\"mmsc-2.mms.example:25\"",
                &format!("\"{}\"", example_of.server.address()),
            ),
            ("from = [\"192.0.2.10\"]", "from = [\"127.0.0.1\"]"),
        ] {
            assert!(here.contains(shown), "the example has {shown}");
            here = here.replace(shown, own);
        }
        std::fs::write(example_of.file(), here).expect("a writable folder");
        example_of
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("relay.toml")
    }
}

#[test]
fn the_example_passes_its_check_and_carries_messages_both_ways() {
    let example = Example::new();
    let file = example.file();
    let said = mm4relay(&["check", "--config", text(&file)]);
    assert!(said.ok, "{}", said.err);

    let relay = Process::start("example", &["run", "--config", text(&file)]);
    let outside = relay
        .line_within(std::time::Duration::from_secs(240))
        .replace("listening on ", "");
    // Behind the line of the listener that begins with TLS.
    let inside = loop {
        let line = relay.line_within(std::time::Duration::from_secs(240));
        if let Some(address) = line.strip_suffix(" for our own relay-servers") {
            break address.replace("listening on ", "");
        }
    };

    // A subscriber of ours writes to a number that was ported: a row of the table decides, and a plug-in writes its domain.
    let from = "+15550000009/TYPE=PLMN@mms.mnc001.mcc999.gprs";
    let answer = Conversation::open(&inside).hello().transaction(
        from,
        &["+15557000002/TYPE=PLMN@mms.mnc001.mcc999.gprs"],
        &sample::forward_request("out"),
    );
    assert!(answer.starts_with("250"), "{answer}");
    let taken = &example.operator_b.wait_for(1)[0];
    assert!(taken.encrypted, "operator B is spoken to over TLS");
    // `to-without-type` is one of its quirks.
    assert_eq!(taken.to, ["+15557000002@mms.mnc002.mcc999.gprs"]);

    // One of ours to another, whose row in the table of subscribers names a relay-server.
    let to = "+15550000001/TYPE=PLMN@mms.mnc001.mcc999.gprs";
    let message = sample::forward_request("inside");
    let answer = Conversation::open(&inside).hello().transaction(from, &[to], &message);
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(example.server.wait_for(1)[0].to, [to]);

    // Operator B must use TLS, as the example says.
    let mut client = Conversation::open(&outside).hello();
    client
        .say("MAIL FROM:<+15990000001/TYPE=PLMN@mms.b.example>")
        .expect("530 5.7.0");
}

#[test]
fn a_route_to_a_peer_that_nobody_has_configured_changes_nothing_and_is_said() {
    let rules = r#"
rules = [{ name = "at night", when = { kinds = ["number"] }, route = "night-hub" }]
"#;
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &Link::bundled("address-rewrite", rules).to_string()));
    let answer = relay.offer(&sample::forward_request("nowhere"));
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(peer.wait_for(1)[0].to, [sample::TO], "routing decides");
    relay.process().wait_for_log("event=plugin-route-unknown");
    let trace = relay.print(&["trace", "nowhere@mms.a.example"]);
    assert!(trace.contains("to night-hub"), "{trace}");
}

#[test]
fn rules_rewrite_what_a_peer_sends_and_trace_says_which() {
    let rules = r#"
country-code = "999"
rules = [
    { name = "moved range", when = { users = ["+1555*"] }, prefix = { from = "+1555", to = "+1666" } },
    { name = "nobody's", when = { users = ["+1777*"] }, domain = "mms.c.example" },
]
"#;
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &Link::bundled("address-rewrite", rules).to_string()));
    let answer = relay.offer(&sample::forward_request("moved"));
    assert!(answer.starts_with("250"), "{answer}");
    let to = sample::TO.replace("+1555", "+1666");
    assert_eq!(peer.wait_for(1)[0].to, [to.as_str()]);
    let trace = relay.print(&["trace", "moved@mms.a.example"]);
    assert!(
        trace.contains("by rule moved range") && !trace.contains("nobody's"),
        "{trace}"
    );
}
