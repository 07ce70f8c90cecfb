//! Recordings of plug-ins' input, replayed with another version.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::{Link, Peer, Relay, config, eventually, guest, mm4relay, plugin, sample};

/// A relay that records, with this chain.
fn recording(peer: &Peer, keys: &str, chain: &str) -> Relay {
    Relay::start(&config(
        peer,
        &format!("[recording]\nfolder = \"recording\"\n{keys}\n{chain}"),
    ))
}

/// The recorded calls, once there are so many.
fn wait_for_calls(relay: &Relay, count: usize) -> Vec<PathBuf> {
    eventually(&format!("{count} calls are recorded"), || {
        let entries = fs::read_dir(relay.path("recording")).ok()?.flatten();
        let mut calls: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        calls.retain(|path| path.extension().is_some_and(|it| it == "call") && !is_hidden(path));
        calls.sort();
        (calls.len() >= count).then_some(calls)
    })
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// Replays the recording of a relay. Returns whether all results are the same, and the output.
fn replay(relay: &Relay, more: &[&str]) -> (bool, String) {
    let folder = relay.path("recording");
    let mut words = vec!["plugin", "replay", folder.to_str().expect("UTF-8")];
    words.extend(more);
    let said = mm4relay(&words);
    (said.ok, said.out + &said.err)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The skeleton with another header.
fn other_skeleton(relay: &Relay) -> PathBuf {
    let mut wasm = fs::read(plugin("skeleton")).expect("a component");
    let (old, new) = (b"X-Example-Relay", b"X-Example-Other");
    for at in 0..wasm.len() - old.len() {
        if wasm[at..].starts_with(old) {
            wasm[at..at + new.len()].copy_from_slice(new);
        }
    }
    let path = relay.path("other.wasm");
    fs::write(&path, wasm).expect("a writable folder");
    path
}

#[test]
fn the_version_that_was_recorded_does_the_same_again_and_another_one_shows_what_differs() {
    let peer = Peer::start();
    let chain = Link::new("stamp", plugin("skeleton"), &[], "relay-name = \"hub\"").to_string();
    let relay = recording(&peer, "", &chain);
    for id in ["k1", "k2", "k3"] {
        assert!(relay.offer(&sample::forward_request(id)).starts_with("250"));
    }
    wait_for_calls(&relay, 3);

    let skeleton = plugin("skeleton");
    let (same, said) = replay(&relay, &["--wasm", text(&skeleton)]);
    assert!(same && said.contains("3 calls: 3 same, 0 differ, 0 ask"), "{said}");

    let other = other_skeleton(&relay);
    let (same, said) = replay(&relay, &["--wasm", text(&other)]);
    assert!(!same && said.contains("3 calls: 0 same, 3 differ, 0 ask"), "{said}");
    assert!(
        said.contains("- set X-Example-Relay: hub") && said.contains("+ set X-Example-Other: hub"),
        "{said}"
    );

    let settings = relay.path("settings.toml");
    fs::write(&settings, "relay-name = \"elsewhere\"\n").expect("a writable folder");
    let (same, said) = replay(&relay, &["--wasm", text(&skeleton), "--settings", text(&settings)]);
    assert!(!same && said.contains("+ set X-Example-Relay: elsewhere"), "{said}");

    // One call alone, and the plug-in from its sources.
    let call = wait_for_calls(&relay, 3).remove(1);
    let sources = crate::support::root().join("plugins/skeleton");
    let said = mm4relay(&["plugin", "replay", text(&call), "--plugin", text(&sources)]);
    assert!(said.ok && said.out.contains("1 calls: 1 same"), "{}", said.out);
}

#[test]
fn a_question_that_was_not_recorded_has_no_answer_and_none_is_invented() {
    let peer = Peer::start();
    let table = "[[table]]\nname = \"ported\"\nfile = \"ported.csv\"\n";
    let link = Link::bundled("address-rewrite", "portability-table = \"ported\"");
    let mut relay = Relay::stopped(&config(
        &peer,
        &format!("[recording]\nfolder = \"recording\"\n{table}{link}"),
    ));
    fs::write(relay.path("ported.csv"), "+15555550100,mms.a.example\n").expect("a table");
    relay.start_again();
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    wait_for_calls(&relay, 1);
    let component = plugin("address-rewrite");
    let (same, said) = replay(&relay, &["--wasm", text(&component)]);
    assert!(same, "{said}");

    let settings = relay.path("settings.toml");
    fs::write(&settings, "portability-table = \"another\"\n").expect("a writable folder");
    let (same, said) = replay(&relay, &["--wasm", text(&component), "--settings", text(&settings)]);
    assert!(
        !same && said.contains("no answer in the recording: tables") && said.contains("1 ask what was not recorded"),
        "{said}"
    );
}

#[test]
fn records_values_and_outcomes_are_recorded_and_replayed() {
    let peer = Peer::start();
    let charging = Link::bundled("charging", "");
    let tally = Link::hostile("do = \"tally\"");
    let relay = recording(&peer, "", &format!("{charging}{tally}"));
    // The second message sees the value that the first has left.
    for id in ["k1", "k2"] {
        assert!(relay.offer(&sample::picture(id, &[])).starts_with("250"));
        relay.wait_until_empty();
    }
    wait_for_calls(&relay, 6);
    let component = plugin("charging");
    let (same, said) = replay(&relay, &["--details", "--name", "charging", "--wasm", text(&component)]);
    assert!(same && said.contains("outcome"), "{said}");
    let component = guest("hostile");
    let (same, said) = replay(&relay, &["--name", "hostile", "--wasm", text(&component)]);
    // What it does with an outcome is no `pass`, and fails in the same way each time.
    assert!(same, "{said}");
    let (_, said) = replay(&relay, &["--wasm", text(&component)]);
    assert!(said.contains("say which with --name"), "{said}");
    let noop = guest("noop");
    let (same, said) = replay(&relay, &["--name", "charging", "--wasm", text(&noop)]);
    assert!(!same && said.contains("- record relay-in\n"), "{said}");
    assert!(said.contains("charging: relay-in: 0 records instead of 2\n"), "{said}");
    let (_, said) = replay(&relay, &["--details", "--name", "charging", "--wasm", text(&noop)]);
    assert!(said.contains("- record {"), "{said}");
}

#[test]
fn a_recording_is_private_bounded_and_of_those_that_are_named() {
    let peer = Peer::start();
    let stamp = Link::new("stamp", plugin("skeleton"), &[], "relay-name = \"hub\"");
    let noop = Link::new("noop", guest("noop"), &[], "");
    let relay = recording(&peer, "messages = 3\nplugins = [\"stamp\"]", &format!("{stamp}{noop}"));
    for number in 0..6 {
        assert!(
            relay
                .offer(&sample::forward_request(&format!("k{number}")))
                .starts_with("250")
        );
    }
    let last = eventually("the last call is recorded", || {
        let calls = wait_for_calls(&relay, 1);
        let last = calls.last()?.clone();
        last.to_str()?.contains("000000000006-").then_some(calls)
    });
    assert!(last.len() <= 4, "the three last, or one more for a moment: {last:?}");
    let mode = fs::metadata(relay.path("recording"))
        .expect("a folder")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    let component = plugin("skeleton");
    let (same, said) = replay(&relay, &["--wasm", text(&component)]);
    assert!(same && said.contains("3 calls: 3 same"), "{said}");
}

#[test]
fn recording_begins_and_ends_at_a_reload() {
    let peer = Peer::start();
    let stamp = Link::new("stamp", plugin("skeleton"), &[], "relay-name = \"hub\"").to_string();
    let relay = Relay::start(&config(&peer, &stamp));
    let reload = |text: &str| {
        let before = relay.process().log().matches("configuration reloaded").count();
        relay.configure(&config(&peer, text));
        relay.reload();
        eventually("it is reloaded", || {
            (relay.process().log().matches("configuration reloaded").count() > before).then_some(())
        });
    };
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    assert!(!relay.path("recording").exists());
    reload(&format!("[recording]\nfolder = \"recording\"\n{stamp}"));
    assert!(relay.offer(&sample::forward_request("k2")).starts_with("250"));
    assert_eq!(wait_for_calls(&relay, 1).len(), 1);
    reload(&stamp);
    assert!(relay.offer(&sample::forward_request("k3")).starts_with("250"));
    peer.wait_for(3);
    assert_eq!(wait_for_calls(&relay, 1).len(), 1);
}

#[test]
fn sample_cases_come_out_the_same_twice_with_the_same_fuel() {
    let sources = crate::support::root().join("plugins/address-rewrite");
    let component = plugin("address-rewrite");
    let run = || {
        mm4relay(&[
            "plugin",
            "test",
            text(&sources),
            "--wasm",
            text(&component),
            "--deterministic",
        ])
    };
    let (first, second) = (run(), run());
    assert!(first.ok && first.out.contains("fuel "), "{}{}", first.out, first.err);
    assert_eq!(first.out, second.out);
    let spent = |line: &str| line.split_once("(fuel ")?.1.split_once(')')?.0.parse().ok();
    let fuel: Vec<u64> = first.out.lines().filter_map(spent).collect();
    assert!(fuel.iter().any(|fuel| *fuel > 1_000), "{fuel:?}");
}

/// A message whose parts are so deep inside one another.
fn nested(id: &str, levels: usize) -> Vec<u8> {
    let open = |level: usize| {
        format!(
            "--b{level}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n",
            level + 1
        )
    };
    let body: String = (0..levels - 1).map(open).collect();
    let body = format!("{body}--b{0}\r\n\r\nleaf\r\n--b{0}--\r\n", levels - 1);
    sample::of_type("multipart/mixed; boundary=b0", id, &[], body.as_bytes())
}

#[test]
fn whatever_a_relay_takes_can_be_recorded_and_replayed() {
    let peer = Peer::start();
    let chain = Link::new("stamp", plugin("skeleton"), &[], "relay-name = \"hub\"").to_string();
    let more = format!("[recording]\nfolder = \"recording\"\n{chain}");
    let config = config(&peer, &more).replace(
        "name = \"operator-a\"",
        "name = \"operator-a\"\nunknown-types = \"pass\"",
    );
    let relay = Relay::start(&config);
    let unknown = String::from_utf8(sample::forward_request("k1")).expect("ASCII");
    let unknown = unknown.replace("MM4_forward.REQ", "MM4_example.REQ");
    for message in [unknown.as_bytes(), &nested("k2", 90), &sample::forward_request("k3")] {
        assert!(relay.offer(message).starts_with("250"));
    }
    wait_for_calls(&relay, 3);
    let (same, said) = replay(&relay, &["--wasm", text(&plugin("skeleton"))]);
    assert!(same && said.contains("3 calls: 3 same, 0 differ, 0 ask"), "{said}");
}
