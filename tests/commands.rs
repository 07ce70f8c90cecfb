//! The commands: what they print, and what they say when something is wrong.

use std::path::Path;

use crate::support::{
    Authority, Link, Peer, Process, Relay, config, config_at, guest, mm4relay, own_address, plugin, root, sample,
};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn check_reports_every_problem_at_once_with_key_value_and_what_is_expected() {
    let broken = config_at(
        "127.0.0.1:2525",
        "[[route]]\nprefix = \"+1555\"\npeer = \"operator-x\"\n",
    )
    .replace(
        "listen = [\"127.0.0.1:0\"]",
        "listen = [\"everywhere\"]\nspoool = \"here\"",
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.toml");
    std::fs::write(&path, broken).unwrap();
    let said = mm4relay(&["check", "--config", text(&path)]);
    assert!(!said.ok);
    for problem in [
        "relay.toml:5: relay.listen[0] is \"everywhere\": expected ",
        "relay.toml:6: relay.spoool is not a known key: expected ",
        "route[0].peer is \"operator-x\": expected the name of a peer: one of operator-a, operator-b",
        "\n3 problems\n",
    ] {
        assert!(said.err.contains(problem), "{problem:?} in {}", said.err);
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_command_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.toml");
    std::fs::write(&path, config_at("127.0.0.1:2525", "")).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mm4relay"));
    let ended = command
        .args(["check", "--config", text(&path)])
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(141));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[test]
fn check_loads_the_plug_ins_and_names_each() {
    let chain = format!(
        "{}{}",
        Link::bundled("address-rewrite", "country-code = \"999\""),
        Link::bundled("charging", "").on_failure("hold")
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.toml");
    std::fs::write(&path, config_at("127.0.0.1:2525", &chain)).unwrap();
    let said = mm4relay(&["check", "--config", text(&path)]);
    assert!(said.ok, "{}", said.err);
    for line in [
        "no problems",
        "plug-ins         2, in this order",
        "charging: charging 0.1.0, on failure hold",
    ] {
        assert!(said.out.contains(line), "{line:?} in {}", said.out);
    }

    // What only the plug-in itself can know is wrong is reported too.
    let chain = chain.replace("country-code = \"999\"", "country-code = \"long\"");
    std::fs::write(&path, config_at("127.0.0.1:2525", &chain)).unwrap();
    let said = mm4relay(&["check", "--config", text(&path)]);
    assert!(!said.ok);
    assert!(
        said.err.contains("country-code is \"long\", but must be 1 to 3 digits"),
        "{}",
        said.err
    );
}

#[test]
fn the_example_configuration_in_the_docs_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let example = std::fs::read_to_string(root().join("docs/relay.toml")).unwrap();
    std::fs::write(folder.path().join("relay.toml"), &example).unwrap();
    std::fs::create_dir(folder.path().join("tables")).unwrap();
    std::fs::write(folder.path().join("tables/ported.csv"), "+15555550199,mnc002.mcc999\n").unwrap();
    std::fs::write(folder.path().join("tables/subscribers.csv"), "+15551000001,mmsc-2\n").unwrap();
    std::fs::write(folder.path().join("tables/blocked.csv"), "*>+15550000666,2026-11-01\n").unwrap();
    std::fs::create_dir(folder.path().join("plugins")).unwrap();
    for file in example.lines().filter_map(|line| line.strip_prefix("file = \"")) {
        let Some((file, _)) = file.split_once(".wasm") else {
            continue;
        };
        let built = plugin(&file.replace('_', "-"));
        std::fs::copy(built, folder.path().join(format!("plugins/{file}.wasm"))).unwrap();
    }
    let authority = Authority::new();
    let issued = authority.issue("relay.mms.mnc001.mcc999.gprs");
    std::fs::create_dir(folder.path().join("tls")).unwrap();
    for (from, to) in [
        (&issued.certificate, "relay.pem"),
        (&issued.key, "relay.key"),
        (&issued.certificate, "relay-for-b.pem"),
        (&issued.key, "relay-for-b.key"),
        (&authority.file(), "operator-b-ca.pem"),
    ] {
        std::fs::copy(from, folder.path().join("tls").join(to)).unwrap();
    }
    std::fs::create_dir(folder.path().join("secrets")).unwrap();
    std::fs::write(folder.path().join("secrets/operator-b"), "a password\n").unwrap();
    let samples = folder.path().join("plugins/samples");
    std::fs::create_dir(&samples).unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(root().join("plugins/address-rewrite/samples"))
        .arg(samples.join("address-rewrite"))
        .status();
    assert!(copied.is_ok_and(|status| status.success()));
    let said = mm4relay(&["check", "--config", text(&folder.path().join("relay.toml"))]);
    // Its settings are placeholders ("free form"), which the plug-ins may refuse; everything else must be right.
    let only_settings = said
        .err
        .lines()
        .all(|line| line.contains("`configure` said no") || line.ends_with("problem"));
    assert!(said.ok || only_settings, "{}", said.err);
}

#[test]
fn the_samples_of_each_bundled_plug_in_pass() {
    for name in ["skeleton", "address-rewrite", "screen", "content-adapt", "charging"] {
        let folder = root().join("plugins").join(name);
        let wasm = plugin(name);
        let said = mm4relay(&["plugin", "test", text(&folder), "--wasm", text(&wasm)]);
        assert!(said.ok, "{name}: {}{}", said.out, said.err);
        assert!(
            said.out.contains(" cases, 0 differ") && !said.out.starts_with('0'),
            "{name}: {}",
            said.out
        );
    }
}

/// A plug-in's folder with one case of the skeleton's.
fn skeleton_with_one_case() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let case = folder.path().join("samples/stamped");
    std::fs::create_dir_all(&case).unwrap();
    for file in ["message.eml", "case.toml", "expected.txt"] {
        let source = root().join("plugins/skeleton/samples/stamped").join(file);
        std::fs::copy(source, case.join(file)).unwrap();
    }
    folder
}

#[test]
fn plugin_test_shows_a_difference_fails_and_accepts_it_when_blessed() {
    let folder = skeleton_with_one_case();
    let expected = folder.path().join("samples/stamped/expected.txt");
    let right = std::fs::read_to_string(&expected).unwrap();
    std::fs::write(
        &expected,
        right.replace("X-Example-Relay: relay-1", "X-Example-Relay: relay-9"),
    )
    .unwrap();
    let wasm = plugin("skeleton");
    let test = |more: &[&str]| {
        let fixed = ["plugin", "test", text(folder.path()), "--wasm", text(&wasm)];
        mm4relay(&[&fixed[..], more].concat())
    };

    let said = test(&[]);
    assert!(!said.ok);
    assert!(said.out.contains("differs  stamped"), "{}", said.out);
    assert!(
        said.out.contains("- ") && said.out.contains("X-Example-Relay: relay-9"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("+ ") && said.out.contains("X-Example-Relay: relay-1"),
        "{}",
        said.out
    );
    assert!(
        said.err.contains("--bless accepts what the plug-in does now"),
        "{}",
        said.err
    );

    let said = test(&["--bless"]);
    assert!(said.ok && said.out.contains("blessed  stamped"), "{}", said.out);
    assert_eq!(std::fs::read_to_string(&expected).unwrap(), right);
    assert!(test(&[]).ok);
}

#[test]
fn plugin_test_without_a_case_says_what_a_case_is() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("samples")).unwrap();
    let said = mm4relay(&["plugin", "test", text(folder.path())]);
    assert!(
        !said.ok && said.err.contains("a case is a folder with a message.eml"),
        "{}",
        said.err
    );
}

#[test]
fn plugin_inspect_names_the_grants_that_a_component_needs() {
    for (wasm, needs) in [
        (plugin("charging"), "needs      grants = [\"charging\"]"),
        (
            plugin("address-rewrite"),
            "can use    grants = [\"tables\", \"log\", \"numbering\"]",
        ),
        (guest("noop"), "needs      grants = []"),
    ] {
        let said = mm4relay(&["plugin", "inspect", text(&wasm)]);
        assert!(
            said.ok && said.out.contains(needs),
            "{needs} in {}{}",
            said.out,
            said.err
        );
        assert!(said.out.contains("contract   mm4:filter@0.1.0"), "{}", said.out);
    }
    let said = mm4relay(&["plugin", "inspect", text(&root().join("README.md"))]);
    assert!(
        !said.ok && said.err.contains("the file is no WebAssembly"),
        "{}",
        said.err
    );
}

#[test]
fn plugin_build_says_what_is_no_plug_in() {
    let folder = tempfile::tempdir().unwrap();
    let said = mm4relay(&["plugin", "build", text(folder.path())]);
    assert!(
        !said.ok && said.err.contains("is not a plug-in's folder: it has no Cargo.toml"),
        "{}",
        said.err
    );
}

#[test]
fn cdr_purge_removes_what_was_exported_with_a_mark_and_nothing_else() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &Link::bundled("charging", "").to_string()));
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    relay.wait_for_records(2);
    let purge = || relay.print(&["cdr", "purge", "--days", "0"]);
    assert_eq!(purge(), "0 records removed\n", "nothing was marked");
    relay.print(&["cdr", "export", "--mark"]);
    assert_eq!(
        relay.print(&["cdr", "purge"]),
        "0 records removed\n",
        "they are younger than 30 days"
    );
    assert_eq!(purge(), "2 records removed\n");
    assert_eq!(relay.charging_records(), [] as [serde_json::Value; 0]);

    // The sequence goes on: a gap would look like a lost record.
    assert!(relay.offer(&sample::forward_request("k2")).starts_with("250"));
    relay.wait_for_records(2);
    assert_eq!(relay.charging_records()[0]["sequence"], 3);
}

#[test]
fn cdr_export_goes_on_where_the_last_marked_one_ended() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &Link::bundled("charging", "").to_string()));
    let offer = |id: &str| assert!(relay.offer(&sample::forward_request(id)).starts_with("250"));
    let sequences = |lines: &str| -> Vec<u64> {
        let record = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("a JSON object");
        lines
            .lines()
            .map(|line| record(line)["sequence"].as_u64().expect("a number"))
            .collect()
    };
    offer("k1");
    relay.wait_for_records(2);
    assert_eq!(sequences(&relay.print(&["cdr", "export"])), [1, 2], "without a mark");
    assert_eq!(
        sequences(&relay.print(&["cdr", "export", "--mark"])),
        [1, 2],
        "nothing was marked before"
    );
    assert_eq!(relay.print(&["cdr", "export", "--mark"]), "");
    offer("k2");
    relay.wait_for_records(4);
    let file = relay.path("records.jsonl");
    relay.print(&["cdr", "export", "--mark", "--out", text(&file)]);
    assert_eq!(sequences(&std::fs::read_to_string(&file).unwrap()), [3, 4]);
    assert_eq!(
        sequences(&relay.print(&["cdr", "export", "--after", "1"])),
        [2, 3, 4],
        "the old ones are there still"
    );

    // A file that is there already is somebody's records.
    let again = relay.command(&["cdr", "export", "--out", text(&file)]);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        !again.status.success() && said.contains("records.jsonl cannot be made"),
        "{said}"
    );
}

#[test]
fn a_second_relay_on_one_spool_does_not_start_and_says_why() {
    let relay = Relay::start(&config_at(&own_address(), ""));
    let path = relay.path("relay.toml");
    let mut second = Process::start("second", &["run", "--config", text(&path)]);
    assert_eq!(second.wait(), Some(1));
    second.wait_for_log("another relay uses the spool in ");
    assert!(
        relay.offer(&sample::forward_request("k1")).starts_with("250"),
        "the first is unharmed"
    );
}

#[test]
fn run_says_what_it_cannot_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.toml");
    let said = mm4relay(&["run", "--config", text(&path)]);
    assert!(
        !said.ok && said.err.contains("relay.toml: cannot be read"),
        "{}",
        said.err
    );

    let taken = Peer::start();
    let occupied = config_at(&own_address(), "").replace("127.0.0.1:0", taken.address());
    std::fs::write(&path, occupied).unwrap();
    let said = mm4relay(&["run", "--config", text(&path)]);
    assert!(
        !said.ok && said.err.contains(&format!("cannot listen on {}", taken.address())),
        "{}",
        said.err
    );
}

#[test]
fn sigterm_drains_what_is_under_way() {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, ""));
    for number in 0..20 {
        assert!(
            relay
                .offer(&sample::forward_request(&format!("k{number}")))
                .starts_with("250")
        );
    }
    relay.stop();
    // What was not delivered before the end is in the spool; both together are everything, once.
    let waiting = relay.print(&["queue", "list"]).matches("waiting").count();
    assert_eq!(peer.taken().len() + waiting, 20);
}

#[test]
fn unknown_words_and_flags_are_answered_with_what_there_is() {
    for (words, hint) in [
        (&["chek"][..], "a similar subcommand exists: 'check'"),
        (&["run", "--confg", "x"], "'--config'"),
        (&["run"], "relay.toml"),
        (&["queue", "list"], "relay.toml"),
        (&["queue", "show", "--spool", "x", "nonsense"], "nonsense"),
        (
            &["peer", "--listen", "127.0.0.1:0", "--stall", "later"],
            "connect, helo, tls, mail",
        ),
        (&["plugin", "frobnicate"], "unrecognized subcommand 'frobnicate'"),
    ] {
        let said = mm4relay(words);
        assert!(
            !said.ok && said.err.contains(hint),
            "{words:?}: {hint:?} in {}",
            said.err
        );
        assert!(said.out.is_empty(), "errors belong to standard error: {}", said.out);
    }
    let nowhere = mm4relay(&["queue", "list", "--spool", "/nonexistent"]);
    assert!(
        !nowhere.ok && nowhere.err.contains("there is no spool in /nonexistent"),
        "{}",
        nowhere.err
    );
}

#[test]
fn send_says_what_became_of_a_message() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("message.eml");
    // As an editor leaves it: LF only. Addresses in From and To have no domain, so they are given.
    let message = sample::forward_request("k1");
    std::fs::write(&file, String::from_utf8(message.clone()).unwrap().replace("\r\n", "\n")).unwrap();
    let send =
        |to: &str, rcpt: &str| mm4relay(&["send", text(&file), "--to", to, "--from", sample::FROM, "--rcpt", rcpt]);

    let said = send(relay.address(), sample::TO);
    assert!(said.ok && said.out.contains("250 2.0.0"), "{}{}", said.out, said.err);
    assert_eq!(peer.wait_for(1)[0].without_trace(), message);

    let said = send(relay.address(), "+15555550199@mms.nobody.example");
    assert!(
        !said.ok && said.out.contains("550 5.1.2 no route"),
        "{}{}",
        said.out,
        said.err
    );

    let dead = own_address();
    let said = send(&dead, sample::TO);
    assert!(
        !said.ok && said.err.contains(&dead) && said.err.contains("refused"),
        "{}",
        said.err
    );
}

#[test]
fn plugin_test_goes_on_behind_a_broken_case_and_names_the_cases_that_there_are() {
    let folder = skeleton_with_one_case();
    let broken = folder.path().join("samples/a-broken-one");
    std::fs::create_dir(&broken).unwrap();
    std::fs::copy(
        folder.path().join("samples/stamped/message.eml"),
        broken.join("message.eml"),
    )
    .unwrap();
    std::fs::write(broken.join("case.toml"), "ocasion = \"arrival\"\n").unwrap();
    let wasm = plugin("skeleton");
    let test =
        |more: &[&str]| mm4relay(&[&["plugin", "test", text(folder.path()), "--wasm", text(&wasm)], more].concat());
    let said = test(&[]);
    assert!(
        !said.ok && said.err.contains("1 of 2 cases cannot be run"),
        "{}",
        said.err
    );
    assert!(
        said.out.contains("broken   a-broken-one") && said.out.contains("ocasion"),
        "{}",
        said.out
    );
    assert!(said.out.contains("ok       stamped"), "{}", said.out);
    let said = test(&["--case", "nosuch"]);
    let names = "no sample case has \"nosuch\" in its name; there are a-broken-one, stamped";
    assert!(!said.ok && said.err.contains(names), "{}", said.err);
}

#[test]
fn plugin_test_does_not_bless_a_trap() {
    let folder = skeleton_with_one_case();
    std::fs::write(
        folder.path().join("plugin.toml"),
        format!("grants = {:?}\n", crate::support::ALL_GRANTS),
    )
    .unwrap();
    let case = folder.path().join("samples/stamped");
    std::fs::write(case.join("case.toml"), "settings = { do = \"trap\" }\n").unwrap();
    let message = std::fs::read_to_string(case.join("message.eml")).unwrap();
    let typed: Vec<String> = message
        .lines()
        .map(|line| match line.to_ascii_lowercase().starts_with("content-type:") {
            true => "Content-Type: image/gif\r\n".to_owned(),
            false => format!("{line}\r\n"),
        })
        .collect();
    std::fs::write(case.join("message.eml"), typed.concat()).unwrap();
    let expected = std::fs::read_to_string(case.join("expected.txt")).unwrap();
    let wasm = crate::support::guest("hostile");
    let said = mm4relay(&["plugin", "test", text(folder.path()), "--wasm", text(&wasm), "--bless"]);
    assert!(
        !said.ok && said.out.contains("not blessed: trap: it panicked or aborted"),
        "{}",
        said.out
    );
    assert_eq!(std::fs::read_to_string(case.join("expected.txt")).unwrap(), expected);
}

#[test]
fn plugin_new_refuses_the_names_of_its_own_crates_and_makes_no_folders_above() {
    let folder = tempfile::tempdir().unwrap();
    let said = mm4relay(&["plugin", "new", "mm4-filter", "--into", text(folder.path())]);
    assert!(!said.ok && said.err.contains("choose another one"), "{}", said.err);
    let missing = folder.path().join("nowhere");
    let said = mm4relay(&["plugin", "new", "mine", "--into", text(&missing)]);
    assert!(
        !said.ok && said.err.contains("there is no folder") && !missing.exists(),
        "{}",
        said.err
    );
}
